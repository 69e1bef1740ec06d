package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Dip is Hartigan's dip: how far the distribution of the values is from the
// nearest one with a single mode, from 1/(2n) to 1/4. NaN of no values.
//
// J. A. Hartigan and P. M. Hartigan, The Dip Test of Unimodality, 1985.
func Dip(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return newSteps(sortedCopy(values)).dip()
}

// dipDraws is how many samples of one mode a dip is compared with, each of at
// most mostDip values: the dip times √n changes by a hundredth beyond.
const (
	dipDraws = 1000
	mostDip  = 500
)

// DipTest is the dip and the probability of one as large from n values of the
// flattest distribution with one mode, the even one, drawn from the seed.
func DipTest(values []float64, seed uint64) (dip, p float64) {
	dip = Dip(values)
	if len(values) < 4 {
		return dip, math.NaN()
	}
	n := min(len(values), mostDip)
	scaled := dip * math.Sqrt(float64(len(values))/float64(n))
	rng := rand.New(rand.NewPCG(seed, 4))
	even := make([]float64, n)
	as := 0
	for range dipDraws {
		for i := range even {
			even[i] = rng.Float64()
		}
		slices.Sort(even)
		if newSteps(even).dip() >= scaled {
			as++
		}
	}
	return dip, float64(as+1) / (dipDraws + 1)
}

// steps is an empirical distribution function: at x[i] it rises from below[i]
// to above[i].
type steps struct {
	x, below, above []float64
	least           float64 // one value's share
}

func newSteps(sorted []float64) steps {
	n := float64(len(sorted))
	s := steps{least: 1 / n}
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		s.x = append(s.x, sorted[i])
		s.below = append(s.below, float64(i)/n)
		s.above = append(s.above, float64(j)/n)
		i = j
	}
	return s
}

// dip narrows the interval in which the mode must lie. Left of it a distribution
// with one mode is convex, right of it concave: the greatest convex line below
// the steps and the least concave one above them come nearest. Twice the dip is
// the most that the steps leave either line outside the interval, once the lines
// part no further than that within it.
func (s steps) dip() float64 {
	low, high, most := 0, len(s.x)-1, s.least
	for {
		convex, concave := s.hull(s.below, low, high, 1), s.hull(s.above, low, high, -1)
		from, to, gap := s.modal(convex, concave)
		if gap <= most || from == low && to == high {
			return most / 2
		}
		for i := low; i < from; i++ {
			most = max(most, s.above[i]-s.on(convex, s.below, i))
		}
		for i := to + 1; i <= high; i++ {
			most = max(most, s.on(concave, s.above, i)-s.below[i])
		}
		low, high = from, to
	}
}

// hull returns the corners of the convex line below the points from low to high
// (sign 1), or of the concave one above them (sign −1).
func (s steps) hull(y []float64, low, high int, sign float64) []int {
	var h []int
	for i := low; i <= high; i++ {
		for len(h) > 1 {
			a, b := h[len(h)-2], h[len(h)-1]
			if sign*((y[b]-y[a])*(s.x[i]-s.x[b])-(y[i]-y[b])*(s.x[b]-s.x[a])) < 0 {
				break
			}
			h = h[:len(h)-1]
		}
		h = append(h, i)
	}
	return h
}

// on is the height at point i of the line with these corners.
func (s steps) on(corners []int, y []float64, i int) float64 {
	at, found := slices.BinarySearch(corners, i)
	if found {
		return y[i]
	}
	a, b := corners[at-1], corners[at]
	return y[a] + (y[b]-y[a])*(s.x[i]-s.x[a])/(s.x[b]-s.x[a])
}

// modal finds where the two lines are furthest apart, at a corner of either, and
// the interval from the corner of the convex line at or before that place to the
// corner of the concave line at or after it.
func (s steps) modal(convex, concave []int) (from, to int, gap float64) {
	for _, g := range convex {
		if d := s.on(concave, s.above, g) - s.below[g]; d > gap {
			at, _ := slices.BinarySearch(concave, g)
			from, to, gap = g, concave[at], d
		}
	}
	for _, l := range concave {
		if d := s.above[l] - s.on(convex, s.below, l); d > gap {
			at, found := slices.BinarySearch(convex, l)
			if !found {
				at--
			}
			from, to, gap = convex[at], l, d
		}
	}
	return from, to, gap
}
