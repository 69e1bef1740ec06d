// Package client makes one call to the API and times its answer: a
// [call.Request] in, a [call.Result] out, and no error, since a failed call is
// data. It never retries, follows no redirect, changes nothing in the request's
// body, keeps no answer unless asked, and sends the key to its one address only.
// (Where a kept-alive connection turns out to be closed before one byte was
// written to it, HTTP/1.1 takes another one: nothing has left yet.)
//
// # Clock
//
// Over HTTP/1.1 an instant is taken where the bytes pass. On Linux arrivals are
// the kernel's own receive stamps ([kernelClock]), so that a busy process does
// not lengthen what it measures; elsewhere, and where the kernel refuses, they
// are taken right after the connection's Read returned. An event's instant is
// that of the read that completed it. Over HTTP/2 streams share a connection, and
// instants are taken where the bytes reach Send.
//
// An answer is done when the event that ends it was complete. What follows it
// (an empty chunk, the end of the stream) is read for at most 100 ms so that the
// connection can serve again; that delays Send's return and no instant.
//
// Note: net/http holds bytes back in one case. When a read ends inside a chunk of
// the body, whether in its length, its bytes or in the empty chunk that ends a
// body, the chunks before it are handed up, and timed, with the next read.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Client sends to one address. Any number of goroutines may use it at once.
type Client struct {
	config    Config // without the key
	url       *url.URL
	transport *http.Transport
	dialect   dialect
	scratch   sync.Pool    // of *scratch
	kernel    *kernelClock // nil: our own clock stamps arrivals
	stamped   atomic.Int64 // answers whose arrivals the kernel stamped
	unstamped atomic.Int64 // and others

	// Behind functions, so that no way of printing a Client reaches the key.
	header func() http.Header
	key    func() string
}

// scratch is what a stream needs while it is read, kept for the next one.
type scratch struct {
	sse  sse
	gaps [][2]int
}

// mostKept is how large a stream's buffer may be to be kept.
const mostKept = 64 << 10

// New checks the configuration and returns a client. It connects to nothing.
// Its errors never show the key.
func New(c Config) (*Client, error) {
	cl, err := build(c.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return cl, nil
}

func build(c Config) (*Client, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	u, err := endpoint(c.BaseURL)
	if err != nil {
		return nil, err
	}
	header, err := c.header()
	if err != nil {
		return nil, err
	}
	key := string(c.Key)
	c.Key = ""
	cl := &Client{config: c, url: u, dialect: dialectOf(c.API),
		header: func() http.Header { return header }, key: func() string { return key }}
	u.Path += cl.dialect.path()
	cl.scratch.New = func() any { return new(scratch) }
	if kernelStamps && c.HTTP != "2" && !c.UserClock {
		cl.kernel = newKernelClock(c.Start)
	}
	cl.transport, err = c.transport(cl.now, cl.kernel)
	return cl, err
}

// Close closes idle connections and gives up dials that nobody waits for.
// Calls that are under way go on; their contexts end them.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	if c.kernel != nil {
		c.kernel.close()
	}
}

// Format writes the address that the client sends to, whatever the verb.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "client of %s", c.url) }

// now is the offset from the run's start, never 0, which would mean "never".
func (c *Client) now() time.Duration { return max(time.Since(c.config.Start), 1) }

// The clocks that stamp arrivals.
const (
	KernelClock = "kernel"
	UserClock   = "user"
	MixedClock  = "mixed" // some answers by the kernel's, some by our own
)

// Clock names what has stamped the arrivals so far, or before the first answer
// what is expected to.
func (c *Client) Clock() string {
	kernel, user := c.stamped.Load() > 0, c.unstamped.Load() > 0
	switch {
	case kernel && user:
		return MixedClock
	case kernel || !user && c.kernel != nil:
		return KernelClock
	}
	return UserClock
}

// ClockSteps returns how often the machine's clock was set while we looked.
// For a second after it arrivals are stamped by our own clock.
func (c *Client) ClockSteps() int {
	if c.kernel == nil {
		return 0
	}
	return int(c.kernel.steps.Load())
}

// ReadLag returns the longest that bytes have waited in the kernel to be read
// since the last call; 0 with our own clock.
func (c *Client) ReadLag() time.Duration {
	if c.kernel == nil {
		return 0
	}
	return time.Duration(c.kernel.worst.Swap(0))
}

// Send makes one attempt and returns its record when it has ended, in whatever
// way. Cancelling ctx ends it as canceled.
func (c *Client) Send(ctx context.Context, req call.Request) call.Result {
	started := c.now()
	ctx, at := c.begin(ctx, started)
	defer at.end()
	res := req.Result(call.OK)
	s := c.scratch.Get().(*scratch)
	s.sse.reset(c.config.MaxEvent)
	a := &answer{
		res: &res, keep: req.KeepText, most: c.config.MaxEvent, gaps: s.gaps[:0], cacheTTL: req.CacheTTL,
		quote: quoter{key: c.key(), body: req.Body, model: req.Model},
	}
	e := &exchange{Client: c, attempt: at, answer: a, ctx: ctx, sse: &s.sse}
	e.do(req)
	if res.Done == 0 {
		res.Done = c.now()
	}
	at.fill(&res)
	c.count(res)
	a.quote.scrub(&res)
	if res.Text = string(a.text); len(a.gaps) > 0 {
		res.Gaps = slices.Clone(a.gaps)
	}
	if s.gaps = a.gaps; len(s.sse.buf) > mostKept {
		s.sse.buf = nil
	}
	c.scratch.Put(s)
	return res
}

// count notes which clock stamped an answer.
func (c *Client) count(r call.Result) {
	switch {
	case r.FirstByte == 0:
	case r.ReadLagMax > 0:
		c.stamped.Add(1)
	default:
		c.unstamped.Add(1)
	}
}
