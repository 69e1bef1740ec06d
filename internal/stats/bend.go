package stats

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// Curve says whether y grows along a line with x or bends.
type Curve struct {
	// Linear is how much worse, by the corrected information criterion of Akaike
	// (AICc, Hurvich and Tsai 1989), a parabola is than a line: above 0 a line
	// explains the bins better, below 0 a parabola.
	Linear float64
	Bins   int
	Low    float64 // slope of the parabola at the least bin's x
	High   float64 // and at the greatest's
}

// A curve is told from so many bins, each of so many values at least.
const (
	leastBins = 8
	mostBins  = 16
	perBin    = 8
)

// Bend compares a line with a parabola through the medians of bins of equally many
// values, in order of x; values with the same x stay in their order. ok is false
// where there are fewer than 64 values, or fewer than three different x among the
// bins.
func Bend(x, y []float64) (c Curve, ok bool) {
	n := min(len(x), len(y))
	c.Bins = min(n/perBin, mostBins)
	if c.Bins < leastBins {
		return c, false
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	xs, ys := make([]float64, c.Bins), make([]float64, c.Bins)
	for b := range c.Bins {
		var bx, by []float64
		for _, i := range order[b*n/c.Bins : (b+1)*n/c.Bins] {
			bx, by = append(bx, x[i]), append(by, y[i])
		}
		xs[b], ys[b] = Median(bx), Median(by)
	}
	if different := slices.Compact(slices.Clone(xs)); len(different) < 3 {
		return c, false
	}
	middle, spread := stat.MeanStdDev(xs, nil)
	fit := func(degree int) (coefs *mat.VecDense, aicc float64) {
		design := mat.NewDense(c.Bins, degree+1, nil)
		for i, v := range xs {
			for d, p := 0, 1.0; d <= degree; d, p = d+1, p*(v-middle)/spread {
				design.Set(i, d, p)
			}
		}
		coefs = mat.NewVecDense(degree+1, nil)
		seen := mat.NewVecDense(c.Bins, ys)
		if err := coefs.SolveVec(design, seen); err != nil {
			return nil, math.Inf(1)
		}
		var off mat.VecDense
		off.MulVec(design, coefs)
		off.SubVec(seen, &off)
		m, k := float64(c.Bins), float64(degree+2) // coefficients and the variance
		return coefs, m*math.Log(math.Max(mat.Dot(&off, &off)/m, 1e-300)) + 2*k + 2*k*(k+1)/(m-k-1)
	}
	_, line := fit(1)
	parabola, bent := fit(2)
	if parabola == nil || math.IsInf(line, 1) {
		return c, false
	}
	c.Linear = bent - line
	slope := func(v float64) float64 {
		return (parabola.AtVec(1) + 2*parabola.AtVec(2)*(v-middle)/spread) / spread
	}
	c.Low, c.High = slope(xs[0]), slope(xs[c.Bins-1])
	return c, true
}
