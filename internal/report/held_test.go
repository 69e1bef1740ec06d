package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/store"
)

// The load is held where a stage ends at the target of the one before it.
func TestHeld(t *testing.T) {
	const m = time.Minute
	type stages = []store.Stage
	for _, c := range []struct {
		name string
		load store.Load
		want []diagnose.Stretch
	}{
		{"users until all is done", store.Load{Stages: stages{{Target: 8}}}, []diagnose.Stretch{{}}},
		{"a rate", store.Load{Stages: stages{{Target: 2}, {Target: 2, Duration: m}}, End: m}, []diagnose.Stretch{{To: m}}},
		{"a ramp", store.Load{Stages: stages{{Target: 2, Duration: m}}, End: m}, []diagnose.Stretch{}},
		{"held in two stages", store.Load{Stages: stages{{Target: 2, Duration: m}, {Target: 2, Duration: m}, {Target: 2, Duration: m}}, End: 3 * m}, []diagnose.Stretch{{From: m, To: 3 * m}}},
		{"steps", store.Load{Stages: stages{{Target: 1}, {Target: 1, Duration: m}, {Target: 5}, {Target: 5, Duration: m}, {Target: 1, Duration: m}, {Target: 1, Duration: m}}, End: 4 * m},
			[]diagnose.Stretch{{To: m}, {From: m, To: 2 * m}, {From: 3 * m, To: 4 * m}}},
		{"nothing", store.Load{}, []diagnose.Stretch{}},
	} {
		if d := cmp.Diff(c.want, heldOf(c.load)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}
