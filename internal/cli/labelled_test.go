package cli

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/sim"
)

// labelled is a load on a simulated API of which it is known what is wrong with it.
type labelled struct {
	name, why string
	plan      string // from tasks on; with a target of its own, or the simulator
	api       func(*sim.Config)
	want      string // see faults; "" for a healthy one
}

// faults are the ids that must be found, in the order in which to act on them;
// may are those that follow from them and can be found too, written with a "?".
func (s labelled) faults() (must, may []string) {
	for _, id := range strings.Fields(s.want) {
		if bare, ok := strings.CutSuffix(id, "?"); ok {
			may = append(may, bare)
			continue
		}
		must = append(must, id)
	}
	return must, may
}

// diagnose runs the scenario and returns what is found in it.
func (s labelled) diagnose(t *testing.T, seed int) []diagnose.Finding {
	t.Helper()
	src := fmt.Sprintf("version: 1\nname: scenario\n%sgraceful_stop: 60s\nseed: %d\n", s.plan, seed)
	if strings.HasPrefix(s.plan, "tasks") {
		src = strings.Replace(src, "\ntasks", "\ntarget: {base_url: sim}\ntasks", 1)
	}
	p, err := plan.Parse("plan.yaml", []byte(src), plan.Options{FS: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	c := simConfig(p, "")
	if s.api != nil {
		s.api(&c)
	}
	rep, err := report.Build(virtualRunsIn(t, worlds()[s.name], c, p)[0])
	if err != nil {
		t.Fatal(err)
	}
	return rep.Findings
}

// task is a task of one prompt or two; more are further fields of it.
func task(name, model string, maxTokens int, more string) string {
	if more == "" {
		more = "prompts: [\"What is {{index}} good for?\", Explain it to me.]"
	}
	return fmt.Sprintf("{name: %s, model: %s, max_tokens: %d, %s}", name, model, maxTokens, more)
}

func tasks(t ...string) string {
	out := "tasks:\n"
	for _, s := range t {
		out += "  - " + s + "\n"
	}
	return out
}

// Forms of load, from load on.
func users(count, requests int, think string) string {
	return fmt.Sprintf("load: {users: {count: %d, requests: %d, think_time: %s}}\n", count, requests, think)
}

func arrivals(process, rate, duration string) string {
	return fmt.Sprintf("load: {arrivals: {%s, stages: [{duration: 0s, target: %s}, {duration: %s, target: %s}]}}\n", process, rate, duration, rate)
}

// cachedSystem is a system prompt of n words that is to be cached for ttl.
func cachedSystem(n int, ttl string) string {
	return fmt.Sprintf("system: {text: \"%s\", cache: %s}, prompts: [How so?, \"And {{index}}?\"]", words(n), ttl)
}

func limitsOf(class string, l sim.Limits) func(*sim.Config) {
	return func(c *sim.Config) { c.Limits = map[string]sim.Limits{class: l} }
}

func all(changes ...func(*sim.Config)) func(*sim.Config) {
	return func(c *sim.Config) {
		for _, change := range changes {
			change(c)
		}
	}
}

// also adds a fault to those that are there.
func also(f sim.Fault) func(*sim.Config) {
	return func(c *sim.Config) { c.Faults = append(c.Faults, f) }
}

func answers(share float64, most int) func(*sim.Config) {
	return func(c *sim.Config) { c.Answer, c.AnswerCap = share, most }
}
