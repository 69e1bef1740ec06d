package capacity

import (
	"cmp"
	"math"
	"slices"
	"time"

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
	if len(s.Criteria) == 0 {
		if s.has(Climb) > 0 || s.spoiled(Climb) >= 2 {
			return Step{}, false
		}
		return s.ramp(), true
	}
	top := s.Max
	if known > 0 {
		top = min(top, below*s.load(known))
	}
	lo, hi := s.bracket()
	if hi > 0 && (known == 0 || hi < bound*s.load(known)) {
		return s.refine()
	}
	if lo >= top*0.95 || s.made(Climb) >= mostClimbs {
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
	return s.climb(next, known > 0 && next == s.whole(top)), true
}

// mostClimbs bounds a climb, whatever its steps show: twice the load each time, these
// are a million times where it began, with as many that had to be repeated.
const mostClimbs = 40

// made counts the steps of a kind, the spoiled ones too.
func (s *Search) made(k Kind) int {
	n := 0
	for i := range s.done {
		if s.done[i].Kind == k {
			n++
		}
	}
	return n
}

// A ramp goes on as long as a climb of these: about 2,000 times where it began.
const (
	gentle    = 1.6 // what is in flight when a limit ends it is paid for, so that its last load must not be far above
	rampLoads = 16
)

// ramp is the climb that only a limit can end.
func (s *Search) ramp() Step {
	first := s.arrivals(s.Users, s.start(s.Max))
	loads := rampLoads
	if most := s.arrivals(s.Users, s.Max); !math.IsInf(most, 1) {
		loads = max(1, min(loads, 1+int(math.Log(most/first)/math.Log(gentle))))
	}
	return Step{Kind: Climb, Load: first, Ramp: gentle, Most: time.Duration(loads) * RampStep, Tail: climbTail}
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
	first := 1 / max(s.cycle().Value, 0.01)
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

func (s *Search) climb(load float64, last bool) Step {
	wait := seconds(s.cycle().Value)
	step := Step{Kind: Climb, Users: s.Users, Load: load, Most: 10*time.Second + 2*wait, Least: 4*time.Second + wait, Settle: wait, Decide: true, Tail: climbTail}
	if last {
		step.Most += 15 * time.Second // what is above is not tried before the limits
		step.Least += 16 * time.Second
	}
	return step
}

// refine is the next probe in the bracket, until its ends are near enough.
func (s *Search) refine() (Step, bool) {
	lo, hi := s.bracket()
	if hi == 0 || hi <= s.Min || lo == 0 && s.triedLeast() || s.has(Probe) >= mostProbes || s.longProbes() >= mostLong {
		return Step{}, false
	}
	if lo == 0 {
		next := s.whole(max(hi/2, s.Min))
		if next >= hi {
			return Step{}, false
		}
		return s.probe(next, next, hi), true
	}
	if hi/lo <= 1+s.Precision || s.Users && hi-lo <= 1 || s.longProbes() > 0 && s.sharp() {
		return Step{}, false
	}
	step := s.probe(s.between(lo, hi), lo, hi)
	if s.dear(step, hi) {
		return Step{}, false
	}
	return step, true
}

// triedLeast reports whether the least load was made. What it really was may be a
// little more.
func (s *Search) triedLeast() bool {
	return slices.ContainsFunc(s.done, func(d done) bool { return s.judges(&d) && d.Load <= s.Min*1.001 })
}

// patience is how long the load that is found would have to be made to take as
// many requests as the search for it may.
const patience = 170 * time.Second

// dear reports whether a probe would make the search of the thresholds dearer than
// the answer is worth. Who asks for a finer answer is given more.
func (s *Search) dear(step Step, hi float64) bool {
	worth := hi // below a queue's plateau the answer is near; the root may be far off yet
	if _, _, queue := s.getsDone(); !queue {
		if root, found := s.root(); found && s.longProbes() > 0 {
			worth = root
		}
	}
	used := s.Expected(step) * 0.85 // most end early
	for i := range s.done {
		for j := range s.done[i].Calls {
			if s.done[i].Calls[j].billed() {
				used++
			}
		}
	}
	return used > s.arrivals(s.Users, worth)*patience.Seconds()*usualPrecision/s.Precision
}

// longProbes counts the probes that were long enough for a queue to show.
func (s *Search) longProbes() int {
	n := 0
	for _, d := range s.done {
		if d.Kind == Probe && d.Spoiled == "" && d.Least >= longProbe/2 {
			n++
		}
	}
	return n
}

// sharp reports whether the root is known as well as was asked for.
func (s *Search) sharp() bool {
	_, at, found := s.firstRoot(s.points)
	if !found {
		return false
	}
	e := s.kept()[at].Root
	return e.High-e.Low <= s.Precision*e.Value
}

// between is the load that teaches most in a bracket: where the criterion is just
// kept, by what is known so far, but not at its very ends.
func (s *Search) between(lo, hi float64) float64 {
	next := math.Sqrt(lo * hi)
	if most, _, ok := s.getsDone(); ok && hi > most*0.8 {
		back := max(s.reserve(most), 0.05)
		if hi < 0.99*most {
			back *= 0.7 // one that was made, and not kept
		}
		if down := min(most, hi) * (1 - back); down > lo*1.02 {
			next = down
		}
	} else if r, found := s.root(); found {
		part := math.Pow(hi/lo, 0.15)
		if inside := lo*part < r && r < hi/part; inside || s.has(Probe) == 0 {
			next = max(lo*part, min(r, hi/part))
		} // else the fit leans on one end again: the middle tells more
	}
	if s.Users {
		return max(lo+1, min(s.whole(next), hi-1))
	}
	return next
}

// probe is a step inside a bracket. Where a queue may grow slowly, and where the
// ends are near each other, it must be long.
func (s *Search) probe(load, lo, hi float64) Step {
	wait := seconds(s.cycle().Value)
	step := Step{Kind: Probe, Users: s.Users, Load: load, Most: longProbe, Settle: longProbe / 4, Least: 20*time.Second + wait, Decide: true, Tail: climbTail}
	_, _, queue := s.getsDone()
	if s.Users {
		step.Settle = min(3*wait, longProbe/4)
		step.Least = step.Settle + 10*time.Second
	}
	if queue || hi/lo < 1.4 {
		step.Least = longProbe * 3 / 4
		step.Lead = s.lead()
	}
	return step
}

// point is what one load showed of one criterion, over all steps at it.
type point struct {
	load, y, worth, err float64
	anchor              bool // the load that the target gets done, not one that was made
}

// points are what the steps showed of a criterion, by load. Where a queue grew
// without end the criterion is violated sooner or later, whatever the step saw.
func (s *Search) points(at int) []point {
	var all []point
	c := s.Criteria[at]
	for i := range s.done {
		d := &s.done[i]
		if !s.judges(d) || d.Shown[at].N == 0 || math.IsNaN(d.Shown[at].Share) {
			continue
		}
		h := d.Shown[at]
		switch {
		case d.grows && c.Slack > 0:
			h.Share, h.Worth = max(h.Share, c.outgrown()), max(h.Worth, 20)
		case d.Kind == Climb && h.Share > c.allowed() && !c.surely(h):
			h.Share = c.allowed() // a short step at a low load, and an unlucky one
		}
		all = addPoint(all, point{load: s.effective(d), y: h.Share, worth: h.Worth, err: h.Error})
	}
	if p, ok := s.plateauPoint(c); ok {
		all = addPoint(all, p)
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Compare(a.load, b.load) })
	return all
}

// addPoint adds a point, to one of the same load if there is one.
func addPoint(all []point, p point) []point {
	i := slices.IndexFunc(all, func(q point) bool { return q.load == p.load })
	if i < 0 {
		return append(all, p)
	}
	q := &all[i]
	sum := q.worth + p.worth
	q.y = (q.y*q.worth + p.y*p.worth) / sum
	q.err = math.Hypot(q.err*q.worth, p.err*p.worth) / sum
	q.worth = sum
	return all
}

// judges reports whether a step says something of the criteria. The short steps of
// a climb do not where a queue takes longer to grow than they last.
func (s *Search) judges(d *done) bool {
	if d.Spoiled != "" || d.Users != s.Users || d.Kind != Climb && d.Kind != Probe && d.Kind != Confirm {
		return false
	}
	most, _, ok := s.getsDone()
	return !ok || d.Kind != Climb || d.grows || d.Load < nearPlateau*most
}

const nearPlateau = 0.8

// outgrown is the value of a criterion's points where a queue grows without end.
func (c Criterion) outgrown() float64 {
	if c.Allowed > 0 {
		return max(0.7, c.Allowed)
	}
	return 2
}

// surely reports whether more than chance is above what is allowed.
func (c Criterion) surely(h shown) bool {
	if c.Allowed == 0 {
		return h.Share-2*h.Error > 1
	}
	worth := max(h.Worth, float64(h.N)/10)
	return h.Share-2*math.Sqrt(c.Allowed*(1-c.Allowed)/worth) > c.Allowed
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
	for at, c := range s.Criteria {
		points := s.points(at)
		for i, y := range isotonic(points) {
			if y > c.allowed() && (hi == 0 || points[i].load < hi) {
				hi = points[i].load
			}
		}
	}
	for i := range s.done {
		d := &s.done[i]
		if load := s.effective(d); s.judges(d) && (hi == 0 || load < hi) && (hi > 0 || d.Kind != Confirm) {
			lo = max(lo, load)
		}
	}
	return lo, hi
}

// root is the load at which the first criterion is just kept; false is that all
// are kept as far as was tried.
func (s *Search) root() (float64, bool) {
	r, _, ok := s.firstRoot(s.points)
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
		// What is there at the least load has nothing to do with it.
		base := min(fit[0], level/2)
		over := func(y, worth float64) float64 {
			y = max(y-base, 0.5*level/max(worth*level, 1))
			if level < 1 { // a share has an upper end, too
				y = min(y, 1-0.5/max(worth, 1))
				return math.Log(y / (1 - y))
			}
			return math.Log(y)
		}
		a, b := over(fit[i-1], points[i-1].worth), over(y, points[i].worth)
		part := 1.0
		if b > a {
			part = min(max((over(level, points[i].worth)-a)/(b-a), 0), 1)
		}
		return points[i-1].load * math.Pow(points[i].load/points[i-1].load, part), true
	}
	return 0, false
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
