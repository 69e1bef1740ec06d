package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestEntropy(t *testing.T) {
	for _, c := range []struct {
		counts []int
		want   float64
	}{{nil, 0}, {[]int{7}, 0}, {[]int{5, 5}, math.Ln2}, {[]int{1, 0, 3}, 0.562335}, {[]int{1, 1, 1, 1}, math.Log(4)}} {
		if got := entropy(c.counts); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("entropy(%v) = %v; want %v", c.counts, got, c.want)
		}
	}
}

// A class that decides tells all, one that has nothing to do with it nothing,
// however many classes there are.
func TestTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 400
	kinds := make([]int, n)
	same, flipped, chance, many, single := make([]int, n), make([]int, n), make([]int, n), make([]int, n), make([]int, n)
	for i := range n {
		if rng.Float64() < 0.3 {
			kinds[i] = 1
		}
		same[i], chance[i], many[i], single[i] = 7-kinds[i], rng.IntN(3), rng.IntN(60), i
		flipped[i] = kinds[i]
		if rng.Float64() < 0.05 {
			flipped[i] = 1 - kinds[i]
		}
	}
	for _, c := range []struct {
		name           string
		classes        []int
		least, most, p float64
	}{
		{"decides", same, 1, 1, 0.001}, {"nearly decides", flipped, 0.6, 0.85, 0.001},
		{"chance", chance, 0, 0.02, 1}, {"chance, many classes", many, 0, 0.06, 1}, {"one each", single, 0, 0, 1},
	} {
		share, p := Told(kinds, c.classes, 1)
		if !(share >= c.least && share <= c.most && p <= c.p) || c.p == 1 && p < 0.01 {
			t.Errorf("%s: told %v, p %v; want %v to %v, p up to %v", c.name, share, p, c.least, c.most, c.p)
		}
		again, _ := Told(kinds, c.classes, 1)
		if again != share {
			t.Errorf("%s: %v, then %v of the same seed", c.name, share, again)
		}
	}
	// 2 bits of which one is told: kinds 0 to 3, classes of two.
	var four, half []int
	for i := range 4000 {
		four, half = append(four, i%4), append(half, i%4/2)
	}
	if share, _ := Told(four, half, 1); math.Abs(share-0.5) > 0.005 {
		t.Errorf("one bit of two: told %v; want 0.5", share)
	}
	for _, none := range [][]int{nil, {1, 1, 1}} {
		if share, p := Told(none, none, 1); !math.IsNaN(share) || !math.IsNaN(p) {
			t.Errorf("Told(%v) = %v, %v; want NaN", none, share, p)
		}
	}
}
