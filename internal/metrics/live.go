package metrics

import (
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Watch is a metric and the tags of one threshold, which a Live must follow
// from the beginning in order to answer for it.
type Watch struct {
	Metric string
	Tags   map[string]string // nil: the whole run
}

// Live follows a run while it goes on, in bounded memory: a histogram for each
// Watch, and counts. Percentiles, min and max are within 1 % of those that
// Exact finds in the same records; means, counts, shares and sums are the same.
//
// One goroutine may use a Live, the one that collects results.
type Live struct {
	rules  rules
	end    time.Duration // of the last stage; 0: unknown
	spans  []Span
	now    time.Duration // the latest instant seen
	tail   bool
	trends map[string]trend

	probes  map[string]*probe          // by metric and tags
	parts   map[string]*part           // by tags
	shapes  map[string]*shape          // by task
	pending map[int]attempt            // the latest attempts of requests that may go on
	queue   []struct{ index, seq int } // pending in the order of its making, oldest first
	seq     int
	scratch [2]attempt // the attempt that is added and the one before it: kept here so that Add allocates nothing

	counts Frame
	recent recent
}

// part is the tally of what some tags pick.
type part struct {
	tags map[string]string
	tally
}

// probe is the histogram of one trend over what some tags pick.
type probe struct {
	tags  map[string]string
	trend trend // zero for event_gap
	any   bool
	hist  hist
	gaps  gaps
}

// attempt is the latest attempt of a request, kept to be taken back when another follows.
type attempt struct {
	row
	key
	spent call.USD // on the attempts before it
	seq   int
}

// mostPending bounds what is remembered of requests whose latest attempt failed.
// The oldest are forgotten first: for them the failure stands.
const mostPending = 1 << 14

// NewLive returns a Live that can answer for the watched metrics. Of m it uses
// the window (WarmUp, End), the SLO and the stages.
func NewLive(m Meta, watch ...Watch) *Live {
	l := &Live{
		rules: rules{window: window{from: m.WarmUp, to: m.End}, ttft: m.SLOTTFT, e2e: m.SLOE2E},
		end:   m.End, spans: m.Stages, trends: trendsByName(),
		probes: map[string]*probe{}, parts: map[string]*part{}, shapes: map[string]*shape{}, pending: map[int]attempt{},
	}
	if m.End == 0 {
		l.rules.to = math.MaxInt64
	}
	for _, w := range watch {
		l.watch(w)
	}
	return l
}

func (l *Live) watch(w Watch) {
	for _, tags := range []map[string]string{w.Tags, withoutClass(w.Tags)} {
		if key := name("", tags); l.parts[key] == nil {
			l.parts[key] = &part{tags: tags}
		}
	}
	tr, isTrend := l.trends[w.Metric]
	if !isTrend && w.Metric != "event_gap" {
		return
	}
	if key := name(w.Metric, w.Tags); l.probes[key] == nil {
		_, anyClass := w.Tags["class"]
		l.probes[key] = &probe{tags: w.Tags, trend: tr, any: anyClass}
	}
}

// Add adds one attempt. Attempts of one request must come in their order.
func (l *Live) Add(r call.Result) {
	s := l.shapes[r.Task]
	if s == nil {
		s = &shape{}
		l.shapes[r.Task] = s
	}
	s.see(&r)
	now, before := &l.scratch[0], &l.scratch[1]
	*now = attempt{row: newRow(&r), key: keyOf(&r)}
	l.now = max(l.now, r.Done, r.Due)
	if now.phase == inTail && !l.tail {
		l.tail = true
		l.rules.to = min(l.rules.to, r.Due)
	}
	if latest, ok := l.pending[r.Index]; ok {
		*before = latest
		now.spent = before.spent + before.cost
		l.request(before, -1)
		delete(l.pending, r.Index)
	}
	l.attempt(now, &r)
	l.request(now, 1)
	if mayRetry(r.Class) {
		l.remember(r.Index, *now)
	}
	l.recent.see(&now.row, now.class)
}

func (l *Live) remember(index int, a attempt) {
	if len(l.queue) == mostPending {
		oldest := l.queue[0]
		l.queue = l.queue[1:]
		if l.pending[oldest.index].seq == oldest.seq {
			delete(l.pending, oldest.index)
		}
	}
	l.seq++
	a.seq = l.seq
	l.queue = append(l.queue, struct{ index, seq int }{index, a.seq})
	l.pending[index] = a
}

// attempt adds what belongs to each attempt.
func (l *Live) attempt(a *attempt, r *call.Result) {
	l.counts.attempt(a)
	for _, p := range l.parts {
		if !a.matches(p.tags) {
			continue
		}
		p.attempt(&a.row, a.class, l.rules)
		if a.phase == inMain {
			p.check(r.Checks)
		}
	}
	for _, p := range l.probes {
		if a.phase != inMain || p.trend.perRequest || !a.matches(p.tags) {
			continue
		}
		p.add(a, l.look(a, p), 1)
		if p.trend.value == nil && l.look(a, p).counts() {
			p.gaps.addAll(r.Gaps, r.GapMax)
		}
	}
}

func (t *tally) check(results map[string]bool) {
	for _, held := range results {
		t.checks++
		if held {
			t.passes++
		}
	}
}

// request adds how a request ended, or takes it back with n −1.
func (l *Live) request(a *attempt, n int) {
	l.counts.request(a, n)
	for _, p := range l.parts {
		if a.matches(p.tags) {
			p.request(&a.row, a.class, l.rules, n)
		}
	}
	for _, p := range l.probes {
		if a.phase == inMain && p.trend.perRequest && a.matches(p.tags) {
			p.add(a, l.look(a, p), n)
		}
	}
}

func (p *probe) add(a *attempt, k look, n int) {
	if p.trend.value == nil {
		return
	}
	if v, ok := p.trend.value(&a.row, k); ok {
		p.hist.add(v, int64(n))
	}
}

func (l *Live) look(a *attempt, p *probe) look {
	return look{class: a.class, plain: l.shapes[a.task].isPlain(), any: p.any, spent: a.spent}
}

// Value answers as Exact.Value does, from the records added so far, for the
// metrics and tags that the Live was made with; ok is false for all others.
// Rates are over the window up to the latest instant seen.
func (l *Live) Value(metric string, tags map[string]string, agg string, q float64) (value float64, n int, ok bool) {
	agg, q = percentile(agg, q)
	if p := l.probes[name(metric, tags)]; p != nil && agg != "sum" && agg != "total" {
		if metric == "event_gap" {
			v := p.gaps.aggregate(agg, q)
			return v, int(p.gaps.n), !math.IsNaN(v)
		}
		v := p.hist.aggregate(agg, q)
		return v, int(p.hist.n), !math.IsNaN(v)
	}
	here, base := l.parts[name("", tags)], l.parts[name("", withoutClass(tags))]
	if here == nil || base == nil {
		return 0, 0, false
	}
	_, class := tags["class"]
	w := window{from: l.rules.from, to: min(l.rules.to, l.now)}
	return scope{
		tally: &here.tally, base: &base.tally, class: class,
		seconds: w.seconds(spansOf(l.spans, tags["stage"])...), rules: l.rules,
	}.value(metric, agg)
}
