package sim

import (
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// door is the listener of a server: it carries out the faults that concern
// connections. Accept belongs to one goroutine, Close to any.
type door struct {
	s     *Server
	addr  net.Addr
	count int64 // connections so far

	mu     sync.Mutex
	ln     net.Listener // nil while nothing listens
	closed chan struct{}
}

// door takes a listener over. Where nothing is to listen from the start on, it
// closes it before it returns.
func (s *Server) door(ln net.Listener) *door {
	d := &door{s: s, addr: ln.Addr(), ln: ln, closed: make(chan struct{})}
	if shut, _ := d.window(time.Now()); shut {
		d.shut()
	}
	return d
}

// Accept returns the next connection that no fault turns away.
func (d *door) Accept() (net.Conn, error) {
	for {
		ln, err := d.listener()
		if err != nil {
			return nil, err
		}
		c, err := ln.Accept()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded): // a window may have opened
		case err != nil:
			return nil, err
		default:
			if c = d.pass(c); c != nil {
				return c, nil
			}
		}
	}
}

// listener returns what listens, closing it for the windows in which nothing
// does and opening it again at their end.
func (d *door) listener() (net.Listener, error) {
	shut, next := d.window(time.Now())
	if shut {
		d.shut()
	}
	d.mu.Lock()
	ln := d.ln
	d.mu.Unlock()
	if tcp, ok := ln.(*net.TCPListener); ok {
		return ln, tcp.SetDeadline(next)
	} else if ln != nil {
		return ln, nil // in memory there is no port to close
	}
	for shut {
		if !d.wait(next) {
			return nil, net.ErrClosed
		}
		shut, next = d.window(time.Now())
	}
	ln, err := net.Listen(d.addr.Network(), d.addr.String())
	if err != nil {
		return nil, err
	}
	return ln, d.open(ln)
}

// shut closes what listens.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if tcp, ok := d.ln.(*net.TCPListener); ok {
		_ = tcp.Close()
		d.ln = nil
	}
}

// window says whether nothing is to listen at a moment, and when to look again:
// at the next edge, but within a second, since what is in force may change.
func (d *door) window(now time.Time) (shut bool, next time.Time) {
	set := d.s.current.Load()
	next = now.Add(time.Second)
	for _, f := range set.config.Faults {
		if f.Kind != FaultRefuse || f.Probability > 0 || f.Every > 0 {
			continue
		}
		shut = shut || f.open(now.Sub(set.faultsSince))
		for _, edge := range []time.Duration{f.From, f.To} {
			if at := set.faultsSince.Add(edge); at.After(now) && at.Before(next) {
				next = at
			}
		}
	}
	return shut, next
}

// wait returns at a moment, true, or when the door is closed, false.
func (d *door) wait(until time.Time) bool {
	due := time.NewTimer(time.Until(until))
	defer due.Stop()
	select {
	case <-due.C:
		return true
	case <-d.closed:
		return false
	}
}

// open takes a new listener in, unless the door has been closed meanwhile.
func (d *door) open(ln net.Listener) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.closed:
		_ = ln.Close()
		return net.ErrClosed
	default:
		d.ln = ln
		return nil
	}
}

// pass returns a connection as the faults leave it; nil has been turned away.
// Luck is drawn from the connection's number.
func (d *door) pass(c net.Conn) net.Conn {
	d.count++
	set := d.s.current.Load()
	since, chance := time.Since(set.faultsSince), rand.New(rand.NewPCG(set.config.Seed^0x646f6f72, uint64(d.count)))
	for _, f := range set.config.Faults {
		if !f.atTheDoor() || !f.applies(d.count, since, chance.Float64()) {
			continue
		}
		d.s.turned.Add(1)
		if f.Kind == FaultTLS {
			return &alerting{Conn: c}
		}
		reset(c)
		return nil
	}
	return c
}

// Close closes the door for good.
func (d *door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.closed:
		return nil
	default:
	}
	close(d.closed)
	if d.ln == nil {
		return nil
	}
	return d.ln.Close()
}

// Addr is where the door is, open or not.
func (d *door) Addr() net.Addr { return d.addr }

// alerting answers a client's first bytes with the alert "handshake failure".
type alerting struct{ net.Conn }

// Read answers and ends.
func (c *alerting) Read(b []byte) (int, error) {
	if _, err := c.Conn.Read(b); err != nil {
		return 0, err
	}
	const alert = "\x15\x03\x01\x00\x02\x02\x28"
	_, _ = c.Conn.Write([]byte(alert))
	_ = c.Conn.Close()
	return 0, net.ErrClosed
}

// reset closes a connection so that its other end sees a reset.
func reset(c net.Conn) {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn() // nothing more is to be said, not even that it ends
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
