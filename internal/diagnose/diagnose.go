// Package diagnose says what held a run back. Records and their Summary come
// in, ranked findings go out, each with the evidence it rests on and what to do
// about it. Our own machine is suspected first, then the limits, then the
// length of the context, then the rest.
//
// It is arithmetic on what was recorded: it reads no file and no clock, and it
// does not judge thresholds. Only the main phase is looked at. Where it sees
// nothing it says nothing: no finding means that none of its tests fired.
package diagnose

import (
	"fmt"
	"iter"
	"math"
	"slices"

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
	ID       string   `json:"id"` // generator.lag, limit.<kind>, overload.529, context.length
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	// Evidence is what was seen, rival explanations included.
	Evidence        []string `json:"evidence"`
	Recommendations []string `json:"recommendations"`
	// Confidence is (k+1)/(n+2), the rule of succession: of n observations that
	// could speak for the finding, k did. It is halved for each rival explanation
	// that the evidence names, rounded to hundredths and never over 0.99.
	Confidence float64 `json:"confidence"`
}

// shareBound is the share of attempts from which a refusal is a finding.
const shareBound = 0.05

// Evidence is what the tests need of a run's records. The zero value is empty
// and useful; it is for one goroutine.
type Evidence struct {
	attempts, overloaded int
	classes              map[string]*classLoad
	groups               [len(groupNames)]lengthGroup
}

// Add takes one record. Requests that were never sent, and those outside the
// main phase, are no evidence.
func (e *Evidence) Add(r call.Result) {
	if r.Phase != call.Main && r.Phase != "" || !r.Class.Sent() {
		return
	}
	e.attempts++
	if r.Class == call.Overloaded {
		e.overloaded++
	}
	if e.classes == nil {
		e.classes = map[string]*classLoad{}
	}
	name := call.ModelClass(r.Model)
	c := e.classes[name]
	if c == nil {
		c = &classLoad{name: name}
		e.classes[name] = c
	}
	c.add(r)
	if p := r.Prompt(); r.Class == call.OK && p > 0 {
		e.groups[groupOf(p)].add(r)
	}
}

// Findings returns what the evidence shows, in the order in which to act on it.
// It is never nil.
func (e *Evidence) Findings(s metrics.Summary) []Finding {
	out := []Finding{}
	if !s.Generator.Valid {
		out = append(out, generatorFinding(s))
	}
	out = append(out, e.limitFindings(s)...)
	if f, ok := contextFinding(e.groups); ok {
		out = append(out, f)
	}
	if f, ok := e.overloadFinding(); ok {
		out = append(out, f)
	}
	return out
}

// Find returns the findings of a whole run.
func Find(results iter.Seq[call.Result], s metrics.Summary) []Finding {
	var e Evidence
	for r := range results {
		e.Add(r)
	}
	return e.Findings(s)
}

func generatorFinding(s metrics.Summary) Finding {
	f := Finding{
		ID: "generator.lag", Severity: High,
		Title:      "the load came from a machine that could not keep up, so its figures cannot be trusted",
		Evidence:   slices.Clone(s.Generator.Reasons),
		Confidence: confidence(s.Requests.Sent, s.Requests.Sent, 0),
		Recommendations: []string{
			"Act on nothing else in this report before a run is valid.",
			"Close what else runs on this machine, or give it more cores; then run again with the same seed.",
			"Lower the rate or the number of users until the lag is gone: that is what this machine can generate.",
		},
	}
	if s.Generator.LagP99.Known() {
		f.Evidence = append(f.Evidence, fmt.Sprintf("lag p99 %s", millis(float64(s.Generator.LagP99))))
	}
	if s.Generator.CPU.Known() {
		f.Evidence = append(f.Evidence, fmt.Sprintf("mean use of our cores %s", percent(float64(s.Generator.CPU))))
	}
	return f
}

func (e *Evidence) overloadFinding() (Finding, bool) {
	if e.attempts == 0 {
		return Finding{}, false
	}
	share := float64(e.overloaded) / float64(e.attempts)
	if share <= shareBound {
		return Finding{}, false
	}
	f := Finding{
		ID: "overload.529", Severity: Medium,
		Title:      fmt.Sprintf("the API was overloaded: %s of attempts answered 529", percent(share)),
		Evidence:   []string{fmt.Sprintf("%d of %d attempts answered 529", e.overloaded, e.attempts)},
		Confidence: confidence(e.overloaded, e.overloaded, 0),
		Recommendations: []string{
			"This is shared capacity, not your quota: a higher tier does not clear it. Run again at another hour before you conclude.",
			"Retry with exponential backoff and jitter in the application, and keep another model as a fallback.",
		},
	}
	if share > 4*shareBound {
		f.Severity = High
	}
	return f, true
}

// confidence is the rule of succession, halved for each rival.
func confidence(k, n, rivals int) float64 {
	c := float64(k+1) / float64(n+2)
	c = min(c, 0.99) / math.Pow(2, float64(rivals))
	return math.Round(c*100) / 100
}
