package report

import (
	"slices"
)

func (p *mdPage) cost(rep *Report) {
	c := rep.Cost
	p.line("")
	p.line("### Cost")
	p.head("", "cost", "share", "per 1k requests", "uncertain")
	p.row("all", c.USD.String(), "", c.Per1kRequests.String(), c.UncertainUSD.String())
	for _, by := range payersOf(rep) {
		for _, who := range by.all {
			p.row(by.tag+" "+md(who.name), who.USD.String(), who.part(rep), who.Per1kRequests.String(), who.UncertainUSD.String())
		}
	}
	p.line("")
	if c.BudgetUSD != nil {
		p.line("- %s of the budget of %s; %s remain.", share(c.Utilization), price(*c.BudgetUSD), price(*c.RemainingUSD))
	}
	p.line("- %s an hour, if it goes on as it did; prices of %s.", burn(c), md(rep.Run.PricesAsOf))
	if amount, words := saving(c); amount != "" {
		p.line("- %s %s.", amount, words)
	}
}

func (p *mdPage) limits(rep *Report) {
	if len(rep.Limits) == 0 {
		return
	}
	p.line("")
	p.line("### Limits")
	p.head("", "a minute", "lowest left", "peak use", "429s")
	for _, c := range rep.Limits {
		for _, l := range limitsOf(c) {
			name := c.Class + " " + l.name
			if l.name == c.Binding {
				name += " (binds first)"
			}
			p.row(md(name), whole(l.Limit), whole(l.MinRemaining), share(l.PeakUtilization), thousands(int64(l.RateLimited)))
		}
	}
}

func (p *mdPage) checks(rep *Report) {
	if len(rep.Checks) == 0 {
		return
	}
	p.line("")
	p.line("### Checks")
	p.head("", "passed", "of")
	for _, c := range rep.Checks {
		p.row(md(c.Name), thousands(int64(c.Passes)), thousands(int64(c.Passes+c.Fails)))
	}
}

func (p *mdPage) errors(rep *Report) {
	if len(rep.Errors) == 0 {
		return
	}
	p.line("")
	p.line("### Errors")
	p.head("", "attempts", "words")
	for _, e := range rep.Errors {
		p.row(md(string(e.Class)), thousands(int64(e.Count)), md(clip(e.Message, 200)))
	}
}

func (p *mdPage) footnotes(rep *Report) {
	g := rep.Generator
	p.line("")
	p.line("- Our own lag p99 %s, clock %s.", ms(g.LagP99), md(g.Clock))
	if c := rep.Connections; c.NewShare.Known() {
		p.line("- New connections: %s, %s.", thousands(int64(c.New)), connectionWords(rep))
	}
	for _, w := range g.Warnings {
		p.line("- %s", md(w))
	}
	if slices.Contains(p.cells, withheld) {
		p.line("- — too few values to stand behind (p50 needs 6, p90 36, p95 72, p99 368), or none.")
	}
	if slices.Contains(p.cells, infinite) {
		p.line("- ∞ requests that timed out or stalled count as endlessly slow.")
	}
	for _, n := range rep.Notes {
		p.line("- %s", md(n))
	}
	p.line("- Tokens: %s input, %s cache write, %s cache read, %s output, of which %s thinking.", thousands(rep.Tokens.Input),
		thousands(rep.Tokens.CacheWrite5m+rep.Tokens.CacheWrite1h), thousands(rep.Tokens.CacheRead), thousands(rep.Tokens.Output), thousands(rep.Tokens.Thinking))
}
