package plan

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/pace"
	"github.com/tokenload/tokenload/internal/threshold"
	"github.com/tokenload/tokenload/internal/workload"
)

// must parses a plan that has no mistake.
func must(t *testing.T, src string, set ...string) *Plan {
	t.Helper()
	p, err := Parse("plan.yaml", []byte(src), Options{FS: os.DirFS("testdata/files"), Set: set})
	if err != nil {
		t.Fatalf("Parse(%s):\n%v", src, err)
	}
	return p
}

// sparse is the least a plan can be.
const sparse = `tasks:
  - {name: a, model: claude-haiku-4-5, prompts: [hi]}
load:
  users: {count: 2, requests: 5}
`

func TestDefaults(t *testing.T) {
	got := must(t, sparse)
	want := &Plan{
		Version: 1, Name: "plan",
		Target: Target{API: "messages", Version: "2023-06-01", HTTP: "auto",
			Timeout: 10 * time.Minute, ConnectTimeout: 5 * time.Second, StallTimeout: 90 * time.Second},
		Tasks: []workload.Task{{Name: "a", Weight: 1, API: "messages", Model: "claude-haiku-4-5", MaxTokens: 512, Stream: true,
			Prompts: []string{"hi"}, Template: true}},
		PromptsFrom: []string{"1 inline"},
		Load: Load{Mode: Users, Requests: 5, Users: 2,
			Profile: pace.Profile{Stages: []pace.Stage{{Target: 2}}}},
		GracefulStop: 30 * time.Second,
		OnLimit:      OnLimit{Mode: "measure"},
		Budget:       Budget{Guard: cost.GuardConfig{WarnAt: 0.8}},
		Sim:          Sim{Profile: "measured"},
		Source:       []byte(sparse),
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Plan{}, "Catalog")); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	if got.Catalog.AsOf() == "" || !got.Catalog.Known("claude-haiku-4-5") {
		t.Errorf("the catalogue is not the built-in one")
	}
}

func TestEveryField(t *testing.T) {
	src := string(read(t, "testdata/full.yaml"))
	got, err := Parse("full.yaml", []byte(src), Options{FS: os.DirFS("testdata/files"), Dir: "plans"})
	if err != nil {
		t.Fatal(err)
	}
	body := json.RawMessage(`{"thinking":{"type":"adaptive"},"stop_sequences":["a","b"],"big":12345678901234567890,"half":0.50,` +
		`"hex":16,"no":null,"date":"2026-01-02","html":"<&>"}`)
	inline := workload.Task{Name: "inline", Weight: 2.5, API: "messages", Model: "my-model", MaxTokens: 64, Stream: true, Template: true,
		System: workload.System{Text: "Be brief."}, Prompts: []string{"Question {{index}}", "Two words"}, Body: body}
	merged := inline
	merged.Name, merged.Weight, merged.System = "merged", 0, workload.System{Text: "One.\n\nTwo.\r\n", Cache: "1h"}
	plain := workload.Task{Weight: 1, API: "messages", Model: "claude-sonnet-4-6", MaxTokens: 100}
	files, table, lines, madeUp, fixed := plain, plain, plain, plain, plain
	files.Name, files.Prompts, files.System = "files", []string{"one", "two", "three"}, workload.System{Text: "Be long.", Cache: "5m", Cold: 0.25}
	table.Name, table.Prompts = "table", []string{"a, b\nc", "d"}
	lines.Name, lines.Prompts = "lines", []string{"One.", "Two."}
	madeUp.Name, madeUp.MaxTokens, madeUp.Synthetic = "made-up", 30, &workload.Synthetic{P50: 100, P95: 400, OutputTokens: 30}
	fixed.Name, fixed.MaxTokens, fixed.Synthetic = "fixed", 50, &workload.Synthetic{P50: 100}
	synthetic := "synthetic, " + workload.Method()
	want := &Plan{
		Version: 1, Name: "full",
		Target: Target{API: "messages", BaseURL: "https://gateway.example:8443/claude", KeyEnv: "GATEWAY_KEY", Version: "2023-01-01",
			Beta: []string{"one-2026-01-01", "two-2026-02-02"}, HTTP: "2", CAFile: filepath.Join("plans", "ca.pem"),
			Timeout: time.Minute, ConnectTimeout: 1500 * time.Millisecond, StallTimeout: 90 * time.Minute,
			Headers: map[string]string{"X-Team": "load", "x-env": "test"}},
		Tasks: []workload.Task{inline, merged, files, table, lines, madeUp, fixed},
		PromptsFrom: []string{"2 inline", "2 inline", "3 from good.jsonl", "2 from good.csv", "2 from prompts.txt",
			synthetic, synthetic},
		Checks: []workload.Check{{Contains: "a"}, {NotContains: "b"}, {Matches: "^c"}, {StopReason: "end_turn"}, {Content: true}},
		Load: Load{Mode: Arrivals, MaxInFlight: 200, WarmUp: 10 * time.Second, End: 91 * time.Minute,
			Profile: pace.Profile{Process: pace.Gamma, CV: 2.5, Stages: []pace.Stage{
				{Name: "ramp", Duration: time.Minute, Target: 5},
				{Name: "stage-2", Target: 5},
				{Name: "hold", Duration: 90 * time.Minute, Target: 1}}}},
		OnLimit: OnLimit{Mode: "avoid", Share: 0.5, MaxHold: 7 * time.Second},
		Budget:  Budget{Given: true, Guard: cost.GuardConfig{Budget: call.Dollar * 5 / 4, WarnAt: 0.5}, AllowUnbounded: true},
		SLO:     SLO{TTFT: 2 * time.Second, E2E: 10 * time.Second},
		Thresholds: []Threshold{
			{Metric: "e2e", Expression: "p(95)<10s"},
			{Metric: "ttft{task:inline,stage:hold}", Expression: "p(99)<2s"},
			{Metric: "ttft{task:inline,stage:hold}", Expression: "p(50)<1s", AbortOnFail: true, Delay: 30 * time.Second},
			{Metric: "cost", Expression: "total<1.00", AbortOnFail: true},
			{Metric: "dropped", Expression: "rate<1%", Default: true},
		},
		Seed: math.MaxUint64, SeedGiven: true,
		Sim:    Sim{Profile: "instant", Tier: "tier1", Answer: 0.25},
		Source: []byte(src),
	}
	for i, r := range want.Thresholds {
		if want.Thresholds[i].Expr, err = threshold.Parse(r.Metric, r.Expression); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Plan{}, "Catalog")); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	e, ok := got.Catalog.Lookup("my-model")
	prices := cost.Prices{Input: call.Dollar, Output: 5 * call.Dollar, CacheWrite5m: call.Dollar * 3 / 2,
		CacheWrite1h: 3 * call.Dollar, CacheRead: call.Dollar / 1e6}
	if !ok || cmp.Diff(prices, e.Prices) != "" {
		t.Errorf("prices of my-model: %v", cmp.Diff(prices, e.Prices))
	}
	// What a plan promises, the packages that carry it out accept.
	if _, err := workload.New(1, got.Tasks, got.Checks); err != nil {
		t.Errorf("workload.New: %v", err)
	}
}

func TestLoadForms(t *testing.T) {
	const tasks = "tasks: [{name: a, model: claude-haiku-4-5, prompts: [hi]}]\n"
	for _, tt := range []struct {
		load string
		want Load
	}{
		{"users: {count: 10, duration: 1m}", Load{Mode: Users, Users: 10, End: time.Minute,
			Profile: pace.Profile{Stages: []pace.Stage{{Target: 10}, {Target: 10, Duration: time.Minute}}}}},
		{"users: {count: 3, requests: 50, think_time: {min: 1s, max: 1s}}", Load{Mode: Users, Users: 3, Requests: 50, ThinkMin: time.Second, ThinkMax: time.Second,
			Profile: pace.Profile{Stages: []pace.Stage{{Target: 3}}}}},
		{"users: {stages: [{duration: 2s, target: 7}, {duration: 1s, target: 0}], think_time: {min: 0s, max: 3s}}",
			Load{Mode: Users, Users: 7, End: 3 * time.Second, ThinkMax: 3 * time.Second, Profile: pace.Profile{Stages: []pace.Stage{
				{Name: "stage-1", Duration: 2 * time.Second, Target: 7}, {Name: "stage-2", Duration: time.Second}}}}},
		{"arrivals: {rate: 90/m, duration: 10s}", Load{Mode: Arrivals, MaxInFlight: 1000, End: 10 * time.Second,
			Profile: pace.Profile{Process: pace.Constant, Stages: []pace.Stage{{Target: 1.5}, {Target: 1.5, Duration: 10 * time.Second}}}}},
		{"arrivals: {process: poisson, rate: .5/s, duration: 10s}", Load{Mode: Arrivals, MaxInFlight: 1000, End: 10 * time.Second,
			Profile: pace.Profile{Process: pace.Poisson, Stages: []pace.Stage{{Target: .5}, {Target: .5, Duration: 10 * time.Second}}}}},
		{"arrivals: {process: gamma, rate: 1/s, duration: 10s}", Load{Mode: Arrivals, MaxInFlight: 1000, End: 10 * time.Second,
			Profile: pace.Profile{Process: pace.Gamma, CV: 1, Stages: []pace.Stage{{Target: 1}, {Target: 1, Duration: 10 * time.Second}}}}},
	} {
		got := must(t, tasks+"load: {"+tt.load+"}\n").Load
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("load %s (-want +got):\n%s", tt.load, diff)
		}
	}
}

func TestChanges(t *testing.T) {
	type change struct {
		at time.Duration
		n  int
	}
	collect := func(l Load) (list []change) {
		for at, n := range l.Changes() {
			list = append(list, change{at, n})
		}
		return list
	}
	got := collect(must(t, sparse).Load)
	if diff := cmp.Diff([]change{{0, 2}}, got, cmp.AllowUnexported(change{})); diff != "" {
		t.Errorf("a number of requests: users never stop (-want +got):\n%s", diff)
	}
	got = collect(must(t, strings.Replace(sparse, "requests: 5", "duration: 3s", 1)).Load)
	if diff := cmp.Diff([]change{{0, 2}, {3 * time.Second, 0}}, got, cmp.AllowUnexported(change{})); diff != "" {
		t.Errorf("a duration (-want +got):\n%s", diff)
	}
}

func TestOnLimit(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want OnLimit
	}{
		{"measure", OnLimit{Mode: "measure"}},
		{"{mode: measure}", OnLimit{Mode: "measure"}},
		{"obey", OnLimit{Mode: "obey", MaxAttempts: 5, MaxWait: time.Minute}},
		{"{mode: obey, max_attempts: 2, max_wait: 5s}", OnLimit{Mode: "obey", MaxAttempts: 2, MaxWait: 5 * time.Second}},
		{"avoid", OnLimit{Mode: "avoid", Share: 0.9, MaxHold: 30 * time.Second}},
		{"{mode: avoid, share: 1}", OnLimit{Mode: "avoid", Share: 1, MaxHold: 30 * time.Second}},
	} {
		if got := must(t, sparse+"on_limit: "+tt.in+"\n").OnLimit; got != tt.want {
			t.Errorf("on_limit %s = %+v; want %+v", tt.in, got, tt.want)
		}
	}
}

func TestDroppedThreshold(t *testing.T) {
	const open = `tasks: [{name: a, model: claude-haiku-4-5, prompts: [hi]}]
load: {arrivals: {rate: 1/s, duration: 1m}}
`
	for _, tt := range []struct {
		src  string
		want []string
	}{
		{sparse, nil},
		{open, []string{"dropped rate<1% true"}},
		{open + `thresholds: {dropped: "rate<50%"}`, []string{"dropped rate<50% false"}},
		{open + `thresholds: {"dropped{task:a}": "rate<50%"}`, []string{"dropped{task:a} rate<50% false", "dropped rate<1% true"}},
	} {
		var got []string
		for _, r := range must(t, tt.src).Thresholds {
			got = append(got, strings.Join([]string{r.Metric, r.Expression, map[bool]string{true: "true", false: "false"}[r.Default]}, " "))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.src, diff)
		}
	}
}

// TestChat: the dialect reaches the tasks, and a bound under its newer name counts.
func TestChat(t *testing.T) {
	const src = `target: {api: chat, base_url: sim, key_env: OPENAI_API_KEY}
defaults: {model: claude-haiku-4-5, max_tokens: 100}
tasks:
  - {name: a, prompts: [hi], system: {text: Be short, cache: 5m}}
  - {name: b, prompts: [hi], body: {max_completion_tokens: 300, n: 2}}
  - {name: c, prompts: [hi], max_tokens: 50, body: {max_completion_tokens: 50, tools: [{name: f, input_schema: {type: object}}]}}
load: {users: {count: 1, requests: 1}}
`
	p := must(t, src)
	if !p.Target.Chat() || p.Target.KeyEnv != "OPENAI_API_KEY" {
		t.Errorf("target %+v", p.Target)
	}
	for i, want := range []int{100, 300, 50} {
		if k := p.Tasks[i]; k.API != "chat" || k.MaxTokens != want {
			t.Errorf("task %s: api %q, max_tokens %d; want chat, %d", k.Name, k.API, k.MaxTokens, want)
		}
	}
}

func TestBudgetRequired(t *testing.T) {
	always, never := func(Target) bool { return true }, func(Target) bool { return false }
	for _, tt := range []struct {
		target, budget string
		require        func(Target) bool
		want           string
	}{
		{"sim", "", nil, ""},
		{"", "", nil, ""},
		{"", "", always, "plan.yaml:1:1: no budget"},
		{"sim", "", always, "plan.yaml:5:20: no budget"},
		{"http://localhost:80", "", nil, "plan.yaml:5:20: no budget"},
		{"http://localhost:80", "", never, ""},
		{"http://localhost:80", "budget: {usd: 0.1}\n", nil, ""},
		{"http://localhost:80", "budget: {allow_unbounded: true}\n", nil, "plan.yaml:6:1: no budget"},
		{"http://localhost:80", "budget: {usd: no}\n", nil, "plan.yaml:6:15: usd is"},
	} {
		src := sparse
		if tt.target != "" {
			src += "target: {base_url: " + tt.target + "}\n"
		}
		_, err := Parse("plan.yaml", []byte(src+tt.budget), Options{RequireBudget: tt.require})
		if got := text(err); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || strings.Contains(got, "\n") {
			t.Errorf("target %q, %q: %q; want %q", tt.target, tt.budget, got, tt.want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAccepted(t *testing.T) {
	const load = "load: {users: {count: 1, requests: 1, think_time: 1s}}\n"
	for _, src := range []string{
		"tasks: [{name: a, model: claude-haiku-4-5, max_tokens: 9, synthetic: {input_tokens: 5, output_tokens: 9}}]\n" + load,
		"tasks: [{name: a, model: claude-haiku-4-5, prompts: [hi], body: {tools: [{type: web_search_20250305, name: web_search}]}}]\n" +
			load + "budget: {allow_unbounded: true}\n",
	} {
		must(t, src)
	}
}

func TestNameOf(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"chat.yaml", "chat"},
		{"plans/chat.prod.yml", "chat.prod"},
		{"-", "-"},
		{".yaml", "plan"},
		{"", "plan"},
		{"a:b?.yaml", "a-b-"},
		{"..", "plan"},
		{strings.Repeat("é", 100) + ".yaml", strings.Repeat("é", 80)},
	} {
		if got := nameOf(tt.file); got != tt.want {
			t.Errorf("nameOf(%q) = %q; want %q", tt.file, got, tt.want)
		}
	}
}

func TestGuess(t *testing.T) {
	known := []string{"weight", "name", "max_tokens", "cv"}
	for _, tt := range []struct{ word, want string }{
		{"wieght", "weight"}, {"Weight", "weight"}, {"nmae", "name"}, {"names", "name"}, {"maxtokens", "max_tokens"}, {"max-tokens", "max_tokens"},
		{"vc", "cv"}, {"banana", ""}, {"xy", ""}, {"", ""}, {"height", "weight"},
	} {
		if got := nearest(tt.word, known); got != tt.want {
			t.Errorf("nearest(%q) = %q; want %q", tt.word, got, tt.want)
		}
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"é", "e", 1}, {"flaw", "lawn", 2}} {
		if got := distance(tt.a, tt.b); got != tt.want || distance(tt.b, tt.a) != tt.want {
			t.Errorf("distance(%q, %q) = %d; want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
