package metrics

import (
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// mostPoints is how many steps a series has at most.
const mostPoints = 600

// stepFor returns the shortest step, of those people read easily, that covers a
// run with at most mostPoints points.
func stepFor(last time.Duration) time.Duration {
	for _, s := range []int{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600} {
		if step := time.Duration(s) * time.Second; last/step < mostPoints {
			return step
		}
	}
	step := 2 * time.Hour
	for last/step >= mostPoints {
		step *= 2
	}
	return step
}

// series returns the course of the run, every phase of it. Percentiles of a step
// describe the requests due in it and are not withheld: they are points of a
// chart, not estimates. In flight is the most at once during the step.
func (t *Table) series() Series {
	if t.Len() == 0 {
		return Series{StepS: 1, T: []float64{}, Requests: []int{}, InFlight: []int{}, RateLimited: []int{},
			OutputTokens: []int64{}, TTFTP50: []Number{}, TTFTP95: []Number{}, USD: []Number{}}
	}
	step := stepFor(t.extent.last)
	n := int(t.extent.last/step) + 1
	s := Series{
		StepS: step.Seconds(), T: make([]float64, n), Requests: make([]int, n), RateLimited: make([]int, n),
		OutputTokens: make([]int64, n), TTFTP50: make([]Number, n), TTFTP95: make([]Number, n), USD: make([]Number, n),
	}
	place := func(at time.Duration) int { return int(max(at, 0) / step) }
	spent := make([]call.USD, n)
	for i := range t.Len() {
		r := t.row(i)
		class := t.labels[r.label].class
		if r.last && class.Sent() {
			s.Requests[place(r.due)]++
		}
		if class == call.RateLimited {
			s.RateLimited[place(r.due)]++
		}
		s.OutputTokens[place(r.done)] += int64(r.output)
		spent[place(r.done)] += r.cost
	}
	var sum call.USD
	for i := range n {
		s.T[i] = float64(i) * step.Seconds()
		sum += spent[i]
		s.USD[i] = Number(sum.Dollars())
	}
	t.seriesTTFT(&s, place)
	s.InFlight = t.inFlight(n, step)
	return s
}

func (t *Table) seriesTTFT(s *Series, place func(time.Duration) int) {
	ttft := trendsByName()["ttft"]
	byStep := make([][]float64, len(s.T))
	for i := range t.Len() {
		r := t.row(i)
		if !r.last {
			continue
		}
		if v, ok := ttft.value(r, t.look(i, r, false)); ok {
			at := place(r.due)
			byStep[at] = append(byStep[at], v)
		}
	}
	for i, v := range byStep {
		in := sorted(v)
		s.TTFTP50[i], s.TTFTP95[i] = Number(in.at(0.50)), Number(in.at(0.95))
	}
}

// inFlight returns the most attempts that ran at once in each step, from their
// starts and ends. An attempt that ends when another starts, or a step begins,
// is over.
func (t *Table) inFlight(n int, step time.Duration) []int {
	var starts, ends []time.Duration
	for i := range t.Len() {
		if r := t.row(i); r.started > 0 && r.done > r.started {
			starts, ends = append(starts, r.started), append(ends, r.done)
		}
	}
	slices.Sort(starts)
	slices.Sort(ends)
	c := course{most: make([]int, n), step: step}
	for _, at := range starts {
		c.endUntil(ends, at)
		c.carry(at)
		c.now++
		c.most[at/step] = max(c.most[at/step], c.now)
	}
	c.endUntil(ends, math.MaxInt64)
	return c.most
}

// course is a walk over the starts and ends of attempts in their order.
type course struct {
	most  []int
	step  time.Duration
	now   int // in flight
	ended int // how many ends are behind us
	next  int // the first step whose state at its beginning is not noted
}

// endUntil takes the ends up to an instant, it included.
func (c *course) endUntil(ends []time.Duration, at time.Duration) {
	for ; c.ended < len(ends) && ends[c.ended] <= at; c.ended++ {
		c.carry(ends[c.ended] - 1)
		c.now--
	}
}

// carry notes what was in flight as each step up to that of an instant began.
func (c *course) carry(at time.Duration) {
	for last := int(at / c.step); c.next <= last; c.next++ {
		c.most[c.next] = max(c.most[c.next], c.now)
	}
}
