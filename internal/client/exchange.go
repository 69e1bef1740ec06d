package client

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// exchange is one request and its answer under way. Its context is the
// attempt's: both live no longer than Send.
type exchange struct {
	*Client
	attempt *attempt
	answer  *answer
	ctx     context.Context
	sse     *sse
}

const (
	mostErrorBody = 64 << 10               // bytes of an error's body that are looked at
	mostDrain     = 16 << 10               // bytes read beyond the end of an answer
	drainTime     = 100 * time.Millisecond // and for how long
)

func (e *exchange) do(req call.Request) {
	hr, err := e.request(req.Body)
	var resp *http.Response
	if err == nil {
		resp, err = e.transport.RoundTrip(hr)
	}
	if err != nil {
		e.answer.fail(e.noAnswer(err))
		return
	}
	defer resp.Body.Close() //nolint:errcheck // what is wrong with the body is known by then
	e.answer.at = e.attempt.arrival()
	e.head(resp)
	switch kind := mediaType(resp.Header); {
	case resp.StatusCode != http.StatusOK:
		e.refused(resp, kind)
	case compressed(resp.Header):
		e.answer.fail(failure{call.BadResponse, "content_encoding", "",
			"the answer is compressed, which was not asked for and hides when its parts arrive: turn compression off in the server or proxy"})
	case req.Stream && (kind == "text/event-stream" || kind == ""):
		e.stream(resp.Body)
	case !req.Stream && (isJSON(kind) || kind == ""):
		e.plain(resp.Body)
	case isJSON(kind):
		e.notStreamed(resp.Body)
	default:
		e.answer.fail(failure{call.BadResponse, "content_type", "",
			"the answer is " + described(kind) + ", not the API's: is base_url right, or a proxy in between?"})
	}
}

func (e *exchange) request(body []byte) (*http.Request, error) {
	hr, err := http.NewRequestWithContext(e.ctx, http.MethodPost, e.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	hr.Header = e.header()
	if e.config.HTTP == "2" || hr.Header["Idempotency-Key"] != nil || hr.Header["X-Idempotency-Key"] != nil {
		// Else net/http would send the body again, unseen: a stream that was refused,
		// or a request whose header says it may be repeated. It may be billed twice.
		hr.GetBody = nil
	}
	return hr, nil
}

// head takes in the status and the headers.
func (e *exchange) head(resp *http.Response) {
	r := e.answer.res
	r.Status = resp.StatusCode
	for _, name := range []string{"Request-Id", "X-Request-Id", "Apim-Request-Id", "X-Amzn-Requestid", "X-Litellm-Call-Id"} {
		if r.RequestID == "" {
			r.RequestID = label(resp.Header.Get(name))
		}
	}
	now := time.Now()
	r.Limits = limitsOf(resp.Header, now)
	if resp.StatusCode >= 400 {
		r.RetryAfter = retryAfter(resp.Header, now)
	}
}

// stream reads events until the answer is complete, has failed, or ends.
func (e *exchange) stream(body io.Reader) {
	a := e.answer
	for {
		room, err := e.sse.space()
		if err != nil {
			a.fail(e.tooBig())
			return
		}
		before := a.at
		n, err := body.Read(room)
		if n > 0 {
			a.at = e.attempt.arrival()
			e.sse.took(n)
			more := e.events()
			if a.merged == a.at {
				e.attempt.joined(before)
			}
			if !more {
				a.res.Done = a.at
				e.drain(body)
				return
			}
		}
		if err != nil {
			if err == io.EOF && e.sse.endsWithDone() && !e.events() {
				a.res.Done = a.at
				return
			}
			e.ended(err)
			return
		}
	}
}

// events hands what has arrived to the dialect. It is false when nothing more is wanted.
func (e *exchange) events() bool {
	a := e.answer
	for {
		name, data, ok := e.sse.next()
		if !ok {
			return true
		}
		if a.res.FirstEvent == 0 {
			a.res.FirstEvent = a.at
		}
		if !e.dialect.event(a, name, data) {
			return false
		}
	}
}

// drain reads what follows the last event, so that the connection can be used
// again. It is bounded, and touches no instant. After an event that is not the
// API's the connection is closed instead: who knows what comes.
func (e *exchange) drain(body io.Reader) {
	if e.answer.res.Class == call.BadResponse {
		return
	}
	e.attempt.drain(drainTime)
	for left := mostDrain; left > 0; {
		n, err := body.Read(e.sse.buf[:min(left, len(e.sse.buf))])
		if left -= n; err != nil {
			return
		}
	}
}

// plain reads an answer that is not a stream.
func (e *exchange) plain(body io.Reader) {
	a := e.answer
	b, err := e.readAll(body, e.config.MaxEvent)
	switch {
	case len(b) > e.config.MaxEvent:
		a.fail(e.tooBig())
	case err != nil:
		e.ended(err)
	default:
		e.dialect.plain(a, b)
		a.res.Done = a.at
	}
}

// notStreamed takes in JSON where a stream was asked for: some gateways answer
// errors with status 200, and some ignore "stream".
func (e *exchange) notStreamed(body io.Reader) {
	a := e.answer
	b, _ := e.readAll(body, mostErrorBody)
	if err := errorOf(b); err.found {
		a.fail(failure{call.BadResponse, err.kind("error"), err.code(), a.quote.words(err.message, "an error under status 200")})
		return
	}
	a.fail(failure{call.BadResponse, "not_a_stream", "",
		"a stream was asked for and plain JSON came: set stream: false, or use a server that streams"})
}

// refused takes in any status but 200. The status says what went wrong even
// where the body does not arrive.
func (e *exchange) refused(resp *http.Response, kind string) {
	a := e.answer
	body, _ := e.readAll(resp.Body, mostErrorBody)
	f := failure{class: statusClass(resp.StatusCode), kind: statusKind(resp.StatusCode)}
	if f.class != call.BadResponse {
		err := errorOf(body)
		f.kind, f.code = err.kind(f.kind), err.code()
		f.message = a.quote.words(err.message, "")
		if a.res.RequestID == "" {
			a.res.RequestID = label(err.requestID)
		}
		if f.class == call.RateLimited {
			a.res.LimitedBy = limitedBy(err, a.res.Limits)
		}
	}
	if f.message == "" {
		f.message = e.statusWords(resp.StatusCode, kind)
	}
	a.fail(f)
	a.res.Done = a.at
}

// readAll reads a body to its end, or to one byte over most. The answer's
// instant becomes that of the body's end.
func (e *exchange) readAll(body io.Reader, most int) ([]byte, error) {
	b := make([]byte, 0, 1<<10)
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := body.Read(b[len(b):min(cap(b), most+1)])
		b = b[:len(b)+n]
		if n > 0 || err == io.EOF && !e.attempt.shared {
			e.answer.at = e.attempt.arrival()
		}
		switch {
		case err == io.EOF || err == nil && len(b) > most:
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

func mediaType(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return strings.ToLower(strings.TrimSpace(h.Get("Content-Type")))
	}
	return kind
}

func compressed(h http.Header) bool {
	coding := h.Get("Content-Encoding")
	return coding != "" && coding != "identity"
}

func isJSON(kind string) bool {
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}
