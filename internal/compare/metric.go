package compare

import "maps"

// kind is what sort of figure a metric has.
type kind int

const (
	timing kind = iota // ms; drifts
	speed              // tokens/s; drifts
	money              // dollars
	tokens
	share // of one
)

// metric is one thing that is compared.
type metric struct {
	name string
	kind kind
	good int // −1: lower is better; 1: higher; 0: neither
}

// metrics are the rows of a comparison, in their order.
func metricsShown() []metric {
	return []metric{
		{"ttft", timing, -1}, {"e2e", timing, -1},
		{"service_ttft", timing, -1}, {"service_e2e", timing, -1},
		{"tpot", timing, -1}, {"output_rate", speed, 1},
		{"output_tokens", tokens, 0}, {"cost", money, -1},
		{"failed", share, -1}, {"rate_limited", share, -1}, {"dropped", share, -1},
	}
}

// of returns which of the requests with the tags have the metric: of cost, those
// that were answered, or else a run that fails would look cheap.
func (m metric) of(tags map[string]string) map[string]string {
	if m.kind != money {
		return tags
	}
	answered := map[string]string{"class": "ok"}
	maps.Copy(answered, tags)
	return answered
}

// drifts reports whether the hour of day moves the metric.
func (m metric) drifts() bool { return m.kind == timing || m.kind == speed }
