package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/workload"
)

// demand is a threshold of the plan as a search takes it.
type demand struct {
	capacity.Criterion
	// bad is what one attempt says of it, as [capacity.Call.Bad] has it.
	bad func(call.Result) float64
}

// leftOut is a threshold that a search does not look for, and why.
type leftOut struct {
	Threshold string `json:"threshold"`
	Why       string `json:"why"`
}

// extreme is the share that stands for "none" in a sequential test: a max or a min.
const extreme = 0.01

// demandsOf sorts a plan's thresholds into those that a search can keep and those
// it does not look for.
func demandsOf(p *plan.Plan) (all []demand, out []leftOut) {
	for _, t := range p.Thresholds {
		if t.Default {
			continue
		}
		d, why := demandOf(t)
		if why != "" {
			out = append(out, leftOut{t.Metric + " " + t.Expression, why})
			continue
		}
		all = append(all, d)
	}
	return all, out
}

// implicit is the threshold that a plan has without naming it; "" is none. It is
// kept wherever nothing is dropped.
func implicit(p *plan.Plan) string {
	for _, t := range p.Thresholds {
		if t.Default {
			return t.Metric + " " + t.Expression
		}
	}
	return ""
}

func demandOf(t plan.Threshold) (demand, string) {
	e := t.Expr
	d := demand{Criterion: capacity.Criterion{Name: t.Metric + " " + t.Expression}}
	if why := notForSearch(t); why != "" {
		return d, why
	}
	less := strings.HasPrefix(e.Op, "<")
	violates := func(v float64) float64 {
		if less && (v < e.Bound || e.Op == "<=" && v == e.Bound) || !less && (v > e.Bound || e.Op == ">=" && v == e.Bound) {
			return 0
		}
		return 1
	}
	value := metrics.ValueOf(e.Metric)
	switch {
	case value == nil:
		d.Allowed, d.bad = shareOf(t)
	case e.Agg.Name == "avg":
		d.bad = func(r call.Result) float64 {
			v, ok := value(r)
			switch {
			case !ok:
				return math.NaN()
			case less:
				return v / e.Bound
			}
			return e.Bound / v
		}
	default:
		d.Allowed = allowedShare(e.Agg.Name, e.Agg.Q(), less)
		d.bad = func(r call.Result) float64 {
			v, ok := value(r)
			if !ok {
				return cutShort(e.Metric, r, e.Bound, less)
			}
			return violates(v)
		}
	}
	if e.Unit().String() == "ms" && less {
		d.Slack = time.Duration(e.Bound * float64(time.Millisecond))
		d.First = !strings.HasSuffix(e.Metric, "e2e")
	}
	if !d.speaksOf(t) {
		return d, "it is about a stage of the plan, and a search makes steps of its own"
	}
	d.bad = selected(t, d.bad)
	return d, ""
}

// speaksOf is false for a selector by stage or by a class that is no answer.
func (d demand) speaksOf(t plan.Threshold) bool {
	_, stage := t.Expr.Selector["stage"]
	return !stage
}

// cutShort judges an attempt that we cancelled before it had the value: where it
// had waited longer than allowed already, it is a violation.
func cutShort(metric string, r call.Result, bound float64, less bool) float64 {
	waiting := r.Done - r.Due
	if r.Class == call.Canceled && less && (metric == "ttft" || metric == "ttfo" || metric == "e2e") && r.FirstContent == 0 &&
		float64(waiting)/float64(time.Millisecond) > bound {
		return 1
	}
	return math.NaN()
}

// allowedShare is the share of values that may lie on the wrong side.
func allowedShare(agg string, q float64, less bool) float64 {
	switch {
	case agg == "max" || agg == "min":
		return extreme
	case less:
		return 1 - q
	}
	return q
}

// shareOf is a threshold on a share of requests as a demand.
func shareOf(t plan.Threshold) (allowed float64, bad func(call.Result) float64) {
	is := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	switch t.Expr.Metric {
	case "failed":
		return t.Expr.Bound, func(r call.Result) float64 {
			if !r.Class.Sent() || r.Class == call.Canceled || r.Class == call.RateLimited {
				return math.NaN() // refusals are what the limit side is about
			}
			return is(r.Class != call.OK)
		}
	case "dropped":
		return t.Expr.Bound, func(r call.Result) float64 { return is(r.Class == call.Dropped) }
	case "checks":
		return 1 - t.Expr.Bound, func(r call.Result) float64 {
			if len(r.Checks) == 0 {
				return math.NaN()
			}
			for _, held := range r.Checks {
				if !held {
					return 1
				}
			}
			return 0
		}
	}
	return 0, nil
}

// notForSearch says why a threshold is not looked for; "" is that it is.
func notForSearch(t plan.Threshold) string {
	e := t.Expr
	less := strings.HasPrefix(e.Op, "<")
	switch {
	case e.Op == "==" || e.Op == "!=":
		return "== and != have no side that more load could cross"
	case e.Metric == "rate_limited":
		return "the answer keeps it by itself: it is a load that the limits let through"
	case e.Metric == "lag" || e.Metric == "read_lag" || e.Metric == "held":
		return "it is about this machine, not the target; a step that this machine spoils is left out"
	case e.Metric == "event_gap":
		return "it is recorded for a step as a whole, and a search judges request by request"
	case e.Metric == "goodput" || e.Metric == "requests" || e.Metric == "attempts":
		return "it counts how much load is made, and that is what the search varies"
	case e.Metric == "cost":
		return "it grows with the length of a run, not with its load; the budget bounds what the search spends"
	case strings.HasSuffix(e.Metric, "_tokens") || e.Metric == "cache_hit":
		return "it goes with the requests of the plan, not with how many there are"
	case e.Metric == "checks" && less || (e.Metric == "failed" || e.Metric == "dropped") && !less:
		return "more load cannot break it"
	case metrics.ValueOf(e.Metric) == nil && e.Metric != "checks" && (e.Bound <= 0 || e.Bound >= 1),
		e.Metric == "checks" && (e.Bound <= 0 || e.Bound >= 1):
		return "no number of requests shows that there is none, or all; give a share such as rate<1%"
	case metrics.ValueOf(e.Metric) != nil && (e.Agg.Name == "max" && !less || e.Agg.Name == "min" && less):
		return "one request keeps it, whatever the others do"
	case e.Metric == "output_rate" && less || e.Metric == "e2e_output_rate" && less || e.Unit().String() == "ms" && !less:
		return "more load cannot break it"
	}
	return ""
}

// selected lets a demand speak of the attempts that its selector picks.
func selected(t plan.Threshold, bad func(call.Result) float64) func(call.Result) float64 {
	sel := t.Expr.Selector
	if len(sel) == 0 {
		return bad
	}
	return func(r call.Result) float64 {
		for tag, want := range sel {
			if got := map[string]string{"task": r.Task, "model": r.Model, "class": string(r.Class)}[tag]; got != want {
				return math.NaN()
			}
		}
		return bad(r)
	}
}

// bodies is how many of the plan's requests are made to learn how long they are.
const bodies = 10_000

// kindsOf are the plan's tasks as a search knows them.
func kindsOf(p *plan.Plan) ([]capacity.Task, error) {
	mix, err := workload.New(p.Seed^0x66696e64, p.Tasks, nil)
	if err != nil {
		return nil, err
	}
	sum, square, n := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for i := range bodies {
		r := mix.Request(i)
		b := float64(len(r.Body))
		sum[r.Task] += b
		square[r.Task] += b * b
		n[r.Task]++
	}
	var all []capacity.Task
	weights := 0.0
	for _, t := range p.Tasks {
		weights += t.Weight
	}
	for _, t := range p.Tasks {
		if t.Weight > 0 {
			m := max(n[t.Name], 1)
			mean := sum[t.Name] / m
			all = append(all, capacity.Task{Name: t.Name, Class: call.ModelClass(t.Model), Share: t.Weight / weights,
				Bytes: mean, BytesError: math.Sqrt(max(0, square[t.Name]/m-mean*mean) / m)})
		}
	}
	return all, nil
}

// stepPlan is the plan with the load of one step in it.
func stepPlan(p *plan.Plan, s capacity.Step, number int, left call.USD) *plan.Plan {
	q := *p
	q.Name = fmt.Sprintf("%s-%02d-%s", p.Name, number, s.Kind)
	q.Seed, q.SeedGiven = (p.Seed*1_000_003+uint64(number))%maxSeed, true
	q.Budget.Given = left >= 0
	q.Budget.Guard.Budget = left
	q.OnLimit = plan.OnLimit{Mode: "measure"}
	l := plan.Load{Mode: plan.Arrivals, End: s.Most, MaxInFlight: max(p.Load.MaxInFlight, 1)}
	jump := p.Load.Profile.Stages[0]
	jump.Name, jump.Duration, jump.Target = "", 0, s.Load
	stages := append(slices.Clone(p.Load.Profile.Stages[:0]), jump, jump)
	stages[1].Duration = s.Most
	switch {
	case s.Ramp > 0:
		stages = stages[:0]
		for at := time.Duration(0); at < s.Most; at += capacity.RampStep {
			jump.Target = s.At(at)
			stages = append(stages, jump, jump)
			stages[len(stages)-1].Duration = min(capacity.RampStep, s.Most-at)
		}
	case s.Lead > 0 && s.Lead < s.Most:
		high := jump
		high.Target *= capacity.LeadTimes
		held := high
		held.Duration = s.Lead
		stages = append(stages[:0], high, held, jump, jump)
		stages[3].Duration = s.Most - s.Lead
	}
	if s.Users {
		l.Mode, l.Users, l.MaxInFlight, l.Requests = plan.Users, int(s.Load), 0, s.Requests
		l.ThinkMin, l.ThinkMax = p.Load.ThinkMin, p.Load.ThinkMax
		if s.Requests > 0 { // the warm-up
			stages, l.ThinkMin, l.ThinkMax = stages[:1], 0, 0
		} else {
			// A user who is refused tries again at once, as fast as refusals come.
			q.OnLimit = plan.OnLimit{Mode: "obey", MaxAttempts: 5, MaxWait: time.Minute}
		}
	} else if p.Load.Mode == plan.Users {
		l.MaxInFlight = usualInFlight
	}
	l.Profile = p.Load.Profile
	l.Profile.Stages = stages
	if p.Load.Mode == plan.Users {
		l.Profile.Process = "poisson" // of the steps that are made as arrivals
	}
	q.Load = l
	q.Thresholds = nil
	for _, t := range p.Thresholds {
		t.AbortOnFail, t.Delay = false, 0
		q.Thresholds = append(q.Thresholds, t)
	}
	return &q
}

// usualInFlight bounds the arrivals that are made for a plan of users.
const usualInFlight = 1000
