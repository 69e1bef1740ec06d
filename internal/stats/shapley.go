package stats

import "math/bits"

// Shapley shares out what n measures bring together: each gets the mean of what
// it adds, over all orders in which they could be taken. Value is asked once for
// each set of measures, bit i standing for measure i; the shares add up to the
// value of all less that of none. It asks 2ⁿ times: n over 20 is a mistake.
func Shapley(n int, value func(set uint) float64) []float64 {
	values := make([]float64, 1<<n)
	for set := range values {
		values[set] = value(uint(set))
	}
	weight := weights(n)
	out := make([]float64, n)
	for set := range values {
		for i := range n {
			if set&(1<<i) == 0 {
				out[i] += weight[bits.OnesCount(uint(set))] * (values[set|1<<i] - values[set])
			}
		}
	}
	return out
}

// weights is, by size of a set without one measure, the share of orders in which
// just that set comes before it: s!·(n−1−s)!/n!.
func weights(n int) []float64 {
	w := make([]float64, n)
	for s := range w {
		w[s] = 1 / float64(n)
		for j := 1; j <= s; j++ {
			w[s] *= float64(j) / float64(n-j)
		}
	}
	return w
}
