package diagnose

import (
	"fmt"
	"slices"

	"github.com/tokenload/tokenload/internal/metrics"
)

// generator suspects our own machine.
func (e *Evidence) generator(s metrics.Summary) outcome {
	if e.attempts == 0 && s.Generator.Valid {
		return lacks("requests that were sent in the main phase")
	}
	return one(generatorFinding(s), !s.Generator.Valid)
}

func generatorFinding(s metrics.Summary) Finding {
	f := Finding{
		ID: "generator.lag", Severity: High,
		Title:    "the load came from a machine that could not keep up, so its figures cannot be trusted",
		Effect:   "every time in this run may be too long, every rate too low",
		Evidence: slices.Clone(s.Generator.Reasons),
		Weight:   weakest(counted(s.Requests.Sent, s.Requests.Sent)),
		Recommendations: []string{
			"Act on nothing else in this report before a run is valid.",
			"Close what else runs on this machine, or give it more cores; then run again with the same seed.",
			"Lower the rate or the number of users until the lag is gone: that is what this machine can generate.",
		},
		Disproof: "the same plan from a machine with more cores shows the same lag",
		Next:     "tokenload bench, which says what this machine can generate, and how truly",
	}
	if s.Generator.LagP99.Known() {
		f.Effect = fmt.Sprintf("requests left up to %s late (lag p99)", millis(float64(s.Generator.LagP99)))
		f.Evidence = append(f.Evidence, fmt.Sprintf("lag p99 %s", millis(float64(s.Generator.LagP99))))
	}
	if s.Generator.CPU.Known() {
		f.Evidence = append(f.Evidence, fmt.Sprintf("mean use of our cores %s", percent(float64(s.Generator.CPU))))
	}
	return f
}
