package client

import (
	"context"
	"net"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// TestSent: sent is when the last byte went, and never where it did not.
func TestSent(t *testing.T) {
	big := ask()
	big.Body = append(big.Body, strings.Repeat(" ", 20<<10)...)
	for name, tt := range map[string]struct {
		req   call.Request
		reads []int // bytes, 50 ms after each other
		want  time.Duration
	}{
		"small":              {ask(), []int{1 << 20}, 1050 * ms},
		"small, not read":    {ask(), []int{10}, 0},
		"big, in two steps":  {big, []int{5 << 10, 1 << 20}, 1100 * ms},
		"big, half of it":    {big, []int{5 << 10}, 0},
		"big, not its end":   {big, []int{len(big.Body), 100}, 0},
		"big head, not body": {ask(), []int{4 << 10}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := Config{Timeout: 10 * time.Second}
				if strings.HasPrefix(name, "big head") {
					config.Headers = map[string]string{"X-Long": strings.Repeat("x", 4<<10)}
				}
				c := serving(t, config, func(w *wire) {
					for _, n := range tt.reads {
						time.Sleep(50 * ms)
						for buf := make([]byte, n); len(buf) > 0; {
							_ = w.SetReadDeadline(time.Now().Add(ms))
							got, err := w.Read(buf)
							if buf = buf[got:]; err != nil {
								break
							}
						}
					}
					time.Sleep(time.Hour)
				})
				if r := c.Send(t.Context(), tt.req); r.Sent != tt.want || r.Class != call.Timeout || r.Done != 11*time.Second {
					t.Errorf("class %s, sent %v, done %v; want sent %v", r.Class, r.Sent, r.Done, tt.want)
				}
			})
		})
	}
}

// TestConnStamps: the stamps of a connection go to its owner, and only for bytes.
func TestConnStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		near, far := net.Pipe()
		c := &conn{Conn: near, now: func() time.Duration { return time.Since(start) }}
		a, b := &attempt{now: c.now, conn: c}, &attempt{now: c.now, conn: c}
		c.owner.Store(a)
		go func() {
			time.Sleep(10 * ms)
			_, _ = far.Write([]byte("x"))
			time.Sleep(10 * ms)
			far.Close()
		}()
		buf := make([]byte, 8)
		_, _ = c.Read(buf)
		_, err := c.Read(buf)
		if at := a.arrival(); at != 10*ms || err == nil || !a.broke() {
			t.Errorf("arrival %v, %v, broke %v; want the byte's, not the end's", at, err, a.broke())
		}
		c.owner.Store(b)
		a.release()
		if c.owner.Load() != b {
			t.Error("the attempt before took the connection from its new owner")
		}
		b.release()
		if c.owner.Load() != nil {
			t.Error("the connection is still owned")
		}
	})
}

// TestWroteRequest: over HTTP/2, where the connection is shared, a request that failed to go out was not sent.
func TestWroteRequest(t *testing.T) {
	a := &attempt{now: func() time.Duration { return 7 }, shared: true}
	if a.wroteRequest(httptrace.WroteRequestInfo{Err: errNoRoute}); a.sent() != 0 {
		t.Errorf("sent %v after an error", a.sent())
	}
	if a.wroteRequest(httptrace.WroteRequestInfo{}); a.sent() != 7 {
		t.Errorf("sent %v; want 7", a.sent())
	}
}

// TestStartIsNow: no instant is ever 0, which would mean that it was not reached.
func TestStartIsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{Start: time.Now()}, answerWith(events(evStop)+lastChunk))
		if r := c.Send(t.Context(), ask()); r.Started != 1 || r.Sent != 1 || r.Done != 1 {
			t.Errorf("started %v, sent %v, done %v; want 1ns", r.Started, r.Sent, r.Done)
		}
	})
}

// TestDialEnds: the transport lets a dial go on without the request; the connect time-out ends it all the same.
func TestDialEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, ended := time.Now(), make(chan time.Duration, 1)
		c := serving(t, Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			ended <- time.Since(start)
			return nil, ctx.Err()
		}}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Send(ctx, ask())
		if at := <-ended; at != 5*time.Second {
			t.Errorf("the dial ended after %v; want 5s", at)
		}
	})
}

// TestRequestBody: HTTP/1.1 may take another connection while nothing is
// written; HTTP/2 may not send again what the server refused.
func TestRequestBody(t *testing.T) {
	for _, tt := range []struct {
		http   string
		rewind bool
	}{{"1.1", true}, {"2", false}} {
		e := exchange{Client: newClient(t, Config{HTTP: tt.http}), ctx: t.Context()}
		hr, err := e.request([]byte("x"))
		if err != nil || (hr.GetBody != nil) != tt.rewind {
			t.Errorf("HTTP/%s: can be sent again: %v, %v; want %v", tt.http, hr.GetBody != nil, err, tt.rewind)
		}
	}
}

// TestCleanStart: a stream knows nothing of the one before it, however that ended.
func TestCleanStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{}, func(w *wire) {
			w.next()
			if w.n == 1 {
				w.say(events(evStart, evText, "event: error\ndata: {\"half\":"))
				return
			}
			w.say(events(evText, evStop) + lastChunk)
		})
		c.Send(t.Context(), ask())
		if r := c.Send(t.Context(), ask()); r.Class != call.OK || r.Events != 1 || r.Gaps != nil || r.GapMax != 0 || r.Input != 0 {
			t.Errorf("class %s, %+v, %d events, gaps %v", r.Class, r.Err, r.Events, r.Gaps)
		}
	})
}
