package metrics

import (
	"math"
	"slices"
	"time"
)

// ms is a length of time in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// LeastN is the least number of values at which the quantile q has a finite
// two-sided 95 % interval from order statistics: ⌈ln 0.025 / ln q⌉, with 1−q for
// the lower half. p50 6, p90 36, p95 72, p99 368. It is 1 for a q outside (0, 1).
func LeastN(q float64) int {
	q = max(q, 1-q)
	if !(q < 1) {
		return 1
	}
	return int(min(math.Ceil(math.Log(0.025)/math.Log(q)), math.MaxInt32))
}

// rank is the place, from 1 to n, of the quantile q among n sorted values:
// nearest rank, ⌈q·n⌉. The product is taken down by a millionth, since 0.07·100
// is a little over 7 in binary.
func rank(q float64, n int) int {
	return min(max(int(math.Ceil(q*float64(n)-1e-6)), 1), n)
}

// values are one metric's values, sorted. They may end in +∞.
type values []float64

func sorted(v []float64) values {
	slices.Sort(v)
	return v
}

// at returns the quantile q; NaN where there is no value.
func (v values) at(q float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	return v[rank(q, len(v))-1]
}

// shown returns the quantile q, or nothing where the values are too few for it.
func (v values) shown(q float64) Number {
	if len(v) < LeastN(q) {
		return Withheld()
	}
	return Number(v.at(q))
}

func (v values) sum() float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum
}

// aggregate returns one of avg, min, max, p; NaN for any other and where there is no value.
func (v values) aggregate(agg string, q float64) float64 {
	switch {
	case len(v) == 0:
	case agg == "avg":
		return v.sum() / float64(len(v))
	case agg == "min":
		return v[0]
	case agg == "max":
		return v[len(v)-1]
	case agg == "p":
		return v.at(q)
	}
	return math.NaN()
}

func (v values) dist() Dist {
	return Dist{
		Count: len(v), Infinite: v.infinite(), Mean: Number(v.aggregate("avg", 0)),
		Min: Number(v.aggregate("min", 0)), Max: Number(v.aggregate("max", 0)),
		P50: v.shown(0.50), P90: v.shown(0.90), P95: v.shown(0.95), P99: v.shown(0.99),
	}
}

func (v values) infinite() int {
	i, _ := slices.BinarySearch(v, math.Inf(1))
	return len(v) - i
}
