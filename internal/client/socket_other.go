//go:build !linux

package client

import (
	"net"
	"os"
	"time"
)

// kernelStamps says whether this system's kernel can be asked.
const kernelStamps = false

func stamping() *os.File { return nil }

// socket is a connection whose kernel tells when bytes came; there is none for
// this system.
type socket struct{}

func newSocket(net.Conn, clock) *socket { return nil }

func (*socket) read([]byte) (n int, stamp int64, err error)       { return 0, 0, net.ErrClosed }
func (*socket) write([]byte) (n int, at time.Duration, err error) { return 0, 0, net.ErrClosed }
