package run

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPercent(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		own         int
		live, roots int64
		want        int
	}{
		{100, 0, 0, 800},             // Go's least heap grows to 32 MiB
		{100, 2 * mib, 0, 800},       // to 18 MiB, which is less than that least
		{100, 8 * mib, 0, 300},       // to 32 MiB
		{100, 8 * mib, 4 * mib, 200}, // stacks count as the heap does
		{100, 20 * mib, 0, 100},      // Go's own rule
		{100, 64 * mib, 0, 100},
		{500, 20 * mib, 0, 500},
		{50, 20 * mib, 0, 60},
	} {
		if got := percent(tt.own, tt.live, tt.roots); got != tt.want {
			t.Errorf("percent(%d, %d, %d) = %d; want %d", tt.own, tt.live, tt.roots, got, tt.want)
		}
	}
}

// garbage makes MiBs of it and returns how often it was collected meanwhile.
func garbage(mib int) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range mib * 16 {
		waste = make([]byte, 64<<10)
	}
	runtime.ReadMemStats(&after)
	return int(after.NumGC - before.NumGC)
}

var waste []byte

func TestCalm(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	runtime.GC()
	stop := calm()
	calmed := garbage(100)
	stop()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("GOGC is %d afterwards; want 100", got)
	}
	runtime.GC()
	own := garbage(100)
	if t.Logf("%d collections, without it %d", calmed, own); calmed > own/2 || calmed == 0 {
		t.Errorf("%d collections of 100 MiB of garbage, without it %d; want less than half", calmed, own)
	}

	debug.SetGCPercent(-1)
	stop = calm()
	if got := debug.SetGCPercent(-1); got != -1 {
		t.Errorf("a collector that was off is set to %d", got)
	}
	stop()
}
