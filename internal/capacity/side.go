package capacity

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/stats"
)

// side is the next step that shows the criteria, and where no header tells the
// limits, whether there are any: twice the load each time until something gives,
// then between what was kept and what was not.
func (s *Search) side() (Step, bool) {
	known := s.announcedLoad()
	if len(s.Criteria) == 0 && known > 0 {
		return Step{}, false
	}
	if _, refused := s.met429(); refused && known == 0 {
		return s.refine() // a limit ends the climb; what was found before is made sharper
	}
	top := s.Max
	if known > 0 {
		top = min(top, below*s.load(known))
	}
	lo, hi := s.bracket()
	if hi > 0 {
		return s.refine()
	}
	if lo >= top*0.999 {
		return Step{}, false
	}
	next := 2 * lo
	if lo == 0 {
		next = s.start(top)
	}
	if next > top*0.75 {
		next = top
	}
	next = s.whole(next)
	if next <= lo {
		return Step{}, false
	}
	return s.climb(next), true
}

// announcedLoad is the lowest ceiling that headers tell; 0 is none.
func (s *Search) announcedLoad() float64 {
	for _, c := range s.ceilings() {
		if !math.IsNaN(c.Said) {
			return c.Load.Value
		}
	}
	return 0
}

// start is where the climb begins: a quarter of a known ceiling, else what one
// user makes.
func (s *Search) start(top float64) float64 {
	first := 1 / max(s.cycle, 0.01)
	if s.Users {
		first = warmUpUsers
	}
	if !math.IsInf(top, 1) {
		first = max(min(first, top), firstAmount*top)
	}
	return max(first, s.Min)
}

// whole is a load that can be made: users come in one piece.
func (s *Search) whole(load float64) float64 {
	if s.Users {
		return max(1, math.Round(load))
	}
	return load
}

func (s *Search) climb(load float64) Step {
	wait := seconds(s.cycle)
	step := Step{Kind: Climb, Users: s.Users, Load: load, Most: 10*time.Second + 2*wait, Least: 4*time.Second + wait, Decide: true, Tail: climbTail}
	if len(s.Criteria) == 0 {
		step.Most, step.Decide = 4*time.Second, false
		if s.Users {
			step.Most += wait
		}
		step.Most += climbTail // ends it so long after a refusal, which may come at its end
		step.Most -= climbTail
	}
	return step
}

// refine is the next probe in the bracket, until its ends are near enough.
func (s *Search) refine() (Step, bool) {
	lo, hi := s.bracket()
	if hi == 0 || hi <= s.Min || s.has(Probe) >= mostProbes {
		return Step{}, false
	}
	if lo == 0 {
		next := s.whole(max(hi/2, s.Min))
		if next >= hi {
			return Step{}, false
		}
		return s.probe(next, next, hi), true
	}
	if hi/lo <= 1+s.Precision || s.Users && hi-lo <= 1 {
		return Step{}, false
	}
	next := math.Sqrt(lo * hi)
	if served, ok := s.served(hi); ok && s.has(Probe) == 0 && !s.Users {
		next = max(lo*1.05, min(served*confirmAt, hi/1.05))
	}
	next = s.whole(next)
	if s.Users {
		next = max(lo+1, min(next, hi-1))
	}
	return s.probe(next, lo, hi), true
}

// probe is a step inside a bracket. A queue that is overloaded by a little grows
// slowly: the nearer the ends of the bracket, the longer the step.
func (s *Search) probe(load, lo, hi float64) Step {
	slack := time.Duration(0)
	for _, c := range s.Criteria {
		slack = max(slack, c.Slack)
	}
	wait := seconds(s.cycle)
	least := leastStep + wait
	if s.Users {
		least += 4 * wait
	} else if hi > lo {
		least += min(seconds(2*slack.Seconds()/(hi/lo-1)), longProbe)
	}
	return Step{Kind: Probe, Users: s.Users, Load: load, Most: longProbe, Least: min(least, longProbe*3/4), Decide: true, Tail: climbTail}
}

// served is how many requests a second ended in the second half of the step at
// a load: what an overloaded target gets done.
func (s *Search) served(load float64) (float64, bool) {
	for _, d := range s.done {
		if d.Load != load || d.Users || d.Kind != Climb && d.Kind != Probe {
			continue
		}
		last := time.Duration(0)
		for i := range d.Calls {
			last = max(last, d.Calls[i].Due)
		}
		n := 0
		for i := range d.Calls {
			if c := &d.Calls[i]; c.Class == call.OK && c.Done > last/2 && c.Done <= last {
				n++
			}
		}
		if n >= 20 {
			return float64(n) / (last / 2).Seconds(), true
		}
	}
	return 0, false
}

// point is what one load showed of one criterion, over all steps at it.
type point struct{ load, y, worth, err float64 }

// points are what the steps showed of a criterion, by load.
func (s *Search) points(at int) []point {
	var all []point
	for _, d := range s.done {
		if d.Spoiled != "" || d.Users != s.Users || d.Kind != Climb && d.Kind != Probe && d.Kind != Confirm {
			continue
		}
		h := d.Shown[at]
		if h.N == 0 || math.IsNaN(h.Share) {
			continue
		}
		i := slices.IndexFunc(all, func(p point) bool { return p.load == d.Load })
		if i < 0 {
			all = append(all, point{d.Load, h.Share, h.Worth, h.Error})
			continue
		}
		p := &all[i]
		sum := p.worth + h.Worth
		p.y = (p.y*p.worth + h.Share*h.Worth) / sum
		p.err = math.Hypot(p.err*p.worth, h.Error*h.Worth) / sum
		p.worth = sum
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Compare(a.load, b.load) })
	return all
}

// allowed is the value of a criterion's points at which it is just kept.
func (c Criterion) allowed() float64 {
	if c.Allowed > 0 {
		return c.Allowed
	}
	return 1
}

// isotonic is the never-falling line through points.
func isotonic(points []point) []float64 {
	y, w := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		y[i], w[i] = min(p.y, 1e6), p.worth
	}
	return stats.Isotonic(y, w)
}

// bracket is the highest load at which all criteria are kept and the lowest at
// which one is not, by the isotonic fit over all steps; 0 is none.
func (s *Search) bracket() (lo, hi float64) {
	for _, d := range s.done {
		if d.Spoiled == "" && d.Users == s.Users && (d.Kind == Climb || d.Kind == Probe) {
			lo = max(lo, d.Load)
		}
	}
	for at, c := range s.Criteria {
		points := s.points(at)
		for i, y := range isotonic(points) {
			if y > c.allowed() && (hi == 0 || points[i].load < hi) {
				hi = points[i].load
			}
		}
	}
	if hi == 0 {
		return lo, 0
	}
	lo = 0
	for _, d := range s.done {
		if d.Spoiled == "" && d.Users == s.Users && (d.Kind == Climb || d.Kind == Probe || d.Kind == Confirm) && d.Load < hi {
			lo = max(lo, d.Load)
		}
	}
	return lo, hi
}

// root is the load at which the first criterion is just kept; false is that all
// are kept as far as was tried.
func (s *Search) root() (float64, bool) {
	r, _, ok := s.firstRoot(func(at int) []point { return s.points(at) })
	return r, ok
}

func (s *Search) firstRoot(points func(at int) []point) (load float64, at int, found bool) {
	for i, c := range s.Criteria {
		if r, ok := crossing(points(i), c.allowed()); ok && (!found || r < load) {
			load, at, found = r, i, true
		}
	}
	return load, at, found
}

// crossing is where the isotonic fit of points rises over a level. Between two
// loads a share rises about exponentially, so that its logarithm is a line.
func crossing(points []point, level float64) (float64, bool) {
	fit := isotonic(points)
	for i, y := range fit {
		if y <= level {
			continue
		}
		if i == 0 {
			return points[0].load * level / y, true // below all that was tried
		}
		floor := func(j int) float64 { return max(fit[j], 0.5*level/max(points[j].worth*level, 1)) }
		a, b := math.Log(floor(i-1)), math.Log(y)
		part := 1.0
		if b > a {
			part = min(max((math.Log(level)-a)/(b-a), 0), 1)
		}
		return points[i-1].load * math.Pow(points[i].load/points[i-1].load, part), true
	}
	return 0, false
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
