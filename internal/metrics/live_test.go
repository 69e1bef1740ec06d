package metrics

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

func TestFrame(t *testing.T) {
	l := NewLive(Meta{})
	warm := answered(0, 0, 200*milli, 400*milli) // ends at 0.405
	warm.Phase = call.WarmUp
	bound := failed(3, 1200*milli, call.Cut) // ends at 2.206
	bound.Cost, bound.CostBound = call.Dollar, true
	first := failed(1, 500*milli, call.RateLimited) // ends at 1.505
	for _, r := range []call.Result{warm, first, never(4, second, call.Dropped), never(5, second, call.OverBudget), bound, failed(6, 1300*milli, call.Canceled)} {
		l.Add(r)
	}
	want := Frame{At: 2300 * milli, Done: 4, OK: 1, Failed: 2, Canceled: 1, Dropped: 1, OverBudget: 1, Attempts: 4, RateLimited: 1, OutputTokens: 50,
		RequestsPerS: 2, RateLimitedPerS: 1, TTFTP50: 204, USD: call.Dollar + call.Dollar/100, UncertainUSD: call.Dollar}
	if d := cmp.Diff(want, l.Frame(2300*milli)); d != "" {
		t.Errorf("Frame (-want +got):\n%s", d)
	}
	second1 := answered(1, 500*milli, 100*milli, 2*second) // ends at 2.505
	second1.Attempt = 2
	l.Add(second1)
	want = Frame{At: 2600 * milli, Done: 4, OK: 2, Failed: 1, Canceled: 1, Dropped: 1, OverBudget: 1, Attempts: 5, RateLimited: 1, OutputTokens: 100,
		RequestsPerS: 3, OutputTokensPerS: 50, TTFTP50: 104, USD: call.Dollar + call.Dollar/50, UncertainUSD: call.Dollar}
	if d := cmp.Diff(want, l.Frame(2600*milli)); d != "" {
		t.Errorf("Frame after the retry (-want +got):\n%s", d)
	}
	if f := l.Frame(30 * second); f.RequestsPerS != 0 || f.TTFTP50.Known() || f.OK != 2 {
		t.Errorf("Frame much later = %+v; want counts, but nothing recent", f)
	}
}

// TestLiveRates: rates are over the window so far, and the same as the exact
// ones when the run is over.
func TestLiveRates(t *testing.T) {
	log := steady(20, 4*second, 0)
	m := Meta{WarmUp: 4 * second, End: 20 * second, SLOE2E: second, Stages: []Span{{"steady", 0, 20 * second}}}
	stage := map[string]string{"stage": "steady"}
	l := NewLive(m, Watch{"requests", nil}, Watch{"goodput", nil}, Watch{"attempts", stage})
	for i, r := range log {
		l.Add(r)
		if _, _, ok := l.Value("requests", nil, "rate", 0); ok != (i >= 4) {
			t.Fatalf("after %d answers: a rate is known: %v", i+1, ok)
		}
	}
	m.End = 30 * second // the refusal at 20 s closes the window
	l = NewLive(m, Watch{"requests", nil}, Watch{"goodput", nil}, Watch{"attempts", stage})
	m.Stages[0].To = 30 * second
	tail := answered(21, 25*second, second, second)
	tail.Phase = call.BudgetTail
	log = append(log, call.Request{Index: 20, Phase: call.BudgetTail, Due: 20 * second}.Result(call.OverBudget), tail)
	for _, r := range log {
		l.Add(r)
	}
	exact := tableOf(log...).Source(m)
	for metric, tags := range map[string]map[string]string{"requests": nil, "goodput": nil, "attempts": stage} {
		want := ask(t, exact, metric, tags, "rate", 0)
		if got := ask(t, l, metric, tags, "rate", 0); got != want || got != 1 {
			t.Errorf("rate of %s = %v; exact %v; want 1", metric, got, want)
		}
	}
	if _, _, ok := l.Value("ttft", nil, "avg", 0); ok {
		t.Error("a metric that nobody watched has a value")
	}
}

// TestLiveIsBounded: a run in which everything fails is forgotten but for the
// latest failures.
func TestLiveIsBounded(t *testing.T) {
	l := NewLive(Meta{}, Watch{"ttft", nil}, Watch{"failed", nil})
	for i := range 3 * mostPending {
		l.Add(failed(i, time.Duration(i)*milli, call.Timeout))
	}
	if len(l.pending) > mostPending || len(l.queue) > mostPending || cap(l.queue) > 4*mostPending {
		t.Errorf("%d requests are remembered, %d queued (room for %d); want %d at most", len(l.pending), len(l.queue), cap(l.queue), mostPending)
	}
	again := answered(3*mostPending-1, 0, second, second)
	again.Attempt = 2
	l.Add(again)
	if got := ask(t, l, "failed", nil, "rate", 0); got != 1-1/float64(3*mostPending) {
		t.Errorf("failed = %v after one retry that was remembered", got)
	}
	for range 3 * mostPending { // one request, retried without end
		l.Add(failed(7, 0, call.Overloaded))
	}
	if len(l.queue) > mostPending {
		t.Errorf("%d entries are queued; want %d at most", len(l.queue), mostPending)
	}
}

func TestHist(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	var h hist
	var all []float64
	for range 5000 {
		v := math.Exp(rnd.NormFloat64() * 8)
		if rnd.IntN(20) == 0 {
			v = 0
		}
		h.add(v, 1)
		all = append(all, v)
	}
	h.add(123456, 1)
	h.add(123456, -1)
	want := sorted(all)
	for p := 1; p < 1000; p++ {
		q := float64(p) / 1000
		if got := h.aggregate("p", q); math.Abs(got-want.at(q)) > 0.01*want.at(q) {
			t.Fatalf("q %v = %v; want %v within 1 %%", q, got, want.at(q))
		}
	}
	h.add(math.Inf(1), 1)
	if !math.IsInf(h.aggregate("max", 0), 1) || !math.IsInf(h.aggregate("avg", 0), 1) || h.n != 5001 {
		t.Errorf("with a time-out: max %v, avg %v of %d", h.aggregate("max", 0), h.aggregate("avg", 0), h.n)
	}
	h.add(1e300, 1)
	h.add(1e-300, 1)
	h.add(-1, 1)
	if len(h.counts) > highBucket-lowBucket+1 {
		t.Errorf("%d buckets", len(h.counts))
	}
	if !math.IsNaN((&hist{}).aggregate("avg", 0)) || !math.IsNaN(h.aggregate("sum", 0)) {
		t.Error("an answer where there is none")
	}
}
