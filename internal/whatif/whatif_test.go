package whatif

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
)

// full is for bench/accuracy.sh, which gives it to every package; there is no more
// of the worked example than there is.
var _ = flag.Bool("full", false, "measure the accuracy in full")

// answered is a call of one task: what the API counted and when it left.
func answered(index int, at time.Duration, u call.Usage) call.Result {
	r := call.Request{Index: index, Task: "ask", Model: "claude-sonnet-4-6", Due: at}.Result(call.OK)
	r.Status, r.Started, r.Sent, r.FirstEvent, r.FirstByte = 200, at, at, at, at
	r.Usage = u
	return r
}

// The worked example of methods.md C.6: a million requests in 30 days, 5,000
// tokens shared, 500 not, 400 out; 60 % may go from 3/15 to 1/5 dollars, 30 % can
// wait; half of the batches' and 1 − e^(−λT) of the others' prefixes are cached.
func TestAccuracyWorkedExample(t *testing.T) {
	worst, figures := 0.0, 0
	prices, err := new(cost.Catalog).With(map[string]cost.Prices{
		"claude-sonnet-4-6": {Input: 3 * call.Dollar, Output: 15 * call.Dollar, Batch: 500_000},
		"claude-haiku-4-5":  {Input: call.Dollar, Output: 5 * call.Dollar, Batch: 500_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prefixes float64
		ttl      string
		want     [8]float64 // by set of levers: -, c, b, c+b, r, c+r, b+r, all
		shapley  [3]float64 // cache, batch, routing
	}{
		{200, "5m", [8]float64{22500, 18670.77, 19125, 16738.00, 13500, 13312.10, 11475, 11212.39}, [3]float64{1793.09, 2484.53, 7009.98}},
		{1, "5m", [8]float64{22500, 9000, 19125, 8685, 13500, 5400, 11475, 5211}, [3]float64{9678, 1578, 6033}},
		{200, "1h", [8]float64{22500, 9027.47, 19125, 9514.45, 13500, 6197.18, 11475, 6973.59}, [3]float64{8810.21, 1122.54, 5593.67}},
	} {
		r, err := Of(Config{
			Calls: []call.Result{answered(0, time.Second, call.Usage{Input: 5500, Output: 400})}, Catalog: prices,
			TTL: c.ttl, BatchHits: 0.6, Volume: 1_000_000,
			Tasks: map[string]Task{"ask": {Prefix: 5000, Prefixes: c.prefixes, Batch: 0.3, Model: "claude-haiku-4-5", Share: 0.6}},
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			got := r.Combinations[i].MonthUSD
			worst, figures = max(worst, math.Abs(got-want)), figures+1
			if math.Abs(got-want) > 0.005 {
				t.Errorf("%v prefixes, %s, %s: $%.4f; want $%.2f", c.prefixes, c.ttl, r.Combinations[i].Name, got, want)
			}
		}
		sum := 0.0
		for i, want := range c.shapley {
			sum += r.Shares[i].Shapley
			tolerance := 0.005
			if want == math.Trunc(want) {
				tolerance = 0.5 // the table rounds these to dollars
			}
			if got := r.Shares[i].Shapley; math.Abs(got-want) > tolerance {
				t.Errorf("%v prefixes, %s: Shapley value of %s %.4f; want %.2f", c.prefixes, c.ttl, r.Shares[i].Lever, got, want)
			}
		}
		if saving := r.Combinations[0].MonthUSD - r.Combinations[all].MonthUSD; math.Abs(sum-saving) > 1e-6 {
			t.Errorf("Shapley values add up to %v of a saving of %v", sum, saving)
		}
	}
	verdict := "ok"
	if !(worst <= 0.005) {
		verdict = "MISSED"
	}
	t.Logf("accuracy | whatif: the worked example | to the cent | worst $%.4f | %d bills | %s", worst, figures, verdict) // as bench/accuracy.sh reads it
}

// Row 3 of the example: once the cache pays so well, batch makes it dearer, and
// the best set of levers leaves it out.
func TestBestSetLeavesOutWhatDoesNotPay(t *testing.T) {
	prices := cost.Builtin()
	r, err := Of(Config{
		Calls: []call.Result{answered(0, time.Second, call.Usage{Input: 5500, Output: 400})}, Catalog: prices, TTL: "1h", BatchHits: 0.6, Volume: 1_000_000,
		Tasks: map[string]Task{"ask": {Prefix: 5000, Prefixes: 200, Batch: 0.3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Tasks[0].Best; got != "cache" {
		t.Errorf("best is %q; want the cache alone", got)
	}
	if saving, base := r.Saving(); math.Abs(saving-(22500-9027.47)) > 0.005 || math.Abs(base-22500) > 1e-6 {
		t.Errorf("saves %v of %v; want 13472.53 of 22500", saving, base)
	}
}

func TestBreakEven(t *testing.T) {
	for _, c := range []struct {
		model, ttl string
		want       float64
	}{
		{"claude-sonnet-4-6", "5m", 0.21739}, {"claude-sonnet-4-6", "1h", 0.52632},
		{"claude-sonnet-5-5", "5m", 0.20833}, {"claude-fable-5-1", "1h", 0.50633},
	} {
		tr := traffic{Config: &Config{Catalog: cost.Builtin()}, model: c.model}
		if got := tr.breakEven(c.ttl); math.Abs(got-c.want) > 5e-6 {
			t.Errorf("break-even of %s, %s = %.5f; want %.5f", c.model, c.ttl, got, c.want)
		}
	}
}

func TestPoissonHits(t *testing.T) {
	for _, c := range []struct {
		perSecond   float64
		ttl, delay  time.Duration
		want, close float64
	}{
		{60.0 / 3600, 5 * time.Minute, 0, 0.99326, 5e-6},
		{0.05, time.Minute, 2 * time.Second, 1 - 0.0548, 5e-5},
		{0, time.Hour, 0, 0, 0},
		{100, time.Second, time.Hour, 1 - math.Min(1, math.Exp(-100)*360001), 1e-12},
	} {
		if got := poissonHits(c.perSecond, c.ttl, c.delay); math.Abs(got-c.want) > c.close {
			t.Errorf("poissonHits(%v, %v, %v) = %v; want %v", c.perSecond, c.ttl, c.delay, got, c.want)
		}
	}
}

// The replay of Poisson arrivals finds what the formula says, within three
// standard errors.
func TestReplayAgreesWithTheFormula(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		const rate, delay, n = 0.01, 2 * time.Second, 20_000
		var calls []call.Result
		at := time.Second
		for i := range n {
			r := answered(i, at, call.Usage{Input: 100})
			r.FirstEvent = at + delay
			calls = append(calls, r)
			at += time.Duration(rng.ExpFloat64() / rate * float64(time.Second))
		}
		hits := 0
		for _, h := range replay(calls, 5*time.Minute) {
			if h {
				hits++
			}
		}
		got, want := float64(hits)/n, poissonHits(rate, 5*time.Minute, delay)
		if se := math.Sqrt(want * (1 - want) / n); math.Abs(got-want) > 3*se {
			t.Errorf("seed %d: replay finds %v; the formula %v ± %v", seed, got, want, se)
		}
	}
}

func TestReplay(t *testing.T) {
	s := time.Second
	call1 := func(at, first time.Duration) call.Result {
		r := answered(0, at, call.Usage{})
		r.FirstEvent = first
		return r
	}
	// A write that others cannot read before it begins; reads that keep it alive; its end.
	calls := []call.Result{call1(1*s, 3*s), call1(2*s, 4*s), call1(3*s, 4*s), call1(290*s, 291*s), call1(590*s, 591*s), call1(891*s, 892*s)}
	want := []bool{false, false, true, true, true, false}
	for i, got := range replay(calls, 5*time.Minute) {
		if got != want[i] {
			t.Errorf("call %d at %v: found %v; want %v", i, calls[i].Started, got, want[i])
		}
	}
}

func TestReturns(t *testing.T) {
	r, err := Returns(Investment{Once: 12_000, Monthly: 300, Months: 12, Annual: 0.10}, 4000)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name             string
		got, want, close float64
	}{
		{"payback", *r.PaybackMonths, 3.243, 5e-4}, {"discounted payback", *r.DiscountedMonths, 4, 0}, {"ROI", *r.ROI, 2.70, 1e-9},
		{"NPV", r.NPV, 30_181.80, 0.005}, {"IRR", *r.IRR, 0.2944, 5e-5},
	} {
		if math.Abs(f.got-f.want) > f.close {
			t.Errorf("%s = %v; want %v", f.name, f.got, f.want)
		}
	}
	if r, err := Returns(Investment{Once: 1000, Monthly: 50}, 50); err != nil || r.PaybackMonths != nil || r.IRR != nil || r.DiscountedMonths != nil || r.NPV != -1000 {
		t.Errorf("a saving that running it eats: %+v, %v", r, err)
	}
	if r, err := Returns(Investment{}, 10); err != nil || r.ROI != nil || *r.PaybackMonths != 0 {
		t.Errorf("nothing invested: %+v, %v", r, err)
	}
	for _, bad := range []Investment{{Once: -1}, {Monthly: -1}, {Months: -1}, {Months: 5000}, {Annual: -1}} {
		if _, err := Returns(bad, 1); err == nil {
			t.Errorf("Returns(%+v) was reckoned", bad)
		}
	}
}

// A run with the cache on: the prefix is what the API counted, and the lever is
// on already.
func TestMeasuredPrefix(t *testing.T) {
	s := time.Second
	r, err := Of(Config{Catalog: cost.Builtin(), Calls: []call.Result{
		answered(0, 1*s, call.Usage{Input: 20, CacheWrite5m: 2000, Output: 10}),
		answered(1, 2*s, call.Usage{Input: 20, CacheRead: 2000, Output: 10}),
		answered(2, 3*s, call.Usage{Input: 20, CacheRead: 2000, Output: 10}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	// 3/15 dollars: 2,000 × 3.75 + 2 × 2,000 × 0.3 + 3 × (20 × 3 + 10 × 15), a million
	if got := r.Combinations[0].RunUSD; math.Abs(got-0.00933) > 1e-9 {
		t.Errorf("as measured $%v; want $0.00933", got)
	}
	if got := r.Combinations[Cache].RunUSD; math.Abs(got-0.00933) > 1e-9 || r.Tasks[0].Prefix != 2000 || math.Abs(r.Tasks[0].HitRate-2.0/3) > 1e-9 {
		t.Errorf("replayed $%v, prefix %d, hits %v; want the same, 2000 and 2/3", got, r.Tasks[0].Prefix, r.Tasks[0].HitRate)
	}
}

func TestRefuses(t *testing.T) {
	good := []call.Result{answered(0, time.Second, call.Usage{Input: 10, Output: 10})}
	cut := answered(1, time.Second, call.Usage{Input: 10})
	cut.Class, cut.CostBound = call.Cut, true
	for name, c := range map[string]Config{
		"nothing":          {},
		"bounds only":      {Calls: []call.Result{cut}},
		"an unknown task":  {Calls: good, Tasks: map[string]Task{"other": {}}},
		"an unknown model": {Calls: good, Tasks: map[string]Task{"ask": {Model: "gpt"}}},
		"a share over 1":   {Calls: good, Tasks: map[string]Task{"ask": {Batch: 1.5}}},
		"a ttl":            {Calls: good, TTL: "2h"},
		"a volume":         {Calls: good, Volume: -1},
	} {
		c.Catalog = cost.Builtin()
		if _, err := Of(c); err == nil {
			t.Errorf("%s was priced", name)
		}
	}
	r, err := Of(Config{Calls: append(good, cut), Catalog: cost.Builtin()})
	if err != nil || r.Unknown != 1 || r.Calls != 1 || len(r.Assumed) == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTokenizer(t *testing.T) {
	for model, want := range map[string]float64{"claude-haiku-4-5": 1, "claude-haiku-4-5-20251001": 1, "claude-sonnet-4-6": 1, "claude-opus-4-7": 1.3,
		"claude-opus-4-8": 1.3, "claude-haiku-5-5": 1.3, "claude-sonnet-5": 1.3, "claude-fable-5-1": 1.3, "my-model": 1, "claude-opus-4-5-20251101": 1} {
		if got := tokenizer(model); got != want {
			t.Errorf("tokenizer(%q) = %v; want %v", model, got, want)
		}
	}
}
