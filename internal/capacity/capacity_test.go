package capacity

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// answered is a call that ended well: due at an instant, over after so long.
func answered(index int, due, took time.Duration, bad ...float64) Call {
	r := call.Result{Index: index, Attempt: 1, Task: "ask", Model: "claude-haiku-4-5", Class: call.OK, Due: due, Sent: due,
		FirstContent: due + took/2, LastContent: due + took, Done: due + took}
	r.Input, r.Output = 10, 20
	return Call{Result: r, Bytes: 100, Bad: bad}
}

func refusedCall(index int, due time.Duration, kind call.LimitKind) Call {
	return Call{Result: call.Result{Index: index, Attempt: 1, Task: "ask", Model: "claude-haiku-4-5", Class: call.RateLimited, LimitedBy: kind,
		Due: due, Sent: due, Done: due + time.Millisecond}, Bad: []float64{math.NaN()}}
}

func oneTask() []Task { return []Task{{Name: "ask", Class: "haiku-4.5", Share: 1, Bytes: 100}} }

func p95() Criterion {
	return Criterion{Name: "ttft p(95)<2s", Allowed: 0.05, Slack: 2 * time.Second, First: true}
}

// A step is judged in the order in which requests were due: the quick ones that
// end first do not make a verdict.
func TestTrialJudgesInOrder(t *testing.T) {
	s := New(Config{Tasks: oneTask(), Criteria: []Criterion{p95()}})
	trial := s.NewTrial(Step{Kind: Probe, Load: 10, Most: time.Minute, Decide: true})
	for i := 1; i < 200; i++ { // request 0 is still under way
		if trial.Add(answered(i, time.Duration(i)*100*time.Millisecond, time.Second, 0)) {
			t.Fatalf("decided after request %d, with the first one open", i)
		}
	}
	if !trial.Add(answered(0, 0, 30*time.Second, 1)) {
		t.Error("199 clean requests and one violation do not decide")
	}
}

// One refusal after a tail ends a step that says so; clusters of violations are
// not taken for as many.
func TestTrialEnds(t *testing.T) {
	s := New(Config{Tasks: oneTask(), Criteria: []Criterion{p95()}})
	trial := s.NewTrial(Step{Kind: Drain, Load: 10, Most: time.Minute, Tail: 2 * time.Second})
	if trial.Add(refusedCall(0, time.Second, call.LimitRequests)) || trial.Add(answered(1, 2900*time.Millisecond, time.Second, 0)) {
		t.Error("ended before the tail was over")
	}
	if !trial.Add(answered(2, 3*time.Second, time.Second, 0)) {
		t.Error("did not end with the tail")
	}
	verdictAfter := func(bad func(i int) float64) int {
		trial := s.NewTrial(Step{Kind: Probe, Load: 10, Most: time.Minute, Decide: true})
		for i := range 1000 {
			if trial.Add(answered(i, time.Duration(i)*100*time.Millisecond, time.Second, bad(i))) {
				return i + 1
			}
		}
		return 1000
	}
	if n := verdictAfter(func(i int) float64 { return float64(i % 4 / 3) }); n > 30 {
		t.Errorf("a quarter of violations takes %d requests to be sure of", n)
	}
	cluster := func(i int) float64 {
		if i >= 20 && i < 24 {
			return 1
		}
		return 0
	}
	if n := verdictAfter(cluster); n < 40 {
		t.Errorf("four violations in a row decide after %d requests", n)
	}
}

func TestWorthOfBatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	independent, runs := make([]float64, 1000), make([]float64, 1000)
	for i := range independent {
		independent[i] = math.Floor(rng.Float64() + 0.3)
		if i%100 == 0 {
			runs[i] = math.Floor(rng.Float64() + 0.5)
		} else {
			runs[i] = runs[i-1]
		}
	}
	if w := worthOfBatches(independent); w < 300 {
		t.Errorf("1000 independent values are worth %.0f", w)
	}
	if w := worthOfBatches(runs); w > 30 {
		t.Errorf("ten runs of 100 are worth %.0f", w)
	}
}

func TestCrossing(t *testing.T) {
	for _, c := range []struct {
		name      string
		points    []point
		low, high float64
		found     bool
	}{
		{"none", nil, 0, 0, false},
		{"kept everywhere", []point{{load: 1, y: 0, worth: 100}, {load: 2, y: 0.01, worth: 100}}, 0, 0, false},
		{"between", []point{{load: 8, y: 0.01, worth: 500}, {load: 10, y: 0.2, worth: 500}}, 8.5, 9.8, true},
		{"a dip is pooled", []point{{load: 1, y: 0.10, worth: 20}, {load: 2, y: 0, worth: 200}, {load: 4, y: 0.5, worth: 100}}, 2, 4, true},
		{"below all", []point{{load: 4, y: 0.5, worth: 100}}, 0.1, 1, true},
	} {
		got, ok := crossing(c.points, 0.05)
		if ok != c.found || ok && (got < c.low || got > c.high) {
			t.Errorf("%s: crossing at %v, %v; want %v to %v, %v", c.name, got, ok, c.low, c.high, c.found)
		}
	}
}

// stepOf plays one step against a bucket that refills so many requests a second.
func stepOf(s Step, level *float64, at *time.Duration, perSecond, capacity float64) (calls []Call) {
	n := int(s.Load * s.Most.Seconds())
	if s.Users {
		n = s.Requests
	}
	for i := range n {
		due := time.Duration(float64(i) / s.Load * 1e9)
		now := *at + due
		*level = min(capacity, *level+perSecond/s.Load)
		var c Call
		if *level >= 1 {
			*level--
			c = answered(i, due, 100*time.Millisecond)
		} else {
			c = refusedCall(i, due, call.LimitRequests)
		}
		limit, remaining := int64(perSecond*60), int64(*level)
		full := now + time.Duration((capacity-*level)/perSecond*1e9)
		c.FirstByte = due + time.Millisecond
		c.Limits.Requests = &call.Limit{Limit: &limit, Remaining: &remaining, Reset: time.Unix(0, int64(full))}
		c.Origin, c.Bad = *at, nil
		calls = append(calls, c)
	}
	*at += s.Most + time.Second
	return calls
}

// A search asks for a warm-up, a drain and a confirmation where headers tell the
// limit and nothing else is to be kept. Told the same steps, another asks the same.
func TestSearchOfALimit(t *testing.T) {
	search, again := New(Config{Tasks: oneTask()}), New(Config{Tasks: oneTask()})
	level, at := 300.0, time.Duration(0)
	var kinds []string
	for {
		step, more := search.Next(-1)
		if same, m := again.Next(-1); same != step || m != more {
			t.Fatalf("two searches told the same ask for %+v and %+v", step, same)
		}
		if !more {
			break
		}
		kinds = append(kinds, string(step.Kind))
		calls := stepOf(step, &level, &at, 5, 300)
		search.Took(step, calls, Outcome{Length: step.Most})
		again.Took(step, calls, Outcome{Length: step.Most})
	}
	if got := strings.Join(kinds, " "); got != "warm-up drain confirm" {
		t.Errorf("steps: %s", got)
	}
	a := search.Answer()
	if math.Abs(a.Load.Value-5) > 1e-9 || a.Bound != ByLimit || a.AtLeast || a.Confirmed == nil || !a.Confirmed.Held || !a.Confirmed.Empty {
		t.Errorf("answer %+v, confirmed %+v", a, a.Confirmed)
	}
	if got := a.Ceilings[0].Exhausted(1.5); got != 2*time.Minute {
		t.Errorf("at 1.5 times the limit the bucket is empty after %v; want 2m", got)
	}
	if got := a.Ceilings[0].Burst(); got != 300 {
		t.Errorf("a full bucket lets %v through; want 300", got)
	}
}

// What our machine spoiled decides nothing: once it is repeated, half as long, and
// then the answer goes no further.
func TestSpoiledSteps(t *testing.T) {
	s := New(Config{Tasks: oneTask(), Criteria: []Criterion{p95()}})
	take := func(spoiled string) Step {
		t.Helper()
		step, more := s.Next(-1)
		if !more {
			t.Fatal("no further step")
		}
		var calls []Call
		for i := range 40 {
			calls = append(calls, answered(i, time.Duration(i)*step.Most/40, time.Second, 0))
		}
		s.Took(step, calls, Outcome{Length: step.Most, Spoiled: spoiled})
		return step
	}
	take("")
	good := take("")
	bad := take("too slow")
	again := take("too slow")
	if again.Load != bad.Load || again.Most != bad.Most/2 {
		t.Errorf("after %+v came %+v; want the same, half as long", bad, again)
	}
	if step, more := s.Next(-1); more {
		t.Errorf("and then %+v", step)
	}
	a := s.Answer()
	if !a.AtLeast || a.Bound != ByMachine || a.Load.Value > good.Load {
		t.Errorf("answer %v, at least %v, %s; want at most %v, and the machine", a.Load.Value, a.AtLeast, a.Bound, good.Load)
	}
}

// A search ends however much our machine spoils: nothing is asked for again that
// was spoiled twice, at no less load.
func TestSearchEndsWhenAllIsSpoiled(t *testing.T) {
	headers := func(_ Step, calls []Call) {
		for i := range calls {
			limit, remaining := int64(600), int64(500)
			calls[i].FirstByte = calls[i].Sent + 1
			calls[i].Limits.Requests = &call.Limit{Limit: &limit, Remaining: &remaining, Reset: time.Unix(1, 0)}
		}
	}
	refuse := func(_ Step, calls []Call) {
		for i := range calls {
			if i%4 == 3 {
				calls[i] = refusedCall(i, calls[i].Due, call.LimitRequests)
			}
		}
	}
	criterion := []Criterion{p95()}
	for _, c := range []struct {
		name   string
		config Config
		good   func(n int, step Step) bool
		change func(Step, []Call)
	}{
		{"all", Config{}, nil, nil},
		{"all, criteria", Config{Criteria: criterion}, nil, nil},
		{"all, users", Config{Criteria: criterion, Users: true}, nil, nil},
		{"all, limits", Config{Criteria: criterion}, nil, headers},
		{"all, refused", Config{Criteria: criterion}, nil, refuse},
		{"all but climbs", Config{}, func(_ int, s Step) bool { return s.Kind == Climb }, refuse},
		{"all but confirmations", Config{}, func(_ int, s Step) bool { return s.Kind == Confirm }, headers},
		{"drains and confirmations", Config{}, func(int, Step) bool { return false }, headers},
		{"probes", Config{Criteria: criterion}, func(_ int, s Step) bool { return s.Kind == Climb }, func(step Step, calls []Call) {
			for i := range calls {
				if step.Load > 4 {
					calls[i].Bad[0] = 1
				}
			}
		}},
		{"every second step", Config{Criteria: criterion}, func(n int, _ Step) bool { return n%2 == 0 }, nil},
	} {
		c.config.Tasks = oneTask()
		s := New(c.config)
		n := 0
		for ; n < 200; n++ {
			step, more := s.Next(-1)
			if !more {
				break
			}
			var calls []Call
			for i := range 40 {
				a := answered(i, time.Duration(i)*max(step.Most, time.Second)/40, time.Second, 0)
				a.Origin = time.Duration(n) * time.Minute
				calls = append(calls, a)
			}
			if c.change != nil {
				c.change(step, calls)
			}
			o := Outcome{Length: step.Most}
			if step.Kind != WarmUp && (c.good == nil || !c.good(n, step)) {
				o.Spoiled = "too slow"
			}
			s.Took(step, calls, o)
		}
		if n >= 100 {
			t.Errorf("%s: %d steps, and no end", c.name, n)
		}
	}
}

// A bucket that has no header shows by what it lets through between two refusals.
func TestRefillFromRefusals(t *testing.T) {
	s := New(Config{Tasks: oneTask()})
	level, at := 0.0, time.Duration(0)
	step := Step{Kind: Saturate, Load: 10, Most: 30 * time.Second}
	calls := stepOf(step, &level, &at, 4, 240)
	for i := range calls {
		calls[i].Limits = call.Limits{}
	}
	s.Took(step, calls, Outcome{Length: step.Most})
	all := s.ceilings()
	if len(all) != 1 || math.Abs(all[0].Load.Value-4) > 0.05 || all[0].From != "429s" || !(all[0].Load.Low < 4 && 4 < all[0].Load.High) {
		t.Errorf("ceilings %+v; want 4 requests a second from 429s", all)
	}
	if notes := s.Answer().Notes; !slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, "the burst is what the bucket held") }) {
		t.Errorf("notes %q; want one that the bucket may not have been full", notes)
	}
}

// A criterion that no request speaks of decides nothing, and is not passed over in
// silence.
func TestCriterionNeverJudged(t *testing.T) {
	other := Criterion{Name: "tpot p(95)<1s", Allowed: 0.05}
	s := New(Config{Tasks: oneTask(), Criteria: []Criterion{p95(), other}})
	trial := s.NewTrial(Step{Kind: Probe, Load: 10, Most: time.Minute, Decide: true})
	ended := -1
	for i := range 600 {
		if trial.Add(answered(i, time.Duration(i)*100*time.Millisecond, time.Second, 0, math.NaN())) {
			ended = i
			break
		}
	}
	if ended < silent-1 || ended > 100 {
		t.Errorf("decided after request %d", ended)
	}
	note := func() bool {
		return slices.ContainsFunc(s.Answer().Notes, func(n string) bool { return strings.HasPrefix(n, "tpot p(95)<1s was not judged") })
	}
	took := func(n int, second float64) {
		s.Took(Step{N: n, Kind: Climb, Load: 10, Most: time.Minute}, []Call{answered(0, 0, time.Second, 0, second)}, Outcome{Length: time.Minute})
	}
	if note() {
		t.Error("noted before a step was made")
	}
	if took(1, math.NaN()); !note() {
		t.Errorf("notes %q", s.Answer().Notes)
	}
	if took(2, 0); note() {
		t.Error("noted although it was judged")
	}
}

// Loads that were made and kept, and of which a full bucket may be the reason, are
// not said not to have been tried.
func TestUnseenLimit(t *testing.T) {
	for _, c := range []struct {
		load  float64
		bound string
	}{{8, ByUnseen}, {0.01, ByBound}} {
		s := New(Config{Tasks: oneTask(), Criteria: []Criterion{p95()}})
		var calls []Call
		for i := range 40 {
			calls = append(calls, answered(i, time.Duration(i)*time.Second/8, 100*time.Millisecond, 0))
		}
		s.Took(Step{N: 1, Kind: Climb, Load: c.load, Most: 5 * time.Second}, calls, Outcome{Length: 5 * time.Second})
		if a := s.Answer(); a.Bound != c.bound || !a.AtLeast || a.Load.Value > c.load {
			t.Errorf("load %v: at least %v: %v, %s; want %s", c.load, a.AtLeast, a.Load.Value, a.Bound, c.bound)
		}
	}
}

// Few requests show little, and the answer says how little.
func TestFeebleConfirmation(t *testing.T) {
	for _, c := range []struct {
		perSecond float64
		noted     bool
	}{{1, true}, {20, false}} {
		s := New(Config{Tasks: oneTask()})
		level, at := 60*c.perSecond, time.Duration(0)
		told(s, "", &level, &at, c.perSecond, level)
		a := s.Answer()
		if a.Confirmed == nil || !a.Confirmed.Held {
			t.Fatalf("%v/s: confirmed %+v", c.perSecond, a.Confirmed)
		}
		if noted := slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, "a shortfall of less than") }); noted != c.noted {
			t.Errorf("%v/s: notes %q", c.perSecond, a.Notes)
		}
	}
}
