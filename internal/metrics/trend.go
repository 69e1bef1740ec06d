package metrics

import (
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// look is what a trend may know of a row besides the row itself.
type look struct {
	class call.Class
	plain bool     // the task's answers are not streamed
	any   bool     // a class was asked for: look at failed attempts too
	spent call.USD // on earlier attempts of the request
}

// counts reports whether the attempt has a latency: answered, or waited for in
// vain. Other failures say nothing about how long an answer takes.
func (l look) counts() bool { return l.class == call.OK || timedOut(l.class) || l.any }

// trend is a metric with a value for each attempt, or for each request.
type trend struct {
	name       string
	perRequest bool // of the request's last attempt only
	value      func(r *row, l look) (v float64, ok bool)
}

// trends returns every trend but event_gap, which has its own histograms.
func trends() []trend {
	return []trend{
		{name: "ttft", perRequest: true, value: func(r *row, l look) (float64, bool) {
			return l.first(r.firstContent, r.due)
		}},
		{name: "ttfo", perRequest: true, value: func(r *row, l look) (float64, bool) {
			return l.first(r.firstText, r.due)
		}},
		{name: "ttfb", value: func(r *row, l look) (float64, bool) { return l.between(r.sent, r.firstByte) }},
		{name: "e2e", perRequest: true, value: func(r *row, l look) (float64, bool) { return l.whole(r, r.due) }},
		{name: "service_ttft", value: serviceTTFT},
		{name: "service_e2e", value: serviceE2E},
		{name: "connect", value: connect},
		{name: "conn_wait", value: func(r *row, l look) (float64, bool) { return ms(r.connWait), l.counts() && r.sent > 0 }},
		{name: "tpot", value: func(r *row, _ look) (float64, bool) { return 1000 / r.outputRate, r.outputRate > 0 }},
		{name: "held", perRequest: true, value: func(r *row, _ look) (float64, bool) { return ms(r.held), r.started > 0 }},
		{name: "lag", perRequest: true, value: func(r *row, _ look) (float64, bool) { return ms(r.lag()), r.started > 0 }},
		{name: "read_lag", perRequest: true, value: func(r *row, _ look) (float64, bool) { return ms(r.readLag), r.readLag > 0 }},
		{name: "output_rate", value: func(r *row, _ look) (float64, bool) { return r.outputRate, r.outputRate > 0 }},
		{name: "e2e_output_rate", value: e2eOutputRate},
		tokens("input_tokens", func(r *row) int64 { return int64(r.input) }),
		tokens("prompt_tokens", (*row).prompt),
		tokens("output_tokens", func(r *row) int64 { return int64(r.output) }),
		tokens("thinking_tokens", func(r *row) int64 { return int64(r.thinking) }),
		{name: "cost", perRequest: true, value: func(r *row, l look) (float64, bool) {
			return (r.cost + l.spent).Dollars(), l.class.Sent()
		}},
	}
}

// trendsByName returns the same trends for looking up.
func trendsByName() map[string]trend {
	byName := map[string]trend{}
	for _, t := range trends() {
		byName[t.name] = t
	}
	return byName
}

// tokens is a trend of token counts: of attempts that ended with their final usage.
func tokens(name string, count func(*row) int64) trend {
	return trend{name: name, value: func(r *row, l look) (float64, bool) {
		return float64(count(r)), final(l.class) || l.any
	}}
}

// first is the time from a start to a first something of a stream.
func (l look) first(at, from time.Duration) (float64, bool) {
	if at == 0 && l.plain {
		return 0, false
	}
	return l.since(at, from)
}

// between is the time from one instant to another, both of which must have been reached.
func (l look) between(from, at time.Duration) (float64, bool) {
	if from == 0 {
		at = 0
	}
	return l.since(at, from)
}

func (l look) since(at, from time.Duration) (float64, bool) {
	switch {
	case !l.counts():
		return 0, false
	case at > 0:
		return ms(at - from), true
	}
	return math.Inf(1), timedOut(l.class)
}

// whole is the time to the end of the answer. What timed out never ended,
// whatever part of it arrived; a failure that is looked at ended when it was done.
func (l look) whole(r *row, from time.Duration) (float64, bool) {
	switch {
	case timedOut(l.class):
		return math.Inf(1), true
	case l.any && r.lastContent == 0:
		return l.since(r.done, from)
	}
	return l.since(r.lastContent, from)
}

func serviceTTFT(r *row, l look) (float64, bool) {
	if r.firstContent == 0 && l.plain {
		return 0, false
	}
	return l.between(r.sent, r.firstContent)
}

func serviceE2E(r *row, l look) (float64, bool) {
	if r.sent == 0 && !timedOut(l.class) {
		return 0, false
	}
	return l.whole(r, r.sent)
}

func connect(r *row, l look) (float64, bool) {
	switch {
	case !l.counts():
		return 0, false
	case r.sent > 0:
		return ms(r.connect), true
	}
	return math.Inf(1), timedOut(l.class)
}

func e2eOutputRate(r *row, l look) (float64, bool) {
	return call.Result{
		Class: l.class, Sent: r.sent, LastContent: r.lastContent, Usage: call.Usage{Output: int64(r.output)},
	}.E2EOutputRate()
}
