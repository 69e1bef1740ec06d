package metrics

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// measured is what one attempt of a class counts as in each time; absent is no value.
func measured(t *testing.T, r call.Result, tags map[string]string) map[string]float64 {
	t.Helper()
	src := tableOf(r).Source(Meta{})
	got := map[string]float64{}
	for _, tr := range trends() {
		if v, n, ok := src.Value(tr.name, tags, "max", 0); ok {
			if n != 1 {
				t.Errorf("%s has %d values; want 1", tr.name, n)
			}
			got[tr.name] = v
		}
	}
	return got
}

func TestTrends(t *testing.T) {
	inf := math.Inf(1)
	ok := answered(0, second, 500*milli, 1500*milli)
	ok.Thinking, ok.CacheWrite5m, ok.CacheWrite1h = 7, 11, 13
	ok.FirstText += 100 * milli
	plain := ok
	plain.FirstEvent, plain.FirstContent, plain.FirstText, plain.Events = 0, 0, 0, 0
	timeout := failed(0, second, call.Timeout)
	unsent := timeout
	unsent.Sent = 0
	stalled := ok
	stalled.Class, stalled.FirstText = call.Stalled, 0
	cut := ok
	cut.Class = call.Cut
	gone := failed(0, second, call.Connection)
	gone.Sent = 0
	retried := ok
	retried.Held, retried.Earlier, retried.Started, retried.Sent = 200*milli, 300*milli, second+501*milli, second+504*milli

	// The parts of answered: 1 ms lag, 2 ms connect, 1 ms write.
	base := map[string]float64{"held": 0, "lag": 1, "cost": 0.01}
	for _, tt := range []struct {
		name string
		r    call.Result
		tags map[string]string
		want map[string]float64
	}{
		{"ok", ok, nil, map[string]float64{
			"ttft": 504, "ttfo": 604, "ttfb": 250, "e2e": 1504, "service_ttft": 500, "service_e2e": 1500, "connect": 2,
			"tpot": 1000 / (50 * 0.9), "output_rate": 50 * 0.9, "e2e_output_rate": 50 / 1.5,
			"input_tokens": 100, "prompt_tokens": 424, "output_tokens": 50, "thinking_tokens": 7}},
		{"plain", plain, nil, map[string]float64{
			"ttfb": 250, "e2e": 1504, "service_e2e": 1500, "connect": 2, "e2e_output_rate": 50 / 1.5,
			"input_tokens": 100, "prompt_tokens": 424, "output_tokens": 50, "thinking_tokens": 7}},
		{"timeout", timeout, nil, map[string]float64{"cost": 0,
			"ttft": inf, "ttfo": inf, "ttfb": inf, "e2e": inf, "service_ttft": inf, "service_e2e": inf, "connect": 2}},
		{"timeout before the send", unsent, nil, map[string]float64{"cost": 0,
			"ttft": inf, "ttfo": inf, "ttfb": inf, "e2e": inf, "service_ttft": inf, "service_e2e": inf, "connect": inf}},
		{"stalled after its first content", stalled, nil, map[string]float64{
			"ttft": 504, "ttfo": inf, "ttfb": 250, "e2e": inf, "service_ttft": 500, "service_e2e": inf, "connect": 2}},
		{"cut", cut, nil, map[string]float64{}},
		{"rate limited", failed(0, second, call.RateLimited), nil, map[string]float64{"cost": 0}},
		{"canceled", failed(0, second, call.Canceled), nil, map[string]float64{"cost": 0}},
		{"cut, asked for", cut, map[string]string{"class": "cut"}, map[string]float64{
			"ttft": 504, "ttfo": 604, "ttfb": 250, "e2e": 1504, "service_ttft": 500, "service_e2e": 1500, "connect": 2,
			"input_tokens": 100, "prompt_tokens": 424, "output_tokens": 50, "thinking_tokens": 7}},
		{"rate limited, asked for: it ended when it was done", failed(0, second, call.RateLimited), map[string]string{"class": "rate_limited"}, map[string]float64{
			"cost": 0, "e2e": 1005, "service_e2e": 1001, "connect": 2, "input_tokens": 0, "prompt_tokens": 0, "output_tokens": 0, "thinking_tokens": 0}},
		{"no connection, asked for", gone, map[string]string{"class": "connection"}, map[string]float64{
			"cost": 0, "e2e": 1005, "input_tokens": 0, "prompt_tokens": 0, "output_tokens": 0, "thinking_tokens": 0}},
		{"another class asked for", cut, map[string]string{"class": "ok"}, nil},
		{"held and tried before", retried, nil, map[string]float64{"held": 200,
			"ttft": 504, "ttfo": 604, "ttfb": -250, "e2e": 1504, "service_ttft": 0, "service_e2e": 1000, "connect": 2,
			"tpot": 1000 / (50 * 0.9), "output_rate": 50 * 0.9, "e2e_output_rate": 50,
			"input_tokens": 100, "prompt_tokens": 424, "output_tokens": 50, "thinking_tokens": 7}},
	} {
		want := map[string]float64{}
		for k, v := range base {
			if tt.want != nil {
				want[k] = v
			}
		}
		for k, v := range tt.want {
			want[k] = v
		}
		if c, ok := want["connect"]; ok && c < inf {
			want["conn_wait"] = 0 // the connection was there at once
		}
		if d := cmp.Diff(want, measured(t, tt.r, tt.tags), approx()); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func approx() cmp.Option {
	return cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b) })
}

// TestPlainTimeout: a plain task has no first content to wait for; its time-outs
// are +∞ in e2e but not in ttft. Of a task that never answered nothing is known,
// and its time-outs count.
func TestPlainTimeout(t *testing.T) {
	plain := answered(0, 0, second, second)
	plain.Task, plain.FirstEvent, plain.FirstContent, plain.FirstText = "plain", 0, 0, 0
	late := failed(1, second, call.Timeout)
	late.Task = "plain"
	mute := failed(2, second, call.Timeout)
	mute.Task = "mute"
	empty := answered(4, 0, second, second) // a stream without content
	empty.Task, empty.FirstContent, empty.FirstText = "empty", 0, 0
	lost := failed(5, 0, call.Timeout)
	lost.Task = "empty"
	mixed, silent, late2 := answered(6, 0, second, second), plain, failed(8, 0, call.Timeout) // streams, some of them without an event
	mixed.Task, silent.Task, late2.Task = "mixed", "mixed", "mixed"
	silent.Index = 7
	src := tableOf(mixed, silent, late2, empty, lost, late, plain, mute, answered(3, second, second, second)).Source(Meta{})
	for _, tt := range []struct {
		metric, task string
		want         int
	}{{"ttft", "plain", 0}, {"ttfo", "plain", 0}, {"service_ttft", "plain", 0}, {"e2e", "plain", 2}, {"ttft", "mute", 1}, {"ttft", "empty", 1}, {"ttft", "mixed", 2}, {"ttft", "simple", 1}} {
		if _, n, _ := src.Value(tt.metric, map[string]string{"task": tt.task}, "max", 0); n != tt.want {
			t.Errorf("%s of task %s has %d values; want %d", tt.metric, tt.task, n, tt.want)
		}
	}
}

// TestRetries: attempts of one index are one request, told by its last attempt.
func TestRetries(t *testing.T) {
	first := failed(4, second, call.RateLimited)
	first.Cost = call.Dollar
	second1 := failed(4, second, call.Timeout)
	second1.Attempt, second1.Cost = 2, call.Dollar*2
	third := answered(4, 4*second, 500*milli, 1500*milli)
	third.Attempt, third.Due, third.Held, third.Earlier = 3, second, second, 2*second
	other := failed(5, second, call.RateLimited)
	tab := tableOf(first, other, second1, third)
	s := tab.Summary(Meta{})
	want := Requests{Planned: 2, Sent: 2, OK: 1, Failed: 1, RateLimited: 1, Attempts: 4}
	if s.Requests != want {
		t.Errorf("Requests = %+v; want %+v", s.Requests, want)
	}
	src := tab.Source(Meta{})
	for _, tt := range []struct {
		metric, agg string
		want        float64
	}{
		{"ttft", "max", 3504}, {"e2e", "max", 4504}, {"held", "max", 1000}, {"held", "avg", 500}, {"lag", "max", 1},
		{"service_ttft", "max", math.Inf(1)}, {"service_ttft", "min", 500}, // attempts: the time-out stands
		{"rate_limited", "rate", 0.5}, {"requests", "count", 2}, {"attempts", "count", 4}, {"failed", "rate", 0.5}, {"cost", "max", 3.01}, {"cost", "sum", 3.01}, {"cost", "min", 0},
	} {
		if got := ask(t, src, tt.metric, nil, tt.agg, 0); math.Abs(got-tt.want) > 1e-9 && got != tt.want {
			t.Errorf("%s of %s = %v; want %v", tt.agg, tt.metric, got, tt.want)
		}
	}
	if n := len(tab.pending) + len(tab.spent); n != 2 { // the failed request 5, the money of request 4
		t.Errorf("%d entries are kept for requests; want 2", n)
	}
}

// TestNoAnswer: what a source cannot answer it refuses, and a count of nothing
// is an answer only where there was something to count.
func TestNoAnswer(t *testing.T) {
	records := []call.Result{answered(0, 0, second, second), answered(1, second, second, second), failed(2, second, call.RateLimited)}
	full := never(3, second, call.Dropped)
	full.Task = "full"
	records = append(records, full)
	m := Meta{}
	var watch []Watch
	for _, tt := range noAnswers {
		watch = append(watch, Watch{tt.metric, tt.tags})
	}
	live := NewLive(m, watch...)
	for _, r := range records {
		live.Add(r)
	}
	for _, tt := range noAnswers {
		v, n, ok := tableOf(records...).Source(m).Value(tt.metric, tt.tags, tt.agg, 0.5)
		if ok != tt.ok || ok && (v != tt.v || n == 0) {
			t.Errorf("Exact: %s of %s%v = %v of %d, %v; want %v, %v", tt.agg, tt.metric, tt.tags, v, n, ok, tt.v, tt.ok)
		}
		if v, n, ok = live.Value(tt.metric, tt.tags, tt.agg, 0.5); ok != tt.ok || ok && (v != tt.v || n == 0) {
			t.Errorf("Live: %s of %s%v = %v of %d, %v; want %v, %v", tt.agg, tt.metric, tt.tags, v, n, ok, tt.v, tt.ok)
		}
	}
}

var noAnswers = []struct {
	metric string
	tags   map[string]string
	agg    string
	v      float64
	ok     bool
}{
	{"requests", map[string]string{"class": "timeout"}, "count", 0, true},
	{"requests", map[string]string{"class": "rate_limited"}, "count", 1, true},
	{"requests", map[string]string{"class": "ok"}, "count", 2, true},
	{"requests", map[string]string{"class": "timeout", "task": "typo"}, "count", 0, false},
	{"requests", map[string]string{"task": "typo"}, "count", 0, false},
	{"attempts", map[string]string{"class": "overloaded"}, "count", 0, true},
	{"failed", nil, "rate", 1.0 / 3, true},
	{"failed", map[string]string{"task": "typo"}, "rate", 0, false},
	{"rate_limited", nil, "rate", 1.0 / 3, true},
	{"requests", map[string]string{"task": "full"}, "count", 0, true},
	{"attempts", map[string]string{"task": "full"}, "count", 0, true},
	{"requests", map[string]string{"task": "full", "class": "dropped"}, "count", 1, true},
	{"rate_limited", map[string]string{"task": "full"}, "rate", 0, false},
	{"dropped", map[string]string{"task": "full"}, "rate", 1, true},
	{"dropped", nil, "rate", 0.25, true},
	{"checks", nil, "rate", 0, false},
	{"cache_hit", nil, "value", 0.75, true},
	{"goodput", nil, "rate", 0, false},
	{"goodput", nil, "avg", 0, false},
	{"tpot", map[string]string{"class": "rate_limited"}, "max", 0, false},
	{"event_gap", nil, "max", 0, false},
	{"ttft", nil, "sum", 0, false},
	{"ttft", nil, "count", 0, false},
	{"failed", nil, "avg", 0, false},
	{"requests", nil, "avg", 0, false},
	{"no such metric", nil, "avg", 0, false},
}

func TestEventGap(t *testing.T) {
	a := answered(0, 0, second, second)
	a.Gaps, a.GapMax = [][2]int{{call.GapBucket(20 * milli), 98}, {call.GapBucket(200 * milli), 1}}, 200*milli
	b := failed(1, 0, call.Stalled)
	b.Gaps, b.GapMax = [][2]int{{call.GapBucket(time.Second), 1}}, time.Second
	hidden := failed(2, 0, call.Cut)
	hidden.Gaps, hidden.GapMax = [][2]int{{call.GapBucket(time.Hour), 9}}, time.Hour
	broken := answered(3, 0, second, second)
	broken.Gaps = [][2]int{{-1, 5}, {call.MaxGapBucket + 1, 5}, {3, -5}}
	warm := a
	warm.Index, warm.Phase = 4, call.WarmUp
	src := tableOf(a, b, hidden, broken, warm).Source(Meta{})
	for _, tt := range []struct {
		agg  string
		q    float64
		want float64
		n    int
	}{{"med", 0, 20, 100}, {"p", 0.98, 20, 100}, {"p", 0.99, 200, 100}, {"max", 0, 1000, 100}, {"min", 0, 20, 100}, {"avg", 0, 31.6, 100}} {
		if got, n, ok := src.Value("event_gap", nil, tt.agg, tt.q); !ok || n != tt.n || math.Abs(got-tt.want) > 0.01*tt.want {
			t.Errorf("%s(%v) of event_gap = %v of %d, %v; want %v of %d", tt.agg, tt.q, got, n, ok, tt.want, tt.n)
		}
	}
	if got := ask(t, src, "event_gap", map[string]string{"class": "cut"}, "max", 0); got != 3600e3 {
		t.Errorf("event_gap of class cut = %v; want an hour", got)
	}
	c := answered(5, 0, second, second)
	c.Gaps, c.GapMax = [][2]int{{500, 72}}, second
	if d := tableOf(c).Summary(Meta{}).Latency.EventGap; !d.P95.Known() || d.P99.Known() {
		t.Errorf("event_gap of 72 gaps = %+v; want p95, not p99", d)
	}
	if d := tableOf(a, b).Summary(Meta{}).Latency.EventGap; d.Count != 100 || d.P99.Known() || !d.P95.Known() || d.Max != 1000 {
		t.Errorf("event_gap = %+v; want 100 gaps, p99 withheld", d)
	}
}

func TestChecks(t *testing.T) {
	a, b, c := answered(0, 0, second, second), answered(1, 0, second, second), answered(2, 0, second, second)
	a.Checks = map[string]bool{"says hello": true, "is json": false}
	b.Checks = map[string]bool{"says hello": true}
	b.Task = "complex"
	c.Checks, c.Phase = map[string]bool{"says hello": false}, call.WarmUp
	tab := tableOf(a, b, c)
	want := []CheckCount{{"ends", 0, 0}, {"is json", 0, 1}, {"says hello", 2, 0}}
	if d := cmp.Diff(want, tab.Summary(Meta{Checks: []string{"says hello", "ends"}}).Checks); d != "" {
		t.Errorf("Checks (-want +got):\n%s", d)
	}
	src := tab.Source(Meta{})
	for task, want := range map[string]float64{"simple": 0.5, "complex": 1} {
		if got := ask(t, src, "checks", map[string]string{"task": task}, "rate", 0); got != want {
			t.Errorf("checks of %s = %v; want %v", task, got, want)
		}
	}
}
