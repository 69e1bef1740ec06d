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
	refused time.Duration // due time of the first that was refused; below 0 is none
}

// NewTrial returns the trial of a step.
func (s *Search) NewTrial(step Step) *Trial {
	t := &Trial{step: step, waiting: map[int]*Call{}, refused: -1}
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
		for i := range t.judges {
			t.judges[i].add(w.Bad[i])
		}
	}
	return due >= t.step.Least && t.decided()
}

// decided reports whether one criterion is violated, or all are kept.
func (t *Trial) decided() bool {
	kept := 0
	for i := range t.judges {
		switch t.judges[i].verdict() {
		case stats.Reject:
			return true
		case stats.Accept:
			kept++
		}
	}
	return kept > 0 && kept == len(t.judges)
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
func showing(c Criterion, at int, calls []Call) shown {
	order := slices.Clone(calls)
	slices.SortStableFunc(order, func(a, b Call) int { return a.Index - b.Index })
	j := newJudge(c)
	for i := range order {
		j.add(order[i].Bad[at])
	}
	if j.n == 0 {
		return shown{Share: math.NaN()}
	}
	worth, mean := max(j.worth(), 1), j.sum/float64(j.n)
	spread := j.square/float64(j.n) - mean*mean
	if c.Allowed > 0 { // a share of 0 in few is not sure to be 0
		p := (j.sum + 0.5) / (float64(j.n) + 1)
		spread = p * (1 - p)
	}
	return shown{N: j.n, Worth: worth, Share: mean, Error: math.Sqrt(max(spread, 0) / worth)}
}
