package metrics

import (
	"testing"
	"time"
)

// BenchmarkAdd is the cost of one record in a table.
func BenchmarkAdd(b *testing.B) {
	log := randomRun(1, 10000)
	b.ReportAllocs()
	var t Table
	i := 0
	for b.Loop() {
		r := log[i%len(log)]
		r.Index = i
		t.Add(r)
		if i++; t.Len() > 500000 {
			t = Table{}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkSummary is the cost of adding up a run of 100,000 attempts.
func BenchmarkSummary(b *testing.B) {
	t := tableOf(randomRun(1, 80000)...)
	for b.Loop() {
		t.Summary(Meta{SLOE2E: time.Second})
	}
	b.ReportMetric(float64(t.Len()), "rows")
}

// BenchmarkLive is the cost of one record with five thresholds watched.
func BenchmarkLive(b *testing.B) {
	log := randomRun(1, 10000)
	l := NewLive(Meta{}, Watch{"ttft", nil}, Watch{"e2e", nil}, Watch{"failed", nil}, Watch{"cost", nil}, Watch{"ttft", map[string]string{"task": "simple"}})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r := log[i%len(log)]
		r.Index = i
		l.Add(r)
		i++
	}
}

// TestAddAllocates: a row costs no allocation of its own, only its part of a chunk.
func TestAddAllocates(t *testing.T) {
	var tab Table
	r := answered(0, 0, time.Second, time.Second)
	r.Gaps = [][2]int{{100, 5}, {200, 1}}
	tab.Add(r)
	if n := testing.AllocsPerRun(2000, func() { r.Index++; tab.Add(r) }); n > 0.01 {
		t.Errorf("Add allocates %v times a row", n)
	}
	live := NewLive(Meta{}, Watch{"ttft", nil}, Watch{"event_gap", nil}, Watch{"cost", nil})
	live.Add(r)
	if n := testing.AllocsPerRun(2000, func() { r.Index++; live.Add(r) }); n > 0.01 {
		t.Errorf("Live.Add allocates %v times a row", n)
	}
}
