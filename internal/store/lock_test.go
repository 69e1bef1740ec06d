package store

import (
	"errors"
	"testing"
)

func TestLock(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	first, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a second Lock: %v; want ErrLocked", err)
	}
	elsewhere, err := Lock(other)
	if err != nil {
		t.Errorf("of another directory: %v", err)
	} else if err := elsewhere.Close(); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(dir)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Lock(dir + "/nowhere"); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
