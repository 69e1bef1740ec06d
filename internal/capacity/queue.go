package capacity

import (
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/stats"
)

// plateau is what a step showed of the most that the target gets done.
type plateau struct {
	grows  bool    // requests piled up as long as the load went on
	served float64 // requests a second while they did
	ended  int     // that served is made from
}

// unloaded is how long a request takes at the least load that was made, mean, in
// seconds; 0 before the first.
func (s *Search) unloaded() float64 {
	n, sum := 0.0, 0.0
	s.atLeisure(func(c *Call) { n, sum = n+1, sum+(c.Done-c.Due).Seconds() })
	return sum / max(n, 1)
}

// cycle is how long a request takes, in seconds: from the steps at a load that can
// be held, and from others where they do not differ from it. The longest-held of
// them decides.
func (s *Search) cycle() stats.Estimate {
	type took struct {
		mean, square float64
		n            float64
		near         bool
	}
	var all []took
	at := -1
	for i := range s.done {
		d := &s.done[i]
		t := took{near: d.Kind == Confirm}
		sum := 0.0
		for j := range d.Calls {
			if c := &d.Calls[j]; c.Class == call.OK {
				v := (c.Done - c.Due).Seconds() - c.Held.Seconds()
				sum += v
				t.square += v * v
				t.n++
			}
		}
		if t.n == 0 || d.Spoiled != "" {
			continue
		}
		t.mean = sum / t.n
		held := d.Kind == Confirm || d.Kind == WarmUp || d.Kind == Climb && !d.grows || d.Kind == Probe && !d.grows
		if held && (at < 0 || t.n >= all[at].n || t.near) && (at < 0 || !all[at].near || t.near) {
			at = len(all)
		}
		all = append(all, t)
	}
	if at < 0 {
		return stats.Estimate{}
	}
	spread := func(t took) float64 { return max(0, t.square/t.n-t.mean*t.mean) / t.n }
	sum, square, n, means, steps := 0.0, 0.0, 0.0, 0.0, 0.0
	for i, t := range all {
		if i == at || math.Abs(t.mean-all[at].mean) < 2.5*math.Sqrt(spread(t)+spread(all[at])) {
			sum, square, n = sum+t.mean*t.n, square+t.square, n+t.n
			means, steps = means+t.mean*t.mean*t.n, steps+1
		}
	}
	e := stats.Estimate{Value: sum / n, N: int(n)}
	// Steps may differ by more than their requests explain.
	within, between := max(0, square/n-e.Value*e.Value)/n, max(0, means-n*e.Value*e.Value)/max(steps-1, 1)/n
	out := 1.96 * math.Sqrt(max(within, between))
	e.Low, e.High = max(0, e.Value-out), e.Value+out
	return e
}

// plateauOf looks for a queue that grew in a step of arrivals: more in flight at
// the end of the load than half-way, beyond chance and by a good part of what came.
func (s *Search) plateauOf(d *done) plateau {
	if d.Users || d.Kind == WarmUp || d.Kind == Saturate || d.Ramp > 0 {
		return plateau{}
	}
	var dues, ends []time.Duration
	for i := range d.Calls {
		if c := &d.Calls[i]; c.Class.Sent() && c.Class != call.RateLimited && c.Done > 0 {
			dues, ends = append(dues, c.Due), append(ends, c.Done)
		}
	}
	if len(dues) < 20 {
		return plateau{}
	}
	slices.Sort(dues)
	slices.Sort(ends)
	upTo := func(list []time.Duration, at time.Duration) int {
		n, _ := slices.BinarySearch(list, at+1)
		return n
	}
	inFlight := func(at time.Duration) int { return upTo(dues, at) - upTo(ends, at) }
	last := dues[len(dues)-1]
	peak, half := inFlight(last), inFlight(last/2)
	came := float64(len(dues) - upTo(dues, last/2))
	usual := max(d.Load*s.unloaded(), 1)
	if grew := float64(peak - half); grew < 3*math.Sqrt(2*usual) || grew < 0.08*came || float64(peak) < 1.5*usual {
		return plateau{}
	}
	// What it gets done shows while at least half of the most are in flight, after
	// the load has ended, too.
	from, to := time.Duration(-1), time.Duration(0)
	for _, at := range slices.Concat(dues, ends) {
		if 2*inFlight(at) >= peak {
			if from < 0 || at < from {
				from = at
			}
			to = max(to, at)
		}
	}
	n := upTo(ends, to) - upTo(ends, from)
	if n < 20 || to <= from {
		return plateau{}
	}
	return plateau{grows: true, served: float64(n) / (to - from).Seconds(), ended: n}
}

// getsDone is the most requests a second that the target gets done, over all steps
// in which they piled up, and how many ended in those.
func (s *Search) getsDone() (most, ended float64, ok bool) {
	sum := 0.0
	for i := range s.done {
		if d := &s.done[i]; d.grows && d.Spoiled == "" {
			sum += d.plateau.served * float64(d.plateau.ended)
			ended += float64(d.plateau.ended)
		}
	}
	if s.Users {
		return 0, 0, false
	}
	if q, fits := s.queue(); fits {
		return q.capacity(), max(ended, float64(q.busy)), true
	}
	if ended == 0 {
		return 0, 0, false
	}
	return sum / ended, ended, true
}

// plateauPoint is the plateau as a load at which a criterion on a time is violated:
// there a queue has no end. A step that was made as high up says more.
func (s *Search) plateauPoint(c Criterion) (point, bool) {
	most, ended, ok := s.getsDone()
	if !ok || c.Slack == 0 || math.IsInf(most, 0) {
		return point{}, false
	}
	for i := range s.done {
		if d := &s.done[i]; s.judges(d) && !d.grows && d.Load >= 0.98*most {
			return point{}, false
		}
	}
	return point{load: most, y: c.outgrown(), worth: 20, anchor: true}, ended > 0
}

// reserve is by what part of the plateau a load must stay below it so that the
// tightest criterion on a time is about kept. In heavy traffic a wait of t is
// exceeded with probability exp(−2(1−ρ)·μ·t ÷ (a² + s²)), with the plateau μ and
// the coefficients of variation of arrivals and service (Kingman). It chooses
// where to look, and decides nothing.
func (s *Search) reserve(most float64) float64 {
	part := 0.02
	vary := s.unloadedSpread()
	for _, c := range s.Criteria {
		if t := s.wait(c); t > 0 && c.Allowed > 0 {
			part = max(part, -math.Log(c.Allowed)*(1+vary)/(2*most*t))
		}
	}
	return min(part, 0.5)
}

// wait is how long a request may wait, in seconds, before it violates a criterion
// on a time; 0 is that the criterion is on none.
func (s *Search) wait(c Criterion) float64 {
	usual := s.unloaded()
	if c.First {
		usual = s.unloadedFirst()
	}
	return max(c.Slack.Seconds()-usual, c.Slack.Seconds()/4)
}

// lead is for how long a step must begin higher so that its queue is from the
// first as long as it is on average where the criteria are just kept: from an
// empty one it takes longer to get there than a step lasts. Waits in heavy traffic
// are about exponential, so that of the one that a share a exceeds the mean is
// the part 1 ÷ ln(1/a).
func (s *Search) lead() time.Duration {
	if s.Users {
		return 0
	}
	least := math.Inf(1)
	for _, c := range s.Criteria {
		if t := s.wait(c); t > 0 && c.Allowed > 0 {
			least = min(least, t/max(-math.Log(c.Allowed), 1))
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return seconds(least / (LeadTimes - 1))
}

// unloadedSpread is the square of the coefficient of variation of how long a
// request takes at little load.
func (s *Search) unloadedSpread() float64 {
	n, sum, square := 0.0, 0.0, 0.0
	s.atLeisure(func(c *Call) {
		v := (c.Done - c.Due).Seconds()
		n, sum, square = n+1, sum+v, square+v*v
	})
	mean := sum / max(n, 1)
	return max(0, square/max(n, 1)/max(mean*mean, 1e-12)-1)
}

// unloadedFirst is the time to the first content at little load, mean, in seconds.
func (s *Search) unloadedFirst() float64 {
	n, sum := 0.0, 0.0
	s.atLeisure(func(c *Call) { n, sum = n+1, sum+c.TTFT().Seconds() })
	return sum / max(n, 1)
}

// leisure is how many answers of the first steps are taken to be those of a target
// with little to do.
const leisure = 100

// atLeisure calls do with the answers of the first, lowest steps.
func (s *Search) atLeisure(do func(*Call)) {
	n := 0
	for i := range s.done {
		d := &s.done[i]
		if d.Kind != WarmUp && (d.Kind != Climb || n >= leisure || d.grows) {
			continue
		}
		for j := range d.Calls {
			if c := &d.Calls[j]; c.Class == call.OK && n < 2*leisure {
				do(c)
				n++
			}
		}
	}
}
