package capacity

import (
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/stats"
)

// What holds the answer back.
const (
	ByLimit     = "limit"     // a rate limit
	ByCriterion = "threshold" // a criterion
	ByBound     = "bound"     // the highest load that the search was to try
	ByMachine   = "machine"   // our own
	ByUnseen    = "unseen"    // nothing; a limit above the answer may not have shown yet, the bucket being full
)

// Answer is what a search has found so far.
type Answer struct {
	// Load is the highest sustainable load, in users or arrivals a second; NaN where
	// nothing was learned, 0 where not even the least load keeps the criteria.
	Load     stats.Estimate
	Arrivals float64 // the same as requests a second
	AtLeast  bool    // Load was kept, and what is above was not looked at
	Bound    string  // what holds it back: ByLimit and so on, or why the search stopped
	Limit    *Ceiling
	// Criterion is the index of the criterion that binds; below 0 is none.
	Criterion int
	Ceilings  []Ceiling
	Criteria  []Kept
	Confirmed *Confirmation
	Stopped   string // why the search ended early; "" is that it did not
	Detail    string
	Spent     call.USD
	Requests  int // let through and billed, in all steps
	Attempts  int
	// Input and Output are the tokens of those requests, cached ones included.
	Input, Output int64
	Notes         []string // what qualifies the answer
}

// Kept is what was found of one criterion.
type Kept struct {
	Name string
	Root stats.Estimate // the load at which it is just kept; NaN where it was kept as far as was tried
	Upto float64        // the highest load at which it was kept; 0 is none
	// ByQueue reports whether Root is that of a queue fitted to how many were in
	// flight in all steps, else it lies between two of them.
	ByQueue bool
}

// Confirmation is what came of holding the answer with an empty bucket.
type Confirmation struct {
	Load    float64
	Users   bool
	Length  time.Duration
	Asked   int // from the first that was let through on
	Refused int // of them
	Through float64
	Empty   bool // the bucket had been emptied before
	Held    bool // it was let through
	Kept    bool // and kept the criteria
}

// Answer is the best answer so far.
func (s *Search) Answer() Answer {
	a := Answer{Criterion: -1, Ceilings: s.ceilings(), Stopped: s.stopped, Detail: s.detail, Spent: s.spent, Confirmed: s.confirmation()}
	for _, d := range s.done {
		a.Attempts += len(d.Calls)
		for i := range d.Calls {
			if c := &d.Calls[i]; c.billed() {
				a.Requests++
				a.Input += c.Prompt()
				a.Output += c.Output
			}
		}
	}
	a.Criteria = s.kept()
	upper := stats.Estimate{Value: math.Inf(1), Low: math.Inf(1), High: math.Inf(1)}
	if len(a.Ceilings) > 0 {
		c := &a.Ceilings[0]
		a.Limit, a.Bound = c, ByLimit
		upper = s.asLoad(c.Load)
		if k := a.Confirmed; k != nil && !k.Held {
			if t := s.through(*k); t.High < upper.Value {
				upper = t
			} else {
				k.Held = true // not fewer than chance allows
			}
		}
	}
	for i, k := range a.Criteria {
		if !math.IsNaN(k.Root.Value) && k.Root.Value < upper.Value {
			a.Bound, a.Criterion, a.Limit = ByCriterion, i, nil
			upper = k.Root
		}
	}
	a.Load = upper
	s.leave(&a)
	a.Arrivals = s.arrivals(s.Users, a.Load.Value)
	a.Notes = s.qualify(a)
	return a
}

// leave makes an answer of what was kept, where the search did not get as far as
// what binds.
func (s *Search) leave(a *Answer) {
	most := s.mostKept()
	open := math.IsInf(a.Load.Value, 1)
	if a.Bound == ByLimit && len(s.Criteria) > 0 && most < below*a.Load.Value*0.98 {
		open = true // the thresholds were not looked at so far up
	}
	if a.Bound == ByLimit && s.Max < a.Load.Value {
		open = true
	}
	if !open {
		return
	}
	high := a.Load.High
	unseen := false
	if len(a.Ceilings) == 0 {
		sure := s.load(s.unhidden())
		unseen = most > sure
		most = min(most, sure)
	}
	a.AtLeast, a.Limit, a.Criterion = true, nil, -1
	a.Load = stats.Estimate{Value: most, Low: most, High: high}
	if most == 0 {
		a.Load.Value, a.Load.Low = math.NaN(), math.NaN()
	}
	switch {
	case s.machine > 0:
		a.Bound = ByMachine
	case s.stopped != "":
		a.Bound = s.stopped
	case unseen:
		a.Bound = ByUnseen
	default:
		a.Bound = ByBound
	}
}

// mostKept is the highest load that was made, not refused, and kept everything.
func (s *Search) mostKept() float64 {
	most := 0.0
	for _, d := range s.done {
		if d.Spoiled != "" || d.Users != s.Users && d.Ramp == 0 || d.Kind != Climb && d.Kind != Probe && d.Kind != Confirm || d.refusals()*20 > len(d.Calls) {
			continue
		}
		ok := len(d.Calls) > 0
		for i, h := range d.Shown {
			ok = ok && !s.Criteria[i].surely(h)
		}
		if ok {
			most = max(most, s.lastLoad(&d))
		}
	}
	return most
}

// lastLoad is the load of a step, of a ramp the last that was made in full.
func (s *Search) lastLoad(d *done) float64 {
	if d.Ramp == 0 {
		return d.Load
	}
	return s.load(d.At(max(d.Length-RampStep, 0)))
}

// unhidden is the requests a second below which no limit can be that was not seen,
// were its bucket a minute's: what was let through is what the bucket held and
// what came in since.
func (s *Search) unhidden() float64 {
	n, last := 0, time.Duration(0)
	for i := range s.done {
		for j := range s.done[i].Calls {
			if c := &s.done[i].Calls[j]; c.billed() {
				n++
				last = max(last, c.Origin+c.Done)
			}
		}
	}
	return float64(n) / (time.Minute + last).Seconds()
}

// asLoad turns requests a second into the load that is looked for. How long a
// request takes is known no better than the steps have shown it.
func (s *Search) asLoad(e stats.Estimate) stats.Estimate {
	if !s.Users {
		return e
	}
	c := s.cycle()
	whole := c.Value + s.Pause.Seconds()
	out := math.Hypot(halfWidth(e), (c.High-c.Low)/2/whole)
	e.Value *= whole
	e.Low, e.High = max(0, e.Value*(1-out)), e.Value*(1+out)
	return e
}

// through is the limit as what came through when the answer was held.
func (s *Search) through(k Confirmation) stats.Estimate {
	n := float64(k.Asked - k.Refused)
	out := 2 / math.Sqrt(max(n, 1))
	e := stats.Estimate{Value: k.Through, Low: max(0, k.Through*(1-out)), High: k.Through * (1 + out), N: int(n)}
	return s.asLoad(e)
}

// confirmation reads the step that confirmed; nil is none.
func (s *Search) confirmation() *Confirmation {
	var found *Confirmation
	last := time.Duration(-1) // when a bucket was last seen empty
	for i := range s.done {
		d := &s.done[i]
		if d.Kind == Drain || d.Kind == Saturate {
			last = s.lastEmpty(d)
		}
		if d.Kind == Confirm && d.Spoiled == "" {
			found = s.confirmed(d)
			found.Empty = s.stayedEmpty(d, last)
		}
	}
	return found
}

// lastEmpty is the last instant at which a step found the bucket empty; below 0 is
// none. A limit on output is drained further by what is still being answered.
func (s *Search) lastEmpty(d *done) time.Duration {
	last := time.Duration(-1)
	if d.refusals() == 0 {
		return last
	}
	output := false
	if c := s.ceilings(); len(c) > 0 {
		output = c[0].Kind == call.LimitOutputTokens || c[0].Kind == call.LimitTokens
	}
	for i := range d.Calls {
		switch c := &d.Calls[i]; {
		case c.Class == call.RateLimited:
			last = max(last, c.Origin+c.Sent)
		case output:
			last = max(last, c.Origin+c.LastContent)
		}
	}
	return last
}

// asEmpty is the part of a bucket that may have come back when it still counts as
// empty.
const asEmpty = 0.05

// stayedEmpty reports whether a step began with a bucket that was as good as empty:
// it had been emptied just before, or refused one of the first requests, which at a
// load below the limit nothing else explains.
func (s *Search) stayedEmpty(d *done, last time.Duration) bool {
	all := s.ceilings()
	if len(all) == 0 || len(d.Calls) == 0 {
		return false
	}
	first, early := time.Duration(math.MaxInt64), time.Duration(asEmpty*float64(d.Length))
	for i := range d.Calls {
		c := &d.Calls[i]
		first = min(first, c.Origin+c.Due)
		if c.Class == call.RateLimited && c.Due <= early {
			return true
		}
	}
	return last >= 0 && (first-last).Minutes()*all[0].PerMinute.Value < asEmpty*all[0].holds()
}

func (s *Search) confirmed(d *done) *Confirmation {
	k := &Confirmation{Load: d.Load, Users: d.Users, Length: d.Length, Kept: true}
	first, last := time.Duration(math.MaxInt64), time.Duration(0)
	for i := range d.Calls {
		if c := &d.Calls[i]; c.Class != call.RateLimited && c.Sent > 0 {
			first = min(first, c.Sent)
		}
		last = max(last, d.Calls[i].Sent)
	}
	for i := range d.Calls {
		c := &d.Calls[i]
		if c.Sent < first || c.Sent == 0 {
			continue
		}
		k.Asked++
		if c.Class == call.RateLimited {
			k.Refused++
		}
	}
	if last > first {
		k.Through = float64(k.Asked-k.Refused) / (last - first).Seconds()
	}
	k.Held = k.Asked > 0 && float64(k.Refused) < fulfilled*float64(k.Asked)
	for i, h := range d.Shown {
		if s.Criteria[i].surely(h) {
			k.Kept = false
		}
	}
	return k
}

// Steps are the steps that were made, in order.
func (s *Search) Steps() []Report {
	var all []Report
	for i := range s.done {
		d := &s.done[i]
		r := Report{Step: d.Step, Outcome: d.Outcome, Attempts: len(d.Calls), Refused: d.refusals()}
		for j, h := range d.Shown {
			r.Shares = append(r.Shares, h.Share)
			if s.Criteria[j].surely(h) && (d.Kind == Climb || d.Kind == Probe || d.Kind == Confirm) {
				r.Violated = append(r.Violated, s.Criteria[j].Name)
			}
		}
		for j := range d.Calls {
			if d.Calls[j].billed() {
				r.OK++
			}
		}
		all = append(all, r)
	}
	return all
}

// Report is a step as it went.
type Report struct {
	Step
	Outcome
	Attempts, OK, Refused int
	Shares                []float64 // by criterion; NaN where it had nothing to judge
	Violated              []string
}
