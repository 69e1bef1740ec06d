package limit

import (
	"math"
	"testing"
	"time"
)

// Requests of 1.5/s for ten minutes at a bucket of 60 that refills one a second:
// from 429s alone the refill is found within 0.3 % and the capacity within 2 %.
func TestFitRefusalsOracle(t *testing.T) {
	for seed := range uint64(40) {
		demands, _ := asked(seed, 60, 60, 1.5, one, 10*time.Minute, 1)
		f, ok := FitRefusals(demands)
		if !ok || math.Abs(f.PerMinute.Value-60) > 0.003*60 || math.Abs(f.Capacity-60) > 0.02*60 {
			t.Errorf("seed %d: %v a minute, capacity %v, %v; want 60 within 0.18 and 60 within 1.2", seed, f.PerMinute.Value, f.Capacity, ok)
		}
	}
}

// Who takes the highest rate that a step of some seconds carries for what a limit
// carries is off by 1 + 60 s ÷ step, for a bucket that is full at the start of each step
// and holds a minute: twice too much with steps of a minute.
func TestFullBucketFlatters(t *testing.T) {
	const limit = 600 // a minute, 10 a second
	for step, want := range map[time.Duration]float64{10 * time.Second: 7, 30 * time.Second: 3, time.Minute: 2, 2 * time.Minute: 1.5, 5 * time.Minute: 1.2, 10 * time.Minute: 1.1} {
		passes := func(perSecond float64) bool {
			a := NewAllowance(Rates{Requests: limit})
			gap := time.Duration(float64(time.Second) / perSecond)
			for at := time.Duration(0); at < step; at += gap {
				if refused, _ := a.Admit(at, 0); refused != "" {
					return false
				}
			}
			return true
		}
		low, high := 1.0, 1000.0
		for high-low > 0.01 {
			if mid := (low + high) / 2; passes(mid) {
				low = mid
			} else {
				high = mid
			}
		}
		if got := low / (limit / 60); math.Abs(got-want) > 0.01*want {
			t.Errorf("steps of %v: %.3f times what the limit carries; want %.3f", step, got, want)
		}
	}
}
