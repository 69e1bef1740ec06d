package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// wire is the server's end of one connection. It speaks by hand-made bytes, so
// that what it says does not depend on any HTTP server.
type wire struct {
	net.Conn
	t    testing.TB
	r    *bufio.Reader
	n    int // number of the connection, from 1
	head string
	body string
}

func newWire(t testing.TB, c net.Conn, n int) *wire {
	return &wire{Conn: c, t: t, r: bufio.NewReaderSize(c, 512), n: n}
}

// encrypt goes over to TLS.
func (w *wire) encrypt(c *tls.Config) {
	w.Conn = tls.Server(w.Conn, c)
	w.r.Reset(w.Conn)
}

// next reads one request; false is the connection's end.
func (w *wire) next() bool {
	var head strings.Builder
	for {
		line, err := w.r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == "\r\n" {
			break
		}
		head.WriteString(line)
	}
	w.head = head.String()
	size, err := strconv.Atoi(w.header("Content-Length"))
	if err != nil {
		w.t.Errorf("request without a length:\n%s", w.head)
		return false
	}
	body := make([]byte, size)
	_, err = io.ReadFull(w.r, body)
	w.body = string(body)
	return err == nil
}

func (w *wire) header(name string) string {
	_, fields, _ := strings.Cut(w.head, "\r\n")
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(fields + "\r\n"))).ReadMIMEHeader()
	if err != nil {
		w.t.Error(err)
	}
	return h.Get(name)
}

// say writes bytes; the other side may have gone.
func (w *wire) say(s string) { _, _ = io.WriteString(w, s) }

// chunk writes s as one chunk of a body.
func (w *wire) chunk(s string) { w.say(fmt.Sprintf("%x\r\n%s\r\n", len(s), s)) }

// gone waits until the client has closed the connection and tells after how long.
func (w *wire) gone() time.Duration {
	from := time.Now()
	_, _ = io.Copy(io.Discard, w.r)
	return time.Since(from)
}

const (
	streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nRequest-Id: req_1\r\nTransfer-Encoding: chunked\r\n\r\n"
	lastChunk  = "0\r\n\r\n"

	evStart = `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","model":"m-1","usage":{"input_tokens":7,"cache_creation_input_tokens":30,"cache_read_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":1,"inference_geo":"us","speed":"fast"}}}

`
	evText = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n"
	evPing = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	evEnd  = `event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":43,"output_tokens_details":{"thinking_tokens":36}}}

`
	evStop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
)

// serving makes a client whose connections end in pipes served by handle. To be
// called in a bubble: the bubble's end proves that nothing is left behind.
func serving(t testing.TB, c Config, handle func(w *wire)) *Client {
	cl := piped(t, c, handle)
	t.Cleanup(func() {
		cl.Close()
		time.Sleep(24 * time.Hour) // servers that sleep wake up and find nobody
	})
	return cl
}

// piped is serving outside a bubble.
func piped(t testing.TB, c Config, handle func(w *wire)) *Client {
	var conns atomic.Int32
	dial := c.Dial
	c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dial != nil {
			if _, err := dial(ctx, network, addr); err != nil {
				return nil, err
			}
		}
		near, far := net.Pipe()
		w := newWire(t, far, int(conns.Add(1)))
		go func() {
			defer far.Close()
			handle(w)
		}()
		return near, nil
	}
	return newClient(t, c)
}

func newClient(t testing.TB, c Config) *Client {
	t.Helper()
	c.BaseURL = or(c.BaseURL, "http://api.test")
	if c.Start.IsZero() {
		c.Start = time.Now().Add(-time.Second) // the test begins at 1 s
	}
	cl, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// ask is a request for a stream.
func ask() call.Request {
	return call.Request{Index: 3, Task: "chat", Model: "claude-haiku-4-5", Stream: true, MaxTokens: 64,
		Body: []byte(`{"model":"claude-haiku-4-5","stream":true,"messages":[{"role":"user","content":"Tell me about the river Elbe"}]}`)}
}

// dialAfter is a dial that takes d.
func dialAfter(d time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case <-time.After(d):
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

var errNoRoute = errors.New("no route")
