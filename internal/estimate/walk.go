package estimate

import (
	"cmp"
	"container/heap"
	"iter"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/plan"
)

// walk is one way through a plan. Its clock is the instant of the event that is
// being carried out.
type walk struct {
	Config
	api    API
	now    time.Duration
	events events
	order  int
	last   time.Duration // when the last answer ended

	next     int // index to give out
	inFlight int
	ended    bool // nothing new is sent
	refused  bool // some attempt met a 429
	asked    int  // answers so far
	think    func(index int) time.Duration
	crew     []user // closed loop
	wanted   int    // closed loop: users with a lower number stay

	untilRefused bool // the walk ends with the first 429

	purse   purse
	classes map[string]*class
	tasks   map[string]*Task
	est     Estimate
}

func newWalk(c Config) *walk {
	c.Most = cmp.Or(c.Most, 100_000)
	c.Refusal = cmp.Or(c.Refusal, time.Millisecond)
	w := &walk{Config: c, api: c.API(), think: c.Plan.Think(), classes: map[string]*class{}, tasks: map[string]*Task{}}
	if c.Plan.Budget.Given {
		w.purse.budget = c.Plan.Budget.Guard.Budget
	}
	w.est.Whole = true
	return w
}

// run carries out every event in order and adds up.
func (w *walk) run() Estimate {
	if w.Plan.Load.Mode == plan.Arrivals {
		next, stop := iter.Pull2(w.Plan.Load.Profile.Arrivals(w.Plan.Seed))
		defer stop()
		w.arrive(next)
	} else {
		for at, n := range w.Plan.Load.Changes() {
			w.at(at, rankChange, func() { w.users(n) })
		}
	}
	for len(w.events) > 0 && !(w.refused && w.untilRefused) {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	return w.sum()
}

// arrive schedules the next arrival; each schedules the one after it.
func (w *walk) arrive(next func() (int, time.Duration, bool)) {
	index, due, ok := next()
	if !ok || w.ended {
		return
	}
	w.at(due, rankDue, func() {
		w.arrive(next)
		if w.inFlight >= w.Plan.Load.MaxInFlight {
			w.est.Dropped++
			return
		}
		w.begin(w.request(index, -1))
	})
}

// user is one user of the closed loop.
type user struct {
	here bool // pausing, or being answered
	busy bool // being answered
	life int  // counts how often the user has come, so that a turn of an earlier life is void
}

// users changes how many users there are. Who is new is due at once; who is not
// wanted leaves, after an answer that is under way.
func (w *walk) users(n int) {
	for len(w.crew) < n {
		w.crew = append(w.crew, user{})
	}
	for i := n; i < w.wanted; i++ {
		if u := &w.crew[i]; !u.busy {
			u.here = false
			u.life++
		}
	}
	old := w.wanted
	w.wanted = n
	for i := old; i < n; i++ {
		if u := &w.crew[i]; !u.here { // else still being answered, and stays
			u.here = true
			w.turn(i, w.now)
		}
	}
}

// turn lets a user send at an instant, if the user is still there then.
func (w *walk) turn(i int, due time.Duration) {
	life := w.crew[i].life
	w.at(due, rankDue+i, func() {
		u := &w.crew[i]
		if u.life != life || w.over() {
			return
		}
		u.busy = true
		index := w.next
		w.next++
		w.begin(w.request(index, i))
	})
}

// over reports whether no request may start any more.
func (w *walk) over() bool {
	l := w.Plan.Load
	return w.ended || l.End > 0 && w.now >= l.End || l.Requests > 0 && w.next >= l.Requests
}

// leave frees the place of a request that is over; its user thinks or goes.
func (w *walk) leave(p *pending) {
	w.inFlight--
	w.last = max(w.last, w.now)
	if p.user < 0 {
		return
	}
	u := &w.crew[p.user]
	u.busy, u.here = false, p.user < w.wanted
	if !u.here {
		return
	}
	due := w.now
	if w.think != nil {
		due += w.think(p.req.Index)
	}
	w.turn(p.user, due)
}

// request makes the request with an index, due now, for a user or (-1) nobody.
func (w *walk) request(index, user int) *pending {
	req := w.Mix.Request(index)
	req.Due, req.Phase = w.now, call.Main
	p := &pending{req: req, user: user, bound: w.Plan.Catalog.Bound(req)}
	p.class = w.class(req.Model)
	w.inFlight++
	w.est.PeakInFlight = max(w.est.PeakInFlight, w.inFlight)
	return p
}

// at schedules something. Of what is due at one instant, the lowest rank comes
// first and then what was scheduled first.
func (w *walk) at(at time.Duration, rank int, do func()) {
	w.order++
	heap.Push(&w.events, event{at: max(at, w.now), rank: rank, order: w.order, do: do})
}

// Ranks: answers end before users come, go and send; users send by number.
const (
	rankEnd    = 0
	rankChange = 1
	rankDue    = 2
)

type event struct {
	at          time.Duration
	rank, order int
	do          func()
}

// events is a heap of events, the earliest first.
type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank), cmp.Compare(a.order, b.order)) < 0
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is part of heap.Interface.
func (h *events) Push(e any) { *h = append(*h, e.(event)) }

// Pop is part of heap.Interface.
func (h *events) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}
