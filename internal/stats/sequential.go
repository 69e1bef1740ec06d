package stats

import (
	"fmt"
	"math"
)

// Verdict is what a sequential test has come to.
type Verdict int

// The verdicts. Undecided is go on.
const (
	Undecided Verdict = iota
	Accept            // the share is the good one
	Reject            // the share is the bad one
)

// SPRT is Wald's sequential test of a share of violations: is it as low as the
// good one or as high as the bad one? It is asked after each trial and stops as
// soon as it is sure. It is made by [NewSPRT]; the zero value never decides.
type SPRT struct {
	// Score is the log of how much likelier the bad share is than the good one.
	Score float64
	// Upper and Lower are the scores that decide; Violation and Success are what
	// a trial adds.
	Upper, Lower       float64
	Violation, Success float64
	Trials             int
}

// NewSPRT is a test of good against bad, which errs with probability alpha by
// rejecting the good and with beta by accepting the bad.
func NewSPRT(good, bad, alpha, beta float64) (SPRT, error) {
	if !(0 < good && good < bad && bad < 1) {
		return SPRT{}, fmt.Errorf("sequential test: shares must be 0 < good < bad < 1, not %g and %g", good, bad)
	}
	if !(0 < alpha && alpha < 0.5 && 0 < beta && beta < 0.5) {
		return SPRT{}, fmt.Errorf("sequential test: errors must be between 0 and 0.5, not %g and %g", alpha, beta)
	}
	return SPRT{
		Upper: math.Log((1 - beta) / alpha), Lower: math.Log(beta / (1 - alpha)),
		Violation: math.Log(bad / good), Success: math.Log((1 - bad) / (1 - good)),
	}, nil
}

// Add takes one trial and returns the verdict so far.
func (t *SPRT) Add(violation bool) Verdict {
	t.Trials++
	if violation {
		t.Score += t.Violation
	} else {
		t.Score += t.Success
	}
	return t.Verdict()
}

// Verdict is what the trials so far say.
func (t *SPRT) Verdict() Verdict {
	switch {
	case t.Upper == t.Lower:
	case t.Score >= t.Upper:
		return Reject
	case t.Score <= t.Lower:
		return Accept
	}
	return Undecided
}

// Clean is how many trials without a violation accept.
func (t *SPRT) Clean() int { return int(math.Ceil(t.Lower / t.Success)) }
