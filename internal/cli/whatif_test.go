package cli

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/whatif"
)

// cachePrediction is how far what was said of the cache is from what it does.
type cachePrediction struct {
	hits           float64 // of the hit rate, in standard errors
	bill, replayed float64 // relative
}

// What the cache would do, said of a run without it, is what it does in a run of
// the same plan with it: the hit rate within three standard errors, the bill
// within 2 %. And a run that has the cache on is replayed as it was. -full asks
// 10 seeds.
func TestAccuracyWhatif(t *testing.T) {
	seeds := 1
	if *full {
		seeds = 10
	}
	var worst cachePrediction
	n := 0
	for _, c := range []struct {
		name, load string
		words      int // of the shared beginning
		model      string
	}{
		{"a steady stream", "arrivals: {process: poisson, stages: [{duration: 0s, target: 4/s}, {duration: 300s, target: 4/s}]}", 1200, "claude-haiku-5-5"},
		{"few and far between", "arrivals: {process: poisson, stages: [{duration: 0s, target: 12/h}, {duration: 24h, target: 12/h}]}", 1500, "claude-sonnet-4-6"},
		{"users", "users: {count: 10, requests: 1000, think_time: {min: 1s, max: 3s}}", 3000, "claude-opus-4-8"},
	} {
		for seed := 3; seed < 3+seeds; seed++ {
			t.Run(fmt.Sprintf("%s, %d", c.name, seed), func(t *testing.T) {
				src := "version: 1\nname: cache\ntarget: {base_url: sim}\nsim: {answer: 0.1}\ntasks:\n  - name: support\n    model: " + c.model +
					"\n    max_tokens: 128\n    system: {text: \"" + strings.Repeat("word ", c.words) + "\"%s}\n    prompts: [How?, Why is that?]\n" +
					"load:\n  " + c.load + "\ngraceful_stop: 60s\nseed: " + fmt.Sprint(seed) + "\n"
				p := predictTheCache(t, src)
				worst.hits, worst.bill, worst.replayed = max(worst.hits, p.hits), max(worst.bill, p.bill), max(worst.replayed, p.replayed)
				n++
			})
		}
	}
	of := fmt.Sprintf("%d runs", n)
	accuracyRow(t, worst.hits <= 3, "whatif: predicted hit rate", "within 3 standard errors", fmt.Sprintf("worst %.2f", worst.hits), of)
	accuracyRow(t, worst.bill <= 0.02, "whatif: predicted bill of a call", "within 2 %", fmt.Sprintf("worst %.2f %%", 100*worst.bill), of)
	accuracyRow(t, worst.replayed <= 0.02, "whatif: bill of a cached run, replayed", "within 2 %", fmt.Sprintf("worst %.2f %%", 100*worst.replayed), of)
}

// predictTheCache runs a plan without its cache and with it; src has a place for
// what asks for the cache.
func predictTheCache(t *testing.T, src string) cachePrediction {
	t.Helper()
	made := func(cache string) (whatif.Report, *store.Run) {
		p, err := plan.Parse("plan.yaml", fmt.Appendf(nil, src, cache), plan.Options{FS: fstest.MapFS{}})
		if err != nil {
			t.Fatal(err)
		}
		stored := virtualRun(t, p)
		command := whatifCommand{TTL: "5m", BatchHits: 0.3}
		conf, err := command.config(stored)
		if err != nil {
			t.Fatal(err)
		}
		said, err := whatif.Of(conf)
		if err != nil {
			t.Fatal(err)
		}
		return said, stored
	}
	said, _ := made("")
	was, with := made(", cache: 5m")
	hits, n := 0.0, 0.0
	for _, r := range recordsOf(t, with) {
		n++
		if r.CacheRead > 0 {
			hits++
		}
	}
	if n < 50 {
		t.Fatalf("%v calls; want at least 50", n)
	}
	se := math.Sqrt(hits / n * (1 - hits/n) / n)
	off := func(got, want float64) float64 { return math.Abs(got-want) / want }
	return cachePrediction{
		hits: max(0, math.Abs(said.Tasks[0].HitRate-hits/n)-1e-9) / max(se, 1e-9),
		// By the call: users that are answered sooner ask more often.
		bill:     off(said.Combinations[whatif.Cache].RunUSD/float64(said.Calls), was.Combinations[0].RunUSD/float64(was.Calls)),
		replayed: off(was.Combinations[whatif.Cache].RunUSD, was.Combinations[0].RunUSD),
	}
}
