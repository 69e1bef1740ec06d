package stats

import (
	"math"
	"math/rand/v2"
)

// Explained is how much of the variance of y follows from each column of x: the
// shares of R², shared out by [Shapley] (R. H. Lindeman, P. F. Merenda, R. Z.
// Gold, 1980), so that columns that go together do not depend on the order in
// which they are taken. They add up to all, which is R². A column that never
// changes has the share 0, and so has every one where y never changes.
//
// The columns must be as long as y, and no more than a dozen. The intervals come
// from 500 samples of the same size, drawn with replacement from the seed;
// fewer than 10 values have none.
func Explained(x [][]float64, y []float64, level float64, seed uint64) (shares []Estimate, all Estimate) {
	n, k := len(y), len(x)
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = 1
	}
	value := explained(x, y, weights)
	shares = make([]Estimate, k)
	if n < leastDraws {
		for j := range shares {
			shares[j] = withheld(value[j], n, "n too small: a bootstrap takes %d values, there are %d", leastDraws, n)
		}
		return shares, withheld(value[k], n, "n too small: a bootstrap takes %d values, there are %d", leastDraws, n)
	}
	rng := rand.New(rand.NewPCG(seed, 5))
	draws := make([][]float64, k+1)
	for range planeDraws {
		clear(weights)
		for range n {
			weights[rng.IntN(n)]++
		}
		for j, v := range explained(x, y, weights) {
			draws[j] = append(draws[j], v)
		}
	}
	for j := range shares {
		shares[j] = percentiles(value[j], draws[j], n, level)
	}
	return shares, percentiles(value[k], draws[k], n, level)
}

// explained is the shares of the columns, and their sum at the end.
func explained(x [][]float64, y, weights []float64) []float64 {
	k := len(x)
	r := correlations(x, y, weights)
	out := Shapley(k, func(set uint) float64 { return squared(r, set) })
	return append(out, squared(r, 1<<k-1))
}

// correlations are those of all columns with each other, and with y in the last
// row; 0 where a side never changes.
func correlations(x [][]float64, y, weights []float64) [][]float64 {
	k := len(x)
	total, mean := 0.0, make([]float64, k+1)
	column := func(j int) []float64 {
		if j == k {
			return y
		}
		return x[j]
	}
	for _, w := range weights {
		total += w
	}
	for j := range mean {
		for i, v := range column(j)[:len(weights)] {
			mean[j] += weights[i] * v / total
		}
	}
	r := make([][]float64, k+1)
	for j := range r {
		r[j] = make([]float64, k+1)
		a := column(j)
		for l := 0; l <= j; l++ {
			b := column(l)
			for i, w := range weights {
				r[j][l] += w * (a[i] - mean[j]) * (b[i] - mean[l])
			}
		}
	}
	for j := range r {
		for l := range j {
			if both := r[j][j] * r[l][l]; both > 0 {
				r[j][l] /= math.Sqrt(both)
			} else {
				r[j][l] = 0
			}
			r[l][j] = r[j][l]
		}
	}
	return r
}

// squared is R² of the columns in a set: it takes their correlations apart as
// Cholesky does, and each step adds what a column knows of y beyond those before
// it. A column that follows from these adds nothing.
func squared(r [][]float64, set uint) float64 {
	k := len(r) - 1
	var rows [][]float64
	var of []int
	var toY []float64
	sum := 0.0
	for j := range k {
		if set&(1<<j) == 0 || r[j][j] <= 0 {
			continue
		}
		row := make([]float64, len(of))
		own, y := 1.0, r[j][k]
		for i, l := range of {
			v := r[j][l]
			for m := range i {
				v -= row[m] * rows[i][m]
			}
			row[i] = v / rows[i][i]
			own -= row[i] * row[i]
			y -= row[i] * toY[i]
		}
		if own < 1e-9 {
			continue
		}
		own = math.Sqrt(own)
		of, rows, toY = append(of, j), append(rows, append(row, own)), append(toY, y/own)
		sum += toY[len(toY)-1] * toY[len(toY)-1]
	}
	return min(sum, 1)
}
