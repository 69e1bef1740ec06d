package diagnose

import (
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// A change over the run is a finding from here on.
const (
	driftSize  = 1.2   // times as slow, or as fast
	driftLeast = 1.1   // the same, by the end of its interval
	driftRho   = 0.65  // Spearman's, of a trend
	driftP     = 0.001 // of a trend; of a step, over all places where it may be
	driftLevel = 0.99
	leastSteps = 3   // windows between two
	driftLoad  = 3.0 // standard errors from which the requests in flight have a part in it
	driftPart  = 0.5 // of a queue, that a drift must make up to stand for it
)

// moved is how a figure changed over a stretch in which the load was held.
type moved struct {
	series
	name    string
	total   stats.Estimate // logarithm of the change over the stretch; more is slower
	perHour stats.Estimate
	rho, p  float64
	worth   float64 // independent windows
	trend   bool
	steps   []step
	slope   float64 // on the requests in flight, in standard errors
	matched bool    // only answers in like crowds are compared
}

// step is a change from one level to another.
type step struct {
	at            time.Duration
	size          stats.Estimate // logarithm
	before, after [2]int         // windows
	p             float64
}

func (m moved) found() bool { return m.trend || len(m.steps) > 0 }

// movedOf tests a series for a trend and for steps.
func movedOf(name string, s series) moved {
	m := moved{series: s, name: name}
	slope, intercept := stats.TheilSen(s.hours, s.level, driftLevel, sampleSeed)
	rest := make([]float64, len(s.level))
	for i := range rest {
		rest[i] = s.level[i] - intercept - slope.Value*s.hours[i]
	}
	m.worth = stats.EffectiveN(len(rest), stats.Autocorrelation(rest))
	wide := math.Sqrt(float64(len(rest)) / m.worth)
	m.perHour = stats.Estimate{Value: slope.Value, Low: slope.Value - wide*(slope.Value-slope.Low), High: slope.Value + wide*(slope.High-slope.Value), N: slope.N}
	span := s.hours[len(s.hours)-1] - s.hours[0]
	m.total = stats.Estimate{Value: m.perHour.Value * span, Low: m.perHour.Low * span, High: m.perHour.High * span}
	m.rho, m.p = stats.Spearman(s.hours, s.level)
	m.trend = math.Abs(m.rho) > driftRho && m.p < driftP && matters(m.total)
	m.steps = s.steps()
	m.trend = m.trend && !s.oneStep(rest, m.steps)
	_, m.slope = s.byLoad()
	return m
}

// matters reports whether a change is large enough, and surely so.
func matters(e stats.Estimate) bool {
	least := math.Log(driftLeast)
	return e.Bounded() && math.Abs(e.Value) >= math.Log(driftSize) && (e.Low > least || e.High < -least)
}

// steps finds the changes of level that are large and sure enough.
func (s series) steps() (out []step) {
	changes := stats.Changes(s.level, max(leastSteps, len(s.level)/10))
	for i, c := range changes {
		from, to := 0, len(s.level)
		if i > 0 {
			from = changes[i-1].At
		}
		if i+1 < len(changes) {
			to = changes[i+1].At
		}
		st := step{before: [2]int{from, c.At}, after: [2]int{c.At, to}}
		a, b := s.part(st.before), s.part(st.after)
		widen := stats.Widening(len(a), len(b), stats.EffectiveN(len(a), stats.Autocorrelation(a)), stats.EffectiveN(len(b), stats.Autocorrelation(b)))
		st.size = stats.HodgesLehmann(a, b, driftLevel, widen)
		st.p = min(stats.MannWhitney(a, b, widen).P*float64(len(s.level)), 1)
		first, _ := s.window(c.At)
		st.at = s.answers[first].started
		if st.p < driftP && matters(st.size) {
			out = append(out, st)
		}
	}
	return out
}

// oneStep reports whether one step describes the levels better than a line that
// leaves rest, both having as many parameters. Several are told of as a trend.
func (s series) oneStep(rest []float64, steps []step) bool {
	if len(steps) != 1 {
		return false
	}
	at := steps[0].after[0]
	before, after := stats.Median(s.level[:at]), stats.Median(s.level[at:])
	line, stairs := 0.0, 0.0
	for i, y := range s.level {
		line += rest[i] * rest[i]
		if i < at {
			stairs += (y - before) * (y - before)
		} else {
			stairs += (y - after) * (y - after)
		}
	}
	return stairs < line
}

// part is the values of a range of windows.
func (s series) part(windows [2]int) []float64 {
	from, _ := s.window(windows[0])
	_, to := s.window(windows[1] - 1)
	return s.by[from:to]
}

// largest is the largest of the steps.
func (m moved) largest() step {
	return slices.MaxFunc(m.steps, func(a, b step) int {
		return int(math.Copysign(1, math.Abs(a.size.Value)-math.Abs(b.size.Value)))
	})
}

// size is the change that is told of: the trend's, or the largest step's.
func (m moved) size() stats.Estimate {
	if m.trend {
		return m.total
	}
	return m.largest().size
}

// drift looks for answers that become slower or faster while the load is held.
func (e *Evidence) drift(s metrics.Summary) outcome {
	looked, found, unclear := e.drifts()
	switch {
	case len(found) > 0:
		return one(driftFinding(found, looked, s.Generator.Valid), true)
	case unclear:
		return lacks("like numbers of requests in flight early and late: the times changed, and so did our own requests in flight, which have a part in them")
	case len(looked) == 0:
		return lacks("%d streamed answers to first attempts in a stretch in which the load is held, of kinds of request that come from its beginning to its end", minWindow*minWindows)
	}
	return outcome{}
}

// queueing is the test for a queue, held against drift: answers that become
// slower by themselves keep more requests in flight. Where, at one time, a larger
// crowd is no slower, it is the time that matters; unless it changes too little
// to make up half of what the queue does.
func (e *Evidence) queueing(s metrics.Summary) outcome {
	o := e.queue(s)
	if len(o.findings) == 0 {
		return o
	}
	_, found, _ := e.drifts()
	for _, m := range found {
		if !m.matched && math.Abs(m.size().Value) >= driftPart*e.queueSize() {
			return outcome{}
		}
	}
	return o
}

// drifts follows each figure; unclear is that our own load may explain a change.
func (e *Evidence) drifts() (looked, found []moved, unclear bool) {
	answers := longestHeld(e.sample.inOrder(), e.Held)
	for _, f := range []figure{
		{"service_ttft", func(a answer) float64 { return a.service }, 1},
		{"the time per output token", func(a answer) float64 { return a.rate }, -1},
	} {
		m, ok, clear := follow(answers, f)
		if !clear {
			unclear = true
		}
		if !ok {
			continue
		}
		looked = append(looked, m)
		if m.found() {
			found = append(found, m)
		}
	}
	return looked, found, unclear
}

// follow tests one figure. Where it changes and our own requests in flight have a
// part in it, only answers that started in like crowds are held against each
// other; clear is false where there are too few of those.
func follow(answers []answer, f figure) (m moved, ok, clear bool) {
	s, ok := seriesOf(answers, f, withCache)
	if !ok {
		return m, false, true
	}
	m = movedOf(f.name, s)
	if !m.found() || m.slope < driftLoad {
		return m, true, true
	}
	s, ok = seriesOf(answers, f, crowded)
	if !ok {
		return m, false, false
	}
	slope := m.slope
	m = movedOf(f.name, s)
	m.slope, m.matched = slope, true
	return m, true, true
}
