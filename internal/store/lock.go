package store

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// LockFile is the file by which a directory is held; it is empty, and stays.
const LockFile = ".lock"

// ErrLocked is that another holds the directory.
var ErrLocked = errors.New("another process is at work in it")

// Lock holds a directory for its caller alone until it is closed, or until its
// process has ended, however that ends: the kernel lets go. It never waits: a
// directory that is held is ErrLocked. The directory must exist.
func Lock(dir string) (io.Closer, error) {
	f, err := lockFile(filepath.Join(dir, LockFile))
	if err != nil {
		return nil, fmt.Errorf("lock directory %q: %w", dir, err)
	}
	// Note: the file is not removed. Who had opened it before would then hold a
	// file that nobody else sees.
	return f, nil
}

// held is err, or ErrLocked where it says that another has the file.
func held(err, busy error) error {
	if errors.Is(err, busy) {
		return ErrLocked
	}
	return err
}
