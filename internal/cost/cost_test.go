package cost

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// usd reads an amount that the test states in dollars.
func usd(t testing.TB, s string) call.USD {
	t.Helper()
	v, err := call.ParseUSD(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestEveryModel checks every price of the table against sums made by hand for
// 1,000 input tokens, 200 written for five minutes, 100 for an hour, 3,000 read
// and 500 of output. Sonnet 4.6, in dollars a million: 1,000×3 + 200×3.75 + 100×6
// + 3,000×0.3 + 500×15 = 12,750, so $0.01275; times 1.1 in the US $0.014025; half
// of each in a batch. Fable 5.2 in fast mode has 16 for 8 and 80 for 40, and so 20
// for 10, 32 for 16, 0.4 for 0.2: 64,400, so $0.0644. Models without a price of
// their own for fast or US repeat the plain one.
func TestEveryModel(t *testing.T) {
	u := call.Usage{Input: 1000, CacheWrite5m: 200, CacheWrite1h: 100, CacheRead: 3000, Output: 500, Thinking: 400}
	tests := []struct{ model, plain, us, batch, batchUS, fast, fastUS string }{
		{"claude-fable-5-2", "0.0322", "0.03542", "0.0161", "0.01771", "0.0644", "0.07084"},
		{"claude-fable-5-1", "0.04025", "0.044275", "0.020125", "0.0221375", "0.04025", "0.044275"},
		{"claude-fable-5", "0.0425", "0.04675", "0.02125", "0.023375", "0.0425", "0.04675"},
		{"claude-mythos-5-2", "0.0322", "0.03542", "0.0161", "0.01771", "0.0644", "0.07084"},
		{"claude-mythos-5-1", "0.04025", "0.044275", "0.020125", "0.0221375", "0.04025", "0.044275"},
		{"claude-mythos-5", "0.0425", "0.04675", "0.02125", "0.023375", "0.0425", "0.04675"},
		{"claude-opus-5-5", "0.0164", "0.01804", "0.0082", "0.00902", "0.0328", "0.03608"},
		{"claude-opus-5", "0.02125", "0.023375", "0.010625", "0.0116875", "0.0425", "0.04675"},
		{"claude-opus-4-8", "0.02125", "0.023375", "0.010625", "0.0116875", "0.0425", "0.04675"},
		{"claude-opus-4-7", "0.02125", "0.023375", "0.010625", "0.0116875", "0.02125", "0.023375"},
		{"claude-opus-4-6", "0.02125", "0.023375", "0.010625", "0.0116875", "0.02125", "0.023375"},
		{"claude-opus-4-5-20251101", "0.02125", "0.02125", "0.010625", "0.010625", "0.02125", "0.02125"},
		{"claude-sonnet-5-5", "0.0082", "0.00902", "0.0041", "0.00451", "0.0082", "0.00902"},
		{"claude-sonnet-5", "0.0085", "0.00935", "0.00425", "0.004675", "0.0085", "0.00935"},
		{"claude-sonnet-4-6", "0.01275", "0.014025", "0.006375", "0.0070125", "0.01275", "0.014025"},
		{"claude-sonnet-4-5-20250929", "0.01275", "0.01275", "0.006375", "0.006375", "0.01275", "0.01275"},
		{"claude-haiku-5-5", "0.000425", "0.0004675", "0.0002125", "0.00023375", "0.000425", "0.0004675"},
		{"claude-haiku-4-5-20251001", "0.00425", "0.00425", "0.002125", "0.002125", "0.00425", "0.00425"},
	}
	c := Builtin()
	if len(tests) != len(c.List()) {
		t.Errorf("the table has %d models; %d are tested", len(c.List()), len(tests))
	}
	for _, tt := range tests {
		us, fast, fastUS := u, u, u
		us.Geo, fastUS.Geo = "us", "us"
		fast.Speed, fastUS.Speed = "fast", "fast"
		for _, got := range []struct {
			what string
			usd  call.USD
			want string
		}{
			{"plain", c.Of(tt.model, u), tt.plain}, {"us", c.Of(tt.model, us), tt.us},
			{"batch", c.OfBatch(tt.model, u), tt.batch}, {"batch us", c.OfBatch(tt.model, us), tt.batchUS},
			{"batch fast", c.OfBatch(tt.model, fast), tt.batch},
			{"fast", c.Of(tt.model, fast), tt.fast}, {"fast us", c.Of(tt.model, fastUS), tt.fastUS},
		} {
			if want := usd(t, got.want); got.usd != want {
				t.Errorf("%s %s = %s; want %s", tt.model, got.what, got.usd.Decimal(), got.want)
			}
		}
	}
}

// TestPricesAsJSON: what a list prints can be read back, to the pico-dollar.
func TestPricesAsJSON(t *testing.T) {
	for _, e := range Builtin().List() {
		src, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back Entry
		if err := json.Unmarshal(src, &back); err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.ID, diff)
		}
	}
	got, err := json.Marshal(Prices{Input: 1e11, Output: 5e11, USGeo: 1_100_000})
	if want := `{"input":0.1,"output":0.5,"us_geo":1.1}`; string(got) != want || err != nil {
		t.Errorf("Marshal = %s, %v; want %s", got, err, want)
	}
	p := Prices{USGeo: 7}
	if err := json.Unmarshal([]byte(`{"us_geo": null}`), &p); err != nil || p.USGeo != 7 {
		t.Errorf("null: %v, %v; want it left alone", p.USGeo, err)
	}
}

// TestEachPrice checks one token of each kind alone, so that no two prices can
// stand in for each other.
func TestEachPrice(t *testing.T) {
	tests := []struct {
		model string
		usage call.Usage
		want  call.USD // pico-dollars
	}{
		{"claude-haiku-5-5", call.Usage{Input: 1}, 100_000},
		{"claude-haiku-5-5", call.Usage{CacheWrite5m: 1}, 125_000},
		{"claude-haiku-5-5", call.Usage{CacheWrite1h: 1}, 200_000},
		{"claude-haiku-5-5", call.Usage{CacheRead: 1}, 10_000},
		{"claude-haiku-5-5", call.Usage{Output: 1}, 500_000},
		{"claude-fable-5-1", call.Usage{CacheRead: 1}, 250_000},
		{"claude-opus-5-5", call.Usage{CacheRead: 1, Speed: "fast"}, 400_000},
		{"claude-opus-5-5", call.Usage{CacheWrite1h: 1, Speed: "fast", Geo: "us"}, 17_600_000},
		{"claude-opus-5", call.Usage{WebSearches: 3, Geo: "us"}, 3e10}, // searches have no region
		{"claude-opus-5", call.Usage{Thinking: 1000}, 0},               // part of output
		{"claude-opus-5", call.Usage{Input: 1, Geo: "global"}, 5e6},
		{"claude-opus-5", call.Usage{Input: -5, Output: 1}, 25e6},
		{"no-such-model", call.Usage{Input: 1}, 0},
	}
	c := Builtin()
	for _, tt := range tests {
		if got := c.Of(tt.model, tt.usage); got != tt.want {
			t.Errorf("Of(%s, %+v) = %d; want %d", tt.model, tt.usage, got, tt.want)
		}
	}
}

func TestBandBoundary(t *testing.T) {
	c := Builtin()
	tests := []struct {
		model string
		usage call.Usage
		want  string
	}{
		// 100,000×0.1 + 1,000×0.5 = 10,500 dollars a million
		{"claude-haiku-5-5", call.Usage{Input: 100_000, Output: 1000}, "0.0105"},
		// One token more, and every token has the second price: 100,001×0.5 + 1,000×2.5
		{"claude-haiku-5-5", call.Usage{Input: 100_001, Output: 1000}, "0.0525005"},
		// The prompt counts, however it was cached: 1×0.5 + 50,000×0.625 + 25,000×1 + 25,000×0.05 + 1,000×2.5
		{"claude-haiku-5-5", call.Usage{Input: 1, CacheWrite5m: 50_000, CacheWrite1h: 25_000, CacheRead: 25_000, Output: 1000}, "0.0600005"},
		{"claude-haiku-5-5", call.Usage{CacheWrite5m: 50_000, CacheWrite1h: 25_000, CacheRead: 25_000, Output: 1000}, "0.012"},
		{"claude-haiku-5-5", call.Usage{Input: 10, Output: 1_000_000}, "0.500001"}, // output has no band
		{"claude-sonnet-4-5", call.Usage{Input: 200_000, Output: 10}, "0.60015"},
		{"claude-sonnet-4-5", call.Usage{Input: 200_001, Output: 10}, "1.200231"},
		{"claude-opus-5", call.Usage{Input: 900_000}, "4.5"},
	}
	for _, tt := range tests {
		if got := c.Of(tt.model, tt.usage); got != usd(t, tt.want) {
			t.Errorf("Of(%s, %+v) = %s; want %s", tt.model, tt.usage, got.Decimal(), tt.want)
		}
	}
}

func TestRounding(t *testing.T) {
	c, err := new(Catalog).With(map[string]Prices{
		"odd":  {Input: 3e6, Output: 1e6, USGeo: 1_100_000, Batch: 500_000}, // 3 and 1 pico-dollars a token
		"fine": {Input: 1, Output: 1_000_001},                               // finer than a pico-dollar a token: rounded up
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		got, want call.USD
		what      string
	}{
		{c.Of("odd", call.Usage{Input: 1, Geo: "us"}), 3, "3.3 to the nearest"},
		{c.Of("odd", call.Usage{Input: 2, Geo: "us"}), 7, "6.6 to the nearest"},
		{c.OfBatch("odd", call.Usage{Output: 1}), 1, "half a pico-dollar up"},
		{c.OfBatch("odd", call.Usage{Input: 1, Geo: "us"}), 2, "1.65, rounded once"},
		{c.Bound(call.Request{Model: "odd", MaxTokens: 5}), 288, "(64×4 + 5)×1.1 = 287.1, up; a written token is 3.75, so 4"},
		{c.Of("fine", call.Usage{Input: 1}), 1, "a millionth of a pico-dollar"},
		{c.Of("fine", call.Usage{Output: 1}), 2, "just over one"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %d; want %d", tt.what, tt.got, tt.want)
		}
	}
}

func TestAbsurdUsageDoesNotWrap(t *testing.T) {
	huge := int64(math.MaxInt64)
	u := call.Usage{Input: huge, CacheWrite5m: huge, CacheWrite1h: huge, CacheRead: huge, Output: huge, WebSearches: huge, Geo: "us"}
	if got := Builtin().Of("claude-opus-5", u); got != math.MaxInt64 {
		t.Errorf("Of(absurd) = %d; want the largest amount", got)
	}
	if got := Builtin().Bound(call.Request{Model: "claude-opus-5", MaxTokens: math.MaxInt, ExtraTokens: math.MaxInt}); got != math.MaxInt64 {
		t.Errorf("Bound(absurd) = %d; want the largest amount", got)
	}
	if got := Builtin().Bound(call.Request{Model: "claude-opus-4-5", MaxTokens: -1, ExtraTokens: -1}); got != framing*6_250_000 {
		t.Errorf("Bound(negative) = %d; want the framing alone", got)
	}
}

func TestNames(t *testing.T) {
	c := Builtin()
	want := c.Of("claude-haiku-4-5-20251001", call.Usage{Output: 1})
	for _, name := range []string{"claude-haiku-4-5", "anthropic.claude-haiku-4-5", "anthropic.claude-haiku-4-5-20251001", "claude-haiku-4-5-20260101"} {
		if got := c.Of(name, call.Usage{Output: 1}); got != want || !c.Known(name) {
			t.Errorf("Of(%s) = %d, Known %v; want %d, true", name, got, c.Known(name), want)
		}
	}
	for _, name := range []string{"claude-opus-5-20260724", "anthropic.claude-opus-5-20260724", "claude-opus-5"} {
		if e, ok := c.Lookup(name); !ok || e.ID != "claude-opus-5" {
			t.Errorf("Lookup(%s) = %s, %v; want claude-opus-5", name, e.ID, ok)
		}
	}
	for _, name := range []string{"", "claude", "claude-haiku", "-20251001", "claude-opus-9", "claude-haiku-4-5-2025100", "anthropic.", "us.anthropic.claude-opus-5"} {
		if _, ok := c.Lookup(name); ok || c.Known(name) {
			t.Errorf("Known(%q) = true", name)
		}
	}
}

func TestGuess(t *testing.T) {
	c := Builtin()
	for model, want := range map[string]string{
		"claude-haiku4-5": "claude-haiku-4-5", "claude-sonet-4-6": "claude-sonnet-4-6",
		"claude-haiku-4.5": "claude-haiku-4-5", "gpt-5": "", "": "", "llama-3-70b-instruct": "",
	} {
		if got := c.Guess(model); got != want {
			t.Errorf("Guess(%q) = %q; want %q", model, got, want)
		}
	}
}

func TestBuiltinTellsWhereItIsFrom(t *testing.T) {
	c := Builtin()
	if c.AsOf() != "2026-11-23" {
		t.Errorf("AsOf = %q", c.AsOf())
	}
	for _, e := range c.List() {
		if e.Source == "" || e.Confidence == "" || e.Status == "" || e.Released == "" || e.Context == 0 || e.MaxOutput == 0 || e.MinCacheable == 0 {
			t.Errorf("%s lacks a fact: %+v", e.ID, e)
		}
		if diff := cmp.Diff(e.Prices, e.Prices.WithDefaults()); diff != "" {
			t.Errorf("%s leaves a price to the default:\n%s", e.ID, diff)
		}
	}
	c.List()[0].ID = "changed"
	if c.List()[0].ID == "changed" {
		t.Error("List hands out the catalogue's own entries")
	}
}

func TestWith(t *testing.T) {
	base := Builtin()
	c, err := base.With(map[string]Prices{
		"my-model":         {Input: 1e12, Output: 5e12},
		"claude-haiku-4-5": {Input: 2e12, Output: 6e12, CacheRead: 1e12},
		"claude-opus-5":    {Input: 4e12, Output: 20e12},
		"claude-haiku-5-5": {Input: 1e11, Output: 1e12},
		"free":             {},
		"free-but-fast":    {Fast: &Fast{Input: 1e12, Output: 2e12}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		model string
		usage call.Usage
		want  call.USD
	}{
		{"my-model", call.Usage{Input: 1}, 1e6},
		{"my-model", call.Usage{CacheWrite5m: 1}, 1.25e6},
		{"my-model", call.Usage{CacheWrite1h: 1}, 2e6},
		{"my-model", call.Usage{CacheRead: 1}, 1e5},
		{"my-model", call.Usage{Output: 1}, 5e6},
		{"my-model", call.Usage{Output: 1, Geo: "us", Speed: "fast"}, 5e6},
		{"claude-haiku-4-5-20251001", call.Usage{Output: 1}, 6e6}, // the same model by its other name
		{"claude-haiku-4-5", call.Usage{CacheRead: 1}, 1e6},
		{"claude-opus-5", call.Usage{Output: 1, Geo: "us"}, 22e6},     // the multiplier stays
		{"claude-opus-5", call.Usage{Output: 1, Speed: "fast"}, 50e6}, // and the fast price
		{"claude-haiku-5-5", call.Usage{Input: 200_000}, 2e10},        // the bands do not
		{"free", call.Usage{Input: 1000, Output: 1000}, 0},
		{"free-but-fast", call.Usage{Input: 1, Output: 1}, 0},
		{"free-but-fast", call.Usage{Input: 1, Output: 1, Speed: "fast"}, 3e6},
		{"claude-sonnet-5", call.Usage{Input: 1}, 2e6},
	}
	for _, tt := range tests {
		if got := c.Of(tt.model, tt.usage); got != tt.want {
			t.Errorf("Of(%s, %+v) = %d; want %d", tt.model, tt.usage, got, tt.want)
		}
	}
	if e, _ := base.Lookup("claude-opus-5"); e.Prices.Input != 5e12 || base.Known("my-model") || base.Of("claude-opus-5", call.Usage{Output: 1}) != 25e6 {
		t.Error("With changed the catalogue it was called on")
	}
	if e, _ := c.Lookup("claude-haiku-4-5"); e.Source != "plan" || e.Confidence != "given" || e.Context != 200_000 {
		t.Errorf("overridden entry = %+v; want the plan's prices on the table's facts", e)
	}
	if got := len(c.List()); got != len(base.List())+3 {
		t.Errorf("%d entries; want three more than %d", got, len(base.List()))
	}
	if c.AsOf() != base.AsOf() {
		t.Errorf("AsOf = %q; want %q", c.AsOf(), base.AsOf())
	}
}

func TestWithRefuses(t *testing.T) {
	ok := Prices{Input: 1e12, Output: 2e12}
	with := func(change func(*Prices)) Prices {
		p := ok
		change(&p)
		return p
	}
	tests := []struct {
		name   string
		prices Prices
		want   string
	}{
		{"negative input", with(func(p *Prices) { p.Input = -1e12 }), `prices of "m": input -1 is negative`},
		{"negative read", with(func(p *Prices) { p.CacheRead = -1 }), "cache_read -0.000000000001 is negative"},
		{"absurd", with(func(p *Prices) { p.Output = 10_001e12 }), "output 10001 is over $10,000 per million tokens"},
		{"no output", Prices{Input: 1e12}, "output is missing"},
		{"no input", Prices{Output: 1e12}, "input is missing"},
		{"only a cache price", Prices{CacheRead: 1e12}, "output is missing"},
		{"band order", with(func(p *Prices) {
			p.Bands = []Band{{Over: 200, Input: 1, Output: 1}, {Over: 100, Input: 1, Output: 1}}
		}), "bands[1] over 100 is not above 200"},
		{"equal bands", with(func(p *Prices) {
			p.Bands = []Band{{Over: 200, Input: 1, Output: 1}, {Over: 200, Input: 1, Output: 1}}
		}), "bands[1] over 200 is not above 200"},
		{"band at 0", with(func(p *Prices) { p.Bands = []Band{{Input: 1, Output: 1}} }), "bands[0] over 0 is not above 0"},
		{"band without output", with(func(p *Prices) { p.Bands = []Band{{Over: 9, Input: 1}} }), "bands[0] output is missing"},
		{"negative fast", with(func(p *Prices) { p.Fast = &Fast{Input: 1, Output: -1} }), "fast output -0.000000000001 is negative"},
		{"half of fast", with(func(p *Prices) { p.Fast = &Fast{Output: 1} }), "fast input is missing"},
		{"negative geo", with(func(p *Prices) { p.USGeo = -1 }), "us_geo -0.000001 is not between 0 and 100"},
		{"absurd batch", with(func(p *Prices) { p.Batch = 101e6 }), "batch 101 is not between 0 and 100"},
	}
	for _, tt := range tests {
		c, err := Builtin().With(map[string]Prices{"m": tt.prices})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v; want %q", tt.name, err, tt.want)
		}
		if c != nil {
			t.Errorf("%s: a catalogue beside an error", tt.name)
		}
	}
	_, err := Builtin().With(map[string]Prices{"b": {Input: 1}, "a": {Output: 1}, "claude-haiku-4-5": ok, "claude-haiku-4-5-20251001": ok})
	want := `prices of "a": input is missing
prices of "b": output is missing
prices of "claude-haiku-4-5-20251001": "claude-haiku-4-5" names the same model`
	if err == nil || err.Error() != want {
		t.Errorf("With(several mistakes) = %v; want\n%s", err, want)
	}
}

func TestPerMillion(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want call.USD
		err  string
	}{
		{"0.1", 1e11, ""}, {"0.125", 125e9, ""}, {"22.5", 225e11, ""}, {"0", 0, ""}, {"10000", 1e16, ""}, {"1e-3", 1e9, ""},
		{"4294.968171", 4_294_968_171_000_000, ""}, {"0.0000000000004", 0, ""},
		{"NaN", 0, "not a number"}, {"", 0, "not a number"}, {"three", 0, "not a number"}, {"-1", 0, "price -1 is negative"},
		{"10000.01", 0, "over $10,000"}, {"1e300", 0, "over $10,000"}, {"1e999", 0, "over $10,000"}, {"Inf", 0, "over $10,000"}, {"-Inf", 0, "is negative"},
	} {
		got, err := PerMillion(tt.in)
		if tt.err == "" && (got != tt.want || err != nil) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("PerMillion(%v) = %d, %v; want %d, %q", tt.in, got, err, tt.want, tt.err)
		}
	}
}

func TestMultiplier(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Multiplier
		err  string
	}{
		{"1.1", 1_100_000, ""}, {"0.5", 500_000, ""}, {"2", 2_000_000, ""}, {"1e0", 1_000_000, ""}, {"0.000001", 1, ""},
		{"-1", 0, "negative"}, {"101", 0, "over 100"}, {"1.0000001", 0, "six decimals"}, {`"x"`, 0, "not a number"}, {"NaN", 0, "not a number"},
	} {
		var m Multiplier
		err := m.UnmarshalJSON([]byte(tt.in))
		if tt.err == "" && (m != tt.want || err != nil) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("Multiplier(%s) = %d, %v; want %d, %q", tt.in, m, err, tt.want, tt.err)
		}
	}
}

// Prices as a manifest keeps them price as those they were made of.
func TestWithStored(t *testing.T) {
	e, _ := Builtin().Lookup("claude-haiku-4-5")
	src, err := json.Marshal(e.Prices.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	c, err := new(Catalog).WithStored(map[string]json.RawMessage{"claude-haiku-4-5": src})
	if err != nil {
		t.Fatal(err)
	}
	u := call.Usage{Input: 1, CacheWrite5m: 2, CacheWrite1h: 3, CacheRead: 4, Output: 5}
	if got, want := c.Of("claude-haiku-4-5", u), Builtin().Of("claude-haiku-4-5", u); got != want || want == 0 {
		t.Errorf("a usage costs %v; want %v", got, want)
	}
	if c.Known("claude-sonnet-4-6") {
		t.Error("a model is known that was not kept")
	}
	_, err = Builtin().WithStored(map[string]json.RawMessage{"b": json.RawMessage(`7`), "a": json.RawMessage(`{"input":"x"}`), "c": src})
	if err == nil || !strings.HasPrefix(err.Error(), `prices of "a": `) || !strings.Contains(err.Error(), "\nprices of \"b\": ") {
		t.Errorf("damaged prices: %v; want both named, in order", err)
	}
	if _, err := Builtin().WithStored(map[string]json.RawMessage{"c": json.RawMessage(`{"input":-1,"output":1}`)}); err == nil {
		t.Error("a price below 0 is taken")
	}
}
