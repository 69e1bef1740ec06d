package diagnose

import (
	"fmt"
	"math"

	"github.com/tokenload/tokenload/internal/stats"
)

// byAICc is by how much one model must be better than another, in AICc: e² times as
// likely. Of simulated lines with the spread of real times 2 % are taken for curves.
const byAICc = 4

// scaling says how the rate of answers goes with what is under way, by equal parts
// of the answers: up to a ceiling that something sets, or by the universal
// scalability law; "" where there are too few parts to tell.
func (q *queued) scaling() string {
	parts := min(len(q.all)/perStep, mostSteps)
	if parts < 6 {
		return ""
	}
	var under, rates []float64
	for b := range parts {
		part := q.all[b*len(q.all)/parts : (b+1)*len(q.all)/parts]
		took, n := 0.0, 0.0
		for _, a := range part {
			took += (a.ttft + a.generation).Seconds() / float64(len(part))
			n += (a.inFlight + 1) / float64(len(part))
		}
		under, rates = append(under, n), append(rates, n/took)
	}
	ceiling, ok := stats.FitPlateau(under, rates)
	law, also := stats.FitUSL(under, rates)
	if !ok || !also {
		return ""
	}
	peak, most := law.Peak()
	last := under[parts-1]
	switch {
	case !math.IsInf(ceiling.Limit, 1) && ceiling.AICc < law.AICc-byAICc:
		return fmt.Sprintf("answers/s grow up to %s, at %s under way, and no further: a ceiling that something sets, such as a number of places (it explains them better than contention does, by %.1f in AICc)",
			number(ceiling.Limit), number(ceiling.Limit/ceiling.Lambda), law.AICc-ceiling.AICc)
	case peak < last:
		return fmt.Sprintf("answers/s are the most, %s, with %s under way, and fall beyond (universal scalability law: σ %.2g, κ %.2g)", number(most), number(peak), law.Sigma, law.Kappa)
	case !math.IsInf(most, 1) && law.At(last) > 0.5*most:
		return fmt.Sprintf("answers/s grow ever less, towards %s (universal scalability law: σ %.2g, κ %.2g)", number(most), law.Sigma, law.Kappa)
	}
	return "answers/s still grow with what is under way: how many it can do is not reached"
}
