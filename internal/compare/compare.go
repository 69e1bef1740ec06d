// Package compare says whether one run is worse than another, with confidence,
// or that it cannot be told. The records of runs come in, differences go out:
// for each metric the shift, the ratio with its interval, a rank test, and a
// verdict, for all requests and for each task that both sides have.
//
// Requests of one run share the hour in which they were made. So several runs
// on a side are compared as runs, by their medians, never pooled; and where one
// run stands against one, a difference that the drift between two runs could
// make is not called a change, however many requests show it.
//
// A change needs significance (after Holm's correction for all the metrics that
// are tested) and a size that matters. The package reads no file and no clock.
package compare

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/metrics"
)

// PublishedDrift is the assumed spread (standard deviation of the logarithm of a
// median) between runs of the same thing at different hours: published timings
// of Claude have 6.5 % to 11 %.
const PublishedDrift = 0.11

// Run is a run, as far as a comparison needs it.
type Run struct {
	ID      string
	Started time.Time
	Length  time.Duration // from the first due time to the last end; 0 is not known
	Plan    string        // the SHA-256 of its bytes
	Changes []string      // overrides of the plan
	Tool    string
	Target  string // "sim" is the simulator inside the tool, which does not drift
	Seed    uint64
	Models  []string
	Valid   bool // the generator kept up; else no time of it can be trusted
	Partial bool // killed or stopped early
	Headers bool // its answers had rate-limit headers
	Table   *metrics.Table
}

// Config says what counts as a change. The zero value is the default.
type Config struct {
	// MinChange is the least relative change that matters. 0 is 5 %; below 0 is none.
	MinChange float64
	// Drift is the assumed spread between runs. 0 is PublishedDrift, or none
	// where every run was on the simulator inside; below 0 is none.
	Drift float64
}

// Verdict is what is said of a difference.
type Verdict string

// The verdicts, in the order in which they decide over the whole.
const (
	Worse     Verdict = "worse"
	Undecided Verdict = "cannot decide" // the hour could have made the difference
	Better    Verdict = "better"
	Changed   Verdict = "changed" // where neither way is better
	Small     Verdict = "too small to matter"
	Same      Verdict = "no difference seen"
	NotJudged Verdict = "not judged" // the data cannot say
)

const (
	level        = 0.95
	shareMatters = 0.01 // the least change of a share that matters: a percentage point
)

// Comparison is what two sides differ in.
type Comparison struct {
	Base, New []Run
	Design    Design
	MinChange float64
	Drift     float64
	Overall   []Row
	Tasks     []Task // those of both sides; none where there is only one
	Verdict   Verdict
	Warnings  []string
}

// Task is the comparison of one task.
type Task struct {
	Name string
	Rows []Row
}

// Of compares the runs of two sides. An error means that there is nothing to
// compare: a side without a run, or a run without a request.
func Of(base, newer []Run, c Config) (*Comparison, error) {
	if err := errors.Join(empty("BASE", base), empty("NEW", newer)); err != nil {
		return nil, err
	}
	base, newer = byStart(base), byStart(newer)
	out := &Comparison{Base: base, New: newer, MinChange: c.MinChange, Drift: c.Drift, Warnings: warnings(base, newer)}
	if c.MinChange == 0 {
		out.MinChange = 0.05
	}
	if c.Drift == 0 && !simulated(base, newer) {
		out.Drift = PublishedDrift
	}
	out.MinChange, out.Drift = max(out.MinChange, 0), max(out.Drift, 0)
	out.Design = designOf(base, newer)
	j := judge{base: base, newer: newer, design: out.Design, least: out.MinChange, drift: out.Drift}
	out.Overall = j.rows(nil)
	for _, name := range commonTasks(base, newer) {
		out.Tasks = append(out.Tasks, Task{name, j.rows(map[string]string{"task": name})})
	}
	out.adjust(j)
	return out, nil
}

// adjust corrects the p-values for how many there are, overall and over the
// tasks apart, and gives the verdicts.
func (c *Comparison) adjust(j judge) {
	families := [][]*Row{pointers(c.Overall)}
	if len(c.Tasks) > 0 {
		var all []*Row
		for i := range c.Tasks {
			all = append(all, pointers(c.Tasks[i].Rows)...)
		}
		families = append(families, all)
	}
	c.Verdict = Same
	whole := true // every time was judged
	for _, rows := range families {
		tests := holm(rows, len(families))
		for _, r := range rows {
			j.decide(r, tests)
			whole = whole && !(r.Verdict == NotJudged && r.kind == timing)
			if rank(r.Verdict) < rank(c.Verdict) {
				c.Verdict = r.Verdict
			}
		}
	}
	if !whole && c.Verdict != Worse && c.Verdict != Undecided {
		c.Verdict = NotJudged // what is not known may be worse
	}
	c.noteLength()
}

// noteLength says where a difference in time or cost may be one in length.
func (c *Comparison) noteLength() {
	var length, time string
	for _, r := range c.Overall {
		switch {
		case r.Metric == "output_tokens" && r.Verdict == Changed:
			length = r.change()
		case (r.Metric == "e2e" || r.Metric == "cost") && (r.Verdict == Worse || r.Verdict == Better || r.Verdict == Undecided):
			time = r.Metric
		}
	}
	if length != "" && time != "" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("answers have %s output tokens: e2e and cost hold that, ttft and tpot do not", length))
	}
}

func pointers(rows []Row) []*Row {
	out := make([]*Row, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

// rank orders the verdicts of rows for that of the whole.
func rank(v Verdict) int {
	return slices.Index([]Verdict{Worse, Undecided, Better, Changed, Small, Same, NotJudged}, v)
}

func empty(side string, runs []Run) error {
	if len(runs) == 0 {
		return fmt.Errorf("compare: %s has no run", side)
	}
	for _, r := range runs {
		if len(r.Table.Values("failed", nil)) == 0 {
			return fmt.Errorf("compare: %s run %q sent no request in its main phase: there is nothing to compare", side, r.ID)
		}
	}
	return nil
}

func byStart(runs []Run) []Run {
	out := slices.Clone(runs)
	slices.SortStableFunc(out, func(a, b Run) int { return a.Started.Compare(b.Started) })
	return out
}

func simulated(base, newer []Run) bool {
	return !slices.ContainsFunc(slices.Concat(base, newer), func(r Run) bool { return r.Target != "sim" })
}

// commonTasks are the tasks that every run has, where there is more than one in any.
func commonTasks(base, newer []Run) []string {
	runs := slices.Concat(base, newer)
	count, most := map[string]int{}, 0
	for _, r := range runs {
		names := r.Table.Tasks()
		most = max(most, len(names))
		for _, n := range names {
			count[n]++
		}
	}
	var out []string
	for _, n := range runs[0].Table.Tasks() {
		if count[n] == len(runs) && most > 1 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}
