package cost

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

func importFixture(t *testing.T) ([]Entry, []string) {
	t.Helper()
	f, err := os.Open("testdata/litellm.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entries, warnings, err := ImportLiteLLM(f)
	if err != nil {
		t.Fatal(err)
	}
	return entries, warnings
}

func TestImportLiteLLM(t *testing.T) {
	entries, warnings := importFixture(t)
	const m = call.Dollar / 1000
	want := []Entry{
		{ID: "made-up-banded", Source: "LiteLLM", Confidence: "imported", Prices: Prices{
			Input: 100 * m, CacheWrite5m: 125 * m, CacheWrite1h: 200 * m, CacheRead: 10 * m, Output: 500 * m,
			Bands: []Band{{Over: 100_000, Input: 500 * m, CacheWrite5m: 625 * m, CacheWrite1h: 1000 * m, CacheRead: 50 * m, Output: 2500 * m}},
			Batch: 500_000,
		}},
		{ID: "made-up-bare", Source: "LiteLLM", Confidence: "imported", Prices: Prices{Input: 3000 * m, Output: 15_000 * m}},
		{ID: "made-up-large", Source: "LiteLLM, from https://example.com/pricing", Confidence: "imported", Context: 1_000_000, MaxOutput: 128_000, MinCacheable: 512,
			Prices: Prices{Input: 4000 * m, CacheWrite5m: 5000 * m, CacheWrite1h: 8000 * m, CacheRead: 200 * m, Output: 20_000 * m,
				Fast: &Fast{Input: 8000 * m, Output: 40_000 * m}, USGeo: 1_100_000, Batch: 500_000}},
		{ID: "made-up-uneven-batch", Source: "LiteLLM", Confidence: "imported", Prices: Prices{Input: 2000 * m, CacheWrite5m: 2500 * m,
			CacheWrite1h: 4000 * m, CacheRead: 200 * m, Output: 4000 * m, Batch: 750_000}},
	}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	wantWarnings := []string{
		"factor-is-text: left out: provider_specific_entry.us: not a number",
		"half-a-band: left out: output_cost_per_token_above_200k_tokens is missing",
		"made-up-bare: cache_creation_input_token_cost is missing or 0: taken as the usual multiple of the input price",
		"made-up-bare: cache_read_input_token_cost is missing or 0: taken as the usual multiple of the input price",
		"made-up-bare: cache_creation_input_token_cost_above_1hr is missing or 0: taken as the usual multiple of the input price",
		"made-up-uneven-batch: batch discounts differ: 0.75 taken for all",
		"no-output-price: left out: output_cost_per_token is missing",
		"price-is-a-trap: left out: input_cost_per_token: 1e999999999… is not a believable number",
		"price-is-absurd: left out: input 30000 is over $10,000 per million tokens; output 150000 is over $10,000 per million tokens",
		"price-is-huge: left out: output_cost_per_token 15e9 is out of range",
		"price-is-negative: left out: input -1 is negative",
		"price-is-text: left out: input_cost_per_token is not a number",
	}
	if diff := cmp.Diff(wantWarnings, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestImportRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, src, want string
	}{
		{"empty", "", "not a JSON object of models"},
		{"a list", `[{"id": "x"}]`, "not a JSON object of models"},
		{"not JSON", "models:\n  - x", "not a JSON object of models"},
		{"another shape", `{"anthropic": {"models": {"claude": {"cost": {"input": 5}}}}}`, `no usable model with "litellm_provider": "anthropic"`},
		{"an empty object", `{}`, "no usable model"},
		{"null", `null`, "no usable model"},
	} {
		entries, _, err := ImportLiteLLM(strings.NewReader(tt.src))
		if entries != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v; want %q", tt.name, entries, err, tt.want)
		}
	}
	broken := errors.New("broken disk")
	if _, _, err := ImportLiteLLM(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("unreadable: %v; want %v", err, broken)
	}
	if _, _, err := ImportLiteLLM(io.LimitReader(zeros{}, maxPriceFile+10)); err == nil || !strings.Contains(err.Error(), "over 64 MB") {
		t.Errorf("too long: %v; want over 64 MB", err)
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func FuzzImportLiteLLM(f *testing.F) {
	src, err := os.ReadFile("testdata/litellm.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(src))
	f.Add(`{"m": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 1e-9, "output_cost_per_token": 1, "x_cost_above_1hr_above_-3k_tokens": 1}}`)
	f.Fuzz(func(t *testing.T, src string) {
		entries, _, err := ImportLiteLLM(strings.NewReader(src))
		if err != nil {
			return
		}
		for _, e := range entries {
			c, err := new(Catalog).With(map[string]Prices{e.ID: e.Prices})
			if err != nil {
				t.Fatalf("an imported entry is refused: %v", err)
			}
			if c.Of(e.ID, call.Usage{Input: 1, Output: 1}) < 0 {
				t.Fatalf("%s has a negative price", e.ID)
			}
		}
	})
}
