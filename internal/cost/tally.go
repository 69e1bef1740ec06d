package cost

import "sync"

// tally adds up what one reservation has cost. Results may be emitted from any
// goroutine, so it has a lock of its own.
type tally struct {
	guard    *Guard
	worst    int64 // what the request alone says
	reserved int64

	mu        sync.Mutex
	cost      int64
	uncertain int64
	emitted   bool
	complete  bool // the sender has returned
	settled   bool
}

// add counts the cost of one attempt. One that comes after the sender has
// returned is spent at once, on top of what was settled.
func (t *tally) add(cost int64, bound bool) {
	uncertain := int64(0)
	if bound {
		uncertain = cost
	}
	t.mu.Lock()
	late := t.settled
	if !late {
		t.cost, t.uncertain, t.emitted = add(t.cost, cost), add(t.uncertain, uncertain), true
	}
	t.mu.Unlock()
	if late {
		t.guard.late(cost, uncertain)
	}
}

// returned notes that the sender came back and did not panic.
func (t *tally) returned() {
	t.mu.Lock()
	t.complete = true
	t.mu.Unlock()
}

// settle hands the sum to the guard. What a sender that said nothing, or broke
// off, has cost nobody knows: it is taken for the whole reservation.
func (t *tally) settle() {
	t.mu.Lock()
	t.settled = true
	cost, uncertain := t.cost, t.uncertain
	if !(t.emitted && t.complete) && cost < t.reserved {
		uncertain = add(uncertain, t.reserved-cost)
		cost = t.reserved
	}
	t.mu.Unlock()
	if cost > t.reserved {
		t.guard.overrun(cost, t.worst)
	}
	t.guard.settle(t.reserved, cost, uncertain)
}
