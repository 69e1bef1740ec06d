package compare_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/compare"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/sim"
)

var full = flag.Bool("full", false, "measure the accuracy on all the pairs, not on a few of them")

// requests is the stated sample size: of one run, at which a change of 10 % is found.
const requests = 400

// target is a simulated API in virtual time: runs of one plan are made on it one
// after another, so that they share what drifts.
type target struct {
	t     *testing.T
	api   *sim.Rehearsal
	clock time.Duration
}

func newTarget(t *testing.T, seed uint64, drift float64) *target {
	api, err := sim.Rehearse(sim.Config{Seed: seed, Drift: drift, NoStalls: true})
	if err != nil {
		t.Fatal(err)
	}
	return &target{t, api, 0}
}

// run makes requests at two a second, with every time so many times as long.
func (g *target) run(id string, slower float64) compare.Run {
	var table metrics.Table
	from := g.clock
	for i := range requests {
		at := from + time.Duration(i)*500*time.Millisecond
		body := fmt.Sprintf(`{"model":"claude-haiku-4-5","max_tokens":400,"stream":true,"messages":[{"role":"user","content":"question %d"}]}`, i%10)
		a, err := g.api.Ask(at, []byte(body))
		if err != nil {
			g.t.Fatal(err)
		}
		due := at - from + time.Millisecond
		table.Add(call.Result{
			Index: i, Attempt: 1, Task: "ask", Model: "claude-haiku-4-5", Phase: call.Main, Class: call.OK, Due: due, Started: due, Sent: due,
			FirstContent: due + time.Duration(slower*float64(a.Begins)), FirstText: due + time.Duration(slower*float64(a.Begins)),
			LastContent: due + time.Duration(slower*float64(a.Ends)), Done: due + time.Duration(slower*float64(a.Ends)),
			Events: a.OutputTokens / 4, Usage: call.Usage{Input: int64(a.InputTokens), Output: int64(a.OutputTokens)},
			Cost: call.USD(a.InputTokens+5*a.OutputTokens) * 1e6,
		})
	}
	g.clock += requests * 500 * time.Millisecond
	return compare.Run{ID: id, Started: time.Unix(1_800_000_000, 0).Add(from), Length: g.clock - from, Target: "http://127.0.0.1", Plan: "p", Tool: "t",
		Models: []string{"claude-haiku-4-5"}, Valid: true, Table: &table}
}

// verdict compares runs of a target with runs of one that is so much slower,
// pairs of them in turn, with so long between the first two.
func verdict(t *testing.T, seed uint64, simDrift, assumed, slower float64, pairs int, pause time.Duration) compare.Verdict {
	g := newTarget(t, seed, simDrift)
	var base, new []compare.Run
	for range pairs {
		base = append(base, g.run("base", 1))
		g.clock += pause
		new = append(new, g.run("new", slower))
	}
	c, err := compare.Of(base, new, compare.Config{Drift: assumed})
	if err != nil {
		t.Fatal(err)
	}
	return c.Verdict
}

// What a comparison promises, on simulated runs whose truth is known. -full asks
// 200 pairs of each.
func TestAccuracy(t *testing.T) {
	const no = -1.0
	n := 5
	if *full {
		n = 200
	}
	for _, c := range []struct {
		name              string
		simDrift, assumed float64
		slower            float64
		pairs             int
		want              compare.Verdict
		least, most       float64
	}{
		{"no drift, the same target: called a change", 0, no, 1, 1, compare.Worse, 0, 0.05},
		{"no drift, 10 % slower: found", 0, no, 1.10, 1, compare.Worse, 0.90, 1},
		{"drift, one run each, 10 % slower: cannot decide", 0.09, 0, 1.10, 1, compare.Undecided, 0.90, 1},
		{"drift, one run each, the same target: called a change", 0.09, 0, 1, 1, compare.Worse, 0, 0.05},
		{"drift, one run each, twice as slow: found", 0.09, 0, 2, 1, compare.Worse, 0.90, 1},
		{"drift, five interleaved pairs, 10 % slower: found", 0.09, 0, 1.10, 5, compare.Worse, 0.90, 1},
		{"drift, five interleaved pairs, the same target: called a change", 0.09, 0, 1, 5, compare.Worse, 0, 0.05},
	} {
		t.Run(c.name, func(t *testing.T) {
			pause := time.Duration(0)
			if c.pairs == 1 && c.simDrift > 0 {
				pause = 3 * time.Hour // another hour of the day
			}
			counts := map[compare.Verdict]int{}
			for seed := range uint64(n) {
				counts[verdict(t, seed, c.simDrift, c.assumed, c.slower, c.pairs, pause)]++
			}
			hits := counts[c.want]
			if c.want == compare.Worse && c.slower == 1 { // a change either way is wrong
				hits += counts[compare.Better] + counts[compare.Changed]
			}
			got := float64(hits) / float64(n)
			slack := 0.0
			if !*full {
				slack = 0.2 // one of five
			}
			goal, verdict := fmt.Sprintf("≥ %.0f %%", 100*c.least), "ok"
			if c.least == 0 {
				goal = fmt.Sprintf("≤ %.0f %%", 100*c.most)
			}
			if got < c.least-slack || got > c.most+slack {
				verdict = "MISSED"
				t.Errorf("%s in %.1f %% (%v); want %s", c.want, 100*got, counts, goal)
			}
			t.Logf("accuracy | compare: %s | %s | %.1f %% | %d comparisons | %s", c.name, goal, 100*got, n, verdict) // as bench/accuracy.sh reads it
		})
	}
}
