package cost

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/call"
)

// priceRow is a line of testdata/every-price.txt.
type priceRow struct {
	model  string
	how    []string   // plain, or us, fast, batch, long
	prices []call.USD // a million tokens of each kind
}

func (r priceRow) is(word string) bool { return slices.Contains(r.how, word) }

// kinds are the columns of the table: usages of n tokens of one kind.
var kinds = []struct {
	name string
	of   func(n int64) call.Usage
}{
	{"input", func(n int64) call.Usage { return call.Usage{Input: n} }},
	{"write 5m", func(n int64) call.Usage { return call.Usage{CacheWrite5m: n} }},
	{"write 1h", func(n int64) call.Usage { return call.Usage{CacheWrite1h: n} }},
	{"read", func(n int64) call.Usage { return call.Usage{CacheRead: n} }},
	{"output", func(n int64) call.Usage { return call.Usage{Output: n} }},
}

func everyPrice(t *testing.T) []priceRow {
	t.Helper()
	src, err := os.ReadFile("testdata/every-price.txt")
	if err != nil {
		t.Fatal(err)
	}
	var rows []priceRow
	for line := range strings.Lines(string(src)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		r := priceRow{model: f[0], how: strings.Split(f[1], ",")}
		for _, s := range f[2:] {
			r.prices = append(r.prices, usd(t, s))
		}
		if len(r.prices) != len(kinds) {
			t.Fatalf("%q: %d prices; want %d", line, len(r.prices), len(kinds))
		}
		rows = append(rows, r)
	}
	return rows
}

// longer is where the bands of the table begin.
var longer = map[string]int64{"claude-haiku-5-5": 100_000, "claude-sonnet-4-5-20250929": 200_000}

// bill prices a usage as the row says.
func (r priceRow) bill(c *Catalog, u call.Usage) call.USD {
	if r.is("us") {
		u.Geo = "us"
	}
	if r.is("fast") {
		u.Speed = "fast"
	}
	if r.is("batch") {
		return c.OfBatch(r.model, u)
	}
	return c.Of(r.model, u)
}

// TestEveryPrice checks every price of the table, with every modifier and in every
// band, to the pico-dollar: a token of each kind alone, and as many as fill a band
// to its edge.
func TestEveryPrice(t *testing.T) {
	c := Builtin()
	seen := map[string]int{}
	for _, r := range everyPrice(t) {
		seen[r.model]++
		edge := longer[r.model]
		for i, kind := range kinds {
			perToken := r.prices[i] / 1e6
			if perToken*1e6 != r.prices[i] {
				t.Errorf("%s %v: %s %s is not whole pico-dollars a token", r.model, r.how, kind.name, r.prices[i].Decimal())
			}
			n, base := int64(1), call.Usage{}
			if edge > 0 {
				n = edge // the last prompt of the first band
			}
			if r.is("long") {
				n = edge + 1
			}
			if kind.name == "output" {
				base, n = call.Usage{Input: n}, 1_000_000
			}
			u := kind.of(n)
			u.Input += base.Input
			want := call.USD(n)*perToken + call.USD(base.Input)*(r.prices[0]/1e6)
			if got := r.bill(c, u); got != want {
				t.Errorf("%s %v, %d tokens of %s: %s; want %s", r.model, r.how, n, kind.name, got.Decimal(), want.Decimal())
			}
		}
	}
	const modifiers = 6 // plain, us, fast, fast and us, batch, batch and us
	for _, e := range c.List() {
		want := modifiers * (1 + len(e.Prices.Bands))
		if seen[e.ID] != want {
			t.Errorf("%s has %d rows in testdata/every-price.txt; want %d", e.ID, seen[e.ID], want)
		}
		if e.Prices.Bands != nil && e.Prices.Bands[0].Over != longer[e.ID] {
			t.Errorf("%s: the band is over %d; want %d", e.ID, e.Prices.Bands[0].Over, longer[e.ID])
		}
		delete(seen, e.ID)
	}
	for model := range seen {
		t.Errorf("testdata/every-price.txt has %s; the table does not", model)
	}
}

// TestSearchesHaveNoFactor: $10 per thousand, whatever the model, region or speed.
func TestSearchesHaveNoFactor(t *testing.T) {
	c := Builtin()
	for _, r := range everyPrice(t) {
		if got, want := r.bill(c, call.Usage{WebSearches: 3}), usd(t, "0.03"); got != want {
			t.Errorf("%s %v: three searches cost %s; want %s", r.model, r.how, got.Decimal(), want.Decimal())
		}
	}
}

// TestBoundCoversEveryPrice: no row of the table can cost more than what is
// reserved for a request that allows it.
func TestBoundCoversEveryPrice(t *testing.T) {
	c := Builtin()
	for _, r := range everyPrice(t) {
		if r.is("batch") {
			continue
		}
		n := int64(1000)
		if r.is("long") {
			n = longer[r.model] + 1
		}
		req := call.Request{Model: r.model, Body: make([]byte, n-framing), MaxTokens: 1000, CacheTTL: "1h", Geo: "global"}
		if r.is("us") {
			req.Geo = "us"
		}
		if r.is("fast") {
			req.Speed = "fast"
		}
		bound := c.Bound(req)
		for _, kind := range kinds[:4] {
			u := kind.of(n)
			u.Output = 1000
			if got := r.bill(c, u); got > bound {
				t.Errorf("%s %v, %s: costs %s; reserved %s", r.model, r.how, kind.name, got.Decimal(), bound.Decimal())
			}
		}
		dearest := max(r.prices[0], r.prices[1], r.prices[2], r.prices[3]) / 1e6
		if want := call.USD(n)*dearest + 1000*r.prices[4]/1e6; bound != want {
			t.Errorf("%s %v: Bound = %s; want %s", r.model, r.how, bound.Decimal(), want.Decimal())
		}
	}
}
