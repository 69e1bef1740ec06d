package compare

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// made is a run of n calls with a median time, in ms, and so many failures.
func made(id string, n int, median float64, failed int, change func(*Run)) Run {
	rng := rand.New(rand.NewPCG(uint64(len(id)), uint64(id[len(id)-1])))
	var table metrics.Table
	for i := range n {
		due := time.Duration(i+1) * time.Second
		r := call.Result{Index: i, Attempt: 1, Task: "ask", Model: "m", Phase: call.Main, Class: call.OK, Due: due, Started: due, Sent: due, Done: due + 1}
		if (i*failed)%n < failed { // evenly
			r.Class = call.ServerError
		} else {
			took := time.Duration(median * math.Exp(0.2*rng.NormFloat64()) * float64(time.Millisecond))
			r.FirstContent, r.LastContent, r.Done, r.Cost, r.Output = due+took/2, due+took, due+took, call.Dollar, 10
		}
		table.Add(r)
	}
	out := Run{ID: id, Started: time.Unix(1_800_000_000, 0), Length: time.Duration(n) * time.Second, Plan: "p", Tool: "t", Target: "https://api",
		Models: []string{"m"}, Valid: true, Table: &table}
	if change != nil {
		change(&out)
	}
	return out
}

func at(d time.Duration) func(*Run) { return func(r *Run) { r.Started = r.Started.Add(d) } }

func compared(t *testing.T, base, newer []Run, c Config) *Comparison {
	t.Helper()
	out, err := Of(base, newer, c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *Comparison) row(t *testing.T, name string) Row {
	t.Helper()
	for _, r := range c.Overall {
		if r.Metric == name {
			return r
		}
	}
	t.Fatalf("no row %s", name)
	return Row{}
}

// One run against one decides about a time from 36 % on and not below; what the
// target is or the user says of drift moves that bound.
func TestOneEach(t *testing.T) {
	inside := func(r *Run) { r.Target = "sim" }
	for _, c := range []struct {
		median float64
		change func(*Run)
		config Config
		want   Verdict
	}{
		{1000, nil, Config{}, Same},
		{1030, nil, Config{Drift: -1}, Small},
		{1030, nil, Config{Drift: -1, MinChange: -1}, Worse},
		{1250, nil, Config{}, Undecided},
		{1500, nil, Config{}, Worse},
		{650, nil, Config{}, Better},
		{800, nil, Config{}, Undecided},
		{1250, inside, Config{}, Worse},
		{1250, nil, Config{Drift: 0.02}, Worse},
		{1250, nil, Config{Drift: 0.02, MinChange: 0.5}, Small},
		{1500, nil, Config{Drift: 0.3}, Undecided},
	} {
		got := compared(t, []Run{made("base1", 2000, 1000, 0, c.change)}, []Run{made("newer2", 2000, c.median, 0, c.change)}, c.config)
		if v := got.row(t, "e2e").Verdict; v != c.want || got.Verdict != c.want {
			t.Errorf("1000 against %v ms, %+v: e2e %s, in all %s; want %s", c.median, c.config, v, got.Verdict, c.want)
		}
	}
}

// What cannot be decided comes with the number of pairs that would.
func TestPairsWanted(t *testing.T) {
	got := compared(t, []Run{made("base1", 300, 1000, 0, nil)}, []Run{made("newer2", 300, 1150, 0, nil)}, Config{}).row(t, "e2e")
	if got.Verdict != Undecided || got.Pairs < 5 || got.Pairs > 12 || !strings.Contains(got.Why, "interleaved pairs would decide") {
		t.Errorf("%s: %d pairs, %q", got.Verdict, got.Pairs, got.Why)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		base, newer int
		want        Verdict
	}{{0, 0, Same}, {0, 3, Same}, {0, 40, Worse}, {40, 0, Better}, {20, 22, Same}} {
		got := compared(t, []Run{made("base1", 400, 1000, c.base, nil)}, []Run{made("newer2", 400, 1000, c.newer, nil)}, Config{})
		if r := got.row(t, "failed"); r.Verdict != c.want {
			t.Errorf("%d against %d failures of 400: %s (p %v); want %s", c.base, c.newer, r.Verdict, r.Adjusted, c.want)
		}
		if r := got.row(t, "cost"); r.Verdict != Same || r.Why != "every value is the same" {
			t.Errorf("cost of answered requests: %s, %s", r.Verdict, r.Why)
		}
	}
}

// Failures that came together may have had one cause, which another run would
// not meet.
func TestFailuresTogether(t *testing.T) {
	var table metrics.Table
	for i := range 400 {
		r := call.Result{Index: i, Attempt: 1, Task: "ask", Model: "m", Phase: call.Main, Class: call.OK, Due: time.Duration(i+1) * time.Second}
		if i >= 200 && i < 240 {
			r.Class = call.Overloaded
		}
		r.Started, r.Sent, r.Done = r.Due, r.Due, r.Due+1
		table.Add(r)
	}
	burst := made("newer2", 1, 1000, 0, nil)
	burst.Table = &table
	c := compared(t, []Run{made("base1", 400, 1000, 0, nil)}, []Run{burst}, Config{})
	if r := c.row(t, "failed"); r.Verdict != Undecided || !strings.Contains(r.Why, "came together") || r.New.Effective > 40 {
		t.Errorf("a burst of failures: %s, %q, worth %v calls", r.Verdict, r.Why, r.New.Effective)
	}
}

// How the runs lie in time decides what they can show.
func TestDesign(t *testing.T) {
	side := func(id string, starts ...time.Duration) []Run {
		var out []Run
		for i, s := range starts {
			out = append(out, made(fmt.Sprintf("%s%d", id, i), 50, 1000, 0, at(s)))
		}
		return out
	}
	const m, h = time.Minute, time.Hour
	for _, c := range []struct {
		base, newer []Run
		want        Design
	}{
		{side("b", 0), side("n", 3*h), OneEach},
		{side("b", 0, 4*m), side("n", 2*m, 6*m), Pairs},    // ABAB
		{side("b", 0, 6*m), side("n", 2*m, 4*m), Pairs},    // ABBA
		{side("b", 6*m, 0), side("n", 4*m, 2*m), Pairs},    // in any order of naming
		{side("b", 0, 2*m), side("n", 4*m, 6*m), Blocks},   // AABB
		{side("b", 0, 4*m), side("n", 2*m), Blocks},        // one is without its pair
		{side("b", 0, h), side("n", 3*h, 5*h), Spread},     // AABB, hours apart
		{side("b", 0), side("n", 3*h, 5*h), Spread},        // one against runs hours apart
		{side("b", 0, h), side("n", 3*h, 3*h+9*m), Blocks}, // not all are
	} {
		if got := designOf(byStart(c.base), byStart(c.newer)); got != c.want {
			t.Errorf("%d against %d runs: %s; want %s", len(c.base), len(c.newer), got, c.want)
		}
	}
}

// Runs with a drift of their own: in turn they show 10 %, in a block they do not.
func TestSeveralRuns(t *testing.T) {
	drift := []float64{1.10, 1.02, 0.90, 0.95, 1.05}
	for _, c := range []struct {
		name  string
		start func(i int, newer bool) time.Duration
		want  Verdict
	}{
		{"pairs", func(i int, newer bool) time.Duration {
			if newer {
				return time.Duration(2*i+1) * 5 * time.Minute
			}
			return time.Duration(2*i) * 5 * time.Minute
		}, Worse},
		{"blocks", func(i int, newer bool) time.Duration {
			if newer {
				i += 100
			}
			return time.Duration(i) * 5 * time.Minute
		}, Same}, // the spread between runs of a side is 8 %: a shift of 10 % is not even significant
	} {
		var base, newer []Run
		for i, d := range drift {
			base = append(base, made(fmt.Sprintf("b%d", i), 300, 1000*d, 0, at(c.start(i, false))))
			newer = append(newer, made(fmt.Sprintf("new%d", i), 300, 1100*d, 0, at(c.start(i, true))))
		}
		got := compared(t, base, newer, Config{}).row(t, "e2e")
		if got.Verdict != c.want {
			t.Errorf("%s: %s (ratio %.3f, p %.4f); want %s", c.name, got.Verdict, got.Ratio.Value, got.Adjusted, c.want)
		}
	}
}

// Blocks whose runs agree are still two hours: significant, and not decided.
func TestBlocks(t *testing.T) {
	var base, newer []Run
	for i := range 5 {
		base = append(base, made(fmt.Sprintf("b%d", i), 300, 1000, 0, at(time.Duration(i)*time.Minute)))
		newer = append(newer, made(fmt.Sprintf("new%d", i), 300, 1150, 0, at(time.Duration(i+60)*time.Minute)))
	}
	c := compared(t, base, newer, Config{})
	if got := c.row(t, "e2e"); got.Verdict != Undecided || c.Design != Blocks {
		t.Errorf("%s: %s", c.Design, got.Verdict)
	}
	if !strings.Contains(c.Answer(), "the runs of each side were made together") {
		t.Error(c.Answer())
	}
}

// Bad runs: what can be told is told, and why the rest is not.
func TestBadRuns(t *testing.T) {
	good := made("base1", 200, 1000, 0, nil)
	invalid := made("newer2", 200, 3000, 50, func(r *Run) { r.Valid = false })
	c := compared(t, []Run{good}, []Run{invalid}, Config{})
	if r := c.row(t, "e2e"); r.Verdict != NotJudged || !math.IsNaN(r.New.Median) || !math.IsNaN(r.Base.Median) || r.Ratio.Bounded() || r.Tails != nil {
		t.Errorf("a time of a run that is not valid: %+v", r)
	}
	if r := c.row(t, "failed"); r.Verdict != Worse || c.Verdict != Worse {
		t.Errorf("its failures: %s, in all %s", r.Verdict, c.Verdict)
	}
	same := compared(t, []Run{good}, []Run{made("newer3", 200, 1000, 0, func(r *Run) { r.Valid = false })}, Config{})
	if same.Verdict != NotJudged || !strings.Contains(same.Answer(), "cannot say") {
		t.Errorf("nothing else differs: %s, %s", same.Verdict, same.Answer())
	}
	if _, err := Of([]Run{good}, []Run{made("none", 0, 1, 0, nil)}, Config{}); err == nil || !strings.Contains(err.Error(), `NEW run "none" sent no request`) {
		t.Errorf("an empty run: %v", err)
	}
	if _, err := Of(nil, []Run{good}, Config{}); err == nil {
		t.Error("no run at all is compared")
	}
	few := compared(t, []Run{good}, []Run{made("few1", 5, 1000, 0, nil)}, Config{})
	if r := few.row(t, "e2e"); r.Verdict != NotJudged || !strings.Contains(r.Why, "n too small") || !math.IsNaN(r.New.Median) {
		t.Errorf("five calls: %s, %q, median %v", r.Verdict, r.Why, r.New.Median)
	}
	dead := compared(t, []Run{good}, []Run{made("dead1", 200, 1000, 200, nil)}, Config{})
	if r := dead.row(t, "e2e"); r.Verdict != NotJudged || dead.Verdict != Worse {
		t.Errorf("a run without an answer: e2e %s, in all %s", r.Verdict, dead.Verdict)
	}
}

func TestWarnings(t *testing.T) {
	other := made("newer2", 20, 1000, 0, func(r *Run) {
		r.Partial, r.Plan, r.Tool, r.Target, r.Seed, r.Models, r.Headers, r.Changes = true, "q", "u", "https://b", 9, []string{"n"}, true, []string{"seed=9"}
	})
	got := strings.Join(compared(t, []Run{made("base1", 20, 1000, 0, nil)}, []Run{other}, Config{}).Warnings, "\n")
	for _, want := range []string{"newer2 is partial", "models differ (m; n)", "plans differ (p; q)", "overrides differ (none; seed=9)",
		"targets differ (https://api; https://b)", "versions of tokenload differ (t; u)", "seeds differ", "rate-limit headers"} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning %q in:\n%s", want, got)
		}
	}
	if got := compared(t, []Run{made("base1", 20, 1000, 0, nil)}, []Run{made("newer2", 20, 1000, 0, nil)}, Config{}).Warnings; len(got) > 0 {
		t.Errorf("runs that differ in nothing else: %q", got)
	}
	same := made("base1", 20, 1000, 0, nil)
	if got := strings.Join(compared(t, []Run{same}, []Run{same}, Config{}).Warnings, "\n"); !strings.Contains(got, "base1 stands on both sides") {
		t.Errorf("a run against itself: %q", got)
	}
}

// Names of runs and tasks cannot break out of the page.
func TestMarkdownEscapes(t *testing.T) {
	var b bytes.Buffer
	c := compared(t, []Run{made("<b>|x", 20, 1000, 0, nil)}, []Run{made("[y](z)", 20, 1000, 0, nil)}, Config{})
	if err := Markdown(&b, c); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "<b>") || !strings.Contains(s, `\[y](z)`) || !strings.Contains(s, `&lt;b&gt;\|x`) {
		t.Errorf("not escaped:\n%s", s)
	}
}

func TestFigures(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		kind kind
		v    float64
		want string
	}{
		{timing, 12.345, "12.3ms"}, {timing, 1234, "1.23s"}, {timing, nan, "—"}, {timing, inf, "∞"}, {speed, 72.5, "72.5/s"},
		{money, 0.0000345, "$0.0000345"}, {money, -0.25, "-$0.2500"}, {money, 0, "$0.0000"}, {share, 0.0123, "1.23%"}, {tokens, 204, "204"},
	} {
		r := Row{metric: metric{kind: c.kind}}
		if got := r.figure(c.v); got != c.want {
			t.Errorf("figure(%v, %v) = %q; want %q", c.kind, c.v, got, c.want)
		}
	}
	for v, want := range map[float64]string{0.04: "0.0", -0.04: "0.0", 1.25: "+1.2", -3: "-3.0", nan: "—", inf: "—"} {
		if got := signed(v, 1); got != want {
			t.Errorf("signed(%v) = %q; want %q", v, got, want)
		}
	}
}
