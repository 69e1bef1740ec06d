package metrics

import (
	"cmp"
	"slices"

	"github.com/tokenload/tokenload/internal/call"
)

// Values returns every value of a metric that the tags pick, in the order of due
// times, for what compares whole samples. A share (failed, rate_limited, dropped)
// has a 1 or a 0 for each thing it is a share of. It is empty for a metric that
// has no value of its own for each request or attempt.
func (t *Table) Values(metric string, tags map[string]string) []float64 {
	tr, known := trendsByName()[metric]
	of := func(i int, r *row) (float64, bool) { return tr.value(r, t.look(i, r, false)) }
	if s, isShare := shares()[metric]; isShare {
		tr.perRequest, known = s.perRequest, true
		of = func(_ int, r *row) (float64, bool) { return s.value(t.labels[r.label].class) }
	}
	if !known {
		return nil
	}
	var at []int
	for i := range t.Len() {
		r := t.row(i)
		if r.phase == inMain && (r.last || !tr.perRequest) && t.labels[r.label].matches(tags) {
			at = append(at, i)
		}
	}
	slices.SortStableFunc(at, func(i, j int) int { return cmp.Compare(t.row(i).due, t.row(j).due) })
	var out []float64
	for _, i := range at {
		if v, ok := of(i, t.row(i)); ok {
			out = append(out, v)
		}
	}
	return out
}

// ValueOf returns what gives the value of a metric for one attempt, in the metric's
// unit, for whoever watches a run attempt by attempt. Metrics of requests (ttft,
// e2e) are those of an attempt that is its request's last. The second result of
// the function says whether the attempt has such a value. It is nil for a metric
// that has no value of its own for an attempt.
func ValueOf(metric string) func(call.Result) (float64, bool) {
	tr, known := trendsByName()[metric]
	if !known {
		return nil
	}
	return func(r call.Result) (float64, bool) {
		w := newRow(&r)
		return tr.value(&w, look{class: r.Class})
	}
}

// oneIf is a share as a value for each thing it is a share of.
type oneIf struct {
	perRequest bool
	value      func(call.Class) (float64, bool)
}

func shares() map[string]oneIf {
	is := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	return map[string]oneIf{
		"failed": {true, func(c call.Class) (float64, bool) { return is(c != call.OK && c != call.Canceled), c.Sent() }},
		"rate_limited": {false, func(c call.Class) (float64, bool) {
			return is(c == call.RateLimited), c.Sent()
		}},
		"dropped": {true, func(c call.Class) (float64, bool) { return is(c == call.Dropped), true }},
	}
}

// Tasks returns the names of the tasks that have records, in the order in which
// they appeared.
func (t *Table) Tasks() []string {
	return slices.DeleteFunc(slices.Clone(t.tasks.list), func(name string) bool { return name == "" })
}
