package metrics

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// scope is what a question to a Source is about besides the metric: the tags,
// and the tally of what they pick.
type scope struct {
	*tally
	base    *tally // the same without the class tag: whether there is data at all
	class   bool   // a class was asked for
	seconds float64
	rules   rules
}

// value answers a question about a share, a counter, the goodput or a sum.
func (s scope) value(metric, agg string) (v float64, n int, ok bool) {
	switch metric {
	case "requests", "attempts":
		return s.counter(metric, agg)
	case "goodput":
		v, ok = float64(s.goodput(s.seconds, s.rules)), s.rules.hasSLO() && (agg == "rate" || agg == "value")
		return v, s.requests.Sent, ok && !math.IsNaN(v)
	}
	if agg == "sum" || agg == "total" {
		return s.sum(metric)
	}
	v, n = s.share(metric)
	return v, n, n > 0 && (agg == "rate" || agg == "value")
}

// counter answers for requests (by their last attempt) and attempts. A count of
// zero is an answer wherever the task, model or stage has records at all, so
// that "requests{class:timeout}: count<1" can hold.
func (s scope) counter(metric, agg string) (v float64, n int, ok bool) {
	r := s.requests
	count, ended := r.Attempts, s.endedCalls
	if metric == "requests" {
		count, ended = r.Sent, s.ended
	}
	if metric == "requests" && s.class {
		count += r.Dropped + r.OverBudget
	}
	n = max(s.base.records, s.base.requests.Attempts)
	switch agg {
	case "count", "value":
		return float64(count), n, n > 0
	case "rate":
		v = float64(ended) / s.seconds
		return v, n, n > 0 && !math.IsNaN(v)
	}
	return 0, 0, false
}

// share returns a share and what it is a share of; n 0 where there is nothing.
func (t *tally) share(metric string) (v float64, n int) {
	r := t.requests
	switch metric {
	case "failed":
		return float64(share(r.Failed, r.Sent)), r.Sent
	case "rate_limited":
		return float64(share(t.limited, r.Attempts)), r.Attempts
	case "dropped":
		return float64(share(r.Dropped, t.planned())), t.planned()
	case "checks":
		return float64(share(t.passes, t.checks)), t.checks
	case "cache_hit":
		return float64(share(t.cacheRead, t.prompt)), t.prompted
	}
	return 0, 0
}

// sum returns what the bill says: all phases, all attempts.
func (t *tally) sum(metric string) (v float64, n int, ok bool) {
	b := t.tokens
	switch metric {
	case "cost":
		v = t.usd.Dollars()
	case "input_tokens":
		v = float64(b.Input)
	case "prompt_tokens":
		v = float64(b.Input + b.CacheWrite5m + b.CacheWrite1h + b.CacheRead)
	case "output_tokens":
		v = float64(b.Output)
	case "thinking_tokens":
		v = float64(b.Thinking)
	default:
		return 0, 0, false
	}
	return v, t.calls, t.calls > 0
}

// percentile reads "med" as the quantile it is.
func percentile(agg string, q float64) (string, float64) {
	if agg == "med" {
		return "p", 0.5
	}
	return agg, q
}

// withoutClass returns tags without the class.
func withoutClass(tags map[string]string) map[string]string {
	if _, ok := tags["class"]; !ok {
		return tags
	}
	rest := maps.Clone(tags)
	delete(rest, "class")
	return rest
}

// name makes one string of a metric and its tags, the same for the same tags.
func name(metric string, tags map[string]string) string {
	var b strings.Builder
	b.WriteString(metric)
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		b.WriteString("\x00" + tag + "\x00" + tags[tag])
	}
	return b.String()
}
