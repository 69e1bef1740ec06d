package main

import (
	"encoding/binary"
	"io"
	"net"
	"syscall"
	"time"
)

// receiver reads with the kernel's receive stamps, where it has them.
type receiver struct {
	raw syscall.RawConn // nil: our own clock
	oob [64]byte
}

func newStamped(c net.Conn) *stamped {
	s := &stamped{Conn: c}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return s
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return s
	}
	var refused error
	if err := raw.Control(func(fd uintptr) {
		refused = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	}); err == nil && refused == nil {
		s.raw = raw
	}
	return s
}

func (s *stamped) Read(p []byte) (int, error) {
	if s.raw == nil || len(p) == 0 {
		n, err := s.Conn.Read(p)
		s.at.Store(time.Now().UnixNano())
		return n, err
	}
	var n, oobn int
	var failed error
	if err := s.raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, failed = syscall.Recvmsg(int(fd), p, s.oob[:], 0)
		return failed != syscall.EAGAIN
	}); err != nil {
		return 0, err
	}
	if failed != nil {
		return 0, failed
	}
	if n == 0 {
		return 0, io.EOF
	}
	// A control message: length (8), level (4), type (4), seconds (8), nanoseconds (8).
	if oobn >= 32 && binary.NativeEndian.Uint32(s.oob[12:]) == syscall.SO_TIMESTAMPNS {
		s.at.Store(int64(binary.NativeEndian.Uint64(s.oob[16:]))*1e9 + int64(binary.NativeEndian.Uint64(s.oob[24:])))
	} else {
		s.at.Store(time.Now().UnixNano())
	}
	return n, nil
}
