package report

import (
	"testing"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/threshold"
)

func TestDecide(t *testing.T) {
	ok := metrics.Requests{Sent: 10, OK: 9, Failed: 1}
	allFailed := metrics.Requests{Sent: 10, Failed: 10}
	onlyCanceled := metrics.Requests{Sent: 3, Canceled: 3}
	dropped := metrics.Requests{Planned: 5, Dropped: 5}
	none := metrics.Requests{}
	good := []Threshold{{Verdict: threshold.Passed}}
	bad := []Threshold{{Verdict: threshold.Passed}, {Verdict: threshold.Failed}}
	noData := []Threshold{{Verdict: threshold.NoData}}

	for _, c := range []struct {
		name    string
		cause   string
		req     metrics.Requests
		valid   bool
		ts      []Threshold
		outcome string
		code    int
	}{
		{"all well", "completed", ok, true, good, Passed, 0},
		{"no thresholds", "completed", ok, true, nil, Passed, 0},
		{"a step of a search that had shown enough", "decided", ok, true, good, Passed, 0},
		{"the same, and nothing ended ok", "decided", allFailed, true, good, Failed, 1},
		{"a threshold fails", "completed", ok, true, bad, Thresholds, 99},
		{"a threshold without data", "completed", ok, true, noData, Thresholds, 99},
		{"aborted by a threshold that holds in the end", "threshold", ok, true, good, Thresholds, 99},
		{"not valid", "completed", ok, false, good, Invalid, 121},
		{"not valid before thresholds", "completed", ok, false, bad, Invalid, 121},
		{"not valid before an abort threshold", "threshold", ok, false, bad, Invalid, 121},
		{"budget", "budget", ok, true, good, Budget, 120},
		{"budget before not valid and thresholds", "budget", ok, false, bad, Budget, 120},
		{"budget too small for one request", "budget", none, true, noData, Budget, 120},
		{"interrupted", "interrupted", ok, true, good, Interrupted, 105},
		{"interrupted before all the rest", "interrupted", ok, false, bad, Interrupted, 105},
		{"interrupted while the first ones ran", "interrupted", onlyCanceled, true, noData, Interrupted, 105},
		{"interrupted with nothing but failures", "interrupted", allFailed, true, good, Failed, 1},
		{"killed", "", ok, true, good, Interrupted, 105},
		{"killed at once", "", none, true, nil, Interrupted, 105},
		{"not one ok", "completed", allFailed, true, good, Failed, 1},
		{"not one ok, before budget", "budget", allFailed, false, bad, Failed, 1},
		{"nothing sent at all", "completed", none, true, nil, Failed, 1},
		{"all dropped", "completed", dropped, true, nil, Failed, 1},
		{"auth", "auth", ok, true, good, Error, 1},
		{"unreachable", "unreachable", allFailed, true, bad, Error, 1},
		{"tool failed", "error", ok, false, bad, Error, 1},
		{"a cause from a later version", "meteor", ok, true, good, Error, 1},
	} {
		outcome, code := Decide(c.cause, c.req, c.valid, c.ts)
		if outcome != c.outcome || code != c.code {
			t.Errorf("%s: Decide(%q, %+v, %v, %d thresholds) = %s, %d; want %s, %d",
				c.name, c.cause, c.req, c.valid, len(c.ts), outcome, code, c.outcome, c.code)
		}
	}
}
