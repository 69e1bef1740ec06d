package compare

import (
	"fmt"
	"io"
	"strings"
)

// Markdown writes the comparison for a comment on a pull request: the answer,
// the rows that changed, and the rest folded away.
func Markdown(w io.Writer, c *Comparison) error {
	var b strings.Builder
	first, more, _ := strings.Cut(c.Answer(), "\n")
	fmt.Fprintf(&b, "### %s tokenload: %s\n\n", mark(c.Verdict), escape(first))
	if more != "" {
		fmt.Fprintf(&b, "%s\n\n", escape(more))
	}
	markdownTable(&b, c.Overall)
	for _, line := range c.Warnings {
		fmt.Fprintf(&b, "> ⚠️ %s\n>\n", escape(line))
	}
	if len(c.Warnings) > 0 {
		b.WriteString("\n")
	}
	for _, t := range c.Tasks {
		fmt.Fprintf(&b, "<details><summary>task %s: %s</summary>\n\n", escape(t.Name), worst(t.Rows))
		markdownTable(&b, t.Rows)
		b.WriteString("</details>\n\n")
	}
	b.WriteString("<details><summary>high percentiles, reasons and method</summary>\n\n")
	markdownTails(&b, c.Overall)
	for _, line := range c.reasons() {
		fmt.Fprintf(&b, "- %s\n", escape(line))
	}
	fmt.Fprintf(&b, "- %s\n- BASE: %s\n- NEW: %s\n\n</details>\n", escape(c.method()), escape(sideNote(c.Base)), escape(sideNote(c.New)))
	_, err := io.WriteString(w, b.String())
	return err
}

func mark(v Verdict) string {
	switch v {
	case Worse:
		return "❌"
	case Better, Small, Same:
		return "✅"
	}
	return "❔"
}

// worst is the verdict of a task: that of its worst row, and where a time could
// not be judged, nothing better than that.
func worst(rows []Row) Verdict {
	out := NotJudged
	for _, r := range rows {
		if r.Verdict == NotJudged && r.kind == timing && rank(out) > rank(Undecided) {
			return NotJudged
		}
		if rank(r.Verdict) < rank(out) {
			out = r.Verdict
		}
	}
	return out
}

func markdownTable(b *strings.Builder, rows []Row) {
	b.WriteString("| metric | BASE | NEW | shift | change | 95 % interval | p | Cliff's delta | verdict |\n|---|---:|---:|---:|---:|---:|---:|---|---|\n")
	for i := range rows {
		r := &rows[i]
		verdict := string(r.Verdict)
		if r.Verdict == Worse || r.Verdict == Better || r.Verdict == Undecided {
			verdict = "**" + verdict + "**"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.Metric, r.figure(r.Base.Median), r.figure(r.New.Median),
			r.shift(), r.change(), r.interval(), escape(probability(r.Adjusted)), r.effect(), verdict)
	}
	b.WriteString("\n")
}

func markdownTails(b *strings.Builder, rows []Row) {
	head := "| percentile | BASE | NEW | difference | 95 % interval |\n|---|---:|---:|---:|---:|\n"
	for i := range rows {
		r := &rows[i]
		for _, t := range r.Tails {
			if !r.shown() {
				continue
			}
			b.WriteString(head)
			head = ""
			fmt.Fprintf(b, "| `%s` p(%s) | %s | %s | %s | %s |\n", r.Metric, percent(t.Q), r.figure(t.Base), r.figure(t.New), r.plus(t.Difference.Value), r.tail(t.Difference))
		}
	}
	if head == "" {
		b.WriteString("\n")
	}
}

// escape keeps names of runs and tasks from being read as Markdown or HTML.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "\n", " ").Replace(s)
}
