package stats

import (
	"math"
	"slices"
)

// Change is where the level of a series changes.
type Change struct {
	At            int     // the first value of the new level
	Before, After float64 // means, up to the neighbouring changes
	Gain          float64 // log-likelihood gained over its cost, which is 3·ln n; above 0
}

// Changes splits a series wherever two levels fit better than one by more than
// chance allows: binary segmentation of the mean with common spread, each
// change charged 3·ln n. No part is shorter than least, itself at least 2. They
// come in their order; of a series that is steady there are none.
func Changes(y []float64, least int) []Change {
	least = max(least, 2)
	sums := newSums(y)
	var out []Change
	var split func(from, to int)
	split = func(from, to int) {
		at, gain := sums.best(from, to, least)
		if gain -= 3 * math.Log(float64(len(y))); at == 0 || gain <= 0 {
			return
		}
		split(from, at)
		out = append(out, Change{At: at, Gain: gain})
		split(at, to)
	}
	split(0, len(y))
	for i := range out {
		before, after := 0, len(y)
		if i > 0 {
			before = out[i-1].At
		}
		if i+1 < len(out) {
			after = out[i+1].At
		}
		out[i].Before, out[i].After = sums.mean(before, out[i].At), sums.mean(out[i].At, after)
	}
	return slices.Clip(out)
}

// sums are running sums of a series and its squares, less its mean.
type sums struct {
	center     float64
	of, square []float64
}

func newSums(y []float64) sums {
	s := sums{of: make([]float64, len(y)+1), square: make([]float64, len(y)+1)}
	for _, v := range y {
		s.center += v / float64(len(y))
	}
	for i, v := range y {
		v -= s.center
		s.of[i+1], s.square[i+1] = s.of[i]+v, s.square[i]+v*v
	}
	return s
}

func (s sums) mean(from, to int) float64 {
	return s.center + (s.of[to]-s.of[from])/float64(to-from)
}

// rest is what a mean leaves of the squares.
func (s sums) rest(from, to int) float64 {
	d := s.of[to] - s.of[from]
	return max(s.square[to]-s.square[from]-d*d/float64(to-from), 0)
}

// best is the change within from to to that explains most, and what it gains;
// 0 where there is no room for one. A perfect fit gains as if it left a
// trillionth, so that two flat levels are a change and one is not.
func (s sums) best(from, to, least int) (at int, gain float64) {
	n, one := float64(to-from), s.rest(from, to)
	floor := 1e-12 * (s.square[len(s.square)-1] + math.SmallestNonzeroFloat64)
	if one <= floor {
		return 0, 0
	}
	for i := from + least; i <= to-least; i++ {
		two := max(s.rest(from, i)+s.rest(i, to), floor)
		if g := n * math.Log(one/two); g > gain {
			at, gain = i, g
		}
	}
	return at, gain
}
