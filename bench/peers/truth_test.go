package main

import (
	"math"
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

func TestWrong(t *testing.T) {
	tr := truth{Arrived: 1000 * ms, FirstBefore: 1050 * ms, FirstAfter: 1051 * ms}
	for _, tt := range []struct {
		ttft time.Duration
		want float64
	}{
		{50 * time.Millisecond, 0}, // the bounds are inside
		{51 * time.Millisecond, 0},
		{50500 * time.Microsecond, 0},
		{49 * time.Millisecond, -1}, // under the least by 1 ms
		{53 * time.Millisecond, 2},
	} {
		if got := tr.wrong(tt.ttft); got != tt.want {
			t.Errorf("wrong(%v) = %v; want %v", tt.ttft, got, tt.want)
		}
	}
	if got := tr.late(48 * time.Millisecond); got != 2 {
		t.Errorf("late(48ms) = %v; want 2", got)
	}
}

// TestWindow: two streams of 11 events, 100 ms apart, one wholly in the window
// and one half before it; a third is open when it ends.
func TestWindow(t *testing.T) {
	all := []truth{
		{Arrived: 400 * ms, FirstAfter: 500 * ms, LastAfter: 1500 * ms, Events: 11},
		{Arrived: 1400 * ms, FirstAfter: 1500 * ms, LastAfter: 2500 * ms, Events: 11},
		{Arrived: 3000 * ms, FirstAfter: 3100 * ms, LastAfter: 4100 * ms, Events: 11},
	}
	w := windowOf(all, 2*time.Second)
	if w.from != 1000*ms || w.to != 3000*ms {
		t.Fatalf("windowOf = %v; want 1 s to 3 s", w)
	}
	if got := w.open(all); got != (500+1100)/2000.0 {
		t.Errorf("open = %v; want 0.8", got)
	}
	if got := w.events(all); got != 15 {
		t.Errorf("events = %v; want 5 and 10", got)
	}
	one := []truth{{Arrived: 1000 * ms, FirstAfter: 1100 * ms, LastAfter: 1100 * ms, Events: 1}}
	if got := w.events(one); got != 1 {
		t.Errorf("events of a single one = %v; want 1", got)
	}
}

func TestPercentile(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 3, 1, 2}, 0.5, 2}, // the nearest rank
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.99, 10},
		{[]float64{7}, 0.01, 7},
	} {
		if got := percentile(tt.values, tt.q); got != tt.want {
			t.Errorf("percentile(%v, %v) = %v; want %v", tt.values, tt.q, got, tt.want)
		}
	}
	if got := percentile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("percentile of nothing = %v; want NaN", got)
	}
}

func TestShape(t *testing.T) {
	s := shape{ttft: 50 * time.Millisecond, gap: 10 * time.Millisecond, events: 300, measured: 8 * time.Second}
	if s.stream() != 3040*time.Millisecond || s.ramp() != 3*time.Second || s.load() != 14*time.Second {
		t.Errorf("stream %v, ramp %v, load %v; want 3.04s, 3s, 14s", s.stream(), s.ramp(), s.load())
	}
	if few, many := s.at(level{streams: 100}).measured, s.at(level{streams: 300}).measured; few != 12*time.Second || many != 8*time.Second {
		t.Errorf("measured at 100 and 300: %v, %v; want 12s, 8s", few, many)
	}
	if got := s.at(level{rate: 10}).stream(); got != 240*time.Millisecond {
		t.Errorf("stream where requests are asked for by the second = %v; want 240ms", got)
	}
	if s.events = 1; s.ramp() != time.Second {
		t.Errorf("ramp of a short stream = %v; want 1s", s.ramp())
	}
}
