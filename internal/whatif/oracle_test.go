package whatif

import (
	"math"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
)

// An hour of cache is the cheaper one above 0.5477 requests an hour for each
// prefix, which is ln((2 − 0.1) ÷ (1.25 − 0.1)) ÷ 55 min, and pays at all above 0.747.
func TestCrossover(t *testing.T) {
	factor := func(perHour, write float64, ttl string) float64 {
		h := poissonHits(perHour/3600, life(ttl), 0)
		return h*0.1 + (1-h)*write
	}
	for _, c := range []struct {
		perHour float64
		hour    bool // is cheaper than five minutes
		pays    bool
	}{{0.5476, false, false}, {0.5478, true, false}, {0.7471, true, false}, {0.7473, true, true}} {
		short, long := factor(c.perHour, 1.25, "5m"), factor(c.perHour, 2, "1h")
		if got := long < short; got != c.hour {
			t.Errorf("%v an hour: 1h costs %v, 5m %v of the input; 1h cheaper is %v, want %v", c.perHour, long, short, got, c.hour)
		}
		if got := min(long, short) < 1; got != c.pays {
			t.Errorf("%v an hour: 1h costs %v, 5m %v of the input; want it to pay: %v", c.perHour, long, short, c.pays)
		}
	}
}

// A cheap model whose answer (with the judging of it) costs 0.008 and a strong
// one of 0.0225: the cascade pays while fewer than 1 − 0.008 ÷ 0.0225 = 0.64444 of
// the answers are asked again. With a fifth it saves 44 %, with a half 14 %, and
// with four fifths it costs 16 % more.
func TestCascade(t *testing.T) {
	prices, err := new(cost.Catalog).With(map[string]cost.Prices{
		"strong": {Input: call.Dollar * 225 / 10, Output: call.Dollar}, "cheap": {Input: 8 * call.Dollar, Output: call.Dollar},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := call.Request{Task: "ask", Model: "strong", Due: time.Second}.Result(call.OK)
	r.Status, r.Started, r.Usage = 200, time.Second, call.Usage{Input: 1000}
	for again, saves := range map[float64]float64{0.2: 0.4444, 0.5: 0.1444, 0.6444: 0.00004, 0.6445: -0.00006, 0.8: -0.1556} {
		rep, err := Of(Config{Calls: []call.Result{r}, Catalog: prices, Tasks: map[string]Task{"ask": {Model: "cheap", Share: 1, Quality: 1 - again}}})
		if err != nil {
			t.Fatal(err)
		}
		base, routed := rep.Combinations[0].RunUSD, rep.Combinations[Route].RunUSD
		if got := 1 - routed/base; math.Abs(got-saves) > 0.0001 || got > 0 != (saves > 0) {
			t.Errorf("%v asked again: saves %.5f; want %.5f", again, got, saves)
		}
		if best := rep.Tasks[0].Best; (best == "routing") != (saves > 0) {
			t.Errorf("%v asked again: the best is %q", again, best)
		}
	}
}
