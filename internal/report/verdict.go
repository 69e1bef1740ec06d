package report

import (
	"cmp"
	"fmt"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/threshold"
)

// The outcomes of a run.
const (
	Passed      = "passed"
	Failed      = "failed"     // not one request ended ok
	Thresholds  = "thresholds" // a threshold does not hold
	Budget      = "budget"     // the budget stopped the run
	Invalid     = "invalid"    // our own machine was too slow to trust
	Interrupted = "interrupted"
	Error       = "error" // the tool or its I/O failed, or the target could not be used
)

// Decide says how a run ended and the exit code of that, from the cause in its
// manifest ("" for a run that was killed) and what was measured. Where several
// outcomes hold, the first of the exit codes 1, 105, 120, 121, 99 stands.
//
// "Not one request ended ok" asks that one was answered or failed by itself: a
// run that was interrupted or out of budget before that is not a failed one.
func Decide(cause string, req metrics.Requests, valid bool, ts []Threshold) (outcome string, exitCode int) {
	known := true
	switch cause {
	case "", "completed", "decided", "budget", "interrupted", "threshold":
	default: // auth, unreachable, error, and whatever a later version may write
		known = false
	}
	early := cause == "" || cause == "interrupted" || cause == "budget"
	switch {
	case !known:
		return Error, 1
	case req.OK == 0 && (req.Failed > 0 || !early):
		return Failed, 1
	case cause == "" || cause == "interrupted":
		return Interrupted, 105
	case cause == "budget":
		return Budget, 120
	case !valid:
		return Invalid, 121
	case cause == "threshold" || !allHold(ts):
		return Thresholds, 99
	}
	return Passed, 0
}

func allHold(ts []Threshold) bool {
	for _, t := range ts {
		if t.Verdict != threshold.Passed {
			return false
		}
	}
	return true
}

// verdict is how a run ended, in words.
type verdict struct {
	word  string
	style style
	text  string
}

// verdictOf puts the outcome into a word and a sentence that begins with the run's name.
func verdictOf(rep *Report) verdict {
	name := cmp.Or(rep.Run.Name, rep.Run.ID) + ": "
	ts := fmt.Sprintf("%d of %d thresholds hold", rep.Holding(), len(rep.Thresholds))
	switch {
	case len(rep.Thresholds) == 0:
		ts = "no thresholds were set"
	case rep.Holding() == len(rep.Thresholds) && rep.Holding() == 1:
		ts = "its threshold holds"
	case rep.Holding() == len(rep.Thresholds):
		ts = fmt.Sprintf("all %d thresholds hold", rep.Holding())
	}
	detail := ""
	if rep.Run.StopDetail != "" {
		detail = ": " + rep.Run.StopDetail
	}
	switch rep.Run.Outcome {
	case Passed:
		return verdict{"PASSED", green, name + ts}
	case Thresholds:
		if rep.Run.StopCause == "threshold" {
			return verdict{"FAILED", red, name + "stopped by a threshold" + detail}
		}
		return verdict{"FAILED", red, name + ts}
	case Failed:
		if rep.Requests.Sent == 0 {
			return verdict{"FAILED", red, name + "not one request was sent"}
		}
		return verdict{"FAILED", red, fmt.Sprintf("%snot one of %s ended ok", name, counted(rep.Requests.Sent, "request"))}
	case Budget:
		return verdict{"BUDGET", yellow, name + "the budget stopped it" + detail}
	case Invalid:
		return verdict{"NOT VALID", red, name + "its figures cannot be trusted"}
	case Interrupted:
		if rep.Run.StopCause == "" {
			return verdict{"PARTIAL", yellow, name + "it was killed; what it had recorded is here"}
		}
		return verdict{"PARTIAL", yellow, name + "interrupted" + detail}
	}
	return verdict{"ERROR", red, name + "it could not go on (" + rep.Run.StopCause + ")" + detail}
}

// noFinding is what to say where diagnosis found nothing.
func noFinding(rep *Report) string {
	if rep.Requests.OK == 0 {
		return "nothing to judge by: not one request ended ok"
	}
	return "no significant bottleneck"
}
