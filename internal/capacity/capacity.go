// Package capacity looks for the highest load that a target carries: the rate
// limits on one side, the plan's thresholds on the other.
//
// A [Search] asks for one [Step] of load after the other and is told what each
// showed ([Search.Took]); out comes an [Answer] with an interval and what binds.
// It is a state machine that does arithmetic: the same steps told in the same
// order ask for the same next step, so that a search goes on where its records
// end. It knows no plan, file or clock, sends nothing and spends nothing.
//
// It refuses to take a full bucket for capacity. A rate limit is a bucket that
// refills, and a step that lives on what had been stored shows up to twice the
// truth and more; what it says of limits comes from the refill alone.
package capacity

import (
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/stats"
)

// Estimate is a figure with its interval.
type Estimate = stats.Estimate

// Config is what to look for. Tasks must be set.
type Config struct {
	Users bool          // the load is users, each sending one request after the other; else arrivals a second
	Pause time.Duration // of a user after each request, on average; 0 is none
	Tasks []Task
	// Criteria are what a sustainable load must keep, beside not being refused.
	Criteria []Criterion
	// Min and Max bound the load that is tried. 0 is 1 user, or one arrival in ten
	// seconds, and no upper bound.
	Min, Max float64
	// Precision is how far apart, as a share, the highest load that keeps the
	// criteria and the lowest that does not may be in the end. 0 is 6 %.
	Precision float64
	// Confirm is how long the answer is held with an empty bucket. 0 is a minute.
	Confirm time.Duration
	Seed    uint64 // of the intervals that are drawn
}

// Task is one kind of request.
type Task struct {
	Name  string
	Class string  // of limits, see [call.ModelClass]
	Share float64 // of all requests
	Bytes float64 // mean length of its bodies; 0 is not known
	// BytesError is the standard error of Bytes.
	BytesError float64
}

// Criterion is one threshold as a demand on each request.
type Criterion struct {
	Name string // as the plan has it: "ttft p(95)<2s"
	// Allowed is the share of requests that may violate it: 5 % for p(95). 0 is
	// that the mean of [Call.Bad] counts, which is then a value as a part of its
	// bound.
	Allowed float64
	// Slack is how long a queue may grow before the criterion is violated: the bound
	// of a time. 0 is not known.
	Slack time.Duration
	First bool // the time is that to the first content, not to the last
}

// Kind is what a step is for.
type Kind string

// The kinds of step, in the order in which a search comes to them.
const (
	WarmUp   Kind = "warm-up"  // a few calls: what limits there are, what a request costs
	Climb    Kind = "climb"    // twice the load each time, until something gives
	Probe    Kind = "probe"    // between what was kept and what was not
	Drain    Kind = "drain"    // above the limit, until the bucket is empty
	Saturate Kind = "saturate" // above the limit with an empty bucket: what comes through is the refill
	Confirm  Kind = "confirm"  // just below the answer with an empty bucket
)

// Step is one piece of load to make.
type Step struct {
	N        int // from 1
	Kind     Kind
	Users    bool          // Load is users, else arrivals a second
	Load     float64       // never 0; of a ramp the first
	Ramp     float64       // times the load every RampStep, up to Most; 0 is none
	Lead     time.Duration // at first the load is [LeadTimes] as high for so long, to begin with a queue
	Requests int           // ends after so many; 0 is at Most
	Most     time.Duration // ends then; 0 with Requests
	Settle   time.Duration // what is due before is not judged: the load is still coming up
	Least    time.Duration // is not decided by the criteria before
	Decide   bool          // ends as soon as the criteria are decided
	Tail     time.Duration // ends so long after the first refusal; 0 is that refusals do not end it
}

// RampStep is how long each load of a ramp is made, and LeadTimes how much higher
// than its load a step begins that has a lead.
const (
	RampStep  = 5 * time.Second
	LeadTimes = 3
)

// At is the load of a step at an instant, without its lead.
func (s Step) At(at time.Duration) float64 {
	if s.Ramp == 0 {
		return s.Load
	}
	return s.Load * math.Pow(s.Ramp, math.Floor(at.Seconds()/RampStep.Seconds()))
}

// Call is one attempt as a step saw it.
type Call struct {
	call.Result
	Origin time.Duration // of the offsets in Result, since the start of the search
	Bytes  int           // length of the request's body; 0 is not known
	// Bad is by criterion: 1 for a violation and 0 for none, or a value as a part of
	// its bound; NaN where the criterion does not speak of this attempt.
	Bad []float64
}

// counted is the input that limits count: cache reads are free of them.
func (c *Call) counted() float64 { return float64(c.Input + c.CacheWrite5m + c.CacheWrite1h) }

// billed reports whether the tokens of the call are known.
func (c *Call) billed() bool { return c.Class == call.OK || c.Class == call.Refused }

// Why a step or a search ended early.
const (
	ByBudget = "budget"      // the money is spent
	ByUser   = "interrupted" // it was asked to stop
	ByTarget = "target"      // it cannot be used: the key is refused, nobody answers
)

// Outcome is how a step went, beside its calls.
type Outcome struct {
	Length  time.Duration // load was made for so long
	Spoiled string        // why our own machine makes it worthless; "" is that it does not
	Stopped string        // ByBudget, ByUser, ByTarget and so the search with it; "" is at its end
	Detail  string        // of Stopped, in words
	Cost    call.USD
}

const usualPrecision = 0.06

func (c Config) withDefaults() Config {
	if c.Min <= 0 {
		c.Min = 0.1
		if c.Users {
			c.Min = 1
		}
	}
	if c.Max <= 0 {
		c.Max = math.Inf(1)
	}
	if c.Precision <= 0 {
		c.Precision = usualPrecision
	}
	if c.Confirm <= 0 {
		c.Confirm = time.Minute
	}
	return c
}
