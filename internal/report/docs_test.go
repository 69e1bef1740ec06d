package report

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/store"
)

// undocumented lists the keys of v's JSON, at any depth, that the text does not
// name in code style. Keys below the given parents are names of the run's own.
func undocumented(t *testing.T, v any, text string, parents ...string) []string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	var walk func(v any, free bool)
	walk = func(v any, free bool) {
		switch x := v.(type) {
		case []any:
			for _, e := range x {
				walk(e, false)
			}
		case map[string]any:
			for k, e := range x {
				if !free && !strings.Contains(text, "`"+k+"`") {
					missing[k] = true
				}
				walk(e, slices.Contains(parents, k))
			}
		}
	}
	walk(doc, false)
	return slices.Sorted(maps.Keys(missing))
}

// The page about money shows cold against warm as the report prints it.
func TestMoneyPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/money.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/cold-warm.txt")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), "    PROMPT CACHE COLD AND WARM")
	block, _, _ := strings.Cut(string(text)[max(at, 0):], "\n\n")
	if at < 0 || !strings.Contains(string(page), "```text\n"+block+"\n```") {
		t.Errorf("docs/money.md shows another section than testdata/cold-warm.txt has:\n%s", block)
	}
}

// The pages about the formats name every key that is written.
func TestFormatPages(t *testing.T) {
	page := func(name string) string {
		b, err := os.ReadFile("../../docs/format/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	run, summary := page("run.md"), page("summary.md")
	r := request(newRand(), 1, 1, 1)
	r.Reason, r.Earlier, r.WebSearches, r.Speed, r.Geo, r.RetryAfter = "limit", 1, 1, "fast", "us", ptr(1.0)
	r.Cold = true
	r.LimitedBy, r.Err = call.LimitRamp, &call.Error{Code: "c"}
	r.Limits.Tokens, r.Limits.InputTokens = r.Limits.Requests, r.Limits.Requests
	if m := undocumented(t, r, run, "checks"); len(m) > 0 {
		t.Errorf("run.md does not name the fields %q of requests.jsonl", m)
	}
	man := newSample("x").manifest
	man.Tasks[0].Cold = 0.5
	man.Load.Process, man.Load.MaxInFlight, man.SLO.TTFT = "poisson", 1, 1
	man.Outcome, man.ExitCode, man.Stop.Detail = "passed", ptr(0), "x"
	man.Prices = nil // in the form of the plan's, whose page tells their keys
	man.Thresholds = []store.Threshold{{AbortOnFail: true, Delay: 1}}
	if m := undocumented(t, man, run, "slo"); len(m) > 0 {
		t.Errorf("run.md does not name the fields %q of manifest.json", m)
	}
	sample := metrics.Sample{Stage: "s", Users: 1, TargetRate: 1, ReadLagMax: 1, Headroom: map[string]map[string]float64{}, Exhaustion: map[string]map[string]float64{}}
	if m := undocumented(t, sample, run); len(m) > 0 {
		t.Errorf("run.md does not name the fields %q of samples.jsonl", m)
	}
	for _, s := range []*sampleRun{limitedRun(), timeoutRun(), coldWarmRun()} {
		if m := undocumented(t, s.built(t), summary, "tasks", "models", "stages", "classes", "stop_reasons"); len(m) > 0 {
			t.Errorf("summary.md does not name the keys %q", m)
		}
	}
	for _, c := range call.Classes() {
		if !strings.Contains(run, "| `"+string(c)+"` |") {
			t.Errorf("run.md has no row for the class %q", c)
		}
	}
	for _, o := range []string{Passed, Failed, Thresholds, Budget, Invalid, Interrupted, Error} {
		if !strings.Contains(summary, "| `"+o+"` |") {
			t.Errorf("summary.md has no row for the outcome %q", o)
		}
	}
}
