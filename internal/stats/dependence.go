package stats

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Autocorrelation is how much each value resembles the one before it, from −1
// to 1: the lag-1 correlation of the ranks, in the order given. 0 where there
// are fewer than three values or all are equal.
func Autocorrelation(values []float64) float64 {
	if len(values) < 3 {
		return 0
	}
	r := Ranks(values)
	mean := stat.Mean(r, nil)
	var with, own float64
	for i, x := range r {
		own += (x - mean) * (x - mean)
		if i > 0 {
			with += (x - mean) * (r[i-1] - mean)
		}
	}
	if own == 0 {
		return 0
	}
	return with / own
}

// EffectiveN is how many independent values n are worth whose lag-1
// autocorrelation is rho: n·(1−rho)/(1+rho), at most n and at least 1. Values
// that alternate are given no credit for it.
func EffectiveN(n int, rho float64) float64 {
	if n == 0 {
		return 0
	}
	rho = max(rho, 0)
	return max(float64(n)*(1-rho)/(1+rho), 1)
}

// Widening is by how much the spread of a comparison of n against m values
// grows where they are worth only as many independent ones; at least 1.
func Widening(n, m int, worthN, worthM float64) float64 {
	if n == 0 || m == 0 || worthN <= 0 || worthM <= 0 {
		return 1
	}
	return max(math.Sqrt((1/worthN+1/worthM)/(1/float64(n)+1/float64(m))), 1)
}

// Ranks are the places of the values from 1; equal values share the middle of theirs.
func Ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	out := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			out[at] = float64(i+j+1) / 2
		}
		i = j
	}
	return out
}
