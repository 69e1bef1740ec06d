package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// bracket is the truth about one write.
type bracket struct{ before, after time.Duration }

// timed is a server on a loopback socket whose connections each answer one
// request after the other, and that knows when it wrote the first content.
type timed struct {
	addr   string
	start  time.Time
	mu     sync.Mutex
	truths map[string]bracket // by request id
}

func newTimed(t *testing.T, config *tls.Config) *timed {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &timed{addr: l.Addr().String(), start: time.Now(), truths: map[string]bracket{}}
	var conns sync.WaitGroup
	conns.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				w := newWire(t, c, n)
				if config != nil {
					w.encrypt(config)
				}
				s.serve(w)
			})
		}
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return s
}

func (s *timed) serve(w *wire) {
	for i := 0; w.next(); i++ {
		id := fmt.Sprintf("req_%d_%d", w.n, i)
		w.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nRequest-Id: " + id + "\r\nTransfer-Encoding: chunked\r\n\r\n")
		w.chunk(evStart)
		time.Sleep(20 * ms)
		var b bracket
		b.before = time.Since(s.start)
		w.chunk(evText)
		b.after = time.Since(s.start)
		time.Sleep(300 * ms) // what is read as late as that is joined with the next, and has its stamp
		w.chunk(evText)
		w.chunk(evEnd + evStop)
		w.say(lastChunk)
		s.mu.Lock()
		s.truths[id] = b
		s.mu.Unlock()
	}
}

// askMany sends n requests at once, twice over, and returns all results.
func askMany(t *testing.T, c *Client, n int) []call.Result {
	results := make([]call.Result, 2*n)
	for round := range 2 { // the second on kept-alive connections
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { results[round*n+i] = c.Send(t.Context(), ask()) })
		}
		wg.Wait()
	}
	return results
}

// stampedBy sends until the kernel stamps, which it begins to do a moment after it was asked.
func stampedBy(t *testing.T, c *Client) {
	for range 100 {
		if c.Send(t.Context(), ask()).ReadLagMax > 0 {
			return
		}
	}
	t.Fatal("the kernel stamps nothing")
}

// TestKernelStamps: however busy we are, the first content came when the server wrote it.
func TestKernelStamps(t *testing.T) {
	certificate, file := certificate(t, "localhost")
	for name, tt := range map[string]struct {
		secure *tls.Config
		n      int
	}{
		"clear": {nil, 200},
		"tls":   {&tls.Config{Certificates: []tls.Certificate{certificate}}, 50},
	} {
		t.Run(name, func(t *testing.T) {
			secure, n := tt.secure, tt.n
			s := newTimed(t, secure)
			config := Config{BaseURL: "http://" + s.addr, Start: s.start.Add(-1), ConnectTimeout: time.Minute}
			if secure != nil {
				_, port, _ := net.SplitHostPort(s.addr)
				config.BaseURL, config.CAFile = "https://localhost:"+port, file
				config.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, s.addr)
				}
			}
			c := newClient(t, config)
			stampedBy(t, c)
			inside, alone := 0, 0
			for _, r := range askMany(t, c, n) {
				if r.Class != call.OK || r.Events != 2 || r.ReadLagMax <= 0 || !inOrder(r) {
					t.Fatalf("class %s, %+v, %d events, read lag %v, %+v", r.Class, r.Err, r.Events, r.ReadLagMax, instantsOf(r))
				}
				if r.Merged > 0 {
					continue // read so late that it was joined with the next, and has its stamp: counted, not stood behind
				}
				alone++
				s.mu.Lock()
				b := s.truths[r.RequestID]
				s.mu.Unlock()
				// A microsecond for the two looks at the clocks.
				if at := r.FirstContent - 1; b.before-time.Microsecond <= at && at <= b.after+time.Microsecond {
					inside++
				}
			}
			if alone == 0 || inside < alone*99/100 {
				t.Errorf("%d of %d first contents within the server's bracket; want 99 %%", inside, alone)
			}
			if c.ClockSteps() != 0 || c.ReadLag() <= 0 {
				t.Errorf("%d steps, read lag %v; want 0, some", c.ClockSteps(), c.ReadLag())
			}
		})
	}
}

// TestUserClock: without the kernel's stamps the records are the same but for
// the read lag, and no arrival is earlier than the server wrote it.
func TestUserClock(t *testing.T) {
	s := newTimed(t, nil)
	c := newClient(t, Config{BaseURL: "http://" + s.addr, Start: s.start.Add(-1), UserClock: true})
	for _, r := range askMany(t, c, 20) {
		s.mu.Lock()
		b := s.truths[r.RequestID]
		s.mu.Unlock()
		if r.Class != call.OK || r.Events != 2 || r.ReadLagMax != 0 || !inOrder(r) || r.FirstContent < b.before {
			t.Errorf("class %s, %+v, %d events, read lag %v, written after %v, %+v", r.Class, r.Err, r.Events, r.ReadLagMax, b.before, instantsOf(r))
		}
	}
	if c.Clock() != UserClock || c.ReadLag() != 0 {
		t.Errorf("clock %s, read lag %v; want user, 0", c.Clock(), c.ReadLag())
	}
}

// TestRefusedStamp: a kernel that gives no stamp leaves our own clock, and says so.
func TestRefusedStamp(t *testing.T) {
	s := newTimed(t, nil)
	c := newClient(t, Config{BaseURL: "http://" + s.addr, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return struct{ net.Conn }{conn}, err // no socket that could be asked
	}})
	if r := c.Send(t.Context(), ask()); r.Class != call.OK || r.ReadLagMax != 0 || c.Clock() != UserClock {
		t.Errorf("class %s, read lag %v, clock %s; want ok, 0, user", r.Class, r.ReadLagMax, c.Clock())
	}
}

// TestSentOnSocket: a body that does not fit the kernel's buffers is sent when its
// last byte goes, not when the first does.
func TestSentOnSocket(t *testing.T) {
	start := time.Now()
	var reading time.Duration
	addr, wait := listen(t, func(w *wire) {
		time.Sleep(100 * ms)
		reading = time.Since(start)
		w.next()
		w.say(events(evStart, evText, evEnd, evStop) + lastChunk)
	})
	req := ask()
	req.Body = append(req.Body, strings.Repeat(" ", 32<<20)...)
	r := newClient(t, Config{BaseURL: "http://" + addr, Start: start.Add(-1)}).Send(t.Context(), req)
	wait()
	if r.Class != call.OK || r.Sent < reading || r.Sent > r.FirstByte || !inOrder(r) {
		t.Errorf("class %s, read from %v on, %+v", r.Class, reading, instantsOf(r))
	}
}

// TestReceiveAllocates: a read with a stamp allocates nothing.
func TestReceiveAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	k := newKernelClock(time.Now().Add(-time.Second))
	defer k.close()
	a := &attempt{}
	c := &conn{Conn: near, kernel: k, socket: newSocket(near, func() time.Duration { return 1 })}
	c.owner.Store(a)
	buf, word := make([]byte, 64), []byte("word")
	for i := 0; i < 1000 && a.lag.Load() == 0; i++ { // until the kernel stamps
		_, _ = far.Write(word)
		_, _ = c.Read(buf)
		time.Sleep(ms)
	}
	a.unasked.Store(false)
	if n := testing.AllocsPerRun(1000, func() {
		_, _ = far.Write(word)
		if n, err := c.Read(buf); n != len(word) || err != nil {
			t.Fatalf("read %d bytes, %v", n, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a read; want 0", n)
	}
	if a.readLag() <= 0 {
		t.Errorf("read lag %v; want some", a.readLag())
	}
}
