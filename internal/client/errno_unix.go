//go:build !windows

package client

import (
	"errors"
	"syscall"
)

const refused = syscall.ECONNREFUSED

// reset reports whether an error is the other side's reset of a connection.
func reset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
