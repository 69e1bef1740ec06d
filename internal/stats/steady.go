package stats

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// Steady is where the steady part of a series begins.
type Steady struct {
	From  int     // values to leave out at the start
	Batch int     // the same in batches of 5
	Mean  float64 // of the steady part, by whole batches
	// Found is false where the best cut is at the end of the search: the series
	// has no steady state, and the mean means nothing.
	Found bool
}

// mserBatch is the 5 of MSER-5.
const mserBatch = 5

// MSER5 cuts off the start of a series so that the mean of the rest is known
// best: of batches of 5, in their order, it leaves out as many as make the
// standard error least, less than half of them. Fewer than 8 batches are never steady.
func MSER5(values []float64) Steady {
	k := len(values) / mserBatch
	if k < 8 {
		return Steady{Mean: math.NaN()}
	}
	means := make([]float64, k)
	for i := range means {
		means[i] = stat.Mean(values[i*mserBatch:(i+1)*mserBatch], nil)
	}
	best, least := 0, math.Inf(1)
	for cut := range k / 2 {
		rest := means[cut:]
		mean, m := stat.Mean(rest, nil), float64(len(rest))
		sum := 0.0
		for _, y := range rest {
			sum += (y - mean) * (y - mean)
		}
		if score := sum / (m * m); score < least {
			best, least = cut, score
		}
	}
	return Steady{From: best * mserBatch, Batch: best, Mean: stat.Mean(means[best:], nil), Found: best < k/2-1}
}
