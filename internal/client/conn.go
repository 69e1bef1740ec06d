package client

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// clock tells the time as an offset from the run's start, never 0.
type clock func() time.Duration

// dialer makes connections that stamp their reads and writes.
type dialer struct {
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	within time.Duration
	now    clock
}

// dialContext connects within the connect time-out. The transport detaches the
// dial from the request that asked for it, so the bound must be here too.
func (d dialer) dialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.within)
	defer cancel()
	from := d.now()
	c, err := d.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, now: d.now, took: d.now() - from}, nil
}

// conn is a connection, below TLS, that stamps its reads and writes onto the
// attempt that owns it.
//
// Over HTTP/1.1 a connection serves one attempt at a time, so its last read is
// the arrival of what the attempt's body yields next, whichever goroutine did
// the read. Over HTTP/2 it has no owner.
type conn struct {
	net.Conn
	now   clock
	took  time.Duration // name look-up and connect
	owner atomic.Pointer[attempt]
	broke atomic.Bool // a read has failed: this is the connection's end, in whatever way
}

// arrived is when the bytes of the read that has just returned came in. It is
// the only place that knows; a kernel time stamp belongs here.
func (c *conn) arrived() time.Duration { return c.now() }

// Read stamps reads that bring bytes. An end of file is noted but not timed: the
// transport reads ahead on an idle connection, and a server that closes it must
// not move the last instant of an attempt that is over.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if a := c.owner.Load(); a != nil && n > 0 {
		a.read.Store(int64(c.arrived()))
	}
	if err != nil {
		c.broke.Store(true)
	}
	return n, err
}

// Write stamps the end of writes that succeed.
func (c *conn) Write(p []byte) (int, error) {
	a := c.owner.Load()
	if a == nil {
		return c.Conn.Write(p)
	}
	a.writing.Store(true)
	n, err := c.Conn.Write(p)
	if err == nil {
		a.wrote.Store(int64(c.now()))
		a.writing.Store(false)
	}
	return n, err
}

// unwrap finds our connection under any TLS; nil if there is none.
func unwrap(c net.Conn) *conn {
	for {
		t, ok := c.(*tls.Conn)
		if !ok {
			break
		}
		c = t.NetConn()
	}
	ours, _ := c.(*conn)
	return ours
}
