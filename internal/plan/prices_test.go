package plan

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
)

const usd = call.Dollar

// pricesOf parses the sparse plan with prices and returns those of a model.
func pricesOf(t *testing.T, prices, model string) cost.Entry {
	t.Helper()
	e, ok := must(t, sparse+prices).Catalog.Lookup(model)
	if !ok {
		t.Fatalf("%s: %q has no price", prices, model)
	}
	return e
}

func TestPricesWithEverything(t *testing.T) {
	got := pricesOf(t, `prices:
  m:
    input: 0.1
    output: 0.5
    cache_write_5m: 0.125
    cache_write_1h: 0.2
    cache_read: 0
    bands:
      - {over: 100000, input: 0.5, output: 2.5, cache_write_5m: 0.625, cache_write_1h: 1, cache_read: 0.05}
      - {over: 200_000, input: 1, output: 5, cache_read: 0}
    fast: {input: 0.2, output: 1}
    us_geo: 1.1
    batch: 0.5
`, "m")
	want := cost.Entry{ID: "m", Source: "plan", Confidence: "given", Prices: cost.Prices{
		Input: usd / 10, Output: usd / 2, CacheWrite5m: usd / 8, CacheWrite1h: usd / 5, CacheRead: usd / 1_000_000,
		Bands: []cost.Band{
			{Over: 100_000, Input: usd / 2, Output: usd * 5 / 2, CacheWrite5m: usd * 5 / 8, CacheWrite1h: usd, CacheRead: usd / 20},
			{Over: 200_000, Input: usd, Output: 5 * usd, CacheRead: usd / 1_000_000},
		},
		Fast: &cost.Fast{Input: usd / 5, Output: usd}, USGeo: 1_100_000, Batch: 500_000,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
}

// What an override leaves out: cache prices are multiples, long prompts are
// priced as short ones, and fast mode and factors are the table's.
func TestPricesLeftOut(t *testing.T) {
	c := must(t, sparse+"prices: {claude-haiku-5-5: {input: 1, output: 4}, claude-opus-5: {input: 4, output: 16}}\n").Catalog
	for _, tt := range []struct {
		what, model string
		usage       call.Usage
		want        call.USD
	}{
		{"a write of five minutes", "claude-haiku-5-5", call.Usage{CacheWrite5m: 1}, 1_250_000},
		{"of an hour", "claude-haiku-5-5", call.Usage{CacheWrite1h: 1}, 2_000_000},
		{"a read", "claude-haiku-5-5", call.Usage{CacheRead: 1}, 100_000},
		{"a long prompt", "claude-haiku-5-5", call.Usage{Input: 200_000}, usd / 5},
		{"in the US", "claude-haiku-5-5", call.Usage{Input: 1, Geo: "us"}, 1_100_000},
		{"fast", "claude-opus-5", call.Usage{Output: 1, Speed: "fast"}, 50_000_000},
		{"fast, cached", "claude-opus-5", call.Usage{CacheRead: 1, Speed: "fast"}, 1_000_000}, // a tenth of 10
	} {
		if got := c.Of(tt.model, tt.usage); got != tt.want {
			t.Errorf("%s: Of(%s, %+v) = %d; want %d", tt.what, tt.model, tt.usage, got, tt.want)
		}
	}
}

// What stands in the plan overrides the file, and the file overrides the table.
func TestPricesFromAFile(t *testing.T) {
	for _, tt := range []struct {
		prices, model string
		input         call.USD
	}{
		{"prices: {file: prices.yaml}", "mine", 9 * usd},
		{"prices: {file: prices.yaml, mine: {input: 1, output: 5}}", "mine", usd},
		{"prices: {file: prices.yaml, mine: {input: 1, output: 5}}", "theirs", 2 * usd},
		{"prices: {file: {input: 7, output: 8}}", "file", 7 * usd}, // a model of that name
		{"prices: {}", "claude-haiku-4-5", usd},
	} {
		if got := pricesOf(t, tt.prices+"\n", tt.model).Prices.Input; got != tt.input {
			t.Errorf("%s: input of %s = %s; want %s", tt.prices, tt.model, got.Decimal(), tt.input.Decimal())
		}
	}
	c := must(t, sparse, "prices.file=prices.yaml").Catalog
	if !c.Known("theirs") {
		t.Error("--set prices.file=prices.yaml has no effect")
	}
}

// The line that a mistake about a model without a price shows makes the plan good.
func TestTheLineToAdd(t *testing.T) {
	for _, tt := range []struct{ name, models, prices string }{
		{"no prices", "mine", ""},
		{"odd name", `"my model: 1"`, ""},
		{"prices already", "mine", "prices:\n  other: {input: 1, output: 2}\n"},
		{"two models", "mine yours", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := "load: {users: {count: 1, requests: 1}}\ntasks:\n"
			models := []string{tt.models}
			if tt.name == "two models" {
				models = strings.Fields(tt.models)
			}
			for i, m := range models {
				src += fmt.Sprintf("  - {name: t%d, prompts: [hi], model: %s}\n", i, m)
			}
			src += tt.prices
			_, err := Parse("plan.yaml", []byte(src), Options{})
			mistakes, _ := err.(Mistakes)
			if len(mistakes) != len(models) {
				t.Fatalf("%v; want %d mistakes", err, len(models))
			}
			for i, m := range mistakes {
				quoted := strings.Split(m.Text, "`")
				line := quoted[len(quoted)-2]
				if tt.name == "two models" && i == 0 {
					src += quoted[1] + "\n"
				}
				if tt.prices != "" {
					line = "  " + line
				}
				src += line + "\n"
			}
			p, err := Parse("plan.yaml", []byte(src), Options{})
			if err != nil {
				t.Fatalf("with the line added:\n%s%v", src, err)
			}
			e, _ := p.Catalog.Lookup(p.Tasks[0].Model)
			want := cost.Prices{Input: 3 * usd, Output: 15 * usd, CacheWrite5m: usd * 15 / 4, CacheWrite1h: 6 * usd, CacheRead: usd * 3 / 10}
			if diff := cmp.Diff(want, e.Prices); diff != "" {
				t.Errorf("prices (-want +got):\n%s", diff)
			}
		})
	}
}

// A price with a mistake is one mistake: the model that has it does not lack one.
func TestWrongPriceIsNotMissing(t *testing.T) {
	const tasks = "tasks: [{name: a, model: mine, prompts: [hi]}]\nload: {users: {count: 1, requests: 1}}\n"
	for _, prices := range []string{"{mine: {input: -1, output: 2}}", "{file: missing.yaml}", "{file: empty-prices.yaml}", "{file: broken-prices.yaml}"} {
		_, err := Parse("plan.yaml", []byte(tasks+"prices: "+prices+"\n"), Options{FS: os.DirFS("testdata/files")})
		if mistakes, _ := err.(Mistakes); len(mistakes) != 1 || strings.Contains(err.Error(), "has no price") {
			t.Errorf("prices: %s: %v; want the one mistake", prices, err)
		}
	}
}

// drawPrices draws prices as fine as they are billed: whole pico-dollars a token.
func drawPrices(t *rapid.T) cost.Prices {
	price := rapid.Map(rapid.Int64Range(100, 10_000_000_000), func(n int64) call.USD { return call.USD(n * 1e6) })
	cache := rapid.OneOf(rapid.Just(call.USD(0)), rapid.Just(call.USD(1e6)), price) // not said, free, or a price
	band := func(over int64) cost.Band {
		return cost.Band{Over: over, Input: price.Draw(t, "input"), Output: price.Draw(t, "output"), CacheWrite5m: cache.Draw(t, "5m"),
			CacheWrite1h: cache.Draw(t, "1h"), CacheRead: cache.Draw(t, "read")}
	}
	b := band(0)
	p := cost.Prices{Input: b.Input, Output: b.Output, CacheWrite5m: b.CacheWrite5m, CacheWrite1h: b.CacheWrite1h, CacheRead: b.CacheRead}
	over := int64(0)
	for range rapid.IntRange(0, 3).Draw(t, "bands") {
		over += rapid.Int64Range(1, 1_000_000).Draw(t, "step")
		p.Bands = append(p.Bands, band(over))
	}
	if rapid.Bool().Draw(t, "has fast") {
		p.Fast = &cost.Fast{Input: price.Draw(t, "fast input"), Output: price.Draw(t, "fast output")}
	}
	factor := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(10_000, 100_000_000))
	p.USGeo, p.Batch = cost.Multiplier(factor.Draw(t, "us geo")), cost.Multiplier(factor.Draw(t, "batch"))
	return p
}

// TestPriceFileRoundTrip: prices that are written and named by a plan, or pasted
// into it, are the same to the pico-dollar.
func TestPriceFileRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]cost.Prices{}
		var entries []cost.Entry
		for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"m", "claude-opus-5", "file", "true", "12", "a: b", "\"", "ünï", "x-v1:0"}), 0, 4, rapid.ID).Draw(t, "models") {
			want[id] = drawPrices(t)
			entries = append(entries, cost.Entry{ID: id, Prices: want[id]})
		}
		file := PriceFile(entries, "first", "second")
		for _, tt := range []struct {
			how, src string
		}{{"named", sparse + "prices: {file: prices.yaml}\n"}, {"pasted", sparse + string(file)}} {
			p, err := Parse("plan.yaml", []byte(tt.src), Options{FS: fstest.MapFS{"prices.yaml": {Data: file}}})
			if err != nil {
				t.Fatalf("%s: %v\n%s", tt.how, err, file)
			}
			catalog, err := cost.Builtin().With(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(catalog.List(), p.Catalog.List()); diff != "" {
				t.Fatalf("%s (-want +got):\n%s\n%s", tt.how, diff, file)
			}
		}
	})
}
