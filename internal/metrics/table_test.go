package metrics

import (
	"math"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// steady is one answer a second, due at 0, 1, 2 … s, each 500 ms long; phase
// warm_up before warm, budget_tail from tail on (0: none).
func steady(n int, warm, tail time.Duration) []call.Result {
	var out []call.Result
	for i := range n {
		r := answered(i, time.Duration(i)*second, 300*milli, 490*milli)
		switch {
		case r.Due < warm:
			r.Phase = call.WarmUp
		case tail > 0 && r.Due >= tail:
			r.Phase = call.BudgetTail
		}
		out = append(out, r)
	}
	return out
}

func TestWindow(t *testing.T) {
	for _, tt := range []struct {
		name     string
		log      []call.Result
		m        Meta
		rate     float64 // requests per second; 50 times that many tokens
		goodput  float64
		counted  int
		withheld bool
	}{
		{"whole run", steady(10, 0, 0), Meta{End: 10 * second}, 1, 1, 10, false},
		{"ends count", steady(10, 0, 0), Meta{WarmUp: 495 * milli, End: 9495 * milli}, 10.0 / 9, 10.0 / 9, 10, false},
		{"warm-up is left out", steady(10, 4*second, 0), Meta{WarmUp: 4 * second, End: 10 * second}, 1, 1, 6, false},
		{"ended in the drain: in latency, not in the rates", steady(10, 0, 0), Meta{End: 9200 * milli}, 9 / 9.2, 9 / 9.2, 10, false},
		{"no end: up to the last end", steady(10, 0, 0), Meta{}, 10 / 9.495, 10 / 9.495, 10, false},
		{"the budget tail closes the window", steady(10, 0, 6*second), Meta{End: 10 * second}, 1, 1, 6, false},
		{"stopped: up to the last start", steady(10, 0, 0), Meta{End: 100 * second, Partial: true}, 9 / 9.001, 9 / 9.001, 10, false},
		{"stopped before a second start", steady(1, 0, 0), Meta{End: 100 * second, Partial: true}, 1 / 0.495, 1 / 0.495, 1, false},
		{"an empty window", steady(10, 20*second, 0), Meta{WarmUp: 20 * second, End: 20 * second}, 0, 0, 0, true},
	} {
		tt.m.SLOE2E = second
		s := tableOf(tt.log...).Summary(tt.m)
		got := []float64{float64(s.Rates.RequestsPerS), float64(s.Rates.OutputTokensPerS), float64(s.Rates.Goodput)}
		want := []float64{tt.rate, 50 * tt.rate, tt.goodput}
		if tt.withheld {
			want = []float64{math.NaN(), math.NaN(), math.NaN()}
		}
		if d := cmp.Diff(want, got, approx()); d != "" {
			t.Errorf("%s: rates (-want +got):\n%s", tt.name, d)
		}
		if s.Requests.Sent != tt.counted || s.Latency.E2E.Count != tt.counted || s.Classes["ok"] != tt.counted {
			t.Errorf("%s: %d sent, %d in e2e, %d of class ok; want %d", tt.name, s.Requests.Sent, s.Latency.E2E.Count, s.Classes["ok"], tt.counted)
		}
		if want := call.USD(len(tt.log)) * call.Dollar / 100; s.Cost.USD != want || s.Tokens.Output != int64(50*len(tt.log)) {
			t.Errorf("%s: %v and %d output tokens; want those of all phases, %v", tt.name, s.Cost.USD, s.Tokens.Output, want)
		}
	}
}

func TestGoodput(t *testing.T) {
	slow := answered(1, second, 2*second, 3*second)
	plain := answered(2, second, 0, 500*milli)
	plain.FirstContent, plain.FirstText = 0, 0
	log := []call.Result{answered(0, 0, 300*milli, second), slow, plain, failed(3, second, call.Overloaded)}
	for _, tt := range []struct {
		ttft, e2e time.Duration
		want      float64
	}{{second, 0, 2}, {0, 5 * second, 3}, {100 * milli, 0, 0}, {second, 600 * milli, 1}, {0, 1004 * milli, 2}, {0, 1003 * milli, 1}, {304 * milli, 0, 1}, {303 * milli, 0, 0}} {
		s := tableOf(log...).Summary(Meta{End: 10 * second, SLOTTFT: tt.ttft, SLOE2E: tt.e2e})
		if math.Abs(float64(s.Rates.Goodput)-tt.want/10) > 1e-9 { // a count over ten seconds
			t.Errorf("slo %v, %v: goodput %v; want %v", tt.ttft, tt.e2e, s.Rates.Goodput, tt.want)
		}
	}
	if g := tableOf(log...).Summary(Meta{}).Rates.Goodput; g.Known() {
		t.Errorf("goodput without an slo = %v; want none", g)
	}
}

// TestStageRates: a stage's rates are over its own time.
func TestStageRates(t *testing.T) {
	log := steady(10, 0, 0)
	for i := range log[:4] {
		log[i].Stage = "ramp"
	}
	m := Meta{WarmUp: second, End: 10 * second, Stages: []Span{{"ramp", 0, 4 * second}, {"steady", 4 * second, 10 * second}}}
	log[0].Phase = call.WarmUp
	tab := tableOf(log...)
	s := tab.Summary(m)
	for stage, n := range map[string]int{"ramp": 3, "steady": 6} {
		if g := s.Stages[stage]; g.Rates.RequestsPerS != 1 || g.Requests.Sent != n {
			t.Errorf("stage %s: %v requests/s, %d sent; want 1 and %d", stage, g.Rates.RequestsPerS, g.Requests.Sent, n)
		}
		if got := ask(t, tab.Source(m), "requests", map[string]string{"stage": stage}, "rate", 0); got != 1 {
			t.Errorf("requests{stage:%s} rate = %v; want 1", stage, got)
		}
	}
	m.Stages = nil
	if got := float64(tab.Summary(m).Stages["ramp"].Rates.RequestsPerS); got != 3.0/9 {
		t.Errorf("without spans: %v requests/s; want those of the whole window, 1/3", got)
	}
}

func TestCost(t *testing.T) {
	a, b := answered(0, 0, second, second), failed(1, 0, call.Cut)
	a.Cost, b.Cost, b.CostBound = 3*call.Dollar, 2*call.Dollar, true
	c := never(2, 0, call.OverBudget)
	c.Phase = call.BudgetTail
	s := tableOf(a, b, c).Summary(Meta{Budget: 10 * call.Dollar})
	budget, left := 10*call.Dollar, 5*call.Dollar
	want := Cost{USD: 5 * call.Dollar, UncertainUSD: 2 * call.Dollar, BudgetUSD: &budget, RemainingUSD: &left, Utilization: 0.5, Per1kRequests: 2500 * call.Dollar,
		BurnPerHour: Number(5 / a.Done.Hours())}
	if d := cmp.Diff(want, s.Cost); d != "" {
		t.Errorf("Cost (-want +got):\n%s", d)
	}
	if s.Requests.OverBudget != 1 || s.Classes["over_budget"] != 1 || s.Requests.Planned != 3 {
		t.Errorf("Requests = %+v, classes %v; want the refused one in both", s.Requests, s.Classes)
	}
	if c := tableOf(a).Summary(Meta{}).Cost; c.BudgetUSD != nil || c.RemainingUSD != nil || c.Utilization.Known() {
		t.Errorf("Cost without a budget = %+v", c)
	}
	for _, tt := range []struct {
		usd  call.USD
		n    int
		want call.USD
	}{{0, 0, 0}, {1, 3, 333}, {2, 3, 667}, {9000 * call.Dollar, 1, 9000000 * call.Dollar}, {9000000 * call.Dollar, 1, math.MaxInt64}} {
		if got := perThousand(tt.usd, tt.n); got != tt.want {
			t.Errorf("perThousand(%d, %d) = %d; want %d", tt.usd, tt.n, got, tt.want)
		}
	}
}

func TestStopReasonsAndClasses(t *testing.T) {
	refused := answered(1, 0, second, second)
	refused.Class, refused.Stop = call.Refused, "refusal"
	cut := failed(2, 0, call.Cut)
	cut.Stop = "end_turn"
	warm := answered(3, 0, second, second)
	warm.Phase = call.WarmUp
	s := tableOf(answered(0, 0, second, second), refused, cut, warm, never(4, 0, call.Dropped)).Summary(Meta{})
	if d := cmp.Diff(map[string]int{"end_turn": 1, "refusal": 1}, s.StopReasons); d != "" {
		t.Errorf("StopReasons (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]int{"ok": 1, "refused": 1, "cut": 1, "dropped": 1}, s.Classes); d != "" {
		t.Errorf("Classes (-want +got):\n%s", d)
	}
	if s.Rates.Failed != 2.0/3 || s.Rates.Success != 1.0/3 || s.Rates.Dropped != 0.25 || s.Tokens.MeanPrompt != 400 || s.Tokens.MeanOutput != 50 {
		t.Errorf("Rates = %+v, Tokens = %+v", s.Rates, s.Tokens)
	}
}

func TestEmpty(t *testing.T) {
	var tab Table
	s := tab.Summary(Meta{Planned: 5, OpenLoop: true})
	if s.Requests != (Requests{Planned: 5, Unsent: 5}) || s.Rates.Failed.Known() || s.Rates.RequestsPerS.Known() || s.Latency.TTFT.Count != 0 || s.Latency.TTFT.Mean.Known() {
		t.Errorf("summary of nothing = %+v", s)
	}
	if _, _, ok := tab.Source(Meta{}).Value("ttft", nil, "avg", 0); ok {
		t.Error("an empty table knows its ttft")
	}
}

func TestDist(t *testing.T) {
	var v []float64
	for i := range 368 {
		v = append(v, float64(i+1))
	}
	p := func(n int) Dist { return values(v[:n]).dist() }
	for _, tt := range []struct {
		n                  int
		p50, p90, p95, p99 float64
	}{
		{5, 0, 0, 0, 0}, {6, 3, 0, 0, 0}, {36, 18, 33, 0, 0}, {71, 36, 64, 0, 0}, {72, 36, 65, 69, 0}, {367, 184, 331, 349, 0}, {368, 184, 332, 350, 365},
	} {
		d := p(tt.n)
		got := []float64{float64(d.P50), float64(d.P90), float64(d.P95), float64(d.P99)}
		for i, want := range []float64{tt.p50, tt.p90, tt.p95, tt.p99} {
			if withheld := math.IsNaN(got[i]); withheld != (want == 0) || !withheld && got[i] != want {
				t.Errorf("%d values: percentile %d = %v; want %v (0 is withheld)", tt.n, i, got[i], want)
			}
		}
		if float64(d.Mean) != float64(tt.n+1)/2 || d.Min != 1 || float64(d.Max) != float64(tt.n) || d.Count != tt.n {
			t.Errorf("%d values: %+v", tt.n, d)
		}
	}
	d := values{1, 2, math.Inf(1), math.Inf(1)}.dist()
	if d.Infinite != 2 || d.Mean.Known() || d.Max.Known() || d.Min != 1 {
		t.Errorf("with infinities: %+v", d)
	}
	if got := rank(0.07, 100); got != 7 {
		t.Errorf("rank(0.07, 100) = %d; want 7", got)
	}
	if size := unsafe.Sizeof(row{}); size > 160 {
		t.Errorf("a row takes %d bytes", size)
	}
}
