package cli

import (
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/whatif"
)

// What the cache would do, said of a run without it, is what it does in a run of
// the same plan with it: the hit rate within three standard errors, the bill
// within 2 %. And a run that has the cache on is replayed as it was.
func TestWhatifPredictsTheCache(t *testing.T) {
	for _, c := range []struct {
		name, load string
		words      int // of the shared beginning
		model      string
	}{
		{"a steady stream", "arrivals: {process: poisson, stages: [{duration: 0s, target: 4/s}, {duration: 300s, target: 4/s}]}", 1200, "claude-haiku-5-5"},
		{"few and far between", "arrivals: {process: poisson, stages: [{duration: 0s, target: 12/h}, {duration: 24h, target: 12/h}]}", 1500, "claude-sonnet-4-6"},
		{"users", "users: {count: 10, requests: 1000, think_time: {min: 1s, max: 3s}}", 3000, "claude-opus-4-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parse := func(cache string) *plan.Plan {
				src := "version: 1\nname: cache\ntarget: {base_url: sim}\nsim: {answer: 0.1}\ntasks:\n  - name: support\n    model: " + c.model +
					"\n    max_tokens: 128\n    system: {text: \"" + strings.Repeat("word ", c.words) + "\"" + cache + "}\n    prompts: [How?, Why is that?]\n" +
					"load:\n  " + c.load + "\ngraceful_stop: 60s\nseed: 3\n"
				p, err := plan.Parse("plan.yaml", []byte(src), plan.Options{FS: fstest.MapFS{}})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			without, with := virtualRun(t, parse("")), virtualRun(t, parse(", cache: 5m"))
			command := whatifCommand{TTL: "5m", BatchHits: 0.3}
			conf, err := command.config(without)
			if err != nil {
				t.Fatal(err)
			}
			said, err := whatif.Of(conf)
			if err != nil {
				t.Fatal(err)
			}
			if conf, err = command.config(with); err != nil {
				t.Fatal(err)
			}
			was, err := whatif.Of(conf)
			if err != nil {
				t.Fatal(err)
			}
			hits, n := 0.0, 0.0
			for _, r := range recordsOf(t, with) {
				n++
				if r.CacheRead > 0 {
					hits++
				}
			}
			if se := math.Sqrt(hits / n * (1 - hits/n) / n); math.Abs(said.Tasks[0].HitRate-hits/n) > 3*se+1e-9 || n < 50 {
				t.Errorf("predicted %.4f of %v calls to find their prefix; %.4f did (one standard error %.4f)", said.Tasks[0].HitRate, n, hits/n, se)
			}
			near := func(what string, got, want float64) {
				if math.Abs(got-want) > 0.02*want {
					t.Errorf("%s: %v; want %v", what, got, want)
				}
			}
			// By the call: users that are answered sooner ask more often.
			near("predicted bill of a call", said.Combinations[whatif.Cache].RunUSD/float64(said.Calls), was.Combinations[0].RunUSD/float64(was.Calls))
			near("replayed bill", was.Combinations[whatif.Cache].RunUSD, was.Combinations[0].RunUSD)
		})
	}
}
