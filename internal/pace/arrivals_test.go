package pace

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// flat is a constant rate for a time.
func flat(rate float64, d time.Duration) Profile {
	return Profile{Stages: []Stage{{Target: rate}, {Duration: d, Target: rate}}}
}

func dues(p Profile, seed uint64) []time.Duration {
	var out []time.Duration
	for _, due := range p.Arrivals(seed) {
		out = append(out, due)
	}
	return out
}

func TestConstantIsAnExactGrid(t *testing.T) {
	tests := []struct {
		rate float64
		d    time.Duration
		n    int
		step func(k int) time.Duration
	}{
		{5, time.Minute, 300, func(k int) time.Duration { return time.Duration(k) * s / 5 }},
		{10, time.Hour, 36000, func(k int) time.Duration { return time.Duration(k) * s / 10 }},
		{1000, 10 * s, 10000, func(k int) time.Duration { return time.Duration(k) * time.Millisecond }},
		{3, time.Hour, 10800, func(k int) time.Duration { return time.Duration(math.Round(float64(k) / 3 * 1e9)) }},
		{100.0 / 60, time.Minute, 100, func(k int) time.Duration { return time.Duration(k) * 600 * time.Millisecond }},
		{7.0 / 60, time.Hour, 420, func(k int) time.Duration { return time.Duration(math.Round(float64(k) * 60e9 / 7)) }},
		{1, 1500 * time.Millisecond, 2, func(k int) time.Duration { return time.Duration(k) * s }},
	}
	for _, test := range tests {
		got := dues(flat(test.rate, test.d), 1)
		if len(got) != test.n {
			t.Errorf("%v/s for %v: %d arrivals; want %d", test.rate, test.d, len(got), test.n)
			continue
		}
		for k, due := range got {
			if due != test.step(k) {
				t.Errorf("%v/s for %v: arrival %d at %v; want %v", test.rate, test.d, k, due, test.step(k))
				break
			}
		}
	}
}

// A rate given per minute or hour is rarely a whole number per second; the
// count is exact all the same.
func TestConstantCountsAreExact(t *testing.T) {
	for n := 1; n <= 300; n++ {
		for _, d := range []time.Duration{time.Minute, time.Hour} {
			if got := len(dues(flat(float64(n)/d.Seconds(), d), 1)); got != n {
				t.Errorf("%d in %v: %d arrivals", n, d, got)
			}
		}
	}
}

// Days on, the grid is where arithmetic on whole numbers puts it.
func TestConstantDoesNotDrift(t *testing.T) {
	p := flat(0.7, 14*24*time.Hour)
	for k, due := range p.Arrivals(1) {
		if want := time.Duration(k) * 10 * s / 7; max(due-want, want-due) > 1 {
			t.Fatalf("arrival %d at %v; want %v", k, due, want)
		}
	}
}

func TestConstantAcrossStages(t *testing.T) {
	ms := func(list ...int) []time.Duration {
		out := make([]time.Duration, len(list))
		for i, v := range list {
			out[i] = time.Duration(v) * time.Millisecond
		}
		return out
	}
	tests := []struct {
		name   string
		stages []Stage
		want   []time.Duration
	}{
		{"none", nil, nil},
		{"no length", []Stage{{Target: 5}}, nil},
		{"rate 0", []Stage{{Duration: time.Hour}}, nil},
		{"pause first", []Stage{{Duration: 10 * s}, {Target: 2}, {Duration: s, Target: 2}}, ms(10000, 10500)},
		{"pause between", []Stage{{Target: 2}, {Duration: s, Target: 2}, {}, {Duration: 5 * s}, {Target: 2}, {Duration: s, Target: 2}}, ms(0, 500, 6000, 6500)},
		{"pause last", []Stage{{Target: 2}, {Duration: s, Target: 2}, {}, {Duration: 5 * s}}, ms(0, 500)},
		{"jump up", []Stage{{Target: 1}, {Duration: 2 * s, Target: 1}, {Target: 4}, {Duration: s, Target: 4}}, ms(0, 1000, 2000, 2250, 2500, 2750)},
		{"jump down, the gap spans it", []Stage{{Target: 4}, {Duration: 250*time.Millisecond + 125*time.Millisecond, Target: 4}, {Target: 1}, {Duration: 2 * s, Target: 1}}, ms(0, 250, 875, 1875)},
		// Λ(t) = t²: the k-th arrival is due at √k.
		{"rise from 0", []Stage{{Duration: 2 * s, Target: 4}}, []time.Duration{0, s, 1414213562, 1732050808}},
		// Mirrored, Λ(t) = 4t − t²: 2 − √(4 − k).
		{"a little before the border", []Stage{{Target: 1}, {Duration: s - 10, Target: 1}, {Target: 2}, {Duration: s, Target: 2}}, []time.Duration{0, s - 5, s - 5 + s/2}},
		// Ten times 0.1 is a little less than 1; that must not look like time.
		{"rounding at the border", append(slices.Repeat([]Stage{{Target: 0.1}, {Duration: s, Target: 0.1}}, 10), Stage{}, Stage{Duration: 10 * s, Target: 0.01}), []time.Duration{0, 10 * s}},
		{"fall to 0", []Stage{{Target: 4}, {Duration: 2 * s, Target: 0}}, []time.Duration{0, 267949192, 585786438, s}},
	}
	for _, test := range tests {
		if d := cmp.Diff(test.want, dues(Profile{Stages: test.stages}, 1)); d != "" {
			t.Errorf("%s: Arrivals() (-want +got):\n%s", test.name, d)
		}
	}
}

// Whatever the process, the k-th arrival of a constant one is due when Λ
// reaches k, and arrivals come in order and before the end.
func TestArrivalsFollowExpected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProfile(t)
		p.Process = rapid.SampledFrom(Processes()).Draw(t, "process")
		p.CV = rapid.SampledFrom([]float64{0, 0.5, 1, 3}).Draw(t, "cv")
		last, n := time.Duration(0), 0
		for i, due := range p.Arrivals(rapid.Uint64().Draw(t, "seed")) {
			if i != n || due < last || due >= p.Duration() {
				t.Fatalf("arrival %d (index %d) at %v; the last was at %v, the end is %v", n, i, due, last, p.Duration())
			}
			// A nanosecond either way is what rounding may cost.
			low, high := p.Expected(due-1), p.Expected(due+1)
			if k := float64(i); p.Process == Constant && (low > k+1e-6 || high < k-1e-6) {
				t.Fatalf("arrival %d at %v, where %v to %v were to be expected", i, due, low, high)
			}
			last, n = due, n+1
		}
		all := p.Expected(p.Duration())
		if k := float64(n); p.Process == Constant && (k < math.Ceil(all-1e-6) || k > math.Ceil(all+1e-6)) {
			t.Fatalf("%d arrivals; want ⌈%v⌉", n, all)
		}
	})
}

func TestExpected(t *testing.T) {
	tests := []struct {
		at   time.Duration
		want float64
	}{{-s, 0}, {0, 0}, {5 * s, 12.5}, {10 * s, 50}, {15 * s, 100}, {20 * s, 120}, {25 * s, 120}, {35 * s, 126.25}, {40 * s, 145}, {time.Hour, 145}}
	for _, test := range tests {
		if got := trapezoid().Expected(test.at); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("Expected(%v) = %v; want %v", test.at, got, test.want)
		}
	}
}

// The mean number of arrivals is Λ at every instant, for bursty processes too,
// right from the start.
func TestRandomCountsMatchExpected(t *testing.T) {
	const runs = 1500
	at := []time.Duration{s, 5 * s, 12 * s, 22 * s, 40 * s}
	for _, process := range []Profile{{Process: Poisson}, {Process: Gamma, CV: 0.3}, {Process: Gamma, CV: 2}} {
		p := trapezoid()
		p.Process, p.CV = process.Process, process.CV
		sum, sq := make([]float64, len(at)), make([]float64, len(at))
		for seed := range uint64(runs) {
			all := dues(p, seed)
			for i, a := range at {
				n, _ := slices.BinarySearch(all, a)
				sum[i] += float64(n)
				sq[i] += float64(n * n)
			}
		}
		for i, a := range at {
			mean := sum[i] / runs
			se := math.Sqrt((sq[i]/runs - mean*mean) / runs)
			if want := p.Expected(a); math.Abs(mean-want) > 4*se+1e-9 {
				t.Errorf("%s cv %v: mean count before %v is %.3f ± %.3f; want %.3f", p.Process, p.CV, a, mean, se, want)
			}
		}
	}
}

func TestPoissonIsPoisson(t *testing.T) {
	const rate, length = 20.0, 4 * time.Hour
	for _, seed := range []uint64{1, 2, 3} {
		p := flat(rate, length)
		p.Process = Poisson
		all := dues(p, seed)
		// Each window's index of dispersion has a standard error of √(2/windows),
		// 2 % at the widest.
		for _, window := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, s, 3 * s} {
			if got := dispersion(all, window, length); got < 0.9 || got > 1.1 {
				t.Errorf("seed %d: index of dispersion at %v = %.3f; want 0.9 to 1.1", seed, window, got)
			}
		}
		gaps := gapsOf(all)
		d := ks(gaps, func(x float64) float64 { return 1 - math.Exp(-rate*x) })
		if crit := 1.63 / math.Sqrt(float64(len(gaps))); d > crit {
			t.Errorf("seed %d: KS distance of gaps from exponential %.5f; want under %.5f (p 0.01)", seed, d, crit)
		}
		if c := lag1(gaps); math.Abs(c) > 4/math.Sqrt(float64(len(gaps))) {
			t.Errorf("seed %d: lag-1 correlation of gaps %.4f; want 0", seed, c)
		}
	}
}

func TestGammaGaps(t *testing.T) {
	const rate = 20.0
	for _, want := range []float64{0.25, 0.5, 1, 2, 4} {
		for _, seed := range []uint64{1, 2, 3} {
			p := flat(rate, 4*time.Hour)
			p.Process, p.CV = Gamma, want
			gaps := gapsOf(dues(p, seed))
			mean, sd := moments(gaps)
			if math.Abs(mean*rate-1) > 0.01*max(1, want) {
				t.Errorf("cv %v, seed %d: mean gap %.5f s; want %.5f", want, seed, mean, 1/rate)
			}
			if cv := sd / mean; math.Abs(cv/want-1) > 0.04 {
				t.Errorf("cv %v, seed %d: gaps have cv %.4f", want, seed, cv)
			}
			if c := lag1(gaps); math.Abs(c) > 0.02 {
				t.Errorf("cv %v, seed %d: lag-1 correlation of gaps %.4f; want 0", want, seed, c)
			}
			if want == 1 { // then it is a Poisson process, in all its shape
				if d := ks(gaps, func(x float64) float64 { return 1 - math.Exp(-rate*x) }); d > 1.63/math.Sqrt(float64(len(gaps))) {
					t.Errorf("cv 1, seed %d: KS distance from exponential %.5f", seed, d)
				}
			}
		}
	}
}

func TestSeeds(t *testing.T) {
	for _, process := range []Process{Poisson, Gamma} {
		p := flat(5, time.Minute)
		p.Process = process
		if !slices.Equal(dues(p, 7), dues(p, 7)) {
			t.Errorf("%s: the same seed gives different arrivals", process)
		}
		if slices.Equal(dues(p, 7), dues(p, 8)) {
			t.Errorf("%s: different seeds give the same arrivals", process)
		}
	}
}

func TestOddProcesses(t *testing.T) {
	p := flat(5, time.Minute)
	p.Process = "erlang"
	if n := len(dues(p, 1)); n != 0 {
		t.Errorf("an unknown process has %d arrivals; want 0", n)
	}
	for _, cv := range []float64{-1, math.NaN(), math.Inf(1), 1e300, 1e-300} {
		p.Process, p.CV = Gamma, cv
		for _, due := range p.Arrivals(3) { // it must end, in order
			if due < 0 || due >= time.Minute {
				t.Fatalf("cv %v: an arrival at %v", cv, due)
			}
		}
	}
}

func TestShardsAddUp(t *testing.T) {
	type arrival struct {
		Index int
		Due   time.Duration
	}
	p := trapezoid()
	p.Process = Poisson
	var whole []arrival
	for i, due := range p.Arrivals(9) {
		whole = append(whole, arrival{i, due})
	}
	for _, n := range []int{0, 1, 2, 3, 7, 64, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var all []arrival
			for k := range max(n, 1) {
				for i, due := range Shard(p.Arrivals(9), k, n) {
					if n > 0 && i%n != k {
						t.Fatalf("shard %d of %d has index %d", k, n, i)
					}
					all = append(all, arrival{i, due})
				}
			}
			slices.SortFunc(all, func(a, b arrival) int { return a.Index - b.Index })
			if d := cmp.Diff(whole, all); d != "" {
				t.Errorf("%d shards (-whole +together):\n%s", n, d)
			}
		})
	}
	for i := range Shard(p.Arrivals(9), 5, 5) {
		t.Fatalf("shard 5 of 5 has index %d", i)
	}
}

func dispersion(all []time.Duration, window, length time.Duration) float64 {
	counts := make([]float64, length/window)
	for _, due := range all {
		if w := int(due / window); w < len(counts) {
			counts[w]++
		}
	}
	mean, sd := moments(counts)
	return sd * sd / mean
}

func gapsOf(all []time.Duration) []float64 {
	gaps := make([]float64, len(all)-1)
	for i := range gaps {
		gaps[i] = (all[i+1] - all[i]).Seconds()
	}
	return gaps
}

func moments(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		sd += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(sd / float64(len(x)-1))
}

// ks is the Kolmogorov–Smirnov distance between a sample and a distribution.
func ks(sample []float64, cdf func(float64) float64) float64 {
	x := slices.Sorted(slices.Values(sample))
	n, d := float64(len(x)), 0.0
	for i, v := range x {
		f := cdf(v)
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
	}
	return d
}

func lag1(x []float64) float64 {
	mean, sd := moments(x)
	sum := 0.0
	for i := range len(x) - 1 {
		sum += (x[i] - mean) * (x[i+1] - mean)
	}
	return sum / float64(len(x)-1) / (sd * sd)
}
