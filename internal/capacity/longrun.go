package capacity

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat"

	"github.com/tokenload/tokenload/internal/stats"
)

// longRun is how many requests a fitted queue is made to serve at a load.
const longRun = 40_000

// violates is the share of requests that violate a criterion at a load, or the mean
// part of its bound, were a fitted queue held there for long: what it is at so many
// in flight, as all steps showed it, by how often so many are in flight. NaN is that
// no step showed any of it.
func (s *Search) violates(q queue, at int, load float64) float64 {
	by, took, gaps := s.byInFlight(at), []float64(nil), s.gaps()
	s.atLeisure(func(c *Call) { took = append(took, (c.Done - c.Due).Seconds()) })
	if len(by) == 0 || len(took) == 0 || len(gaps) == 0 {
		return math.NaN()
	}
	usual, mean := stat.Mean(took, nil), stat.Mean(gaps, nil)
	rng := rand.New(rand.NewPCG(s.Seed, 9))
	due, takes, clock := make([]float64, longRun), make([]float64, longRun), 0.0
	for i := range due {
		clock += gaps[rng.IntN(len(gaps))] / mean / load
		due[i] = clock
		takes[i] = took[rng.IntN(len(took))] / usual * q.service
	}
	bad := 0.0
	steady := inFlight(due, due, q.ends(due, takes))[longRun/20:]
	for _, n := range steady {
		bad += by[min(int(n), len(by)-1)]
	}
	return bad / float64(len(steady))
}

// gaps are the times between arrivals of all steps, each as a part of the usual one
// at its load: at random they come in bunches, at equal distances they do not.
func (s *Search) gaps() []float64 {
	var all []float64
	for i := range s.done {
		d := &s.done[i]
		if !d.open() {
			continue
		}
		calls := d.worked()
		for j := 1; j < len(calls); j++ {
			if calls[j-1].Due > d.Lead {
				all = append(all, (calls[j].Due-calls[j-1].Due).Seconds()*d.Load)
			}
		}
	}
	return all
}

// byInFlight is, by how many were in flight as they came, what requests showed of a
// criterion: a line that never falls.
func (s *Search) byInFlight(at int) []float64 {
	var sum, count []float64
	for i := range s.done {
		d := &s.done[i]
		if !d.open() {
			continue
		}
		v, calls := d.served(), d.worked()
		for j, n := range inFlight(v.due, v.due, v.end) {
			bad := calls[j].Bad[at]
			if math.IsNaN(bad) {
				continue
			}
			for len(sum) <= int(n) {
				sum, count = append(sum, 0), append(count, 0)
			}
			sum[int(n)] += min(bad, 1e6)
			count[int(n)]++
		}
	}
	for n := range sum {
		count[n] = max(count[n], 1e-9) // none came there: it says nothing
		sum[n] /= count[n]
	}
	return stats.Isotonic(sum, count)
}

// queueRoot is the load at which a criterion is just kept by the queue that the
// steps show; false is that they show none, or that it is violated at any load, or
// kept at any.
func (s *Search) queueRoot(at int) (float64, bool) {
	q, ok := s.queue()
	if !ok {
		return 0, false
	}
	if root, known := s.fitted.roots[at]; known {
		return root, root > 0
	}
	root, c := 0.0, s.Criteria[at]
	low, high := q.capacity()/4, q.capacity()*1.1
	keeps := func(load float64) bool { return s.violates(q, at, load) <= c.allowed() }
	switch {
	case !keeps(low):
	case !keeps(high):
		for high > low*1.002 {
			if middle := (low + high) / 2; keeps(middle) {
				low = middle
			} else {
				high = middle
			}
		}
		root = low
	case c.Slack > 0: // kept with as many in flight as were seen; from here on their number has no end
		root = q.capacity()
	}
	s.fitted.roots[at] = root
	return root, root > 0
}

// shape is the relative standard error of a fitted queue's root that has nothing to
// do with how many requests it was fitted to: a target is no queue of equal places.
// It is what remained in the searches of the accuracy test.
const shape = 0.02

// queueEstimate is a fitted queue's root with its interval.
func (s *Search) queueEstimate(at int, root float64) stats.Estimate {
	q, _ := s.queue()
	out := 1.96 * root * math.Hypot(shape, s.chance(at, root))
	return stats.Estimate{Value: root, Low: max(0, root-out), High: root + out, N: q.busy}
}

// chance is the relative standard error of a fitted queue's root by how much was
// seen. What the queue gets done is as sure as the mean time of the requests by which
// it was seen; what requests show of the criterion, as the steps near the root tell
// it; and the flatter it rises with load, the more that counts.
func (s *Search) chance(at int, root float64) float64 {
	q, _ := s.queue()
	worth := 0.0
	for far := near; worth == 0 && far < 1; far *= 2 {
		for i := range s.done {
			if d := &s.done[i]; d.open() && math.Abs(s.effective(d)/root-1) < far && d.Shown[at].Error > 0 {
				worth += 1 / (d.Shown[at].Error * d.Shown[at].Error)
			}
		}
	}
	rises := (s.violates(q, at, root*(1+steep)) - s.violates(q, at, root*(1-steep))) / (2 * steep)
	return math.Hypot(math.Sqrt(s.unloadedSpread()/float64(q.busy)), 1/math.Sqrt(max(worth, 1))/max(rises, 1e-3))
}

// near is how far from a root, as a part, steps tell what is shown at it, where there
// are any, and steep how far apart it is looked how much more is violated.
const (
	near  = 0.2
	steep = 0.05
)
