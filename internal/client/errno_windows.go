package client

import (
	"errors"
	"syscall"
)

const refused = syscall.Errno(10061) // WSAECONNREFUSED

// reset reports whether an error is the other side's reset of a connection.
func reset(err error) bool {
	return errors.Is(err, syscall.WSAECONNRESET) || errors.Is(err, syscall.WSAECONNABORTED)
}
