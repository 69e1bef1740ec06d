//go:build linux && !amd64 && !arm64

package client

import "syscall"

// message keeps nothing here.
type message struct{}

// receive is recvmsg on a socket that does not block.
func (*message) receive(fd uintptr, p, oob []byte) (n, oobn int, err error) {
	n, oobn, _, _, err = syscall.Recvmsg(int(fd), p, oob, 0)
	return n, oobn, err
}
