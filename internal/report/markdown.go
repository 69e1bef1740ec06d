package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/tokenload/tokenload/internal/metrics"
)

// writeMarkdown renders for a CI job's summary or a comment on a pull request.
func writeMarkdown(w io.Writer, rep *Report) error {
	p := &mdPage{}
	p.verdict(rep)
	p.headline(rep)
	p.thresholds(rep)
	p.findings(rep)
	p.groups("By task", byName(rep.Tasks), rep.Tasks)
	p.coldWarm(rep)
	p.details(rep)
	_, err := w.Write(p.Bytes())
	return err
}

type mdPage struct {
	bytes.Buffer
	cells []string // everything shown, for the footnotes
}

func (p *mdPage) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// row writes a table row of cells that are Markdown already.
func (p *mdPage) row(cells ...string) {
	p.cells = append(p.cells, cells...)
	p.line("| %s |", strings.Join(cells, " | "))
}

// head writes a table's header; all columns but the first are on the right.
func (p *mdPage) head(cells ...string) {
	p.line("")
	p.line("| %s |", strings.Join(cells, " | "))
	p.line("|---%s|", strings.Repeat("|---:", len(cells)-1))
}

// md neutralises text for a paragraph or a table cell: markup, HTML, cell
// borders and line ends lose their meaning, control characters become escapes.
func md(s string) string {
	return mdEscaper.Replace(printable(strings.Join(strings.Fields(s), " ")))
}

var mdEscaper = strings.NewReplacer("\\", "\\\\", "|", "\\|", "`", "\\`", "*", "\\*", "_", "\\_", "~", "\\~", "[", "\\[", "]", "\\]",
	"#", "\\#", "!", "\\!", "&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@\u200b")

func (p *mdPage) verdict(rep *Report) {
	v := verdictOf(rep)
	sign := map[style]string{green: "✅", yellow: "⚠️", red: "❌"}
	if !rep.Generator.Valid {
		p.line("## ⚠️ NOT VALID: do not trust these figures")
		p.line("")
		for _, r := range rep.Generator.Reasons {
			p.line("- %s", md(r))
		}
		p.line("")
		if rep.Run.Outcome != Invalid {
			p.line("**%s** %s", v.word, md(v.text))
		}
	} else {
		p.line("## %s %s %s", sign[v.style], v.word, md(v.text))
	}
	if rep.Run.Partial && rep.Run.Outcome != Interrupted {
		p.line("")
		p.line("**PARTIAL**: the load was not carried out to its end.")
	}
	for _, w := range rep.Run.Warnings {
		p.line("")
		p.line("**WARNING**: %s", md(w))
	}
}

func (p *mdPage) headline(rep *Report) {
	cost := rep.Cost.USD.String()
	if b := rep.Cost.BudgetUSD; b != nil {
		cost += " of " + price(*b)
	}
	ttftLabel, ttft := foremost("ttft", rep.Latency.TTFT)
	e2eLabel, e2e := foremost("e2e", rep.Latency.E2E)
	p.head(ttftLabel, e2eLabel, "requests", "success", "429s", "tokens/s out", "cost")
	p.row(ttft, e2e, thousands(int64(rep.Requests.Sent)), share(rep.Rates.Success), share(rep.Rates.RateLimited),
		figure(rep.Rates.OutputTokensPerS), cost)
	p.line("")
	p.line("<sub>%s · %s · %s · %.1f s · seed %d · run %s</sub>", md(rep.Run.where()), md(strings.Join(rep.Run.Models, ", ")),
		md(rep.Run.Load), rep.Run.DurationS, rep.Run.Seed, md(rep.Run.ID))
}

func (p *mdPage) thresholds(rep *Report) {
	if len(rep.Thresholds) == 0 {
		return
	}
	p.line("")
	p.line("### Thresholds")
	p.head("metric", "wanted", "seen", "")
	for _, t := range rep.Thresholds {
		mark, seen := "❌", "no data"
		if t.Passed() {
			mark = "✅"
		}
		if t.Value.Known() || special(t.Value) == infinite {
			seen = valueOf(t)
		}
		if t.LowN {
			seen += fmt.Sprintf(" (only %d values)", t.N)
		}
		p.row(md(t.Metric), md(t.Expression), seen, mark)
	}
}

func (p *mdPage) findings(rep *Report) {
	p.line("")
	p.line("### Bottlenecks")
	if len(rep.Findings) == 0 {
		p.line("")
		p.line("%s", noFinding(rep))
	}
	for _, f := range rep.Findings {
		p.line("")
		p.line("**[%s] %s** %s (confidence %.0f%%)", strings.ToUpper(string(f.Severity)), md(f.ID), md(f.Title), f.Confidence*100)
		p.line("")
		for _, e := range f.Evidence {
			p.line("- %s", md(e))
		}
		for _, r := range f.Recommendations {
			p.line("- → %s", md(r))
		}
	}
}

func (p *mdPage) groups(title string, names []string, groups map[string]metrics.Group) {
	if len(names) == 0 {
		return
	}
	p.line("")
	p.line("### %s", title)
	p.head("", "sent", "ok", "429s", "ttft p50", "ttft p95", "e2e p50", "e2e p95", "tokens in", "tokens out", "cost")
	for _, name := range names {
		g := groups[name]
		p.row(md(cmp.Or(name, "(none)")), thousands(int64(g.Requests.Sent)), share(g.Rates.Success), share(g.Rates.RateLimited),
			ms(g.Latency.TTFT.P50), ms(g.Latency.TTFT.P95), ms(g.Latency.E2E.P50), ms(g.Latency.E2E.P95),
			thousands(g.Tokens.Input+g.Tokens.CacheRead+g.Tokens.CacheWrite5m+g.Tokens.CacheWrite1h), thousands(g.Tokens.Output), g.Cost.USD.String())
	}
}

// details holds what only some readers want, folded away.
func (p *mdPage) details(rep *Report) {
	p.line("")
	p.line("<details><summary>All figures</summary>")
	p.groups("By model", byName(rep.Models), rep.Models)
	p.groups("By stage", byPlan(rep.Run.Stages, rep.Stages), rep.Stages)
	p.line("")
	p.line("### Latency")
	p.head("", "avg", "min", "p50", "p90", "p95", "p99", "max", "n")
	for _, t := range latencies(rep.Latency) {
		p.dist(t, ms)
	}
	for _, t := range speeds(rep.Group) {
		p.dist(timing{t.name + ", tokens/s", t.dist}, figure)
	}
	p.cost(rep)
	p.limits(rep)
	p.checks(rep)
	p.errors(rep)
	p.footnotes(rep)
	p.line("")
	p.line("</details>")
}

func (p *mdPage) dist(t timing, show func(metrics.Number) string) {
	d := t.dist
	p.row(md(t.name), show(d.Mean), show(d.Min), show(d.P50), show(d.P90), show(d.P95), show(d.P99), show(d.Max), thousands(int64(d.Count)))
}
