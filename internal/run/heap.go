package run

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// leastHeap is the heap below which garbage is not collected.
const leastHeap = 32 << 20

// calm keeps Go's collector from running while the heap is below leastHeap; above
// it nothing changes. A run begins with a heap of a few MiB, which at thousands of
// requests a second is full of garbage many times a second, just when every
// connection is being opened: requests fall behind, open connections of their own
// while they wait for one, and make more garbage. Stop ends it.
//
// A collector that the user has turned off, or set higher, is left alone.
func calm() (stop func()) {
	own := debug.SetGCPercent(-1)
	debug.SetGCPercent(own)
	if own < 0 {
		return func() {}
	}
	c := &calmed{own: own, set: own}
	c.after(struct{}{})
	return c.stop
}

// calmed is the collector while it is kept calm.
type calmed struct {
	mu       sync.Mutex
	own, set int // percent: the user's, and what is in force
	stopped  bool
}

// after is called when a collection has ended: it sets when the next is due.
func (c *calmed) after(struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	live, roots := scanned()
	if p := percent(c.own, live, roots); p < c.set || p > c.set+c.set/8 {
		c.set = p
		debug.SetGCPercent(p)
	}
	// What nobody holds is found by the next collection.
	runtime.AddCleanup(new(*calmed), c.after, struct{}{})
}

func (c *calmed) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	debug.SetGCPercent(c.own)
}

// percent is the growth, in percent, after which garbage is to be collected:
// own, or as much more as reaches leastHeap. Live is what was left of the heap;
// roots is what else was scanned, stacks above all, which counts as the heap does.
func percent(own int, live, roots int64) int {
	const most = leastHeap / (4 << 20) * 100 // Go's own least heap is 4 MiB per 100 percent
	if live >= leastHeap {
		return own
	}
	return max(own, min(int((leastHeap-live)*100/max(live+roots, 1)), most))
}

// scanned returns what the last collection found.
func scanned() (live, roots int64) {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()), int64(s[1].Value.Uint64() + s[2].Value.Uint64())
}
