package cli

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/run"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/sim"
)

// finderIn is a finder on a directory, with what it says kept.
func finderIn(t *testing.T, p *plan.Plan, dir string, said *[]string) *finder {
	t.Helper()
	f, err := newFinder(p, capacity.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f.dir, f.target = dir, "http://api"
	f.say = func(s string) { *said = append(*said, s) }
	return f
}

// Whatever the budget, it is not exceeded, neither by our books nor by the
// server's, and what was learned with it is told with its reason.
func TestFindBudget(t *testing.T) {
	api := limited(sim.Limits{Requests: 120})
	for _, budget := range []string{"0.0001", "0.003", "0.02", "0.06", "0.09", "1"} {
		for _, load := range []string{poisson + quick, someUsers + quick} {
			p := planOf(t, 4, chatTask+load+"budget: {usd: "+budget+"}\n")
			var billed float64
			var said []string
			f := finderIn(t, p, t.TempDir(), &said)
			onServer(t, api, true, func(t *testing.T, c client.Config, s *sim.Server) {
				f.client = c
				if err := f.run(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				billed = s.Totals().Billed.Dollars()
			})
			a := f.search.Answer()
			most := p.Budget.Guard.Budget
			if f.spent > most || billed > most.Dollars() {
				t.Errorf("%s: %v by our books and $%.4f by the server's; want at most %v", load, f.spent, billed, most)
			}
			rich := budget == "1"
			if stopped := a.Stopped == capacity.ByBudget; stopped == rich {
				t.Errorf("%s with %s: stopped %q (%s)", load, budget, a.Stopped, a.Detail)
			}
			if code := exitOf(a, f.search.Users); rich && code != 0 || !rich && !(a.Load.Value > 0 && !a.AtLeast) && code != 120 {
				t.Errorf("%s with %s: exit %d, load %v", load, budget, code, a.Load)
			}
			if a.AtLeast && a.Load.Value > 2.1 {
				t.Errorf("%s with %s: at least %v; the limit is 2/s", load, budget, a.Load.Value)
			}
		}
	}
}

// A search that is interrupted again and again ends with the answer all the same;
// no step is made twice, and every cent is counted.
func TestFindResumes(t *testing.T) {
	p := planOf(t, 6, chatTask+poisson+quick+"budget: {usd: 2}\n")
	dir := t.TempDir()
	var said []string
	var a capacity.Answer
	var spent call.USD
	onServer(t, limited(sim.Limits{Requests: 120}), true, func(t *testing.T, c client.Config, s *sim.Server) {
		for after := 20 * time.Second; ; after += 20 * time.Second {
			f := finderIn(t, p, dir, &said)
			f.client = c
			if err := f.replay(); err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			timer := time.AfterFunc(after, func() { close(stop) })
			if err := f.run(t.Context(), stop); err != nil {
				t.Fatal(err)
			}
			timer.Stop()
			a, spent = f.search.Answer(), f.spent
			if a.Stopped == "" {
				break
			}
			if a.Stopped != capacity.ByUser || exitOf(a, f.search.Users) != 105 {
				t.Fatalf("stopped by %q, exit %d", a.Stopped, exitOf(a, f.search.Users))
			}
			if after > 5*time.Minute {
				t.Fatal("it never ends")
			}
		}
		if billed := s.Totals().Billed.Dollars(); math.Abs(billed-spent.Dollars()) > 1e-9 {
			t.Errorf("our books say %v; the server's $%.6f", spent, billed)
		}
	})
	if math.Abs(a.Load.Value-2) > 0.1 {
		t.Errorf("found %v; want 2", a.Load)
	}
	drains := 0
	for _, line := range said {
		if strings.Contains(line, ", drain at") {
			drains++
		}
	}
	if cut, err := filepath.Glob(filepath.Join(dir, stepsDir, "*-drain.json")); err != nil || drains > len(cut) {
		t.Errorf("%d drains told, %d made (%v)", drains, len(cut), err)
	}
}

// What a killed step may have cost counts as spent, whatever of it was recorded;
// the steps before it are used as they are.
func TestFindAfterKill(t *testing.T) {
	for _, load := range []string{poisson, someUsers} {
		p := planOf(t, 8, chatTask+load+quick+"budget: {usd: 2}\n")
		dir := t.TempDir()
		var said []string
		whole := finderIn(t, p, dir, &said)
		onServer(t, limited(sim.Limits{Requests: 120}), true, func(t *testing.T, c client.Config, _ *sim.Server) {
			whole.client = c
			if err := whole.run(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		})
		steps, err := os.ReadDir(filepath.Join(dir, stepsDir))
		if err != nil {
			t.Fatal(err)
		}
		// The last step is killed half-way: no end in its manifest, half of its log.
		last := strings.TrimSuffix(steps[len(steps)-1].Name(), ".json")
		stored, err := store.Open(filepath.Join(dir, stepsDir, last))
		if err != nil {
			t.Fatal(err)
		}
		real := call.USD(0)
		for r, err := range stored.Results() {
			if err != nil {
				t.Fatal(err)
			}
			real += r.Cost
		}
		killed(t, stored)
		f := finderIn(t, p, dir, &said)
		if err := f.replay(); err != nil {
			t.Fatal(err)
		}
		if f.lost != 1 || f.spent < whole.spent || f.spent > p.Budget.Guard.Budget {
			t.Errorf("%d steps lost, %v spent; want 1, from %v (the last step cost %v) to the budget of %v", f.lost, f.spent, whole.spent, real, p.Budget.Guard.Budget)
		}
		if n := len(f.search.Steps()); n != len(whole.search.Steps())-1 {
			t.Errorf("%d steps are used; want all but the last of %d", n, len(whole.search.Steps()))
		}
		// The step that is missing confirms with an empty bucket. While nobody sent it
		// filled again, so it is drained as before, and only then the answer is held.
		next, more := f.search.Next(-1)
		made := whole.search.Steps()
		want := made[slices.IndexFunc(made, func(r capacity.Report) bool { return r.Kind == capacity.Drain })].Step
		want.N = made[len(made)-1].N
		if !more || next != want || made[len(made)-1].Kind != capacity.Confirm {
			t.Errorf("the next step is %+v, %v; want %+v", next, more, want)
		}
	}
}

// killed makes of a stored run one that was killed half-way.
func killed(t *testing.T, r *store.Run) {
	t.Helper()
	log := filepath.Join(r.Dir, store.RequestsFile)
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(r.Dir, store.ManifestFile)
	if b, err = os.ReadFile(manifest); err != nil {
		t.Fatal(err)
	}
	cut := slices.DeleteFunc(strings.SplitAfter(string(b), "\n"), func(line string) bool { return strings.Contains(line, `"ended":`) })
	text := strings.NewReplacer(`"cause": "completed"`, `"cause": ""`, `"cause": "decided"`, `"cause": ""`).Replace(strings.Join(cut, ""))
	if err := os.WriteFile(manifest, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Stepping up with a full bucket calls twice the limit sustainable; a search does not.
func TestFindBeatsNaiveStepping(t *testing.T) {
	const limit = 2.0
	api := limited(sim.Limits{Requests: limit * 60})
	naive := func(seed uint64) float64 {
		kept, refused := 0.0, math.Inf(1)
		onServer(t, api, true, func(t *testing.T, c client.Config, _ *sim.Server) {
			for n, rate := 1, 1.0; refused/max(kept, 1e-9) > 1.05 && n < 12; n++ {
				s := capacity.Step{Kind: capacity.Probe, Load: rate, Most: time.Minute}
				p := stepPlan(planOf(t, seed, chatTask+poisson), s, n, -1)
				dir := filepath.Join(t.TempDir(), "run")
				if err := run.Execute(t.Context(), run.Config{Plan: p, Dir: dir, ID: "run", Target: "http://api", Client: c}); err != nil {
					t.Fatal(err)
				}
				stored, err := store.Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				all, no := 0.0, 0.0
				for _, r := range recordsOf(t, stored) {
					all++
					if r.Class == call.RateLimited {
						no++
					}
				}
				if no > all/100 {
					refused = rate
				} else {
					kept = rate
				}
				rate = min(2*rate, math.Sqrt(max(kept, 0.5)*min(refused, 1e3)))
				time.Sleep(time.Minute) // to cool down, in virtual time: the bucket is full again
			}
		})
		return kept
	}
	for seed := range uint64(2) {
		n := naive(seed + 1)
		f := searched(t, planOf(t, seed+1, chatTask+poisson), api, true, capacity.Config{})
		got := f.search.Answer().Load.Value
		if n < 1.6*limit {
			t.Errorf("seed %d: naive steps of a minute end at %.2f/s; they should be fooled into about %.0f", seed, n, 2*limit)
		}
		if math.Abs(got-limit) > 0.05*limit {
			t.Errorf("seed %d: the search found %.3f/s; want %v", seed, got, limit)
		}
	}
}

// A search against what cannot be used says so, and costs nothing.
func TestFindUselessTargets(t *testing.T) {
	p := planOf(t, 1, chatTask+poisson+"budget: {usd: 1}\n")
	for _, c := range []struct {
		name  string
		api   sim.Config
		key   client.Key
		cause string
	}{
		{"wrong key", sim.Config{Keys: []string{"another"}}, "simulated", capacity.ByTarget},
		{"a spend cap", sim.Config{SpendCap: 1e-9}, "simulated", capacity.ByTarget},
		{"only errors", sim.Config{Faults: []sim.Fault{{Kind: sim.FaultStatus, Status: 500}}}, "simulated", capacity.ByTarget},
	} {
		var said []string
		f := finderIn(t, p, t.TempDir(), &said)
		onServer(t, c.api, true, func(t *testing.T, cc client.Config, _ *sim.Server) {
			cc.Key = c.key
			f.client = cc
			if err := f.run(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
		})
		a := f.search.Answer()
		if a.Stopped != c.cause || exitOf(a, f.search.Users) != exitFailed || !math.IsNaN(a.Load.Value) {
			t.Errorf("%s: stopped by %q, exit %d, load %v; want %q, %d and none", c.name, a.Stopped, exitOf(a, f.search.Users), a.Load.Value, c.cause, exitFailed)
		}
	}
}
