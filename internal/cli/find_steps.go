package cli

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/run"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/workload"
)

// finder makes the steps of a search as runs, and keeps the money.
type finder struct {
	plan    *plan.Plan
	target  string
	client  client.Config
	dir     string // of the search; its steps are below it
	demands []demand
	leftOut []leftOut
	search  *capacity.Search
	say     func(string)
	show    func(run.Frame)

	first  time.Time // start of the first step
	number int       // of the latest step's folder
	spent  call.USD  // in all steps, those that are not used included
	lost   int       // steps that were cut short, and are not used
	// raise is the largest cost of a call as a multiple of its worst case. A new
	// guard in each step would have to meet such a target again.
	raise   float64
	dropped int // requests, in all steps
}

// stepsDir is the folder of the steps.
const stepsDir = "steps"

// newFinder prepares a search for a plan.
func newFinder(p *plan.Plan, c capacity.Config) (*finder, error) {
	tasks, err := kindsOf(p)
	if err != nil {
		return nil, err
	}
	f := &finder{plan: p, say: func(string) {}}
	f.demands, f.leftOut = demandsOf(p)
	c.Users, c.Tasks, c.Seed = p.Load.Mode == plan.Users, tasks, p.Seed
	c.Pause = (p.Load.ThinkMin + p.Load.ThinkMax) / 2
	for _, d := range f.demands {
		c.Criteria = append(c.Criteria, d.Criterion)
	}
	f.search = capacity.New(c)
	return f, nil
}

// left is what the budget still allows; below 0 is no budget.
func (f *finder) left() call.USD {
	if !f.plan.Budget.Given {
		return -1
	}
	return max(f.plan.Budget.Guard.Budget-f.spent, 0)
}

// purse is the money of one step: what is left, and of a step of users no more
// than they can spend, so that one that is killed is not taken to have spent all.
// Own is that it is less than what is left.
func (f *finder) purse(step capacity.Step) (money call.USD, own bool) {
	left := f.left()
	if left < 0 || !step.Users {
		return left, false
	}
	worst := call.USD(0)
	mix, err := workload.New(f.plan.Seed, f.plan.Tasks, nil)
	if err != nil {
		return left, false // it will be told when the step is made
	}
	for i := range 100 {
		worst = max(worst, f.plan.Catalog.Bound(mix.Request(i)))
	}
	n := (2*f.search.Expected(step) + 2*step.Load) * max(f.raise, 1)
	if float64(worst)*n >= float64(left) {
		return left, false
	}
	return call.USD(float64(worst) * n), true
}

// raised is a worst case at a target that has charged more than that.
func (f *finder) raised(worst call.USD) call.USD {
	if f.raise <= 1 {
		return worst
	}
	return call.USD(min(math.Ceil(float64(worst)*f.raise), math.MaxInt64/4))
}

// run makes steps until the search is over. Stop, once closed, ends the step that
// is being made, and with it the search.
func (f *finder) run(ctx context.Context, stop <-chan struct{}) error {
	for {
		left := f.left()
		if left == 0 {
			f.search.Stop(capacity.ByBudget, "nothing is left")
		}
		step, more := f.search.Next(left)
		if !more {
			return nil
		}
		if err := f.make(ctx, stop, step); err != nil {
			return err
		}
	}
}

// make makes one step and tells the search of it.
func (f *finder) make(ctx context.Context, stop <-chan struct{}, step capacity.Step) error {
	f.number++
	name := fmt.Sprintf("%02d-%s", f.number, step.Kind)
	purse, own := f.purse(step)
	if err := f.announce(name, stepRecord{step, own}); err != nil {
		return err
	}
	dir := filepath.Join(f.dir, stepsDir, name)
	p := stepPlan(f.plan, step, f.number, purse)
	p.Budget.Guard.Raise = f.raise
	watch := f.watch(step, p)
	err := run.Execute(ctx, run.Config{
		Plan: p, Dir: dir, ID: filepath.Base(dir), Target: f.target, Overrides: []string{"find=" + stepWords(step)}, ToolVersion: Version,
		Client: f.client, Stop: stop, Enough: watch.enough, Observe: watch.observe, Progress: f.show, Warn: f.say,
	})
	if err != nil {
		return err
	}
	stored, err := store.Open(dir)
	if err != nil {
		return err
	}
	if err := f.took(stepRecord{step, own}, stored); err != nil {
		return err
	}
	steps := f.search.Steps()
	f.say(stepLine(steps[len(steps)-1]))
	if step.Kind == capacity.WarmUp {
		f.say(f.forecast())
	}
	return nil
}

// took reads a finished step back and tells the search what it showed.
func (f *finder) took(step stepRecord, stored *store.Run) error {
	calls, cost, err := f.calls(stored)
	if err != nil {
		return err
	}
	f.spent += cost
	o, err := outcomeOf(stored, calls)
	if err != nil {
		return err
	}
	o.Cost = cost
	if o.Stopped == capacity.ByBudget && step.OwnPurse {
		o.Stopped, o.Detail = "", "" // its own purse, not the search's
	}
	f.search.Took(step.Step, calls, o)
	return nil
}

// watch watches one step.
type watch struct {
	enough  chan struct{}
	observe func(call.Result)
}

func (f *finder) watch(step capacity.Step, p *plan.Plan) watch {
	w := watch{enough: make(chan struct{})}
	trial := f.search.NewTrial(step)
	var once sync.Once
	w.observe = func(r call.Result) {
		if r.Class == call.RateLimited && p.OnLimit.Mode == "obey" && r.Attempt < p.OnLimit.MaxAttempts && step.Tail == 0 {
			return // another attempt follows
		}
		if trial.Add(capacity.Call{Result: r, Bad: f.bad(r)}) {
			once.Do(func() { close(w.enough) })
		}
	}
	return w
}

func (f *finder) bad(r call.Result) []float64 {
	out := make([]float64, len(f.demands))
	for i, d := range f.demands {
		out[i] = d.bad(r)
	}
	return out
}

// calls reads what a step recorded, and what it cost.
func (f *finder) calls(stored *store.Run) (calls []capacity.Call, cost call.USD, err error) {
	started := time.Unix(0, stored.Manifest.StartUnixNS)
	if f.first.IsZero() {
		f.first = started
	}
	mix, err := workload.New(stored.Manifest.Seed, f.plan.Tasks, nil)
	if err != nil {
		return nil, 0, err
	}
	for r, err := range stored.Results() {
		if err != nil {
			return nil, 0, err
		}
		cost += r.Cost
		req := mix.Request(r.Index)
		if worst := f.plan.Catalog.Bound(req); !r.CostBound && worst > 0 && r.Cost > worst {
			f.raise = max(f.raise, float64(r.Cost)/float64(worst))
		}
		if r.Class == call.Dropped {
			f.dropped++
		}
		calls = append(calls, capacity.Call{Result: r, Origin: started.Sub(f.first), Bytes: len(req.Body), Bad: f.bad(r)})
	}
	return calls, cost, nil
}

// outcomeOf is how a step went, from its record.
func outcomeOf(stored *store.Run, calls []capacity.Call) (capacity.Outcome, error) {
	rep, err := report.Build(stored)
	if err != nil {
		return capacity.Outcome{}, err
	}
	m := stored.Manifest
	o := capacity.Outcome{Length: m.Load.End}
	if m.Stop.Cause != "completed" || o.Length == 0 {
		o.Length = 0
		for i := range calls {
			o.Length = max(o.Length, calls[i].Due)
		}
	}
	if !rep.Generator.Valid {
		o.Spoiled = strings.Join(rep.Generator.Reasons, "; ")
	}
	switch m.Stop.Cause {
	case "budget":
		o.Stopped = capacity.ByBudget // of a step of users perhaps only its own purse: see took
	case "interrupted":
		o.Stopped = capacity.ByUser
	case "auth", "unreachable", "error":
		o.Stopped = capacity.ByTarget
	}
	o.Detail = m.Stop.Detail
	if capped(calls) {
		o.Stopped, o.Detail = capacity.ByTarget, "the account's spend cap is reached"
	}
	return o, nil
}

// capped reports whether calls met the spend cap of the account.
func capped(calls []capacity.Call) bool {
	return slices.ContainsFunc(calls, func(c capacity.Call) bool { return c.LimitedBy == call.LimitSpend })
}

// stepWords are a step in a few words.
func stepWords(s capacity.Step) string {
	unit := "/s"
	if s.Users {
		unit = " users"
	}
	load := fmt.Sprintf("%s at %.3g%s", s.Kind, s.Load, unit)
	if s.Requests > 0 {
		return fmt.Sprintf("%s, %d requests", load, s.Requests)
	}
	return fmt.Sprintf("%s for at most %v", load, s.Most.Round(100*time.Millisecond))
}

// stepLine tells of a step that was made.
func stepLine(r capacity.Report) string {
	text := fmt.Sprintf("step %d, %s: %s, %d of %d answered", r.N, stepWords(r.Step), r.Length.Round(100*time.Millisecond), r.OK, r.Attempts)
	if r.Refused > 0 {
		text += fmt.Sprintf(", %d refused", r.Refused)
	}
	for _, v := range r.Violated {
		text += ", not kept: " + v
	}
	if r.Spoiled != "" {
		text += ", not used: " + r.Spoiled
	}
	return text
}
