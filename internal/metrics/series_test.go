package metrics

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

func TestSeries(t *testing.T) {
	a := answered(0, 200*milli, 500*milli, 2500*milli) // runs 0.201 to 2.705
	b := answered(1, 1500*milli, 300*milli, 400*milli) // runs 1.501 to 1.905
	b.Phase = call.WarmUp
	c := failed(2, 1900*milli, call.RateLimited) // runs 1.901 to 2.906
	c2 := answered(2, 1900*milli, 100*milli, 200*milli)
	c2.Attempt, c2.Started, c2.Done = 2, 4000*milli, 0 // another attempt, alone
	c2.Held = 2 * second
	c2.Done = 5 * second // as the sixth step begins
	d := never(3, 1950*milli, call.Dropped)
	cut := answered(4, 1100*milli, 50*milli, 50*milli) // over at 1.156, alone with a
	cut.Class, cut.Output, cut.Cost = call.Cut, 0, 0
	no := Withheld()
	got := tableOf(cut, b, a, c, d, c2).Summary(Meta{}).Series
	want := Series{
		StepS: 1, T: []float64{0, 1, 2, 3, 4, 5},
		Requests: []int{1, 3, 0, 0, 0, 0}, RateLimited: []int{0, 1, 0, 0, 0, 0},
		InFlight: []int{1, 3, 2, 0, 1, 0}, OutputTokens: []int64{0, 50, 50, 0, 0, 50},
		TTFTP50: []Number{504, 304, no, no, no, no}, TTFTP95: []Number{504, 304, no, no, no, no},
		USD: []Number{0, 0.01, 0.02, 0.02, 0.02, 0.03},
	}
	// The warm-up's answer is in the course of requests, tokens and dollars; its latency is a point as well.
	want.TTFTP50[1], want.TTFTP95[1] = 104, 304
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b Number) bool {
		return a == b || math.Abs(float64(a-b)) < 1e-9 || math.IsNaN(float64(a)) && math.IsNaN(float64(b))
	})); d != "" {
		t.Errorf("Series (-want +got):\n%s", d)
	}
}

// TestHandOver: an attempt that starts as another ends does not run beside it.
func TestHandOver(t *testing.T) {
	a, b := answered(0, 0, 0, 0), answered(1, 0, 0, 0)
	a.Started, a.Done = 100*milli, 400*milli
	b.Started, b.Done = 400*milli, 900*milli
	if got := tableOf(a, b).series().InFlight; len(got) != 1 || got[0] != 1 {
		t.Errorf("in flight = %v; want one at a time", got)
	}
}

// TestInFlight compares with counting at every edge.
func TestInFlight(t *testing.T) {
	for seed := range uint64(20) {
		log := randomRun(seed, 300)
		s := tableOf(log...).series()
		step := time.Duration(s.StepS * float64(time.Second))
		for i, got := range s.InFlight {
			from, to := time.Duration(i)*step, time.Duration(i+1)*step
			edges, want := []time.Duration{from}, 0
			for _, r := range log {
				if r.Started >= from && r.Started < to {
					edges = append(edges, r.Started)
				}
			}
			for _, at := range edges {
				n := 0
				for _, r := range log {
					if r.Started > 0 && r.Started <= at && r.Done > at {
						n++
					}
				}
				want = max(want, n)
			}
			if got != want {
				t.Fatalf("seed %d: in flight in step %d = %d; want %d", seed, i, got, want)
			}
		}
	}
}

func TestStepFor(t *testing.T) {
	for _, tt := range []struct{ last, want time.Duration }{
		{0, second}, {599 * second, second}, {600 * second, 2 * second}, {1199 * second, 2 * second}, {1200 * second, 5 * second},
		{time.Hour, 10 * second}, {24 * time.Hour, 300 * second}, {math.MaxInt64, 0},
	} {
		got := stepFor(tt.last)
		if tt.want != 0 && got != tt.want {
			t.Errorf("stepFor(%v) = %v; want %v", tt.last, got, tt.want)
		}
		if n := tt.last/got + 1; n > mostPoints {
			t.Errorf("stepFor(%v) = %v: %d points", tt.last, got, n)
		}
	}
	far := answered(0, math.MaxInt64-second, 0, 0)
	far.Done, far.LastContent = -5, -5
	if n := len(tableOf(far).series().T); n == 0 || n > mostPoints {
		t.Errorf("a damaged log gives %d points", n)
	}
}
