package stats

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// Test is the outcome of a test of one sample against another.
type Test struct {
	// P is the two-sided probability of a difference as large as this where
	// there is none. NaN where a sample is empty.
	P float64
	// U is how many pairs of a value of the first and one of the second have
	// the first higher; ties count half.
	U     float64
	Exact bool // from the exact distribution, not the normal one
}

// Above these sizes go-moremath takes the normal approximation.
const (
	exactLimit     = 50
	exactTiesLimit = 25
)

// MannWhitney tests whether values of b tend to be higher or lower than those
// of a, on ranks. It is exact for small samples and normal, with corrections
// for ties and continuity, for large ones. Widen is by how much dependence
// between the values widens the spread of U, see [Widening]; 1 and below is none.
func MannWhitney(a, b []float64, widen float64) Test {
	r, err := stats.MannWhitneyUTest(a, b, stats.LocationDiffers)
	if err == stats.ErrSampleSize {
		return Test{P: math.NaN(), U: math.NaN()}
	}
	if err != nil { // all values are equal
		return Test{P: 1, U: float64(len(a)) * float64(len(b)) / 2}
	}
	limit := exactLimit
	if tied(a, b) {
		limit = exactTiesLimit
	}
	t := Test{P: min(r.P, 1), U: r.U, Exact: len(a) <= limit && len(b) <= limit}
	if widen > 1 {
		// The z that this p belongs to is that of independent values.
		t.P, t.Exact = twoSided(normal(t.P/2)/widen), false
	}
	return t
}

func tied(a, b []float64) bool {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return len(slices.Compact(all)) < len(a)+len(b)
}

// CliffDelta is how much more often a value of b is above one of a than below
// it: (#b>a − #b<a)/(n·m), from −1 to 1. NaN where a sample is empty.
func CliffDelta(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return math.NaN()
	}
	s := sortedCopy(a)
	sum := 0
	for _, x := range b {
		below, _ := slices.BinarySearch(s, x)
		above := len(s) - sortedSearch(len(s), func(i int) bool { return s[i] > x })
		sum += below - above
	}
	return float64(sum) / float64(len(a)) / float64(len(b))
}

// CliffLabel puts a delta into words: negligible, small, medium or large.
func CliffLabel(delta float64) string {
	switch d := math.Abs(delta); {
	case math.IsNaN(d):
		return "unknown"
	case d < 0.147:
		return "negligible"
	case d < 0.33:
		return "small"
	case d < 0.474:
		return "medium"
	}
	return "large"
}

// Holm adjusts the p-values of tests that are made together, so that they may
// be read as if each were the only one. NaN is a test that was not made: it
// stays NaN and does not count.
func Holm(p []float64) []float64 {
	var made []int
	for i, v := range p {
		if !math.IsNaN(v) {
			made = append(made, i)
		}
	}
	slices.SortStableFunc(made, func(i, j int) int {
		switch {
		case p[i] < p[j]:
			return -1
		case p[i] > p[j]:
			return 1
		}
		return 0
	})
	out := slices.Clone(p)
	highest := 0.0
	for rank, i := range made {
		highest = max(highest, min(p[i]*float64(len(made)-rank), 1))
		out[i] = highest
	}
	return out
}
