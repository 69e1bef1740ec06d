package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/metrics"
)

// writeText renders for a terminal of 100 columns: the verdict, five figures
// and the thresholds first, then all figures by group, then the bottlenecks.
func writeText(w io.Writer, rep *Report, color bool) error {
	t := &textPage{page: page{color: color}}
	t.verdict(rep)
	t.headline(rep)
	t.thresholds(rep)
	t.totals(rep)
	t.groups("TASK", byName(rep.Tasks), rep.Tasks)
	t.groups("MODEL", byName(rep.Models), rep.Models)
	t.groups("STAGE", byPlan(rep.Run.Stages, rep.Stages), rep.Stages)
	t.findings(rep)
	t.footnotes(rep)
	_, err := w.Write(t.Bytes())
	return err
}

// textPage remembers which signs need a footnote.
type textPage struct {
	page
	withheld, infinite, lowN bool
}

// seen notes which special signs a cell shows.
func (t *textPage) seen(cell string) string {
	switch cell {
	case withheld:
		t.withheld = true
	case infinite:
		t.infinite = true
	}
	return cell
}

func (t *textPage) title(s string) {
	t.line()
	t.line(span{bold, "  █ " + s})
	t.line()
}

func (t *textPage) verdict(rep *Report) {
	v := verdictOf(rep)
	if rep.Generator.Valid {
		t.say(v.style, v.word, v.text)
	} else {
		t.say(red, "NOT VALID", "do not trust these figures: the load was not the plan's")
		for _, r := range rep.Generator.Reasons {
			t.paragraph("           ", r)
		}
		if rep.Run.Outcome != Invalid {
			t.say(v.style, v.word, v.text)
		}
	}
	if rep.Run.Partial && rep.Run.Outcome != Interrupted {
		t.say(yellow, "PARTIAL", "the load was not carried out to its end")
	}
	for _, w := range rep.Run.Warnings {
		t.say(yellow, "WARNING", w)
	}
}

// say writes a word in colour and a sentence beside it.
func (t *textPage) say(s style, word, text string) {
	for i, l := range wrap(printable(text), 98-len(word)) {
		if i > 0 {
			word = strings.Repeat(" ", len(word))
		}
		t.line(span{s, word}, span{bold, "  " + l})
	}
}

// headline is the answer in ten seconds.
func (t *textPage) headline(rep *Report) {
	cost := rep.Cost.USD.String()
	if b := rep.Cost.BudgetUSD; b != nil {
		cost += " of " + price(*b)
	}
	ttftLabel, ttft := foremost("ttft", rep.Latency.TTFT)
	e2eLabel, e2e := foremost("e2e", rep.Latency.E2E)
	tiles := [][2]string{{ttftLabel, ttft}, {e2eLabel, e2e}, {"success", share(rep.Rates.Success)},
		{"429s", share(rep.Rates.RateLimited)}, {"cost", cost}}
	var names, values strings.Builder
	for _, tile := range tiles {
		width := max(utf8.RuneCountInString(tile[0]), 12) + 2
		names.WriteString(left(tile[0], width))
		values.WriteString(left(t.seen(tile[1]), width))
	}
	t.line()
	t.line(span{dim, "  " + names.String()})
	t.line(span{bold, "  " + values.String()})
	t.line()
	facts := slices.DeleteFunc([]string{rep.Run.where(), strings.Join(rep.Run.Models, ", "), rep.Run.Load,
		fmt.Sprintf("%.1f s", rep.Run.DurationS), fmt.Sprintf("seed %d", rep.Run.Seed)}, func(s string) bool { return s == "" })
	for _, l := range wrap(printable(strings.Join(facts, " · ")), 98) {
		t.line(span{dim, "  " + l})
	}
	if len(rep.Findings) > 0 {
		f := rep.Findings[0]
		t.line()
		t.paragraph("  → ", f.ID+": "+f.Title)
	}
}

// foremost is the figure of a metric that stands for it: p95 where there are
// enough values, else the median, else the highest.
func foremost(name string, d metrics.Dist) (label, value string) {
	for _, c := range []struct {
		label string
		n     metrics.Number
	}{{"p95", d.P95}, {"med", d.P50}, {"max", d.Max}} {
		if v := ms(c.n); v != withheld {
			return name + " " + c.label, v
		}
	}
	return name + " p95", withheld
}

func (t *textPage) thresholds(rep *Report) {
	if len(rep.Thresholds) == 0 {
		return
	}
	t.title("THRESHOLDS")
	metric, expr := 0, 0
	for _, th := range rep.Thresholds {
		metric = max(metric, utf8.RuneCountInString(printable(th.Metric)))
		expr = max(expr, utf8.RuneCountInString(printable(th.Expression))+2)
	}
	for _, th := range rep.Thresholds {
		mark, s := "✗", red
		if th.Passed() {
			mark, s = "✓", green
		}
		value := string(th.Verdict)
		if th.Value.Known() || special(th.Value) == infinite {
			value = aggregateOf(th) + "=" + valueOf(th)
		}
		if strings.HasSuffix(value, infinite) {
			t.infinite = true
		}
		if th.LowN {
			t.lowN = true
			value += fmt.Sprintf("  n=%d*", th.N)
		}
		t.line(span{plain, "    "}, span{s, mark}, span{plain, " " + left(printable(th.Metric), metric) + "  " +
			left("'"+printable(th.Expression)+"'", expr) + "  "}, span{s, value})
	}
}

func (t *textPage) findings(rep *Report) {
	t.title("BOTTLENECKS")
	if len(rep.Findings) == 0 {
		t.line(span{plain, "    " + noFinding(rep)})
		return
	}
	for i, f := range rep.Findings {
		if i > 0 {
			t.line()
		}
		s := yellow
		if f.Severity == diagnose.High {
			s = red
		}
		t.line(span{plain, "    "}, span{s, "[" + strings.ToUpper(string(f.Severity)) + "]"}, span{bold, " " + f.ID},
			span{dim, fmt.Sprintf("  confidence %.0f%%", f.Confidence*100)})
		t.paragraph("      ", f.Title)
		for _, e := range f.Evidence {
			t.paragraph("      · ", e)
		}
		for _, r := range f.Recommendations {
			t.paragraph("      → ", r)
		}
	}
}

func (t *textPage) footnotes(rep *Report) {
	var notes []string
	if t.withheld {
		notes = append(notes, "— too few values to stand behind (p50 needs 6, p90 36, p95 72, p99 368), or none")
	}
	if t.infinite {
		notes = append(notes, "∞ requests that timed out or stalled count as endlessly slow")
	}
	if t.lowN {
		notes = append(notes, "* judged on fewer values than that percentile needs to be sure of")
	}
	notes = append(notes, rep.Notes...)
	if len(notes) == 0 {
		return
	}
	t.line()
	for _, n := range notes {
		t.paragraph("  ", n)
	}
}
