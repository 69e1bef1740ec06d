package client

import (
	"context"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// attempt holds the instants of one attempt up to its answer's first byte. The
// transport's goroutines stamp it, so everything in it is guarded.
type attempt struct {
	now    clock
	shared bool // HTTP/2: the connection carries other attempts too

	// Stamped where the bytes pass.
	had     atomic.Int64 // the connection was had: nothing of the answer came before
	read    atomic.Int64 // arrival of what the last read brought
	lag     atomic.Int64 // the longest wait from an arrival at the kernel to our read
	unasked atomic.Bool  // some arrival is by our own clock
	wrote   atomic.Int64 // the last write that succeeded
	writing atomic.Bool  // a write has begun and has not succeeded
	written atomic.Bool  // the whole request has been given to the connection

	mu        sync.Mutex
	started   time.Duration
	got       time.Duration // the connection was had; 0 is not yet
	connect   time.Duration
	tls       time.Duration
	newConn   bool
	conn      *conn // nil over HTTP/2
	shakeFrom time.Duration
	shake     time.Duration
	firstByte time.Duration

	watch
}

// begin starts an attempt and its time-outs. The context it returns is
// canceled with one of our causes when a time-out runs out; end must follow.
func (c *Client) begin(ctx context.Context, started time.Duration) (context.Context, *attempt) {
	a := &attempt{now: c.now, shared: c.config.HTTP == "2", started: started}
	ctx, cancel := context.WithCancelCause(ctx)
	a.startWatch(cancel, bounds{whole: c.config.Timeout, connect: c.config.ConnectTimeout, stall: c.config.StallTimeout})
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              a.gotConn,
		TLSHandshakeStart:    a.shakeStart,
		TLSHandshakeDone:     a.shakeDone,
		WroteRequest:         a.wroteRequest,
		GotFirstResponseByte: a.gotFirstByte,
	}), a
}

// end stops the time-outs and lets go of the connection.
func (a *attempt) end() {
	a.stopWatch()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.release()
}

func (a *attempt) release() {
	if a.conn != nil {
		a.conn.owner.CompareAndSwap(a, nil) // the next attempt may own it already
	}
}

// gotConn may come more than once: where a kept-alive connection turns out to
// be closed before a byte was written, the transport takes another one.
func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.release()
	a.got, a.newConn = now, !info.Reused
	a.had.Store(int64(now))
	c := unwrap(info.Conn)
	a.connect, a.tls = 0, 0
	if a.newConn && c != nil {
		// A connection that is not new may have come while our own dial was
		// still under way; then the dial's times are not this attempt's.
		wait := now - a.started
		a.connect = min(c.took, wait)
		a.tls = min(a.shake, wait-a.connect)
	}
	if c != nil && !a.shared {
		a.conn = c
		c.owner.Store(a)
	}
}

func (a *attempt) shakeStart() {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shakeFrom = now
}

func (a *attempt) shakeDone(tlsState, error) {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shake = now - a.shakeFrom
}

// wroteRequest comes when the transport's buffer has the whole request. Over
// HTTP/1.1 the write to the connection is still to come.
func (a *attempt) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err != nil {
		return
	}
	if a.shared {
		a.wrote.Store(int64(a.now()))
	}
	a.written.Store(true)
}

func (a *attempt) gotFirstByte() {
	at := a.arrival()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.firstByte = at
}

// arrived takes in a read that brought bytes: when they came, and how long they
// had waited in the kernel, 0 where it was not asked. Instants never go back.
func (a *attempt) arrived(at, lag time.Duration) {
	a.read.Store(max(int64(at), a.read.Load(), a.had.Load()))
	if lag == 0 {
		a.unasked.Store(true)
		return
	}
	a.late(lag)
}

// late notes that bytes waited so long to be read.
func (a *attempt) late(lag time.Duration) {
	if int64(lag) > a.lag.Load() {
		a.lag.Store(int64(lag)) // one goroutine at a time reads for an attempt
	}
}

// joined notes that the last read brought several content events, which may
// have waited since the read before, whatever the last segment's stamp says.
func (a *attempt) joined(since time.Duration) {
	a.mu.Lock()
	c := a.conn
	a.mu.Unlock()
	if c != nil && c.kernel != nil {
		a.late(c.kernel.stood(since))
	}
}

// arrival is when the bytes that were last handed up came in.
func (a *attempt) arrival() time.Duration {
	if at := a.read.Load(); at != 0 && !a.shared {
		return time.Duration(at)
	}
	now := a.now()
	a.read.Store(int64(now))
	a.unasked.Store(true)
	return now
}

// readLag is the longest wait of the answer's bytes in the kernel; 0 where some
// of them, or all, have the instants of our own clock.
func (a *attempt) readLag() time.Duration {
	if a.unasked.Load() {
		return 0
	}
	return time.Duration(a.lag.Load())
}

// sent is when the last byte of the request was handed to the kernel, 0 if it
// never was. A fast answer may be seen before our own goroutine gets to stamp
// the write, and an early answer comes before its end: then the first byte
// ends the sending.
func (a *attempt) sent() time.Duration {
	var at time.Duration
	if a.written.Load() && !a.writing.Load() {
		at = time.Duration(a.wrote.Load())
	}
	if a.firstByte != 0 && (at == 0 || at > a.firstByte) {
		at = a.firstByte
	}
	return at
}

// fill writes the instants into a result.
func (a *attempt) fill(r *call.Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Started = a.started
	if a.got == 0 {
		return
	}
	r.Written = true
	r.NewConn, r.Connect, r.TLS = a.newConn, a.connect, a.tls
	r.ConnWait = a.got - a.started - a.connect - a.tls
	r.Sent, r.FirstByte = a.sent(), a.firstByte
	r.ReadLagMax = a.readLag()
}

// connected reports whether a connection was had, and whether it had served before.
func (a *attempt) connected() (had, reused bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.got != 0, a.got != 0 && !a.newConn
}

// answered reports whether any byte of an answer has come.
func (a *attempt) answered() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.firstByte != 0
}

// broke reports whether the connection has come to its end.
func (a *attempt) broke() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn != nil && a.conn.broke.Load()
}
