package limit

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

func TestBucketReady(t *testing.T) {
	for _, c := range []struct {
		b    bucket
		now  time.Duration
		n    float64
		want time.Duration
	}{
		{bucket{level: 5, capacity: 10, rate: 2}, 0, 5, 0},
		{bucket{level: 5, capacity: 10, rate: 2}, 0, 6, 500 * time.Millisecond},
		{bucket{level: 5, capacity: 10, rate: 2}, time.Second, 8, 1500 * time.Millisecond},
		{bucket{level: 5, capacity: 10, rate: 2}, time.Hour, 10, time.Hour},                    // no more than its capacity
		{bucket{level: 5, capacity: 10, rate: 2}, 0, 1000, 2500 * time.Millisecond},            // more than it holds: when full
		{bucket{level: -3, capacity: 10, rate: 2}, 0, 1, 2 * time.Second},                      // in debt
		{bucket{level: 0, capacity: 10, rate: 3}, 0, 1, 333333334 * time.Nanosecond},           // never early
		{bucket{level: 0, capacity: 10, rate: 2, at: 4 * time.Second}, 0, 2, 5 * time.Second},  // the past does not refill
		{bucket{level: 12, capacity: 10, rate: 2, at: 4 * time.Second}, 0, 2, 4 * time.Second}, // nor was it another state
		{bucket{level: 0, capacity: 10, rate: 0}, 0, 1, forever},
		{bucket{level: math.Inf(-1), capacity: 10, rate: 1}, 0, 1, forever},
	} {
		b := c.b
		if got := b.ready(c.now, c.n); got != c.want {
			t.Errorf("%+v.ready(%v, %v) = %v; want %v", c.b, c.now, c.n, got, c.want)
		} else if got < forever {
			if again := b.ready(got, c.n); again != got {
				t.Errorf("%+v at %v is not ready for %v before %v", c.b, got, c.n, again)
			}
		}
	}
}

func TestBucketShift(t *testing.T) {
	b := bucket{level: 10, capacity: 10, rate: 2}
	b.shift(time.Second, -4)
	b.shift(2*time.Second, -4)
	b.shift(time.Second, -1) // late news
	if b.level != 3 {
		t.Errorf("level %v; want 3", b.level)
	}
	if b.shift(2*time.Second, 100); b.level != 10 {
		t.Errorf("level %v; want 10, the capacity", b.level)
	}
}

func TestEstimate(t *testing.T) {
	var e estimate
	req := call.Request{Body: make([]byte, 400), MaxTokens: 1000}
	ask := func(want cost) {
		t.Helper()
		if diff := cmp.Diff(want, e.of(req)); diff != "" {
			t.Errorf("estimate (-want +got):\n%s", diff)
		}
	}
	ask(cost{1, 100, 500, 600})
	e.learn(req, call.Result{Class: call.ServerError, Usage: call.Usage{Input: 1, Output: 1}})
	ask(cost{1, 100, 500, 600})
	e.learn(req, call.Result{Class: call.Cut, Known: call.UsageInput, Usage: call.Usage{Input: 40, Output: 7}})
	ask(cost{1, 40, 500, 540})
	e.learn(req, call.Result{Class: call.OK, Usage: call.Usage{Input: 10, CacheWrite5m: 20, CacheWrite1h: 30, CacheRead: 1000, Output: 90}})
	ask(cost{1, 50, 90, 140})
	e.learn(req, call.Result{Class: call.Refused, Known: call.UsageFinal, Usage: call.Usage{Input: 50, Output: 30}})
	ask(cost{1, 50, 60, 110})
	req.Body, req.MaxTokens = req.Body[:40], 20
	ask(cost{1, 5, 20, 25})
	for range 300 {
		e.learn(req, call.Result{Class: call.OK, Usage: call.Usage{Input: 20, Output: 10}})
	}
	if got := e.of(req); math.Abs(got[inputTokens]-20) > 0.1 || math.Abs(got[outputTokens]-10) > 0.1 {
		t.Errorf("after 300 others: %v; want the old ones forgotten", got)
	}
}

func TestActual(t *testing.T) {
	guess := cost{1, 100, 50, 150}
	usage := call.Usage{Input: 10, CacheWrite5m: 5, CacheRead: 500, Output: 70}
	for _, c := range []struct {
		r    call.Result
		want cost
	}{
		{call.Result{Class: call.OK, Usage: usage}, cost{1, 15, 70, 85}},
		{call.Result{Class: call.Refused, Known: call.UsageFinal, Usage: usage}, cost{1, 15, 70, 85}},
		{call.Result{Class: call.Cut, Known: call.UsageInput, Usage: usage}, cost{1, 15, 70, 85}},
		{call.Result{Class: call.Cut, Known: call.UsageInput, Usage: call.Usage{Input: 10, Output: 1}}, cost{1, 10, 50, 60}},
		{call.Result{Class: call.RateLimited, Status: 429}, cost{}},
		{call.Result{Class: call.OverBudget}, cost{}},
		{call.Result{Class: call.Dropped}, cost{}},
		{call.Result{Class: call.Connection}, cost{}},
		{call.Result{Class: call.Connection, Written: true}, guess},
		{call.Result{Class: call.ServerError, Status: 500}, cost{1, 0, 0, 0}},
		{call.Result{Class: call.Overloaded, Status: 529}, cost{1, 0, 0, 0}},
		{call.Result{Class: call.Timeout}, guess},
		{call.Result{Class: call.Canceled}, guess},
	} {
		if got := actual(guess, c.r); got != c.want {
			t.Errorf("actual(%s, known %d) = %v; want %v", c.r.Class, c.r.Known, got, c.want)
		}
	}
}

// A tokens header that only repeats the others must hold nothing back by itself.
func TestRestated(t *testing.T) {
	for _, c := range []struct {
		tokens, input, output int64
		want                  bool
	}{
		{280_000, 200_000, 80_000, true}, // the sum
		{200_000, 200_000, 80_000, true}, // the input limit
		{80_000, 200_000, 80_000, true},  // the output limit
		{300_000, 200_000, 80_000, true}, // cannot bind
		{50_000, 200_000, 80_000, false}, // a workspace's own
		{50_000, -1, 80_000, false},      // nothing to compare with
		{-1, 200_000, 80_000, false},
	} {
		l := call.Limits{Tokens: said(c.tokens, 0), InputTokens: said(c.input, 0), OutputTokens: said(c.output, 0)}
		if got := restated(l); got != c.want {
			t.Errorf("restated(%d, %d + %d) = %v; want %v", c.tokens, c.input, c.output, got, c.want)
		}
	}
	if restated(call.Limits{Tokens: said(1, 1)}) {
		t.Error("tokens alone is not a repetition")
	}
}
