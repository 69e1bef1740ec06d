package diagnose

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// paceStep is the length of the windows over which our own rate is compared
// with what the API answered.
const (
	paceStep  = 10 * time.Second
	minPaces  = 8   // windows
	tracksRho = 0.5 // from here on the 529s follow our own rate
)

// pace is what was sent in one window.
type pace struct{ attempts, overloaded int }

func (e *Evidence) addPace(r call.Result) {
	if e.paces == nil {
		e.paces = map[int]pace{}
	}
	at := int(r.Started / paceStep)
	p := e.paces[at]
	p.attempts++
	if r.Class == call.Overloaded {
		p.overloaded++
	}
	e.paces[at] = p
}

// overload looks for 529s: shared capacity, and no limit of one's own.
func (e *Evidence) overload(metrics.Summary) outcome {
	share := float64(e.overloaded) / float64(max(e.attempts, 1))
	if share <= shareBound {
		return outcome{needs: enough(e.attempts, "attempts")}
	}
	f := Finding{
		ID: "overload.529", Severity: Medium,
		Title:    fmt.Sprintf("the API was overloaded: %s of attempts answered 529", percent(share)),
		Effect:   fmt.Sprintf("%s of attempts refused", percent(share)),
		Evidence: []string{fmt.Sprintf("%d of %d attempts answered 529", e.overloaded, e.attempts)},
		Recommendations: []string{
			"This is shared capacity, not your quota: a higher tier does not clear it. Run again at another hour before you conclude.",
			"Retry with exponential backoff and jitter in the application, and keep another model as a fallback.",
		},
		Disproof: "at half the rate, interleaved with the full one, the share of 529s falls",
		Next:     "the same plan at half the rate, then at the full one, three times each in turn",
	}
	if share > 4*shareBound {
		f.Severity = High
	}
	rivals := 0
	if rho, p, n := e.overloadTracksRate(); n >= minPaces && rho > tracksRho && p < 0.05 {
		rivals++
		f.Evidence = append(f.Evidence, fmt.Sprintf("rival explanation: the share of 529s follows our own rate (Spearman %.2f over %d windows of 10 s)", rho, n))
	} else if n >= minPaces {
		f.Rivals = append(f.Rivals, fmt.Sprintf("our own load: the share of 529s does not follow our rate (Spearman %.2f over %d windows of 10 s)", rho, n))
	}
	f.Weight, f.Remain = weakest(over(e.overloaded, e.attempts, shareBound)), rivals
	return one(f, true)
}

// overloadTracksRate correlates, over windows, our rate and the share of 529s.
func (e *Evidence) overloadTracksRate() (rho, p float64, n int) {
	var rate, share []float64
	for _, at := range slices.Sorted(maps.Keys(e.paces)) {
		w := e.paces[at]
		rate = append(rate, float64(w.attempts))
		share = append(share, float64(w.overloaded)/float64(w.attempts))
	}
	rho, p = stats.Spearman(rate, share)
	if math.IsNaN(rho) {
		return 0, 1, len(rate) // one of the two never changed
	}
	return rho, p, len(rate)
}
