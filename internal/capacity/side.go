package capacity

import (
	"math"
	"slices"
	"time"
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
const (
	patience     = 170 * time.Second
	userPatience = 155 * time.Second
)

// dear reports whether a probe would make the search of the thresholds dearer than
// the answer is worth. Who asks for a finer answer is given more.
func (s *Search) dear(step Step, hi float64) bool {
	worth := hi // below a queue's plateau the answer is near; the root may be far off yet
	_, fits := s.queue()
	if _, _, piles := s.getsDone(); !piles || fits {
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
	most := patience
	if s.Users { // of more than can be served no more is answered, in a sweep neither
		most = userPatience
	}
	return used > s.arrivals(s.Users, worth)*most.Seconds()*usualPrecision/s.Precision
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

// sharp reports whether the root is known as well as was asked for, as far as more
// probes could tell it better.
func (s *Search) sharp() bool {
	_, at, found := s.firstRoot()
	if !found {
		return false
	}
	if r, byQueue, _ := s.rootOf(at, s.points(at)); byQueue {
		return 2*1.96*s.chance(at, r) <= s.Precision
	}
	e := s.kept()[at].Root
	return e.High-e.Low <= s.Precision*e.Value
}

// short is how far below a fitted queue's root a probe is made, that shows it kept.
const short = 0.98

// between is the load that teaches most in a bracket: where the criterion is just
// kept, by what is known so far, but not at its very ends.
func (s *Search) between(lo, hi float64) float64 {
	next := math.Sqrt(lo * hi)
	r, found := s.root()
	if most, _, ok := s.getsDone(); ok && hi > most*0.8 {
		back := max(s.reserve(most), 0.05)
		if hi < 0.99*most {
			back *= 0.7 // one that was made, and not kept
		}
		down := min(most, hi) * (1 - back)
		if _, fits := s.queue(); fits && found {
			down = r * short
		}
		if down > lo*1.02 {
			next = down
		}
	} else if found {
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

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
