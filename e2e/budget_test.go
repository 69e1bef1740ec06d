//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/sim"
)

// Fifty users of one model, with answers of random length. A request has a body of
// 130 bytes at most: (130 + 64) × $6.25 + 400 × $25 a million is $0.0113, so the
// budget is worth fifty of the dearest.
const usersPlan = `version: 1
name: budget-users
tasks: [{name: a, model: claude-opus-4-5, max_tokens: 400, prompts: ["Tell me about the river {{index}}"]}]
load: {users: {count: 50, duration: 50s}}
target: {timeout: 3s}
graceful_stop: 4s
budget: {usd: 0.56}
`

// Arrivals of two models. Prompts of the second are long, and cross 100,000 tokens,
// from which on every token costs five times as much: at 360,000 bytes (360,000 ×
// $0.625 + 200 × $2.50) it is $0.2255, and of the first 1.1 × (200 × $12.50 + 4,000 ×
// $50) = $0.2228. The budget is worth fifty of either. Long ones are the rarer,
// since reading one takes the race detector's build of the server 0.14 s.
const arrivalsPlan = `version: 1
name: budget-arrivals
tasks:
  - {name: short, model: claude-fable-5, weight: 4, max_tokens: 4000, prompts: ["Tell me about the river {{index}}"]}
  - {name: long, model: claude-haiku-5-5, weight: 1, max_tokens: 200, synthetic: {input_tokens: {p50: 98000, p95: 104000}}, body: {inference_geo: global}}
load: {arrivals: {process: poisson, rate: 30/s, duration: 50s}}
target: {timeout: 3s}
graceful_stop: 4s
budget: {usd: 11.3}
`

// perMillion is what the models of these plans cost, by hand.
func perMillion(x sim.Record) (input, output float64) {
	switch {
	case x.Model == "claude-fable-5":
		return 10, 50
	case x.Model == "claude-opus-4-5-20251101":
		return 5, 25
	case x.InputTokens > 100_000:
		return 0.5, 2.5
	}
	return 0.1, 0.5
}

// invoice is what the server bills: an answer that ended for its tokens, and one
// that was cut, or that the client left, as if it had gone on to max_tokens.
func invoice(x sim.Record) float64 {
	if x.Status != 200 {
		return 0
	}
	output := x.OutputTokens
	if x.StopReason == "" || x.Canceled {
		output = x.MaxTokens
	}
	in, out := perMillion(x)
	return (float64(x.InputTokens)*in + float64(output)*out) / 1e6
}

// TestBudget: the program as a process of its own, on real sockets, against a server
// that keeps the account. Without faults the server's own bill is between 95 and
// 100 % of the budget and the exit code 120. With a fifth of the answers cut, a
// twentieth errors, another stalled until the time-out, and a Ctrl-C at a random
// moment, the bill is not over the budget.
func TestBudget(t *testing.T) {
	for name, plan := range map[string]string{"users": usersPlan, "arrivals": arrivalsPlan} {
		for seed := range uint64(5) {
			for _, faults := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, seed %d, faults %v", name, seed, faults), func(t *testing.T) {
					t.Parallel()
					testBudget(t, plan, seed, faults)
				})
			}
		}
	}
}

func testBudget(t *testing.T, plan string, seed uint64, faults bool) {
	quick := sim.Latency{Floor: 30 * time.Millisecond, Body: 60 * time.Millisecond, BodySigma: 0.5, Speed: 1500, SlowSigma: 0.4, FastSigma: 0.2, TokensPerEvent: 8}
	c := sim.Config{Seed: seed, Latency: map[string]sim.Latency{"opus": quick, "fable": quick, "haiku": quick}}
	if faults {
		c.Faults = []sim.Fault{{Kind: sim.FaultCut, Probability: 0.2, After: int(seed) + 1}, {Kind: sim.FaultStatus, Status: 529, Probability: 0.05},
			{Kind: sim.FaultStall, Probability: 0.05, After: 5}}
	}
	s, err := sim.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // closed before, if all is well
	if !faults {    // time-outs are for the answers that stall; a slow machine must not make any
		plan = strings.ReplaceAll(plan, "timeout: 3s", "timeout: 60s")
		plan = strings.ReplaceAll(plan, "graceful_stop: 4s", "graceful_stop: 60s")
	}
	dir := t.TempDir()
	run := program(t, dir, "run", write(t, dir, "plan.yaml", plan), "--target", s.URL, "--seed", fmt.Sprint(seed), "--out", filepath.Join(dir, "run"), "--quiet", "--json")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	if interrupt := time.Duration(rand.New(rand.NewPCG(seed, 9)).Int64N(int64(4 * time.Second))); faults {
		time.AfterFunc(interrupt, func() { run.Process.Signal(os.Interrupt) }) //nolint:errcheck // it may have ended
	}
	code := run.end(t)
	s.Close() //nolint:errcheck // waits until everything is recorded
	billed, calls := 0.0, 0
	for _, x := range s.Truth() {
		if x.Path == "/v1/messages" {
			billed += invoice(x)
			calls++
		}
	}
	if faults && calls == 0 {
		return // interrupted before the first request
	}
	sum := summaryOf(t, run.stdout.Bytes())
	budget := *sum.Cost.Budget
	const cent = 1e-9 // floats add up to less than this
	if billed > budget+cent || sum.Cost.USD > budget+cent || billed > sum.Cost.USD+cent {
		t.Errorf("the server billed %.6f for %d calls, the report has %.6f, the budget was %.2f", billed, calls, sum.Cost.USD, budget)
	}
	if !faults {
		if code != 120 || billed < 0.95*budget || sum.Cost.Uncertain != 0 {
			t.Errorf("exit %d, %.1f %% of the budget used, %.6f uncertain; want 120, 95 %% at least, 0\n%s", code, 100*billed/budget, sum.Cost.Uncertain, run.stderr.String())
		}
		if n := strings.Count(run.stderr.String(), "% of the budget is spent"); n != 1 {
			t.Errorf("%d warnings about the budget; want 1\n%s", n, run.stderr.String())
		}
	} else if code != 120 && code != 105 && sum.Requests["ok"] > 0 {
		t.Errorf("exit %d; want 120 or 105\n%s", code, run.stderr.String())
	}
	if strings.Contains(run.stderr.String(), "its request allows") {
		t.Errorf("a call cost more than its reservation:\n%s", run.stderr.String())
	}
}
