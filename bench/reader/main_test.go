package main

import "testing"

// TestCounter: a stream has as many events however its reads cut it.
func TestCounter(t *testing.T) {
	const stream = "event: a\ndata: {}\n\nevent: b\ndata: {}\n\nevent: c\ndata: {}\n\n"
	for size := 1; size <= len(stream); size++ {
		var c counter
		var n int64
		for rest := []byte(stream); len(rest) > 0; {
			cut := min(size, len(rest))
			n += c.add(rest[:cut])
			rest = rest[cut:]
		}
		if n != 3 {
			t.Errorf("reads of %d bytes: %d events; want 3", size, n)
		}
	}
}
