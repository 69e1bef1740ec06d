package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// What only a kernel can show: real refusals, real resets, HTTP/2.

// TestSocketFaults: the kernel's own words for what a server does to a connection.
func TestSocketFaults(t *testing.T) {
	reset := func(bytes string) func(w *wire) {
		return func(w *wire) {
			w.next()
			w.say(bytes)
			time.Sleep(20 * time.Millisecond) // the bytes are read before the reset takes them away
			_ = w.Conn.(*net.TCPConn).SetLinger(0)
		}
	}
	for name, tt := range map[string]struct {
		handle func(w *wire)
		class  call.Class
		kind   string
		part   string
		events int
	}{
		"reset before an answer": {reset(""), call.Connection, "connection_reset", "reset the connection", 0},
		"reset in the stream":    {reset(events(evStart, evText)), call.Cut, "cut", "was reset", 1},
		"closed in the stream":   {func(w *wire) { w.next(); w.say(events(evStart, evText)) }, call.Cut, "cut", "ended before", 1},
		"whole":                  {func(w *wire) { w.next(); w.say(events(evStart, evText, evEnd, evStop) + lastChunk) }, call.OK, "", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			addr, wait := listen(t, tt.handle)
			r := newClient(t, Config{BaseURL: "http://" + addr}).Send(t.Context(), ask())
			wait()
			if r.Class != tt.class || r.Events != tt.events || r.Err != nil && (r.Err.Type != tt.kind || !strings.Contains(r.Err.Message, tt.part)) {
				t.Errorf("class %s, %d events, %+v; want %s, %d, %s", r.Class, r.Events, r.Err, tt.class, tt.events, tt.kind)
			}
		})
	}
}

// listen serves one connection on a loopback socket; wait returns when it is over.
func listen(t *testing.T, handle func(w *wire)) (addr string, wait func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		handle(newWire(t, c, 1))
	}()
	return l.Addr().String(), func() { <-served }
}

// TestTLSFailures: why a handshake failed, in words that help. (On a pipe both
// sides would wait for each other, each with an alert to write.)
func TestTLSFailures(t *testing.T) {
	good, file := certificate(t, "localhost")
	other, otherFile := certificate(t, "other.test")
	for name, tt := range map[string]struct {
		config Config
		server *tls.Config // nil: no TLS
		part   string
	}{
		"unknown authority": {Config{}, &tls.Config{Certificates: []tls.Certificate{good}}, "ca_file"},
		"another name":      {Config{CAFile: otherFile}, &tls.Config{Certificates: []tls.Certificate{other}}, "for another name"},
		"old TLS":           {Config{CAFile: file}, &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11}, "refused the TLS handshake"},
		"no HTTP/2":         {Config{CAFile: file, HTTP: "2"}, &tls.Config{Certificates: []tls.Certificate{good}, NextProtos: []string{"http/1.1"}}, "refused the TLS handshake"},
		"no choice at all":  {Config{CAFile: file, HTTP: "2"}, &tls.Config{Certificates: []tls.Certificate{good}}, "does not offer HTTP/2"},
		"no TLS":            {Config{}, nil, "http://"},
	} {
		t.Run(name, func(t *testing.T) {
			addr, wait := listen(t, func(w *wire) {
				if tt.server == nil {
					_, _ = w.Read(make([]byte, 2000))
					w.say(status(400, "text/plain", "no"))
					return
				}
				w.encrypt(tt.server)
				w.next()
				_, _ = io.Copy(io.Discard, w.Conn)
			})
			_, port, _ := net.SplitHostPort(addr)
			tt.config.BaseURL = "https://localhost:" + port
			tt.config.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, addr)
			}
			r := newClient(t, tt.config).Send(t.Context(), ask())
			wait()
			if r.Class != call.Connection || r.Err.Type != "tls" || !strings.Contains(r.Err.Message, tt.part) || r.Written {
				t.Errorf("class %s, written %v, %+v; want %q", r.Class, r.Written, r.Err, tt.part)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := newClient(t, Config{BaseURL: "http://" + l.Addr().String()}).Send(t.Context(), ask())
	want := fmt.Sprintf("connection refused: is the server at %s running?", l.Addr())
	if r.Class != call.Connection || r.Err.Type != "connection_refused" || r.Err.Message != want || r.Written {
		t.Errorf("class %s, %+v; want %q", r.Class, r.Err, want)
	}
}

// TestHTTP2 runs both forms: over TLS, and in clear.
func TestHTTP2(t *testing.T) {
	for _, secure := range []bool{true, false} {
		t.Run(fmt.Sprint("tls ", secure), func(t *testing.T) {
			var served, conns atomic.Int32
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.ProtoMajor != 2 {
					t.Errorf("served as %s", r.Proto)
				}
				switch served.Add(1) {
				case 2: // ends without message_stop
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, evStart+evText)
				case 3: // reset
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, evStart+evText)
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				case 4:
					w.WriteHeader(529)
				default:
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, evStart+evText+evEnd+evStop)
				}
			}))
			s.Config.Protocols = new(http.Protocols)
			s.Config.Protocols.SetHTTP2(true)
			s.Config.Protocols.SetUnencryptedHTTP2(true)
			s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					conns.Add(1)
				}
			}
			s.EnableHTTP2 = true
			config := Config{HTTP: "2"}
			if secure {
				s.StartTLS()
			} else {
				s.Start()
			}
			defer s.Close()
			c := newClientFor(t, config, s)
			for i, want := range []call.Class{call.OK, call.Cut, call.Cut, call.Overloaded, call.OK} {
				r := c.Send(context.Background(), ask())
				time.Sleep(20 * time.Millisecond) // the transport hands a new connection over before it shares it
				if r.Class != want {
					t.Errorf("request %d: class %s, %+v; want %s", i, r.Class, r.Err, want)
				}
				if !inOrder(r) || r.NewConn != (i == 0) || (r.TLS > 0) != (secure && i == 0) || (r.Connect > 0) != (i == 0) {
					t.Errorf("request %d: %+v", i, instantsOf(r))
				}
			}
			if served.Load() != 5 || conns.Load() != 1 {
				t.Errorf("served %d requests on %d connections; want 5 on 1", served.Load(), conns.Load())
			}
		})
	}
}

// inOrder reports whether the instants that were reached stand in their order.
func inOrder(r call.Result) bool {
	last := r.Started
	for _, at := range []time.Duration{r.Sent, r.FirstByte, r.FirstEvent, r.FirstContent, r.LastContent, r.Done} {
		if at != 0 && at < last {
			return false
		}
		last = max(last, at)
	}
	return r.Started > 0 && r.ConnWait >= 0 && r.Sent >= r.Started+r.ConnectTime()
}

// newClientFor trusts a test server's certificate.
func newClientFor(t *testing.T, c Config, s *httptest.Server) *Client {
	c.BaseURL = s.URL
	cl := newClient(t, c)
	if s.Certificate() != nil {
		cl.transport.TLSClientConfig.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	return cl
}
