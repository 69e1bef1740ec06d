package client

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// kernelStamps says whether this system's kernel can be asked.
const kernelStamps = true

// stamping asks the kernel to stamp what arrives from now on, for as long as the
// file is open; nil where it refuses. Each socket asks for itself as well, but
// the first to ask in the whole system waits a moment until it is done, and an
// answer could be there by then.
func stamping() *os.File {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), "stamping") // closes itself when it is forgotten
	if syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1) != nil {
		f.Close()
		return nil
	}
	return f
}

// socket is a connection whose kernel tells when bytes came (SO_TIMESTAMPNS), and
// that knows when the system call began which took the last byte of a write. It
// waits in Go's poller, as the connection's own methods do, and allocates
// nothing. One goroutine at a time may read, and one write.
type socket struct {
	conn *net.TCPConn
	raw  syscall.RawConn
	now  clock

	in  receiving
	out sending
}

// receiving is a read under way.
type receiving struct {
	try  func(fd uintptr) bool // made once
	p    []byte
	n    int
	oobn int
	err  error
	oob  [64]byte
	message
}

// sending is a write under way.
type sending struct {
	try func(fd uintptr) bool // made once
	p   []byte                // what is left
	at  time.Duration
	err error
}

// newSocket returns nil where the kernel cannot be asked.
func newSocket(c net.Conn, now clock) *socket {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	})
	if err != nil || refused != nil {
		return nil
	}
	s := &socket{conn: t, raw: raw, now: now}
	s.in.try, s.out.try = s.receive, s.send
	return s
}

// read is Read with the stamp of the last segment that it took bytes from, in
// nanoseconds since 1970; 0 is none.
func (s *socket) read(p []byte) (n int, stamp int64, err error) {
	if len(p) == 0 {
		n, err = s.conn.Read(p)
		return n, 0, err
	}
	s.in.p = p
	err = s.raw.Read(s.in.try)
	s.in.p = nil
	switch {
	case err != nil: // closed, or past the deadline
		return 0, 0, err
	case s.in.err != nil:
		return 0, 0, s.failure("read", "recvmsg", s.in.err)
	case s.in.n == 0:
		return 0, 0, io.EOF
	}
	return s.in.n, s.in.stamp(), nil
}

// receive is one try; false asks the poller to wait until there is something.
func (s *socket) receive(fd uintptr) bool {
	r := &s.in
	for {
		r.n, r.oobn, r.err = r.receive(fd, r.p, r.oob[:])
		if r.err != syscall.EINTR {
			return r.err != syscall.EAGAIN
		}
	}
}

// stamp reads the control message, of which there is one kind: its length (a
// word), its level and type (four bytes each), seconds and nanoseconds (words).
// Where words are not of 64 bits the kernel is not understood, and 0 returned.
func (r *receiving) stamp() int64 {
	const level, kind, seconds, nanoseconds, end = 8, 12, 16, 24, 32
	order := binary.NativeEndian
	if r.oobn < end || order.Uint32(r.oob[level:]) != syscall.SOL_SOCKET || order.Uint32(r.oob[kind:]) != syscall.SO_TIMESTAMPNS {
		return 0
	}
	return int64(order.Uint64(r.oob[seconds:]))*1e9 + int64(order.Uint64(r.oob[nanoseconds:]))
}

// write is Write with the instant at which the system call began that took the
// last byte.
func (s *socket) write(p []byte) (n int, at time.Duration, err error) {
	s.out.p = p
	err = s.raw.Write(s.out.try)
	n = len(p) - len(s.out.p)
	s.out.p = nil
	if err == nil && s.out.err != nil {
		err = s.failure("write", "write", s.out.err)
	}
	return n, s.out.at, err
}

// send writes until nothing is left; false asks the poller to wait for room.
func (s *socket) send(fd uintptr) bool {
	w := &s.out
	for len(w.p) > 0 {
		w.at = s.now()
		n, err := syscall.Write(int(fd), w.p)
		if err == syscall.EINTR {
			continue
		}
		if w.err = err; err != nil {
			return err != syscall.EAGAIN
		}
		w.p = w.p[n:]
	}
	w.err = nil
	return true
}

// failure is the error that the connection's own method would have returned.
func (s *socket) failure(op, call string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: s.conn.LocalAddr(), Addr: s.conn.RemoteAddr(),
		Err: os.NewSyscallError(call, err)}
}
