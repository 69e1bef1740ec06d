package stats

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Knee is where a curve that rises ever more steeply leaves the flat part.
type Knee struct {
	X       float64 // the load of the knee; NaN where it was not reached
	Reached bool
	// Distance is how far the curve lies below the straight line from its first to
	// its last point, both axes from 0 to 1; Threshold is below what the distance
	// must fall behind the knee. NaN where it was not reached.
	Distance, Threshold float64
}

// FindKnee finds the knee of a rising convex curve, such as latency by load, by
// Kneedle (V. Satopaa and others, ICDCSW 2011): the last point that lies farther
// below the chord than its neighbours and behind which the curve comes nearer to
// it by sensitivity times the mean step of x; 1 is usual. Points with one x
// must be joined first, by their median.
//
// The chord ends in the last point, so that any noise has a knee by that rule
// alone. Therefore the curve is first made to rise (see [Isotonic]), and must
// rise by the share rise of its lowest y at least: 0.2 is a fifth. A straight
// line, a flat one and fewer than four points have no knee.
func FindKnee(x, y []float64, sensitivity, rise float64) Knee {
	none := Knee{X: math.NaN(), Distance: math.NaN(), Threshold: math.NaN()}
	n := len(x)
	if n < 4 || len(y) != n {
		return none
	}
	x, y = byX(x, y)
	y = Isotonic(y, nil)
	width, height := x[n-1]-x[0], y[n-1]-y[0]
	if !(width > 0) || !(height > 0) || height < rise*y[0] || math.IsInf(height, 1) {
		return none
	}
	d := make([]float64, n)
	for i := range d {
		d[i] = (x[i]-x[0])/width - (y[i]-y[0])/height
	}
	fall := sensitivity / float64(n-1) // the mean step of x from 0 to 1 is 1/(n−1)
	best := none
	for i := 1; i < n-1; i++ {
		if d[i] < d[i-1] || d[i] <= d[i+1] || !(d[i] > 0) {
			continue
		}
		k := Knee{X: x[i], Distance: d[i], Threshold: d[i] - fall}
		for _, later := range d[i+1:] {
			if later > d[i] {
				break // a knee further on
			}
			if later < k.Threshold {
				k.Reached = true
				break
			}
		}
		if k.Reached && !(best.Distance > k.Distance) {
			best = k
		}
	}
	return best
}

// byX sorts points by x.
func byX(x, y []float64) (xs, ys []float64) {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(x[i], x[j]) })
	for _, i := range order {
		xs, ys = append(xs, x[i]), append(ys, y[i])
	}
	return xs, ys
}

// BootstrapKnee finds the knee of the quantile q of samples, one at each x, with
// a percentile interval: each sample is drawn again with replacement from the
// seed. Reached is the share of draws that have a knee at all; where it is
// below the level, the interval is withheld.
func BootstrapKnee(x []float64, samples [][]float64, q, sensitivity, rise, level float64, seed uint64) (knee Estimate, reached float64) {
	rng := rand.NewPCG(seed, 4)
	urns, y, fewest := make([]urn, len(samples)), make([]float64, len(samples)), math.MaxInt
	for i, s := range samples {
		urns[i] = newUrn(Draw{Values: s}, q, rng)
		y[i] = nearest(urns[i].sorted, q)
		fewest = min(fewest, len(s))
	}
	value := FindKnee(x, y, sensitivity, rise)
	if need := LeastN(q, level); len(samples) == 0 || fewest < need {
		return withheld(value.X, max(min(fewest, math.MaxInt-1), 0), "n too small: p%s takes %d values at each load, the fewest are %d", percent(q), need, fewest), math.NaN()
	}
	var draws []float64
	for range resamples {
		for i, u := range urns {
			y[i] = u.draw()
		}
		if k := FindKnee(x, y, sensitivity, rise); k.Reached {
			draws = append(draws, k.X)
		}
	}
	reached = float64(len(draws)) / resamples
	if !value.Reached || reached < level {
		return withheld(value.X, fewest, "the knee is reached in %s %% of draws: higher loads would show it", percent(reached)), reached
	}
	return percentiles(value.X, draws, fewest, level), reached
}
