// Package stats is the statistics of small and skewed samples: what a load
// test of some hundred slow calls has.
//
// Plain numbers come in, estimates with an interval go out. It refuses to
// guess: where the values are too few for an interval the bounds are withheld,
// and a warning says how many it takes. Times may be +∞ (a call that never
// ended); what works on ranks takes them as they are. NaN is no value and must
// not be passed in.
//
// The distributions are gonum's and go-moremath's; what neither has is written
// here from the papers. Whatever is drawn at random is drawn from a seed. The
// package knows no clock and no metric.
package stats

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Estimate is a figure, the interval around it, and what qualifies both. The
// zero value is the figure 0, known exactly.
type Estimate struct {
	Value     float64 // NaN where there is nothing to estimate from
	Low, High float64 // NaN where withheld
	N         int     // values it was made from
	Warnings  []string
}

// Bounded reports whether the estimate has an interval.
func (e Estimate) Bounded() bool { return !math.IsNaN(e.Low) && !math.IsNaN(e.High) }

// Excludes reports whether x lies outside the interval; false without one.
func (e Estimate) Excludes(x float64) bool { return e.Bounded() && (x < e.Low || x > e.High) }

// withheld is an estimate without interval, and why.
func withheld(value float64, n int, why string, args ...any) Estimate {
	return Estimate{Value: value, Low: math.NaN(), High: math.NaN(), N: n, Warnings: []string{fmt.Sprintf(why, args...)}}
}

// normal returns the standard normal quantile.
func normal(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// twoSided is the probability of a standard normal further out than z on either side.
func twoSided(z float64) float64 { return min(2*distuv.UnitNormal.Survival(math.Abs(z)), 1) }

func sortedCopy(v []float64) []float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s
}

// nearest is the quantile q of sorted values by nearest rank, ⌈q·n⌉; NaN of none.
// The product is taken down by a millionth, since 0.07·100 is a little over 7.
func nearest(sorted []float64, q float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return sorted[min(max(int(math.Ceil(q*float64(n)-1e-6)), 1), n)-1]
}

// Median is the usual median: of an even number of values the middle of the two
// in the middle. NaN of none.
func Median(values []float64) float64 { return median(sortedCopy(values)) }

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return middle(sorted[(n-1)/2], sorted[n/2])
}

// middle is half-way between two values, the first no higher: an end that is
// infinite draws it there, and ∞ on both sides leaves 0.
func middle(low, high float64) float64 {
	switch {
	case low == high:
		return low
	case math.IsInf(low, -1) && math.IsInf(high, 1):
		return 0
	case math.IsInf(low, -1):
		return low
	}
	return low + (high-low)/2
}
