package client

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
)

// TestTimeouts: each time-out by itself, to the nanosecond.
func TestTimeouts(t *testing.T) {
	hang := func(w *wire) { w.gone() }
	drip := func(w *wire) {
		w.next()
		w.say(streamHead)
		w.chunk(evStart)
		w.chunk(evText)
		for range 100 {
			time.Sleep(80 * time.Second)
			w.chunk(evPing)
		}
	}
	after := func(bytes string, d time.Duration) func(w *wire) {
		return func(w *wire) {
			w.next()
			time.Sleep(d)
			w.say(bytes)
			w.gone()
		}
	}
	for name, tt := range map[string]struct {
		config Config
		handle func(w *wire)
		class  call.Class
		kind   string
		done   time.Duration // after the start of the test
		events int
	}{
		"no connection":             {Config{Dial: dialAfter(time.Hour)}, nil, call.Timeout, "connect_timeout", 5 * time.Second, 0},
		"no connection, own bound":  {Config{Dial: dialAfter(time.Hour), ConnectTimeout: 2 * time.Second}, nil, call.Timeout, "connect_timeout", 2 * time.Second, 0},
		"no TLS handshake":          {Config{BaseURL: "https://api.test"}, hang, call.Timeout, "connect_timeout", 5 * time.Second, 0},
		"TLS after a slow dial":     {Config{BaseURL: "https://api.test", Dial: dialAfter(3 * time.Second)}, hang, call.Timeout, "connect_timeout", 5 * time.Second, 0},
		"whole is the first":        {Config{Dial: dialAfter(time.Hour), Timeout: time.Second}, nil, call.Timeout, "request_timeout", time.Second, 0},
		"request is not read":       {Config{}, func(w *wire) { time.Sleep(2000 * time.Second) }, call.Timeout, "request_timeout", 600 * time.Second, 0},
		"no answer":                 {Config{}, hang2, call.Stalled, "stalled", 90 * time.Second, 0},
		"no answer, own bound":      {Config{StallTimeout: 7 * time.Second}, hang2, call.Stalled, "stalled", 7 * time.Second, 0},
		"slow head, then nothing":   {Config{}, after(streamHead[:20], 60*time.Second), call.Stalled, "stalled", 150 * time.Second, 0},
		"head, then nothing":        {Config{}, after(streamHead, time.Second), call.Stalled, "stalled", 91 * time.Second, 0},
		"content, then nothing":     {Config{}, after(events(evStart, evText), time.Second), call.Stalled, "stalled", 91 * time.Second, 1},
		"stall under connect":       {Config{StallTimeout: 2 * time.Second}, hang2, call.Stalled, "stalled", 2 * time.Second, 0},
		"pings are bytes":           {Config{}, drip, call.Timeout, "request_timeout", 600 * time.Second, 1},
		"stalled though pings came": {Config{StallTimeout: 79 * time.Second}, drip, call.Stalled, "stalled", 79 * time.Second, 1},
		"error body never comes":    {Config{}, after("HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\n", 0), call.ServerError, "http_500", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serving(t, tt.config, tt.handle)
				r := c.Send(t.Context(), ask())
				at := time.Since(c.config.Start)
				if r.Class != tt.class || r.Err.Type != tt.kind || r.Events != tt.events {
					t.Errorf("class %s, %+v, %d events; want %s, %s, %d", r.Class, r.Err, r.Events, tt.class, tt.kind, tt.events)
				}
				if want := time.Second + tt.done; r.Done != want {
					t.Errorf("done %v, returned at %v; want %v", r.Done, at, want)
				}
			})
		})
	}
}

// hang2 reads the request and says nothing.
func hang2(w *wire) {
	w.next()
	w.gone()
}

// TestCanceled: the caller's end of the context, at any stage, is no fault of the server's.
func TestCanceled(t *testing.T) {
	for name, tt := range map[string]struct {
		config  Config
		handle  func(w *wire)
		after   time.Duration
		written bool
		known   call.UsageKnown
	}{
		"before":       {Config{}, hang2, 0, false, call.UsageNone},
		"dialing":      {Config{Dial: dialAfter(4 * time.Second)}, hang2, time.Second, false, call.UsageNone},
		"waiting":      {Config{}, hang2, time.Second, true, call.UsageNone},
		"in a stream":  {Config{}, answerWith(events(evStart, evText)), time.Second, true, call.UsageInput},
		"in the drain": {Config{}, answerWith(events(evStart, evText, evEnd, evStop)), 50 * ms, true, call.UsageFinal},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.after)
				defer cancel()
				c := serving(t, tt.config, tt.handle)
				r := c.Send(ctx, ask())
				want, done := call.Canceled, time.Second+tt.after
				if tt.known == call.UsageFinal {
					want, done = call.OK, time.Second
				}
				if r.Class != want || r.Written != tt.written || r.Known != tt.known || r.Done != done || r.Started != time.Second {
					t.Errorf("class %s (%+v), written %v, known %d, started %v, done %v", r.Class, r.Err, r.Written, r.Known, r.Started, r.Done)
				}
				if at := time.Since(c.config.Start) - time.Second; at != tt.after {
					t.Errorf("Send returned after %v; want %v", at, tt.after)
				}
			})
		})
	}
}

// TestNoConnection: why a dial failed, in words that help.
func TestNoConnection(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		kind string
		part string
	}{
		"dns":     {&net.DNSError{Err: "no such host", Name: "api.test", IsNotFound: true}, "dns", "no address found for api.test"},
		"refused": {&net.OpError{Op: "dial", Err: refused}, "connection_refused", "is the server at api.test running?"},
		"other":   {&net.OpError{Op: "dial", Err: errNoRoute}, "connection_failed", "no connection to api.test"},
		"closed":  {io.EOF, "connection_closed", "while it was made"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serving(t, Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, tt.err }}, nil)
				r := c.Send(t.Context(), ask())
				if d := cmp.Diff(outcome{call.Connection, 0, "", tt.kind, "", tt.part}, outcomeOf(r, tt.part)); d != "" || r.Written || r.Sent != 0 {
					t.Errorf("written %v, sent %v (-want +got):\n%s", r.Written, r.Sent, d)
				}
			})
		})
	}
}
