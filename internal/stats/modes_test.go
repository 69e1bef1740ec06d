package stats

import (
	"math"
	"slices"
	"testing"
)

// Figures of the Python package diptest 0.10, which takes 0 where we take 1/(2n).
func TestDip(t *testing.T) {
	var saw, cube, wave []float64
	for i := range 200 {
		v := float64((7919*i)%101) / 10
		if i%3 == 0 {
			v += 15
		}
		saw = append(saw, v)
	}
	for i := -60; i < 141; i++ {
		cube = append(cube, math.Pow(float64(i)/100, 3))
	}
	for i := range 300 {
		wave = append(wave, 2*math.Sin(float64(i*i)))
	}
	for _, c := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"even", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.05},
		{"two places", []float64{1, 1, 1, 5, 5, 5}, 0.25},
		{"two heaps", []float64{0, 1, 2, 10, 11, 12, 13}, 0.17142857},
		{"sixteen", slices.Concat(before, after), 0.046875},
		{"saw", saw, 0.05620805},
		{"cube", cube, 0.00248756},
		{"wave", wave, 0.06404668},
		{"one place", []float64{4, 4, 4, 4}, 0.125},
		{"one", []float64{4}, 0.5},
		{"none", nil, math.NaN()},
	} {
		if got := Dip(c.values); !near(got, c.want, 5e-9) {
			t.Errorf("Dip(%s) = %v; want %v", c.name, got, c.want)
		}
	}
}

// Hartigan's table: 5 % of samples of 50 even values have a dip over 0.0702.
func TestDipTest(t *testing.T) {
	values := make([]float64, 50)
	for i := range values {
		values[i] = float64(i)
		if i >= 25 {
			values[i] += 7.5
		}
	}
	dip, p := DipTest(values, 1)
	if !near(dip, 0.0702, 0.012) || p < 0.005 || p > 0.2 {
		t.Errorf("DipTest = %v, %v", dip, p)
	}
	if _, p := DipTest([]float64{1, 2, 3}, 1); !math.IsNaN(p) {
		t.Errorf("DipTest of 3 values = %v", p)
	}
}

func TestFindModes(t *testing.T) {
	// 70 % at 0.9 s and 30 % at 3 s: far apart.
	two := FindModes(slices.Concat(lognormal(350, 0.9, 0.2, 1), lognormal(150, 3, 0.25, 2)), 1)
	if !two.Bimodal || !near(two.Separation, 5.3, 0.6) || !near(two.Weights[1], 0.3, 0.02) ||
		!near(math.Exp(two.Means[0]), 0.9, 0.05) || !near(math.Exp(two.Means[1]), 3, 0.2) {
		t.Errorf("two kinds: %+v", two)
	}
	if up := two.Upper(math.Log(3)); up < 0.99 {
		t.Errorf("3 s is of the upper kind with %v", up)
	}
	if up := two.Upper(math.Log(0.9)); up > 0.01 {
		t.Errorf("0.9 s is of the upper kind with %v", up)
	}
	// One kind, and one with a long tail such as real models have: not two.
	for name, values := range map[string][]float64{
		"one kind":  lognormal(500, 1, 0.4, 3),
		"long tail": slices.Concat(lognormal(450, 0.66, 0.25, 4), lognormal(50, 1.1, 0.55, 5)),
	} {
		if got := FindModes(values, 1); got.Bimodal {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := FindModes([]float64{1, 2, 3}, 1); got.Bimodal || len(got.Warnings) != 1 || !math.IsNaN(got.P) {
		t.Errorf("of 3 values: %+v", got)
	}
	if got := FindModes(make([]float64, 50), 1); got.Bimodal || len(got.Warnings) != 1 {
		t.Errorf("of zeros: %+v", got)
	}
}

func TestMixtureFar(t *testing.T) {
	m := Mixture{Weights: [2]float64{0.5, 0.5}, Means: [2]float64{0, 1}, SDs: [2]float64{0.01, 0.01}}
	if a, b := m.Upper(-50), m.Upper(50); a != 0 || b != 1 {
		t.Errorf("far out: %v and %v; want 0 and 1", a, b)
	}
}
