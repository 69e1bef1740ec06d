package stats

// Isotonic is the never-falling line that lies nearest to y, by least squares:
// neighbours that fall are pooled until none does. Weights nil is 1 each; the
// slices must be of one length.
func Isotonic(y, weights []float64) []float64 {
	type pool struct {
		mean, weight float64
		n            int
	}
	var pools []pool
	for i, v := range y {
		p := pool{v, 1, 1}
		if weights != nil {
			p.weight = weights[i]
		}
		for len(pools) > 0 && pools[len(pools)-1].mean > p.mean {
			last := pools[len(pools)-1]
			sum := last.weight + p.weight
			p = pool{(last.mean*last.weight + p.mean*p.weight) / sum, sum, last.n + p.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	out := make([]float64, 0, len(y))
	for _, p := range pools {
		for range p.n {
			out = append(out, p.mean)
		}
	}
	return out
}
