package compare

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tokenload/tokenload/internal/stats"
)

// none stands for a figure that we do not stand behind.
const none = "—"

// figure shows a value of a row in its unit.
func (r *Row) figure(v float64) string {
	switch {
	case math.IsNaN(v):
		return none
	case math.IsInf(v, 0):
		return "∞"
	}
	switch r.kind {
	case timing:
		return millis(v)
	case speed:
		return digits(v) + "/s"
	case money:
		return dollars(v)
	case share:
		return strconv.FormatFloat(100*v, 'f', 2, 64) + "%"
	}
	return digits(v)
}

func millis(v float64) string {
	if math.Abs(v) >= 999.5 {
		return digits(v/1000) + "s"
	}
	return digits(v) + "ms"
}

// digits shows three digits, or all those before the point.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

func dollars(v float64) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	decimals := 4
	if v > 0 && v < 0.01 {
		decimals = min(2-int(math.Floor(math.Log10(v))), 12)
	}
	return sign + "$" + strconv.FormatFloat(v, 'f', decimals, 64)
}

// change shows how much NEW differs: in percent of BASE, of shares in points.
func (r *Row) change() string {
	if r.kind == share {
		return with(signed(100*r.Shift.Value, 2), " pt")
	}
	return with(signed(100*(r.Ratio.Value-1), 1), "%")
}

// with puts a unit after a figure, where there is one.
func with(figure, unit string) string {
	if figure == none {
		return none
	}
	return figure + unit
}

// interval shows the ends of the change.
func (r *Row) interval() string {
	if r.kind == share {
		return ends(r.Shift, func(v float64) string { return signed(100*v, 2) })
	}
	return ends(r.Ratio, func(v float64) string { return with(signed(100*(v-1), 1), "%") })
}

// shift shows by how much NEW is above BASE in the unit; of shares that is the change.
func (r *Row) shift() string {
	if r.kind == share {
		return ""
	}
	return r.plus(r.Shift.Value)
}

func (r *Row) plus(v float64) string {
	s := r.figure(v)
	if v > 0 {
		return "+" + s
	}
	return s
}

func (r *Row) tail(e stats.Estimate) string { return ends(e, r.plus) }

func ends(e stats.Estimate, show func(float64) string) string {
	if !e.Bounded() {
		return none
	}
	return show(e.Low) + " … " + show(e.High)
}

// signed shows a number with its sign; one that cannot be known as —.
func signed(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if zero := strings.Trim(s, "-0."); zero == "" {
		return strconv.FormatFloat(0, 'f', decimals, 64)
	}
	if v > 0 {
		return "+" + s
	}
	return s
}

func probability(p float64) string {
	switch {
	case math.IsNaN(p):
		return none
	case p < 0.001:
		return "<0.001"
	}
	return strconv.FormatFloat(p, 'f', 3, 64)
}

// effect shows Cliff's delta and what it is called.
func (r *Row) effect() string {
	if math.IsNaN(r.Delta) {
		return none
	}
	return signed(r.Delta, 2) + " " + stats.CliffLabel(r.Delta)
}

// Answer is the comparison in a sentence or two.
func (c *Comparison) Answer() string {
	switch c.Verdict {
	case Worse:
		return "NEW is worse: " + c.named(Worse)
	case Undecided:
		return "cannot decide: " + c.named(Undecided) + "\n" + c.advice()
	case Better:
		return "NEW is better: " + c.named(Better)
	case Changed:
		return "NEW is neither better nor worse, but it changed: " + c.named(Changed)
	case Same, Small:
		return "no difference that matters was seen"
	}
	return "cannot say: not every time could be judged, and nothing is worse in what could"
}

// named lists the metrics with a verdict and by how much they differ.
func (c *Comparison) named(v Verdict) string {
	var out []string
	said := map[string]bool{}
	add := func(prefix string, rows []Row) {
		for i := range rows {
			if r := &rows[i]; r.Verdict == v && !said[r.Metric] {
				out = append(out, prefix+r.Metric+" "+r.change())
			}
		}
	}
	add("", c.Overall)
	for _, r := range c.Overall {
		said[r.Metric] = r.Verdict == v // a task need not repeat it
	}
	for _, t := range c.Tasks {
		add(t.Name+" ", t.Rows)
	}
	return strings.Join(out, ", ")
}

// advice says what would decide the metrics that could not be decided.
func (c *Comparison) advice() string {
	most, beyond, hour := 0, false, false
	for _, r := range c.all() {
		if r.Verdict == Undecided && r.drifts() {
			most = max(most, r.Pairs)
			beyond = beyond || r.Pairs == 0
			hour = true
		}
	}
	if !hour {
		return "what failed came together, so one event may have made it all: run NEW again, and compare both runs"
	}
	s := fmt.Sprintf("the hour alone moves the times of a run by %s %% (one standard deviation), and ", percent(c.Drift))
	if c.Design == Blocks {
		s += "the runs of each side were made together"
	} else {
		s += "there is one run on each side"
	}
	switch {
	case most > 0 && !beyond:
		s += fmt.Sprintf(": make %d pairs of runs like these in turn (BASE, NEW, NEW, BASE, …) and compare them all", most)
	case most > 0:
		s += fmt.Sprintf(": %d pairs of runs like these, made in turn (BASE, NEW, NEW, BASE, …), would decide some of it; the rest takes longer runs", most)
	default:
		s += ": longer runs, made in turn, would tell more"
	}
	return s
}

func (c *Comparison) all() []*Row {
	out := pointers(c.Overall)
	for i := range c.Tasks {
		out = append(out, pointers(c.Tasks[i].Rows)...)
	}
	return out
}

// method says in a line what was done.
func (c *Comparison) method() string {
	s := fmt.Sprintf("%s; a change is significant at 5 %% over all metrics (Holm) and at least %s %%", c.Design, percent(c.MinChange))
	if c.Design == OneEach || c.Design == Blocks {
		s += fmt.Sprintf("; drift between runs taken as %s %%", percent(c.Drift))
	}
	return s
}

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e4)/100, 'f', -1, 64)
}

// sideNote says what a side is made of.
func sideNote(runs []Run) string {
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	return strings.Join(ids, ", ")
}
