package capacity

import (
	"cmp"
	"math"
	"slices"

	"github.com/tokenload/tokenload/internal/call"
)

// queue is a target as the steps showed it: requests are worked on in the order in
// which they came, a number of them at once, each for as long as its answer is.
// Fitted is how many are in flight, which hardly depends on that order, so that a
// server which gives each a part of its time is told as well.
//
// A share of violations near a knee is made of a few bursts, and a step of a minute
// sees two or three of them: loads some percent apart look alike. How fast requests
// pile up, and go again, tells what the target gets done to about a percent.
type queue struct {
	places  int
	service float64 // seconds of a request, mean
	part    float64 // of them that goes with its output
	usual   float64 // output of a request, mean

	explains float64 // part of the variance in flight, over all steps
	busy     int     // requests that came or ended while all places were taken
	piled    int     // of them while far more were in flight, as by chance they are not
}

// capacity is the requests a second that it gets done.
func (q queue) capacity() float64 { return float64(q.places) / q.service }

func (q queue) takes(output float64) float64 {
	return q.service * max(0.05, 1+q.part*(output/q.usual-1))
}

// ends are when requests end that come at some times, in order, and take some.
func (q queue) ends(due, takes []float64) []float64 {
	free := make([]float64, q.places) // when each place is free again: a heap with the first at its top
	out := make([]float64, len(due))
	for i, at := range due {
		out[i] = max(at, free[0]) + takes[i]
		free[0] = out[i]
		for j := 0; ; {
			k := 2*j + 1
			if k+1 < len(free) && free[k+1] < free[k] {
				k++
			}
			if k >= len(free) || free[j] <= free[k] {
				break
			}
			free[j], free[k] = free[k], free[j]
			j = k
		}
	}
	return out
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
	heap          = 1.5 // times what is usual, and ten more, are far more
)

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
// over all steps: first over a grid of places and capacities, then nearer.
func (s *Search) fit() queue {
	q := queue{service: s.unloaded(), part: s.tokenPart(), usual: s.usualOutput()}
	var rows []served
	most, piled := 0.0, false
	for i := range s.done {
		if d := &s.done[i]; !s.Users && d.open() {
			v := d.served()
			rows = append(rows, v)
			most = max(most, s.effective(d))
			piled = piled || len(v.seen) > 0 && slices.Max(v.seen) > heap*s.effective(d)*q.service+10
		}
	}
	if !piled || q.service <= 0 || q.usual <= 0 {
		return queue{}
	}
	base, least := q.service, math.Inf(1)
	try := func(places int, service float64) {
		t := q
		t.places, t.service = places, service
		if off := t.misses(rows); places > 0 && off < least {
			least, q = off, t
		}
	}
	for service := 0.9 * base; service < 1.11*base; service += 0.1 * base {
		for capacity := 1.05 * most; capacity > most/4; capacity /= 1.05 {
			try(max(1, int(math.Round(capacity*service))), service)
		}
	}
	for _, fine := range []float64{1.008, 1.008, 1.002} {
		capacity, places := q.capacity(), q.places
		for k := -6; k <= 6; k++ {
			try(places, float64(places)/(capacity*math.Pow(fine, float64(k))))
		}
		capacity = q.capacity()
		for k := -4; k <= 4; k++ {
			p := max(1, places+k*max(1, places/50))
			try(p, float64(p)/capacity)
		}
	}
	q.rate(rows, least)
	return q
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
func (q *queue) rate(rows []served, misses float64) {
	n, sum, square := 0.0, 0.0, 0.0
	for _, v := range rows {
		for _, in := range v.seen {
			n, sum, square = n+1, sum+in, square+in*in
			if in > float64(q.places) {
				q.busy++
			}
			if in > heap*float64(q.places)+10 {
				q.piled++
			}
		}
	}
	if spread := square - sum*sum/n; spread > 0 {
		q.explains = 1 - misses/spread
	}
}
