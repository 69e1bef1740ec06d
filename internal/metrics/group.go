package metrics

import (
	"slices"
	"strings"

	"github.com/tokenload/tokenload/internal/call"
)

// Summary returns what the records and samples added so far add up to. It is a
// pure function of them, their order and m: the same run gives the same bytes.
func (t *Table) Summary(m Meta) Summary {
	b := builder{Table: t, rules: t.rules(m), spans: m.Stages, buffer: make([]float64, 0, t.Len())}
	s := Summary{
		Group:       b.whole(m),
		EndedOK:     t.endedOK,
		Limits:      t.limitsUsed(),
		Classes:     map[string]int{"ok": 0},
		StopReasons: map[string]int{},
		Checks:      t.checks(m.Checks),
		Tasks:       b.groups(&t.tasks, func(l *label) uint32 { return l.taskAt }),
		Models:      b.groups(&t.models, func(l *label) uint32 { return l.modelAt }),
		Stages:      b.stages(),
		Series:      t.series(),
	}
	for class, n := range t.classes {
		s.Classes[class] = n
	}
	for stop, n := range t.stops {
		s.StopReasons[stop] = n
	}
	s.Generator = t.generator(m, s.Group)
	s.Connections = t.connections.summary()
	return s
}

func (t *Table) rules(m Meta) rules {
	return rules{window: t.window(m), ttft: m.SLOTTFT, e2e: m.SLOE2E}
}

// builder makes the groups of one Summary.
type builder struct {
	*Table
	rules  rules
	spans  []Span
	buffer []float64 // reused by every metric
}

// whole is the group of all records. Only here is it known what was planned and
// never came.
func (b *builder) whole(m Meta) Group {
	rows := make([]int32, b.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	return b.group(rows, nil, b.unsent(m), m.Budget)
}

// unsent is how many requests planned for after the warm-up left no record at all.
func (t *Table) unsent(m Meta) int {
	seen := 0
	for i := range t.Len() {
		if r := t.row(i); r.last && (r.phase != inWarmUp || m.PlannedWarmUp == 0) {
			seen++
		}
	}
	return max(m.Planned-m.PlannedWarmUp-seen, 0)
}

// seen is how many requests there are, of every phase and class.
func (t *Table) seen() int {
	n := 0
	for i := range t.Len() {
		if t.row(i).last {
			n++
		}
	}
	return n
}

// groups returns a group for each value of a tag, but for the empty one.
func (b *builder) groups(tag *names, place func(*label) uint32) map[string]Group {
	out := map[string]Group{}
	for at, rows := range b.split(len(tag.list), place) {
		if name := tag.list[at]; name != "" {
			out[name] = b.group(rows, nil, 0, 0)
		}
	}
	return out
}

// stages returns a group for each stage; its rates are over the time in which
// the stage was in force, where that is known.
func (b *builder) stages() map[string]Group {
	out := map[string]Group{}
	for at, rows := range b.split(len(b.Table.stages.list), func(l *label) uint32 { return l.stageAt }) {
		if name := b.Table.stages.list[at]; name != "" {
			out[name] = b.group(rows, spansOf(b.spans, name), 0, 0)
		}
	}
	return out
}

// spansOf returns when the stage was in force.
func spansOf(spans []Span, stage string) []window {
	var out []window
	for _, s := range spans {
		if s.Stage == stage {
			out = append(out, window{s.From, s.To})
		}
	}
	return out
}

// split deals the rows out by a tag, keeping their order.
func (b *builder) split(n int, place func(*label) uint32) [][]int32 {
	sizes := make([]int, n)
	for i := range b.Len() {
		sizes[place(&b.labels[b.row(i).label])]++
	}
	out := make([][]int32, n)
	for at, size := range sizes {
		out[at] = make([]int32, 0, size)
	}
	for i := range b.Len() {
		at := place(&b.labels[b.row(i).label])
		out[at] = append(out[at], int32(i))
	}
	return out
}

func (b *builder) tally(rows []int32) *tally {
	var t tally
	for _, i := range rows {
		r := b.row(int(i))
		class := b.labels[r.label].class
		t.attempt(r, class, b.rules)
		if r.last {
			t.request(r, class, b.rules, 1)
		}
	}
	return &t
}

func (b *builder) group(rows []int32, spans []window, unsent int, budget call.USD) Group {
	t := b.tally(rows)
	t.requests.Unsent = unsent
	g := Group{
		Requests: t.requests, Rates: t.rates(b.rules.seconds(spans...), b.rules), Tokens: t.bills(), Cost: t.cost(budget, b.extent.last),
	}
	g.Requests.Planned = t.planned()
	for _, tr := range trends() {
		if to := g.dist(tr.name); to != nil {
			*to = b.values(tr, rows).dist()
		}
	}
	g.Latency.EventGap = b.gaps(rows)
	return g
}

// dist returns where the distribution of a trend stands in a group; nil for
// those that are not shown.
func (g *Group) dist(trend string) *Dist {
	switch trend {
	case "ttft":
		return &g.Latency.TTFT
	case "ttfo":
		return &g.Latency.TTFO
	case "ttfb":
		return &g.Latency.TTFB
	case "e2e":
		return &g.Latency.E2E
	case "service_ttft":
		return &g.Latency.ServiceTTFT
	case "service_e2e":
		return &g.Latency.ServiceE2E
	case "conn_wait":
		return &g.Latency.ConnWait
	case "connect":
		return &g.Latency.Connect
	case "tpot":
		return &g.Latency.TPOT
	case "held":
		return &g.Latency.Held
	case "lag":
		return &g.Latency.Lag
	case "read_lag":
		return &g.Latency.ReadLag
	case "output_rate":
		return &g.OutputRate
	case "e2e_output_rate":
		return &g.E2EOutputRate
	}
	return nil
}

// values returns a trend's values over the rows, sorted. They hold until the next call.
func (b *builder) values(tr trend, rows []int32) values {
	v := b.buffer[:0]
	for _, i := range rows {
		r := b.row(int(i))
		if r.phase != inMain || tr.perRequest && !r.last {
			continue
		}
		if x, ok := tr.value(r, b.look(int(i), r, false)); ok {
			v = append(v, x)
		}
	}
	b.buffer = v
	return sorted(v)
}

// gaps merges the histograms of the labels that the rows have.
func (b *builder) gaps(rows []int32) Dist {
	used := make([]bool, len(b.labels))
	for _, i := range rows {
		used[b.row(int(i)).label] = true
	}
	var sum gaps
	for i := range b.labels {
		if l := &b.labels[i]; used[i] && (look{class: l.class}).counts() {
			sum.merge(&l.gaps)
		}
	}
	return sum.dist()
}

// checks returns how often each check held, sorted by name; those of the plan
// that were never made are there with zeros.
func (t *Table) checks(planned []string) []CheckCount {
	sums := map[string]CheckCount{}
	for _, name := range planned {
		sums[name] = CheckCount{Name: name}
	}
	for i := range t.labels {
		for name, c := range t.labels[i].checks {
			s := sums[name]
			sums[name] = CheckCount{Name: name, Passes: s.Passes + c.Passes, Fails: s.Fails + c.Fails}
		}
	}
	out := make([]CheckCount, 0, len(sums))
	for _, c := range sums {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b CheckCount) int { return strings.Compare(a.Name, b.Name) })
	return out
}
