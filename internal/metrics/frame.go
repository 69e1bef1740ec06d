package metrics

import (
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Frame is the state of a run as a progress line shows it. Unlike a Summary it
// counts every phase: it says what happened, not what will be judged. A failed
// request that may yet be retried counts as done and failed until its next
// attempt ends.
type Frame struct {
	At time.Duration // offset from the start

	Done, OK, Failed, Canceled int // requests, by their last attempt; Done is the sum of the others
	Dropped, OverBudget        int // requests never sent
	Attempts, RateLimited      int // attempts, and those answered 429
	OutputTokens               int64

	RequestsPerS     float64 // requests that ended in the second before At, each attempt as one
	RateLimitedPerS  float64
	OutputTokensPerS float64
	TTFTP50          Number // ms, of the last answers (256 at most) that ended in the 10 s before At

	USD          call.USD
	UncertainUSD call.USD // the part of USD that is a bound
}

func (f *Frame) attempt(a *attempt) {
	if !a.class.Sent() {
		return
	}
	f.Attempts++
	if a.class == call.RateLimited {
		f.RateLimited++
	}
	f.OutputTokens += int64(a.output)
	f.USD += a.cost
	if a.bound {
		f.UncertainUSD += a.cost
	}
}

func (f *Frame) request(a *attempt, n int) {
	switch {
	case a.class == call.Dropped:
		f.Dropped += n
		return
	case a.class == call.OverBudget:
		f.OverBudget += n
		return
	case a.class == call.OK:
		f.OK += n
	case a.class == call.Canceled:
		f.Canceled += n
	default:
		f.Failed += n
	}
	f.Done += n
}

// Frame returns the state at an instant, which should be that of the call.
func (l *Live) Frame(at time.Duration) Frame {
	f := l.counts
	f.At = at
	f.RequestsPerS, f.RateLimitedPerS, f.OutputTokensPerS = l.recent.perSecond(at)
	f.TTFTP50 = l.recent.ttftP50(at)
	return f
}

// slot is a tenth of a second: the grain of "the last second".
const slot = 100 * time.Millisecond

// recent is the last seconds of a run.
type recent struct {
	slots [32]struct {
		place                     int64 // which tenth of a second since the start
		calls, limited, generated int64
	}
	ttfts [256]struct{ done, ttft time.Duration }
	next  int
}

func (c *recent) see(r *row, class call.Class) {
	if !class.Sent() || r.done <= 0 {
		return
	}
	place := int64(r.done / slot)
	s := &c.slots[place%int64(len(c.slots))]
	if s.place > place {
		return // older than what is kept
	}
	if s.place < place {
		s.place, s.calls, s.limited, s.generated = place, 0, 0, 0
	}
	s.calls++
	if class == call.RateLimited {
		s.limited++
	}
	s.generated += int64(r.output)
	if class == call.OK && r.firstContent > 0 {
		c.ttfts[c.next] = struct{ done, ttft time.Duration }{r.done, r.firstContent - r.due}
		c.next = (c.next + 1) % len(c.ttfts)
	}
}

// perSecond sums the ten slots that ended by an instant.
func (c *recent) perSecond(at time.Duration) (calls, limited, tokens float64) {
	last := int64(at/slot) - 1
	for i := range c.slots {
		s := &c.slots[i]
		if s.place > last || s.place <= last-int64(time.Second/slot) {
			continue
		}
		calls += float64(s.calls)
		limited += float64(s.limited)
		tokens += float64(s.generated)
	}
	return calls, limited, tokens
}

// ttftP50 is a point median, not withheld: a progress line shows the moment.
func (c *recent) ttftP50(at time.Duration) Number {
	var v []float64
	for _, t := range c.ttfts {
		if t.done > 0 && t.done > at-10*time.Second {
			v = append(v, ms(t.ttft))
		}
	}
	return Number(sorted(v).at(0.5))
}
