package report

import (
	"maps"
	"math"
	"slices"

	"github.com/tokenload/tokenload/internal/metrics"
)

// byName returns the names of groups in alphabetical order.
func byName(groups map[string]metrics.Group) []string { return slices.Sorted(maps.Keys(groups)) }

// byPlan returns the names of groups in the plan's order, the others after them by name.
func byPlan(plan []string, groups map[string]metrics.Group) []string {
	var out []string
	for _, name := range slices.Concat(plan, byName(groups)) {
		if _, ok := groups[name]; ok && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// timing is one row of a table of distributions.
type timing struct {
	name string
	dist metrics.Dist
}

// latencies lists the timings of a group that are worth a row, in the order of
// reports: what a user feels, what the API took, then what it is made of. ttft
// and e2e, which everyone looks for, are always there; ttfo only where thinking
// parts it from ttft, and held only where something was held.
func latencies(l metrics.Latency) []timing {
	all := []timing{{"ttft", l.TTFT}, {"ttfo", l.TTFO}, {"e2e", l.E2E}, {"service_ttft", l.ServiceTTFT},
		{"service_e2e", l.ServiceE2E}, {"ttfb", l.TTFB}, {"connect", l.Connect}, {"event_gap", l.EventGap},
		{"tpot", l.TPOT}, {"held", l.Held}, {"lag", l.Lag}, {"read_lag", l.ReadLag}}
	return slices.DeleteFunc(all, func(t timing) bool {
		switch t.name {
		case "ttft", "e2e":
			return false
		case "ttfo":
			return t.dist.Count == 0 || t.dist.Count == l.TTFT.Count && same(t.dist.Mean, l.TTFT.Mean) && same(t.dist.P50, l.TTFT.P50)
		case "held":
			return t.dist.Count == 0 || t.dist.Max == 0
		}
		return t.dist.Count == 0
	})
}

// same compares two numbers; withheld ones are alike.
func same(a, b metrics.Number) bool {
	return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b))
}

// speeds lists the distributions in tokens per second that have values.
func speeds(g metrics.Group) []timing {
	all := []timing{{"output_rate", g.OutputRate}, {"e2e_output_rate", g.E2EOutputRate}}
	return slices.DeleteFunc(all, func(t timing) bool { return t.dist.Count == 0 })
}

// limitUse is one limit of a model class, by the name it has in the headers.
type limitUse struct {
	name string
	*metrics.LimitUse
}

// limitsOf lists the limits of a class that were mentioned.
func limitsOf(c metrics.ClassLimits) []limitUse {
	all := []limitUse{{"requests", c.Requests}, {"tokens", c.Tokens}, {"input_tokens", c.InputTokens}, {"output_tokens", c.OutputTokens},
		{"priority_input_tokens", c.PriorityInputTokens}, {"priority_output_tokens", c.PriorityOutputTokens}}
	return slices.DeleteFunc(all, func(l limitUse) bool { return l.LimitUse == nil })
}
