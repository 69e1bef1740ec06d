//go:build amd64 || arm64

package client

import (
	"syscall"
	"unsafe"
)

// message is what recvmsg takes and gives, kept for the next read.
type message struct {
	header syscall.Msghdr
	bytes  syscall.Iovec
}

// receive is recvmsg on a socket that does not block.
//
// Note: the call does not block, but Go's scheduler must be told of it all the
// same (no RawSyscall): where another process takes the core inside it, only a
// scheduler that knows can let the other streams be read meanwhile.
func (m *message) receive(fd uintptr, p, oob []byte) (n, oobn int, err error) {
	m.bytes.Base = &p[0]
	m.bytes.SetLen(len(p))
	m.header.Iov, m.header.Iovlen = &m.bytes, 1
	m.header.Control = &oob[0]
	m.header.SetControllen(len(oob))
	got, _, errno := syscall.Syscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&m.header)), 0)
	m.bytes.Base = nil // the buffer is not ours to keep
	if errno != 0 {
		return 0, 0, errno
	}
	return int(got), int(m.header.Controllen), nil
}
