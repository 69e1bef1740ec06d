package cli_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/cli"
)

// litellm has two models with prices that no table has, in dollars a token: one
// flat, one with a band for prompts over 1,000 tokens.
const litellm = `{
"flat": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 1.7e-06, "output_cost_per_token": 2.3e-05,
 "cache_creation_input_token_cost": 3.1e-06, "cache_creation_input_token_cost_above_1hr": 4.1e-06, "cache_read_input_token_cost": 1.3e-07},
"banded": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 2.9e-06, "output_cost_per_token": 1.9e-05,
 "cache_creation_input_token_cost": 3.7e-06, "cache_read_input_token_cost": 1.1e-07,
 "input_cost_per_token_above_1k_tokens": 5.3e-06, "output_cost_per_token_above_1k_tokens": 4.3e-05,
 "cache_creation_input_token_cost_above_1k_tokens": 7.3e-06, "cache_read_input_token_cost_above_1k_tokens": 6.1e-07}
}`

// The whole way of a price list: imported, named by a plan, checked, run, and the
// bill of every request is what the list's own figures make of its tokens.
func TestImportedPricesAreBilled(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(file(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("litellm.json", litellm)
	write("plan.yaml", `version: 1
tasks:
  - {name: a, model: flat, max_tokens: 100, prompts: ["Tell me about rivers {{index}}"]}
  - {name: b, model: banded, max_tokens: 100, synthetic: {input_tokens: {p50: 900, p95: 2500}}}
load: {users: {count: 4, requests: 60}}
budget: {usd: 5}
prices: {file: prices.yaml}
sim: {profile: instant}
seed: 6
`)
	for _, args := range [][]string{
		{"prices", "import", file("litellm.json"), "-o", file("prices.yaml")},
		{"check", file("plan.yaml")},
		{"run", file("plan.yaml"), "--target", "sim", "--out", file("run"), "--quiet"},
	} {
		var stdout, stderr strings.Builder
		const tooBusy = 121 // this machine, not the program
		if code := cli.Run(t.Context(), args, nil, strings.NewReader(""), &stdout, &stderr); code != 0 && code != tooBusy {
			t.Fatalf("%v: exit %d\n%s", args, code, stderr.String())
		}
	}
	log, err := os.ReadFile(file("run/requests.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	bills := map[string]int{} // by model and band
	for line := range strings.Lines(string(log)) {
		var r struct {
			Model         string
			Input, Output float64
			Cost          float64
		}
		keys := strings.NewReplacer(`"input_tokens"`, `"input"`, `"output_tokens"`, `"output"`, `"cost_usd"`, `"cost"`)
		if err := json.Unmarshal([]byte(keys.Replace(line)), &r); err != nil {
			t.Fatal(err)
		}
		input, output, kind := 1.7e-06, 2.3e-05, "flat"
		if r.Model == "banded" {
			input, output, kind = 2.9e-06, 1.9e-05, "short"
			if r.Input > 1000 {
				input, output, kind = 5.3e-06, 4.3e-05, "long"
			}
		}
		bills[kind]++
		if want := r.Input*input + r.Output*output; math.Abs(r.Cost-want) > 5e-13 {
			t.Errorf("%s with %v and %v tokens costs %v; want %v", r.Model, r.Input, r.Output, r.Cost, want)
		}
	}
	for _, kind := range []string{"flat", "short", "long"} {
		if bills[kind] < 5 {
			t.Errorf("%d requests of kind %s: the test shows too little", bills[kind], kind)
		}
	}
}
