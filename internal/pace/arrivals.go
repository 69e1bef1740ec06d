package pace

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// Process says how arrivals are spread around the profile's rate.
type Process string

// The processes.
const (
	Constant Process = "constant" // an even grid, the first arrival at the start of the rate
	Poisson  Process = "poisson"  // independent arrivals: exponential gaps
	Gamma    Process = "gamma"    // gamma gaps: CV over 1 is burstier than Poisson, under 1 more even
)

// Processes lists every process.
func Processes() []Process { return []Process{Constant, Poisson, Gamma} }

// Arrivals yields the due time of every arrival, in order, with its index from
// 0. None is due at or after Duration. The same profile and seed give the same
// arrivals; Constant needs no seed. An unknown process yields nothing.
//
// A process of rate 1 runs in operational time, in which a stage is as long as
// it has arrivals to expect, and each of its points is mapped to the instant
// at which [Profile.Expected] reaches it. So a ramp changes the rate and not
// the character of the process, and each due time is computed from the start:
// rounding to nanoseconds does not add up.
//
// Poisson and Gamma start as if they had been running for ever (the first gap
// is what is left of one that began earlier), so that the mean number of
// arrivals up to any instant is Expected, however bursty they are.
func (p Profile) Arrivals(seed uint64) iter.Seq2[int, time.Duration] {
	return func(yield func(int, time.Duration) bool) {
		next := p.points(seed)
		if next == nil {
			return
		}
		inv := inverse{segs: p.segments()}
		for i := 0; ; i++ {
			due, ok := inv.at(next())
			if !ok || !yield(i, due) {
				return
			}
		}
	}
}

// points returns a function that gives the points of the unit-rate process one
// after the other; nil for an unknown process.
func (p Profile) points(seed uint64) func() float64 {
	// The second word sets this stream apart from other uses of the same seed.
	r := rand.New(rand.NewPCG(seed, 0x6172726976616c73))
	var u float64
	switch p.Process {
	case "", Constant:
		u = -1
		return func() float64 { u++; return u }
	case Poisson:
		return func() float64 { u += r.ExpFloat64(); return u }
	case Gamma:
		cv := p.CV
		if !(cv > 0) {
			cv = 1
		}
		cv = min(max(cv, 1e-3), 1e3)
		shape, scale := 1/(cv*cv), cv*cv
		first := true
		return func() float64 {
			if first {
				first = false
				// The gap that covers a fixed instant is drawn in proportion to its
				// length, which raises the shape by one; the instant lies anywhere in it.
				u = r.Float64() * gamma(r, shape+1) * scale
			} else {
				u += gamma(r, shape) * scale
			}
			return u
		}
	}
	return nil
}

// gamma draws from the gamma distribution of the given shape and scale 1.
// Source: Marsaglia and Tsang, A simple method for generating gamma variables,
// ACM TOMS 26 (2000): a cubed normal with rejection, and for a shape under 1 a
// draw of shape+1 times U^(1/shape).
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(1-r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if math.Log(1-r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// Expected returns how many arrivals are to be expected before an instant: the
// integral of Target from 0 to it, Λ(at). From Duration on it is the total.
func (p Profile) Expected(at time.Duration) float64 {
	var sum float64
	for _, s := range p.segments() {
		if at >= s.end {
			sum += s.mass()
			continue
		}
		if at > s.start {
			sum += float64((s.from + s.target(at)) / 2 * (at - s.start).Seconds())
		}
		break
	}
	return sum
}

// mass is the number of arrivals to expect in the segment. Here and in solve
// the conversions keep products from being fused with sums, as in target.
func (s segment) mass() float64 { return float64((s.from + s.to) / 2 * (s.end - s.start).Seconds()) }

// inverse maps rising points of operational time to instants. It walks the
// segments once.
type inverse struct {
	segs   []segment
	before float64 // mass of the segments already passed
}

// at returns the last instant with Λ(instant) ≤ u, to the nearest nanosecond;
// false when that is not before the end. The last, because a point at the very
// end of a stage belongs to the next stage that has a rate: 5 a second for 10 s
// is 50 arrivals, whether a pause follows or not.
func (v *inverse) at(u float64) (time.Duration, bool) {
	for len(v.segs) > 0 {
		s := v.segs[0]
		total := v.before + s.mass()
		if u < total {
			if at := s.start + s.solve(u-v.before, total-u, total); at < s.end {
				return at, true
			}
		}
		v.before = total
		v.segs = v.segs[1:]
	}
	return 0, false
}

// solve returns when the segment has had done arrivals, with left still to
// come, as an offset from its start. A rising ramp is solved from its start and
// a falling one from its end, where the quadratic is well conditioned, and with
// the root in the denominator, so that equal signs add and a rate that hardly
// changes divides by no tiny slope.
func (s segment) solve(done, left, total float64) time.Duration {
	length := (s.end - s.start).Seconds()
	slope := math.Abs(s.to-s.from) / length
	low, x := s.from, done
	if s.to < s.from {
		low, x = s.to, left
	}
	// A few units in the last place of the running total are rounding, not time:
	// at a rate near 0 they would look like microseconds.
	if x <= 1e-14*max(total, 1) {
		x = 0
	}
	var t float64
	if x > 0 {
		t = 2 * x / (low + math.Sqrt(float64(low*low)+float64(2*slope*x)))
	}
	ns := time.Duration(math.Round(t * 1e9))
	if s.to < s.from {
		ns = s.end - s.start - ns
	}
	return min(max(ns, 0), s.end-s.start)
}

// Shard keeps the arrivals of one of n generators, k from 0: those with
// index%n == k, with their index in the whole. The n shards together are the
// whole, so the generators need not talk. n of 1 or less keeps all, a k that no
// generator has keeps none.
func Shard(seq iter.Seq2[int, time.Duration], k, n int) iter.Seq2[int, time.Duration] {
	if n <= 1 {
		return seq
	}
	return func(yield func(int, time.Duration) bool) {
		for i, due := range seq {
			if i%n == k && !yield(i, due) {
				return
			}
		}
	}
}
