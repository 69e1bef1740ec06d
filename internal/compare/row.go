package compare

import (
	"math"
	"slices"

	"github.com/tokenload/tokenload/internal/stats"
)

// Row is how one metric differs.
type Row struct {
	Metric string
	Unit   string // ms, tokens/s, USD, tokens, share
	Better string // lower, higher, or "" for neither
	Base   Side
	New    Side
	// Shift is by how much NEW is above BASE, in the unit: Hodges–Lehmann, of
	// shares their difference. Of several runs, it is that of their medians.
	Shift stats.Estimate
	// Ratio is the median of NEW divided by that of BASE. Of shares there is none.
	Ratio stats.Estimate
	// P is the chance of such a difference where there is none, Adjusted the same
	// after correcting for all that was tested. NaN where nothing was tested.
	P, Adjusted float64
	Test        string  // Mann-Whitney exact or normal, t of pairs, t of runs; "" for none
	Delta       float64 // Cliff's, of values or of the runs' medians
	Tails       []Tail
	Verdict     Verdict
	Why         string // what the verdict rests on or lacks
	// Pairs is how many interleaved pairs would decide; 0 where not asked or over 100.
	Pairs int

	metric
	spread float64 // standard error of ln Ratio, or of a share's Shift
	alone  float64 // P, were every value independent
	df     int     // of the t-test the spread goes into; 0 is none
	within float64 // the spread that one pair of runs would have without drift
}

// Side is one side of a row.
type Side struct {
	N         int     // values, of all runs
	Effective float64 // independent values they are worth
	Median    float64 // or the share; of several runs the median of theirs
	Runs      []float64
}

// withheld is the side without the figures that cannot be trusted.
func (s Side) withheld() Side { return Side{N: s.N, Effective: s.Effective, Median: math.NaN()} }

// Tail is how a high percentile differs.
type Tail struct {
	Q          float64
	Base, New  float64
	Difference stats.Estimate
}

// sample is what one run has of a metric.
type sample struct {
	values    []float64
	effective float64
}

func (s sample) draw() stats.Draw { return stats.Draw{Values: s.values, Effective: s.effective} }

// center is the median by nearest rank, or the share; NaN where there are too
// few values for a median.
func (s sample) center(k kind) float64 {
	switch {
	case k == share:
		return mean(s.values)
	case len(s.values) < stats.LeastN(0.5, level):
		return math.NaN()
	}
	return stats.Quantile(s.values, 0.5, level, 0).Value
}

// margin is the standard error of the center: of its logarithm, but for shares.
// NaN where it is not known.
func (s sample) margin(k kind) float64 {
	if k == share {
		n := max(s.effective, 1)
		p := (mean(s.values)*n + 1) / (n + 2) // not 0 where nothing was seen
		return math.Sqrt(p * (1 - p) / n)
	}
	e := stats.Quantile(s.values, 0.5, level, s.effective)
	if !e.Bounded() || e.Low <= 0 || math.IsInf(e.High, 1) {
		return math.NaN()
	}
	return math.Log(e.High/e.Low) / (2 * z)
}

// z is the standard normal's two-sided 5 %.
const z = 1.959964

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func newSample(values []float64) sample {
	return sample{values, stats.EffectiveN(len(values), stats.Autocorrelation(values))}
}

func sideOf(samples []sample, k kind) Side {
	var s Side
	for _, one := range samples {
		s.N += len(one.values)
		s.Effective += one.effective
		s.Runs = append(s.Runs, one.center(k))
	}
	s.Median = stats.Median(s.Runs)
	if slices.ContainsFunc(s.Runs, math.IsNaN) {
		s.Median = math.NaN()
	}
	return s
}

// constant reports whether all values of all runs are the same: nothing to test.
func constant(sides ...[]sample) bool {
	first := sides[0][0].values[0]
	for _, side := range sides {
		for _, s := range side {
			for _, v := range s.values {
				if v != first {
					return false
				}
			}
		}
	}
	return true
}
