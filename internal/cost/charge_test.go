package cost

import (
	"bytes"
	"context"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tokenload/tokenload/internal/call"
)

func request(model string, body, maxTokens int) call.Request {
	return call.Request{Model: model, Body: bytes.Repeat([]byte("x"), body), MaxTokens: maxTokens}
}

func TestBound(t *testing.T) {
	c := Builtin()
	with := func(r call.Request, change func(*call.Request)) call.Request {
		change(&r)
		return r
	}
	haiku := request("claude-haiku-4-5", 936, 100) // 1,000 tokens of input with the allowance
	opus := request("claude-opus-5", 936, 100)
	tests := []struct {
		name string
		req  call.Request
		want string
	}{
		{"a write of five minutes is always possible", haiku, "0.00175"}, // 1,000×1.25 + 100×5
		{"asking for it changes nothing", with(haiku, func(r *call.Request) { r.CacheTTL = "5m" }), "0.00175"},
		{"an hour", with(haiku, func(r *call.Request) { r.CacheTTL = "1h" }), "0.0025"}, // 1,000×2 + 100×5
		{"tools", with(haiku, func(r *call.Request) { r.ExtraTokens = 588 }), "0.002485"},
		{"no geo price", with(haiku, func(r *call.Request) { r.Geo = "us" }), "0.00175"},
		{"no output", with(haiku, func(r *call.Request) { r.MaxTokens = 0 }), "0.00125"},
		{"the account's geo may be us", opus, "0.009625"}, // (1,000×6.25 + 100×25)×1.1
		{"us", with(opus, func(r *call.Request) { r.Geo = "us" }), "0.009625"},
		{"global", with(opus, func(r *call.Request) { r.Geo = "global" }), "0.00875"},
		{"a geo we do not know", with(opus, func(r *call.Request) { r.Geo = "moon" }), "0.009625"},
		{"fast", with(opus, func(r *call.Request) { r.Speed = "fast" }), "0.01925"},
		{"standard", with(opus, func(r *call.Request) { r.Speed = "standard" }), "0.009625"},
		{"a speed we do not know", with(opus, func(r *call.Request) { r.Speed = "warp" }), "0.01925"},
		{"fast without a price", with(haiku, func(r *call.Request) { r.Speed = "fast" }), "0.00175"},
		// 100,000 tokens stay in the first band, 100,001 reach the second. ×1.1 for geo.
		{"below the band", request("claude-haiku-5-5", 99_936, 1000), "0.0143"},       // (100,000×0.125 + 1,000×0.5)×1.1
		{"above the band", request("claude-haiku-5-5", 99_937, 1000), "0.0715006875"}, // (100,001×0.625 + 1,000×2.5)×1.1
	}
	for _, tt := range tests {
		if got := c.Bound(tt.req); got != usd(t, tt.want) {
			t.Errorf("%s: Bound = %s; want %s", tt.name, got.Decimal(), tt.want)
		}
	}
	if got := InputBound(call.Request{Body: []byte("four"), ExtraTokens: 10}); got != 78 {
		t.Errorf("InputBound = %d; want 4 + 10 + 64", got)
	}
	if c.Bound(request("unknown", 1, 1)) <= 1e18 {
		t.Error("a model without a price has a bound")
	}
}

func TestBoundLooksAtEveryBand(t *testing.T) {
	c, err := new(Catalog).With(map[string]Prices{"cheaper-when-long": {Input: 10e12, Output: 10e12,
		Bands: []Band{{Over: 1000, Input: 1e12, Output: 1e12}}}})
	if err != nil {
		t.Fatal(err)
	}
	// 1,000 tokens at 20 are dearer than 2,064 at 2.
	if got, want := c.Bound(call.Request{Model: "cheaper-when-long", Body: make([]byte, 2000), CacheTTL: "1h"}), usd(t, "0.02"); got != want {
		t.Errorf("Bound = %s; want %s", got.Decimal(), want.Decimal())
	}
}

func TestCharge(t *testing.T) {
	c := Builtin()
	req := request("claude-opus-5", 936, 100) // bound $0.009625
	seen := call.Usage{Input: 10, CacheRead: 100, Output: 20}
	at := func(speed, geo string) call.Usage {
		u := seen
		u.Speed, u.Geo = speed, geo
		return u
	}
	ask := func(speed, geo string) call.Request {
		r := req
		r.Speed, r.Geo = speed, geo
		return r
	}
	final := func(u call.Usage) call.Result {
		return call.Result{Class: call.OK, Status: 200, Written: true, Known: call.UsageFinal, Usage: u}
	}
	cut := func(u call.Usage) call.Result {
		u.Output = 1
		return call.Result{Class: call.Cut, Status: 200, Written: true, Known: call.UsageInput, Usage: u}
	}
	tests := []struct {
		name  string
		req   call.Request
		res   call.Result
		want  string
		bound bool
	}{
		{"dropped", req, call.Result{Class: call.Dropped}, "0", false},
		{"over budget", req, call.Result{Class: call.OverBudget, Written: true}, "0", false},
		{"no connection", req, call.Result{Class: call.Connection}, "0", false},
		{"connect timeout", req, call.Result{Class: call.Timeout}, "0", false},
		{"429", req, call.Result{Class: call.RateLimited, Status: 429, Written: true}, "0", false},
		{"529", req, call.Result{Class: call.Overloaded, Status: 529, Written: true}, "0", false},
		{"500 with a usage", req, call.Result{Class: call.ServerError, Status: 500, Written: true, Known: call.UsageFinal, Usage: seen}, "0", false},
		{"400", req, call.Result{Class: call.ClientError, Status: 400, Written: true}, "0", false},
		{"a redirect is not followed", req, call.Result{Class: call.BadResponse, Status: 302, Written: true}, "0", false},
		{"final", req, final(seen), "0.0006", false}, // 10×5 + 100×0.5 + 20×25
		{"final, refused", req, call.Result{Class: call.Refused, Status: 200, Written: true, Known: call.UsageFinal, Usage: seen}, "0.0006", false},
		{"final, then cut", req, call.Result{Class: call.Cut, Status: 200, Written: true, Known: call.UsageFinal, Usage: seen}, "0.0006", false},
		{"asked for us, nothing said", ask("", "us"), final(seen), "0.00066", false},
		{"asked for us, not available", ask("", "us"), final(at("", "not_available")), "0.00066", false},
		{"asked for us, served global", ask("", "us"), final(at("", "global")), "0.0006", false},
		{"asked for fast, nothing said", ask("fast", ""), final(seen), "0.0012", false},
		{"asked for fast, served standard", ask("fast", ""), final(at("standard", "")), "0.0006", false},
		{"the account's us", req, final(at("", "us")), "0.00066", false},
		{"cut: 100 of output, geo unknown", req, cut(seen), "0.00286", true}, // (50 + 50 + 100×25)×1.1
		{"cut, global", req, cut(at("standard", "global")), "0.0026", true},
		{"cut, asked for global", ask("", "global"), cut(seen), "0.0026", true},
		{"cut, asked for fast", ask("fast", "global"), cut(seen), "0.0052", true},
		{"cut, fast asked and standard served", ask("fast", "global"), cut(at("standard", "")), "0.0026", true},
		{"stalled before any usage", req, call.Result{Class: call.Stalled, Written: true}, "0.009625", true},
		{"cancelled before any usage", req, call.Result{Class: call.Canceled, Written: true}, "0.009625", true},
		{"timeout after the headers", req, call.Result{Class: call.Timeout, Status: 200, Written: true}, "0.009625", true},
		{"an answer without usage", req, call.Result{Class: call.OK, Status: 200, Written: true}, "0.009625", true},
		{"unknown model", request("unknown", 1, 1), final(seen), "0", false},
	}
	for _, tt := range tests {
		got, bound := c.Charge(tt.req, tt.res)
		if got != usd(t, tt.want) || bound != tt.bound {
			t.Errorf("%s: Charge = %s, %v; want %s, %v", tt.name, got.Decimal(), bound, tt.want, tt.bound)
		}
	}
}

// drawBand draws five prices, some of them absent, of any size and fineness.
func drawBand(t *rapid.T, name string) Band {
	price := rapid.Custom(func(t *rapid.T) call.USD {
		digits := rapid.Int64Range(1, 9_999_999).Draw(t, "digits")
		unit := rapid.SampledFrom([]int64{1, 1e3, 1e6, 1e9}).Draw(t, "unit")
		return call.USD(digits * unit)
	})
	cache := rapid.OneOf(rapid.Just(call.USD(0)), price)
	return Band{Input: price.Draw(t, name+" input"), Output: price.Draw(t, name+" output"), CacheWrite5m: cache.Draw(t, name+" 5m"),
		CacheWrite1h: cache.Draw(t, name+" 1h"), CacheRead: cache.Draw(t, name+" read")}
}

func drawPrices(t *rapid.T) Prices {
	b := drawBand(t, "base")
	p := Prices{Input: b.Input, CacheWrite5m: b.CacheWrite5m, CacheWrite1h: b.CacheWrite1h, CacheRead: b.CacheRead, Output: b.Output}
	over := int64(0)
	for range rapid.IntRange(0, 3).Draw(t, "bands") {
		over += rapid.Int64Range(1, 3000).Draw(t, "over")
		b := drawBand(t, "band")
		b.Over = over
		p.Bands = append(p.Bands, b)
	}
	if rapid.Bool().Draw(t, "has fast") {
		b := drawBand(t, "fast")
		p.Fast = &Fast{Input: b.Input, Output: b.Output}
	}
	p.USGeo = Multiplier(rapid.Int64Range(0, 2_000_000).Draw(t, "us geo"))
	return p
}

func drawRequest(t *rapid.T) call.Request {
	return call.Request{
		Model: "m", Body: make([]byte, rapid.IntRange(0, 5000).Draw(t, "body")), ExtraTokens: rapid.IntRange(0, 600).Draw(t, "extra"),
		MaxTokens: rapid.IntRange(0, 2000).Draw(t, "max tokens"),
		Speed:     rapid.SampledFrom([]string{"", "standard", "fast", "warp"}).Draw(t, "speed"),
		Geo:       rapid.SampledFrom([]string{"", "global", "us", "moon"}).Draw(t, "geo"),
		CacheTTL:  rapid.SampledFrom([]string{"", "5m", "1h", "1w"}).Draw(t, "ttl"),
	}
}

// drawUsage draws what a server may bill for the request: any split of a prompt
// up to the bound, no more output than allowed, a speed and a geo that were
// asked for or left open. A word that is not known may mean the dearest.
func drawUsage(t *rapid.T, r call.Request) call.Usage {
	left := InputBound(r)
	part := func(name string) int64 {
		n := rapid.OneOf(rapid.Just(left), rapid.Int64Range(0, left)).Draw(t, name)
		left -= n
		return n
	}
	u := call.Usage{CacheRead: part("read"), CacheWrite5m: part("5m")}
	if r.CacheTTL != "" && r.CacheTTL != "5m" {
		u.CacheWrite1h = part("1h")
	}
	u.Input = part("input")
	most := int64(r.MaxTokens)
	u.Output = rapid.OneOf(rapid.Just(most), rapid.Int64Range(0, most)).Draw(t, "output")
	speeds, geos := []string{"", "standard"}, []string{"", "not_available", "global"}
	if r.Speed != "" && r.Speed != "standard" {
		speeds = append(speeds, "fast")
	}
	if r.Geo != "global" {
		geos = append(geos, "us")
	}
	u.Speed, u.Geo = rapid.SampledFrom(speeds).Draw(t, "served speed"), rapid.SampledFrom(geos).Draw(t, "served geo")
	return u
}

// drawResult draws how a call may end. What is known of the usage is one thing,
// what the server bills another.
func drawResult(t *rapid.T, u call.Usage) call.Result {
	r := call.Result{Usage: u,
		Class:   rapid.SampledFrom(call.Classes()).Draw(t, "class"),
		Status:  rapid.SampledFrom([]int{0, 200, 302, 429, 500, 529}).Draw(t, "status"),
		Written: rapid.Bool().Draw(t, "written"),
		Known:   rapid.SampledFrom([]call.UsageKnown{call.UsageNone, call.UsageInput, call.UsageFinal}).Draw(t, "known"),
	}
	switch rapid.IntRange(0, 5).Draw(t, "oddity") {
	case 0: // figures that no server means
		r.Input, r.CacheRead, r.Output = -r.Input, -1, -r.Output
	case 1: // nothing but a count of searches that nobody asked for
		r.Usage = call.Usage{Thinking: 1 << 40}
	}
	return r
}

// TestNeverDearerThanReserved is the proof that the budget rests on.
func TestNeverDearerThanReserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPrices(t)
		c, err := new(Catalog).With(map[string]Prices{"m": p})
		if err != nil {
			t.Fatal(err)
		}
		req := drawRequest(t)
		bound := c.Bound(req)
		u := drawUsage(t, req)
		res := drawResult(t, u)
		got, uncertain := c.Charge(req, res)
		if got > bound || got < 0 {
			t.Fatalf("Charge = %d (bound %v); Bound = %d", got, uncertain, bound)
		}
		bill := c.Of("m", served(u, req))
		if bill > bound {
			t.Fatalf("a bill of %d; Bound = %d", bill, bound)
		}
		// While the usage is open, what is charged covers every bill that may follow.
		res.Usage, res.Known, res.Class, res.Status = u, call.UsageInput, call.Cut, 200
		if open, _ := c.Charge(req, res); open < bill || open > bound {
			t.Fatalf("cut is charged %d; the bill may be %d and Bound is %d", open, bill, bound)
		}
		// Where no usage was seen, the whole of it is.
		res.Usage, res.Known, res.Written = call.Usage{}, call.UsageNone, true
		if unseen, isBound := c.Charge(req, res); unseen != bound || !isBound {
			t.Fatalf("cut before any usage is charged %d, a bound: %v; Bound is %d", unseen, isBound, bound)
		}
	})
}

// TestGuardNeverSettlesAboveItsReservation: the same through the guard, with a
// budget for exactly one worst case, for senders that end in any way.
func TestGuardNeverSettlesAboveItsReservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := new(Catalog).With(map[string]Prices{"m": drawPrices(t)})
		if err != nil {
			t.Fatal(err)
		}
		req := drawRequest(t)
		g, err := NewGuard(GuardConfig{Catalog: c, Budget: max(c.Bound(req), 1)})
		if err != nil {
			t.Fatal(err)
		}
		res := drawResult(t, drawUsage(t, req))
		end := rapid.SampledFrom([]string{"result", "nothing", "panic", "result and panic"}).Draw(t, "end")
		charged := call.USD(0)
		func() {
			defer func() { _ = recover() }()
			g.Wrap(func(_ context.Context, _ call.Request, emit func(call.Result)) {
				if strings.Contains(end, "result") {
					emit(res)
				}
				if strings.Contains(end, "panic") {
					panic(end)
				}
			})(t.Context(), req, func(r call.Result) { charged += r.Cost })
		}()
		s := g.Spend()
		if s.Spent > s.Budget || s.Spent < charged || s.Uncertain > s.Spent || s.Overruns != 0 || s.Reserved != 0 || s.InFlight != 0 {
			t.Fatalf("%s: %+v, the result says %d", end, s, charged)
		}
		if end != "result" && s.Spent != c.Bound(req) {
			t.Fatalf("%s: spent %d; want the whole reservation of %d", end, s.Spent, c.Bound(req))
		}
	})
}

// served is what the server bills by where it names no speed or geo.
func served(u call.Usage, r call.Request) call.Usage {
	if u.Speed == "" {
		u.Speed = r.Speed
	}
	if u.Geo == "" || u.Geo == "not_available" {
		u.Geo = r.Geo
	}
	return u
}

// TestScale holds the 128-bit arithmetic against arbitrary precision.
func TestScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(0, math.MaxInt64).Draw(t, "a")
		num, den := rapid.Uint64().Draw(t, "num"), rapid.Uint64Min(1).Draw(t, "den")
		n, d := new(big.Int).Mul(big.NewInt(a), new(big.Int).SetUint64(num)), new(big.Int).SetUint64(den)
		q, rest := new(big.Int).QuoRem(n, d, new(big.Int))
		up, nearest := new(big.Int).Set(q), new(big.Int).Set(q)
		if rest.Sign() > 0 {
			up.Add(up, big.NewInt(1))
		}
		if rest.Lsh(rest, 1).Cmp(d) >= 0 {
			nearest.Add(nearest, big.NewInt(1))
		}
		for _, tt := range []struct {
			up   bool
			want *big.Int
		}{{true, up}, {false, nearest}} {
			want := int64(math.MaxInt64)
			if tt.want.IsInt64() {
				want = tt.want.Int64()
			}
			if got := scale(a, num, den, tt.up); got != want {
				t.Fatalf("scale(%d, %d, %d, %v) = %d; want %d", a, num, den, tt.up, got, want)
			}
		}
	})
}

// TestBillsGrowWithTokens: within one band no bill falls when tokens are added.
func TestBillsGrowWithTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPrices(t)
		p.Bands = nil
		c, err := new(Catalog).With(map[string]Prices{"m": p})
		if err != nil {
			t.Fatal(err)
		}
		u := drawUsage(t, drawRequest(t))
		less := c.Of("m", u)
		u.CacheRead++
		u.Output += 7
		if more := c.Of("m", u); more < less {
			t.Fatalf("more tokens cost %d; fewer cost %d", more, less)
		}
	})
}
