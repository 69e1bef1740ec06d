package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Figures of scipy 1.17: stats.theilslopes.
func TestTheilSen(t *testing.T) {
	slope, intercept := TheilSen([]float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{1, 3, 2, 5, 7, 8, 6, 10}, 0.95, 1)
	if slope.Value != 1.25 || intercept != 0 || !near(slope.Low, 0.6, 0.15) || !near(slope.High, 2, 0.15) {
		t.Errorf("TheilSen = %+v, %v; want 1.25 in 0.6..2, 0", slope, intercept)
	}
	var x, y []float64
	for i := range 60 {
		x, y = append(x, float64(i%40)), append(y, float64((i*37)%23+i%40))
	}
	slope, _ = TheilSen(x, y, 0.95, 1)
	if !near(slope.Value, 1.0454545, 1e-6) || !near(slope.Low, 0.8461538, 0.005) || !near(slope.High, 1.2, 0.005) {
		t.Errorf("TheilSen with equal x = %+v; want 1.04545 in 0.84615..1.2", slope)
	}
	if slope, at := TheilSen([]float64{3, 3, 3}, []float64{1, 2, 3}, 0.95, 1); !math.IsNaN(slope.Value) || !math.IsNaN(at) {
		t.Errorf("TheilSen of one x = %+v", slope)
	}
	if slope, _ := TheilSen([]float64{1, 2, 3}, []float64{1, 2, 3}, 0.95, 1); slope.Value != 1 || slope.Bounded() {
		t.Errorf("TheilSen of 3 points = %+v; want 1 without an interval", slope)
	}
}

// The slope of time by prompt tokens, with the noise of a real model: 0.110 ms a
// token is recovered from sizes far apart and not from sizes alike.
// Seconds to the first token of two prompts, by tokens: 0.110 ms for each that is
// not cached, 0.01444 for each that is (published in the announcement of prompt
// caching, 2024).
func TestTheilSenOfTwo(t *testing.T) {
	for want, seconds := range map[float64][]float64{0.1100e-3: {1.6, 11.5}, 0.01444e-3: {1.1, 2.4}} {
		slope, intercept := TheilSen([]float64{10_000, 100_000}, seconds, 0.95, 1)
		if !near(slope.Value, want, 0.00001e-3) || !near(intercept, seconds[0]-10_000*slope.Value, 1e-12) || slope.Bounded() {
			t.Errorf("TheilSen(%v) = %+v, %v; want %v without an interval", seconds, slope, intercept, want)
		}
	}
}

func TestTheilSenRecovers(t *testing.T) {
	recover := func(sizes ...float64) Estimate {
		rng := rand.New(rand.NewPCG(5, 5))
		var x, y []float64
		for i := range 240 {
			size := sizes[i%len(sizes)]
			x = append(x, size)
			y = append(y, 600*math.Exp(0.25*rng.NormFloat64())+0.110*size)
		}
		e, _ := TheilSen(x, y, 0.95, 1)
		return e
	}
	if e := recover(500, 5000, 20000, 60000); !near(e.Value, 0.110, 0.004) || e.Excludes(0.110) {
		t.Errorf("from sizes far apart: %+v; want 0.110", e)
	}
	if e := recover(900, 1000, 1100); !(e.High-e.Low > 0.2) {
		t.Errorf("from sizes alike: %+v; want an interval that says so", e)
	}
}

// Beyond a million pairs a draw stands for all of them.
func TestTheilSenDraws(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var x, y []float64
	for i := range 3000 {
		x, y = append(x, float64(i)), append(y, 2*float64(i)+300*rng.NormFloat64())
	}
	if e, _ := TheilSen(x, y, 0.95, 1); !near(e.Value, 2, 0.02) || e.Excludes(2) || e.High-e.Low > 0.05 {
		t.Errorf("TheilSen of 3000 points = %+v; want 2", e)
	}
}

func TestSpearman(t *testing.T) {
	rho, p := Spearman([]float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{2, 1, 4, 3, 7, 8, 6, 5})
	if !near(rho, 0.73809524, 1e-8) || !near(p, 0.03655276, 1e-8) { // scipy 1.17
		t.Errorf("Spearman = %v, %v; want 0.738, 0.0366", rho, p)
	}
	if rho, p := Spearman([]float64{1, 2, 3, 4, 5}, []float64{2, 4, 6, 8, math.Inf(1)}); !near(rho, 1, 1e-12) || p > 1e-6 {
		t.Errorf("Spearman of one order = %v, %v; want 1, 0", rho, p)
	}
	if rho, p := Spearman([]float64{1, 2}, []float64{1, 2}); !math.IsNaN(rho) || !math.IsNaN(p) {
		t.Errorf("Spearman of two = %v, %v", rho, p)
	}
	if rho, p := Spearman([]float64{1, 1, 1, 1, 1}, []float64{1, 2, 3, 4, 5}); !math.IsNaN(rho) || !math.IsNaN(p) {
		t.Errorf("Spearman of equals = %v, %v", rho, p)
	}
}

func TestSPRT(t *testing.T) {
	s, err := NewSPRT(0.005, 0.02, 0.05, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	if !near(s.Upper, 2.94444, 1e-5) || !near(s.Lower, -2.94444, 1e-5) || !near(s.Violation, 1.38629, 1e-5) || !near(s.Success, -0.0151902, 1e-7) {
		t.Errorf("NewSPRT = %+v", s)
	}
	for trial := 1; ; trial++ {
		if v := s.Add(false); v != Undecided {
			if trial != 194 || v != Accept || s.Clean() != 194 {
				t.Errorf("decided %v after %d clean trials; want accept after 194", v, trial)
			}
			break
		}
	}
	s, _ = NewSPRT(0.005, 0.02, 0.05, 0.05)
	s.Add(true)
	s.Add(true)
	if v := s.Add(true); v != Reject || s.Trials != 3 {
		t.Errorf("three violations at once: %v after %d", v, s.Trials)
	}
	if v := (&SPRT{}).Add(true); v != Undecided {
		t.Errorf("the zero value decides %v", v)
	}
	for _, bad := range [][4]float64{{0, 0.1, 0.05, 0.05}, {0.2, 0.1, 0.05, 0.05}, {0.1, 1, 0.05, 0.05}, {0.1, 0.2, 0, 0.05}, {0.1, 0.2, 0.05, math.NaN()}} {
		if _, err := NewSPRT(bad[0], bad[1], bad[2], bad[3]); err == nil {
			t.Errorf("NewSPRT(%v) is accepted", bad)
		}
	}
}

func TestMSER5(t *testing.T) {
	y := make([]float64, 200)
	for i := range y {
		y[i] = 2 + 5*math.Exp(-float64(i)/20) + float64((7919*i)%13-6)/60
	}
	got := MSER5(y)
	if got.Batch != 18 || got.From != 90 || !near(got.Mean, 2.0096, 5e-5) || !got.Found {
		t.Errorf("MSER5 = %+v; want 18 batches, mean 2.0096", got)
	}
	rising := make([]float64, 200)
	for i := range rising {
		rising[i] = float64(i)
	}
	if got := MSER5(rising); got.Found {
		t.Errorf("MSER5 of a series that only rises = %+v", got)
	}
	if got := MSER5(y[:39]); got.Found || !math.IsNaN(got.Mean) {
		t.Errorf("MSER5 of 39 values = %+v", got)
	}
}

func TestIsotonic(t *testing.T) {
	for _, c := range []struct{ y, w, want []float64 }{
		{[]float64{1, 3, 2, 4, 3.5, 5}, nil, []float64{1, 2.5, 2.5, 3.75, 3.75, 5}},
		{[]float64{3, 2, 1}, nil, []float64{2, 2, 2}},
		{[]float64{3, 1}, []float64{1, 3}, []float64{1.5, 1.5}},
		{nil, nil, []float64{}},
	} {
		if got := Isotonic(c.y, c.w); !slices.Equal(got, c.want) {
			t.Errorf("Isotonic(%v, %v) = %v; want %v", c.y, c.w, got, c.want)
		}
	}
}

func TestChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	series := func(levels ...float64) []float64 {
		var y []float64
		for _, l := range levels {
			for range 60 {
				y = append(y, l+rng.NormFloat64())
			}
		}
		return y
	}
	got := Changes(series(10, 13, 9), 5)
	if len(got) != 2 || got[0].At < 58 || got[0].At > 62 || got[1].At < 118 || got[1].At > 122 ||
		!near(got[0].Before, 10, 0.5) || !near(got[0].After, 13, 0.5) || !near(got[1].After, 9, 0.5) {
		t.Errorf("Changes of three levels = %+v", got)
	}
	if got := Changes([]float64{1, 1, 1, 1, 5, 5, 5, 5}, 2); len(got) != 1 || got[0].At != 4 || got[0].Before != 1 || got[0].After != 5 {
		t.Errorf("Changes of two flat levels = %+v; want one at 4", got)
	}
	for _, y := range [][]float64{nil, {1}, {1, 2, 3}, {4, 4, 4, 4, 4, 4}} {
		if got := Changes(y, 2); len(got) != 0 {
			t.Errorf("Changes(%v) = %+v; want none", y, got)
		}
	}
	wrong := 0
	for range 200 {
		wrong += len(Changes(series(7), 5))
	}
	if wrong > 10 {
		t.Errorf("%d changes in 200 steady series", wrong)
	}
}

// The saving of routing, caching and batch together, and each one's part: a bill
// of 22,500 with the bill of each combination known.
func TestShapley(t *testing.T) {
	for _, c := range []struct{ bill, want []float64 }{ // sets: none, r, c, r+c, b, r+b, c+b, all
		{[]float64{22500, 13500, 18670.77, 13312.10, 19125, 11475, 16738.00, 11212.39}, []float64{7009.98, 1793.09, 2484.53}},
		{[]float64{22500, 13500, 9000, 5400, 19125, 11475, 8685, 5211}, []float64{6033, 9678, 1578}},
		{[]float64{22500, 13500, 9027.47, 6197.18, 19125, 11475, 9514.45, 6973.59}, []float64{5593.67, 8810.21, 1122.54}},
	} {
		got := Shapley(3, func(set uint) float64 { return -c.bill[set] })
		for i := range got {
			if !near(got[i], c.want[i], 0.011) {
				t.Errorf("Shapley = %v; want %v", got, c.want)
				break
			}
		}
		if sum := got[0] + got[1] + got[2]; !near(sum, c.bill[0]-c.bill[7], 1e-9) {
			t.Errorf("the shares add up to %v; want %v", sum, c.bill[0]-c.bill[7])
		}
	}
	if got := Shapley(0, func(uint) float64 { return 1 }); len(got) != 0 {
		t.Errorf("Shapley of nothing = %v", got)
	}
}
