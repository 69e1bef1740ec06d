package metrics

import (
	"slices"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Values come in the order of due times, of phase main, and shares as 0 and 1.
func TestValues(t *testing.T) {
	const ms = time.Millisecond
	var table Table
	add := func(index, attempt int, task string, class call.Class, due time.Duration) {
		r := call.Result{Index: index, Attempt: attempt, Task: task, Model: "m", Phase: call.Main, Class: class, Due: due}
		if class.Sent() {
			r.Started, r.Sent, r.Done = due+ms, due+ms, due+30*ms
		}
		if class == call.OK {
			r.FirstContent, r.LastContent, r.Cost = due+10*ms, due+20*ms, call.Dollar
		}
		table.Add(r)
	}
	add(2, 1, "a", call.OK, 300*ms)
	add(0, 1, "a", call.RateLimited, 100*ms)
	add(0, 2, "a", call.OK, 100*ms)
	add(1, 1, "b", call.ServerError, 200*ms)
	add(3, 1, "b", call.Dropped, 400*ms)
	table.Add(call.Result{Index: 9, Attempt: 1, Task: "a", Phase: call.WarmUp, Class: call.OK, Sent: ms, LastContent: 2 * ms, Done: 2 * ms})
	for _, c := range []struct {
		metric string
		tags   map[string]string
		want   []float64
	}{
		{"ttft", nil, []float64{10, 10}}, {"service_e2e", nil, []float64{19, 19}},
		{"cost", nil, []float64{1, 0, 1}}, {"failed", nil, []float64{0, 1, 0}},
		{"rate_limited", nil, []float64{1, 0, 0, 0}}, {"rate_limited", map[string]string{"task": "b"}, []float64{0}},
		{"dropped", nil, []float64{0, 0, 0, 1}}, {"failed", map[string]string{"task": "c"}, nil},
		{"goodput", nil, nil}, {"event_gap", nil, nil},
	} {
		if got := table.Values(c.metric, c.tags); !slices.Equal(got, c.want) {
			t.Errorf("Values(%q, %v) = %v; want %v", c.metric, c.tags, got, c.want)
		}
	}
}
