package capacity

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"github.com/tokenload/tokenload/internal/call"
)

// queue is a target as the steps showed it: requests are worked on in the order in
// which they came, a number of them at once, each for as long as its answer is, and
// for longer the more of the places are taken. Fitted is how many are in flight,
// which hardly depends on that order, so that a server which gives each a part of its
// time is told as well.
//
// A share of violations near a knee is made of a few bursts, and a step of a minute
// sees two or three of them: loads some percent apart look alike. How fast requests
// pile up, and go again, tells what the target gets done to about a percent.
type queue struct {
	places  int
	service float64 // seconds of a request that is alone, mean
	slow    float64 // part by which it takes longer when all places are taken
	part    float64 // of its time that goes with its output
	usual   float64 // output of a request, mean

	explains float64 // part of the variance in flight, over all steps
	busy     int     // requests that came or ended while all places were taken
	piled    int     // of them while far more were in flight, as by chance they are not
}

// capacity is the requests a second that it gets done.
func (q queue) capacity() float64 { return float64(q.places) / (q.service * (1 + q.slow)) }

func (q queue) takes(output float64) float64 {
	return q.service * max(0.05, 1+q.part*(output/q.usual-1))
}

// ends are when requests end that come at some times, in order, and take some when
// they are alone.
func (q queue) ends(due, takes []float64) []float64 {
	var busy firsts
	out := make([]float64, len(due))
	for i, at := range due {
		for len(busy) > 0 && busy[0] <= at {
			busy.pop()
		}
		if len(busy) == q.places {
			at = busy.pop()
		}
		out[i] = at + takes[i]*(1+q.slow*float64(len(busy))/float64(max(q.places-1, 1)))
		busy.push(out[i])
	}
	return out
}

// firsts is a heap of times, the first at its top.
type firsts []float64

func (h *firsts) push(v float64) {
	*h = append(*h, v)
	for i := len(*h) - 1; i > 0 && (*h)[i] < (*h)[(i-1)/2]; i = (i - 1) / 2 {
		(*h)[i], (*h)[(i-1)/2] = (*h)[(i-1)/2], (*h)[i]
	}
}

func (h *firsts) pop() float64 {
	f := *h
	top, last := f[0], len(f)-1
	f[0] = f[last]
	f = f[:last]
	for i, k := 0, 1; k < last; i, k = k, 2*k+1 {
		if k+1 < last && f[k+1] < f[k] {
			k++
		}
		if f[i] <= f[k] {
			break
		}
		f[i], f[k] = f[k], f[i]
	}
	*h = f
	return top
}

// inFlight is how many requests are in flight just before some instants, which are
// in order as the times are at which they came.
func inFlight(at, due, end []float64) []float64 {
	end = slices.Sorted(slices.Values(end))
	out, came, ended := make([]float64, len(at)), 0, 0
	for i, t := range at {
		for came < len(due) && due[came] < t {
			came++
		}
		for ended < len(end) && end[ended] <= t {
			ended++
		}
		out[i] = float64(came - ended)
	}
	return out
}

// served is what a step showed of how many were in flight: where requests came and
// ended.
type served struct {
	due, end, output []float64
	at, seen         []float64 // instants, and how many were in flight
}

// worked are the calls of a step that the target worked on, in the order in which
// they came.
func (d *done) worked() []*Call {
	var list []*Call
	for i := range d.Calls {
		if c := &d.Calls[i]; c.Class.Sent() && c.Class != call.RateLimited && c.Done > 0 {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *Call) int { return cmp.Compare(a.Due, b.Due) })
	return list
}

func (d *done) served() served {
	var v served
	for _, c := range d.worked() {
		v.due, v.end, v.output = append(v.due, c.Due.Seconds()), append(v.end, c.Done.Seconds()), append(v.output, float64(c.Output))
	}
	v.at = slices.Sorted(slices.Values(slices.Concat(v.due, v.end)))
	v.seen = inFlight(v.at, v.due, v.end)
	return v
}

// open reports whether a step was one of arrivals that a queue is fitted to.
func (d *done) open() bool {
	return d.Spoiled == "" && !d.Users && d.Ramp == 0 && (d.Kind == Climb || d.Kind == Probe || d.Kind == Confirm) && len(d.Calls) >= 20
}

// The least from which a fitted queue is believed.
const (
	leastPiled    = 100
	leastExplains = 0.9
)

// far is from how many in flight on there are far more than is usual: by chance, with
// a spread of their root, there hardly ever are.
func far(usual float64) float64 { return 1.3*usual + 3*math.Sqrt(usual) }

// queue is the queue that the steps show; false is that they show none.
func (s *Search) queue() (queue, bool) {
	if s.fitted == nil {
		q := s.fit()
		s.fitted = &fitted{queue: q, ok: q.piled >= leastPiled && q.explains >= leastExplains, roots: map[int]float64{}}
	}
	return s.fitted.queue, s.fitted.ok
}

// fitted is what follows from the steps so far.
type fitted struct {
	queue
	ok    bool
	roots map[int]float64 // by criterion; 0 is none
}

// fit looks for the queue that misses the number in flight by least, in squares,
// over all steps: over a grid first, and from there downhill.
func (s *Search) fit() queue {
	base := s.unloaded()
	rows, most := s.rows(base)
	if len(rows) == 0 || base <= 0 || s.usualOutput() <= 0 {
		return queue{}
	}
	made := func(capacity, service, slow float64) queue {
		q := queue{part: s.tokenPart(), usual: s.usualOutput(), slow: max(slow, 0)}
		q.places = max(1, int(math.Round(capacity*service*(1+q.slow))))
		q.service = float64(q.places) / (capacity * (1 + q.slow)) // what it gets done counts
		return q
	}
	var best []float64
	least := math.Inf(1)
	for slow := range 4 {
		for capacity := 1.05 * most; capacity > most/4; capacity /= 1.06 {
			x := []float64{math.Log(capacity), math.Log(base), float64(slow)}
			if off := made(capacity, base, x[2]).misses(rows); off < least {
				least, best = off, x
			}
		}
	}
	downhill := optimize.Problem{Func: func(x []float64) float64 {
		return made(math.Exp(x[0]), math.Exp(x[1]), x[2]).misses(rows) + 1e3*least*max(0, -x[2])
	}}
	settings := &optimize.Settings{FuncEvaluations: 150, Converger: &optimize.FunctionConverge{Relative: 1e-3, Iterations: 12}}
	if r, err := optimize.Minimize(downhill, best, settings, &optimize.NelderMead{SimplexSize: 0.1}); err == nil && r.F < least {
		best, least = r.X, r.F
	}
	q := made(math.Exp(best[0]), math.Exp(best[1]), best[2])
	q.rate(rows)
	return q
}

// rows are the steps that a queue is fitted to, and the highest load among them;
// none is that in no step far more were in flight than requests that take base
// seconds make. Steps far below that load tell nothing of it.
func (s *Search) rows(base float64) (rows []served, most float64) {
	if s.Users {
		return nil, 0
	}
	for i := range s.done {
		if d := &s.done[i]; d.open() {
			most = max(most, s.effective(d))
		}
	}
	piled := false
	for i := range s.done {
		if d := &s.done[i]; d.open() && s.effective(d) > most/8 {
			v := d.served()
			rows = append(rows, v)
			piled = piled || len(v.seen) > 0 && slices.Max(v.seen) > far(s.effective(d)*base)
		}
	}
	if !piled {
		return nil, most
	}
	return rows, most
}

// misses is by how much a queue misses the number in flight, in squares.
func (q queue) misses(rows []served) (sum float64) {
	for _, v := range rows {
		takes := make([]float64, len(v.due))
		for i, output := range v.output {
			takes[i] = q.takes(output)
		}
		for i, n := range inFlight(v.at, v.due, q.ends(v.due, takes)) {
			sum += (n - v.seen[i]) * (n - v.seen[i])
		}
	}
	return sum
}

// rate says how much a fitted queue explains, and from how much.
func (q *queue) rate(rows []served) {
	n, sum, square := 0.0, 0.0, 0.0
	for _, v := range rows {
		for _, in := range v.seen {
			n, sum, square = n+1, sum+in, square+in*in
			if in > float64(q.places) {
				q.busy++
			}
			if in > far(float64(q.places)) {
				q.piled++
			}
		}
	}
	if spread := square - sum*sum/n; spread > 0 {
		q.explains = 1 - q.misses(rows)/spread
	}
}
