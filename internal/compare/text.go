package compare

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Text writes the comparison for a terminal.
func Text(w io.Writer, c *Comparison) error {
	var b strings.Builder
	fmt.Fprintf(&b, "  BASE  %s\n  NEW   %s\n\n", sideNote(c.Base), sideNote(c.New))
	for i, line := range strings.Split(c.Answer(), "\n") {
		lead := "  → "
		if i > 0 {
			lead = "    "
		}
		wrap(&b, lead, line)
	}
	b.WriteString("\n")
	textTable(&b, "metric", c.Overall)
	var quiet []string
	for _, t := range c.Tasks {
		if rows := telling(t.Rows); len(rows) > 0 {
			textTable(&b, t.Name, rows)
		} else {
			quiet = append(quiet, fmt.Sprintf("%s (%s)", t.Name, worst(t.Rows)))
		}
	}
	if len(quiet) > 0 {
		wrap(&b, "  nothing more in tasks: ", strings.Join(quiet, ", "))
		b.WriteString("\n")
	}
	textTails(&b, c.Overall)
	for _, line := range c.reasons() {
		wrap(&b, "  · ", line)
	}
	for _, line := range c.Warnings {
		wrap(&b, "  ! ", line)
	}
	wrap(&b, "  ", c.method())
	_, err := io.WriteString(w, b.String())
	return err
}

// reasons are what the verdicts rest on, those that say the same together.
func (c *Comparison) reasons() []string {
	var order []string
	of := map[string][]string{}
	add := func(prefix string, rows []Row) {
		for _, r := range rows {
			if r.Why == "" {
				continue
			}
			key := string(r.Verdict) + ": " + r.Why
			if of[key] == nil {
				order = append(order, key)
			}
			of[key] = append(of[key], prefix+r.Metric)
		}
	}
	add("", c.Overall)
	out := make([]string, len(order))
	for i, key := range order {
		out[i] = strings.Join(of[key], ", ") + ": " + key
	}
	return out
}

// telling are the rows with something to tell.
func telling(rows []Row) []Row {
	var out []Row
	for _, r := range rows {
		if r.Verdict != Same && r.Verdict != NotJudged {
			out = append(out, r)
		}
	}
	return out
}

func textTable(b *strings.Builder, of string, rows []Row) {
	cells := [][]string{{of, "BASE", "NEW", "shift", "change", "95 % interval", "p", "delta", "verdict"}}
	for i := range rows {
		r := &rows[i]
		cells = append(cells, []string{r.Metric, r.figure(r.Base.Median), r.figure(r.New.Median), r.shift(), r.change(), r.interval(),
			probability(r.Adjusted), r.effect(), string(r.Verdict)})
	}
	table(b, cells, 2)
}

// shown reports whether pages show the high percentiles of the metric: what a
// user feels. The JSON has them all.
func (r *Row) shown() bool { return r.Metric == "ttft" || r.Metric == "e2e" }

func textTails(b *strings.Builder, rows []Row) {
	cells := [][]string{{"percentile", "BASE", "NEW", "difference", "95 % interval"}}
	for i := range rows {
		r := &rows[i]
		for _, t := range r.Tails {
			if !r.shown() {
				continue
			}
			cells = append(cells, []string{fmt.Sprintf("%s p(%s)", r.Metric, percent(t.Q)), r.figure(t.Base), r.figure(t.New), r.plus(t.Difference.Value), r.tail(t.Difference)})
		}
	}
	if len(cells) > 1 {
		table(b, cells, 0)
	}
}

// table sets cells in columns: the first and, from the end, so many to the left.
func table(b *strings.Builder, cells [][]string, left int) {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range cells {
		var line strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i == 0 || i >= len(row)-left {
				line.WriteString("  " + c + pad)
			} else {
				line.WriteString("  " + pad + c)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	b.WriteString("\n")
}

// wide is the width of the lines of text.
const wide = 110

// wrap writes words in lines; those after the first are set in under the first.
func wrap(b *strings.Builder, lead, words string) {
	line, indent := lead, strings.Repeat(" ", utf8.RuneCountInString(lead))
	bare := true
	for _, w := range strings.Fields(words) {
		if !bare && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > wide {
			b.WriteString(line + "\n")
			line, bare = indent, true
		}
		if !bare {
			line += " "
		}
		line += w
		bare = false
	}
	b.WriteString(line + "\n")
}
