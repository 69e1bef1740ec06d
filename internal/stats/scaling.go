package stats

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// USL is throughput by load under the universal scalability law,
//
//	X(N) = λN / (1 + σ(N−1) + κN(N−1)),
//
// with λ the throughput of one, σ what waits its turn (contention) and κ what
// everybody waits for (coherence). It rises, bends and, where κ is over 0, falls
// again past [USL.Peak]. N. J. Gunther, Guerrilla Capacity Planning, 2007.
type USL struct {
	Lambda, Sigma, Kappa float64
	AICc                 float64 // the lower, the better; +∞ of points too few to tell
}

// At is the throughput at a load.
func (u USL) At(n float64) float64 {
	return u.Lambda * n / (1 + u.Sigma*(n-1) + u.Kappa*n*(n-1))
}

// Peak is the load of the highest throughput, and that throughput: √((1−σ)/κ).
// Without coherence the load is +∞, and the throughput what it comes near to.
func (u USL) Peak() (n, x float64) {
	switch {
	case u.Kappa == 0 && u.Sigma == 0:
		return math.Inf(1), math.Inf(1)
	case u.Kappa == 0:
		return math.Inf(1), u.Lambda / u.Sigma
	}
	n = math.Sqrt(max(1-u.Sigma, 0) / u.Kappa)
	return n, u.At(n)
}

// Plateau is throughput that grows with the load up to a ceiling that something
// else sets, such as a rate limit: X(N) = min(λN, C).
type Plateau struct {
	Lambda float64
	Limit  float64 // C; +∞ where the loads do not reach it
	AICc   float64
}

// At is the throughput at a load.
func (p Plateau) At(n float64) float64 { return min(p.Lambda*n, p.Limit) }

// FitUSL fits the law to throughputs x at loads n. N/X is a polynomial of the
// second degree in N, fitted by least squares of relative errors, since those of
// a throughput are in proportion to it. A σ or κ below 0 has no meaning: the fit
// is then made without that term. ok is false for fewer than three different
// loads, and where a load or a throughput is not above 0.
func FitUSL(n, x []float64) (u USL, ok bool) {
	if len(n) != len(x) || !positive(n) || !positive(x) || different(n) < 3 {
		return USL{}, false
	}
	if u, ok = fitUSL(n, x, true, true); ok {
		return u, true
	}
	u, _ = fitUSL(n, x, false, false) // the mean of N/X: always a fit
	for _, sigma := range []bool{true, false} {
		if one, ok := fitUSL(n, x, sigma, !sigma); ok && rest(n, x, one.At) < rest(n, x, u.At) {
			u = one
		}
	}
	return u, true
}

// fitUSL fits with the terms asked for; ok is false where one comes out below 0.
func fitUSL(n, x []float64, sigma, kappa bool) (u USL, ok bool) {
	cols := 1
	for _, in := range []bool{sigma, kappa} {
		if in {
			cols++
		}
	}
	a, b := mat.NewDense(len(n), cols, nil), mat.NewVecDense(len(n), nil)
	for i := range n {
		weight := x[i] / n[i] // of N/X, so that every point has the error of 1
		row := []float64{weight}
		if sigma {
			row = append(row, weight*(n[i]-1))
		}
		if kappa {
			row = append(row, weight*n[i]*(n[i]-1))
		}
		a.SetRow(i, row)
		b.SetVec(i, 1)
	}
	var c mat.VecDense
	if err := c.SolveVec(a, b); err != nil {
		return USL{}, false
	}
	terms := c.RawVector().Data // 1/λ, then σ/λ and κ/λ
	u.Lambda = 1 / terms[0]
	if sigma {
		u.Sigma = terms[1] * u.Lambda
	}
	if kappa {
		u.Kappa = terms[cols-1] * u.Lambda
	}
	u.AICc = aicc(n, x, u.At, cols)
	return u, terms[0] > 0 && u.Sigma >= 0 && u.Kappa >= 0
}

// FitPlateau fits the ceiling to throughputs x at loads n: of all ways to part
// the loads into those below it and those at it, the one with the least squares of
// relative errors whose line and ceiling do not contradict the parting. ok is as
// for [FitUSL].
func FitPlateau(n, x []float64) (p Plateau, ok bool) {
	if len(n) != len(x) || !positive(n) || !positive(x) || different(n) < 3 {
		return Plateau{}, false
	}
	order := make([]int, len(n))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(n[i], n[j]) })
	best := math.Inf(1)
	for below := 1; below <= len(n); below++ {
		fit, terms := plateauAt(n, x, order, below)
		if r := rest(n, x, fit.At); r < best {
			fit.AICc = aicc(n, x, fit.At, terms)
			best, p = r, fit
		}
	}
	return p, true
}

// plateauAt is the ceiling where so many of the lowest loads are below it: both
// parts are geometric means. Where all are, there is none.
func plateauAt(n, x []float64, order []int, below int) (p Plateau, terms int) {
	line, level := 0.0, 0.0
	for at, i := range order {
		if at < below {
			line += math.Log(x[i]/n[i]) / float64(below)
		} else {
			level += math.Log(x[i]) / float64(len(order)-below)
		}
	}
	p = Plateau{Lambda: math.Exp(line), Limit: math.Inf(1)}
	if below == len(order) {
		return p, 1
	}
	p.Limit = math.Exp(level)
	return p, 2
}

// rest is the sum of the squared relative errors.
func rest(n, x []float64, at func(float64) float64) float64 {
	sum := 0.0
	for i := range n {
		e := math.Log(x[i] / at(n[i]))
		sum += e * e
	}
	return sum
}

// aicc is Akaike's criterion for small samples, of a model with so many terms
// and a spread. +∞ where the points are no more than a term over those.
func aicc(n, x []float64, at func(float64) float64, terms int) float64 {
	const exact = 1e-9 // relative errors below it are of the arithmetic
	points, k := float64(len(n)), float64(terms+1)
	if points <= k+1 {
		return math.Inf(1)
	}
	return points*math.Log(max(rest(n, x, at)/points, exact*exact)) + 2*k + 2*k*(k+1)/(points-k-1)
}

func positive(v []float64) bool {
	return !slices.ContainsFunc(v, func(f float64) bool { return !(f > 0) || math.IsInf(f, 1) })
}

// different counts different values.
func different(v []float64) int { return len(slices.Compact(sortedCopy(v))) }
