package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/sim"
)

// Diagnoses of stored runs, in every format, and the JSON by its schema. The
// second run has lost its samples, and says so.
func TestDiagnosePages(t *testing.T) {
	for name, args := range map[string][]string{
		"diagnose.txt": {"limited"}, "diagnose.md": {"limited", "--format", "md"}, "diagnose.json": {"limited", "--format", "json"},
		"diagnose-plain.txt": {"support"}, "diagnose-plain.json": {"support", "--format", "json"},
	} {
		args = append([]string{"diagnose", "testdata/runs/" + args[0]}, args[1:]...)
		var stdout, stderr bytes.Buffer
		if code := Run(context.Background(), args, nil, nil, &stdout, &stderr); code != 0 {
			t.Fatalf("%v: exit %d, %s", args, code, stderr.String())
		}
		golden := filepath.Join("testdata", "golden", name)
		if *update {
			if err := os.WriteFile(golden, stdout.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), stdout.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if filepath.Ext(name) == ".json" {
			validate(t, "../../docs/format/diagnosis.schema.json", stdout.Bytes())
		}
	}
}

// The page about diagnosis shows what the command prints, and names every id.
func TestDiagnoseDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/diagnosis.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/golden/diagnose.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(doc, golden) {
		t.Error("docs/diagnosis.md shows another output than testdata/golden/diagnose.txt")
	}
	var e diagnose.Evidence
	for _, g := range e.Diagnosis(metrics.Summary{Generator: metrics.Generator{Valid: true}}).NotAssessable {
		if !bytes.Contains(doc, []byte("`"+g.ID+"`")) {
			t.Errorf("docs/diagnosis.md does not name %s", g.ID)
		}
	}
}

// scenario is a load and a simulated API with something wrong, or nothing.
type scenario struct {
	name string
	plan string // from tasks on
	api  func(*sim.Config)
	want string // the only finding; "" for none
}

const (
	chatTask = "tasks: [{name: chat, model: claude-haiku-4-5, max_tokens: 512, prompts: [\"question {{index}}\", why?, how so?]}]\n"
	steady   = "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 2/s}, {duration: 100s, target: 2/s}]}}\n"
)

const (
	steady4    = "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 4/s}, {duration: 110s, target: 4/s}]}}\n"
	mixedTasks = "tasks: [{name: short, model: claude-haiku-4-5, max_tokens: 128, prompts: [\"question {{index}}\"]}, " +
		"{name: long, model: claude-sonnet-4-6, max_tokens: 128, synthetic: {input_tokens: {p50: 2000, p95: 5000}}}]\n"
)

// ladder is users that come, and go again.
const ladder = "load: {users: {stages: [{duration: 60s, target: 2}, {duration: 0s, target: 12}, {duration: 40s, target: 12}, {duration: 0s, target: 24}, {duration: 40s, target: 24}, {duration: 0s, target: 3}, {duration: 60s, target: 3}]}}\n"

func slowed(l sim.Load) func(*sim.Config) { return func(c *sim.Config) { c.Load = l } }

func chatTasks(maxTokens int) string {
	return strings.Replace(chatTask, "512", fmt.Sprint(maxTokens), 1)
}

// words is a text of n words.
func words(n int) string { return strings.TrimSpace(strings.Repeat("word ", n)) }

func cachedTask(n int) string {
	return "tasks: [{name: support, model: claude-haiku-5-5, max_tokens: 256, system: {text: \"" + words(n) + "\", cache: 5m}, prompts: [How?, \"Why {{index}}?\"]}]\n"
}

func limitTo(l sim.Limits) func(*sim.Config) {
	return func(c *sim.Config) { c.Limits = map[string]sim.Limits{"haiku-4.5": l} }
}

func faulty(f sim.Fault) func(*sim.Config) {
	return func(c *sim.Config) { c.Faults = []sim.Fault{f} }
}

func scenarios() []scenario {
	return []scenario{
		{"healthy, at random", chatTask + steady, nil, ""},
		{"healthy, users", chatTask + "load: {users: {count: 8, requests: 400, think_time: {min: 1s, max: 3s}}}\n", nil, ""},
		{"healthy, bursts and a limit that is far", chatTask + "load: {arrivals: {process: gamma, cv: 3, rate: 1/s, duration: 200s}}\n", func(c *sim.Config) { c.Tier = "tier4" }, ""},
		{"healthy, a cached prefix", cachedTask(1500) + steady, nil, ""},
		{"healthy, no delays", chatTask + steady, func(c *sim.Config) { c.Profile = sim.Instant }, ""},
		{"healthy, few of much overloaded", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.02}), ""},
		{"healthy, users that come and go", chatTask + ladder, nil, ""},
		{"a limit on requests", chatTask + steady, limitTo(sim.Limits{Requests: 60}), "limit.requests"},
		{"a limit on input tokens", "tasks: [{name: long, model: claude-haiku-4-5, max_tokens: 128, synthetic: {input_tokens: {p50: 800, p95: 2000}}}]\n" + steady, limitTo(sim.Limits{InputTokens: 50_000}), "limit.input_tokens"},
		{"a limit on output tokens", chatTask + steady, limitTo(sim.Limits{OutputTokens: 5_000}), "limit.output_tokens"},
		{"a limit on growth", chatTask + "load: {arrivals: {stages: [{duration: 0s, target: 1/s}, {duration: 60s, target: 1/s}, {duration: 10s, target: 6/s}, {duration: 60s, target: 6/s}]}}\n",
			func(c *sim.Config) { c.Ramp = sim.Ramp{Growth: 2, Free: 20} }, "limit.ramp"},
		{"a spend cap", chatTask + steady, func(c *sim.Config) { c.SpendCap = 0.02 }, "limit.spend"},
		{"overloaded", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.2}), "overload.529"},
		{"healthy, a few refusals that are retried", chatTask + steady + "on_limit: obey\n", faulty(sim.Fault{Kind: sim.FaultStatus, Status: 429, For: time.Second, Probability: 0.02}), ""},
		{"no keep-alive", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultNoKeepAlive}), "conn.churn"},
		{"a proxy's time-out", "tasks: [{name: essay, model: claude-sonnet-4-6, max_tokens: 2048, prompts: [Write an essay.]}]\n" + steady, faulty(sim.Fault{Kind: sim.FaultCut, At: 5 * time.Second}), "stream.cut"},
		{"cuts at random", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultCut, After: 9, Probability: 0.1}), "stream.cut"},
		{"stalls", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultStall, After: 8, For: 25 * time.Second, Pings: true, Probability: 0.1}), "stream.stall"},
		{"a proxy that buffers", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultBuffer}), "stream.buffered"},
		{"a prefix too short to be cached", cachedTask(100) + steady, nil, "cache.never"},
		{"pauses longer than the cache", cachedTask(1500) + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 6/h}, {duration: 12h, target: 6/h}]}}\n", nil, "cache.expiry"},
		{"all at once with a cold cache", cachedTask(1500) + "load: {users: {count: 40, requests: 160}}\n", nil, "cache.cold_stampede"},
		{"a cache that loses what it holds", cachedTask(1500) + steady, faulty(sim.Fault{Kind: sim.FaultEvict, Probability: 0.15}), "cache.evicted"},
		{"somebody else on the account", chatTask + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 30/m}, {duration: 200s, target: 30/m}]}}\n",
			func(c *sim.Config) {
				limitTo(sim.Limits{Requests: 60})(c)
				c.Tenant = sim.Tenant{Requests: 45}
			}, "other.tenant"},
		{"somebody else with long prompts", chatTask + steady, func(c *sim.Config) {
			limitTo(sim.Limits{Requests: 200, InputTokens: 40_000, OutputTokens: 40_000})(c)
			c.Tenant = sim.Tenant{Requests: 20, InputTokens: 2500}
		}, "other.tenant"},
		{"answers cut off", chatTask + steady, func(c *sim.Config) { c.Answer, c.AnswerCap = 0.9, -1 }, "out.truncated"},
		{"long prompts", "tasks: [{name: short, model: claude-haiku-4-5, max_tokens: 128, prompts: [Why?]}, {name: long, model: claude-haiku-4-5, max_tokens: 128, synthetic: {input_tokens: 30000}}]\nload: {users: {count: 1, requests: 60}}\n", nil, "context.length"},
		{"a slow replica", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultSlow, Factor: 4, Probability: 0.3}), "mode.bi"},
		{"a slow replica, tasks of many lengths", mixedTasks + steady4, faulty(sim.Fault{Kind: sim.FaultSlow, Factor: 6, Probability: 0.2}), "mode.bi"},
		{"a few very late", chatTask + steady4, faulty(sim.Fault{Kind: sim.FaultSlow, Factor: 40, Probability: 0.035}), "tail.heavy"},
		{"healthy, tasks of many lengths", mixedTasks + steady4, nil, ""},
		{"healthy, the heavier tail of another model", "tasks: [{name: chat, model: claude-sonnet-4-6, max_tokens: 128, prompts: [\"question {{index}}\"]}]\n" + steady4, nil, ""},
		{"a queue before eight places", chatTask + ladder, slowed(sim.Load{Model: sim.LoadQueue, Slots: 8}), "queue"},
		{"a queue, whatever the answers take", chatTask + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 3.5/s}, {duration: 120s, target: 3.5/s}]}}\n", slowed(sim.Load{Model: sim.LoadQueue, Slots: 8}), "queue"},
		{"a server that slows with its load", chatTask + ladder, slowed(sim.Load{Model: sim.LoadLinear, Slots: 32, Factor: 10}), "queue"},
		{"a scheduler with few places", chatTask + ladder, slowed(sim.Load{Model: sim.LoadStep, Slots: 8, Step: 10 * time.Millisecond}), "queue"},
		{"two models for one kind of work", "tasks: [{name: now, model: claude-haiku-4-5, max_tokens: 256, synthetic: {input_tokens: 800}}, {name: before, model: claude-sonnet-4-6, max_tokens: 256, synthetic: {input_tokens: 800}}]\n" + steady, nil, "model.choice"},
		{"slower from a moment on", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultSlow, Factor: 1.8, From: 40 * time.Second}), "drift"},
		{"slower and slower", chatTask + steady4, func(c *sim.Config) {
			for i := range 10 {
				c.Faults = append(c.Faults, sim.Fault{Kind: sim.FaultSlow, Factor: 1 + 0.1*float64(i), From: time.Duration(i) * 11 * time.Second})
			}
		}, "drift"},
		{"another hour", chatTask + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 4/m}, {duration: 4h, target: 4/m}]}}\n", func(c *sim.Config) { c.Drift = 0.8 }, "drift"},
		{"healthy, drift as measured", chatTask + steady4, func(c *sim.Config) { c.Drift = 0.09 }, ""},
		{"healthy, stages", mixedTasks + "load: {arrivals: {process: poisson, stages: [{duration: 40s, target: 4/s}, {duration: 40s, target: 4/s}, {duration: 40s, target: 1/s}]}}\n", nil, ""},
		{"answers too long for the slo", chatTasks(2048) + "slo: {e2e: 5s}\n" + steady, nil, "out.length"},
		{"answers too long for a threshold", "tasks: [{name: write, model: claude-sonnet-4-6, max_tokens: 1024, prompts: [Write., Tell.]}]\nthresholds: {e2e: [\"p(95)<8s\"]}\n" + steady, nil, "out.length"},
		{"answers that take half a minute", "tasks: [{name: write, model: claude-sonnet-4-6, max_tokens: 6000, prompts: [Write., Tell.]}]\n" + steady, func(c *sim.Config) { c.AnswerCap = -1 }, "out.length"},
		{"healthy, answers of many lengths", chatTasks(2048) + "slo: {e2e: 20s}\nthresholds: {e2e: [\"p(95)<15s\"]}\n" + steady, nil, ""},
		{"thinking", "tasks: [{name: hard, model: claude-sonnet-4-6, max_tokens: 4096, prompts: [Prove it.], body: {thinking: {type: enabled, budget_tokens: 2048}}}]\n" + steady, nil, "thinking.silence"},
	}
}

// In virtual time, every scenario three times: what is wrong must be found, and
// nothing else. The tests of the catalogue were made with these in sight, so the
// share that is right says nothing of faults that nobody thought of.
func TestDiagnoseScenarios(t *testing.T) {
	right, runs, falseOn, healthy := 0, 0, 0, 0
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			for seed := range 3 {
				got := findings(t, s, seed+1)
				runs++
				if s.want == "" {
					healthy++
				}
				switch {
				case len(got) == 0 && s.want == "", len(got) == 1 && strings.HasPrefix(got[0], s.want+" "):
					right++
				case s.want == "":
					falseOn++
					t.Errorf("seed %d: found %q in a run without a fault", seed+1, got)
				default:
					t.Errorf("seed %d: found %q; want %s alone", seed+1, got, s.want)
				}
			}
		})
	}
	t.Logf("the right finding, alone, in %d of %d runs; false findings in %d of %d healthy ones", right, runs, falseOn, healthy)
}

// The quickstart and the examples are healthy, but for the one that shows a limit.
func TestDiagnoseExamples(t *testing.T) {
	examples, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(examples) < 5 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, name := range append(examples, "") {
		src := plan.Quickstart()
		if name != "" {
			if src, err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
		p, err := plan.Parse("plan.yaml", src, plan.Options{FS: os.DirFS("../../examples"), Dir: "../../examples", ReadFile: os.ReadFile})
		if err != nil {
			t.Fatal(err)
		}
		got, want := findingsOf(t, virtualRun(t, p)), 0
		if filepath.Base(name) == "rate-limited.yaml" {
			want = 1
		}
		if len(got) != want || want > 0 && !strings.HasPrefix(got[0], "limit.requests ") {
			t.Errorf("%s: found %q; want %d", name, got, want)
		}
	}
}

// findings runs a scenario and returns what is found in it.
func findings(t *testing.T, s scenario, seed int) []string {
	t.Helper()
	src := fmt.Sprintf("version: 1\nname: scenario\ntarget: {base_url: sim}\n%sgraceful_stop: 60s\nseed: %d\n", s.plan, seed)
	p, err := plan.Parse("plan.yaml", []byte(src), plan.Options{FS: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	c := simConfig(p, "")
	if s.api != nil {
		s.api(&c)
	}
	return findingsOf(t, virtualRunOn(t, p, c))
}

// findingsOf returns the titles of a run's findings, each after its id.
func findingsOf(t *testing.T, stored *store.Run) (found []string) {
	t.Helper()
	rep, err := report.Build(stored)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Findings {
		found = append(found, fmt.Sprintf("%s %s (%.2f)", f.ID, f.Title, f.Confidence))
	}
	return found
}
