package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/plan"
)

type checkCommand struct {
	Plan         string   `arg:"" help:"The plan, a YAML file."`
	Target       string   `help:"Where a run would send: an address without /v1, or sim." placeholder:"URL"`
	API          string   `name:"api" help:"The API's dialect: messages, or chat for OpenAI-style chat completions." placeholder:"NAME"`
	Set          []string `help:"Override a field of the plan: load.users.count=5." placeholder:"PATH=VALUE" sep:"none"`
	Tier         string   `help:"Hold the load against a tier's limits: start, build, scale, tier1 to tier4." placeholder:"NAME"`
	Limits       string   `help:"Hold the load against limits from a file, or from those a run met." placeholder:"FILE|RUN"`
	Like         string   `help:"Take sizes and times of answers from an earlier run instead of the simulator." placeholder:"RUN"`
	TokensPerDay int64    `help:"Hold the load against a number of tokens a day, input and output." placeholder:"N"`
	JSON         bool     `name:"json" help:"Print the estimate as JSON."`
}

// Run carries out the command.
func (c *checkCommand) Run(e *env) error {
	set := c.Set
	if c.API != "" {
		set = append(set, "target.api="+c.API)
	}
	l, err := e.loadKeyless(c.Plan, nil, c.Target, set)
	if err != nil {
		return err
	}
	if c.TokensPerDay < 0 {
		return usageError{fmt.Errorf("--tokens-per-day %d is below 0", c.TokensPerDay)}
	}
	limits, from, err := limitsFrom(c.Tier, c.Limits, l)
	if err != nil {
		return err
	}
	g := grounds{limits: limits, from: from, run: c.Like}
	if c.Like != "" {
		if g.like, err = answersIn(c.Like); err != nil {
			return err
		}
	}
	f, err := forecastOf(l, g)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeForecastJSON(e.stdout, l, f, c.TokensPerDay)
	}
	c.describe(e, l)
	page := &forecastPage{w: e.stdout}
	page.totals(l.plan, f)
	page.tasks(f)
	page.limits(f)
	page.daily(f, c.TokensPerDay)
	page.remarks(f)
	return page.err
}

// describe says what the plan is, before what it is expected to do.
func (c *checkCommand) describe(e *env, l loaded) {
	p := l.plan
	fmt.Fprintf(e.stdout, "%s is valid\n\n", c.Plan)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(e.stdout, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("name", "%s", p.Name)
	target := l.target.name()
	if p.Target.Chat() {
		target += ", chat completions"
	}
	row("target", "%s", target)
	row("load", "%s", loadWords(p))
	row("on_limit", "%s", p.OnLimit.Mode)
	fmt.Fprintln(e.stdout, "\n  tasks")
	for i, t := range p.Tasks {
		cold := ""
		if t.System.Cold > 0 {
			cold = ", " + percent(t.System.Cold) + " cold"
		}
		fmt.Fprintf(e.stdout, "    %-16s weight %-5g %-24s max_tokens %-6d prompts: %s%s\n", t.Name, t.Weight, t.Model, t.MaxTokens, p.PromptsFrom[i], cold)
	}
	if len(p.Thresholds) > 0 {
		fmt.Fprintln(e.stdout, "\n  thresholds")
		for _, t := range p.Thresholds {
			fmt.Fprintf(e.stdout, "    %s: %s\n", t.Metric, t.Expression)
		}
	}
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
	return fmt.Sprintf("%s in %v: %s", l.Mode, l.End.Round(time.Millisecond), strings.Join(stages, ", "))
}
