//go:build !linux

package main

import (
	"errors"
	"time"
)

// processTime is not known here.
func processTime(int) time.Duration { return 0 }

// resident is not known here.
func resident(int) (float64, error) { return 0, errors.New("memory is read from /proc: Linux only") }
