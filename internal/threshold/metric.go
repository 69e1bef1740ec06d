// Package threshold is the pass and fail rules of a plan: "p(95)<10s" on "ttft{task:simple}".
//
// In comes text (a metric with its selector, and an expression) and, later, a
// [Source] that knows the metrics' values; out come an [Expr] and the [Result]
// of judging it. The package knows which metrics exist, what unit each has and
// which aggregates fit it, and refuses everything else with a text that says
// what is right. It measures nothing itself and imports nothing of the project.
package threshold

import "slices"

// Unit is what a metric's values are counted in.
type Unit int

// The units. A bound is stored in its metric's unit.
const (
	Milliseconds Unit = iota // times
	Share                    // 0 to 1
	USD                      // dollars
	Tokens
	TokensPerS
	Count
	PerS // a number a second
)

// String returns the unit's short name, such as "ms".
func (u Unit) String() string {
	switch u {
	case Milliseconds:
		return "ms"
	case Share:
		return "share"
	case USD:
		return "USD"
	case Tokens:
		return "tokens"
	case TokensPerS:
		return "tokens/s"
	case PerS:
		return "/s"
	default:
		return "count"
	}
}

// Kind says what a metric is made of, and with it which aggregates it has.
type Kind int

// The kinds of metric.
const (
	Trend   Kind = iota // many values: avg, min, max, med, p(N); sum where the unit is tokens or USD
	Rate                // a share of something: rate, value
	Counter             // a number of things: count, value, and rate for things a second
	Speed               // a number a second only: rate, value
)

// Metric is one word of the vocabulary.
type Metric struct {
	Name string
	Kind Kind
	Unit Unit // of the values; a Counter's rate is PerS
}

// vocabulary returns every metric, in the order in which reports show them.
func vocabulary() []Metric {
	return []Metric{
		{"ttft", Trend, Milliseconds},
		{"ttfo", Trend, Milliseconds},
		{"ttfb", Trend, Milliseconds},
		{"e2e", Trend, Milliseconds},
		{"service_ttft", Trend, Milliseconds},
		{"service_e2e", Trend, Milliseconds},
		{"connect", Trend, Milliseconds},
		{"conn_wait", Trend, Milliseconds},
		{"event_gap", Trend, Milliseconds},
		{"tpot", Trend, Milliseconds},
		{"held", Trend, Milliseconds},
		{"lag", Trend, Milliseconds},
		{"read_lag", Trend, Milliseconds},
		{"output_rate", Trend, TokensPerS},
		{"e2e_output_rate", Trend, TokensPerS},
		{"input_tokens", Trend, Tokens},
		{"prompt_tokens", Trend, Tokens},
		{"output_tokens", Trend, Tokens},
		{"thinking_tokens", Trend, Tokens},
		{"cost", Trend, USD},
		{"failed", Rate, Share},
		{"rate_limited", Rate, Share},
		{"dropped", Rate, Share},
		{"checks", Rate, Share},
		{"cache_hit", Rate, Share},
		{"requests", Counter, Count},
		{"attempts", Counter, Count},
		{"goodput", Speed, PerS},
	}
}

// Lookup returns the metric of that name.
func Lookup(metric string) (Metric, bool) {
	all := vocabulary()
	i := slices.IndexFunc(all, func(m Metric) bool { return m.Name == metric })
	if i < 0 {
		return Metric{}, false
	}
	return all[i], true
}

// Names returns the names of all metrics, in the order in which reports show them.
func Names() []string {
	var names []string
	for _, m := range vocabulary() {
		names = append(names, m.Name)
	}
	return names
}

// Aggregates returns the aggregates that fit the metric, as they are written in
// a plan; "p(N)" stands for every percentile.
func (m Metric) Aggregates() []string {
	switch m.Kind {
	case Rate, Speed:
		return []string{"rate", "value"}
	case Counter:
		return []string{"count", "rate", "value"}
	}
	aggs := []string{"avg", "min", "max", "med", "p(N)"}
	if m.summable() {
		aggs = append(aggs, "sum", "total")
	}
	return aggs
}

// summable reports whether a sum of the metric's values means something: the
// sum of many latencies does not.
func (m Metric) summable() bool { return m.Unit == Tokens || m.Unit == USD }

// unitOf returns the unit of one aggregate of the metric.
func (m Metric) unitOf(agg string) Unit {
	if m.Kind == Counter && agg == "rate" {
		return PerS
	}
	return m.Unit
}

// noClass reports whether a class selector contradicts the metric, which is
// itself a statement about classes.
func (m Metric) noClass() bool {
	return slices.Contains([]string{"failed", "rate_limited", "dropped", "goodput"}, m.Name)
}

// tags returns the tags a selector may name.
func tags() []string { return []string{"task", "model", "stage", "class"} }

// classes returns the values of the tag "class", which are those of the run log.
func classes() []string {
	return []string{"ok", "rate_limited", "overloaded", "server_error", "client_error", "auth", "timeout", "stalled",
		"connection", "cut", "stream_error", "bad_response", "refused", "canceled", "dropped", "over_budget"}
}
