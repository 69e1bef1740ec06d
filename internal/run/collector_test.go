package run

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/store"
)

// One record through the log and the live figures: the goal is 20,000 a second
// on one core, 50 µs each.
func BenchmarkRecord(b *testing.B) {
	w, err := store.Create(filepath.Join(b.TempDir(), "run"), store.Manifest{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	watch := []metrics.Watch{{Metric: "ttft"}, {Metric: "e2e", Tags: map[string]string{"task": "a"}}}
	c := &collector{execution: &execution{writer: w}, live: metrics.NewLive(metrics.Meta{}, watch...)}
	r := call.Result{
		Attempt: 1, Task: "a", Model: "claude-haiku-4-5", Phase: call.Main, Class: call.OK, Status: 200, RequestID: "req_011CExample",
		Sent: time.Second, Events: 60, Gaps: [][2]int{{210, 40}, {230, 20}}, Usage: call.Usage{Input: 12, Output: 244}, Cost: 1_232_000_000,
	}
	for b.Loop() {
		r.Index++
		r.Due += time.Millisecond
		r.Started, r.Sent = r.Due+1000, r.Due+2000
		r.FirstContent, r.LastContent, r.Done = r.Due+5e8, r.Due+9e8, r.Due+9e8
		c.add(r)
	}
	if c.err != nil {
		b.Fatal(c.err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// A key that is refused and a target that never answers end a run; one success
// or one answer shows that going on makes sense.
func TestHope(t *testing.T) {
	refused := call.Result{Class: call.Auth, Status: 401, Sent: 1}
	dead := call.Result{Class: call.Connection, Err: &call.Error{Message: "connection refused"}}
	late := call.Result{Class: call.Timeout}
	ok := call.Result{Class: call.OK, Status: 200, Sent: 1}
	repeat := func(n int, r call.Result) (all []call.Result) {
		for range n {
			all = append(all, r)
		}
		return all
	}
	tests := []struct {
		name  string
		calls []call.Result
		want  string
	}{
		{"four refusals", repeat(4, refused), ""},
		{"five refusals", repeat(5, refused), "auth"},
		{"five refusals after a success", append([]call.Result{ok}, repeat(9, refused)...), ""},
		{"refusals with something between", append(append(repeat(4, refused), dead), repeat(4, refused)...), ""},
		{"nineteen dead", repeat(19, dead), ""},
		{"twenty dead", repeat(20, dead), "unreachable"},
		{"twenty that never connected", repeat(20, late), "unreachable"},
		{"dead after an answer", append([]call.Result{{Class: call.ServerError, Status: 500, Sent: 1}}, repeat(30, dead)...), ""},
	}
	for _, tt := range tests {
		var h hope
		got := ""
		for _, r := range tt.calls {
			if cause, _ := h.lost(r, "http://x"); cause != "" {
				got = cause
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}
