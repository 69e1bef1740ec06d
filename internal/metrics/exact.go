package metrics

import (
	"math"
	"slices"
)

// Exact answers questions about a Table for thresholds, from every record and
// without rounding. It is made by [Table.Source]; nothing may be added to the
// table while it is used, and one goroutine at a time may use it.
type Exact struct {
	table   *Table
	meta    Meta
	rules   rules
	trends  map[string]trend
	values  map[string]values // sorted, by metric and tags
	tallies map[string]*tally // by tags
	gaps    map[string]*gaps  // by tags
}

// Source returns a threshold source over what the table holds now.
func (t *Table) Source(m Meta) *Exact {
	return &Exact{
		table: t, meta: m, rules: t.rules(m), trends: trendsByName(),
		values: map[string]values{}, tallies: map[string]*tally{}, gaps: map[string]*gaps{},
	}
}

// Value returns one aggregate of a metric over the records that tags (task,
// model, stage, class) pick, in the metric's unit, and of how many values it was
// made. agg is one of avg, min, max, med, p, count, rate, value, sum, total; q is
// the quantile for p. ok is false for a metric, tag or aggregate that does not
// exist, and where there is nothing to answer from. The value may be +Inf.
//
// With a class among the tags, attempts of that class are looked at even if
// they failed: their times are measured as far as they went. Sums of cost and
// tokens are of all phases, everything else is of phase main.
func (x *Exact) Value(metric string, tags map[string]string, agg string, q float64) (value float64, n int, ok bool) {
	agg, q = percentile(agg, q)
	if agg == "sum" || agg == "total" {
		return x.scope(tags).value(metric, agg)
	}
	if metric == "event_gap" {
		g := x.gapsOf(tags)
		v := g.aggregate(agg, q)
		return v, int(g.n), !math.IsNaN(v)
	}
	if tr, found := x.trends[metric]; found {
		v := x.valuesOf(tr, tags)
		got := v.aggregate(agg, q)
		return got, len(v), !math.IsNaN(got)
	}
	return x.scope(tags).value(metric, agg)
}

func (x *Exact) scope(tags map[string]string) scope {
	_, class := tags["class"]
	return scope{
		tally: x.tallyOf(tags), base: x.tallyOf(withoutClass(tags)), class: class,
		seconds: x.rules.seconds(spansOf(x.meta.Stages, tags["stage"])...), rules: x.rules,
	}
}

// picked says for each label whether it has the tags.
func (x *Exact) picked(tags map[string]string) []bool {
	out := make([]bool, len(x.table.labels))
	for i := range out {
		out[i] = x.table.labels[i].matches(tags)
	}
	return out
}

func (x *Exact) valuesOf(tr trend, tags map[string]string) values {
	key := name(tr.name, tags)
	if v, ok := x.values[key]; ok {
		return v
	}
	picked := x.picked(tags)
	_, anyClass := tags["class"]
	var v []float64
	for i := range x.table.Len() {
		r := x.table.row(i)
		if !picked[r.label] || r.phase != inMain || tr.perRequest && !r.last {
			continue
		}
		if got, ok := tr.value(r, x.table.look(i, r, anyClass)); ok {
			v = append(v, got)
		}
	}
	x.values[key] = sorted(slices.Clip(v))
	return x.values[key]
}

func (x *Exact) tallyOf(tags map[string]string) *tally {
	key := name("", tags)
	if t, ok := x.tallies[key]; ok {
		return t
	}
	t := &tally{}
	picked := x.picked(tags)
	for i := range x.table.Len() {
		r := x.table.row(i)
		if !picked[r.label] {
			continue
		}
		class := x.table.labels[r.label].class
		t.attempt(r, class, x.rules)
		if r.last {
			t.request(r, class, x.rules, 1)
		}
	}
	for i := range x.table.labels {
		if picked[i] {
			t.addChecks(x.table.labels[i].checks)
		}
	}
	if len(tags) == 0 {
		t.requests.Unsent = x.table.unsent(x.meta)
	}
	x.tallies[key] = t
	return t
}

func (t *tally) addChecks(counts map[string]*CheckCount) {
	for _, c := range counts {
		t.passes += c.Passes
		t.checks += c.Passes + c.Fails
	}
}

func (x *Exact) gapsOf(tags map[string]string) *gaps {
	key := name("", tags)
	if g, ok := x.gaps[key]; ok {
		return g
	}
	g := &gaps{}
	_, anyClass := tags["class"]
	for i := range x.table.labels {
		l := &x.table.labels[i]
		if l.matches(tags) && (look{class: l.class, any: anyClass}).counts() {
			g.merge(&l.gaps)
		}
	}
	x.gaps[key] = g
	return g
}
