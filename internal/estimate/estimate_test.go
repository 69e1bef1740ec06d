package estimate

import (
	"errors"
	"math"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/workload"
)

// config is a plan whose API answers everything in the same way.
func config(t *testing.T, a Answer, load string) Config {
	t.Helper()
	p, err := plan.Parse("plan.yaml", []byte(`
version: 1
target: {base_url: sim}
tasks: [{name: ask, model: claude-haiku-4-5, max_tokens: 100, prompts: [hello]}]
seed: 1
`+load), plan.Options{FS: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	mix, err := workload.New(p.Seed, p.Tasks, p.Checks)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Plan: p, Mix: mix, API: func() API {
		return func(time.Duration, call.Request) (Answer, error) { return a, nil }
	}}
}

// answer takes a second, half of it before the first token: 1,000 tokens in, 50 out.
func answer() Answer {
	return Answer{Usage: call.Usage{Input: 1000, Output: 50}, Begins: 500 * time.Millisecond, Ends: time.Second}
}

func haiku(r limit.Rates) map[string]limit.Rates { return map[string]limit.Rates{"haiku-4.5": r} }

func TestLoads(t *testing.T) {
	for _, c := range []struct {
		name, load             string
		sent, dropped, peak    int
		duration               time.Duration
		cost                   call.USD // 1,000 × $1 + 50 × $5, a million
		perMinute, outPerMinut float64
	}{
		{name: "users, so many requests", load: "load: {users: {count: 4, requests: 10}}",
			sent: 10, peak: 4, duration: 3 * time.Second, cost: 12_500_000_000, perMinute: 200, outPerMinut: 10_000},
		{name: "users for a time", load: "load: {users: {count: 3, duration: 4s, think_time: 1s}}\ngraceful_stop: 10s",
			sent: 6, peak: 3, duration: 4 * time.Second, cost: 7_500_000_000, perMinute: 90, outPerMinut: 4500},
		{name: "arrivals", load: "load: {arrivals: {rate: 2/s, duration: 120s}}",
			sent: 240, peak: 2, duration: 120500 * time.Millisecond, cost: 300_000_000_000, perMinute: 120, outPerMinut: 6000},
		{name: "arrivals without room", load: "load: {arrivals: {rate: 4/s, duration: 10s, max_in_flight: 1}}",
			sent: 10, dropped: 30, peak: 1, duration: 10 * time.Second, cost: 12_500_000_000, perMinute: 60, outPerMinut: 3000},
		{name: "a jump up and down", load: "load: {users: {stages: [{duration: 0s, target: 2}, {duration: 2s, target: 2}, {duration: 0s, target: 1}, {duration: 2s, target: 1}]}}\ngraceful_stop: 10s",
			sent: 6, peak: 2, duration: 4 * time.Second, cost: 7_500_000_000, perMinute: 90, outPerMinut: 4500},
	} {
		e := Of(config(t, answer(), c.load))
		o := e.Classes[0].Offers
		if e.Sent != c.sent || e.OK != c.sent || e.Dropped != c.dropped || e.PeakInFlight != c.peak || e.Duration != c.duration ||
			e.Cost != c.cost || e.Usage.Output != int64(50*c.sent) || math.Abs(o[0].PerMinute-c.perMinute) > 1e-6 || math.Abs(o[2].PerMinute-c.outPerMinut) > 300 {
			t.Errorf("%s: sent %d ok %d dropped %d peak %d in %v for %v, %v requests and %v output tokens a minute; want %+v", c.name,
				e.Sent, e.OK, e.Dropped, e.PeakInFlight, e.Duration, e.Cost, o[0].PerMinute, o[2].PerMinute, c)
		}
		if !e.Whole || e.Classes[0].Binding != "" {
			t.Errorf("%s: whole %v, binding %q", c.name, e.Whole, e.Classes[0].Binding)
		}
	}
}

// A bucket that holds a minute of L, offered r a second, is empty after
// L ÷ (r − L/60) seconds.
func TestFirst429(t *testing.T) {
	const load = "load: {arrivals: {rate: 5/s, duration: 100s}}\n"
	for _, c := range []struct {
		rates limit.Rates
		kind  call.LimitKind
		after float64 // seconds
	}{
		{limit.Rates{Requests: 60}, call.LimitRequests, 60 / (5.0 - 1)},
		{limit.Rates{Requests: 1000, InputTokens: 60_000}, call.LimitInputTokens, 60_000 / (5000.0 - 1000)},
		{limit.Rates{OutputTokens: 3000}, call.LimitOutputTokens, 3000/(250.0-50) + 0.75},                 // generated half a second to a second later
		{limit.Rates{InputTokens: 1_000_000, Tokens: 63_000}, call.LimitTokens, 63_000 / (5250.0 - 1050)}, // 1,000 in and 50 out each
		{limit.Rates{Requests: 301}, "", 0},
	} {
		cfg := config(t, answer(), load)
		cfg.Limits = haiku(c.rates)
		e := Of(cfg)
		_, o := e.Binding()
		if c.kind == "" {
			o.Kind = "" // that it is the one used most is looked at below
		}
		if o.Kind != c.kind || math.Abs(o.First429.Seconds()-c.after) > 0.05*c.after {
			t.Errorf("%+v: first 429 by %q at %v; want %q at %v s", c.rates, o.Kind, o.First429, c.kind, c.after)
		}
		if c.kind == "" {
			if e.RateLimited != 0 || e.Classes[0].Binding != call.LimitRequests || e.Classes[0].Offers[0].Empties != 0 {
				t.Errorf("%+v: %d limited, binding %q", c.rates, e.RateLimited, e.Classes[0].Binding)
			}
			continue
		}
		if e.Classes[0].Binding != c.kind || e.RateLimited == 0 || e.OK+e.RateLimited != e.Sent {
			t.Errorf("%+v: binding %q, ok %d and limited %d of %d", c.rates, e.Classes[0].Binding, e.OK, e.RateLimited, e.Sent)
		}
		if got := e.Classes[0].Offers[0].PerMinute; got != 300 {
			t.Errorf("%+v: offered %v requests a minute; want 300, the limit notwithstanding", c.rates, got)
		}
	}
}

// A load of 30 s is over its limit of 60 a minute by half and never meets it:
// that the bucket would be empty after two minutes is said all the same.
func TestShortLoadOverItsLimit(t *testing.T) {
	cfg := config(t, answer(), "load: {arrivals: {rate: 90/m, duration: 30s}}")
	cfg.Limits = haiku(limit.Rates{Requests: 60})
	o := Of(cfg).Classes[0].Offers[0]
	if o.First429 != 0 || o.Share() != 1.5 || o.Empties != 2*time.Minute {
		t.Errorf("first %v, share %v, empties %v; want none, 1.5 and 2m", o.First429, o.Share(), o.Empties)
	}
	e := Of(cfg)
	if class, b := e.Binding(); class != "haiku-4.5" || b.Kind != call.LimitRequests {
		t.Errorf("bound by %s of %s; want requests of haiku-4.5", b.Kind, class)
	}
	if i := Sustains(e, []map[string]limit.Rates{haiku(limit.Rates{Requests: 60}), haiku(limit.Rates{Requests: 90}), nil}); i != 1 {
		t.Errorf("Sustains = %d; want 1", i)
	}
	if i := Sustains(e, []map[string]limit.Rates{haiku(limit.Rates{Requests: 89})}); i != -1 {
		t.Errorf("Sustains = %d; want -1", i)
	}
	if r, exact := MostRate(cfg, e); r != 1.5 || !exact { // nothing is refused
		t.Errorf("MostRate = %v, %v; want all of 1.5", r, exact)
	}
}

func TestOnLimit(t *testing.T) {
	const load = "load: {arrivals: {rate: 2/s, duration: 120s}}\ngraceful_stop: 60s\n"
	for _, c := range []struct {
		mode                 string
		ok, limited, dropped int // within one
		attempts             int // at least
		held                 bool
	}{
		{mode: "measure", ok: 179, limited: 61, attempts: 240},
		// Who is refused waits for a second and, being last, for more.
		{mode: "{mode: obey, max_attempts: 3, max_wait: 10s}", ok: 179, limited: 61, attempts: 300},
		// A bucket of 54 and 54 a minute: 54 + 2 × 54; the rest dropped, but for
		// the 20 that are held when the last stage ends.
		{mode: "{mode: avoid, share: 0.9, max_hold: 10s}", ok: 161, dropped: 60, attempts: 161, held: true},
	} {
		cfg := config(t, answer(), load+"on_limit: "+c.mode)
		cfg.Limits = haiku(limit.Rates{Requests: 60})
		e := Of(cfg)
		off := func(got, want int) bool { return got < want-1 || got > want+1 }
		o := e.Classes[0].Offers[0]
		// Two a second, the first at 0: 60 and one a second last until 59 s or the
		// arrivals after it, 54 and 0.9 a second until 48.2 s.
		refused, held := o.First429.Seconds(), o.FirstHeld.Seconds()
		if c.held && (refused != 0 || math.Abs(held-48.5) > 0.5) || !c.held && (held != 0 || math.Abs(refused-60) > 0.5) {
			t.Errorf("%s: first 429 at %v, first held at %v", c.mode, o.First429, o.FirstHeld)
		}
		if off(e.OK, c.ok) || off(e.RateLimited, c.limited) || off(e.Dropped, c.dropped) || e.Attempts < c.attempts {
			t.Errorf("%s: ok %d, limited %d, dropped %d of %d in %d attempts; want %+v", c.mode, e.OK, e.RateLimited, e.Dropped, e.Sent, e.Attempts, c)
		}
	}
}

// One request costs $0.00125 and at most (54+64)×… of its bound: the budget lets
// users wait for one another, refuses arrivals, and stops the run in the end.
func TestBudget(t *testing.T) {
	one := config(t, answer(), "load: {users: {count: 1, requests: 1}}")
	bound := one.Plan.Catalog.Bound(one.Mix.Request(0))
	short := Answer{Usage: call.Usage{Input: 10, Output: 5}, Begins: time.Second, Ends: time.Second} // 35 µ$
	cfg := config(t, short, "load: {users: {count: 50, requests: 1000}}\nbudget: {usd: 0.01}")
	e := Of(cfg)
	if e.Exhausted == 0 || e.Cost > call.Dollar/100 || e.Cost+bound <= call.Dollar/100 || e.WorstCase != call.Dollar/100 || e.Sent >= 1000 ||
		e.Wanted != bound || e.Left != call.Dollar/100-e.Cost {
		t.Errorf("users: %d sent for %v, worst %v, stopped at %v, %v wanted and %v left; want all but a worst case of %v used",
			e.Sent, e.Cost, e.WorstCase, e.Exhausted, e.Wanted, e.Left, bound)
	}
	cfg = config(t, short, "load: {arrivals: {rate: 100/s, duration: 10s}}\nbudget: {usd: 0.01}")
	e = Of(cfg)
	if e.Cost > call.Dollar/100 || e.OverBudget == 0 {
		t.Errorf("arrivals: %d sent for %v, %d over budget", e.Sent, e.Cost, e.OverBudget)
	}
	cfg = config(t, short, "load: {users: {count: 2, requests: 10}}\nbudget: {usd: 0.0001}")
	e = Of(cfg)
	if e.Sent != 0 || e.Exhausted <= 0 || e.Wanted != bound || e.Left != call.Dollar/10_000 {
		t.Errorf("less than one request: %d sent, stopped at %v, %v wanted and %v left; want none, at once, %v and $0.0001", e.Sent, e.Exhausted, e.Wanted, e.Left, bound)
	}
}

// What still runs when the graceful stop is over is paid for as a bound.
func TestCanceled(t *testing.T) {
	slow := Answer{Usage: call.Usage{Input: 1000, Output: 50}, Begins: time.Second, Ends: time.Minute}
	e := Of(config(t, slow, "load: {users: {count: 2, duration: 3s}}\ngraceful_stop: 2s"))
	if e.Canceled != 2 || e.Cost != 2*(1000*1+100*5)*1_000_000 || e.Duration != 5*time.Second {
		t.Errorf("%d canceled for %v in %v; want 2 for $0.0030 in 5s", e.Canceled, e.Cost, e.Duration)
	}
}

func TestRejected(t *testing.T) {
	c := config(t, answer(), "load: {users: {count: 1, requests: 3}}")
	c.API = func() API {
		return func(time.Duration, call.Request) (Answer, error) { return Answer{}, errors.New("400: no") }
	}
	if e := Of(c); e.Rejected != 3 || e.Sent != 3 || e.Cost != 0 || e.Rejection != "400: no" {
		t.Errorf("%+v", e)
	}
}

// A plan that is too long to look at is reckoned from its beginning.
func TestInProportion(t *testing.T) {
	for _, load := range []string{
		"load: {arrivals: {rate: 10/s, duration: 1000s}}",
		"load: {users: {count: 10, duration: 1000s}}",
		"load: {users: {count: 10, requests: 10000}}",
	} {
		c := config(t, answer(), load)
		c.Most = 500
		e := Of(c)
		if e.Whole || math.Abs(float64(e.Sent)-10_000) > 200 || math.Abs(e.Cost.Dollars()-12.5) > 0.3 {
			t.Errorf("%s: whole %v, %d requests for %v; want about 10000 for $12.50", load, e.Whole, e.Sent, e.Cost)
		}
	}
}

func TestClear(t *testing.T) {
	users := config(t, answer(), "load: {users: {count: 20, duration: 60s}}\ngraceful_stop: 10s")
	users.Limits = haiku(limit.Rates{Requests: 300})
	e := Of(users)
	// n users send n at each full second: by the last, at 59 s, 300 + 5 × 59 were there for 60 n.
	if n, exact := MostUsers(users, e); n != 9 || !exact {
		t.Errorf("MostUsers = %d, %v; want 9", n, exact)
	}
	if f := Sustained(e) * 20; math.Abs(f-5) > 0.1 {
		t.Errorf("Sustained = %v users; want 5", f)
	}
	users.Limits = haiku(limit.Rates{Requests: 3000})
	if n, exact := MostUsers(users, Of(users)); n != 20 || !exact {
		t.Errorf("MostUsers = %d, %v; want all 20", n, exact)
	}
	arrivals := config(t, answer(), "load: {arrivals: {rate: 20/s, duration: 60s}}")
	arrivals.Limits = haiku(limit.Rates{Requests: 300})
	if r, exact := MostRate(arrivals, Of(arrivals)); math.Abs(r-10) > 0.2 || !exact {
		t.Errorf("MostRate = %v, %v; want 10", r, exact)
	}
	if i := Clears(arrivals, []map[string]limit.Rates{haiku(limit.Rates{Requests: 500}), haiku(limit.Rates{Requests: 700}), nil}); i != 1 {
		t.Errorf("Clears = %d; want 1", i)
	}
	if i := Clears(arrivals, []map[string]limit.Rates{haiku(limit.Rates{Requests: 500})}); i != -1 {
		t.Errorf("Clears = %d; want -1", i)
	}
}
