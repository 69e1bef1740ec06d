package capacity

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/tokenload/tokenload/internal/stats"
)

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
// a climb do not where a queue takes longer to grow than they last, nor where a
// longer step was made at about the same load.
func (s *Search) judges(d *done) bool {
	if d.Spoiled != "" || d.Users != s.Users || d.Kind != Climb && d.Kind != Probe && d.Kind != Confirm {
		return false
	}
	if d.Kind != Climb || d.grows {
		return true
	}
	load := s.effective(d)
	for i := range s.done {
		if e := &s.done[i]; e.Kind == Probe && e.Spoiled == "" && e.Length > d.Length && math.Abs(s.effective(e)/load-1) < alike {
			return false
		}
	}
	most, _, ok := s.getsDone()
	return !ok || d.Load < nearPlateau*most
}

// alike is how far apart two loads are, as a part, that count as about the same.
const alike = 0.1

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
	r, _, ok := s.firstRoot()
	return r, ok
}

func (s *Search) firstRoot() (load float64, at int, found bool) {
	for i := range s.Criteria {
		if r, _, ok := s.rootOf(i, s.points(i)); ok && (!found || r < load) {
			load, at, found = r, i, true
		}
	}
	return load, at, found
}

// rootOf is the load at which a criterion is just kept: by the queue that the
// steps show, else where the isotonic fit of its points rises over what is
// allowed. False is that it is kept as far as was tried.
func (s *Search) rootOf(at int, points []point) (root float64, byQueue, found bool) {
	level := s.Criteria[at].allowed()
	root, found = crossing(points, level)
	if !found {
		return 0, false, false
	}
	if q, ok := s.queueRoot(at); ok && agrees(points, level, q) {
		return q, true, true
	}
	return root, false, true
}

// amiss is how far, as a part, a fitted queue's root may be outside of what the
// steps have shown.
const amiss = 0.05

// agrees reports whether a root lies between the loads that kept a criterion and
// those that did not.
func agrees(points []point, level, root float64) bool {
	for i, y := range isotonic(points) {
		if y <= level && points[i].load > root*(1+amiss) || y > level && points[i].load < root*(1-amiss) {
			return false
		}
	}
	return true
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

const resamples = 400

// widen is how much wider the interval of a root is than what chance within the
// steps explains. The shape of the curve between two loads is a guess, and a queue
// remembers for longer than a tenth of a step: intervals without it held the truth
// in 7 of 10 searches of the accuracy test where 95 % was said.
const widen = 2

// kept is what was found of each criterion. The interval of a root is a bootstrap
// over the steps: each share is drawn anew from what its requests are worth.
func (s *Search) kept() []Kept {
	var all []Kept
	for i, c := range s.Criteria {
		points := s.points(i)
		k := Kept{Name: c.Name, Root: stats.Estimate{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}}
		for j, y := range isotonic(points) {
			if y <= c.allowed() {
				k.Upto = points[j].load
			}
		}
		if r, byQueue, ok := s.rootOf(i, points); ok {
			k.ByQueue = byQueue
			k.Root = s.spreadOf(points, c.allowed(), r)
			if byQueue {
				k.Root = s.queueEstimate(i, r)
			}
			if k.Upto == 0 && s.triedLeast() {
				k.Root.Value, k.Root.Low = 0, 0 // not even there
				k.Root.High = points[0].load
			}
		}
		all = append(all, k)
	}
	return all
}

// spreadOf is a root of the isotonic fit with its interval.
func (s *Search) spreadOf(points []point, level, value float64) stats.Estimate {
	rng := rand.New(rand.NewPCG(s.Seed, 8))
	_, ended, _ := s.getsDone()
	draws := make([]float64, 0, resamples)
	n := 0.0
	for _, p := range points {
		n += p.worth
	}
	for range resamples {
		again := slices.Clone(points)
		for i, p := range points {
			again[i].y = max(0, p.y+p.err*rng.NormFloat64())
			if p.anchor {
				again[i].load = p.load * math.Exp(rng.NormFloat64()/math.Sqrt(ended))
			}
		}
		slices.SortFunc(again, func(a, b point) int { return cmp.Compare(a.load, b.load) })
		r, ok := crossing(again, level)
		if !ok {
			r = points[len(points)-1].load
		}
		draws = append(draws, r)
	}
	slices.Sort(draws)
	tail := resamples / 40
	low, high := min(value, draws[tail]), max(value, draws[resamples-1-tail])
	e := stats.Estimate{Value: value, Low: max(0, value-widen*(value-low)), High: value + widen*(high-value), N: int(n)}
	for i, p := range points {
		if p.anchor && i > 0 && points[i-1].load <= value && value <= p.load { // it may be anywhere between
			e.Low, e.High = min(e.Low, points[i-1].load), max(e.High, p.load)
		}
	}
	for _, p := range points {
		if !p.anchor && p.y+2*p.err < level { // it was kept there, more than by chance
			e.Low = max(e.Low, min(p.load, value))
		}
	}
	return e
}
