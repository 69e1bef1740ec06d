package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/estimate"
	"github.com/tokenload/tokenload/internal/plan"
)

// forecastPage writes a forecast for people. It keeps the first error of writing.
type forecastPage struct {
	w   io.Writer
	err error
}

func (p *forecastPage) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); p.err == nil {
		p.err = err
	}
}

// totals shows what the whole plan comes to.
func (p *forecastPage) totals(pl *plan.Plan, f forecast) {
	p.line("\n  %-22s %14s %14s", "estimate", "expected", "at most")
	row := func(name, expected, most, remark string) {
		p.line("    %-20s %14s %14s  %s", name, expected, most, remark)
	}
	most := ""
	if end := pl.Load.End; end > 0 {
		most = shortTime(end + pl.GracefulStop)
	}
	row("duration", shortTime(f.Duration), most, "")
	row("requests", count(f.Sent), "", fmt.Sprintf("at most %s at once", count(f.PeakInFlight)))
	for _, c := range []struct {
		name, remark string
		n            int
	}{
		{"retries", "attempts beyond the first", f.Attempts - f.Sent},
		{"rate_limited", "end in a 429", f.RateLimited},
		{"dropped", "due, but no slot is free or they are held too long", f.Dropped},
		{"over_budget", "their worst case does not fit the budget", f.OverBudget},
		{"canceled", "still run when the graceful stop is over", f.Canceled},
		{"rejected", "the API refuses them as invalid", f.Rejected},
	} {
		if c.n > 0 {
			row(c.name, count(c.n), "", c.remark)
		}
	}
	u := f.Usage
	row("input_tokens", count(u.Input), "", "")
	if n := u.CacheWrite5m + u.CacheWrite1h; n > 0 {
		row("cache_write_tokens", count(n), "", "")
	}
	if u.CacheRead > 0 {
		row("cache_read_tokens", count(u.CacheRead), "", "")
	}
	row("output_tokens", count(u.Output), "", "")
	budget := "no budget"
	if pl.Budget.Given {
		budget = fmt.Sprintf("the budget is %v", pl.Budget.Guard.Budget)
	}
	worst := f.WorstCase.String()
	if f.WorstCase == math.MaxInt64 {
		worst = "no bound"
	}
	row("cost", f.Cost.String(), worst, budget)
	if f.Exhausted > 0 {
		p.line("    ! the budget stops the run after %s: the next request may cost %v, %v is left", shortTime(f.Exhausted), f.Wanted, f.Left)
	}
}

// tasks shows each task's part.
func (p *forecastPage) tasks(f forecast) {
	p.line("\n  %-22s %10s %14s %14s %12s", "by task", "requests", "mean prompt", "mean output", "cost")
	for _, t := range f.Tasks {
		n := float64(max(t.OK, 1))
		p.line("    %-20.20s %10s %14.1f %14.1f %12s", t.Name, count(t.Sent), float64(t.Usage.Prompt())/n, float64(t.Usage.Output)/n, t.Cost)
	}
}

// limits shows the load on each limit.
func (p *forecastPage) limits(f forecast) {
	for _, c := range f.Classes {
		p.line("\n  %-22s %14s %12s %9s %10s %7s", "limits "+c.Name, "offered/min", "limit/min", "share", "first 429", "429s")
		for _, o := range c.Offers {
			limit, share, first, refused := "—", "—", "—", "—"
			if o.Limit > 0 {
				limit, share, refused = count(o.Limit), percent(o.Share()), count(o.Refused)
			}
			if o.First429 > 0 {
				first = shortTime(o.First429)
			}
			p.line("    %-20s %14s %12s %9s %10s %7s%s", o.Kind, count(int64(math.Round(o.PerMinute))), limit, share, first, refused, noteOn(o, c.Binding))
		}
	}
	if f.limits == "" {
		p.line("    no limits to hold it against: give --tier or --limits")
	} else {
		p.line("    limits %s", f.limits)
	}
}

// noteOn says what the columns of a limit do not.
func noteOn(o estimate.Offer, binding call.LimitKind) string {
	note := ""
	if met := o.First429 > 0 || o.FirstHeld > 0; o.Kind == binding && (met || o.Empties > 0) {
		note = "  binds first"
	}
	switch {
	case o.FirstHeld > 0:
		note += "  holds from " + shortTime(o.FirstHeld)
	case o.Empties > 0 && o.First429 == 0:
		note += "  over its limit: empty after " + shortTime(o.Empties) + " of this"
	}
	return note
}

// daily is a load carried on for a day against an allowance of tokens.
type daily struct {
	Limit     int64   `json:"limit"`
	Tokens    int64   `json:"tokens"` // a day, at the load's mean rate
	Share     float64 `json:"share"`
	ReachedAt float64 `json:"reached_after_s"` // 0: within a day it is not
}

func dailyOf(e estimate.Estimate, limit int64) daily {
	perSecond := float64(e.Usage.Prompt()+e.Usage.Output) / max(e.Duration.Seconds(), 1)
	d := daily{Limit: limit, Tokens: int64(perSecond * 86_400)}
	d.Share = float64(d.Tokens) / float64(limit)
	if d.Share >= 1 {
		d.ReachedAt = float64(limit) / perSecond
	}
	return d
}

func (p *forecastPage) daily(f forecast, limit int64) {
	if limit == 0 {
		return
	}
	d := dailyOf(f.Estimate, limit)
	p.line("\n  %-22s %14s %12s %9s", "tokens a day", "offered/day", "limit/day", "share")
	note := ""
	if d.ReachedAt > 0 {
		note = "  used up after " + shortTime(time.Duration(d.ReachedAt*float64(time.Second)))
	}
	p.line("    %-20s %14s %12s %9s%s", "input and output", count(d.Tokens), count(limit), percent(d.Share), note)
}

// remarks shows what would help and what the figures rest on.
func (p *forecastPage) remarks(f forecast) {
	if len(f.advice) > 0 {
		p.line("")
	}
	for _, a := range f.advice {
		p.line("  → %s", a)
	}
	p.line("")
	for _, a := range f.assumed {
		p.line("  · %s", a)
	}
}

// writeForecastJSON writes a forecast for programs; docs/format/check.md describes it.
func writeForecastJSON(w io.Writer, l loaded, f forecast, tokensPerDay int64) error {
	type offer struct {
		Total      float64  `json:"total"`
		PerMinute  float64  `json:"offered_per_minute"`
		Limit      *int64   `json:"limit"`
		Share      *float64 `json:"share"`
		Refused    int      `json:"rate_limited"`
		First429S  *float64 `json:"first_429_s"`
		FirstHeldS *float64 `json:"first_held_s"`
		EmptyAfter *float64 `json:"empty_after_s"`
	}
	type class struct {
		Class        string         `json:"class"`
		Models       []string       `json:"models"`
		Requests     offer          `json:"requests"`
		InputTokens  offer          `json:"input_tokens"`
		OutputTokens offer          `json:"output_tokens"`
		Tokens       *offer         `json:"tokens"` // null without a limit on both together
		Binding      call.LimitKind `json:"binding"`
	}
	type task struct {
		Requests int        `json:"requests"`
		Model    string     `json:"model"`
		Tokens   call.Usage `json:"tokens"`
		CostUSD  call.USD   `json:"cost_usd"`
	}
	out := struct {
		Version     int             `json:"version"`
		Name        string          `json:"name"`
		Target      string          `json:"target"`
		Requests    map[string]int  `json:"requests"`
		Tokens      call.Usage      `json:"tokens"`
		CostUSD     call.USD        `json:"cost_usd"`
		WorstUSD    call.USD        `json:"worst_case_usd"`
		BudgetUSD   *call.USD       `json:"budget_usd"`
		DurationS   float64         `json:"duration_s"`
		ExhaustedS  *float64        `json:"budget_exhausted_s"`
		Tasks       map[string]task `json:"tasks"`
		LimitsFrom  string          `json:"limits_from"`
		Limits      []class         `json:"limits"`
		PerDay      *daily          `json:"tokens_per_day"`
		Advice      []string        `json:"advice"`
		Assumptions []string        `json:"assumptions"`
		Whole       bool            `json:"whole"`
	}{
		Version: 1, Name: l.plan.Name, Target: l.target.name(), Tokens: f.Usage, CostUSD: f.Cost, WorstUSD: f.WorstCase,
		Requests: map[string]int{"sent": f.Sent, "attempts": f.Attempts, "ok": f.OK, "rate_limited": f.RateLimited, "dropped": f.Dropped,
			"over_budget": f.OverBudget, "canceled": f.Canceled, "rejected": f.Rejected, "peak_in_flight": f.PeakInFlight},
		DurationS: f.Duration.Seconds(), ExhaustedS: secondsOrNull(f.Exhausted), Tasks: map[string]task{}, LimitsFrom: f.limits,
		Limits: []class{}, Advice: append([]string{}, f.advice...), Assumptions: append([]string{}, f.assumed...), Whole: f.Whole,
	}
	if l.plan.Budget.Given {
		out.BudgetUSD = &l.plan.Budget.Guard.Budget
	}
	for _, t := range f.Tasks {
		out.Tasks[t.Name] = task{t.Sent, t.Model, t.Usage, t.Cost}
	}
	for _, c := range f.Classes {
		row := class{Class: c.Name, Models: c.Models, Binding: c.Binding}
		all := []*offer{&row.Requests, &row.InputTokens, &row.OutputTokens}
		if len(c.Offers) > len(all) {
			row.Tokens = new(offer)
			all = append(all, row.Tokens)
		}
		for i, to := range all {
			o := c.Offers[i]
			*to = offer{Total: o.Total, PerMinute: o.PerMinute, Refused: o.Refused,
				First429S: secondsOrNull(o.First429), FirstHeldS: secondsOrNull(o.FirstHeld), EmptyAfter: secondsOrNull(o.Empties)}
			if share := o.Share(); o.Limit > 0 {
				to.Limit, to.Share = &o.Limit, &share
			}
		}
		out.Limits = append(out.Limits, row)
	}
	if tokensPerDay > 0 {
		d := dailyOf(f.Estimate, tokensPerDay)
		out.PerDay = &d
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func secondsOrNull(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	s := d.Seconds()
	return &s
}

// count shows a whole number with commas.
func count[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percent(f float64) string { return strconv.FormatFloat(f*100, 'f', 1, 64) + "%" }

// shortTime shows a time to a tenth of a second, or to the second from ten minutes on.
func shortTime(d time.Duration) string {
	if d < 10*time.Minute {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
