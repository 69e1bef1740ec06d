package limit

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

var near = cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })

// said is a header with a limit and what remains; negative: not said.
func said(limit, remaining int64) *call.Limit {
	l := &call.Limit{}
	if limit >= 0 {
		l.Limit = &limit
	}
	if remaining >= 0 {
		l.Remaining = &remaining
	}
	return l
}

func TestMonitor(t *testing.T) {
	var m Monitor
	if m.Headroom() != nil || m.Classes() != nil {
		t.Errorf("before the first answer: %v, %v; want nothing", m.Headroom(), m.Classes())
	}
	m.Observe("claude-opus-4-8", call.Limits{Requests: said(1000, 990)}, at(0))
	m.Observe("claude-opus-4-5-20251101", call.Limits{Requests: said(1000, 980), OutputTokens: said(400_000, 100_000)}, at(1))
	reset := at(50)
	late := call.Limits{Requests: &call.Limit{Limit: new(int64(1000)), Remaining: new(int64(700)), Reset: at(20)}}
	m.Observe("claude-opus-4-8", call.Limits{Requests: &call.Limit{Remaining: new(int64(900)), Reset: reset}}, at(3))
	m.Observe("claude-opus-4-8", late, at(2)) // late: older than what is known
	m.Observe("claude-haiku-4-5", call.Limits{Tokens: said(280_000, 80_000)}, at(3))
	m.Observe("my-model", call.Limits{}, at(4))
	m.Limited("my-model", "", at(5))

	if diff := cmp.Diff(map[string]map[string]float64{
		"haiku-4.5": {"tokens": 80. / 280},
		"opus-4.x":  {"requests": 0.9, "output_tokens": 0.25},
	}, m.Headroom()); diff != "" {
		t.Errorf("headroom (-want +got):\n%s", diff)
	}
	want := []Class{
		{Name: "haiku-4.5", Models: []string{"claude-haiku-4-5"}, Binding: call.LimitTokens, RateLimited: map[call.LimitKind]int{},
			Limits: []Use{{Kind: call.LimitTokens, Limit: new(int64(280_000)), Remaining: new(int64(80_000)), At: at(3),
				Utilization: new(1 - 80./280), MinHeadroom: new(80. / 280), MinRemaining: new(int64(80_000))}}},
		{Name: "my-model", Models: []string{"my-model"}, RateLimited: map[call.LimitKind]int{call.LimitUnknown: 1}, Last429: at(5)},
		{Name: "opus-4.x", Models: []string{"claude-opus-4-5-20251101", "claude-opus-4-8"}, Binding: call.LimitOutputTokens,
			RateLimited: map[call.LimitKind]int{},
			Limits: []Use{
				{Kind: call.LimitRequests, Limit: new(int64(1000)), Remaining: new(int64(900)), Reset: reset, At: at(3),
					Utilization: new(1 - 0.9), MinHeadroom: new(0.7), MinRemaining: new(int64(700))},
				{Kind: call.LimitOutputTokens, Limit: new(int64(400_000)), Remaining: new(int64(100_000)), At: at(1),
					Utilization: new(0.75), MinHeadroom: new(0.25), MinRemaining: new(int64(100_000))},
			}},
	}
	if diff := cmp.Diff(want, m.Classes(), near); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}

	// A 429 is a proof: it decides over headroom.
	m.Limited("claude-opus-4-8", call.LimitRequests, at(6))
	m.Limited("claude-opus-4-8", call.LimitSpend, at(7))
	c := m.Classes()[2]
	if c.Binding != call.LimitRequests || c.Limits[0].RateLimited != 1 || !c.Last429.Equal(at(7)) {
		t.Errorf("after 429s: bound by %s, %d of requests, last at %v; want requests, 1, %v", c.Binding, c.Limits[0].RateLimited, c.Last429, at(7))
	}
}

// What headers say badly.
func TestMonitorOddHeaders(t *testing.T) {
	for _, c := range []struct {
		name            string
		headers         []*call.Limit
		used, low       *float64
		limit, remained *int64
	}{
		{"limit alone", []*call.Limit{said(100, -1)}, nil, nil, new(int64(100)), nil},
		{"remaining alone", []*call.Limit{said(-1, 30)}, nil, nil, nil, new(int64(30))},
		{"one after the other", []*call.Limit{said(100, -1), said(-1, 30)}, new(0.7), new(0.3), new(int64(100)), new(int64(30))},
		{"limit of nothing", []*call.Limit{said(0, 0)}, nil, nil, new(int64(0)), new(int64(0))},
		{"more left than there is", []*call.Limit{said(100, 150)}, new(0.0), new(1.0), new(int64(100)), new(int64(150))},
		{"negative", []*call.Limit{said(100, 60), {Limit: new(int64(-1)), Remaining: new(int64(-1)), Reset: at(-3600)}},
			new(0.4), new(0.6), new(int64(100)), new(int64(60))},
		{"a limit that changes", []*call.Limit{said(100, 60), said(1000, 900)}, new(0.1), new(0.6), new(int64(1000)), new(int64(900))},
		{"empty", []*call.Limit{said(100, 0)}, new(1.0), new(0.0), new(int64(100)), new(int64(0))},
	} {
		var m Monitor
		for i, h := range c.headers {
			m.Observe("m", call.Limits{InputTokens: h}, at(float64(i)))
		}
		u := m.Classes()[0].Limits[0]
		got := []any{u.Utilization, u.MinHeadroom, u.Limit, u.Remaining}
		if diff := cmp.Diff([]any{c.used, c.low, c.limit, c.remained}, got, near); diff != "" {
			t.Errorf("%s: utilization, lowest headroom, limit, remaining (-want +got):\n%s", c.name, diff)
		}
	}
	var m Monitor
	m.Observe("m", call.Limits{Requests: &call.Limit{}}, at(0))
	if len(m.Classes()[0].Limits) != 0 {
		t.Errorf("a header that says nothing made %v", m.Classes()[0].Limits)
	}
}

// Two answers of one instant: the emptier one counts.
func TestMonitorSameInstant(t *testing.T) {
	for _, order := range [][]int64{{40, 60}, {60, 40}} {
		var m Monitor
		for _, n := range order {
			m.Observe("m", call.Limits{Requests: said(100, n)}, at(0))
		}
		if h := m.Headroom()["m"]["requests"]; h != 0.4 {
			t.Errorf("%v at one instant: headroom %v; want 0.4", order, h)
		}
	}
}

func TestExhaustion(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		kind  int
		limit int64
		from  float64 // remaining at 0
		slope float64 // a second
		until int     // seconds
		noise float64
		round float64
		want  float64 // seconds from the last answer; -1: none
	}{
		{name: "falls by ten a second", limit: 1000, from: 1000, slope: -10, until: 30, want: 70},
		{name: "stands", limit: 1000, from: 500, until: 30, want: -1},
		{name: "rises", limit: 1000, from: 500, slope: 3, until: 30, want: -1},
		{name: "too short", limit: 1000, from: 1000, slope: -10, until: 3, want: -1},
		{name: "noise around nothing", limit: 1000, from: 500, until: 60, noise: 10, want: -1},
		{name: "tokens in thousands", kind: inputTokens, limit: 2_000_000, from: 2_000_000, slope: -20_000, until: 50, round: 1000, want: 50},
		{name: "a fall below the grain", kind: inputTokens, limit: 2_000_000, from: 1_000_400, slope: -20, until: 50, round: 1000, want: -1},
	} {
		var m Monitor
		var order []int
		for s := range c.until * 4 {
			order = append(order, s)
		}
		for i := 0; i+3 < len(order); i += 3 { // some answers are late
			order[i], order[i+2] = order[i+2], order[i]
		}
		for _, s := range order {
			v := c.from + c.slope*float64(s)/4 + c.noise*(2*rng.Float64()-1)
			if c.round > 0 {
				v = float64(int(v/c.round+0.5)) * c.round
			}
			l := call.Limits{Requests: said(c.limit, int64(v))}
			if c.kind == inputTokens {
				l = call.Limits{InputTokens: l.Requests}
			}
			m.Observe("m", l, at(float64(s)/4))
		}
		got := m.Classes()[0].Limits[0].Exhaustion
		ten := m.Exhaustion(m.Classes()[0].Limits[0].At.Add(10 * time.Second))["m"]
		if left, ok := ten[string(kinds[c.kind])]; ok != (got != nil) || ok && math.Abs(left-got.Seconds()+10) > 1e-6 {
			t.Errorf("%s: ten seconds later %v s are left; want ten less than %v", c.name, ten, got)
		}
		switch {
		case c.want < 0 && got != nil:
			t.Errorf("%s: exhausted in %v; want no projection", c.name, *got)
		case c.want >= 0 && got == nil:
			t.Errorf("%s: no projection; want %v s", c.name, c.want)
		case got != nil && (got.Seconds() < c.want*0.97 || got.Seconds() > c.want*1.03):
			t.Errorf("%s: exhausted in %v; want %v s within 3 %%", c.name, *got, c.want)
		}
	}
}

// The course is of the last minute only, and bounded.
func TestCourseForgets(t *testing.T) {
	var m Monitor
	v := int64(100_000)
	for s := range 1000 {
		v += 100
		if s > 900 {
			v -= 200
		}
		m.Observe("m", call.Limits{Requests: said(1_000_000, v)}, at(float64(s)))
	}
	w := &m.classes["m"].limits[requests]
	if len(w.course) > coursePoints {
		t.Errorf("%d points kept; want %d at most", len(w.course), coursePoints)
	}
	u := m.Classes()[0].Limits[0]
	if want := float64(v) / 100; u.Exhaustion == nil || u.Exhaustion.Seconds() < want*0.99 || u.Exhaustion.Seconds() > want*1.01 {
		t.Errorf("exhausted in %v; want %v s", u.Exhaustion, want)
	}
}

// Answers that come rarely reach far back; what is older than a minute is no news.
func TestCourseOfRareAnswers(t *testing.T) {
	var m Monitor
	for s := 0; s <= 300; s += 10 {
		m.Observe("m", call.Limits{Requests: said(1000, int64(1000-min(s, 200)))}, at(float64(s)))
	}
	if u := m.Classes()[0].Limits[0]; u.Exhaustion != nil {
		t.Errorf("exhausted in %v; want no projection after 100 s without a fall", *u.Exhaustion)
	}
}

func TestMonitorConcurrent(t *testing.T) {
	var m Monitor
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				m.Add(call.Result{Model: []string{"a", "b"}[j%2], Class: call.RateLimited, LimitedBy: call.LimitRequests,
					Limits: call.Limits{Requests: said(1000, int64(1000-j))}}, at(float64(i*200+j)))
				m.Headroom()
			}
			m.Classes()
		})
	}
	wg.Wait()
	for _, c := range m.Classes() {
		if c.RateLimited[call.LimitRequests] != 800 || *c.Limits[0].MinRemaining > 802 {
			t.Errorf("class %s: %v refusals, lowest %v; want 800 and 801 or 802", c.Name, c.RateLimited, *c.Limits[0].MinRemaining)
		}
	}
}

func TestHeadersAt(t *testing.T) {
	for _, c := range []struct {
		r    call.Result
		want time.Time
	}{
		{call.Result{FirstByte: 2 * time.Second, Done: 12 * time.Second}, at(90)},
		{call.Result{Done: 12 * time.Second}, at(100)},
		{call.Result{FirstByte: 12 * time.Second, Done: 2 * time.Second}, at(100)},
		{call.Result{}, at(100)},
	} {
		if got := headersAt(c.r, at(100)); !got.Equal(c.want) {
			t.Errorf("headersAt(first byte %v, done %v) = %v; want %v", c.r.FirstByte, c.r.Done, got, c.want)
		}
	}
}

// TestMonitorPriority: the capacity of Priority Tier is watched, and holds nobody back.
func TestMonitorPriority(t *testing.T) {
	var m Monitor
	m.Observe("claude-opus-4-8", call.Limits{Requests: said(1000, 990), PriorityInputTokens: said(10_000, 0), PriorityOutputTokens: said(-1, 7)}, at(0))
	if diff := cmp.Diff(map[string]map[string]float64{"opus-4.x": {"requests": 0.99, "priority_input_tokens": 0}}, m.Headroom()); diff != "" {
		t.Errorf("headroom (-want +got):\n%s", diff)
	}
	c := m.Classes()[0]
	if len(c.Limits) != 3 || c.Limits[1].Kind != call.LimitPriorityInputTokens || *c.Limits[1].MinHeadroom != 0 || c.Binding != call.LimitRequests {
		t.Errorf("limits %+v, binding %q; want three and requests", c.Limits, c.Binding)
	}
}
