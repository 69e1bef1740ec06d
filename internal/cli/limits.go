package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/workload"
)

type limitsCommand struct {
	Model  string   `help:"The model whose limits are wanted (default: claude-haiku-4-5)." placeholder:"NAME"`
	Target string   `help:"Where to send: an address without /v1, or sim." placeholder:"URL"`
	Tier   string   `help:"Rate limits of the simulator: start, build, scale, tier1 to tier4." placeholder:"NAME"`
	Set    []string `help:"Set a field of a plan for this call: target.api=chat, prices.my-model=…" placeholder:"PATH=VALUE" sep:"none"`
	JSON   bool     `name:"json" help:"Print JSON, as check --limits takes it."`
}

// learned is what one call told of the limits.
type learned struct {
	Version int            `json:"version"`
	Target  string         `json:"target"`
	Model   string         `json:"model"`
	Class   call.Class     `json:"class"`
	CostUSD call.USD       `json:"cost_usd"`
	Limits  []learnedClass `json:"limits"`
	RetryS  *float64       `json:"retry_after_s"`
	Limited call.LimitKind `json:"limited_by"`
	at      time.Time      // of the answer
	uses    []limit.Use    // of the one class
}

type learnedClass struct {
	Class        string         `json:"class"`
	Models       []string       `json:"models"`
	Binding      call.LimitKind `json:"binding"`
	Requests     *learnedLimit  `json:"requests"`
	Tokens       *learnedLimit  `json:"tokens"`
	InputTokens  *learnedLimit  `json:"input_tokens"`
	OutputTokens *learnedLimit  `json:"output_tokens"`

	PriorityInputTokens  *learnedLimit `json:"priority_input_tokens,omitempty"`
	PriorityOutputTokens *learnedLimit `json:"priority_output_tokens,omitempty"`
}

type learnedLimit struct {
	Limit     *int64     `json:"limit"` // a minute
	Remaining *int64     `json:"remaining"`
	Headroom  *float64   `json:"headroom"` // the share that is left
	Reset     *time.Time `json:"reset"`    // when the bucket is full again
}

// most is what the one call may cost at the very most. It is far above what a
// call of one token costs with any model there is.
const mostOfOneCall = call.Dollar / 20

// Run carries out the command.
func (c *limitsCommand) Run(e *env) error {
	model := cmp.Or(c.Model, "claude-haiku-4-5")
	set := append([]string{"budget.usd=" + mostOfOneCall.Decimal()}, c.Set...)
	l, err := e.load("", plan.FromFlags(plan.FlagLoad{Model: model, Prompt: "Hi", MaxTokens: 1, Requests: 1}), c.Target, set)
	if err != nil {
		return err
	}
	if l.target.why != "" {
		e.say("%s", l.target.why)
	}
	url := l.target.url
	if l.target.sim() {
		s, err := startSim(l.plan, c.Tier)
		if err != nil {
			return usageError{err}
		}
		defer s.Close() //nolint:errcheck // nothing is lost with it
		url = s.URL
	} else if c.Tier != "" {
		return usageError{errors.New("--tier is for the simulator; the target is " + l.target.name())}
	}
	got, res, err := c.ask(e, l, url)
	if err != nil {
		return err
	}
	if res.Class != call.OK && res.Class != call.RateLimited {
		return failedCall(res)
	}
	if !c.JSON {
		return got.write(e)
	}
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(got)
}

// ask makes the call.
func (c *limitsCommand) ask(e *env, l loaded, url string) (learned, call.Result, error) {
	mix, err := workload.New(l.plan.Seed, l.plan.Tasks, nil)
	if err != nil {
		return learned{}, call.Result{}, err
	}
	cl, err := client.New(l.client(url))
	if err != nil {
		return learned{}, call.Result{}, err
	}
	defer cl.Close()
	req := mix.Request(0)
	if bound := l.plan.Catalog.Bound(req); bound > mostOfOneCall {
		return learned{}, call.Result{}, fmt.Errorf("the smallest call to %q could cost %v; at most %v is spent here", req.Model, bound, mostOfOneCall)
	}
	_, ctx, done := e.interrupts("stopping")
	defer done()
	res := cl.Send(ctx, req)
	now := time.Now()
	var m limit.Monitor
	m.Add(res, now)
	got := learned{Version: 1, Target: l.target.name(), Model: req.Model, Class: res.Class, Limits: []learnedClass{},
		RetryS: res.RetryAfter, Limited: res.LimitedBy, at: now}
	got.CostUSD, _ = l.plan.Catalog.Charge(req, res)
	for _, class := range m.Classes() {
		got.uses = class.Limits
		got.Limits = append(got.Limits, learnedOf(class))
	}
	return got, res, nil
}

func learnedOf(c limit.Class) learnedClass {
	out := learnedClass{Class: c.Name, Models: c.Models, Binding: c.Binding}
	for _, u := range c.Limits {
		l := &learnedLimit{Limit: u.Limit, Remaining: u.Remaining}
		if u.Utilization != nil {
			h := 1 - *u.Utilization
			l.Headroom = &h
		}
		if !u.Reset.IsZero() {
			r := u.Reset.UTC()
			l.Reset = &r
		}
		switch u.Kind {
		case call.LimitRequests:
			out.Requests = l
		case call.LimitTokens:
			out.Tokens = l
		case call.LimitInputTokens:
			out.InputTokens = l
		case call.LimitOutputTokens:
			out.OutputTokens = l
		case call.LimitPriorityInputTokens:
			out.PriorityInputTokens = l
		case call.LimitPriorityOutputTokens:
			out.PriorityOutputTokens = l
		}
	}
	return out
}

// write prints what was learned for people.
func (l learned) write(e *env) error {
	p := &forecastPage{w: e.stdout}
	if len(l.uses) == 0 {
		p.line("%s says nothing of its limits (%s, %s)", l.Target, l.Model, l.Class)
	}
	for _, c := range l.Limits {
		if len(l.uses) == 0 {
			continue // a class that told a 429 and nothing else
		}
		p.line("  %-22s %14s %14s %10s %12s", "limits "+c.Class, "a minute", "left", "headroom", "full again")
		for _, u := range l.uses {
			most, left, headroom, full := "—", "—", "—", "—"
			if u.Limit != nil {
				most = count(*u.Limit)
			}
			if u.Remaining != nil {
				left = count(*u.Remaining)
			}
			if u.Utilization != nil {
				headroom = percent(1 - *u.Utilization)
			}
			if !u.Reset.IsZero() {
				full = "now"
				if d := u.Reset.Sub(l.at); d > 0 {
					full = "in " + d.Round(time.Second).String()
				}
			}
			p.line("    %-20s %14s %14s %10s %12s", u.Kind, most, left, headroom, full)
		}
	}
	if l.Class == call.RateLimited {
		after := ""
		if l.RetryS != nil {
			after = fmt.Sprintf(", try again after %g s", *l.RetryS)
		}
		p.line("  the call itself was answered 429 by %s%s", cmp.Or(l.Limited, call.LimitUnknown), after)
	}
	p.line("  one call to %s at %s cost $%s", l.Model, l.Target, l.CostUSD.Decimal())
	return p.err
}

// failedCall is the error of a call that told nothing.
func failedCall(res call.Result) error {
	err := fmt.Errorf("the call ended as %s", res.Class)
	if res.Err != nil {
		err = fmt.Errorf("the call ended as %s: %s", res.Class, res.Err.Message)
	}
	if res.Class == call.Auth {
		return hinted{err, "is the key the right one for this target?"}
	}
	return err
}
