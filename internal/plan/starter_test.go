package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/pace"
	"github.com/tokenload/tokenload/internal/workload"
	"github.com/tokenload/tokenload/sim"
)

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d examples (%v)", len(files), err)
	}
	for _, file := range files {
		p, err := Parse(filepath.Base(file), read(t, file), Options{FS: os.DirFS(filepath.Dir(file))})
		if err != nil {
			t.Error(err)
			continue
		}
		if want := strings.TrimSuffix(filepath.Base(file), ".yaml"); p.Name != want {
			t.Errorf("%s is called %q", file, p.Name)
		}
		small(t, file, p)
	}
}

// small checks that a plan can be run by a test: on the simulator, soon over, and with a budget.
func small(t *testing.T, name string, p *Plan) {
	t.Helper()
	if !p.Target.Sim() || !p.Budget.Given || p.Load.End > 10*time.Second || p.Load.Requests > 20 {
		t.Errorf("%s: target %q, budget %v, %s, %d requests; want a small run on the simulator", name, p.Target.BaseURL, p.Budget.Given, p.Load.End, p.Load.Requests)
	}
	if _, err := workload.New(1, p.Tasks, p.Checks); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if _, err := sim.New(sim.Config{Profile: p.Sim.Profile, Tier: p.Sim.Tier, Answer: p.Sim.Answer}); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestInit(t *testing.T) {
	p, err := Parse("tokenload.yaml", Init(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	small(t, "Init", p)
	if first, _, _ := strings.Cut(string(Init()), "\n"); first != "# yaml-language-server: $schema=./tokenload.schema.json" {
		t.Errorf("the starter plan begins with %q", first)
	}
}

func TestQuickstart(t *testing.T) {
	p, err := Parse("quickstart.yaml", Quickstart(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	type task struct {
		name, model string
		weight      float64
		maxTokens   int
	}
	var tasks []task
	for _, x := range p.Tasks {
		tasks = append(tasks, task{x.Name, x.Model, x.Weight, x.MaxTokens})
		if len(x.Prompts) < 3 {
			t.Errorf("task %q has %d prompts", x.Name, len(x.Prompts))
		}
	}
	want := []task{{"simple", "claude-haiku-4-5", 5, 256}, {"medium", "claude-haiku-4-5", 3, 1024}, {"complex", "claude-sonnet-4-6", 1, 2048}}
	if !slices.Equal(tasks, want) {
		t.Errorf("tasks %v; want %v", tasks, want)
	}
	stages := []pace.Stage{{Name: "warm-up", Duration: 3 * time.Second, Target: 4}, {Name: "steady", Duration: 6 * time.Second, Target: 8},
		{Name: "stress", Duration: 4 * time.Second, Target: 16}, {Name: "sustain", Duration: 4 * time.Second, Target: 10},
		{Name: "wind-down", Duration: 3 * time.Second}}
	if diff := cmp.Diff(stages, p.Load.Profile.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	if p.Name != "quickstart" || !p.Target.Sim() || p.SeedGiven || p.Sim != (Sim{Profile: "measured", Answer: 0.08}) ||
		p.GracefulStop != 5*time.Second || p.Load.End != 20*time.Second || p.Load.ThinkMin != 100*time.Millisecond ||
		p.Load.ThinkMax != 400*time.Millisecond || p.Budget.Guard.Budget.Decimal() != "1" {
		t.Errorf("quickstart is %+v", p)
	}
}

func TestFromFlags(t *testing.T) {
	for _, tt := range []struct {
		f    FlagLoad
		mode Mode
		n    int // users, or arrivals in all
		req  int
		end  time.Duration
	}{
		{FlagLoad{Prompt: "hi"}, Users, 1, 0, time.Minute},
		{FlagLoad{Prompt: "hi", Users: 5, Requests: 50}, Users, 5, 50, 0},
		{FlagLoad{Prompt: "hi", Users: 5, Duration: 90 * time.Second}, Users, 5, 0, 90 * time.Second},
		{FlagLoad{Prompt: "hi", Rate: "5/s", Duration: time.Second}, Arrivals, 5, 0, time.Second},
		{FlagLoad{Prompt: "hi", Rate: "300/m", Requests: 50}, Arrivals, 50, 0, 9900 * time.Millisecond},
		{FlagLoad{Prompt: "hi", Rate: "7/s", Requests: 1}, Arrivals, 1, 0, 71428571},
		{FlagLoad{Prompt: "hi", Rate: "333/s", Requests: 1000}, Arrivals, 1000, 0, 3001501501},
	} {
		src := FromFlags(tt.f)
		p, err := Parse("flags", src, Options{})
		if err != nil {
			t.Errorf("%+v:\n%s%v", tt.f, src, err)
			continue
		}
		n := p.Load.Users
		if tt.mode == Arrivals {
			n = 0
			for range p.Load.Profile.Arrivals(1) {
				n++
			}
		}
		if p.Load.Mode != tt.mode || n != tt.n || p.Load.Requests != tt.req || p.Load.End != tt.end {
			t.Errorf("%+v: %s, %d, %d requests, %s; want %s, %d, %d, %s", tt.f, p.Load.Mode, n, p.Load.Requests, p.Load.End, tt.mode, tt.n, tt.req, tt.end)
		}
	}
}

func TestFromFlagsMistakes(t *testing.T) {
	for _, tt := range []struct {
		f    FlagLoad
		want string
	}{
		{FlagLoad{}, "prompt"},
		{FlagLoad{Prompt: "hi", Rate: "5", Requests: 5}, "want a rate"},
		{FlagLoad{Prompt: "hi", Rate: "0/s", Requests: 5}, "rate is 0"},
		{FlagLoad{Prompt: "hi", Rate: "5/s", Users: 2}, "both users and arrivals"},
		{FlagLoad{Prompt: "hi", Users: -1}, "count is -1"},
		{FlagLoad{Prompt: "hi", Users: 2, Requests: 5, Duration: time.Second}, "both duration and requests"},
		{FlagLoad{Prompt: "hi", Model: "claude-haiku-45"}, `did you mean "claude-haiku-4-5"`},
		{FlagLoad{Prompt: "hi", Rate: "1/h", Requests: 1_000_000_000}, "at most 720h"},
	} {
		if _, err := Parse("flags", FromFlags(tt.f), Options{}); !strings.Contains(text(err), tt.want) {
			t.Errorf("%+v: %v; want %q", tt.f, err, tt.want)
		}
	}
}

// TestFromFlagsText checks that any text comes through the plan unchanged.
func TestFromFlagsText(t *testing.T) {
	for _, s := range []string{"true", "no", "~", "null", "5", "0x10", "1e3", "2026-01-02", "a: b", "- a", "#x", "a #b", "'", `"`, `\`, "{{index}}", "[a", "&a", "*a",
		"!!int 5", "%a", "@a", "`a", "a\nb", "a\tb", "\ttab", " blank ", "é", "日本", "\u2028", "\u0085", "\ufeff", "\U0001f600", "\x7f", "|", ">", "?", "---", "...", "<<", "=", "a/b", "y"} {
		src := FromFlags(FlagLoad{Prompt: s})
		p, err := Parse("flags", src, Options{})
		if strings.TrimSpace(s) == "" {
			continue
		}
		if err != nil || p.Tasks[0].Prompts[0] != s {
			t.Errorf("prompt %q comes through as %v (%v):\n%s", s, p, err, src)
		}
	}
}

// TestSimChoices checks that the simulator knows what a plan may ask of it.
func TestSimChoices(t *testing.T) {
	for _, profile := range profiles() {
		if _, err := sim.New(sim.Config{Profile: profile}); err != nil {
			t.Error(err)
		}
	}
	for _, tier := range tiers() {
		if _, err := sim.New(sim.Config{Tier: tier}); err != nil {
			t.Error(err)
		}
	}
}
