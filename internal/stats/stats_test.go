package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Two samples whose shift, delta and exact p are known.
var (
	before = []float64{1.21, 1.35, 1.18, 1.40, 1.29, 1.33, 1.25, 1.38}
	after  = []float64{1.45, 1.52, 1.31, 1.60, 1.49, 1.41, 1.58, 1.36}
)

func near(got, want, within float64) bool {
	return got == want || math.Abs(got-want) <= within || math.IsNaN(got) && math.IsNaN(want)
}

// lognormal returns n draws with the given median and spread of the logarithm.
func lognormal(n int, median, sigma float64, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 99))
	out := make([]float64, n)
	for i := range out {
		out[i] = median * math.Exp(sigma*rng.NormFloat64())
	}
	return out
}

func TestMedian(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, math.NaN()}, {[]float64{3}, 3}, {[]float64{4, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5},
		{[]float64{1, inf}, inf}, {[]float64{inf, inf}, inf}, {[]float64{-inf, 1}, -inf}, {[]float64{-inf, inf}, 0},
	} {
		if got := Median(c.values); !near(got, c.want, 0) {
			t.Errorf("Median(%v) = %v; want %v", c.values, got, c.want)
		}
	}
}

func TestEstimate(t *testing.T) {
	e := Estimate{Value: 2, Low: 1, High: 3}
	if !e.Bounded() || e.Excludes(1) || e.Excludes(3) || !e.Excludes(0.99) || !e.Excludes(3.01) {
		t.Errorf("%+v: bounded %v, excludes 0.99 %v", e, e.Bounded(), e.Excludes(0.99))
	}
	if w := withheld(2, 1, "n too small: %d", 1); w.Bounded() || w.Excludes(9) || w.Warnings[0] != "n too small: 1" {
		t.Errorf("withheld is %+v", w)
	}
}

func TestLeastN(t *testing.T) {
	for _, c := range []struct {
		q            float64
		both, oneEnd int
	}{{0.5, 6, 5}, {0.9, 36, 29}, {0.95, 72, 59}, {0.99, 368, 299}, {0.999, 3688, 2995}, {0.01, 368, 299}, {1, 1, 1}} {
		if got := LeastN(c.q, 0.95); got != c.both {
			t.Errorf("LeastN(%v) = %v; want %v", c.q, got, c.both)
		}
		if got := LeastUpperN(c.q, 0.95); got != c.oneEnd {
			t.Errorf("LeastUpperN(%v) = %v; want %v", c.q, got, c.oneEnd)
		}
	}
}

func TestOrders(t *testing.T) {
	for _, c := range []struct {
		n         int
		q         float64
		low, high int
		coverage  float64
	}{
		{1000, 0.95, 936, 964, 0.95810}, // the library, which approximates, says 0.9572
		{1000, 0.99, 984, 997, 0.96354}, // and 0.9612
		{6, 0.5, 1, 6, 0.96875},
		{368, 0.99, 360, 368, 0.9624}, // exact: the approximation asks for the 369th of 368
		{36, 0.9, 29, 36, 0.9540},
	} {
		low, high, coverage := Orders(c.n, c.q, 0.95)
		if low != c.low || high != c.high || !near(coverage, c.coverage, 0.0001) {
			t.Errorf("Orders(%v, %v) = %v, %v, %v; want %v, %v, %v", c.n, c.q, low, high, coverage, c.low, c.high, c.coverage)
		}
	}
}

// From its least n on every quantile has both bounds and no less than the
// coverage it claims; one value fewer has not.
func TestOrdersCover(t *testing.T) {
	for _, q := range []float64{0.01, 0.5, 0.9, 0.95, 0.99} {
		least := LeastN(q, 0.95)
		if low, high, _ := Orders(least-1, q, 0.95); low >= 1 && high <= least-1 {
			t.Errorf("Orders(%v, %v) has the bounds %v and %v", least-1, q, low, high)
		}
		for _, n := range []int{least, least + 1, least + 7, 2 * least, 20 * least} {
			low, high, coverage := Orders(n, q, 0.95)
			if low < 1 || high > n || coverage < 0.95 {
				t.Errorf("Orders(%v, %v) = %v, %v, %v", n, q, low, high, coverage)
			}
		}
	}
}

func TestQuantile(t *testing.T) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = float64((i*7)%1000 + 1)
	}
	got := Quantile(values, 0.95, 0.95, 0)
	if got.Value != 950 || got.Low != 936 || got.High != 964 || got.N != 1000 || got.Warnings != nil {
		t.Errorf("Quantile(1..1000, 0.95) = %+v; want 950 in 936..964", got)
	}
	// Worth 100 values, of which the 91st and the last bound p95.
	if got := Quantile(values, 0.95, 0.95, 100); got.Value != 950 || got.Low != 910 || got.High != 1000 {
		t.Errorf("Quantile(1..1000, worth 100) = %+v; want 950 in 910..1000", got)
	}
	short := Quantile(values[:367], 0.99, 0.95, 0)
	if short.Bounded() || short.Warnings[0] != "n too small: an interval of p99 takes 368 independent values, these are worth 367" {
		t.Errorf("Quantile(367 values, 0.99) = %+v", short)
	}
	if got := Quantile(nil, 0.5, 0.95, 0); !math.IsNaN(got.Value) || got.Bounded() {
		t.Errorf("Quantile(nil) = %+v", got)
	}
}

func TestProportion(t *testing.T) {
	if w := Wilson(12, 1000, 0.95); !near(w.Low, 0.006878, 5e-7) || !near(w.High, 0.020857, 5e-7) || w.Value != 0.012 {
		t.Errorf("Wilson(12, 1000) = %+v", w)
	}
	if w := Wilson(0, 20, 0.95); w.Low != 0 || !near(w.High, 0.16113, 1e-5) {
		t.Errorf("Wilson(0, 20) = %+v", w)
	}
	if w := Wilson(0, 0, 0.95); !math.IsNaN(w.Value) || w.Bounded() {
		t.Errorf("Wilson(0, 0) = %+v", w)
	}
	for _, c := range []struct {
		k, n   int
		want   float64
		within float64
	}{{3, 1000, 0.0077352447, 5e-11}, {0, 299, 0.00997, 1e-5}, {5, 1000, 0.01048, 1e-5}, {4, 4, 1, 0}, {0, 0, 1, 0}} {
		if got := ClopperPearsonUpper(c.k, c.n, 0.95); !near(got, c.want, c.within) {
			t.Errorf("ClopperPearsonUpper(%v, %v) = %v; want %v", c.k, c.n, got, c.want)
		}
	}
}

func TestBootstrap(t *testing.T) {
	values := lognormal(400, 1, 0.5, 1)
	mean := func(places []int) float64 {
		sum := 0.0
		for _, i := range places {
			sum += values[i]
		}
		return sum / float64(len(places))
	}
	e := Bootstrap(len(values), 0.95, 7, mean)
	// The standard error of the mean is 0.60/20; the interval is 1.96 of it to either side.
	if e.Low >= e.Value || e.High <= e.Value || !near(e.High-e.Low, 4*0.030, 0.025) {
		t.Errorf("Bootstrap(mean) = %+v", e)
	}
	if again := Bootstrap(len(values), 0.95, 7, mean); again.Low != e.Low || again.High != e.High {
		t.Errorf("the same seed gives %+v and %+v", e, again)
	}
	if e := Bootstrap(9, 0.95, 7, mean); e.Bounded() || len(e.Warnings) != 1 {
		t.Errorf("Bootstrap(9 values) = %+v", e)
	}
}

func TestQuantileRatio(t *testing.T) {
	a, b := lognormal(2000, 1, 0.25, 1), lognormal(2000, 1.1, 0.25, 2)
	e := QuantileRatio(Draw{Values: a}, Draw{Values: b}, 0.5, 0.95, 3)
	if want := nearest(sortedCopy(b), 0.5) / nearest(sortedCopy(a), 0.5); e.Value != want {
		t.Errorf("ratio %v; want %v", e.Value, want)
	}
	// The standard error of ln of the ratio is 1.2533·0.25·√(2/2000) = 0.0099.
	if !near(math.Log(e.High/e.Low), 2*1.96*0.0099, 0.008) {
		t.Errorf("interval %v..%v", e.Low, e.High)
	}
	if worth := QuantileRatio(Draw{a, 500}, Draw{b, 500}, 0.5, 0.95, 3); !near(math.Log(worth.High/worth.Low), 2*2*1.96*0.0099, 0.016) {
		t.Errorf("of a quarter of the values: interval %v..%v", worth.Low, worth.High)
	}
	if d := QuantileDifference(Draw{Values: a}, Draw{Values: b}, 0.95, 0.95, 3); d.Excludes(0.1*math.Exp(1.645*0.25)) || !d.Excludes(0) {
		t.Errorf("difference at p95 %+v", d)
	}
	if e := QuantileRatio(Draw{Values: a[:71]}, Draw{Values: b}, 0.95, 0.95, 3); e.Bounded() || len(e.Warnings) == 0 {
		t.Errorf("p95 of 71 values: %+v", e)
	}
	inf := []float64{math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1)}
	if e := QuantileRatio(Draw{Values: inf}, Draw{Values: inf}, 0.5, 0.95, 3); e.Value != 1 || e.Low != 1 || e.High != 1 {
		t.Errorf("of calls that never ended: %+v", e)
	}
}

// A 95 % interval of the ratio of equals holds 1 in about 95 % of cases.
func TestQuantileRatioCovers(t *testing.T) {
	held := 0
	for seed := range uint64(200) {
		a, b := lognormal(60, 1, 0.4, 2*seed), lognormal(60, 1, 0.4, 2*seed+1)
		if !QuantileRatio(Draw{Values: a}, Draw{Values: b}, 0.5, 0.95, seed).Excludes(1) {
			held++
		}
	}
	if held < 182 || held > 200 {
		t.Errorf("%d of 200 intervals hold the truth; want about 190", held)
	}
}

func TestEffectiveN(t *testing.T) {
	for _, c := range []struct {
		n    int
		rho  float64
		want float64
	}{{300, 0.5, 100}, {1000, 0.16, 724.1379}, {100, -0.3, 100}, {10, 1, 1}, {0, 0.5, 0}} {
		if got := EffectiveN(c.n, c.rho); !near(got, c.want, 1e-4) {
			t.Errorf("EffectiveN(%v, %v) = %v; want %v", c.n, c.rho, got, c.want)
		}
	}
}

func TestAutocorrelation(t *testing.T) {
	// A first-order series with rho 0.5, of which the lag-1 correlation is 0.5.
	rng := rand.New(rand.NewPCG(1, 2))
	y := make([]float64, 5000)
	for i := 1; i < len(y); i++ {
		y[i] = 0.5*y[i-1] + rng.NormFloat64()
	}
	if got := Autocorrelation(y); !near(got, 0.485, 0.03) {
		t.Errorf("Autocorrelation of a series with rho 0.5 = %v", got)
	}
	y[7], y[8] = math.Inf(1), math.Inf(1)
	if got := Autocorrelation(y); !near(got, 0.485, 0.03) {
		t.Errorf("Autocorrelation with calls that never ended = %v", got)
	}
	for _, v := range [][]float64{nil, {1, 2}, {3, 3, 3, 3}} {
		if got := Autocorrelation(v); got != 0 {
			t.Errorf("Autocorrelation(%v) = %v; want 0", v, got)
		}
	}
	if got := Autocorrelation([]float64{1, 2, 1, 2, 1, 2, 1, 2}); !near(got, -0.875, 1e-9) {
		t.Errorf("Autocorrelation of 1 2 1 2 = %v; want -0.875", got)
	}
}

func TestWidening(t *testing.T) {
	if got := Widening(100, 100, 25, 25); got != 2 {
		t.Errorf("Widening(100 worth 25) = %v; want 2", got)
	}
	if got := Widening(100, 100, 100, 200); got != 1 {
		t.Errorf("Widening(more than all) = %v; want 1", got)
	}
}

func TestRanks(t *testing.T) {
	if got := Ranks([]float64{30, 10, 20, 20}); !slices.Equal(got, []float64{4, 1, 2.5, 2.5}) {
		t.Errorf("ranks = %v", got)
	}
}
