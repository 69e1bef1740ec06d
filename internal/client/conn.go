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
	kernel *kernelClock // nil: the kernel is not asked
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
	ours := &conn{Conn: c, now: d.now, took: d.now() - from}
	if d.kernel == nil {
		return ours, nil
	}
	if ours.socket = newSocket(c, d.now); ours.socket != nil {
		ours.kernel = d.kernel
		d.kernel.pulse.begin(d.now)
	}
	return ours, nil
}

// conn is a connection, below TLS, that stamps its reads and writes onto the
// attempt that owns it.
//
// Over HTTP/1.1 a connection serves one attempt at a time, so its last read is
// the arrival of what the attempt's body yields next, whichever goroutine did
// the read. Over HTTP/2 it has no owner.
type conn struct {
	net.Conn
	now    clock
	kernel *kernelClock // with socket; nil: our own clock
	socket *socket
	took   time.Duration // name look-up and connect
	owner  atomic.Pointer[attempt]
	broke  atomic.Bool // a read has failed: this is the connection's end, in whatever way
}

// Read stamps reads that bring bytes. An end of file is noted but not timed: the
// transport reads ahead on an idle connection, and a server that closes it must
// not move the last instant of an attempt that is over.
//
// Under TLS a record is complete with the last segment it needs, and that
// segment's stamp is its arrival. What a read brings beyond the record that
// asked for it has the same stamp, and is handed up without another read.
func (c *conn) Read(p []byte) (n int, err error) {
	var stamp int64
	if c.socket != nil {
		n, stamp, err = c.socket.read(p)
	} else {
		n, err = c.Conn.Read(p)
	}
	if a := c.owner.Load(); a != nil && n > 0 {
		if c.kernel != nil {
			a.arrived(c.kernel.arrival(stamp))
		} else {
			a.arrived(c.now(), 0)
		}
	}
	if err != nil {
		c.broke.Store(true)
	}
	return n, err
}

// Write stamps writes that succeed: with the start of the system call that took
// the last byte, since its end is late where the call wakes the server and the
// server takes our processor. What is not a socket is stamped at its end.
func (c *conn) Write(p []byte) (int, error) {
	a := c.owner.Load()
	if a == nil {
		return c.Conn.Write(p)
	}
	a.writing.Store(true)
	var n int
	var err error
	var at time.Duration
	if c.socket != nil {
		n, at, err = c.socket.write(p)
	} else {
		n, err = c.Conn.Write(p)
		at = c.now()
	}
	if err == nil {
		a.wrote.Store(int64(at))
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
