package run_test

import (
	"context"
	"flag"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/run"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/workload"
)

const (
	oneModel = `
version: 1
name: budget
defaults: {model: dear, max_tokens: 400}
tasks: [{name: a, prompts: ["Tell me about the river with the number {{index}}"]}]
prices: {dear: {input: 100, output: 500}}
target: {timeout: 20s}
graceful_stop: 15s
`
	twoModels = `
version: 1
name: budget
defaults: {max_tokens: 300}
tasks:
  - {name: a, model: dear, weight: 1, prompts: ["Tell me about the river with the number {{index}}"]}
  - {name: b, model: long, weight: 2, synthetic: {input_tokens: {p50: 500, p95: 900}}}
prices:
  dear: {input: 100, output: 500}
  long: {input: 20, output: 80, bands: [{over: 2000, input: 90, output: 400}]}
target: {timeout: 20s}
graceful_stop: 15s
`
	fiftyUsers = "load: {users: {count: 50, duration: 1h}}\n"
	arriving   = "load: {arrivals: {process: poisson, rate: 15/s, duration: 10m}}\n"
)

// budgeted parses a plan with a seed and a budget worth fifty of the dearest calls
// it makes.
func budgeted(t *testing.T, src string, seed uint64) *plan.Plan {
	t.Helper()
	parse := func(set ...string) *plan.Plan {
		p, err := plan.Parse("plan.yaml", []byte(src), plan.Options{FS: fstest.MapFS{}, Set: set})
		if err != nil {
			t.Fatal(err)
		}
		p.Seed, p.SeedGiven = seed, true
		return p
	}
	p := parse()
	mix, err := workload.New(seed, p.Tasks, p.Checks)
	if err != nil {
		t.Fatal(err)
	}
	var worst call.USD
	for i := range 500 {
		worst = max(worst, p.Catalog.Bound(mix.Request(i)))
	}
	return parse("budget.usd=" + (50 * worst).Decimal())
}

// spree is one run against a bank, in a bubble.
type spree struct {
	plan   *plan.Plan
	faults bool
	// The first Ctrl-C, and the second, counted from it; 0 is none.
	interrupt, again time.Duration
}

// outcome is what the bank has booked, and what the run says of it.
type outcome struct {
	billed   call.USD
	calls    int
	report   *report.Report
	warnings []string
}

// run spends the plan's budget. No request of the record may have cost less than
// the bank has booked for it.
func (s spree) run(t *testing.T) outcome {
	t.Helper()
	b := &bank{rng: rand.New(rand.NewPCG(s.plan.Seed, 7)), faults: s.faults, byName: map[string]int64{}}
	var warnings []string
	ln := newPipes()
	server := &http.Server{Handler: b, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(ln)  //nolint:errcheck // ended by Close
	defer server.Close() //nolint:errcheck // in memory
	stop := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if s.interrupt > 0 {
		time.AfterFunc(s.interrupt, func() { close(stop) })
		if s.again > 0 {
			time.AfterFunc(s.interrupt+s.again, cancel)
		}
	}
	c := run.Config{
		Plan: s.plan, Dir: filepath.Join(t.TempDir(), "run"), ID: "run", Target: "bank", Stop: stop,
		Client: client.Config{BaseURL: "http://bank", Key: "none", Dial: ln.dial, Timeout: s.plan.Target.Timeout},
		Warn: func(w string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			warnings = append(warnings, w)
		},
	}
	if err := run.Execute(ctx, c); err != nil {
		t.Fatal(err)
	}
	stored, err := store.Open(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := report.Build(stored)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock() // who is still answering has booked it
	defer b.mu.Unlock()
	for _, r := range results(t, stored) {
		b.byName[strconv.Itoa(r.Index)] -= int64(r.Cost)
	}
	for index, left := range b.byName {
		if left > 0 {
			t.Errorf("seed %d: request %s was charged %s less than the bank booked", s.plan.Seed, index, call.USD(left).Decimal())
		}
	}
	return outcome{call.USD(b.billed), b.calls, rep, warnings}
}

// checkWarnings wants one about 80 % of the budget where that much is spent, and no other.
func (o outcome) checkWarnings(t *testing.T, budget call.USD) {
	t.Helper()
	want := 0
	if o.report.Cost.USD >= budget/10*8 {
		want = 1
	}
	if len(o.warnings) != want || want > 0 && !strings.Contains(o.warnings[0], "% of the budget is spent") {
		t.Errorf("%s of %s spent, warnings %q; want %d", o.report.Cost.USD.Decimal(), budget.Decimal(), o.warnings, want)
	}
}

// seeds is how many runs of each kind the tests below make. Package cost has 200
// of each with the guard alone; here stands the whole program, and
// go test ./internal/run -run Budget -budget-seeds 200 takes some minutes.
var seeds = flag.Uint64("budget-seeds", 4, "seeds of each kind of run in the tests of the budget")

// TestBudgetIsKeptAndUsed: answers of random length and nothing that goes wrong.
// The bank's own bill is never over the budget, at least 95 % of it is used, the
// exit code is 120, and the report has the bill to the pico-dollar.
func TestBudgetIsKeptAndUsed(t *testing.T) {
	for name, src := range map[string]string{
		"users": oneModel + fiftyUsers, "arrivals": oneModel + arriving,
		"users, two models": twoModels + fiftyUsers, "arrivals, two models": twoModels + arriving,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range *seeds {
				synctest.Test(t, func(t *testing.T) {
					p := budgeted(t, src, seed)
					o := spree{plan: p}.run(t)
					billed, calls, rep := o.billed, o.calls, o.report
					budget := p.Budget.Guard.Budget
					o.checkWarnings(t, budget)
					if billed > budget || billed < budget/100*95 || calls < 50 {
						t.Errorf("seed %d: the bank billed %s of %s, %.1f %%, for %d calls; want 95 to 100 %%", seed, billed.Decimal(), budget.Decimal(),
							100*billed.Dollars()/budget.Dollars(), calls)
					}
					if rep.Run.ExitCode != 120 || rep.Run.Outcome != "budget" {
						t.Errorf("seed %d: exit %d, outcome %s; want 120, budget", seed, rep.Run.ExitCode, rep.Run.Outcome)
					}
					if rep.Cost.USD != billed || rep.Cost.UncertainUSD != 0 || *rep.Cost.RemainingUSD != budget-billed {
						t.Errorf("seed %d: the report has %s, %s of it uncertain, %s left; the bank billed %s of %s", seed, rep.Cost.USD.Decimal(),
							rep.Cost.UncertainUSD.Decimal(), rep.Cost.RemainingUSD.Decimal(), billed.Decimal(), budget.Decimal())
					}
				})
			}
		})
	}
}

// TestBudgetIsKeptWhateverFails: a fifth of the answers is cut, a twentieth are
// errors, another times out, and in three of four runs a Ctrl-C comes at a random
// moment, in half of these a second one soon after. The bank bills all of it at
// full length.
func TestBudgetIsKeptWhateverFails(t *testing.T) {
	for name, src := range map[string]string{
		"users": oneModel + fiftyUsers, "arrivals": oneModel + arriving,
		"users, two models": twoModels + fiftyUsers, "arrivals, two models": twoModels + arriving,
		"users, obey": oneModel + fiftyUsers + "on_limit: {mode: obey, max_attempts: 3}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range *seeds {
				synctest.Test(t, func(t *testing.T) {
					rng := rand.New(rand.NewPCG(seed, 8))
					s := spree{plan: budgeted(t, src, seed), faults: true}
					if seed%4 != 0 {
						s.interrupt = time.Duration(1 + rng.Int64N(int64(25*time.Second)))
					}
					if seed%4 > 1 {
						s.again = time.Duration(1 + rng.Int64N(int64(5*time.Second)))
					}
					o := s.run(t)
					billed, calls, rep := o.billed, o.calls, o.report
					budget := s.plan.Budget.Guard.Budget
					o.checkWarnings(t, budget)
					if billed > rep.Cost.USD || rep.Cost.USD > budget {
						t.Errorf("seed %d: the bank billed %s for %d calls, the report has %s, the budget was %s", seed, billed.Decimal(), calls, rep.Cost.USD.Decimal(), budget.Decimal())
					}
					want := 120
					switch {
					case rep.Requests.OK == 0:
						want = 1 // not one request ended ok
					case rep.Run.Outcome == "interrupted":
						want = 105
					}
					if rep.Run.ExitCode != want || calls == 0 || s.interrupt == 0 && want != 120 {
						t.Errorf("seed %d: exit %d (%s) after %d calls; want %d", seed, rep.Run.ExitCode, rep.Run.Outcome, calls, want)
					}
				})
			}
		})
	}
}

// The tests above mean something: bodies cross the band, and the worst case is
// much above what a call costs.
func TestBudgetTestsAreNotEmpty(t *testing.T) {
	p := budgeted(t, twoModels+fiftyUsers, 1)
	mix, err := workload.New(1, p.Tasks, p.Checks)
	if err != nil {
		t.Fatal(err)
	}
	short, long := 0, 0
	for i := range 200 {
		r := mix.Request(i)
		switch {
		case !strings.HasPrefix(r.Model, "long"):
		case len(r.Body) > 2000:
			long++
		default:
			short++
		}
	}
	if short < 10 || long < 10 {
		t.Errorf("%d prompts are below the band and %d may be above; want at least 10 of each", short, long)
	}
}
