package cli

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
)

var full = flag.Bool("full", false, "measure the accuracy on all the seeds, not on a few of them")

// How often a diagnosis is right, on simulated runs in virtual time whose faults
// are known: those that the thresholds were set on, and those held out. -full
// asks 20 seeds of each scenario, and whether confidence is worth what it says.
func TestAccuracyDiagnosis(t *testing.T) {
	for _, set := range []struct {
		name             string
		scenarios, edges []labelled
	}{{"tuned", tuned(), tunedEdges()}, {"held out", heldOut(), heldOutEdges()}} {
		seeds := 1
		if *full {
			seeds = 20
		}
		all := diagnoseAll(t, set.name, set.scenarios, seeds)
		s := scoreOf(all)
		for _, d := range all {
			if wrong := d.wrong(); !d.right() || len(wrong) > 0 {
				t.Logf("%s, %s, seed %d: found %v; want %q", set.name, d.scenario.name, d.seed, d.words(), d.scenario.want)
			}
		}
		what := "diagnosis, " + set.name + ": "
		if !*full { // of few runs, a miss or two
			if share(s.right, s.faulty) < 0.9 || s.healthy-s.cleared > 1 {
				t.Errorf("%s%d of %d faults told right, %d of %d healthy runs accused", what, s.right, s.faulty, s.healthy-s.cleared, s.healthy)
			}
			continue
		}
		accuracyRow(t, share(s.right, s.faulty) >= 0.95, what+"top finding right", "≥ 95 %", percents(s.right, s.faulty), fmt.Sprintf("%d runs", s.faulty))
		accuracyRow(t, share(s.healthy-s.cleared, s.healthy) <= 0.02, what+"false findings on healthy runs", "≤ 2 %", percents(s.healthy-s.cleared, s.healthy), fmt.Sprintf("%d runs", s.healthy))
		t.Logf("detail | %snothing wrong beside: %s of %d runs", what, percents(s.alone, s.faulty), s.faulty)
		for _, line := range s.recall() {
			t.Logf("detail | %s%s", what, line)
		}
		calibration(t, what, all, diagnoseAll(t, set.name+" edges", set.edges, seeds/2), set.name == "tuned")
	}
}

// calibration holds the confidences of a set, and of its edges, against how often
// the findings were right. On the fitted set the constants are held against the fit.
func calibration(t *testing.T, what string, all, edges []diagnosed, fitted bool) {
	every := claimsOf(slices.Concat(all, edges))
	alone, near := every.withoutRivals(), claimsOf(edges).withoutRivals() // what rivals take off is a rule, no fit
	accuracyRow(t, every.brier() <= 0.05, what+"Brier score of confidence", "≤ 0.05", fmt.Sprintf("%.4f", every.brier()), fmt.Sprintf("%d findings", len(every)))
	accuracyRow(t, math.Abs(alone.bias()) <= 0.03, what+"mean confidence less share right", "within 3 points", fmt.Sprintf("%+.1f", 100*alone.bias()), fmt.Sprintf("%d findings", len(alone)))
	accuracyRow(t, math.Abs(near.bias()) <= 0.10, what+"the same, of faults near their bound", "within 10 points", fmt.Sprintf("%+.1f", 100*near.bias()), fmt.Sprintf("%d findings", len(near)))
	for _, line := range every.reliability() {
		t.Logf("detail | %s%s", what, line)
	}
	offset, slope := alone.fit()
	moved := alone.moved(offset, slope)
	t.Logf("detail | %sfitted on these: offset %.2f, slope %.2f; confidences would change by up to %.2f", what, offset, slope, moved)
	if fitted && moved > 0.06 {
		t.Errorf("%sthe constants of internal/diagnose/confidence.go are not the fitted ones: offset %.2f, slope %.2f", what, offset, slope)
	}
}

// diagnoseAll runs every scenario with so many seeds.
func diagnoseAll(t *testing.T, set string, scenarios []labelled, seeds int) (all []diagnosed) {
	var mu sync.Mutex
	t.Run(set, func(t *testing.T) {
		for _, s := range scenarios {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				for seed := 1; seed <= seeds; seed++ {
					t.Run(fmt.Sprint(seed), func(t *testing.T) { // its files go when it ends
						d := diagnosed{s, seed, s.diagnose(t, seed)}
						mu.Lock()
						defer mu.Unlock()
						all = append(all, d)
					})
				}
			})
		}
	})
	slices.SortFunc(all, func(a, b diagnosed) int {
		return cmp.Or(cmp.Compare(a.scenario.name, b.scenario.name), cmp.Compare(a.seed, b.seed))
	})
	return all
}

func (d diagnosed) words() (out []string) {
	for _, f := range d.findings {
		out = append(out, fmt.Sprintf("%s %.2f", f.ID, f.Confidence))
	}
	return out
}
