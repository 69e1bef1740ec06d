package capacity

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// How steps are made.
const (
	warmUpCalls = 8
	warmUpUsers = 2
	below       = 0.90 // of a known ceiling: as far as thresholds are looked for
	overload    = 4.0  // times the limit, to drain it
	overSlope   = 1.5  // times the limit, to see its refill
	confirmAt   = 0.95 // of the answer
	mostProbes  = 7
	mostLong    = 3    // of them long enough for a queue
	bound       = 0.97 // a root below so much of the ceiling is what binds
	fulfilled   = 0.05 // of attempts: from here on a confirmation fails

	saturated   = 30 * time.Second
	longProbe   = 60 * time.Second
	drainTail   = 2 * time.Second
	climbTail   = 6 * time.Second
	leastStep   = 5 * time.Second // shorter ones are not worth their ends
	firstAmount = 0.25            // of a known ceiling: where the climb begins
)

// Search is a search under way. It is made by [New]; one goroutine may use it.
type Search struct {
	Config
	done    []done
	samples map[string]*sample // by task
	said    said
	refused map[bucket]int

	ended   int    // requests that were billed
	stopped string // one of ByBudget and so on, or done
	detail  string
	spent   call.USD
	before  int     // steps that were made before the search was taken up
	machine float64 // load at which our own machine fails; 0 is none
	fitted  *fitted
}

// done is a step that was made.
type done struct {
	Step
	Calls []Call
	Outcome
	Shown []shown // by criterion
	plateau
}

// New returns a search that has asked for nothing yet.
func New(c Config) *Search {
	return &Search{Config: c.withDefaults(), samples: map[string]*sample{}, said: said{}, refused: map[bucket]int{}}
}

// Took tells what a step showed.
func (s *Search) Took(step Step, calls []Call, o Outcome) {
	d := done{Step: step, Calls: calls, Outcome: o}
	for i := range calls {
		s.learn(&calls[i])
	}
	for i, c := range s.Criteria {
		d.Shown = append(d.Shown, showing(c, i, calls, step.Settle))
	}
	d.plateau = s.plateauOf(&d)
	s.done = append(s.done, d)
	s.fitted = nil
	s.spent += o.Cost
	if o.Stopped != "" {
		s.stopped, s.detail = o.Stopped, o.Detail
	}
	if o.Spoiled != "" && s.spoiled(step.Kind) >= 2 && step.Kind != WarmUp {
		s.machine = step.Load
		if step.Kind == Climb || step.Kind == Probe {
			s.Max = min(s.Max, s.highestGood())
		}
	}
}

// Again takes up a search with the steps it has: for one that is resumed with more
// money, or after an interruption. Why it was stopped is forgotten; and since then
// the buckets may have filled, so that one is emptied again before an answer is held.
func (s *Search) Again() { s.stopped, s.detail, s.before = "", "", len(s.done) }

// fresh reports whether a usable step of a kind was made since the search was taken
// up.
func (s *Search) fresh(k Kind) bool {
	return slices.ContainsFunc(s.done[s.before:], func(d done) bool { return d.Kind == k && d.Spoiled == "" })
}

func (s *Search) learn(c *Call) {
	s.said.add(c)
	if c.Class == call.RateLimited {
		s.refused[bucket{call.ModelClass(c.Model), kindOf(c)}]++
	}
	if !c.billed() {
		return
	}
	m := s.samples[c.Task]
	if m == nil {
		m = &sample{}
		s.samples[c.Task] = m
	}
	m.add(c)
	s.ended++
}

// spoiled counts the latest steps of a kind that our machine spoiled one after the
// other, whatever was made between them.
func (s *Search) spoiled(k Kind) int {
	n := 0
	for _, d := range slices.Backward(s.done) {
		if d.Kind != k {
			continue
		}
		if d.Spoiled == "" {
			break
		}
		n++
	}
	return n
}

// hopeless reports whether a step need not be tried: our machine has spoiled two of
// its kind in a row, the latest at no more load. Nothing was learned from them, so
// the same would be asked for without end.
func (s *Search) hopeless(step Step) bool {
	if s.spoiled(step.Kind) < 2 {
		return false
	}
	for _, d := range slices.Backward(s.done) {
		if d.Kind == step.Kind {
			return step.Load >= d.Load
		}
	}
	return false
}

// highestGood is the highest load at which a step was made that is worth something.
func (s *Search) highestGood() float64 {
	most := s.Min
	for _, d := range s.done {
		if d.Spoiled == "" && (d.Kind == Climb || d.Kind == Probe) {
			most = max(most, d.Load)
		}
	}
	return most
}

// has counts the usable steps of a kind.
func (s *Search) has(k Kind) int {
	n := 0
	for _, d := range s.done {
		if d.Kind == k && d.Spoiled == "" {
			n++
		}
	}
	return n
}

// Next returns the step to make now; false is that the search is over. Left is
// the money that is left; below 0 is that there is no budget.
func (s *Search) Next(left call.USD) (Step, bool) {
	if s.stopped != "" {
		return Step{}, false
	}
	step, more := s.want()
	if !more {
		return Step{}, false
	}
	step.N = len(s.done) + 1
	if left >= 0 {
		if step, more = s.afford(step, left); !more {
			return Step{}, false
		}
	}
	return step, true
}

// want is the step that teaches most now.
func (s *Search) want() (Step, bool) {
	if len(s.done) == 0 {
		return Step{Kind: WarmUp, Users: true, Load: warmUpUsers, Requests: warmUpCalls}, true
	}
	last := s.done[len(s.done)-1]
	if last.Spoiled != "" && s.spoiled(last.Kind) < 2 {
		again := last.Step
		again.Most /= 2
		again.Least = min(again.Least, again.Most)
		return again, true
	}
	if s.ended == 0 {
		s.Stop(ByTarget, s.unanswered())
		return Step{}, false
	}
	if step, more := s.side(); more && !s.hopeless(step) {
		return step, true
	}
	return s.limitSide()
}

// unanswered says how the calls ended of which none was answered.
func (s *Search) unanswered() string {
	n, by, why := 0, map[call.Class]int{}, ""
	for i := range s.done {
		for j := range s.done[i].Calls {
			c := &s.done[i].Calls[j]
			n++
			by[c.Class]++
			if c.Err != nil {
				why = ": " + c.Err.Message
			}
		}
	}
	var list []string
	for _, class := range call.Classes() {
		if by[class] > 0 {
			list = append(list, fmt.Sprintf("%s %d", class, by[class]))
		}
	}
	return fmt.Sprintf("not one of %d calls was answered (%s)%s", n, strings.Join(list, ", "), why)
}

// Expected is how many requests are let through in a step, as far as it is known.
func (s *Search) Expected(step Step) float64 {
	if step.Requests > 0 {
		return float64(step.Requests)
	}
	n := s.arrivals(step.Users, step.Load) * step.Most.Seconds()
	if step.Ramp > 0 {
		n = 0
		for at := time.Duration(0); at < step.Most; at += RampStep {
			n += step.At(at) * min(RampStep, step.Most-at).Seconds()
		}
	}
	if c := s.ceilings(); len(c) > 0 {
		n = min(n, c[0].holds()/c[0].Each.Value+c[0].Load.Value*step.Most.Seconds())
	}
	return n
}

// arrivals is a load as requests a second.
func (s *Search) arrivals(users bool, load float64) float64 {
	if !users {
		return load
	}
	return load / max(s.cycle().Value+s.Pause.Seconds(), 1e-3)
}

// load is requests a second as the load that is looked for.
func (s *Search) load(arrivals float64) float64 {
	if !s.Users {
		return arrivals
	}
	return arrivals * max(s.cycle().Value+s.Pause.Seconds(), 1e-3)
}

// afford makes a step as short as the money asks for, or leaves it out.
func (s *Search) afford(step Step, left call.USD) (Step, bool) {
	price := s.Expected(step) * s.dollars()
	have := left.Dollars()
	if price <= have || price == 0 || step.Requests > 0 {
		return step, true
	}
	shorter := time.Duration(float64(step.Most) * have / price)
	if step.Kind == Drain || shorter < leastStep {
		s.stopped, s.detail = ByBudget, "the next step, "+string(step.Kind)+", would take more than is left"
		return step, false
	}
	step.Most = shorter
	step.Least = min(step.Least, shorter)
	return step, true
}

// limitSide is the next step that shows the limits.
func (s *Search) limitSide() (Step, bool) {
	all := s.ceilings()
	if len(all) == 0 {
		if s.has(Saturate) < 2 && s.spoiled(Saturate) < 2 {
			if load, ok := s.rough(); ok {
				return s.saturate(load * float64(int(1)<<s.has(Saturate))), true
			}
		}
		return Step{}, false
	}
	c := all[0]
	top := s.load(c.Load.Value)
	if root, found := s.root(); found && root < top*bound {
		return Step{}, false
	}
	if s.load(c.Load.Value)*1.2 > s.Max && s.Max < math.Inf(1) {
		return Step{}, false // the search may not go where the limit is felt
	}
	if s.has(Confirm) > 0 || s.spoiled(Confirm) >= 2 {
		return Step{}, false
	}
	known := !math.IsNaN(c.Said)
	switch {
	case known && !s.fresh(Drain) && s.spoiled(Drain) < 2:
		load := min(overload*c.Load.Value, s.arrivals(s.Users, s.Max))
		c.Capacity = c.holds()
		empty := c.Exhausted(load / c.Load.Value)
		return Step{Kind: Drain, Load: load, Most: empty*11/10 + drainTail, Tail: drainTail}, true
	case !known && !s.fresh(Saturate) && s.spoiled(Saturate) < 2:
		return s.saturate(overSlope * c.Load.Value), true
	default:
		step := Step{Kind: Confirm, Users: s.Users, Load: confirmAt * top, Most: s.Confirm, Settle: s.Confirm / 4}
		if s.Users {
			step.Load = max(1, math.Floor(step.Load))
		}
		if !known {
			step.Most /= 2 // the saturation has shown the refill already
		}
		return step, true
	}
}

func (s *Search) saturate(load float64) Step {
	return Step{Kind: Saturate, Load: load, Most: saturated}
}

// rough is a load above a limit that has refused something and whose refill is not
// known: three times what it would be, were the bucket a minute's.
func (s *Search) rough() (float64, bool) {
	load, ok := s.met429()
	if !ok {
		return 0, false
	}
	return min(load, 3*s.unhidden()), true
}

// met429 is the load, as arrivals a second, at which a climb was refused.
func (s *Search) met429() (float64, bool) {
	for i := range s.done {
		d := &s.done[i]
		if d.Kind != Climb && d.Kind != Probe {
			continue
		}
		for j := range d.Calls {
			if c := &d.Calls[j]; c.Class == call.RateLimited {
				return s.arrivals(d.Users, d.At(c.Due)), true
			}
		}
	}
	return 0, false
}

func (d *done) refusals() int {
	n := 0
	for i := range d.Calls {
		if d.Calls[i].Class == call.RateLimited {
			n++
		}
	}
	return n
}

// Stop ends the search from outside, for a reason such as [ByBudget].
func (s *Search) Stop(reason, detail string) {
	if s.stopped == "" {
		s.stopped, s.detail = reason, detail
	}
}
