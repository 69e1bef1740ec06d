package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var loads = []float64{1, 2, 4, 8, 16, 32, 64, 128}

// at is a curve at the loads, with relative errors of the given spread.
func at(of func(float64) float64, spread float64, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 5))
	out := make([]float64, len(loads))
	for i, n := range loads {
		out[i] = of(n) * math.Exp(spread*rng.NormFloat64())
	}
	return out
}

// Throughputs of λ 20, σ 0.05, κ 0.0005, worked out apart from this package.
func TestUSL(t *testing.T) {
	truth := USL{Lambda: 20, Sigma: 0.05, Kappa: 0.0005}
	x := at(truth.At, 0, 0)
	for i, want := range []float64{20, 38.059, 69.204, 116.11, 171.123, 210.112, 207.59, 165.396} {
		if !near(x[i], want, 0.0015) {
			t.Errorf("X(%v) = %v; want %v", loads[i], x[i], want)
		}
	}
	u, ok := FitUSL(loads, x)
	if !ok || !near(u.Lambda, 20, 1e-9) || !near(u.Sigma, 0.05, 1e-9) || !near(u.Kappa, 0.0005, 1e-9) {
		t.Errorf("FitUSL = %+v, %v; want 20, 0.05, 0.0005", u, ok)
	}
	if n, peak := u.Peak(); !near(n, 43.59, 0.005) || !near(peak, 214.85, 0.005) {
		t.Errorf("Peak = %v, %v; want 43.59, 214.85", n, peak)
	}
	if n, peak := (USL{Lambda: 20, Sigma: 0.1}).Peak(); !math.IsInf(n, 1) || peak != 200 {
		t.Errorf("without coherence the peak is %v, %v; want +Inf, 200", n, peak)
	}
	if n, peak := (USL{Lambda: 20}).Peak(); !math.IsInf(n, 1) || !math.IsInf(peak, 1) {
		t.Errorf("of a line the peak is %v, %v", n, peak)
	}
}

// What would come out below 0 is left out, and the rest fitted again.
func TestUSLConstrained(t *testing.T) {
	for _, c := range []struct {
		name  string
		of    func(n float64) float64
		sigma func(float64) bool
		kappa func(float64) bool
	}{
		{"contention alone, flattening faster than it can", func(n float64) float64 { return USL{Lambda: 20, Sigma: 0.1, Kappa: -0.0003}.At(n) }, above, zero},
		{"faster than in proportion at first, then falling", func(n float64) float64 { return USL{Lambda: 20, Sigma: -0.05, Kappa: 0.002}.At(n) }, zero, above},
		{"faster than in proportion", func(n float64) float64 { return 20 * math.Pow(n, 1.1) }, zero, zero},
		{"in proportion", func(n float64) float64 { return 20 * n }, tiny, tiny},
	} {
		u, ok := FitUSL(loads, at(c.of, 0, 0))
		if !ok || !c.sigma(u.Sigma) || !c.kappa(u.Kappa) || !(u.Lambda > 0) {
			t.Errorf("%s: %+v, %v", c.name, u, ok)
		}
	}
	// With only one term the truth of that term is found again.
	if u, _ := FitUSL(loads, at(USL{Lambda: 20, Sigma: 0.1}.At, 0, 0)); !near(u.Lambda, 20, 1e-9) || !near(u.Sigma, 0.1, 1e-9) || !near(u.Kappa, 0, 1e-9) {
		t.Errorf("contention alone: %+v", u)
	}
}

func above(f float64) bool { return f > 1e-6 }
func zero(f float64) bool  { return f == 0 }
func tiny(f float64) bool  { return f >= 0 && f < 1e-9 }

// A ceiling is told from contention by its corner, with relative errors of 3 %.
func TestPlateau(t *testing.T) {
	exact := Plateau{Lambda: 20, Limit: 200}
	p, ok := FitPlateau(loads, at(exact.At, 0, 0))
	if !ok || !near(p.Lambda, 20, 1e-9) || !near(p.Limit, 200, 1e-9) {
		t.Errorf("FitPlateau = %+v, %v; want 20 and 200", p, ok)
	}
	if p, _ := FitPlateau(loads, at(func(n float64) float64 { return 20 * n }, 0, 0)); !math.IsInf(p.Limit, 1) || !near(p.Lambda, 20, 1e-9) {
		t.Errorf("of a line: %+v; want no limit", p)
	}
	usl := USL{Lambda: 20, Sigma: 0.05, Kappa: 0.0005}
	ceilings, laws := 0, 0
	for seed := range uint64(100) {
		x := at(exact.At, 0.03, seed)
		u, _ := FitUSL(loads, x)
		if p, _ := FitPlateau(loads, x); p.AICc < u.AICc && near(p.Limit, 200, 12) {
			ceilings++
		}
		x = at(usl.At, 0.03, seed)
		u, _ = FitUSL(loads, x)
		if p, _ := FitPlateau(loads, x); u.AICc < p.AICc && near(u.Lambda, 20, 2) {
			laws++
		}
	}
	t.Logf("of 100 each: %d ceilings and %d laws known for what they are", ceilings, laws)
	if ceilings < 95 || laws < 95 {
		t.Errorf("of 100 each: %d ceilings and %d laws known for what they are; want 95", ceilings, laws)
	}
	// The order of the points does not matter.
	n, x := slices.Clone(loads), at(exact.At, 0.03, 1)
	want, _ := FitPlateau(n, x)
	slices.Reverse(n)
	slices.Reverse(x)
	if got, _ := FitPlateau(n, x); !near(got.Limit, want.Limit, 1e-9) || !near(got.AICc, want.AICc, 1e-9) {
		t.Errorf("the other way round: %+v; want %+v", got, want)
	}
}

func TestScalingRefuses(t *testing.T) {
	for _, c := range [][2][]float64{{nil, nil}, {{1, 2}, {1, 2}}, {{1, 1, 2}, {1, 1, 2}}, {{1, 2, 3}, {1, 2}}, {{0, 1, 2}, {1, 2, 3}},
		{{1, 2, 3}, {1, 0, 3}}, {{1, 2, 3}, {1, math.Inf(1), 3}}, {{1, 2, 3}, {1, math.NaN(), 3}}} {
		if u, ok := FitUSL(c[0], c[1]); ok {
			t.Errorf("FitUSL(%v) = %+v", c, u)
		}
		if p, ok := FitPlateau(c[0], c[1]); ok {
			t.Errorf("FitPlateau(%v) = %+v", c, p)
		}
	}
	// Of four points the criterion cannot choose among four figures.
	if u, ok := FitUSL(loads[:4], at(USL{Lambda: 20, Sigma: 0.05, Kappa: 0.0005}.At, 0, 0)[:4]); !ok || !math.IsInf(u.AICc, 1) {
		t.Errorf("FitUSL of four points = %+v, %v; want AICc +Inf", u, ok)
	}
}

// A curve whose knee, distance and threshold were worked out apart from this package.
var (
	kneeLoads   = []float64{1, 2, 4, 8, 16, 24, 32, 40, 48}
	kneeLatency = []float64{1.2, 1.21, 1.23, 1.26, 1.31, 1.45, 1.9, 3.2, 6.0}
)

func TestKnee(t *testing.T) {
	k := FindKnee(kneeLoads, kneeLatency, 1, 0.2)
	if !k.Reached || k.X != 32 || !near(k.Distance, 0.5137, 5e-5) || !near(k.Threshold, 0.3887, 5e-5) {
		t.Errorf("FindKnee = %+v; want 32, 0.5137, 0.3887", k)
	}
	x, y := slices.Clone(kneeLoads), slices.Clone(kneeLatency)
	slices.Reverse(x)
	slices.Reverse(y)
	if got := FindKnee(x, y, 1, 0.2); got != k {
		t.Errorf("the other way round: %+v; want %+v", got, k)
	}
	flat := slices.Repeat([]float64{1.2}, 9)
	line := make([]float64, 9)
	for i := range line {
		line[i] = 1 + kneeLoads[i]/10
	}
	for name, c := range map[string][2][]float64{
		"before the knee":    {kneeLoads[:5], kneeLatency[:5]}, // rises by 9 %
		"flat":               {kneeLoads, flat},
		"noise on flat":      {kneeLoads, {1.2, 1.21, 1.19, 1.22, 1.2, 1.18, 1.21, 1.2, 1.22}},
		"a line":             {kneeLoads, line},
		"falling":            {kneeLoads, {9, 8, 7, 6, 5, 4, 3, 2, 1}},
		"bent the other way": {kneeLoads, {1, 3, 5, 6, 7, 7.4, 7.6, 7.7, 7.8}},
		"never ended":        {kneeLoads[:4], {1, 1, 1, math.Inf(1)}},
		"three points":       {kneeLoads[:3], {1, 1, 9}},
		"one load":           {{2, 2, 2, 2}, {1, 2, 3, 4}},
		"nothing":            {nil, nil},
		"unequal":            {kneeLoads, flat[:8]},
	} {
		if got := FindKnee(c[0], c[1], 1, 0.2); got.Reached || !math.IsNaN(got.X) {
			t.Errorf("%s: %+v; want not reached", name, got)
		}
	}
	// A more patient search asks for more of a fall: here for more than there is.
	if got := FindKnee(kneeLoads, kneeLatency, 5, 0.2); got.Reached {
		t.Errorf("with sensitivity 5: %+v; want not reached", got)
	}
}

func TestBootstrapKnee(t *testing.T) {
	samples := make([][]float64, len(kneeLoads))
	for i := range samples {
		samples[i] = lognormal(60, kneeLatency[i], 0.1, uint64(i))
	}
	knee, reached := BootstrapKnee(kneeLoads, samples, 0.5, 1, 0.2, 0.95, 7)
	if knee.Value != 32 || knee.Low > 32 || knee.High < 32 || knee.Low < 24 || knee.High > 40 || reached != 1 || knee.N != 60 {
		t.Errorf("BootstrapKnee = %+v, %v; want 32 between 24 and 40", knee, reached)
	}
	if again, _ := BootstrapKnee(kneeLoads, samples, 0.5, 1, 0.2, 0.95, 7); again.Low != knee.Low || again.High != knee.High {
		t.Errorf("the same seed gives %+v and %+v", again, knee)
	}
	if e, reached := BootstrapKnee(kneeLoads[:5], samples[:5], 0.5, 1, 0.2, 0.95, 7); e.Bounded() || reached > 0.5 || len(e.Warnings) != 1 {
		t.Errorf("before the knee: %+v, %v", e, reached)
	}
	samples[3] = samples[3][:5]
	if e, reached := BootstrapKnee(kneeLoads, samples, 0.5, 1, 0.2, 0.95, 7); e.Bounded() || !math.IsNaN(reached) || e.Warnings[0] != "n too small: p50 takes 6 values at each load, the fewest are 5" {
		t.Errorf("of 5 values: %+v, %v", e, reached)
	}
	if e, _ := BootstrapKnee(nil, nil, 0.5, 1, 0.2, 0.95, 7); e.Bounded() || !math.IsNaN(e.Value) {
		t.Errorf("of nothing: %+v", e)
	}
}
