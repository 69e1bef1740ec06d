package diagnose

import (
	"fmt"
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/stats"
)

// driftFinding tells of the largest change that was found.
func driftFinding(found, looked []moved, valid bool) Finding {
	m := found[0]
	for _, o := range found[1:] {
		if math.Abs(o.size().Value) > math.Abs(m.size().Value) {
			m = o
		}
	}
	f := Finding{
		ID: "drift", Severity: Medium, Title: m.title(), Effect: m.effect(),
		Rivals: []string{
			"the load: the plan holds it over this stretch",
			"the mix: each answer is held against the median of its task, model, prompt length, thinking and cache, and every kind comes in both halves",
			"the warm-up: it is left out",
		},
		Recommendations: []string{
			"Take no figure of this run for that of another hour: give the times before and after, or over the run, not one mean.",
			"Compare with another target or model only in turn, several runs of each (tokenload compare).",
		},
		Disproof: "the same plan and seed again, at once, changes as much at the same place of the run",
		Next:     "the same plan and seed again at once, then at another hour; and beside it one small request every ten seconds from another machine",
	}
	if m.size().Value < 0 {
		f.Severity = Low
		f.Recommendations = append(f.Recommendations, "If it is the beginning that is slow, give the plan a longer warm_up.")
	}
	for _, o := range looked {
		f.Evidence = append(f.Evidence, o.words())
	}
	rivals := 0
	if !m.matched {
		f.Rivals = append(f.Rivals, fmt.Sprintf("our own requests in flight: among answers of the same time, those that start in a larger crowd are no slower (%.1f standard errors)", m.slope))
	} else {
		f.Rivals = append(f.Rivals, fmt.Sprintf("our own requests in flight: they have a part in the times (%.1f standard errors), so that only answers that started in like crowds are compared", m.slope))
	}
	if !valid {
		rivals++
		f.Evidence = append(f.Evidence, "rival explanation: our own machine was late, and may have become so over the run")
	}
	k, n := m.agree()
	f.Weight, f.Remain = weakest(counted(k, n)), rivals
	return f
}

func (m moved) title() string {
	way := "slower"
	if m.size().Value < 0 {
		way = "faster"
	}
	if m.trend {
		return fmt.Sprintf("answers become %s while the load is held: %s by %s over %s", way, m.name, byPercent(m.total.Value), spanned(m.length()))
	}
	st := m.largest()
	return fmt.Sprintf("answers become %s at %s of the run, while the load is held: %s by %s", way, seconds(st.at), m.name, byPercent(st.size.Value))
}

func (m moved) effect() string {
	e, per, unit := m.size(), m.perHour, "an hour"
	out := fmt.Sprintf("%s %s (%.0f%% interval %s to %s)", m.name, byPercent(e.Value), 100*driftLevel, byPercent(e.Low), byPercent(e.High))
	if !m.trend {
		return out + " from one level to the next"
	}
	if m.length() < 30*time.Minute {
		per, unit = stats.Estimate{Value: per.Value / 60, Low: per.Low / 60, High: per.High / 60}, "a minute"
	}
	return out + fmt.Sprintf(" over %s; %s %s (%s to %s)", spanned(m.length()), byPercent(per.Value), unit, byPercent(per.Low), byPercent(per.High))
}

// words is what one series shows.
func (m moved) words() string {
	follows := fmt.Sprintf("follow the time with Spearman %.2f", m.rho)
	if math.IsNaN(m.rho) {
		follows = "are all the same"
	}
	out := fmt.Sprintf("%s over %s: medians of %d windows of %d answers, worth %.0f independent ones, %s",
		m.name, spanned(m.length()), len(m.level), m.each, m.worth, follows)
	for _, st := range m.steps {
		out += fmt.Sprintf("; at %s %s (Mann–Whitney, over all places, p %s)", seconds(st.at), byPercent(st.size.Value), tiny(st.p))
	}
	if !m.found() {
		out += "; no sure change of 20% or more"
	}
	return out
}

func (m moved) length() time.Duration {
	return m.answers[len(m.answers)-1].started - m.answers[0].started
}

// agree counts the windows that lie on the side of the middle on which the change puts them.
func (m moved) agree() (k, n int) {
	before, after := [2]int{0, len(m.level) / 2}, [2]int{len(m.level) / 2, len(m.level)}
	if !m.trend {
		before, after = m.largest().before, m.largest().after
	}
	middle := (stats.Median(m.level[before[0]:before[1]]) + stats.Median(m.level[after[0]:after[1]])) / 2
	up := m.size().Value > 0
	for i := before[0]; i < after[1]; i++ {
		n++
		if (m.level[i] > middle) == (up == (i >= after[0])) {
			k++
		}
	}
	return k, n
}

// byPercent is the logarithm of a factor as a percentage with its sign.
func byPercent(log float64) string { return fmt.Sprintf("%+.0f%%", 100*math.Expm1(log)) }

// spanned is a length of time to about three digits.
func spanned(d time.Duration) string {
	switch {
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	case d >= 3*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

func tiny(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}
