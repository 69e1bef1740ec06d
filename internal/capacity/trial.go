package capacity

import (
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/stats"
)

// Errors of the sequential test: of calling a kept criterion violated, and the
// other way round.
const alpha, beta = 0.05, 0.05

// goodPart and badPart make the two shares that the test tells apart from the one
// that is allowed.
const goodPart, badPart = 0.5, 2

// Trial watches one step and says when it has shown enough. One goroutine may use it.
type Trial struct {
	step    Step
	judges  []judge
	waiting map[int]*Call // ended, and an earlier request has not
	next    int           // index of the next request to judge
	judged  int           // requests that were
	refused time.Duration // due time of the first that was refused; below 0 is none

	usual  float64 // requests in flight at this load, were the target as quick as unloaded
	ended  float64
	output bool // the step is to drain a limit on output, which is taken only as it is made
}

// NewTrial returns the trial of a step.
func (s *Search) NewTrial(step Step) *Trial {
	t := &Trial{step: step, waiting: map[int]*Call{}, refused: -1, usual: step.Load * s.unloaded()}
	if c := s.ceilings(); len(c) > 0 {
		t.output = c[0].Kind == call.LimitOutputTokens
	}
	for _, c := range s.Criteria {
		t.judges = append(t.judges, newJudge(c))
	}
	return t
}

// Add takes one attempt and reports whether the step may end. Requests are judged
// in the order in which they were due: those that end first are the quick ones,
// and a verdict from them would be too good.
func (t *Trial) Add(c Call) (enough bool) {
	if c.Class == call.RateLimited && t.refused < 0 {
		t.refused = c.Due
	}
	if t.step.Tail > 0 && t.refused >= 0 && c.Due >= t.refused+t.step.Tail {
		return true
	}
	t.ended++
	if t.piles(c.Done) {
		return true
	}
	if !t.step.Decide {
		return false
	}
	t.waiting[c.Index] = &c
	due := time.Duration(0)
	for {
		w, ok := t.waiting[t.next]
		if !ok {
			break
		}
		delete(t.waiting, t.next)
		t.next++
		due = w.Due
		if w.Due >= t.step.Settle {
			t.judged++
		}
		for i := range t.judges {
			if w.Due >= t.step.Settle {
				t.judges[i].add(w.Bad[i])
			}
		}
	}
	return due >= t.step.Least && t.decided()
}

// piles reports whether requests have piled up far beyond chance by an instant:
// the target gets less done than arrives.
func (t *Trial) piles(at time.Duration) bool {
	ends := t.step.Kind == Climb && t.step.Decide || t.step.Kind == Drain && t.output // more of it would drain nothing
	if t.step.Users || !ends || at < t.step.Least {
		return false
	}
	due, usual := t.step.Load*min(at, t.step.Most).Seconds(), 2*t.usual
	if t.step.Kind == Drain {
		usual = t.usual // no verdict rests on it
	}
	return due-t.ended > usual+6*math.Sqrt(t.usual)+0.2*due+10
}

// silent is after how many requests of which none has what a criterion judges a
// step no longer waits for one.
const silent = 40

// decided reports whether one criterion is violated, or all are kept that have
// anything to judge.
func (t *Trial) decided() bool {
	kept, idle := 0, 0
	for i := range t.judges {
		switch t.judges[i].verdict() {
		case stats.Reject:
			return true
		case stats.Accept:
			kept++
		default:
			if t.judges[i].n == 0 && t.judged >= silent {
				idle++
			}
		}
	}
	return kept > 0 && kept+idle == len(t.judges)
}

// judge tests one criterion: a share by Wald's sequential test, scaled down by
// how much neighbours resemble each other, since in a queue one violation brings
// the next; a mean by whether its interval holds the bound.
type judge struct {
	Criterion
	test        stats.SPRT
	n           int
	sum, square float64
	together    float64 // sum of products of neighbours
	last        float64
}

func newJudge(c Criterion) judge {
	j := judge{Criterion: c}
	if c.Allowed > 0 {
		good, bad := c.Allowed*goodPart, math.Min(c.Allowed*badPart, (1+c.Allowed)/2)
		j.test, _ = stats.NewSPRT(good, bad, alpha, beta) // shares that are in order
	}
	return j
}

func (j *judge) add(bad float64) {
	if math.IsNaN(bad) {
		return
	}
	if j.n > 0 {
		j.together += bad * j.last
	}
	j.n++
	j.sum += bad
	j.square += bad * bad
	j.last = bad
	j.test.Add(bad > 0.5)
}

// worth is how many independent requests the judged ones are worth: n (1−ρ)/(1+ρ)
// with their lag-1 autocorrelation, where it is above 0.
func (j *judge) worth() float64 {
	n := float64(j.n)
	mean := j.sum / n
	spread := j.square - n*mean*mean
	if j.n < 3 || spread <= 1e-12 {
		return n
	}
	rho := max(0, min((j.together-(n-1)*mean*mean)/spread, 0.99))
	return n * (1 - rho) / (1 + rho)
}

func (j *judge) verdict() stats.Verdict {
	if j.n == 0 {
		return stats.Undecided
	}
	if j.Allowed > 0 {
		t := j.test
		t.Score *= j.worth() / float64(j.n)
		return t.Verdict()
	}
	n := j.worth()
	mean := j.sum / float64(j.n)
	if math.IsInf(mean, 1) {
		return stats.Reject
	}
	if n < 20 {
		return stats.Undecided
	}
	sd := math.Sqrt(max(0, j.square/float64(j.n)-mean*mean))
	switch out := 1.96 * sd / math.Sqrt(n); {
	case mean+out < 1:
		return stats.Accept
	case mean-out > 1:
		return stats.Reject
	}
	return stats.Undecided
}

// shown is what a whole step showed of one criterion.
type shown struct {
	N     int     // requests that it speaks of
	Worth float64 // independent ones that they are worth
	Share float64 // that violate it, or the mean part of its bound
	Error float64 // standard error of Share
}

// showing judges all calls of a step, in the order in which they were due.
func showing(c Criterion, at int, calls []Call, settle time.Duration) shown {
	order := slices.Clone(calls)
	slices.SortStableFunc(order, func(a, b Call) int { return a.Index - b.Index })
	j := newJudge(c)
	var values []float64
	for i := range order {
		if v := order[i].Bad[at]; order[i].Due >= settle && !math.IsNaN(v) {
			j.add(v)
			values = append(values, v)
		}
	}
	if j.n == 0 {
		return shown{Share: math.NaN()}
	}
	worth, mean := max(min(j.worth(), worthOfBatches(values)), 1), j.sum/float64(j.n)
	spread := j.square/float64(j.n) - mean*mean
	if c.Allowed > 0 { // a share of 0 in few is not sure to be 0
		p := (j.sum + 0.5) / (float64(j.n) + 1)
		spread = p * (1 - p)
	}
	return shown{N: j.n, Worth: worth, Share: mean, Error: math.Sqrt(max(spread, 0) / worth)}
}

// batches is how many parts a step is cut into, to see how much they differ.
const batches = 10

// worthOfBatches is how many independent values a row of them is worth, by how
// much the means of ten parts differ: in a queue near its limit good and bad
// times last for many requests.
func worthOfBatches(v []float64) float64 {
	n := float64(len(v))
	if len(v) < 5*batches {
		return n
	}
	mean := 0.0
	for _, x := range v {
		mean += x / n
	}
	spread := 0.0
	for _, x := range v {
		spread += (x - mean) * (x - mean) / n
	}
	if spread < 1e-12 { // all are the same
		return n
	}
	between := 0.0
	for i := range batches {
		part := v[i*len(v)/batches : (i+1)*len(v)/batches]
		sum := 0.0
		for _, x := range part {
			sum += x
		}
		d := sum/float64(len(part)) - mean
		between += d * d / (batches - 1)
	}
	if between == 0 {
		return n
	}
	return min(n, spread/(between/batches))
}
