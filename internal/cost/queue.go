package cost

import (
	"cmp"
	"slices"

	"github.com/tokenload/tokenload/internal/call"
)

// waiter is a request whose reservation did not fit. Class is set before done is closed.
type waiter struct {
	amount int64
	done   chan struct{}
	class  call.Class
}

// release ends the wait. The guard's lock is held.
func (w *waiter) release(c call.Class) {
	w.class = c
	close(w.done)
}

// refuse takes in a request that did not fit. It looks once more, under the lock;
// a request that still does not fit stays in the queue if the guard lets it wait,
// and is over budget if not.
func (g *Guard) refuse(amount int64) *waiter {
	g.tail.Store(true)
	w := &waiter{amount: amount, done: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting.Add(1)
	g.queue = append(g.queue, w)
	g.sweep()
	if w.class != call.OK {
		g.refused.Add(1)
	}
	if w.class == "" && !g.wait {
		g.remove(w)
		w.release(call.OverBudget)
	}
	return w
}

// wake gives what was settled to those who wait for it.
func (g *Guard) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep()
}

// leave takes a cancelled waiter out of the queue, unless its turn has just come.
func (g *Guard) leave(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.class == "" {
		g.remove(w)
		w.release(call.Canceled)
	}
}

func (g *Guard) remove(w *waiter) {
	g.queue = slices.DeleteFunc(g.queue, func(other *waiter) bool { return other == w })
	g.waiting.Add(-1)
}

// sweep releases every waiter that fits, first come first served; a small one may
// pass a large one. If none fits and nothing is in flight, the budget is exhausted
// and all of them are over budget. The lock is held.
//
// Reservations outside the lock go on meanwhile, so nothing in flight is believed
// only if no call began between two looks at the counter. A call that is in
// flight at the first look will find the queue when it settles, and sweep again:
// it counts itself out before it reads waiting, and who waits is counted in
// waiting before flight is read here.
func (g *Guard) sweep() {
	for {
		before := g.flight.Load()
		g.queue = slices.DeleteFunc(g.queue, g.grant)
		if len(g.queue) == 0 || inFlight(before) > 0 {
			return
		}
		if g.flight.Load() == before {
			break
		}
	}
	least := func(a, b *waiter) int { return cmp.Compare(a.amount, b.amount) }
	if first := slices.MinFunc(g.queue, least); !g.exhausted.Load() {
		g.wanted = first.amount
	}
	g.exhausted.Store(true)
	g.waiting.Add(-int64(len(g.queue)))
	for _, w := range g.queue {
		w.release(call.OverBudget)
	}
	g.queue = nil
}

// grant releases a waiter whose reservation fits now.
func (g *Guard) grant(w *waiter) bool {
	if g.exhausted.Load() || !g.take(w.amount) {
		return false
	}
	g.flight.Add(takeOff)
	g.waiting.Add(-1)
	w.release(call.OK)
	return true
}
