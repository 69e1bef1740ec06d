package stats

import (
	"math"
	"math/rand/v2"
)

// infoDraws is how many shuffles a share of information is compared with.
const infoDraws = 999

// mostInfo is how many pairs the shuffles look at: of more, the first.
const mostInfo = 5000

// Told is how much of what kind a value is of its class tells: the mutual
// information of the two over the entropy of the kinds, less what shuffled
// classes tell, from 0 (nothing) to 1 (all). Many small classes are therefore no
// better than few large ones. p is the probability of as much by chance, from
// 999 shuffles drawn from the seed. Both are NaN where all are of one kind, or
// where there are none.
func Told(kinds, classes []int, seed uint64) (share, p float64) {
	n := min(len(kinds), len(classes), mostInfo)
	a, b := dense(kinds[:n]), dense(classes[:n])
	own := entropy(counts(a))
	if n == 0 || own == 0 {
		return math.NaN(), math.NaN()
	}
	t := newTable(a, b)
	told := own + t.classes - t.joint(a, b)
	rng := rand.New(rand.NewPCG(seed, 5))
	as, chance := 0, 0.0
	for range infoDraws {
		rng.Shuffle(n, func(i, j int) { b[i], b[j] = b[j], b[i] })
		drawn := own + t.classes - t.joint(a, b)
		chance += drawn / infoDraws
		if drawn >= told-1e-12 {
			as++
		}
	}
	p = float64(as+1) / (infoDraws + 1)
	if own-chance <= 1e-12 { // as many classes as values
		return 0, p
	}
	return min(max((told-chance)/(own-chance), 0), 1), p
}

// table counts the pairs of kinds and classes.
type table struct {
	cells   []int
	width   int
	classes float64 // entropy of the classes
}

func newTable(a, b []int) table {
	ka, kb := len(counts(a)), len(counts(b))
	return table{cells: make([]int, ka*kb), width: kb, classes: entropy(counts(b))}
}

// joint is the entropy of the pairs.
func (t table) joint(a, b []int) float64 {
	clear(t.cells)
	for i := range a {
		t.cells[a[i]*t.width+b[i]]++
	}
	return entropy(t.cells)
}

// dense numbers the values from 0 in order of appearance.
func dense(v []int) []int {
	names := map[int]int{}
	out := make([]int, len(v))
	for i, x := range v {
		at, ok := names[x]
		if !ok {
			at = len(names)
			names[x] = at
		}
		out[i] = at
	}
	return out
}

// counts is how often each of the dense values comes.
func counts(v []int) []int {
	var out []int
	for _, x := range v {
		for len(out) <= x {
			out = append(out, 0)
		}
		out[x]++
	}
	return out
}

// entropy is that of the shares, in nats.
func entropy(counts []int) float64 {
	n, sum := 0, 0.0
	for _, c := range counts {
		if c > 0 {
			n += c
			sum += float64(c) * math.Log(float64(c))
		}
	}
	if n == 0 {
		return 0
	}
	return max(math.Log(float64(n))-sum/float64(n), 0)
}
