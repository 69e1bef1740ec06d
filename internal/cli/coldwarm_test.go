package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/cache"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/whatif"
	"github.com/tokenload/tokenload/internal/workload"
)

// coldWarm is a plan of 120 calls after a warm-up, a quarter of them cold. The
// simulator takes 45 µs a token longer for what it does not find cached.
func coldWarm(t *testing.T, api string, seed int, system string) *plan.Plan {
	t.Helper()
	src := fmt.Sprintf(`version: 1
name: cold-warm
target: {base_url: sim, api: %s}
tasks: [{name: support, model: claude-haiku-5-5, max_tokens: 64, system: %s, prompts: [How?, Why?]}]
load: {arrivals: {process: poisson, rate: 2/s, duration: 70s}}
warm_up: 10s
graceful_stop: 60s
budget: {usd: 5}
seed: %d
`, api, system, seed)
	p, err := plan.Parse("plan.yaml", []byte(src), plan.Options{FS: os.DirFS("../../examples")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func comparison(t *testing.T, run *store.Run) cache.Comparison {
	t.Helper()
	rep, err := report.Build(run)
	if err != nil || len(rep.PromptCache) != 1 || rep.Findings == nil {
		t.Fatalf("%d comparisons, %v", len(rep.PromptCache), err)
	}
	if len(rep.Findings) > 0 {
		t.Errorf("a run with cold calls is found ill: %v", rep.Findings)
	}
	return rep.PromptCache[0]
}

// Against the simulator, whose truth is known: what a hit saves in time lies in
// the interval in about 95 % of runs, what it saves in money is exact, and what
// check foretells is what the run has.
func TestColdWarm(t *testing.T) {
	held, runs := 0, 0
	for _, api := range []string{"messages", "chat"} {
		for seed := range 2 {
			p := coldWarm(t, api, seed+1, "{file: data/manual.txt, cache: 5m, cold: 0.25}")
			stored := virtualRun(t, p)
			k := comparison(t, stored)
			if k.Cold.Calls < 20 || k.Warm.Calls < 75 || len(k.Warnings) > 0 || k.Cold.Calls != k.Cold.Asked || k.Warm.Calls != k.Warm.Asked {
				t.Errorf("%s, seed %d: %d cold of %d, %d warm of %d, %q", api, seed+1, k.Cold.Calls, k.Cold.Asked, k.Warm.Calls, k.Warm.Asked, k.Warnings)
			}
			prefix := float64(k.Warm.Prompt.Read)
			truth := -0.045 * prefix
			runs++
			if float64(k.TTFT.Low) <= truth && truth <= float64(k.TTFT.High) {
				held++
			}
			if k.TTFT.High >= 0 || k.Cost.High >= 0 {
				t.Errorf("%s, seed %d: a hit saves %+v ms and %+v dollars; both should be sure", api, seed+1, k.TTFT, k.Cost)
			}
			// Of this model a token costs 0.1, its write 1.25 and its read 0.025 as much.
			e, _ := p.Catalog.Lookup("claude-haiku-5-5")
			rates := e.Prices.WithDefaults()
			each := float64(rates.CacheWrite5m-rates.CacheRead) / 1e6 / 1e12 * prefix
			if want := each * float64(k.Warm.Calls); k.Saved == nil || abs(k.Saved.Dollars()-want) > 1e-6*want {
				t.Errorf("%s, seed %d: saved %v; want $%.6f", api, seed+1, k.Saved, want)
			}
			f, err := forecastOf(loaded{plan: p, target: target{url: plan.SimURL}}, grounds{})
			if err != nil {
				t.Fatal(err)
			}
			rep, err := report.Build(stored)
			if err != nil {
				t.Fatal(err)
			}
			if got, was := f.Usage.CacheWrite5m, rep.Tokens.CacheWrite5m; got != was || abs(f.Cost.Dollars()-rep.Cost.USD.Dollars()) > 1e-9 {
				t.Errorf("%s, seed %d: check says %d tokens written and %v; the run had %d and %v", api, seed+1, got, f.Cost, was, rep.Cost.USD)
			}
		}
	}
	t.Logf("the truth is in %d of %d intervals", held, runs)
	if held < runs-1 {
		t.Errorf("the truth is in %d of %d intervals; want all but one", held, runs)
	}
}

func abs(f float64) float64 { return max(f, -f) }

// A run that repeats another's seed while its prefixes are cached finds them, and
// says so; another seed does not. A server that caches by itself needs no marker.
func TestColdWarmAgain(t *testing.T) {
	const system = "{file: data/manual.txt, cache: 5m, cold: 0.25}"
	p := coldWarm(t, "messages", 1, system)
	runs := virtualRunsOn(t, simConfig(p, ""), p, p, coldWarm(t, "messages", 2, system))
	for i, run := range runs {
		k := comparison(t, run)
		switch again := strings.Contains(strings.Join(k.Warnings, "\n"), "found a prefix in the cache and are not compared: most likely a run with the same seed went before"); {
		case i == 1 && (!again || k.Cold.Calls > 0 || k.Cold.Answered == 0):
			t.Errorf("the same seed again: %d cold calls of %d, %q", k.Cold.Calls, k.Cold.Answered, k.Warnings)
		case i != 1 && (again || k.Cold.Calls != k.Cold.Answered):
			t.Errorf("run %d: %d cold calls of %d, %q", i, k.Cold.Calls, k.Cold.Answered, k.Warnings)
		}
	}
	k := comparison(t, virtualRun(t, coldWarm(t, "chat", 1, "{file: data/manual.txt, cold: 0.25}")))
	if k.Warm.Calls > 0 || !strings.Contains(strings.Join(k.Warnings, "\n"), "the server does not cache, or does not say so") {
		t.Errorf("a server that caches nothing by itself: %+v", k)
	}
}

// Nearly all calls write what nobody reads, as the plan wants it: that is no fault.
func TestMadeToMissIsHealthy(t *testing.T) {
	k := comparison(t, virtualRun(t, coldWarm(t, "messages", 1, "{file: data/manual.txt, cache: 5m, cold: 0.97}")))
	if k.Cold.Calls < 100 || k.Warm.Answered == 0 {
		t.Errorf("%d cold and %d warm calls", k.Cold.Calls, k.Warm.Answered)
	}
}

// whatif is about the traffic, of which calls that were made to miss are no part;
// and check --like draws a cold call's answer from cold ones.
func TestColdWarmElsewhere(t *testing.T) {
	p := coldWarm(t, "messages", 1, "{file: data/manual.txt, cache: 5m, cold: 0.25}")
	stored := virtualRun(t, p)
	k := comparison(t, stored)
	conf, err := (&whatifCommand{}).config(stored)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := whatif.Of(conf)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(rep.Measured, "\n")
	if !strings.Contains(words, "further calls were made to miss the prompt cache and are left out") || rep.Tasks[0].HitRate < 0.98 {
		t.Errorf("whatif: hit rate %v, %s", rep.Tasks[0].HitRate, words)
	}
	saving, base := rep.Saving()
	if want := float64(k.Warm.Cost.Value) * float64(rep.Calls); abs(base-want) > 0.3*want || saving > 0.05*base {
		t.Errorf("whatif: %v of %v to save on calls that hit already; want none of about %v", saving, base, want)
	}

	like, err := answersIn(stored.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ask := like.api(p, nil)
	mix, err := workload.New(p.Seed, p.Tasks, nil)
	if err != nil {
		t.Fatal(err)
	}
	missed := 0 // warm calls that are answered as those were that wrote the prefix
	for i := range 200 {
		req := mix.Request(i)
		a, err := ask(0, req)
		if err != nil || req.Cold && a.Usage.CacheRead > 0 {
			t.Errorf("request %d, cold %v: %+v, %v", i, req.Cold, a.Usage, err)
		}
		if !req.Cold && a.Usage.CacheRead == 0 {
			missed++
		}
	}
	if missed > 10 {
		t.Errorf("%d of 200 requests are warm and miss; want hardly any", missed)
	}
	if words := strings.Join(like.words("run", coldWarm(t, "messages", 1, "{file: data/manual.txt, cache: 5m}")), "; "); strings.Contains(words, "no answers for") {
		t.Errorf("a plan without cold calls: %s", words)
	}
	delete(like, taskModel{"support", "claude-haiku-5-5", true})
	if words := strings.Join(like.words("run", p), "; "); !strings.Contains(words, "run has no answers for cold calls of support with claude-haiku-5-5") {
		t.Errorf("a run without cold calls: %s", words)
	}
}

// The log says which calls were made to miss, and costs no byte where none was.
func TestColdInLog(t *testing.T) {
	for system, want := range map[string]bool{"{file: data/manual.txt, cache: 5m, cold: 0.5}": true, "{file: data/manual.txt, cache: 5m}": false} {
		stored := virtualRun(t, coldWarm(t, "messages", 1, system))
		b, err := os.ReadFile(filepath.Join(stored.Dir, store.RequestsFile))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(b), `"cold"`); got != want {
			t.Errorf("%s: the log names cold calls: %v; want %v", system, got, want)
		}
		m, err := json.Marshal(stored.Manifest.Tasks[0])
		if err != nil || strings.Contains(string(m), `"cold":0.5`) != want {
			t.Errorf("%s: the manifest has %s, %v", system, m, err)
		}
	}
}
