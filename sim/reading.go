package sim

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	maxBody  = 32 << 20        // bytes; beyond, the edge answers 413
	maxDrain = 256 << 20       // bytes of a body that is too large which are still read
	bodyTime = 5 * time.Minute // for a body to arrive; our own choice
)

// rawBody reads a body of any length that is allowed. Memory grows with what
// arrives, not with what was announced, and one that drips in holds nothing but
// its own goroutine, for no longer than bodyTime.
func (x *exchange) rawBody() ([]byte, *apiError) {
	rc := http.NewResponseController(x.w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTime)) // a writer of the caller's own may have none
	defer func() { _ = rc.SetReadDeadline(time.Time{}) }()
	if x.r.ContentLength > maxBody {
		return nil, x.tooLarge()
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(0, x.r.ContentLength), 32<<10)) + bytes.MinRead)
	body := io.LimitReader(x.r.Body, maxBody+1)
	if x.fx.readPerSec > 0 {
		body = &pacedReader{x, body, x.rec.Received}
	}
	_, err := buf.ReadFrom(body)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.w.Header().Set("Connection", "close")
		return nil, invalid("The request body did not arrive in time.").withCode("request_body_timeout")
	case err != nil:
		x.rec.Canceled = x.r.Context().Err() != nil || errors.Is(err, io.ErrUnexpectedEOF)
		return nil, invalid("The request body could not be read.")
	case buf.Len() > maxBody:
		return nil, x.tooLarge()
	}
	return buf.Bytes(), nil
}

// tooLarge reads on, and keeps nothing, before it refuses: a client that is
// still sending when it is refused may see a broken connection and no answer.
func (x *exchange) tooLarge() *apiError {
	if x.r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, x.r.Body, maxDrain)
	}
	x.w.Header().Set("Connection", "close")
	return errorOf(http.StatusRequestEntityTooLarge)
}
