package client

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
)

const ms = time.Millisecond

// instants are the times of a result, for comparing at once.
type instants struct {
	Started, ConnWait, Connect, TLS              time.Duration
	NewConn                                      bool
	Sent, Byte, Event, Content, Text, Last, Done time.Duration
	Events                                       int
	GapMax                                       time.Duration
	Gaps                                         [][2]int
}

func instantsOf(r call.Result) instants {
	return instants{
		r.Started, r.ConnWait, r.Connect, r.TLS, r.NewConn,
		r.Sent, r.FirstByte, r.FirstEvent, r.FirstContent, r.FirstText, r.LastContent, r.Done, r.Events, r.GapMax, r.Gaps,
	}
}

func gap(d time.Duration, n int) [2]int { return [2]int{call.GapBucket(d), n} }

const evThink = "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n"

// TestInstants follows one stream from the dial to its end, exact to the nanosecond.
func TestInstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(-time.Second)
		c := serving(t, Config{Start: start, Dial: dialAfter(7 * ms)}, func(w *wire) {
			time.Sleep(30 * ms) // the request waits to be read: not sent yet
			for w.next() {
				time.Sleep(100 * ms)
				w.say(streamHead[:9])
				time.Sleep(10 * ms)
				w.say(streamHead[9:])
				time.Sleep(5 * ms)
				w.chunk(evStart)
				time.Sleep(5 * ms)
				w.chunk(evPing + evThink[:20])
				time.Sleep(20 * ms)
				w.chunk(evThink[20:])
				time.Sleep(40 * ms)
				w.chunk(evText + evText) // two in one read
				time.Sleep(20 * ms)
				w.chunk(evText)
				time.Sleep(3 * ms)
				w.chunk(evEnd + evStop)
				time.Sleep(50 * ms)
				w.say(lastChunk)
			}
		})
		r := c.Send(t.Context(), ask())
		if at := time.Since(start); at != 1333*ms-43*ms {
			t.Errorf("Send returned at %v; want it to have waited for the last chunk", at)
		}
		want := instants{
			Started: time.Second, Connect: 7 * ms, NewConn: true, Sent: 1037 * ms,
			Byte: 1137 * ms, Event: 1152 * ms, Content: 1177 * ms, Text: 1217 * ms, Last: 1237 * ms, Done: 1240 * ms,
			Events: 4, GapMax: 40 * ms, Gaps: [][2]int{gap(0, 1), gap(20*ms, 1), gap(40*ms, 1)},
		}
		if d := cmp.Diff(want, instantsOf(r)); d != "" || r.Class != call.OK {
			t.Errorf("class %s (%+v), instants (-want +got):\n%s", r.Class, r.Err, d)
		}

		// Again, on the same connection.
		r = c.Send(t.Context(), ask())
		at := 1290 * ms
		want = instants{
			Started: at, Sent: at, Byte: at + 100*ms, Event: at + 115*ms, Content: at + 140*ms, Text: at + 180*ms,
			Last: at + 200*ms, Done: at + 203*ms, Events: 4, GapMax: 40 * ms, Gaps: want.Gaps,
		}
		if d := cmp.Diff(want, instantsOf(r)); d != "" {
			t.Errorf("kept-alive connection (-want +got):\n%s", d)
		}
	})
}

// TestPlainInstants: no first content, and the last content is the body's end.
func TestPlainInstants(t *testing.T) {
	const body = `{"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}`
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{}, func(w *wire) {
			for w.next() {
				time.Sleep(100 * ms)
				w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
				w.chunk(body[:30])
				time.Sleep(50 * ms)
				w.chunk(body[30:])
				time.Sleep(4 * ms)
				w.say(lastChunk)
			}
		})
		req := ask()
		req.Stream, req.KeepText = false, true
		r := c.Send(t.Context(), req)
		want := instants{Started: time.Second, NewConn: true, Sent: time.Second, Byte: 1100 * ms, Last: 1154 * ms, Done: 1154 * ms}
		if d := cmp.Diff(want, instantsOf(r)); d != "" {
			t.Errorf("instants (-want +got):\n%s", d)
		}
		if r.Class != call.OK || r.Text != "Hi" || r.Known != call.UsageFinal || r.Input != 3 || r.Output != 2 || r.Stop != "end_turn" {
			t.Errorf("got %+v", r)
		}
	})
}

// TestReusedWhileDialing: an attempt whose own dial is still under way takes a
// connection that has become free. The dial's times are not its own.
func TestReusedWhileDialing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{Dial: dialAfter(60 * ms)}, func(w *wire) {
			for w.next() {
				time.Sleep(100 * ms)
				w.say(streamHead)
				w.chunk(evStart + evText + evEnd + evStop)
				w.say(lastChunk)
			}
		})
		done := make(chan call.Result)
		go func() { done <- c.Send(t.Context(), ask()) }() // connected at 1.06, free at 1.16
		time.Sleep(130 * ms)                               // its dial is done at 1.19
		r := c.Send(t.Context(), ask())
		<-done
		want := instants{
			Started: 1130 * ms, ConnWait: 30 * ms, Sent: 1160 * ms, Byte: 1260 * ms, Event: 1260 * ms, Content: 1260 * ms,
			Text: 1260 * ms, Last: 1260 * ms, Done: 1260 * ms, Events: 1,
		}
		if d := cmp.Diff(want, instantsOf(r)); d != "" {
			t.Errorf("instants (-want +got):\n%s", d)
		}
	})
}

// TestClosedWhileIdle: a kept-alive connection that the server has closed is
// replaced before anything is sent, and the wait is the attempt's own.
func TestClosedWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{Dial: dialAfter(5 * ms)}, func(w *wire) {
			if w.next() {
				w.say(streamHead)
				w.chunk(evStart + evText + evEnd + evStop)
				w.say(lastChunk)
			}
		})
		for range 2 {
			r := c.Send(t.Context(), ask())
			if r.Class != call.OK || !r.NewConn || r.Connect != 5*ms {
				t.Errorf("class %s (%+v), new %v, connect %v; want ok on a new connection", r.Class, r.Err, r.NewConn, r.Connect)
			}
			synctest.Wait() // the client has seen the close
		}
	})
}

// TestDrain: what follows message_stop neither moves an instant nor holds Send for long.
func TestDrain(t *testing.T) {
	for name, tt := range map[string]struct {
		after  func(w *wire)
		wait   time.Duration
		reused bool
	}{
		"last chunk at once":   {func(w *wire) { w.say(lastChunk) }, 0, true},
		"last chunk in time":   {func(w *wire) { time.Sleep(99 * ms); w.say(lastChunk) }, 99 * ms, true},
		"last chunk too late":  {func(w *wire) { time.Sleep(101 * ms); w.say(lastChunk) }, 100 * ms, false},
		"never ends":           {func(w *wire) { w.gone() }, 100 * ms, false},
		"closes":               {func(w *wire) { time.Sleep(20 * ms); w.Close() }, 20 * ms, false},
		"more events, and end": {func(w *wire) { w.chunk(evPing + evText); w.say(lastChunk) }, 0, true},
		"floods": {func(w *wire) {
			for range 40 {
				w.chunk(strings.Repeat("x", 1<<10))
			}
		}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serving(t, Config{}, func(w *wire) {
					for w.next() {
						w.say(streamHead)
						w.chunk(evStart + evText + evEnd + evStop)
						tt.after(w)
					}
				})
				r := c.Send(t.Context(), ask())
				if waited := time.Since(c.config.Start) - time.Second; waited != tt.wait {
					t.Errorf("Send returned after %v; want %v", waited, tt.wait)
				}
				if r.Class != call.OK || r.Done != time.Second || r.LastContent != time.Second || r.Events != 1 {
					t.Errorf("class %s (%+v), done %v, last %v, %d events", r.Class, r.Err, r.Done, r.LastContent, r.Events)
				}
				if r = c.Send(t.Context(), ask()); r.NewConn == tt.reused {
					t.Errorf("second request: new connection %v; want %v", r.NewConn, !tt.reused)
				}
			})
		})
	}
}

// TestContentLess: a stream without content is done, and its last content is its end.
func TestContentLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{}, func(w *wire) {
			for w.next() {
				w.say(streamHead)
				w.chunk(evStart)
				time.Sleep(10 * ms)
				w.chunk(evEnd + evStop)
				w.say(lastChunk)
			}
		})
		r := c.Send(t.Context(), ask())
		if r.Class != call.OK || r.FirstContent != 0 || r.Events != 0 || r.LastContent != 1010*ms || r.Done != 1010*ms {
			t.Errorf("got %+v", instantsOf(r))
		}
	})
}

// TestEarlyAnswer: a server that answers before it has read the request ends the sending.
func TestEarlyAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{}, func(w *wire) {
			buf := make([]byte, 1)
			if _, err := w.Read(buf); err != nil {
				t.Error(err)
			}
			time.Sleep(20 * ms)
			w.say("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			w.gone()
		})
		r := c.Send(t.Context(), ask())
		if r.Class != call.ClientError || r.Status != 413 || r.Sent != 1020*ms || r.TTFB() != 0 {
			t.Errorf("class %s, status %d, sent %v, ttfb %v", r.Class, r.Status, r.Sent, r.TTFB())
		}
	})
}

// TestBurst: a burst of n leaves n connections for the next one.
func TestBurst(t *testing.T) {
	const n = 300
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{}, func(w *wire) {
			for w.next() {
				time.Sleep(50 * ms)
				w.say(streamHead)
				w.chunk(evStart + evText + evEnd + evStop)
				w.say(lastChunk)
			}
		})
		for round := range 2 {
			results := make(chan call.Result, n)
			for range n {
				go func() { results <- c.Send(context.Background(), ask()) }()
			}
			for range n {
				if r := <-results; r.Class != call.OK || r.NewConn != (round == 0) || r.ServiceTTFT() != 50*ms {
					t.Fatalf("round %d: class %s, new %v, ttft %v", round, r.Class, r.NewConn, r.ServiceTTFT())
				}
			}
		}
	})
}
