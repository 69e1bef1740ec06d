package limit

import (
	"container/list"
	"sync"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// blockMost caps how long one retry-after stops a class: a bucket that holds a
// minute is full again after one.
const blockMost = time.Minute

// lane is the queue before one model class: who comes first leaves first.
type lane struct {
	mu    sync.Mutex
	base  time.Time // instant 0, a nanosecond before the first request could come
	begun bool      // a request has come

	gauges  [numKinds]gauge
	tasks   map[taskKind]*estimate
	open    float64       // output tokens charged for requests under way
	blocked time.Duration // nothing leaves before: a retry-after

	queue  list.List // of *waiter
	timer  *time.Timer
	wakeAt time.Duration // when timer fires; 0: it does not
}

// ticket is a request that was let through: what it was charged, and when.
type ticket struct {
	at      time.Duration
	cost    cost
	marks   [numKinds]mark
	settled bool
}

// waiter is a request in the queue. Its fields belong to the lane's lock until
// done is closed.
type waiter struct {
	req    call.Request
	ticket ticket
	since  time.Duration
	held   time.Duration // set when it leaves the queue, either way
	done   chan struct{} // closed when it may go
	place  *list.Element // nil when it has left the queue
}

func newLane(share float64, base time.Time) *lane {
	l := &lane{base: base, tasks: map[taskKind]*estimate{}}
	for i := range l.gauges {
		l.gauges[i].share, l.gauges[i].trial.share = share, share
	}
	return l
}

func (l *lane) now() time.Duration { return time.Since(l.base) }

// enter lets req through with its ticket, or puts it in the queue.
func (l *lane) enter(req call.Request, t *ticket) *waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.begun {
		l.begin(now)
	}
	if l.queue.Len() == 0 {
		t.cost = l.task(req).of(req)
		if l.ready(now, &t.cost) <= now {
			l.charge(now, t)
			return nil
		}
	}
	w := &waiter{req: req, since: now, done: make(chan struct{})}
	w.place = l.queue.PushBack(w)
	if l.queue.Len() == 1 {
		l.pump(now, false)
	}
	return w
}

func (l *lane) begin(now time.Duration) {
	l.begun = true
	for i := range l.gauges {
		l.gauges[i].began = now
	}
}

// leave takes w out of the queue; true if it was let through meanwhile.
func (l *lane) leave(w *waiter) (through bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.place == nil {
		return true
	}
	now := l.now()
	l.remove(w, now)
	l.pump(now, true)
	return false
}

// remove ends the wait of w at now.
func (l *lane) remove(w *waiter, now time.Duration) {
	l.queue.Remove(w.place)
	w.place = nil
	w.held = max(0, now-w.since)
}

// ready returns the first instant from now on at which c may be charged.
func (l *lane) ready(now time.Duration, c *cost) time.Duration {
	at := max(now, l.blocked)
	for i := range l.gauges {
		at = max(at, l.gauges[i].ready(now, c[i]))
	}
	return at
}

func (l *lane) charge(now time.Duration, t *ticket) {
	t.at = now
	l.open += t.cost[outputTokens]
	for i := range l.gauges {
		open := 0.0
		if i == outputTokens || i == tokens {
			open = l.open
		}
		t.marks[i] = l.gauges[i].charge(now, t.cost[i], open)
	}
}

// task is what is known of requests of the same kind.
func (l *lane) task(req call.Request) *estimate {
	k := taskKind{req.Task, req.Cold}
	e := l.tasks[k]
	if e == nil {
		e = &estimate{}
		l.tasks[k] = e
	}
	return e
}

// pump lets through whoever may leave at now and sets the timer for the next.
// Waited says whether the queue has stood since pump was last called.
func (l *lane) pump(now time.Duration, waited bool) {
	for i := range l.gauges {
		l.gauges[i].trial.grow(now, waited)
	}
	for l.queue.Len() > 0 {
		w := l.queue.Front().Value.(*waiter)
		w.ticket.cost = l.task(w.req).of(w.req)
		if at := l.ready(now, &w.ticket.cost); at > now {
			l.schedule(at)
			return
		}
		l.charge(now, &w.ticket)
		l.remove(w, now)
		close(w.done)
	}
	l.schedule(0)
}

// schedule sets the timer to at; 0 is never.
func (l *lane) schedule(at time.Duration) {
	switch {
	case at == l.wakeAt:
		return
	case at == 0:
		l.timer.Stop()
	case l.timer == nil:
		l.timer = time.AfterFunc(at-l.now(), l.wake)
	default:
		l.timer.Reset(at - l.now())
	}
	l.wakeAt = at
}

// wake lets through everyone whose instant has come. Each leaves at the instant
// that was due, not at the one at which we woke: being late is our lag and must
// not be told as held.
func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for l.wakeAt != 0 && l.wakeAt <= now {
		at := l.wakeAt
		l.wakeAt = 0
		l.pump(at, true)
	}
}

// settle corrects the charge of t by what became of the request, learns from the
// answer's headers and refusal, and lets others through.
func (l *lane) settle(t *ticket, req call.Request, r call.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.close(now, t, actual(t.cost, r))
	l.task(req).learn(req, r)
	for i := range l.gauges {
		if h := header(r.Limits, i); h != nil && !(i == tokens && restated(r.Limits)) {
			l.gauges[i].learn(now, t, i, *h)
		}
	}
	if r.Class == call.RateLimited {
		l.refused(now, t, r)
	}
	if l.queue.Len() > 0 {
		l.pump(now, true)
	}
}

// close replaces the estimate by what was used, once.
func (l *lane) close(now time.Duration, t *ticket, used cost) {
	if t.settled {
		return
	}
	t.settled = true
	l.open -= t.cost[outputTokens]
	for i := range l.gauges {
		l.gauges[i].refund(now, t.at, t.cost[i]-used[i])
	}
}

// abandon gives back the charge of a request that was never sent.
func (l *lane) abandon(t *ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.settled {
		return
	}
	now := l.now()
	l.close(now, t, cost{})
	l.pump(now, true)
}

// refused takes in a 429. A cap on spending is no rate. A limit that is known
// and was empty explains itself; anything else (no headers, a ramp, a window
// shorter than the headers tell) puts a rate on trial, of the limit that the 429
// named, else of requests.
func (l *lane) refused(now time.Duration, t *ticket, r call.Result) {
	if r.LimitedBy == call.LimitSpend {
		return
	}
	after := time.Second // how long to wait where nothing is said
	if r.RetryAfter != nil {
		if d, ok := seconds(*r.RetryAfter); ok {
			after = min(d, blockMost)
			l.blocked = max(l.blocked, now+after)
		}
	}
	named := requests
	for i, kind := range kinds {
		switch {
		case r.LimitedBy == kind:
			named = i
			if l.gauges[i].refused(now, t, i, header(r.Limits, i)) {
				return
			}
		case r.LimitedBy != call.LimitRamp && emptied(header(r.Limits, i), i, t.cost[i]):
			return
		}
	}
	g, open := &l.gauges[named], 0.0
	if named == outputTokens || named == tokens {
		open = l.open / 2 // on the average, half of what is under way is generated
	}
	g.trial.cut(now, refusal{sent: t.at, began: g.began, units: t.cost[named], charged: g.charged, open: open,
		after: max(1, after.Seconds())})
}

// emptied reports whether h tells of too little for n units.
func emptied(h *call.Limit, i int, n float64) bool {
	if h == nil || h.Remaining == nil {
		return false
	}
	if i != requests {
		n += rounding / 2
	}
	return float64(*h.Remaining) < n
}

// restated reports whether the tokens headers only repeat what the input and
// output headers say: one of them, or their sum. Only a limit of its own (a
// workspace's) may hold requests back by itself.
func restated(l call.Limits) bool {
	if l.InputTokens == nil || l.OutputTokens == nil || l.Tokens == nil {
		return false
	}
	all, in, out := natural(l.Tokens.Limit), natural(l.InputTokens.Limit), natural(l.OutputTokens.Limit)
	if all == nil || in == nil || out == nil {
		return false
	}
	return *all == *in || *all == *out || *all >= *in+*out
}
