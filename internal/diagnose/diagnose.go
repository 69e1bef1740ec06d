// Package diagnose says what held a run back. Records and their Summary come
// in, ranked findings go out, each with the evidence it rests on and what to do
// about it. Our own machine is suspected first, then the limits, then the
// length of the context, then the rest.
//
// It is arithmetic on what was recorded: it reads no file and no clock, and it
// does not judge thresholds. Only the main phase is looked at, but for what
// outlives it: a limit's bucket and a cached prefix do not know of a warm-up.
// Where a test has too little to go by, the Diagnosis says what it lacks.
package diagnose

import (
	"iter"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// Severity says how much a finding matters.
type Severity string

// The severities, worst first.
const (
	High   Severity = "high"
	Medium Severity = "medium"
	Low    Severity = "low"
)

// Finding is one reason for slowness or refusal.
type Finding struct {
	ID       string   `json:"id"` // of the catalogue: see Evidence.Diagnosis
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	// Effect is how much it matters, with its unit.
	Effect string `json:"effect"`
	// Evidence is what was seen, rival explanations that remain included.
	Evidence []string `json:"evidence"`
	// Rivals are other explanations that the records rule out, and why.
	Rivals          []string `json:"rivals"`
	Recommendations []string `json:"recommendations"`
	// Disproof is what, if it were seen, would show the finding to be wrong.
	Disproof string `json:"disproof"`
	// Next is the experiment that decides.
	Next string `json:"next"`
	// Weight is what speaks for the finding, in log-odds: 0 is as likely as not, 3
	// the most. Remain is how many rival explanations the records leave.
	Weight float64 `json:"-"`
	Remain int     `json:"-"`
	// Confidence is what those are worth, 0.01 to 0.99: the share of findings of this
	// weight that was right in simulated runs whose faults are known (the labelled
	// set of internal/cli), a fault counting as there where its true size is over the
	// bound of its test. Each rival that remains is taken to be as likely as the
	// finding. Of a world unlike those runs it says less than it seems to.
	Confidence float64 `json:"confidence"`
}

// shareBound is the share of attempts from which a refusal is a finding.
const shareBound = 0.05

// Evidence is what the tests need of a run's records. The zero value is empty
// and useful; it is for one goroutine.
type Evidence struct {
	// Cache is how long the API is asked to keep a task's system prompt, "" for
	// not at all, by task. Nil is not known.
	Cache map[string]string
	// Held are the stretches of the run in which its plan holds the load. Nil is not
	// known: then it is taken to be held all the time.
	Held []Stretch
	// Price is what a usage costs. Nil is not known.
	Price func(model string, u call.Usage) call.USD
	// OpenLoop is that requests were sent when they were due, however slow the answers.
	OpenLoop bool
	// MaxE2E is what the plan asks of e2e; 0 is nothing. E2EFailed is that a threshold
	// failed on it.
	MaxE2E    time.Duration
	E2EFailed bool

	attempts, overloaded int
	classes              map[string]*classLoad
	groups               [len(groupNames)]lengthGroup
	paces                map[int]pace
	retries              retryLoad
	conns                connLoad
	streams              streamLoad
	answers              answerLoad
	caches               map[cacheKey]*cacheLoad
	sample               sample
	speeds               speedLoad
}

// Add takes one record. Requests that were never sent, and those outside the
// main phase, are no evidence; a limit's bucket and a cached prefix see those too.
func (e *Evidence) Add(r call.Result) {
	if !r.Class.Sent() {
		return
	}
	c := e.class(call.ModelClass(r.Model))
	c.addAsk(r)
	e.addCached(r)
	e.sample.addFlight(r)
	e.speeds.flight.add(r)
	if r.Phase != call.Main && r.Phase != "" {
		return
	}
	e.attempts++
	if r.Class == call.Overloaded {
		e.overloaded++
	}
	c.add(r)
	e.addPace(r)
	e.retries.add(r)
	e.conns.add(r)
	e.streams.add(r)
	e.answers.add(r)
	e.sample.add(r)
	e.speeds.add(r)
	if p := r.Prompt(); r.Class == call.OK && p > 0 {
		e.groups[groupOf(p)].add(r)
	}
}

func (e *Evidence) class(name string) *classLoad {
	if e.classes == nil {
		e.classes = map[string]*classLoad{}
	}
	c := e.classes[name]
	if c == nil {
		c = &classLoad{name: name}
		e.classes[name] = c
	}
	return c
}

// Findings returns what the evidence shows, in the order in which to act on it.
// It is never nil.
func (e *Evidence) Findings(s metrics.Summary) []Finding { return e.Diagnosis(s).Findings }

// Find returns the findings of a whole run.
func Find(results iter.Seq[call.Result], s metrics.Summary) []Finding {
	var e Evidence
	for r := range results {
		e.Add(r)
	}
	return e.Findings(s)
}
