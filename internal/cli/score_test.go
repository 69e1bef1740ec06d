package cli

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/tokenload/tokenload/internal/diagnose"
)

// diagnosed is what was found in one run whose faults are known.
type diagnosed struct {
	scenario labelled
	seed     int
	findings []diagnose.Finding
}

func (d diagnosed) ids() (ids []string) {
	for _, f := range d.findings {
		ids = append(ids, f.ID)
	}
	return ids
}

// right reports whether what is there was found: of a healthy run that nothing
// was; of a fault that it is the top finding; of several that the first of them
// is the top finding and the others come after it in their order.
func (d diagnosed) right() bool {
	must, _ := d.scenario.faults()
	ids := d.ids()
	if len(must) == 0 {
		return len(ids) == 0
	}
	if len(ids) == 0 || ids[0] != must[0] {
		return false
	}
	for _, id := range must {
		i := slices.Index(ids, id)
		if i < 0 {
			return false
		}
		ids = ids[i+1:]
	}
	return true
}

// wrong are the ids that were found and are not there.
func (d diagnosed) wrong() (ids []string) {
	must, may := d.scenario.faults()
	for _, id := range d.ids() {
		if !slices.Contains(must, id) && !slices.Contains(may, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// tally counts how often an id was there, how often it was found then, and how
// often it was found at all.
type tally struct{ there, hit, found int }

// claim is a finding with the confidence it was told with.
type claim struct {
	weight     float64
	remain     int // rivals
	confidence float64
	right      bool
}

// score is how well a set of runs was diagnosed.
type score struct {
	faulty, right, alone int // runs with a fault; told right; and with nothing wrong beside
	healthy, cleared     int // runs without; with no finding
	ids                  map[string]tally
}

func scoreOf(all []diagnosed) score {
	s := score{ids: map[string]tally{}}
	for _, d := range all {
		must, may := d.scenario.faults()
		wrong := d.wrong()
		switch {
		case len(must) == 0:
			s.healthy++
			if d.right() {
				s.cleared++
			}
		default:
			s.faulty++
			if d.right() {
				s.right++
				if len(wrong) == 0 {
					s.alone++
				}
			}
		}
		for _, id := range must {
			n := s.ids[id]
			n.there++
			if slices.Contains(d.ids(), id) {
				n.hit++
			}
			s.ids[id] = n
		}
		for _, f := range d.findings {
			if !slices.Contains(may, f.ID) {
				n := s.ids[f.ID]
				n.found++
				s.ids[f.ID] = n
			}
		}
	}
	return s
}

// claims are all the findings of some runs.
type claims []claim

func claimsOf(all []diagnosed) (out claims) {
	for _, d := range all {
		wrong := d.wrong()
		for _, f := range d.findings {
			out = append(out, claim{f.Weight, f.Remain, f.Confidence, !slices.Contains(wrong, f.ID)})
		}
	}
	return out
}

// brier is the mean squared error of the confidences: 0 is best, and 0.25 is
// what saying 50 % every time would reach.
func (s claims) brier() float64 {
	sum := 0.0
	for _, c := range s {
		sum += (c.confidence - c.outcome()) * (c.confidence - c.outcome())
	}
	return sum / float64(len(s))
}

func (c claim) outcome() float64 {
	if c.right {
		return 1
	}
	return 0
}

// bias is the mean confidence less the share that was right.
func (s claims) bias() float64 {
	sum := 0.0
	for _, c := range s {
		sum += c.confidence - c.outcome()
	}
	return sum / float64(len(s))
}

// bins are the lower ends of the reliability table's rows.
var bins = [...]float64{0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98}

// reliability holds the confidences against the share that was right, and those of
// findings that left a rival for themselves.
func (s claims) reliability() (lines []string) {
	bin := make([]claims, len(bins))
	for _, c := range s.withoutRivals() {
		i, _ := slices.BinarySearch(bins[:], c.confidence+1e-9)
		bin[i-1] = append(bin[i-1], c)
	}
	for i, in := range bin {
		high := 1.0
		if i+1 < len(bins) {
			high = bins[i+1]
		}
		lines = append(lines, fmt.Sprintf("confidence %.2f to %.2f: %s", bins[i], high, in.words()))
	}
	rivals := slices.DeleteFunc(slices.Clone(s), func(c claim) bool { return c.remain == 0 })
	return append(lines, "with rivals that remain: "+rivals.words())
}

func (s claims) withoutRivals() claims {
	return slices.DeleteFunc(slices.Clone(s), func(c claim) bool { return c.remain > 0 })
}

func (s claims) words() string {
	if len(s) == 0 {
		return "none"
	}
	right, sum := 0.0, 0.0
	for _, c := range s {
		right, sum = right+c.outcome(), sum+c.confidence
	}
	return fmt.Sprintf("%d findings, mean confidence %.3f, right %.3f", len(s), sum/float64(len(s)), right/float64(len(s)))
}

// moved is by how much a confidence would change at most under another offset and
// slope.
func (s claims) moved(offset, slope float64) (most float64) {
	for _, c := range s {
		most = max(most, math.Abs(min(0.99, 1/(1+math.Exp(-(offset+slope*c.weight))))-c.confidence))
	}
	return most
}

// fit finds the offset and the slope under which the weights of the findings are
// most likely to come out as they did: a logistic regression, by
// Newton's method.
func (s claims) fit() (offset, slope float64) {
	for range 50 {
		var g0, g1, h00, h01, h11 float64
		for _, c := range s {
			p := 1 / (1 + math.Exp(-(offset + slope*c.weight)))
			d, v := c.outcome()-p, p*(1-p)
			g0, g1 = g0+d, g1+d*c.weight
			h00, h01, h11 = h00+v, h01+v*c.weight, h11+v*c.weight*c.weight
		}
		det := h00*h11 - h01*h01
		offset += (h11*g0 - h01*g1) / det
		slope += (h00*g1 - h01*g0) / det
	}
	return offset, slope
}

// recall lists by id how many of those that were there were found, and how many
// of those that were found were there.
func (s score) recall() (lines []string) {
	for _, id := range slices.Sorted(maps.Keys(s.ids)) {
		n := s.ids[id]
		lines = append(lines, fmt.Sprintf("%-20s there in %4d, found in %4d of them, wrongly in %d others", id, n.there, n.hit, n.found-n.hit))
	}
	return lines
}

// accuracyRow prints a row of the table of bench/accuracy.sh, and fails the test
// where the goal is missed.
func accuracyRow(t *testing.T, ok bool, what, goal, reached, n string) {
	t.Helper()
	verdict := "ok"
	if !ok {
		verdict = "MISSED"
		t.Errorf("%s: %s of %s; want %s", what, reached, n, goal)
	}
	t.Logf("accuracy | %s | %s | %s | %s | %s", what, goal, reached, n, verdict)
}

func share(k, n int) float64 { return float64(k) / float64(max(n, 1)) }

func percents(k, n int) string { return fmt.Sprintf("%.1f %%", 100*share(k, n)) }
