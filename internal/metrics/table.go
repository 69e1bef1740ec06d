// Package metrics is what a run's records add up to.
//
// In come call.Results, one for each attempt, in the order of the log. A
// [Table] keeps them, packed, and gives the [Summary] and exact values for
// thresholds ([Exact]); it is made from stored records after the run. [Live]
// keeps only histograms and counts, in bounded memory, for the progress line
// and for thresholds that stop a run.
//
// What counts where:
//   - Attempts of one index are one request; its last attempt says how it ended.
//     Times on the user's clock (ttft, ttfo, e2e, held, lag) and cost are per
//     request, everything else is per attempt.
//   - Counts, classes, rates, latency and token means are of phase main. The
//     requests that the budget refused count too, since they begin the budget
//     tail. Dollars and token sums are of all phases: they are the bill.
//   - Planned is the plan's requests less those of warm-up and budget tail; unsent
//     are those that left no record of any phase, known for the whole run only.
//   - A request that timed out or stalled is +∞ in every time it did not reach.
//     Other failures are left out of latency and stand in the failed share.
//   - Rates per second are over the window from the end of the warm-up to the end
//     of the last stage; it closes early with the first request of the budget
//     tail, and with the last start where the run was stopped.
//
// The package refuses to guess: a percentile of too few values is withheld, a
// share of nothing is not zero. It does no I/O and knows no clock.
package metrics

import (
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Table holds every attempt of a run. The zero value is ready for use; one
// goroutine at a time may use a Table. It takes about 160 bytes an attempt.
type Table struct {
	// Price is what a usage costs; nil is not known. It must be set before the
	// first Add, and is asked for usages with cached tokens only.
	Price func(model string, u call.Usage) call.USD

	chunks [][]row
	labels []label
	byKey  map[key]uint32
	shapes map[string]*shape // by task

	pending map[int]int          // index → its latest attempt's row, where another may follow
	spent   map[int]call.USD     // row → cost of the request's earlier attempts
	stops   map[string]int       // stop reasons
	classes map[string]int       // attempts by class
	limits  map[string]*classUse // by model class
	extent  extent
	machine machine
	reads   reads

	connections connections
	endedOK     int // attempts that ended ok, of any phase; nothing follows an ok
	highest     int // index
	tasks       names
	models      names
	stages      names
}

// extent is what the window of a run depends on.
type extent struct {
	lastDone  time.Duration // the last end of a request of phase main
	lastStart time.Duration
	last      time.Duration // the last instant of all
	tail      time.Duration // due time of the first request of the budget tail
	hasTail   bool
}

func (e *extent) see(r *row, class call.Class) {
	e.last = max(e.last, r.done, r.due)
	if r.phase == inTail && (!e.hasTail || r.due < e.tail) {
		e.tail, e.hasTail = r.due, true
	}
	if r.phase == inMain && class.Sent() {
		e.lastDone = max(e.lastDone, r.done)
		e.lastStart = max(e.lastStart, r.started)
	}
}

// chunk is how many rows are allocated at once, so that a table never copies
// itself to grow.
const chunk = 4096

func (t *Table) row(i int) *row { return &t.chunks[i/chunk][i%chunk] }

// Len returns the number of records added, those of requests never sent included.
func (t *Table) Len() int {
	if len(t.chunks) == 0 {
		return 0
	}
	return (len(t.chunks)-1)*chunk + len(t.chunks[len(t.chunks)-1])
}

// Add adds one attempt. Attempts of one request must come in their order, as
// they do in the log; an attempt replaces the one before it as the request's last.
func (t *Table) Add(r call.Result) {
	if t.byKey == nil {
		t.init()
	}
	w := newRow(&r)
	w.label = t.label(&r)
	w.saved = t.saved(&r)
	w.again = t.supersede(&r, t.Len())
	t.push(w)
	t.labels[w.label].shape.see(&r)
	if r.Class == call.OK {
		t.endedOK++
	}
	t.extent.see(&w, r.Class)
	t.highest = max(t.highest, r.Index)
	if w.phase != inTail {
		t.limit(&r)
	}
	if w.phase == inMain || r.Class == call.OverBudget {
		t.classes[string(r.Class)]++
	}
	if w.phase == inMain {
		t.addMain(&r, w.label)
	}
}

// saved is how much less a bill is than it would be without the prompt cache.
func (t *Table) saved(r *call.Result) call.USD {
	if t.Price == nil || r.CostBound || !final(r.Class) || r.CacheRead+r.CacheWrite5m+r.CacheWrite1h == 0 {
		return 0
	}
	plain := r.Usage
	plain.Input = r.Usage.Prompt()
	plain.CacheRead, plain.CacheWrite5m, plain.CacheWrite1h = 0, 0, 0
	return t.Price(r.Model, plain) - t.Price(r.Model, r.Usage)
}

func (t *Table) init() {
	t.byKey = map[key]uint32{}
	t.shapes = map[string]*shape{}
	t.pending, t.spent = map[int]int{}, map[int]call.USD{}
	t.stops, t.classes = map[string]int{}, map[string]int{}
	t.limits = map[string]*classUse{}
}

func (t *Table) push(w row) {
	if last := len(t.chunks) - 1; last < 0 || len(t.chunks[last]) == chunk {
		t.chunks = append(t.chunks, make([]row, 0, chunk))
	}
	last := len(t.chunks) - 1
	t.chunks[last] = append(t.chunks[last], w)
}

// label returns the place of the record's label, which is made where it is new.
func (t *Table) label(r *call.Result) uint32 {
	k := keyOf(r)
	if i, ok := t.byKey[k]; ok {
		return i
	}
	i := uint32(len(t.labels))
	t.byKey[k] = i
	if t.shapes[r.Task] == nil {
		t.shapes[r.Task] = &shape{}
	}
	t.labels = append(t.labels, label{
		key: k, shape: t.shapes[r.Task], taskAt: t.tasks.add(k.task), modelAt: t.models.add(k.model), stageAt: t.stages.add(k.stage),
	})
	return i
}

// supersede takes the request's latest attempt, if there is one, off its place
// as the last, and notes this one where another may follow. Only requests whose
// latest attempt failed are remembered, so the map does not grow with the run.
// It reports whether the earlier attempts cost anything.
func (t *Table) supersede(r *call.Result, at int) (cost bool) {
	if before, ok := t.pending[r.Index]; ok {
		old := t.row(before)
		old.last = false
		if spent := old.cost + t.spent[before]; spent != 0 {
			t.spent[at], cost = spent, true
		}
		delete(t.spent, before)
		delete(t.pending, r.Index)
	}
	if mayRetry(r.Class) {
		t.pending[r.Index] = at
	}
	return cost
}

// addMain adds what is kept by label and for the run as a whole.
func (t *Table) addMain(r *call.Result, at uint32) {
	t.reads.see(r)
	t.connections.see(r)
	l := &t.labels[at]
	l.gaps.addAll(r.Gaps, r.GapMax)
	for name, held := range r.Checks {
		l.check(name, held)
	}
	if final(r.Class) && r.Stop != "" {
		t.stops[r.Stop]++
	}
}

func (l *label) check(name string, held bool) {
	if l.checks == nil {
		l.checks = map[string]*CheckCount{}
	}
	c := l.checks[name]
	if c == nil {
		c = &CheckCount{Name: name}
		l.checks[name] = c
	}
	if held {
		c.Passes++
	} else {
		c.Fails++
	}
}

// look returns what a trend may know of row i.
func (t *Table) look(i int, r *row, any bool) look {
	of := &t.labels[r.label]
	l := look{class: of.class, plain: of.shape.isPlain(), any: any}
	if r.last && r.again {
		l.spent = t.spent[i]
	}
	return l
}

// names numbers the values of a tag in the order in which they appear.
type names struct {
	list  []string
	place map[string]uint32
}

func (n *names) add(name string) uint32 {
	if i, ok := n.place[name]; ok {
		return i
	}
	if n.place == nil {
		n.place = map[string]uint32{}
	}
	i := uint32(len(n.list))
	n.place[name] = i
	n.list = append(n.list, name)
	return i
}

// window is the time over which things are counted per second.
type window struct{ from, to time.Duration }

// window returns the run's window. A run that was stopped has no end of its
// last stage: its window closes with the last start, after which no load was
// made, or where nothing had ended by then, with the last end.
func (t *Table) window(m Meta) window {
	w := window{from: m.WarmUp, to: m.End}
	if m.Partial || m.End == 0 {
		w.to = t.extent.lastDone
	}
	if m.Partial && t.endedBy(m.WarmUp, t.extent.lastStart) {
		w.to = t.extent.lastStart
	}
	if m.Partial && m.End > 0 {
		w.to = min(w.to, m.End)
	}
	if t.extent.hasTail {
		w.to = min(w.to, t.extent.tail)
	}
	return w
}

// endedBy reports whether a request of phase main ended in the window.
func (t *Table) endedBy(from, to time.Duration) bool {
	w := window{from, to}
	for i := range t.Len() {
		if r := t.row(i); r.phase == inMain && w.holds(r.done) {
			return true
		}
	}
	return false
}

func (w window) holds(at time.Duration) bool { return at > 0 && w.from <= at && at <= w.to }

// seconds is the window's length; over spans only what both have counts. It is
// NaN for an empty window, which makes every rate over it unknown.
func (w window) seconds(spans ...window) float64 {
	d := w.to - w.from
	if len(spans) > 0 {
		d = 0
	}
	for _, s := range spans {
		d += max(min(w.to, s.to)-max(w.from, s.from), 0)
	}
	if d <= 0 {
		return math.NaN()
	}
	return d.Seconds()
}
