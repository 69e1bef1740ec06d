package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/cache"
	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/threshold"
)

// Build reads a run back from its files and adds it up. The outcome that the
// manifest may hold is not believed but decided again. An error means that a
// file cannot be read (a *store.CorruptError where a line in the middle of a
// log is damaged) or that a threshold in the manifest is not one.
func Build(r *store.Run) (*Report, error) {
	var (
		table    metrics.Table
		evidence diagnose.Evidence
		calls    cache.Calls
		failed   failures
		last     time.Duration
	)
	table.Price = priceOf(r.Manifest)
	evidence.Price, evidence.Cache, evidence.Held = table.Price, cacheOf(r.Manifest), heldOf(r.Manifest.Load)
	calls.Price, calls.Tasks = table.Price, coldOf(r.Manifest)
	evidence.OpenLoop = r.Manifest.Load.Mode == "arrivals"
	for res, err := range r.Results() {
		if err != nil {
			return nil, fmt.Errorf("report on %q: %w", r.Manifest.ID, err)
		}
		table.Add(res)
		evidence.Add(res)
		calls.Add(res)
		last = max(last, res.Done, res.Due)
		failed.add(res)
	}
	for s, err := range store.Samples[metrics.Sample](r) {
		if err != nil {
			return nil, fmt.Errorf("report on %q: %w", r.Manifest.ID, err)
		}
		table.AddSample(s)
		last = max(last, s.T)
	}
	rep, err := assemble(r.Manifest, &table, &evidence)
	if err != nil {
		return nil, fmt.Errorf("report on %q: %w", r.Manifest.ID, err)
	}
	rep.Run.DurationS = duration(r.Manifest, last).Seconds()
	rep.Run.Warnings = append([]string{}, r.Warnings()...)
	rep.PromptCache = calls.Comparisons()
	rep.Errors = failed.top()
	rep.Attempts = r.Results()
	return rep, nil
}

// priceOf is what usages cost at the prices that the manifest kept; nil where it
// kept none, as those of earlier versions.
func priceOf(m store.Manifest) func(model string, u call.Usage) call.USD {
	c, err := new(cost.Catalog).WithStored(m.Prices)
	if err != nil || len(m.Prices) == 0 {
		return nil
	}
	return c.Of
}

// cacheOf is how long the API was asked to keep each task's system prompt.
func cacheOf(m store.Manifest) map[string]string {
	ttl := map[string]string{}
	for _, t := range m.Tasks {
		ttl[t.Name] = t.Cache
	}
	return ttl
}

// coldOf is what was asked of each task's prompt cache, for cold against warm.
func coldOf(m store.Manifest) map[string]cache.Task {
	tasks := map[string]cache.Task{}
	for _, t := range m.Tasks {
		tasks[t.Name] = cache.Task{Cold: t.Cold, TTL: t.Cache}
	}
	return tasks
}

// heldOf lists the stretches of a plan in which the load stays as it is. A stage
// is a ramp from the target of the one before; of no length, a jump.
func heldOf(l store.Load) []diagnose.Stretch {
	held := []diagnose.Stretch{}
	at, target, goesOn := time.Duration(0), 0.0, false
	for _, s := range l.Stages {
		end := at + s.Duration
		switch {
		case s.Target != target:
			goesOn = false
		case s.Duration > 0 && goesOn:
			held[len(held)-1].To = end
		case s.Duration > 0:
			held, goesOn = append(held, diagnose.Stretch{From: at, To: end}), true
		}
		at, target = end, s.Target
	}
	if l.End == 0 && target > 0 { // the last target is held until all requests are done
		held = append(held, diagnose.Stretch{From: at})
	}
	return held
}

// assemble judges what the records add up to.
func assemble(m store.Manifest, table *metrics.Table, evidence *diagnose.Evidence) (*Report, error) {
	meta := metaOf(m)
	s := table.Summary(meta)
	source := table.Source(meta)
	ts, err := judge(m.Thresholds, source)
	if err != nil {
		return nil, err
	}
	evidence.MaxE2E, evidence.E2EFailed = askedOfE2E(m, ts)
	found := evidence.Diagnosis(s)
	rep := &Report{
		Version: FormatVersion, Run: runOf(m), Group: s.Group,
		Limits: orEmpty(s.Limits), Classes: orEmptyMap(s.Classes), StopReasons: orEmptyMap(s.StopReasons),
		Thresholds: ts, Checks: orEmpty(s.Checks), Findings: found.Findings, Diagnosis: found, Generator: s.Generator, Connections: s.Connections,
		Tasks: orEmptyMap(s.Tasks), Models: orEmptyMap(s.Models), Stages: orEmptyMap(s.Stages), Series: s.Series,
		Errors: []ErrorCount{}, Notes: notes(m, s), times: timesOf(s, source),
	}
	rep.Generator.Reasons, rep.Generator.Warnings = orEmpty(s.Generator.Reasons), orEmpty(s.Generator.Warnings)
	rep.Run.Outcome, rep.Run.ExitCode = Decide(m.Stop.Cause, answered(s), s.Generator.Valid, ts)
	return rep, nil
}

// askedOfE2E is how long a whole answer may take: the bound of a threshold on the
// run's e2e that failed, the tightest of several, or else the slo.
func askedOfE2E(m store.Manifest, ts []Threshold) (most time.Duration, failed bool) {
	for _, t := range ts {
		e, err := threshold.Parse(t.Metric, t.Expression)
		if err != nil || t.Verdict != threshold.Failed || e.Metric != "e2e" || len(e.Selector) > 0 || !strings.HasPrefix(e.Op, "<") || e.Unit() != threshold.Milliseconds {
			continue
		}
		if d := time.Duration(e.Bound * float64(time.Millisecond)); !failed || d < most {
			most, failed = d, true
		}
	}
	if failed {
		return most, true
	}
	return m.SLO.E2E, false
}

// answered returns the counts for the verdict, in which a request that ended ok
// in the warm-up or past the budget is one that ended ok.
func answered(s metrics.Summary) metrics.Requests {
	req := s.Requests
	if req.OK == 0 {
		req.OK = s.EndedOK
	}
	return req
}

func orEmpty[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

func orEmptyMap[T any](m map[string]T) map[string]T {
	if m == nil {
		return map[string]T{}
	}
	return m
}

func metaOf(m store.Manifest) metrics.Meta {
	meta := metrics.Meta{
		Planned: m.Load.Planned, PlannedWarmUp: m.Load.PlannedWarmUp, OpenLoop: m.Load.Mode == "arrivals", WarmUp: m.Load.WarmUp, End: m.Load.End,
		MaxInFlight: m.Load.MaxInFlight, SLOTTFT: m.SLO.TTFT, SLOE2E: m.SLO.E2E,
		Clock: m.Clock, ClockSteps: m.ClockSteps, Cores: m.Machine.Cores, SimInside: m.Target == "sim",
		Partial: partial(m), Checks: m.Checks,
	}
	from := time.Duration(0)
	for _, st := range m.Load.Stages {
		meta.Stages = append(meta.Stages, metrics.Span{Stage: st.Name, From: from, To: from + st.Duration})
		from += st.Duration
	}
	if m.BudgetUSD != nil {
		meta.Budget = *m.BudgetUSD
	}
	return meta
}

// partial reports whether the load was cut short: by a kill, a signal, the
// budget, an abort threshold or an error.
func partial(m store.Manifest) bool { return m.Ended == nil || m.Stop.Cause != "completed" }

// duration is from the start to the end; of a run that was killed, to its last record.
func duration(m store.Manifest, last time.Duration) time.Duration {
	if m.Ended == nil {
		return last
	}
	return m.Ended.Sub(m.Started)
}

func runOf(m store.Manifest) Run {
	r := Run{
		ID: m.ID, Name: m.Name, Target: m.Target, Seed: m.Seed, Partial: partial(m),
		StopCause: m.Stop.Cause, StopDetail: m.Stop.Detail, Started: m.Started.UTC(), Tool: m.ToolVersion,
		API: m.API, HTTP: m.HTTP, Load: loadWords(m.Load), OnLimit: m.OnLimit,
		PricesAsOf: m.PricesAsOf, PlanSHA256: m.PlanSHA256, Models: []string{}, Stages: []string{},
	}
	for _, st := range m.Load.Stages {
		if st.Name != "" {
			r.Stages = append(r.Stages, st.Name)
		}
	}
	models := map[string]bool{}
	for _, t := range m.Tasks {
		models[t.Model] = true
	}
	r.Models = append(r.Models, slices.Sorted(maps.Keys(models))...)
	return r
}

// loadWords says what load was asked for, in a few words.
func loadWords(l store.Load) string {
	most := 0.0
	for _, s := range l.Stages {
		most = max(most, s.Target)
	}
	amount := strconv.FormatFloat(most, 'f', -1, 64)
	var words string
	switch l.Mode {
	case "arrivals":
		words = strings.TrimSpace(l.Process + " arrivals, up to " + amount + "/s")
	case "users":
		words = amount + " users at most"
	default:
		return l.Mode
	}
	n := 0
	for _, st := range l.Stages {
		if st.Name != "" || st.Duration > 0 { // a short form's jump is no stage of the plan's
			n++
		}
	}
	if n > 1 {
		words += fmt.Sprintf(", %d stages", n)
	}
	if l.Planned > 0 {
		words += ", " + thousands(int64(l.Planned)) + " requests"
	}
	return words
}

func judge(ts []store.Threshold, source threshold.Source) ([]Threshold, error) {
	out := []Threshold{}
	for _, t := range ts {
		e, err := threshold.Parse(t.Metric, t.Expression)
		if err != nil {
			return nil, fmt.Errorf("threshold %q of %q: %w", t.Expression, t.Metric, err)
		}
		r := e.Judge(source)
		row := Threshold{Metric: t.Metric, Expression: t.Expression, Value: metrics.Number(r.Value),
			Unit: e.Unit().String(), N: r.N, Verdict: r.Verdict, LowN: r.LowN}
		if r.Verdict == threshold.NoData {
			row.Value = metrics.Withheld()
		}
		out = append(out, row)
	}
	return out, nil
}

// notes name the figures that are approximate.
func notes(m store.Manifest, s metrics.Summary) []string {
	out := []string{}
	for _, t := range m.Tasks {
		if strings.Contains(t.Prompts, "synthetic") {
			out = append(out, "Synthetic prompts have their length by bytes: the tokens that the API counts differ from the wanted ones.")
			break
		}
	}
	if s.Latency.EventGap.Count > 0 {
		out = append(out, "event_gap is the time between content events, not between tokens; its percentiles come from a histogram (error ≤ 1 %).")
	}
	if s.Cost.UncertainUSD > 0 {
		out = append(out, fmt.Sprintf("The cost holds %s of upper bounds, for answers that ended before the API said what it counted.", s.Cost.UncertainUSD))
	}
	return out
}
