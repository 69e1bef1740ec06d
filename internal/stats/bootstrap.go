package stats

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// resamples is how many times a bootstrap draws: each end of a 95 % interval
// then rests on 50 draws.
const resamples = 2000

// leastDraws is the least number of values worth drawing from: of fewer, the
// interval of a bootstrap is too short.
const leastDraws = 10

// Bootstrap is a statistic of n things with a percentile interval: it is asked
// again for samples of the same size, drawn with replacement from the seed. Of
// takes places from 0 to n−1 and may not keep them. Fewer than 10 things have
// no interval.
func Bootstrap(n int, level float64, seed uint64, of func(places []int) float64) Estimate {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	value := of(places)
	if n < leastDraws {
		return withheld(value, n, "n too small: a bootstrap takes %d values, there are %d", leastDraws, n)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	draws := make([]float64, resamples)
	for d := range draws {
		for i := range places {
			places[i] = rng.IntN(n)
		}
		draws[d] = of(places)
	}
	return percentiles(value, draws, n, level)
}

// Draw is a sample from which one quantile is drawn again and again.
type Draw struct {
	Values    []float64
	Effective float64 // independent values they are worth; 0 is all
}

// QuantileRatio is the quantile q of b divided by that of a, with a bootstrap
// interval; both must be above 0. It is withheld below [LeastN] on either side.
func QuantileRatio(a, b Draw, q, level float64, seed uint64) Estimate {
	return drawn(a, b, q, level, seed, func(x, y float64) float64 {
		if x == y {
			return 1 // +∞ on both sides too
		}
		return y / x
	})
}

// QuantileDifference is the quantile q of b less that of a, with a bootstrap
// interval. It is withheld below [LeastN] on either side.
func QuantileDifference(a, b Draw, q, level float64, seed uint64) Estimate {
	return drawn(a, b, q, level, seed, func(x, y float64) float64 {
		if x == y {
			return 0
		}
		return y - x
	})
}

func drawn(a, b Draw, q, level float64, seed uint64, of func(x, y float64) float64) Estimate {
	rng := rand.NewPCG(seed, 1)
	from, to := newUrn(a, q, rng), newUrn(b, q, rng)
	n := min(len(a.Values), len(b.Values))
	value := of(nearest(from.sorted, q), nearest(to.sorted, q))
	worth, need := int(min(from.worth, to.worth)), LeastN(q, level)
	if worth < need {
		return withheld(value, n, "n too small: p%s takes %d independent values on each side, the fewest are %d", percent(q), need, worth)
	}
	draws := make([]float64, resamples)
	for d := range draws {
		draws[d] = of(from.draw(), to.draw())
	}
	return percentiles(value, draws, n, level)
}

// urn draws the quantile of a resample without making the resample: the k-th
// smallest of n numbers drawn evenly from 1 to n is ⌈n·Beta(k, n+1−k)⌉.
type urn struct {
	sorted []float64
	worth  float64
	place  distuv.Beta
}

func newUrn(d Draw, q float64, src rand.Source) urn {
	n := float64(len(d.Values))
	u := urn{sorted: sortedCopy(d.Values), worth: n}
	if d.Effective > 0 && d.Effective < n {
		u.worth = d.Effective
	}
	k := min(max(math.Ceil(q*u.worth-1e-6), 1), u.worth)
	u.place = distuv.Beta{Alpha: k, Beta: u.worth + 1 - k, Src: src}
	return u
}

func (u urn) draw() float64 { return nearest(u.sorted, u.place.Rand()) }

// percentiles makes an estimate of a value and the draws around it. The
// interval holds the value, whatever was drawn.
func percentiles(value float64, draws []float64, n int, level float64) Estimate {
	s := sortedCopy(draws)
	tail := (1 - level) / 2
	return Estimate{Value: value, Low: min(nearest(s, tail), value), High: max(nearest(s, 1-tail), value), N: n}
}
