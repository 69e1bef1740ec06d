package metrics

import (
	"fmt"
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// machine is what the samples say of our own machine.
type machine struct {
	samples  int
	cpu      float64 // sum
	hotRun   int     // samples over hotCPU in a row, up to now
	hottest  int     // the longest such row
	memory   int64
	inFlight int // of the last sample
}

// reads is what the records say of how answers were read.
type reads struct {
	stamped, unstamped int // answers, by the kernel's clock and by ours
	merged             int // reads that brought several content events
}

func (d *reads) see(r *call.Result) {
	d.merged += r.Merged
	switch {
	case r.FirstByte == 0:
	case r.ReadLagMax > 0:
		d.stamped++
	default:
		d.unstamped++
	}
}

// clock names what stamped the arrivals; expected is for a run without answers.
func (d *reads) clock(expected string) string {
	switch {
	case d.stamped > 0 && d.unstamped > 0:
		return "mixed"
	case d.stamped > 0:
		return "kernel"
	case d.unstamped > 0:
		return "user"
	}
	return expected
}

// Bounds of the verdict on our own conduct. Source: docs/metrics.md.
const (
	leastBound = 10.0 // ms; a request later than the larger of this
	boundShare = 0.02 // and this share of the median service_ttft is late
	mostLate   = 0.01 // more late requests than this share
	leastLate  = 5    // and at least so many make a run not valid
	leastLeft  = 0.99 // as does leaving out more than the rest of this
	warnLag    = 0.10 // p99 lag as a share of the median ttft
	hotCPU     = 0.85 // share of our cores
	hotSamples = 5    // in a row, one a second
)

// AddSample adds the state of the run at one second, in order.
func (t *Table) AddSample(s Sample) {
	m := &t.machine
	m.samples++
	m.cpu += s.CPU
	m.memory = max(m.memory, s.Memory)
	m.inFlight = s.InFlight
	if m.hotRun++; s.CPU <= hotCPU {
		m.hotRun = 0
	}
	m.hottest = max(m.hottest, m.hotRun)
}

// generator returns the verdict on our own conduct.
func (t *Table) generator(m Meta, g Group) Generator {
	lags, readLags := t.lateness()
	out := Generator{
		Clock: t.reads.clock(m.Clock), CPU: Withheld(), PeakMemory: t.machine.memory, MergedReads: t.reads.merged,
		LagP99: lags.shown(0.99), ReadLagP99: readLags.shown(0.99),
		Reasons: []string{}, Warnings: []string{},
	}
	if t.machine.samples > 0 {
		out.CPU = Number(t.machine.cpu / float64(t.machine.samples))
	}
	median := t.median("service_ttft")
	bound := lateBound(median)
	out.reason(lateReason(lags, bound, "left later than planned",
		"run it from a faster or less busy machine, lower the rate or the number of users, or split the load over machines"))
	out.reason(lateReason(readLags, bound, "had answers that waited to be read",
		"lower the number of streams at once, or give the process more cores"))
	out.reason(t.leftOut(m))
	out.warn(lagWarning(lags, t.median("ttft")))
	out.warn(t.clockWarning(m))
	out.warn(t.cpuWarning(m))
	out.warn(budgetWarning(g.Requests))
	if g.Requests.Sent == 0 && t.endedOK > 0 {
		out.warn("nothing was measured: every request was of the warm-up or past the budget")
	}
	if m.SimInside {
		out.warn(t.simWarning(m))
	}
	out.Valid = len(out.Reasons) == 0
	return out
}

func (g *Generator) reason(s string) {
	if s != "" {
		g.Reasons = append(g.Reasons, s)
	}
}

func (g *Generator) warn(s string) {
	if s != "" {
		g.Warnings = append(g.Warnings, s)
	}
}

// lateness returns the lag and the read lag of the requests of phase main, in
// ms. A request without read lag (the user-space clock) has none.
func (t *Table) lateness() (lags, readLags values) {
	for i := range t.Len() {
		r := t.row(i)
		if r.phase != inMain || !r.last || r.started == 0 || !t.labels[r.label].class.Sent() {
			continue
		}
		lags = append(lags, ms(r.lag()))
		if r.readLag > 0 {
			readLags = append(readLags, ms(r.readLag))
		}
	}
	return sorted(lags), sorted(readLags)
}

// median returns the point median of a trend over the run in ms; NaN for none.
func (t *Table) median(name string) float64 {
	all := make([]int32, t.Len())
	for i := range all {
		all[i] = int32(i)
	}
	b := builder{Table: t}
	return b.values(trendsByName()[name], all).at(0.5)
}

// lateBound returns how late a request may be, in ms. Where the median is
// unknown or infinite there is nothing to compare with, and the floor holds.
func lateBound(median float64) float64 {
	if math.IsNaN(median) || math.IsInf(median, 0) {
		return leastBound
	}
	return max(leastBound, boundShare*median)
}

func lateReason(lags values, bound float64, what, advice string) string {
	late := 0
	for _, v := range lags {
		if v > bound {
			late++
		}
	}
	if late < leastLate || float64(late) <= mostLate*float64(len(lags)) {
		return ""
	}
	return fmt.Sprintf("%d of %d requests (%s) %s by more than %s, the latest by %s: %s",
		late, len(lags), percent(late, len(lags)), what, length(bound), length(lags[len(lags)-1]), advice)
}

// leftOut looks for arrivals that were due and neither left nor were dropped or
// refused. Of a run that was stopped only those up to the highest index seen were
// due, and those still running when it was killed have no record yet.
func (t *Table) leftOut(m Meta) string {
	if !m.OpenLoop || t.Len() == 0 {
		return ""
	}
	due, seen := m.Planned, t.seen()
	if m.Partial {
		due = max(t.highest+1-t.machine.inFlight, seen)
	}
	left := 0
	for i := range t.Len() {
		if r := t.row(i); r.last && t.labels[r.label].class.Sent() {
			left++
		}
	}
	free := due - (seen - left) // those that nothing kept from leaving
	if free <= 0 || float64(left) >= leastLeft*float64(free) {
		return ""
	}
	return fmt.Sprintf("%d of %d requests that were due never left (%s), although slots were free and nothing held them: "+
		"run it from a faster or less busy machine, or lower the rate", free-left, free, percent(free-left, free))
}

func lagWarning(lags values, medianTTFT float64) string {
	p99 := lags.at(0.99)
	if math.IsInf(medianTTFT, 0) || !(p99 > warnLag*medianTTFT) {
		return ""
	}
	return fmt.Sprintf("p99 of lag over %d requests is %s, more than 10 %% of the median ttft of %s: "+
		"the times on the user's clock contain our own lateness; look at service_ttft, or lower the load",
		len(lags), length(p99), length(medianTTFT))
}

// clockWarning is for runs that the kernel was to stamp and did not, or not all through.
func (t *Table) clockWarning(m Meta) string {
	d := t.reads
	if d.unstamped == 0 || d.stamped == 0 && m.ClockSteps == 0 && m.Clock != "kernel" {
		return ""
	}
	text := fmt.Sprintf("the arrivals of %d of %d answers are stamped by our own clock, which a busy machine delays, and have no read lag",
		d.unstamped, d.stamped+d.unstamped)
	if m.ClockSteps > 0 {
		text += fmt.Sprintf("; the machine's clock was set during the run (%d)", m.ClockSteps)
	}
	return text
}

func (t *Table) cpuWarning(m Meta) string {
	if t.machine.hottest < hotSamples {
		return ""
	}
	return fmt.Sprintf("the process used over 85 %% of its %d cores for %d s in a row: "+
		"latencies may contain our own waiting; give it more cores or lower the load", m.Cores, t.machine.hottest)
}

// budgetWarning says how much of the load the figures do not speak of.
func budgetWarning(r Requests) string {
	if r.OverBudget == 0 && r.BudgetTail == 0 {
		return ""
	}
	return fmt.Sprintf("the budget refused %d requests; from the first of them on the load was not the plan's: "+
		"%d requests sent after it are billed and left out of every figure", r.OverBudget, r.BudgetTail)
}

func (t *Table) simWarning(m Meta) string {
	const text = "the simulator ran in this process"
	if t.machine.samples == 0 {
		return text + " and its work cannot be told from ours: for measurements of this tool run tokenload sim apart"
	}
	mean := t.machine.cpu / float64(t.machine.samples)
	return fmt.Sprintf("%s: the %.0f %% of %d cores that were used are its work and ours together; "+
		"for measurements of this tool run tokenload sim apart", text, 100*mean, m.Cores)
}

// percent writes a share as people read it, with a decimal below ten.
func percent(part, whole int) string {
	p := 100 * float64(part) / float64(whole)
	if p < 10 {
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}

// length writes milliseconds as people read them.
func length(v float64) string {
	d := time.Duration(v * float64(time.Millisecond))
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
