package estimate

import (
	"math"
	"slices"

	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/plan"
)

// clearMost is the longest plan that is walked through again and again, in
// requests; of a longer one the answer is reckoned from the rates.
const clearMost = 20_000

// Clears returns the first of several sets of limits under which the plan meets
// no 429; -1 is none of them.
func Clears(c Config, sets []map[string]limit.Rates) int {
	return slices.IndexFunc(sets, func(l map[string]limit.Rates) bool {
		c.Limits = l
		return !refuses(c)
	})
}

// refuses reports whether any attempt of the plan would meet a 429; the walk ends
// with the first.
func refuses(c Config) bool {
	p := *c.Plan
	p.OnLimit.Mode = limit.Measure
	c.Plan = &p
	w := newWalk(c)
	w.untilRefused = true
	w.run()
	return w.refused
}

// Sustains returns the first of several sets of limits that have room for the
// offered rates, however long they go on; -1 is none of them.
func Sustains(e Estimate, sets []map[string]limit.Rates) int {
	return slices.IndexFunc(sets, func(l map[string]limit.Rates) bool {
		for _, c := range e.Classes {
			for _, o := range c.Offers {
				if n := l[c.Name].Of(o.Kind); n > 0 && o.PerMinute > float64(n) {
					return false
				}
			}
		}
		return true
	})
}

// MostUsers returns the highest peak number of users with which the plan, its
// stages in proportion, meets no 429: up to its own, and
// 0 where not even one goes free. Exact is false where it was reckoned from the
// offered rates.
func MostUsers(c Config, e Estimate) (users int, exact bool) {
	peak := c.Plan.Load.Users
	if e.OK > clearMost {
		return min(peak, int(float64(peak)/mostShare(e))), false
	}
	low, high := 0, peak+1 // low users are known to pass
	for high-low > 1 {
		n := (low + high) / 2
		if refuses(scaled(c, float64(n)/float64(peak), n)) {
			high = n
		} else {
			low = n
		}
	}
	return low, true
}

// MostRate returns the highest peak rate of arrivals, a second, with which the
// plan, its stages in proportion, meets no 429: up to its own, to 1 in 256 of it.
func MostRate(c Config, e Estimate) (perSecond float64, exact bool) {
	peak := c.Plan.Load.Profile.Peak()
	if e.OK > clearMost {
		return peak / max(1, mostShare(e)), false
	}
	low, high := 0, 256+1
	for high-low > 1 {
		n := (low + high) / 2
		if refuses(scaled(c, float64(n)/256, 0)) {
			high = n
		} else {
			low = n
		}
	}
	return peak * float64(low) / 256, true
}

// Sustained is the part of the load that no limit would refuse however long it
// went on; 1 and over is all of it.
func Sustained(e Estimate) float64 { return 1 / mostShare(e) }

func mostShare(e Estimate) float64 {
	most := math.SmallestNonzeroFloat64
	for _, c := range e.Classes {
		for _, o := range c.Offers {
			most = max(most, o.Share())
		}
	}
	return most
}

// scaled is the plan with a part of its load.
func scaled(c Config, part float64, users int) Config {
	p := *c.Plan
	p.Load.Users = users
	p.Load.Profile.Stages = slices.Clone(p.Load.Profile.Stages)
	for i := range p.Load.Profile.Stages {
		s := &p.Load.Profile.Stages[i]
		s.Target *= part
		if p.Load.Mode == plan.Users {
			s.Target = math.Floor(s.Target + 1e-9)
		}
	}
	c.Plan = &p
	return c
}
