package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/workload"
)

type checkCommand struct {
	Plan   string   `arg:"" help:"The plan, a YAML file."`
	Target string   `help:"Where a run would send: an address without /v1, or sim." placeholder:"URL"`
	Set    []string `help:"Override a field of the plan: load.users.count=5." placeholder:"PATH=VALUE" sep:"none"`
}

// Run carries out the command.
func (c *checkCommand) Run(e *env) error {
	l, err := e.load(c.Plan, nil, c.Target, c.Set)
	if err != nil {
		return err
	}
	p := l.plan
	mix, err := workload.New(p.Seed, p.Tasks, p.Checks)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%s is valid\n\n", c.Plan)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(e.stdout, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("name", "%s", p.Name)
	row("target", "%s", l.target.name())
	row("load", "%s", loadWords(p))
	if p.Budget.Given {
		row("budget", "%v", p.Budget.Guard.Budget)
	}
	row("worst case", "%v for the dearest of the first requests", dearest(p, mix))
	fmt.Fprintln(e.stdout, "\n  tasks")
	for i, t := range p.Tasks {
		fmt.Fprintf(e.stdout, "    %-16s weight %-5g %-24s max_tokens %-6d prompts: %s\n", t.Name, t.Weight, t.Model, t.MaxTokens, p.PromptsFrom[i])
	}
	if len(p.Thresholds) > 0 {
		fmt.Fprintln(e.stdout, "\n  thresholds")
		for _, t := range p.Thresholds {
			fmt.Fprintf(e.stdout, "    %s: %s\n", t.Metric, t.Expression)
		}
	}
	return nil
}

// dearest is the highest reservation among the first requests of the run.
func dearest(p *plan.Plan, mix *workload.Mix) call.USD {
	const look = 200
	var most call.USD
	for i := range look {
		most = max(most, p.Catalog.Bound(mix.Request(i)))
	}
	return most
}

// loadWords says what drives the load and for how long.
func loadWords(p *plan.Plan) string {
	l := p.Load
	if l.Requests > 0 {
		return fmt.Sprintf("%d users, %d requests", l.Users, l.Requests)
	}
	var stages []string
	for _, s := range l.Profile.Stages {
		unit := " users"
		if l.Mode == plan.Arrivals {
			unit = "/s"
		}
		stages = append(stages, strings.TrimSpace(fmt.Sprintf("%s %v to %g%s", s.Name, s.Duration, s.Target, unit)))
	}
	words := fmt.Sprintf("%s in %v: %s", l.Mode, l.End.Round(time.Millisecond), strings.Join(stages, ", "))
	if l.Mode == plan.Arrivals {
		n := 0
		for range l.Profile.Arrivals(p.Seed) {
			n++
		}
		words += fmt.Sprintf("; %d requests", n)
	}
	return words
}
