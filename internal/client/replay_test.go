package client

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// A header that tells HTTP stacks a request may be repeated must not make ours
// repeat it: a server that closes the connection after it has read the request may
// well bill it, and one reservation pays for one call.
func TestNoRequestIsSentTwice(t *testing.T) {
	for _, header := range []string{"", "Idempotency-Key", "X-Idempotency-Key"} {
		t.Run(header, func(t *testing.T) {
			var requests atomic.Int64
			dial := func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() {
					defer theirs.Close() //nolint:errcheck // a pipe
					r := bufio.NewReader(theirs)
					for first := true; ; first = false {
						req, err := http.ReadRequest(r)
						if err != nil {
							return
						}
						io.Copy(io.Discard, req.Body) //nolint:errcheck // a pipe
						requests.Add(1)
						if !first {
							return // on a connection that was used before: closed without an answer
						}
						io.WriteString(theirs, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}") //nolint:errcheck // a pipe
					}
				}()
				return ours, nil
			}
			c := Config{BaseURL: "http://bank", Dial: dial, Timeout: 10 * time.Second}
			if header != "" {
				c.Headers = map[string]string{header: "x"}
			}
			cl, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			req := call.Request{Model: "m", MaxTokens: 1, Body: []byte("{}"), Stream: true}
			if r := cl.Send(t.Context(), req); r.Class != call.ServerError {
				t.Fatalf("first: %s; want server_error", r.Class)
			}
			r := cl.Send(t.Context(), req)
			if r.Class != call.Connection || !r.Written || requests.Load() != 2 {
				t.Errorf("second: %s, written %v, %d requests arrived; want connection, written, 2 requests", r.Class, r.Written, requests.Load())
			}
		})
	}
}
