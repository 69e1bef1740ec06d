package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tokenload/tokenload/internal/call"
)

// TestPartsAddUp: e2e is lag, held, earlier attempts, connect, send, wait and
// generation, to the microsecond, for streams, plain answers and retries.
func TestPartsAddUp(t *testing.T) {
	for seed := range uint64(5) {
		for _, r := range randomRun(seed, 400) {
			if r.Class != call.OK {
				continue
			}
			one := r
			one.Index, one.Attempt = 0, 1
			one.Phase = call.Main
			src := tableOf(one).Source(Meta{})
			send := ms(r.Sent - r.Started - r.ConnectTime())
			wait, generation := ask(t, src, "service_e2e", nil, "avg", 0), 0.0
			if r.FirstContent > 0 {
				wait = ask(t, src, "service_ttft", nil, "avg", 0)
				generation = ms(r.LastContent - r.FirstContent)
			}
			sum := ask(t, src, "lag", nil, "avg", 0) + ask(t, src, "held", nil, "avg", 0) + ms(r.Earlier) +
				ask(t, src, "connect", nil, "avg", 0) + send + wait + generation
			if e2e := ask(t, src, "e2e", nil, "avg", 0); math.Abs(e2e-sum) > 0.001 {
				t.Fatalf("e2e = %v ms; its parts add up to %v ms (%+v)", e2e, sum, r)
			}
		}
	}
}

// TestCountsAddUp compares the counts with a naive model that keeps a map of
// every request, and checks the identities between them.
func TestCountsAddUp(t *testing.T) {
	for seed := range uint64(20) {
		log := randomRun(seed, 500)
		tab := tableOf(log...)
		const planned = 600
		s := tab.Summary(Meta{Planned: planned, OpenLoop: true})
		got := s.Requests
		if want := naiveCounts(log, planned); got != want {
			t.Fatalf("seed %d: Requests = %+v; want %+v", seed, got, want)
		}
		if got.Planned != got.Sent+got.Dropped+got.OverBudget+got.Unsent || got.Sent != got.OK+got.Failed+got.Canceled || got.Attempts < got.Sent {
			t.Fatalf("seed %d: counts do not add up: %+v", seed, got)
		}
		for what, groups := range map[string]map[string]Group{"tasks": s.Tasks, "models": s.Models, "stages": s.Stages} {
			sum, usd := got, s.Cost.USD
			sum.Planned -= got.Unsent
			sum.Unsent = 0
			for _, g := range groups {
				sum = minus(sum, g.Requests)
				usd -= g.Cost.USD
			}
			if sum != (Requests{}) || usd != 0 {
				t.Errorf("seed %d: %s leave %+v and %v over", seed, what, sum, usd)
			}
		}
	}
}

func minus(a, b Requests) Requests {
	return Requests{
		Planned: a.Planned - b.Planned, Sent: a.Sent - b.Sent, OK: a.OK - b.OK, Failed: a.Failed - b.Failed,
		RateLimited: a.RateLimited - b.RateLimited, Overloaded: a.Overloaded - b.Overloaded, Dropped: a.Dropped - b.Dropped,
		OverBudget: a.OverBudget - b.OverBudget, Unsent: a.Unsent - b.Unsent, Canceled: a.Canceled - b.Canceled, Attempts: a.Attempts - b.Attempts, BudgetTail: a.BudgetTail - b.BudgetTail,
	}
}

func naiveCounts(log []call.Result, planned int) Requests {
	last := map[int]call.Result{}
	var n Requests
	for _, r := range log {
		last[r.Index] = r
		if r.Phase == call.Main && r.Class.Sent() {
			n.Attempts++
		}
	}
	for _, r := range last {
		if r.Class == call.OverBudget {
			n.OverBudget++
		}
		if r.Phase == call.BudgetTail && r.Class.Sent() {
			n.BudgetTail++
		}
		if r.Phase != call.Main || r.Class == call.OverBudget {
			continue
		}
		switch r.Class {
		case call.OK:
			n.OK++
		case call.Canceled:
			n.Canceled++
		case call.Dropped:
			n.Dropped++
		case call.RateLimited:
			n.RateLimited++
			n.Failed++
		case call.Overloaded:
			n.Overloaded++
			n.Failed++
		default:
			n.Failed++
		}
	}
	n.Sent = n.OK + n.Failed + n.Canceled
	n.Unsent = planned - len(last)
	n.Planned = n.Sent + n.Dropped + n.OverBudget + n.Unsent
	return n
}

// TestPercentile: nearest rank is the least value that at least the share q of
// all values does not exceed.
func TestPercentile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 300).Draw(t, "values")
		p := rapid.IntRange(1, 999).Draw(t, "per mille")
		var want float64 = math.Inf(1)
		for _, x := range v {
			atMost := 0
			for _, y := range v {
				if y <= x {
					atMost++
				}
			}
			if atMost*1000 >= p*len(v) {
				want = min(want, x)
			}
		}
		if got := sorted(slices.Clone(v)).at(float64(p) / 1000); got != want {
			t.Fatalf("p%v of %d values = %v; want %v", float64(p)/10, len(v), got, want)
		}
	})
}

// selectors is a spread of tags over randomRun.
func selectors() []map[string]string {
	return []map[string]string{
		nil, {"task": "simple"}, {"task": "plain"}, {"model": "claude-haiku-4-5", "stage": "steady"},
		{"class": "ok"}, {"class": "timeout"}, {"class": "rate_limited", "task": "complex"}, {"class": "canceled"},
		{"class": "dropped"}, {"class": "over_budget"}, {"task": "no such task"}, {"nonsense": "x"},
	}
}

// questions is every aggregate of every metric.
func questions() map[string][]string {
	trend := []string{"avg", "min", "max", "med", "p"}
	out := map[string][]string{"event_gap": trend, "requests": {"count", "value"}, "attempts": {"count", "value", "rate"}}
	for _, tr := range trends() {
		out[tr.name] = trend
	}
	for _, summable := range []string{"cost", "input_tokens", "prompt_tokens", "output_tokens", "thinking_tokens"} {
		out[summable] = append(slices.Clone(trend), "sum", "total")
	}
	for _, share := range []string{"failed", "rate_limited", "dropped", "checks", "cache_hit"} {
		out[share] = []string{"rate", "value"}
	}
	return out
}

// TestLiveIsExact: bounded memory gives the exact answers, within 1 % where it
// is a histogram that answers.
func TestLiveIsExact(t *testing.T) {
	for seed := range uint64(3) {
		log := randomRun(seed, 2000)
		m := Meta{SLOTTFT: 500 * milli, WarmUp: 2 * second}
		var watch []Watch
		for metric := range questions() {
			for _, tags := range selectors() {
				watch = append(watch, Watch{metric, tags})
			}
		}
		// The one thing that Live cannot know is what comes later: teach it which tasks are plain first.
		slices.SortStableFunc(log, func(a, b call.Result) int { return shapeFirst(a) - shapeFirst(b) })
		live, tab := NewLive(m, watch...), tableOf(log...)
		for _, r := range log {
			live.Add(r)
		}
		exact := tab.Source(m)
		for metric, aggs := range questions() {
			for _, tags := range selectors() {
				for _, agg := range aggs {
					compare(t, exact, live, metric, tags, agg)
				}
			}
		}
	}
}

// shapeFirst sorts one answered plain request before all others.
func shapeFirst(r call.Result) int {
	if r.Index == 0 {
		return 0
	}
	if r.Task == "plain" && r.Class == call.OK && r.Attempt == 1 {
		return 1
	}
	return 2
}

func compare(t *testing.T, exact *Exact, live *Live, metric string, tags map[string]string, agg string) {
	t.Helper()
	for _, q := range []float64{0.01, 0.5, 0.95, 0.999} {
		want, wantN, wantOK := exact.Value(metric, tags, agg, q)
		got, gotN, gotOK := live.Value(metric, tags, agg, q)
		if metric == "attempts" && agg == "rate" { // windows differ by what is known when
			want, got = 0, 0
		}
		if gotOK != wantOK || wantOK && (gotN != wantN || !near(got, want)) {
			t.Fatalf("%s of %s%v, q %v: Live = %v of %d, %v; Exact = %v of %d, %v", agg, metric, tags, q, got, gotN, gotOK, want, wantN, wantOK)
		}
	}
}

func near(got, want float64) bool {
	return got == want || math.Abs(got-want) <= 0.01*math.Abs(want)+1e-9
}

// TestSameBytes: the summary is a pure function of the records.
func TestSameBytes(t *testing.T) {
	encode := func() []byte {
		tab := tableOf(randomRun(7, 1000)...)
		for i := range 20 {
			tab.AddSample(Sample{T: time.Duration(i) * second, CPU: 0.3, Memory: int64(i)})
		}
		b, err := json.Marshal(tab.Summary(Meta{Planned: 1200, SLOE2E: 2 * second, Checks: []string{"b", "a"}, Budget: 100 * call.Dollar}))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := encode()
	for range 5 {
		if again := encode(); !bytes.Equal(first, again) {
			t.Fatalf("two summaries of one log differ:\n%s\n%s", first, again)
		}
	}
	var back Summary
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(back); err != nil || !bytes.Equal(first, again) {
		t.Errorf("a summary that was read and written again differs (%v)", err)
	}
}

// TestSummaryIsExact: what a summary shows is what a threshold is judged on.
func TestSummaryIsExact(t *testing.T) {
	m := Meta{Planned: 1100, WarmUp: second, End: 8 * second, SLOE2E: 2 * second}
	tab := tableOf(randomRun(11, 1000)...)
	s, src := tab.Summary(m), tab.Source(m)
	for _, tr := range trends() {
		d := s.Group.dist(tr.name)
		if d == nil {
			continue
		}
		for agg, got := range map[string]Number{"avg": d.Mean, "min": d.Min, "max": d.Max, "med": d.P50} {
			if want := ask(t, src, tr.name, nil, agg, 0); float64(got) != want {
				t.Errorf("%s of %s: summary %v; source %v", agg, tr.name, got, want)
			}
		}
	}
	for metric, got := range map[string]Number{
		"failed": s.Rates.Failed, "rate_limited": s.Rates.RateLimited, "dropped": s.Rates.Dropped,
		"cache_hit": s.Rates.CacheHit, "requests": s.Rates.RequestsPerS, "goodput": s.Rates.Goodput,
	} {
		if want := ask(t, src, metric, nil, "rate", 0); float64(got) != want {
			t.Errorf("rate of %s: summary %v; source %v", metric, got, want)
		}
	}
	for metric, got := range map[string]float64{
		"cost": s.Cost.USD.Dollars(), "input_tokens": float64(s.Tokens.Input), "output_tokens": float64(s.Tokens.Output),
		"prompt_tokens": float64(s.Tokens.Input + s.Tokens.CacheRead),
	} {
		if want := ask(t, src, metric, nil, "sum", 0); got != want {
			t.Errorf("sum of %s: summary %v; source %v", metric, got, want)
		}
	}
	if got := fmt.Sprint(s.Requests.Sent); got != fmt.Sprint(ask(t, src, "requests", nil, "count", 0)) {
		t.Errorf("requests: summary %s", got)
	}
}
