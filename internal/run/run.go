// Package run executes a plan. It wires the schedule, the loop, the workload,
// the limiter, the budget guard and the client together, and gives every result
// to one collector, which writes the log, keeps the live figures and decides
// whether the run must stop early. What comes out is a run directory; this
// package judges nothing and renders nothing.
package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/load"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/workload"
)

// Config says what to execute and where. Plan, Dir and Client are required.
type Config struct {
	Plan        *plan.Plan
	Dir         string        // the run directory to create
	ID          string        // of the run
	Client      client.Config // the target and how to reach it; Start is set here
	Target      string        // how the manifest names the target
	Overrides   []string      // path=value, for the manifest
	ToolVersion string

	Alarm    func(time.Duration) <-chan struct{} // wakes the loop more exactly than Go's timers, see load.Config; nil: those alone
	Stop     <-chan struct{}                     // closed: start no new request, let the running ones end; nil: never
	Enough   <-chan struct{}                     // closed: the same, because whoever observes has seen enough; nil: never
	Observe  func(call.Result)                   // called for each result after it is recorded, one at a time; nil: nobody watches
	Progress func(Frame)                         // called once a second and once at the end; nil: nobody looks
	Warn     func(string)                        // called for what the user should know at once; nil: nobody listens
}

// lead is how long before the load the run's start is stamped, so that writing
// the manifest does not delay the first request.
const lead = 50 * time.Millisecond

// Execute runs the plan and returns when the last request has ended and
// everything is written. Cancelling ctx cancels running requests. The error is
// nil however the load went; it is an error when the run could not be set up or
// recorded. What had been recorded by then can be read from the run directory.
func Execute(ctx context.Context, c Config) error {
	// Made once more with the start, when there is one; here it is asked whether
	// the target can be used at all, before anything is written. It stays open, so
	// that the kernel stamps arrivals by the time the first one comes.
	probe, err := client.New(c.Client)
	if err != nil {
		return err
	}
	defer probe.Close()
	mix, err := workload.New(c.Plan.Seed, c.Plan.Tasks, c.Plan.Checks)
	if err != nil {
		return err
	}
	m := manifest(c)
	m.Clock = probe.Clock()
	w, err := store.Create(c.Dir, m, c.Plan.Source)
	if err != nil {
		return err
	}
	e := &execution{Config: c, mix: mix, writer: w, manifest: m, stop: make(chan struct{}), noMore: make(chan struct{})}
	if err := e.prepare(); err != nil {
		e.halt("error", err.Error())
		return errors.Join(err, e.finish())
	}
	defer e.client.Close()
	defer calm()()
	return e.run(ctx)
}

// execution is one run under way.
type execution struct {
	Config
	mix      *workload.Mix
	writer   *store.Writer
	manifest store.Manifest
	client   *client.Client
	guard    *cost.Guard
	monitor  *limit.Monitor
	send     call.Sender
	start    time.Time

	inFlight atomic.Int64
	hope     hope
	cancel   context.CancelCauseFunc

	haltOnce   sync.Once
	noMoreOnce sync.Once
	stop       chan struct{} // closed by halt
	noMore     chan struct{} // closed by halt and at the end of the last stage: who is held is not sent
	cause      store.Stop    // why; read after the load has ended
}

// prepare makes the client and the chain of senders around it, and stamps the start.
func (e *execution) prepare() (err error) {
	p := e.Plan
	e.start = time.Now().Add(lead)
	e.manifest.Started = e.start.UTC().Truncate(time.Millisecond)
	e.manifest.StartUnixNS = e.start.UnixNano()
	if err := e.writer.WriteManifest(e.manifest); err != nil {
		return err
	}
	// Offset zero means "never", so the client counts from a nanosecond earlier.
	e.Client.Start = e.start.Add(-1)
	if e.client, err = client.New(e.Client); err != nil {
		return err
	}
	if e.guard, err = e.purse(); err != nil {
		return err
	}
	e.monitor = new(limit.Monitor)
	e.send, err = limit.Wrap(e.guard.Wrap(e.call), limit.Config{
		Mode: p.OnLimit.Mode, MaxAttempts: p.OnLimit.MaxAttempts, MaxWait: p.OnLimit.MaxWait,
		Share: p.OnLimit.Share, MaxHold: p.OnLimit.MaxHold, Seed: p.Seed, Stop: e.noMore, Monitor: e.monitor,
	})
	return err
}

// purse returns the guard of the plan's budget, or one that only counts.
func (e *execution) purse() (*cost.Guard, error) {
	p := e.Plan
	if !p.Budget.Given {
		return cost.NewMeter(p.Catalog), nil
	}
	return cost.NewGuard(cost.GuardConfig{
		Budget: p.Budget.Guard.Budget, WarnAt: p.Budget.Guard.WarnAt, Raise: p.Budget.Guard.Raise, Wait: p.Load.Mode == plan.Users, Catalog: p.Catalog, Stop: e.noMore,
		OnWarn: func(s cost.Spend) {
			e.warn(fmt.Sprintf("warning: %.0f %% of the budget is spent: %v of %v; at most %v more is reserved for what is running",
				100*s.Utilization, s.Spent, s.Budget, s.Reserved))
		},
		OnOverrun: func(cost, worst call.USD) {
			e.warn(fmt.Sprintf("warning: a call cost %v, and its request allows %v at most: the target bills what requests do not show, "+
				"or its prices are not the plan's. Reservations are raised by as much", cost, worst))
		},
		OnExhausted: func(worst, left call.USD) {
			e.halt("budget", fmt.Sprintf("the next request may cost %v, %v was left, and nothing was in flight", worst, left))
		},
	})
}

// call makes one attempt and runs the plan's checks on its answer.
func (e *execution) call(ctx context.Context, req call.Request, emit func(call.Result)) {
	e.inFlight.Add(1)
	defer e.inFlight.Add(-1)
	r := e.client.Send(ctx, req)
	r.Checks = e.mix.Check(r)
	r.Text = ""
	if cause, detail := e.hope.lost(r, e.Target); cause != "" {
		e.halt(cause, detail)
	}
	emit(r)
}

// run makes the load and collects what it emits until both are done.
func (e *execution) run(outer context.Context) error {
	ctx, cancel := context.WithCancelCause(outer)
	e.cancel = cancel
	defer cancel(nil)
	results := make(chan call.Result, 1024)
	col := newCollector(e)
	var wg sync.WaitGroup
	wg.Go(func() { col.collect(results) })
	over := make(chan struct{})
	wg.Go(func() {
		select {
		case <-e.Config.Stop:
			e.halt("interrupted", "stopped by the user")
		case <-e.Enough:
			e.halt("decided", "what it was to show was seen before its end")
		case <-over:
		}
	})
	wg.Go(func() { e.closeAtEnd(over) })
	loadErr := e.load(ctx, func(r call.Result) {
		if !unsent(r) {
			results <- r
		}
	})
	close(over)
	close(results)
	wg.Wait()
	e.halt("completed", "") // no effect if something stopped it
	if outer.Err() != nil || col.err != nil {
		loadErr = nil // it was cancelled, by the caller or by the collector, whose error says more
	}
	return errors.Join(loadErr, col.err, e.finish())
}

// unsent reports whether a request was held, for a limit or the budget, until the
// run was over: it never left. It gets no record, as any other that was planned
// and never came, and so counts as unsent and not as one that we cancelled.
func unsent(r call.Result) bool { return r.Class == call.Canceled && r.Started == 0 }

// closeAtEnd closes noMore when the run is halted or its last stage ends.
func (e *execution) closeAtEnd(over <-chan struct{}) {
	var end <-chan time.Time
	if d := e.Plan.Load.End; d > 0 {
		timer := time.NewTimer(time.Until(e.start.Add(d)))
		defer timer.Stop()
		end = timer.C
	}
	select {
	case <-e.stop:
	case <-end:
	case <-over:
	}
	e.holdNoMore()
}

// holdNoMore ends every wait for money or limits.
func (e *execution) holdNoMore() { e.noMoreOnce.Do(func() { close(e.noMore) }) }

// load runs the plan's loop to its end.
func (e *execution) load(ctx context.Context, emit func(call.Result)) error {
	p := e.Plan
	c := load.Config{
		Start: e.start, Alarm: e.Alarm, Next: e.next, Send: e.send, Emit: emit, Slots: p.Load.MaxInFlight,
		Requests: p.Load.Requests, Stop: e.stop, End: p.Load.End, Grace: p.GracefulStop,
	}
	if p.Load.Mode == plan.Arrivals {
		return load.Open(ctx, p.Load.Profile.Arrivals(p.Seed), c)
	}
	c.Think = p.Think()
	// A user whose wait for a retry was cut short is free again after the end,
	// with a due time before it.
	c.Stop = e.noMore
	return load.Closed(ctx, p.Load.Changes(), c)
}

// next completes the index-th request of the workload with its place in the run.
func (e *execution) next(index int, due time.Duration) call.Request {
	r := e.mix.Request(index)
	r.Due = due
	r.Phase = call.Main
	if due < e.Plan.Load.WarmUp {
		r.Phase = call.WarmUp
	}
	if i := e.Plan.Load.Profile.StageAt(due); i >= 0 {
		r.Stage = e.Plan.Load.Profile.Stages[i].Name
	}
	return r
}

// halt lets no new request start. The first cause is the run's.
func (e *execution) halt(cause, detail string) {
	e.haltOnce.Do(func() {
		e.cause = store.Stop{Cause: cause, Detail: detail}
		close(e.stop)
		e.holdNoMore() // at once: the next request must not slip through
	})
}

func (e *execution) warn(text string) {
	if e.Warn != nil {
		e.Warn(text)
	}
}

// finish closes the logs and completes the manifest.
func (e *execution) finish() error {
	ended := time.Now().UTC().Truncate(time.Millisecond)
	e.manifest.Ended = &ended
	e.manifest.Stop = e.cause
	if e.client != nil {
		e.manifest.Clock, e.manifest.ClockSteps = e.client.Clock(), e.client.ClockSteps()
	}
	return errors.Join(e.writer.Close(), e.writer.WriteManifest(e.manifest))
}

// manifest describes the run before it starts.
func manifest(c Config) store.Manifest {
	p := c.Plan
	sum := sha256.Sum256(p.Source)
	m := store.Manifest{
		ID: c.ID, Name: p.Name, ToolVersion: c.ToolVersion, Seed: p.Seed, Target: c.Target,
		API: p.Target.API, HTTP: p.Target.HTTP, PlanSHA256: hex.EncodeToString(sum[:]), Overrides: c.Overrides,
		PricesAsOf: p.Catalog.AsOf(), Machine: machine(),
		OnLimit: p.OnLimit.Mode, SLO: store.SLO{TTFT: p.SLO.TTFT, E2E: p.SLO.E2E},
	}
	m.Load = store.Load{
		Mode: string(p.Load.Mode), WarmUp: p.Load.WarmUp, End: p.Load.End,
		MaxInFlight: p.Load.MaxInFlight, Grace: p.GracefulStop,
	}
	m.Load.Planned, m.Load.PlannedWarmUp = planned(p)
	if p.Load.Mode == plan.Arrivals {
		m.Load.Process = string(p.Load.Profile.Process)
	}
	for _, s := range p.Load.Profile.Stages {
		m.Load.Stages = append(m.Load.Stages, store.Stage{Name: s.Name, Duration: s.Duration, Target: s.Target})
	}
	for i, t := range p.Tasks {
		m.Tasks = append(m.Tasks, store.Task{Name: t.Name, Weight: t.Weight, Model: t.Model, MaxTokens: t.MaxTokens, Prompts: p.PromptsFrom[i],
			SystemBytes: t.System.Bytes(), PromptBytes: meanBytes(t.Prompts), Cache: t.System.Cache, Cold: t.System.Cold})
	}
	for _, t := range p.Thresholds {
		m.Thresholds = append(m.Thresholds, store.Threshold{Metric: t.Metric, Expression: t.Expression, AbortOnFail: t.AbortOnFail, Delay: t.Delay})
	}
	for _, k := range p.Checks {
		m.Checks = append(m.Checks, k.Name())
	}
	m.Prices = prices(p)
	if p.Budget.Given {
		m.BudgetUSD = &p.Budget.Guard.Budget
	}
	return m
}

// meanBytes is the mean length of texts; 0 without any.
func meanBytes(texts []string) float64 {
	sum := 0
	for _, s := range texts {
		sum += len(s)
	}
	return float64(sum) / max(float64(len(texts)), 1)
}

// prices are what the plan's models cost in this run.
func prices(p *plan.Plan) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for _, t := range p.Tasks {
		e, ok := p.Catalog.Lookup(t.Model)
		if b, err := json.Marshal(e.Prices.WithDefaults()); ok && err == nil {
			all[t.Model] = b
		}
	}
	return all
}

// planned counts the requests that the plan asks for, and those of them that
// are due in the warm-up; 0 where users make as many as they can.
func planned(p *plan.Plan) (all, warmUp int) {
	if p.Load.Mode == plan.Users {
		return p.Load.Requests, 0
	}
	for _, due := range p.Load.Profile.Arrivals(p.Seed) {
		all++
		if due < p.Load.WarmUp {
			warmUp++
		}
	}
	return all, warmUp
}
