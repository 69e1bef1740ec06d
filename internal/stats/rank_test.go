package stats

import (
	"math"
	"slices"
	"testing"
)

func TestMannWhitney(t *testing.T) {
	got := MannWhitney(before, after, 1)
	if !near(got.P, 0.0046620047, 5e-11) || got.U != 6 || !got.Exact {
		t.Errorf("MannWhitney = %+v; want p 0.0046620047, U 6, exact", got)
	}
	if back := MannWhitney(after, before, 1); back.P != got.P || back.U != 58 {
		t.Errorf("the other way round %+v", back)
	}
	if got := MannWhitney(nil, after, 1); !math.IsNaN(got.P) {
		t.Errorf("MannWhitney(nil) = %+v", got)
	}
	inf := math.Inf(1)
	if got := MannWhitney([]float64{inf, inf, inf}, []float64{inf, inf}, 1); got.P != 1 || got.U != 3 {
		t.Errorf("MannWhitney(all equal) = %+v; want p 1", got)
	}
}

// saw returns values with ties, whose figures scipy 1.17 gave: mannwhitneyu with
// the asymptotic method, numpy's median of all differences.
func saw(n, step, mod int, add float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64((i*step)%mod)/10 + add
	}
	return out
}

func TestMannWhitneyLarge(t *testing.T) {
	a, b := saw(80, 7919, 97, 0), saw(70, 104729, 89, 1)
	got := MannWhitney(a, b, 1)
	if !near(got.P, 0.20289566, 1e-7) || got.U != 2461.5 || got.Exact {
		t.Errorf("MannWhitney(80, 70 with ties) = %+v; want p 0.20289566, U 2461.5", got)
	}
	// Dependence that doubles the spread halves z: 1.2733 becomes 0.6367.
	if got := MannWhitney(a, b, 2); !near(got.P, 0.5243, 1e-3) {
		t.Errorf("twice as wide: p %v; want 0.5243", got.P)
	}
}

// Of pairs without a difference, 5 % are significant.
func TestMannWhitneyLevel(t *testing.T) {
	for _, n := range []int{12, 120} {
		wrong := 0
		for seed := range uint64(400) {
			if MannWhitney(lognormal(n, 1, 0.5, 2*seed), lognormal(n, 1, 0.5, 2*seed+1), 1).P < 0.05 {
				wrong++
			}
		}
		if wrong < 8 || wrong > 33 { // 20 ± 3 standard deviations
			t.Errorf("n %d: %d of 400 pairs are significant; want about 20", n, wrong)
		}
	}
}

func TestHodgesLehmann(t *testing.T) {
	got := HodgesLehmann(before, after, 0.95, 1)
	if !near(got.Value, 0.165, 1e-12) || got.N != 8 {
		t.Errorf("HodgesLehmann = %+v; want 0.165", got)
	}
	// R's wilcox.test(conf.int) gives 0.06 to 0.26: the 14th difference from either end.
	all := allDifferences(before, after)
	if got.Low != all[13] || got.High != all[64-14] {
		t.Errorf("interval %v..%v; want %v..%v", got.Low, got.High, all[13], all[50])
	}
	a, b := saw(80, 7919, 97, 0), saw(70, 104729, 89, 1)
	if got := HodgesLehmann(a, b, 0.95, 1); !near(got.Value, 0.6, 1e-12) || got.Excludes(0) {
		t.Errorf("HodgesLehmann(80, 70) = %+v; want 0.6, not significant", got)
	}
	wide, narrow := HodgesLehmann(a, b, 0.95, 2), HodgesLehmann(a, b, 0.95, 1)
	if ratio := (wide.High - wide.Low) / (narrow.High - narrow.Low); !near(ratio, 2, 0.25) {
		t.Errorf("twice as wide is %v times as wide", ratio)
	}
	if got := HodgesLehmann([]float64{1, 2, 3}, []float64{4, 5, 6}, 0.95, 1); got.Value != 3 || got.Bounded() || len(got.Warnings) != 1 {
		t.Errorf("of 3 against 3: %+v; want 3 without an interval", got)
	}
	if got := HodgesLehmann(nil, after, 0.95, 1); !math.IsNaN(got.Value) || got.Bounded() {
		t.Errorf("of nothing: %+v", got)
	}
	inf := math.Inf(1)
	if got := HodgesLehmann([]float64{1, 2, inf, inf, inf}, []float64{inf, inf, inf, 3, inf}, 0.95, 1); got.Value != 0 {
		t.Errorf("with calls that never ended: %+v; want 0", got)
	}
}

func allDifferences(a, b []float64) []float64 {
	var all []float64
	for _, x := range a {
		for _, y := range b {
			if x == y {
				all = append(all, 0)
				continue
			}
			all = append(all, y-x)
		}
	}
	slices.Sort(all)
	return all
}

// Every rank of the differences is found without making them.
func TestDifferences(t *testing.T) {
	inf := math.Inf(1)
	a := []float64{-3, 0, 0.1, 0.2, 2, 2, 7, inf}
	b := []float64{-1e300, -2, 0.3, 2, 5e-324, 1e9, inf}
	d := differences{sortedCopy(a), sortedCopy(b)}
	for i, want := range allDifferences(a, b) {
		if got := d.at(i + 1); got != want {
			t.Errorf("difference %d = %v; want %v", i+1, got, want)
		}
	}
}

func TestComparable(t *testing.T) {
	for _, c := range []struct {
		n, m int
		want bool
	}{{3, 3, false}, {4, 4, true}, {3, 4, false}, {3, 5, true}, {2, 7, false}, {2, 8, true}, {1, 38, false}, {1, 39, true}, {1, 1, false}, {5, 5, true}} {
		if got := Comparable(c.n, c.m, 0.95); got != c.want {
			t.Errorf("Comparable(%v, %v) = %v; want %v", c.n, c.m, got, c.want)
		}
		if lowest := MannWhitney(ladder(c.n, 0), ladder(c.m, 1000), 1).P; lowest <= 0.05 != c.want {
			t.Errorf("%v against %v: the least p is %v", c.n, c.m, lowest)
		}
	}
}

func ladder(n int, from float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = from + float64(i)
	}
	return out
}

func TestCliffDelta(t *testing.T) {
	for _, c := range []struct {
		a, b  []float64
		want  float64
		label string
	}{
		{before, after, 0.8125, "large"}, {after, before, -0.8125, "large"}, {before, before, 0, "negligible"},
		{[]float64{1, 2}, []float64{2, 2}, 0.5, "large"}, {nil, after, math.NaN(), "unknown"},
		{[]float64{1, 2, 3, 4, 5}, []float64{1, 2, 3, 4, 6.5}, 0.04, "negligible"},
	} {
		got := CliffDelta(c.a, c.b)
		if !near(got, c.want, 1e-12) || CliffLabel(got) != c.label {
			t.Errorf("CliffDelta(%v, %v) = %v, %s; want %v, %s", c.a, c.b, got, CliffLabel(got), c.want, c.label)
		}
	}
	for delta, want := range map[float64]string{0.146: "negligible", -0.147: "small", 0.33: "medium", -0.474: "large"} {
		if got := CliffLabel(delta); got != want {
			t.Errorf("CliffLabel(%v) = %v; want %v", delta, got, want)
		}
	}
}

func TestHolm(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ p, want []float64 }{
		{[]float64{0.01, 0.04, 0.03, 0.005}, []float64{0.03, 0.06, 0.06, 0.02}}, // R: p.adjust(method = "holm")
		{[]float64{0.5, nan, 0.9}, []float64{1, nan, 1}},
		{nil, nil},
	} {
		got := Holm(c.p)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return near(a, b, 1e-12) }) {
			t.Errorf("Holm(%v) = %v; want %v", c.p, got, c.want)
		}
	}
}
