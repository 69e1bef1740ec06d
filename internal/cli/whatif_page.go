package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tokenload/tokenload/internal/whatif"
)

// writeWhatif renders a what-if as text, md or json.
func writeWhatif(w io.Writer, format string, o outcome) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(o)
	}
	p := &tablePage{forecastPage: forecastPage{w: w}, md: format == "md"}
	p.whatif(o)
	return p.err
}

// tablePage writes tables for a terminal or as Markdown.
type tablePage struct {
	forecastPage
	md bool
}

func (p *tablePage) title(text string) {
	if p.md {
		p.line("\n### %s\n", text)
		return
	}
	p.line("\n  █ %s\n", strings.ToUpper(text))
}

// table writes rows under heads; the first column is on the left, all others on the right.
func (p *tablePage) table(heads []string, rows [][]string) {
	if p.md {
		p.line("| %s |\n|---%s|", strings.Join(heads, " | "), strings.Repeat("|---:", len(heads)-1))
		for _, r := range rows {
			p.line("| %s |", strings.Join(r, " | "))
		}
		return
	}
	width := make([]int, len(heads))
	for _, r := range append([][]string{heads}, rows...) {
		for i, c := range r {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	for _, r := range append([][]string{heads}, rows...) {
		line := "    " + r[0] + strings.Repeat(" ", width[0]-len([]rune(r[0])))
		for i, c := range r[1:] {
			line += "  " + strings.Repeat(" ", width[i+1]-len([]rune(c))) + c
		}
		p.line("%s", strings.TrimRight(line, " "))
	}
}

func (p *tablePage) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	if p.md {
		p.line("\n**%s**\n", title)
	} else {
		p.line("\n  %s", title)
	}
	for _, it := range items {
		if p.md {
			p.line("- %s", it)
		} else {
			p.wrapped("    ·", "     ", it)
		}
	}
}

// aside is a line below a table. In Markdown it needs an empty one before it, to be
// no row of the table, and no indent, to be no code.
func (p *tablePage) aside(format string, args ...any) {
	if p.md {
		p.line("\n"+format, args...)
		return
	}
	p.line("    "+format, args...)
}

// wrapped is a text in lines of 110 characters, the first behind a mark, the others
// behind as many spaces.
func (p *tablePage) wrapped(first, other, text string) {
	line := first
	for _, w := range strings.Fields(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > 110 {
			p.line("%s", line)
			line = other
		}
		line += " " + w
	}
	p.line("%s", line)
}

func (p *tablePage) whatif(o outcome) {
	saving, base := o.Saving()
	period := "of this run"
	if o.Monthly {
		period = "a month"
	}
	headline := fmt.Sprintf("the cheapest levers for each task save %s of %s %s (%s)", dollars(saving), dollars(base), period, percent(saving/max(base, 1e-12)))
	if saving <= 0 {
		headline = fmt.Sprintf("the levers as declared save nothing of %s %s", dollars(base), period)
	}
	if p.md {
		p.line("## What if: %s", headline)
	} else {
		p.line("WHAT IF  %s", headline)
	}
	if o.Partial {
		p.line("\n  the run is partial: its mix may not be the plan's")
	}
	p.levers(o)
	p.taskTable(o)
	p.returns(o)
	if hint := undeclared(o); hint != "" {
		p.text(hint)
	}
	p.list("measured", o.Measured)
	p.list("given", o.Given)
	p.list("assumed", o.Assumed)
}

// undeclared says how to declare what the user has said nothing of.
func undeclared(o outcome) string {
	base := o.Combinations[0]
	var flags []string
	for _, c := range []struct {
		set  whatif.Lever
		flag string
	}{{whatif.Batch, "what can wait with --batch"}, {whatif.Route, "what can move to another model with --route"}} {
		if o.Combinations[c.set].RunUSD == base.RunUSD {
			flags = append(flags, c.flag)
		}
	}
	if len(flags) == 0 {
		return ""
	}
	return "nothing is assumed to be movable: declare " + strings.Join(flags, ", ")
}

func (p *tablePage) levers(o outcome) {
	p.title("Levers")
	heads := []string{"", "this run", "saves"}
	if o.Monthly {
		heads = append(heads, "a month", "saves")
	}
	var rows [][]string
	base := o.Combinations[0]
	part := func(usd, of float64) string {
		if of == 0 {
			return "—"
		}
		return percent((of - usd) / of)
	}
	for _, c := range append(slices.Clone(o.Combinations), o.Cheapest) {
		row := []string{c.Name, dollars(c.RunUSD), part(c.RunUSD, base.RunUSD)}
		if o.Monthly {
			row = append(row, dollars(c.MonthUSD), part(c.MonthUSD, base.MonthUSD))
		}
		rows = append(rows, row)
	}
	p.table(heads, rows)
	p.title("Who earns the saving")
	rows = nil
	for _, s := range o.Shares {
		rows = append(rows, []string{s.Lever, dollars(s.Alone), dollars(s.Last), dollars(s.Shapley)})
	}
	p.table([]string{"", "alone", "as the last", "fair share"}, rows)
}

func (p *tablePage) taskTable(o outcome) {
	p.title("Tasks")
	var rows [][]string
	for _, t := range o.Tasks {
		hits, ttl := "—", t.TTL
		rate := t.HitRate
		if o.Monthly {
			rate = t.MonthHitRate
		}
		if t.BreakEven > 0 {
			hits = fmt.Sprintf("%s (pays from %s)", percent(rate), percent(t.BreakEven))
		}
		if ttl == "" {
			ttl = "none pays"
		}
		if t.Why != "" {
			ttl = "—"
		}
		relief := "—"
		if t.CountedCached < t.Counted && t.CountedCached > 0 {
			relief = fmt.Sprintf("%.1f×", t.Counted/t.CountedCached)
		}
		rows = append(rows, []string{t.Name, t.Model, count(t.Calls), count(t.Prefix), hits, ttl, relief, t.Best})
	}
	p.table([]string{"task", "model", "calls", "shared tokens", "cache hits", "ttl", "input limit", "cheapest"}, rows)
	for _, t := range o.Tasks {
		if t.Why != "" {
			p.aside("%s: %s", t.Name, t.Why)
		}
	}
}

func (p *tablePage) returns(o outcome) {
	if o.Returns == nil {
		return
	}
	p.title("Return")
	var rows [][]string
	for _, c := range []struct {
		name string
		whatif.Return
	}{{"low", o.Returns.Low}, {"expected", o.Returns.Expected}, {"high", o.Returns.High}} {
		rows = append(rows, []string{c.name, dollars(c.SavingUSD), dollars(c.NPV), orNever(c.PaybackMonths, "%.1f months"), orNever(c.DiscountedMonths, "%.0f months"),
			orNone(c.ROI), orNone(c.IRR)})
	}
	p.table([]string{"", "saves a month", "NPV", "payback", "discounted", "ROI", "IRR a month"}, rows)
	v := o.Investment
	p.aside("%s at the start, %s a month, over %d months at %s a year", dollars(v.Once), dollars(v.Monthly), v.Months, percent(v.Annual))
}

func orNever(f *float64, format string) string {
	if f == nil {
		return "never"
	}
	return fmt.Sprintf(format, *f)
}

func orNone(f *float64) string {
	if f == nil {
		return "—"
	}
	return percent(*f)
}
