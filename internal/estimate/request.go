package estimate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
)

// pending is a request on its way.
type pending struct {
	req     call.Request
	user    int      // -1: an arrival
	bound   call.USD // what is reserved for it
	class   *class
	answer  Answer
	attempt int
	waited  time.Duration // obey: all waits so far
	since   time.Duration // avoid: held since
}

// counted is the input that limits count: cache reads are free of them.
func (p *pending) counted() int64 {
	u := p.answer.Usage
	return u.Input + u.CacheWrite5m + u.CacheWrite1h
}

// purse is the budget as the guard keeps it.
type purse struct {
	budget    call.USD // 0 is none
	committed call.USD // spent and reserved
	open      int      // reservations
	queue     []*pending
}

func (m *purse) fits(p *pending) bool { return m.budget == 0 || p.bound <= m.budget-m.committed }

// begin makes an attempt: it asks for the answer, is held by avoid, reserves its
// worst case and is sent.
func (w *walk) begin(p *pending) {
	p.attempt++
	if w.asked++; w.asked > w.Most {
		w.est.Whole, w.ended = false, true
		w.inFlight--
		return
	}
	answer, err := w.api(w.now, p.req)
	if err != nil {
		w.est.Sent++
		w.est.Attempts++
		w.est.Rejected++
		if w.est.Rejection == "" {
			w.est.Rejection = err.Error()
		}
		w.at(w.now+w.Refusal, rankEnd, func() { w.leave(p) })
		return
	}
	p.answer = answer
	if w.Plan.OnLimit.Mode == limit.Avoid && p.class.paced != nil {
		w.hold(p)
		return
	}
	w.reserve(p)
}

// hold queues a request before its class; the first that came is the first to go.
func (w *walk) hold(p *pending) {
	p.since = w.now
	p.class.queue = append(p.class.queue, p)
	w.at(w.now+w.Plan.OnLimit.MaxHold, rankEnd, func() {
		if i := slices.Index(p.class.queue, p); i >= 0 {
			p.class.queue = slices.Delete(p.class.queue, i, i+1)
			w.est.Dropped++
			w.leave(p)
		}
	})
	if len(p.class.queue) == 1 {
		w.pump(p.class)
	}
}

// pump lets go whoever the paced limits let go now, and comes back for the next.
func (w *walk) pump(c *class) {
	for len(c.queue) > 0 {
		p := c.queue[0]
		if w.tooLate() {
			c.queue = c.queue[1:]
			w.leave(p)
			continue
		}
		if kind, wait := c.paced.Admit(w.now, p.counted()); wait > 0 {
			c.held(kind, w.now)
			w.at(w.now+wait, rankEnd, func() { w.pump(c) })
			return
		}
		c.queue = c.queue[1:]
		w.reserve(p)
	}
}

// reserve takes the worst case from the budget, or waits for it, or goes without.
func (w *walk) reserve(p *pending) {
	m := &w.purse
	if m.fits(p) && len(m.queue) == 0 {
		w.send(p)
		return
	}
	if p.user < 0 && m.open > 0 {
		w.est.OverBudget++
		w.leave(p)
		return
	}
	m.queue = append(m.queue, p)
	w.grant()
}

// grant lets go who fits now. If nobody does and nothing is in flight, the
// budget has stopped the run.
func (w *walk) grant() {
	m := &w.purse
	for i := 0; i < len(m.queue); {
		p := m.queue[i]
		if !m.fits(p) && !w.tooLate() {
			i++
			continue
		}
		m.queue = slices.Delete(m.queue, i, i+1)
		if w.tooLate() {
			w.leave(p)
		} else {
			w.send(p)
		}
	}
	if len(m.queue) == 0 || m.open > 0 {
		return
	}
	w.ended, w.est.Exhausted = true, max(w.now, 1) // 0 is never
	w.est.Wanted = slices.MinFunc(m.queue, func(a, b *pending) int { return cmp.Compare(a.bound, b.bound) }).bound
	w.est.Left = m.budget - m.committed
	w.est.OverBudget += len(m.queue)
	w.inFlight -= len(m.queue)
	m.queue = nil
}

// send gives the attempt to the API, whose limits may refuse it.
func (w *walk) send(p *pending) {
	w.purse.committed += p.bound
	w.purse.open++
	w.est.Attempts++
	w.est.WorstCase = addUSD(w.est.WorstCase, p.bound)
	if p.attempt == 1 {
		w.est.Sent++
		w.task(p).Sent++
	}
	if p.class.api != nil {
		if kind, wait := p.class.api.Admit(w.now, p.counted()); kind != "" {
			w.refused = true
			p.class.refuse(kind, w.now)
			w.at(w.now+w.Refusal, rankEnd, func() { w.limited(p, wait) })
			return
		}
	}
	if p.answer.Accept != nil {
		p.answer.Accept()
	}
	w.use(p)
	end := w.now + p.answer.Ends
	if stop := w.Plan.Load.End + w.Plan.GracefulStop; w.Plan.Load.End > 0 && end > stop {
		begun := w.now+p.answer.Begins <= stop
		w.at(stop, rankEnd, func() { w.cancel(p, begun) })
		return
	}
	w.at(end, rankEnd, func() { w.done(p) })
}

// limited is a 429: the request's end, or under obey a wait and another attempt.
func (w *walk) limited(p *pending, wait time.Duration) {
	w.settle(p, call.Result{Class: call.RateLimited, Status: 429})
	o := w.Plan.OnLimit
	after := max(time.Duration(math.Ceil(wait.Seconds()))*time.Second, time.Second) // as the header says it
	if o.Mode != limit.Obey || p.attempt >= o.MaxAttempts || p.waited+after > o.MaxWait {
		w.est.RateLimited++
		w.leave(p)
		return
	}
	p.waited += after
	w.at(w.now+after, rankDue, func() {
		if w.tooLate() {
			w.est.RateLimited++
			w.leave(p)
			return
		}
		w.begin(p)
	})
}

// tooLate reports whether who was held may not be sent any more.
func (w *walk) tooLate() bool { return w.ended || w.Plan.Load.End > 0 && w.now >= w.Plan.Load.End }

func (w *walk) done(p *pending) {
	w.est.OK++
	w.task(p).OK++
	w.settle(p, call.Result{Class: call.OK, Status: 200, Usage: p.answer.Usage, Known: call.UsageFinal, Written: true})
	w.leave(p)
}

// cancel ends a request that still runs when the graceful stop is over. What it
// has generated is not known and charged as a bound.
func (w *walk) cancel(p *pending, begun bool) {
	w.est.Canceled++
	res := call.Result{Class: call.Canceled, Written: true}
	if begun {
		res.Status, res.Known = 200, call.UsageInput
		res.Usage = p.answer.Usage
		res.Output, res.Thinking = 0, 0
	}
	w.settle(p, res)
	w.leave(p)
}

// settle turns the reservation into what the attempt cost.
func (w *walk) settle(p *pending, res call.Result) {
	cost, _ := w.Plan.Catalog.Charge(p.req, res)
	w.purse.committed += cost - p.bound
	w.purse.open--
	w.est.Cost += cost
	w.est.Usage = plus(w.est.Usage, res.Usage)
	t := w.task(p)
	t.Cost += cost
	t.Usage = plus(t.Usage, res.Usage)
	w.grant()
}

func (w *walk) task(p *pending) *Task {
	t := w.tasks[p.req.Task]
	if t == nil {
		t = &Task{Name: p.req.Task, Model: p.req.Model}
		w.tasks[p.req.Task] = t
	}
	return t
}

func plus(a, b call.Usage) call.Usage {
	a.Input += b.Input
	a.CacheWrite5m += b.CacheWrite5m
	a.CacheWrite1h += b.CacheWrite1h
	a.CacheRead += b.CacheRead
	a.Output += b.Output
	a.Thinking += b.Thinking
	return a
}

// addUSD adds amounts that are not negative and stays at the highest there is:
// a bound may be everything.
func addUSD(a, b call.USD) call.USD {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
