// Package estimate says what a plan will do before it does it: how many
// requests and tokens, how many dollars at the most and probably, how long, and
// which rate limit it would meet first and when.
//
// A checked plan, an [API] that says how a request would be answered, and
// optionally limits come in; an [Estimate] goes out. The package walks through
// the plan's own schedule, requests and think times event by event, in virtual
// time: it sends nothing, waits for nothing and knows no clock. It refuses to
// know how the API behaves; that, with all its assumptions, is the caller's.
package estimate

import (
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/workload"
)

// API says how the API would answer a request that reaches it at an offset from
// the start; offsets never fall. The error is what it would answer instead.
type API func(at time.Duration, req call.Request) (Answer, error)

// Answer is what a request would get.
type Answer struct {
	Usage  call.Usage
	Begins time.Duration // from the request's arrival to the first token generated
	Ends   time.Duration // from the request's arrival to the last
	Accept func()        // called if no limit refuses the request; nil is nobody to tell
}

// Config is what to walk through. Plan, Mix and API must be set.
type Config struct {
	Plan *plan.Plan
	Mix  *workload.Mix
	API  func() API // a new one, with nothing asked yet, for each walk
	// Limits are what each model class (see [call.ModelClass]) is allowed; a class
	// that is not named has no limit. Nil is no limits at all.
	Limits map[string]limit.Rates
	// Refusal is how long a 429 takes to come; 0 is a millisecond.
	Refusal time.Duration
	// Most is how many requests are looked at; what a plan has beyond is reckoned
	// in proportion. 0 is 100,000.
	Most int
}

// Estimate is what to expect. Counts and sums are of the whole run; those of a
// run that was only looked at in part (see Whole) are in proportion.
type Estimate struct {
	Sent        int // requests
	Attempts    int // with their retries
	OK          int
	RateLimited int // requests whose last attempt would be a 429
	Dropped     int
	OverBudget  int
	Canceled    int // still running when the graceful stop is over
	Rejected    int // requests that the API would refuse as invalid
	Rejection   string

	Usage     call.Usage // of all answers
	Cost      call.USD
	WorstCase call.USD // the sum of all reservations, or the budget where that is less

	Duration     time.Duration // until the last answer has ended
	PeakInFlight int
	// Exhausted is when the budget would stop the run; 0 is not at all. Wanted is the
	// least worst case that does not fit then, and Left what is left.
	Exhausted    time.Duration
	Wanted, Left call.USD

	Tasks   []Task  // in the plan's order, those with a request
	Classes []Class // by name
	Whole   bool    // everything was looked at
}

// Task is one task's part.
type Task struct {
	Name, Model string
	Sent, OK    int // OK are those that are answered
	Usage       call.Usage
	Cost        call.USD
}

// Class is the load on one model class.
type Class struct {
	Name   string
	Models []string
	Offers []Offer // requests, input tokens, output tokens; tokens as a whole where they have a limit
	// Binding is the limit that would be met first; where none would, the one that
	// is used most. "" without limits.
	Binding call.LimitKind
}

// Offer is the load on one limit, as if the limit were not there.
type Offer struct {
	Kind  call.LimitKind
	Total float64 // in the whole run
	// PerMinute is the highest rate of any 60 seconds; of a shorter load its mean
	// rate, carried on for a minute.
	PerMinute float64
	Limit     int64         // a minute; 0 is none
	Refused   int           // attempts that it would answer 429
	First429  time.Duration // when the first of them comes; 0 is never
	FirstHeld time.Duration // when avoid first holds a request back for it; 0 is never
	// Empties is when the limit would be used up if the load went on at PerMinute
	// from the start; 0 is never.
	Empties time.Duration
}

// Share is how much of the limit the load wants, 1 being all; 0 without a limit.
func (o Offer) Share() float64 {
	if o.Limit <= 0 {
		return 0
	}
	return o.PerMinute / float64(o.Limit)
}

// met is when the limit is first felt, as a 429 or a hold; 0 is never.
func (o Offer) met() time.Duration {
	if o.First429 == 0 || o.FirstHeld == 0 {
		return o.First429 + o.FirstHeld
	}
	return min(o.First429, o.FirstHeld)
}

// before reports whether the load meets o before other, or where it meets
// neither, whether it wants more of o.
func (o Offer) before(other Offer) bool {
	a, b := o.met(), other.met()
	switch {
	case a > 0 && b > 0:
		return a < b
	case a > 0 || b > 0:
		return a > 0
	}
	return o.Share() > other.Share()
}

// Binding returns the limit of all that is met first: its class and the load on
// it. Where none is, it is the one that is used most; "" is that there are none.
func (e Estimate) Binding() (class string, o Offer) {
	for _, c := range e.Classes {
		for _, of := range c.Offers {
			if of.before(o) {
				class, o = c.Name, of
			}
		}
	}
	return class, o
}

// kinds are the limits a load is held against, in the order of reports.
var kinds = [...]call.LimitKind{call.LimitRequests, call.LimitInputTokens, call.LimitOutputTokens, call.LimitTokens}

// Of walks through the plan: once as if there were no limits, for what it
// offers, and where there are limits once more with them, for what it gets.
func Of(c Config) Estimate {
	free := c
	free.Limits = nil
	offered := newWalk(free)
	e := offered.run()
	if len(c.Limits) > 0 {
		held := newWalk(c)
		e = held.run()
		e.Classes = held.compare(offered)
	}
	slices.SortFunc(e.Classes, func(a, b Class) int { return strings.Compare(a.Name, b.Name) })
	return e
}
