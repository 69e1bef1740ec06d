package diagnose

import (
	"fmt"
	"math"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// A tail is a finding from here on; docs/decisions/067-distributions.md has the reasons.
const (
	tailBound  = 8.0 // p99 over p50; measured Claude models have 2.7 to 5.5
	tailSevere = 20.0
	tailLeast  = 0.1 // seconds between the two
	tailFrom   = 3.0 // times the median from which an answer counts to the tail
	tailFit    = 2000
)

// tailHeavy looks for a few answers that take many times as long as the rest.
func (e *Evidence) tailHeavy(metrics.Summary) outcome {
	need := stats.LeastN(0.99, level)
	alike, by := excess(e.sample.inOrder(), ttftOf, asked)
	worth := independent(by)
	if len(by) < need {
		return lacks("%d streamed answers to first attempts whose first content took time, %d of each kind of request: a p99 of fewer has no interval", need, minAlike)
	}
	p99 := stats.Quantile(by, 0.99, level, worth)
	if !p99.Bounded() {
		return lacks("%d independent answers: the run's %s are worth %.0f, since each resembles the one before", need, count(int64(len(by))), worth)
	}
	var times []float64
	for _, a := range alike {
		times = append(times, a.ttft)
	}
	mid := stats.Median(times)
	if p99.Low <= tailBound || mid*(p99.Value-1) < tailLeast {
		return outcome{}
	}
	if _, two, _ := e.kinds(); two {
		return outcome{} // two kinds say it better than a tail
	}
	slow := make([]int, len(by))
	n := 0
	for i, f := range by {
		if f > tailFrom {
			slow[i], n = 1, n+1
		}
	}
	all, best := tell(alike, slow)
	if best.elsewhere() {
		return outcome{}
	}
	return one(tailFinding(by, p99, mid, n, all), true)
}

// independent is how many independent values these are worth, in the order in which
// they came. A resemblance that chance explains takes nothing off.
func independent(values []float64) float64 {
	n := float64(len(values))
	rho := stats.Autocorrelation(values)
	if rho < 2/math.Sqrt(n) {
		return n
	}
	return stats.EffectiveN(len(values), rho)
}

func tailFinding(by []float64, p99 stats.Estimate, mid float64, n int, all []telling) Finding {
	f := Finding{
		ID: "tail.heavy", Severity: Low,
		Title:  fmt.Sprintf("a few answers begin very late: p99 is %s times p50", number(p99.Value)),
		Effect: fmt.Sprintf("one answer in a hundred begins after %s times the median of its kind or more (95%% interval %s to %s), as %s after %s", number(p99.Value), number(p99.Low), number(p99.High), millis(1000*mid*p99.Value), millis(1000*mid)),
		Evidence: []string{
			fmt.Sprintf("of %s answers to first attempts, each held against the median of its task, model and prompt length, %s took over %s times that",
				count(int64(len(by))), count(int64(n)), number(tailFrom)),
			"measured Claude models have a p99 of 2.7 to 5.5 times p50",
		},
		Rivals: []string{
			"a mixture of tasks, models, prompt lengths or thinking: each answer is held against its like",
			"retries: only first attempts are looked at",
		},
		Recommendations: []string{
			"Give requests a time-out well over the usual, and try once more: most of the late ones would have begun by then.",
			"Look at the request ids of the late answers in the server's or gateway's own log: waits of one length are time-outs or re-dispatches, not chance.",
		},
		Disproof: "another run of as many requests has a p99 below 8 times its p50",
		Next:     "the same plan and seed at another hour, and once straight to the API, without what stands between",
	}
	if p99.Low > tailSevere {
		f.Severity = Medium
	}
	logs := make([]float64, 0, len(by))
	for i := 0; i < len(by); i += (len(by) + tailFit - 1) / tailFit {
		logs = append(logs, math.Log(by[i]))
	}
	if m, ok := stats.TwoNormals(logs, sampleSeed); ok {
		f.Evidence = append(f.Evidence, fmt.Sprintf("components: %s of answers around %s times the median (spread × %s), %s around %s times (spread × %s)",
			percent(m.Weights[0]), number(math.Exp(m.Means[0])), number(math.Exp(m.SDs[0])), percent(m.Weights[1]), number(math.Exp(m.Means[1])), number(math.Exp(m.SDs[1]))))
	}
	rivals := 0
	for _, t := range all {
		if t.share < unrelated {
			f.Rivals = append(f.Rivals, fmt.Sprintf("%s: it tells %s of which answers are late", t.name, percent(t.share)))
			continue
		}
		rivals++
		f.Evidence = append(f.Evidence, fmt.Sprintf("rival explanation: %s tells %s of which answers are late (p %.3f)", t.name, percent(t.share), t.p))
	}
	beyond := 0
	for _, x := range by {
		if x > tailBound {
			beyond++
		}
	}
	f.Weight, f.Remain = weakest(over(beyond, len(by), 0.01)), rivals
	return f
}
