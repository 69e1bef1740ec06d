package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

const nameWidth = 22 // of a dotted name

// totals are the figures of the whole run, by group.
func (t *textPage) totals(rep *Report) {
	t.title("TOTAL RESULTS")
	t.requests(rep)
	t.dists("LATENCY", latencies(rep.Latency), ms)
	t.dists("TOKENS/S", speeds(rep.Group), figure)
	t.tokens(rep)
	t.cost(rep)
	t.coldWarm(rep)
	t.limits(rep)
	t.checks(rep)
	t.errors(rep)
	t.generator(rep)
}

// row writes "name...: value   remark".
func (t *textPage) row(name, value, remark string) {
	const valueWidth = 10
	t.line(span{plain, "    " + dotted(name, nameWidth) + " " + left(t.seen(value), valueWidth)}, span{dim, " " + remark})
}

func (t *textPage) heading(s string) { t.line(span{bold, "    " + s}) }

func (t *textPage) requests(rep *Report) {
	r := rep.Requests
	t.heading("REQUESTS")
	t.row("sent", thousands(int64(r.Sent)), t.seen(perSecond(rep.Rates.RequestsPerS))+" ended")
	t.row("ok", thousands(int64(r.OK)), share(ratio(r.OK, r.Sent)))
	t.row("failed", thousands(int64(r.Failed)), strings.TrimSpace(share(ratio(r.Failed, r.Sent))+"  "+failedClasses(rep.Classes)))
	t.row("rate_limited", share(rep.Rates.RateLimited), "of "+counted(r.Attempts, "attempt"))
	for _, c := range []struct {
		name, remark string
		n            int
	}{
		{"overloaded", "answered 529", r.Overloaded},
		{"canceled", "stopped by us while they ran", r.Canceled},
		{"dropped", "due, but no slot was free or they were held too long", r.Dropped},
		{"over_budget", "their worst case did not fit the budget", r.OverBudget},
		{"budget_tail", "sent after the first refusal: billed, in no figure", r.BudgetTail},
		{"unsent", "the run ended before them", r.Unsent},
	} {
		if c.n > 0 {
			t.row(c.name, thousands(int64(c.n)), c.remark)
		}
	}
	if rep.Rates.Goodput.Known() {
		t.row("goodput", perSecond(rep.Rates.Goodput), "ended ok within the slo")
	}
	if rep.Run.OnLimit != "" && rep.Run.OnLimit != "measure" {
		t.row("on_limit", rep.Run.OnLimit, "")
	}
}

// failedClasses counts the attempts that went wrong, by class.
func failedClasses(classes map[string]int) string {
	var parts []string
	for _, c := range call.Classes() {
		n := classes[string(c)]
		if n == 0 || c == call.OK || c == call.Canceled || !c.Sent() {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s", c, thousands(int64(n))))
	}
	return strings.Join(parts, ", ")
}

// dists writes a table of distributions.
func (t *textPage) dists(title string, rows []timing, show func(metrics.Number) string) {
	if len(rows) == 0 {
		return
	}
	t.line()
	head := left(title, nameWidth+1)
	for _, h := range []string{"avg", "min", "med", "p(90)", "p(95)", "p(99)", "max", "n"} {
		head += right(h, 9)
	}
	t.line(span{bold, "    " + head})
	for _, r := range rows {
		d := r.dist
		cells := ""
		for _, n := range []metrics.Number{d.Mean, d.Min, d.P50, d.P90, d.P95, d.P99, d.Max} {
			if d.Count == 0 {
				n = metrics.Withheld()
			}
			cells += right(t.seen(show(n)), 9)
		}
		t.line(span{plain, "    " + dotted(r.name, nameWidth) + cells}, span{dim, right(thousands(int64(d.Count)), 9)})
	}
}

func (t *textPage) tokens(rep *Report) {
	k := rep.Tokens
	t.line()
	t.heading("TOKENS")
	t.row("input", thousands(k.Input), "mean prompt "+t.seen(figure(k.MeanPrompt)))
	for _, c := range []struct {
		name string
		n    int64
	}{{"cache_write_5m", k.CacheWrite5m}, {"cache_write_1h", k.CacheWrite1h}} {
		if c.n > 0 {
			t.row(c.name, thousands(c.n), "")
		}
	}
	if k.CacheRead > 0 {
		t.row("cache_read", thousands(k.CacheRead), "cache_hit "+share(rep.Rates.CacheHit))
	}
	t.row("output", thousands(k.Output), "mean "+t.seen(figure(k.MeanOutput))+", "+t.seen(figure(rep.Rates.OutputTokensPerS))+" tokens/s overall")
	if k.Thinking > 0 {
		t.row("thinking", thousands(k.Thinking), "part of output")
	}
	if s := stopReasons(rep.StopReasons); s != "" {
		t.line(span{plain, "    " + dotted("stop_reason", nameWidth) + " " + s})
	}
}

func stopReasons(reasons map[string]int) string {
	var parts []string
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		parts = append(parts, fmt.Sprintf("%s %s", r, thousands(int64(reasons[r]))))
	}
	return strings.Join(parts, ", ")
}

func (t *textPage) cost(rep *Report) {
	c := rep.Cost
	t.line()
	t.heading("COST")
	remark := ""
	if c.BudgetUSD != nil {
		remark = fmt.Sprintf("%s of the budget of %s", share(c.Utilization), price(*c.BudgetUSD))
	}
	if rep.Run.PricesAsOf != "" {
		remark = strings.TrimSpace(remark + "  prices of " + rep.Run.PricesAsOf)
	}
	t.row("cost", c.USD.String(), remark)
	t.row("per_1k_requests", c.Per1kRequests.String(), "")
	t.row("burn_rate", burn(c), "an hour, if it goes on as it did")
	if amount, words := saving(c); amount != "" {
		t.row("cache_savings", amount, words)
	}
	if c.UncertainUSD > 0 {
		t.row("uncertain", c.UncertainUSD.String(), "an upper bound, part of the cost above")
	}
	if c.RemainingUSD != nil {
		t.row("remaining", price(*c.RemainingUSD), "of the budget")
	}
	for _, p := range payersOf(rep) {
		t.payers(p, rep)
	}
}

// payers writes who the bill is made of.
func (t *textPage) payers(by payers, rep *Report) {
	t.line(span{bold, "    " + left("COST BY "+strings.ToUpper(by.tag), nameWidth+1) + right("cost", 12) + right("share", 10) + right("per 1k", 12) +
		right("uncertain", 12) + right("cache saves", 13)})
	for _, p := range by.all {
		saves := withheld
		if p.CacheSavings != 0 {
			saves = p.CacheSavings.String()
		}
		t.line(span{plain, "    " + left(clip(printable(p.name), nameWidth), nameWidth+1) + right(p.USD.String(), 12) + right(p.part(rep), 10) +
			right(p.Per1kRequests.String(), 12) + right(p.UncertainUSD.String(), 12) + right(saves, 13)})
	}
}

func (t *textPage) limits(rep *Report) {
	for _, c := range rep.Limits {
		if len(limitsOf(c)) == 0 {
			continue // all that is known are 429s that name no limit; a finding tells of them
		}
		t.line()
		t.line(span{bold, "    " + left("LIMITS "+clip(printable(c.Class), 15), nameWidth+1) +
			right("a minute", 12) + right("lowest left", 14) + right("peak use", 10) + right("429s", 7)})
		for _, l := range limitsOf(c) {
			binding := ""
			if l.name == c.Binding {
				binding = "  binds first"
			}
			t.line(span{plain, "    " + dotted(l.name, nameWidth) + right(t.seen(whole(l.Limit)), 12) + right(t.seen(whole(l.MinRemaining)), 14) +
				right(t.seen(share(l.PeakUtilization)), 10) + right(thousands(int64(l.RateLimited)), 7)}, span{yellow, binding})
		}
	}
}

func (t *textPage) checks(rep *Report) {
	if len(rep.Checks) == 0 {
		return
	}
	t.line()
	t.heading("CHECKS")
	width := 0
	for _, c := range rep.Checks {
		width = max(width, utf8.RuneCountInString(clip(printable(c.Name), 50)))
	}
	for _, c := range rep.Checks {
		mark, s := "✓", green
		switch {
		case c.Fails > 0:
			mark, s = "✗", red
		case c.Passes == 0:
			mark, s = "·", plain
		}
		t.line(span{plain, "    "}, span{s, mark}, span{plain, " " + left(clip(printable(c.Name), 50), width) + "  " +
			right(t.seen(share(ratio(c.Passes, c.Passes+c.Fails))), 7)},
			span{dim, fmt.Sprintf("  %s of %s", thousands(int64(c.Passes)), thousands(int64(c.Passes+c.Fails)))})
	}
}

func (t *textPage) errors(rep *Report) {
	if len(rep.Errors) == 0 {
		return
	}
	t.line()
	t.heading("ERRORS")
	for _, e := range rep.Errors {
		t.line(span{plain, "    " + right(thousands(int64(e.Count)), 7) + "  " + left(string(e.Class), 14) + "  "},
			span{dim, clip(printable(e.Message), 72)})
	}
}

func (t *textPage) generator(rep *Report) {
	g := rep.Generator
	t.line()
	t.heading("GENERATOR")
	valid := "yes"
	if !g.Valid {
		valid = "no"
	}
	t.row("valid", valid, "clock "+g.Clock)
	lag, which := g.LagP99, "p99"
	if special(lag) == withheld {
		lag, which = rep.Latency.Lag.Max, "at most"
	}
	t.row("lag", ms(lag), which+": how late we were ourselves")
	if read := rep.Latency.ReadLag; read.Count > 0 {
		lag, which := g.ReadLagP99, "p99"
		if special(lag) == withheld {
			lag, which = read.Max, "at most"
		}
		t.row("read_lag", ms(lag), which+": how long what had arrived waited for us")
	}
	if g.MergedReads > 0 {
		t.row("merged_reads", thousands(int64(g.MergedReads)), "brought several content events at once")
	}
	if c := rep.Connections; c.NewShare.Known() {
		t.row("new_connections", thousands(int64(c.New)), connectionWords(rep))
	}
	if g.CPU.Known() {
		t.row("cpu", share(g.CPU), "of our cores, mean; memory at most "+bytesize(g.PeakMemory))
	}
	for _, w := range g.Warnings {
		t.paragraph("    ! ", w)
	}
}

// connectionWords says what connections cost: by how many attempts, in ttft, and in waiting for one.
func connectionWords(rep *Report) string {
	words := share(rep.Connections.NewShare) + " of attempts"
	if h := rep.Connections.HandshakeShare; h.Known() {
		words += ", handshakes " + share(h) + " of ttft"
	}
	return words + ", wait ≤ " + ms(rep.Latency.ConnWait.Max)
}

// groupColumns are the columns of the tables by task, model and stage.
var groupColumns = [...]struct {
	head  string
	width int
	cell  func(metrics.Group) string
}{
	{"sent", 7, func(g metrics.Group) string { return thousands(int64(g.Requests.Sent)) }},
	{"ok", 8, func(g metrics.Group) string { return share(g.Rates.Success) }},
	{"429s", 7, func(g metrics.Group) string { return share(g.Rates.RateLimited) }},
	{"ttft med", 9, func(g metrics.Group) string { return ms(g.Latency.TTFT.P50) }},
	{"p(95)", 8, func(g metrics.Group) string { return ms(g.Latency.TTFT.P95) }},
	{"e2e med", 8, func(g metrics.Group) string { return ms(g.Latency.E2E.P50) }},
	{"p(95)", 8, func(g metrics.Group) string { return ms(g.Latency.E2E.P95) }},
	{"output", 7, func(g metrics.Group) string { return figure(g.Tokens.MeanOutput) }},
	{"cost", 10, func(g metrics.Group) string { return g.Cost.USD.String() }},
}

// groups writes one line for each task, model or stage.
func (t *textPage) groups(title string, names []string, groups map[string]metrics.Group) {
	if len(names) == 0 {
		return
	}
	t.line()
	head := left("BY "+title, nameWidth)
	for _, c := range groupColumns {
		head += right(c.head, c.width)
	}
	t.line(span{bold, "    " + head})
	for _, name := range names {
		cells := left(clip(printable(cmp.Or(name, "(none)")), nameWidth), nameWidth)
		for _, c := range groupColumns {
			cells += right(t.seen(c.cell(groups[name])), c.width)
		}
		t.line(span{plain, "    " + cells})
	}
}
