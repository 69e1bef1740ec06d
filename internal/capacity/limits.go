package capacity

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/stats"
)

// bucket is one limit of one model class.
type bucket struct {
	class string
	kind  call.LimitKind
}

// Ceiling is the load that one limit carries for ever.
type Ceiling struct {
	Class     string
	Kind      call.LimitKind
	PerMinute stats.Estimate // its refill, in its units
	Said      float64        // the limit a minute, as headers say; NaN where none does
	Capacity  float64        // the most it holds, in its units; NaN where nothing tells
	Each      stats.Estimate // units that a request of the plan takes, on average
	Load      stats.Estimate // requests a second
	From      string         // limit.FromHeaders or limit.FromRefusals
	Refused   int            // attempts that it refused
}

// Burst is how many requests a full bucket lets through at once; NaN where its
// capacity is not known.
func (c Ceiling) Burst() float64 { return c.Capacity / c.Each.Value }

// holds is what a full bucket is taken to hold where something must be planned: its
// capacity, or a minute's refill, as usual, where that is not known.
func (c Ceiling) holds() float64 {
	if math.IsNaN(c.Capacity) {
		return c.PerMinute.Value
	}
	return c.Capacity
}

// Exhausted is after how long a full bucket is empty at so many times its refill;
// 0 is never, or not known.
func (c Ceiling) Exhausted(times float64) time.Duration {
	s := c.Capacity / (c.PerMinute.Value / 60 * (times - 1))
	if times <= 1 || math.IsNaN(s) || s > 1e9 {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

const (
	answerParts = 16   // of an answer, whose output tokens are counted while they come
	agree       = 0.10 // how far the slope of the headers may be from what they announce
	level       = 0.95
)

// said is what headers have said of each limit, in order.
type said map[bucket][]limit.Said

func (d said) add(c *Call) {
	if c.FirstByte == 0 || c.Limits.IsZero() {
		return
	}
	kinds := map[call.LimitKind]*call.Limit{
		call.LimitRequests: c.Limits.Requests, call.LimitInputTokens: c.Limits.InputTokens, call.LimitOutputTokens: c.Limits.OutputTokens,
	}
	if c.Limits.InputTokens == nil && c.Limits.OutputTokens == nil {
		kinds[call.LimitTokens] = c.Limits.Tokens // beside them it only repeats them
	}
	for k, l := range kinds {
		if l == nil || l.Limit == nil || *l.Limit <= 0 {
			continue
		}
		b := bucket{call.ModelClass(c.Model), k}
		h := limit.Said{At: c.Origin + c.FirstByte, Limit: float64(*l.Limit), Remaining: float64(*l.Limit)}
		if l.Remaining != nil && !l.Reset.IsZero() {
			h.Remaining, h.Full = float64(*l.Remaining), time.Duration(l.Reset.UnixNano()) // since when does not matter
		}
		d[b] = append(d[b], h)
	}
}

// ceilings are all limits that are known, the lowest first.
func (s *Search) ceilings() []Ceiling {
	var all []Ceiling
	known := map[bucket]bool{}
	for b := range s.said {
		if c, ok := s.announced(b); ok {
			all, known[b] = append(all, c), true
		}
	}
	for b := range s.refused {
		if c, ok := s.met(b); ok && !known[b] {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Ceiling) int {
		return cmp.Or(cmp.Compare(a.Load.Value, b.Load.Value), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}

// announced is a limit that headers speak of. What they announce is exact; where
// the refill that they show is another, that one is believed.
func (s *Search) announced(b bucket) (Ceiling, bool) {
	list := s.said[b]
	last := list[len(list)-1].Limit
	c := Ceiling{Class: b.class, Kind: b.kind, Said: last, Capacity: last, From: limit.FromHeaders, Refused: s.refused[b],
		PerMinute: stats.Estimate{Value: last, Low: last, High: last, N: len(list)}}
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b limit.Said) int { return cmp.Compare(a.At, b.At) })
	fit, ok := limit.FitHeaders(sorted, level)
	if ok && fit.PerMinute.Bounded() && sorted[len(sorted)-1].At-sorted[0].At >= time.Minute &&
		(fit.PerMinute.Low > last*(1+agree) || fit.PerMinute.High < last*(1-agree)) {
		c.PerMinute = fit.PerMinute
	}
	if c.Refused > 0 { // so it was empty, and what it had let through by then is what it held
		demands := s.demands(b)
		if held := limit.Stored(demands, c.PerMinute.Value/60); held < shallow*last {
			c.Capacity = math.NaN() // it holds less than a minute, or it was not full when the search began
			if wasFull(sorted[0], demands) {
				c.Capacity = held
			}
		}
	}
	return s.inRequests(c)
}

// wasFull reports whether the first header shows a bucket that was full before
// anything was taken of it.
func wasFull(first limit.Said, demands []limit.Demand) bool {
	taken := 0.0
	for _, d := range demands {
		if !d.Refused && d.At <= first.At {
			taken += d.Units
		}
	}
	return first.Remaining+taken >= full*first.Limit
}

// full is the part of a limit from which a bucket is taken to be full: headers
// round, and some of it may be back by then.
const full = 0.95

// shallow is the part of a minute under which a bucket does not hold the minute
// that a limit is taken to hold.
const shallow = 0.8

// met is a limit that shows by its 429s alone: what it lets through while it
// refuses is its refill.
func (s *Search) met(b bucket) (Ceiling, bool) {
	c := Ceiling{Class: b.class, Kind: b.kind, Said: math.NaN(), Capacity: math.NaN(), From: limit.FromRefusals, Refused: s.refused[b]}
	units, square, span, n := 0.0, 0.0, 0.0, 0
	for i := range s.done {
		u, sq, sec, k := s.refill(&s.done[i], b)
		units, square, span, n = units+u, square+sq, span+sec, n+k
	}
	if span < leastSpan.Seconds() || n < leastThrough {
		return c, false
	}
	rate := units / span
	// At either end the bucket may hold up to what one request takes more or less,
	// and one that is longer than usual is refused while it holds more than usual.
	each := units / float64(n)
	off := 3 * 60 * (each + math.Sqrt(max(0, square/float64(n)-each*each))) / span
	c.PerMinute = stats.Estimate{Value: rate * 60, Low: rate*60 - off, High: rate*60 + off, N: n}
	c.Capacity = limit.Stored(s.demands(b), rate)
	return s.inRequests(c)
}

// The least from which a refill is believed.
const (
	leastSpan    = 3 * time.Second
	leastThrough = 5
)

// inRequests turns a refill into requests of the plan.
func (s *Search) inRequests(c Ceiling) (Ceiling, bool) {
	c.Each = s.each(bucket{c.Class, c.Kind})
	if c.Kind == call.LimitUnknown || c.Kind == call.LimitRamp {
		c.Each = s.each(bucket{c.Class, call.LimitRequests})
	}
	if !(c.Each.Value > 0) {
		return c, false
	}
	v := c.PerMinute.Value / 60 / c.Each.Value
	a, b := halfWidth(c.PerMinute), halfWidth(c.Each)
	out := v * math.Sqrt(a*a+b*b)
	c.Load = stats.Estimate{Value: v, Low: max(0, v-out), High: v + out, N: c.Each.N}
	return c, true
}

// halfWidth is half the interval as a part of the value; NaN without one.
func halfWidth(e stats.Estimate) float64 { return (e.High - e.Low) / 2 / e.Value }

// refill is what a limit let through, and its squares, in one step between the first and the last
// time that it let somebody through again: at both the bucket was as good as empty.
func (s *Search) refill(d *done, b bucket) (units, square, seconds float64, n int) {
	demands := s.demandsOf(d, b)
	first, last, before := time.Duration(-1), time.Duration(-1), false
	for _, a := range d.asks(b) {
		if before && !a.Refused {
			if first < 0 {
				first = a.At
			}
			last = a.At
		}
		before = a.Refused
	}
	if first < 0 || last <= first {
		return 0, 0, 0, 0
	}
	for _, q := range demands {
		if !q.Refused && q.At > first && q.At <= last {
			units += q.Units
			square += q.Units * q.Units
			n++
		}
	}
	if b.kind == call.LimitOutputTokens || b.kind == call.LimitTokens {
		n = (n + answerParts - 1) / answerParts
	}
	return units, square, (last - first).Seconds(), n
}

// asks are when a limit was asked, and what it said.
func (d *done) asks(b bucket) []limit.Demand {
	var out []limit.Demand
	for i := range d.Calls {
		c := &d.Calls[i]
		if c.Sent == 0 || call.ModelClass(c.Model) != b.class || c.Class == call.RateLimited && kindOf(c) != b.kind {
			continue
		}
		out = append(out, limit.Demand{At: c.Origin + c.Sent, Refused: c.Class == call.RateLimited})
	}
	return limit.InOrder(out)
}

// demands are what was taken of a limit in all steps.
func (s *Search) demands(b bucket) []limit.Demand {
	var out []limit.Demand
	for i := range s.done {
		out = append(out, s.demandsOf(&s.done[i], b)...)
	}
	return limit.InOrder(out)
}

func (s *Search) demandsOf(d *done, b bucket) []limit.Demand {
	var out []limit.Demand
	for i := range d.Calls {
		c := &d.Calls[i]
		if c.Sent == 0 || call.ModelClass(c.Model) != b.class {
			continue
		}
		at := c.Origin + c.Sent
		if c.Class == call.RateLimited {
			if kindOf(c) == b.kind {
				out = append(out, limit.Demand{At: at, Refused: true})
			}
			continue
		}
		switch b.kind {
		case call.LimitInputTokens:
			out = append(out, limit.Demand{At: at, Units: c.counted()})
		case call.LimitOutputTokens:
			out = append(out, spread(c, float64(c.Output))...)
		case call.LimitTokens:
			out = append(append(out, limit.Demand{At: at, Units: c.counted()}), spread(c, float64(c.Output))...)
		default:
			out = append(out, limit.Demand{At: at, Units: 1})
		}
	}
	return limit.InOrder(out)
}

// spread lays output over the time in which it came.
func spread(c *Call, output float64) []limit.Demand {
	first := cmp.Or(c.FirstContent, c.LastContent, c.Done)
	last := cmp.Or(c.LastContent, c.Done)
	out := make([]limit.Demand, answerParts)
	for i := range out {
		at := first + (last-first)*time.Duration(i)/answerParts
		out[i] = limit.Demand{At: c.Origin + at, Units: output / answerParts}
	}
	return out
}

// kindOf is the limit behind a 429.
func kindOf(c *Call) call.LimitKind { return cmp.Or(c.LimitedBy, call.LimitUnknown) }
