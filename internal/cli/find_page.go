package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/capacity"
)

// found is the answer of a search; its JSON is docs/format/find.md.
type found struct {
	Version   int           `json:"version"`
	Plan      string        `json:"plan"`
	Target    string        `json:"target"`
	Seed      uint64        `json:"seed"`
	Unit      string        `json:"unit"` // of loads: users, or arrivals/s
	Answer    foundAnswer   `json:"answer"`
	Limits    []foundLimit  `json:"limits"`
	Criteria  []foundKept   `json:"thresholds"`
	LeftOut   []leftOut     `json:"not_searched"`
	Overload  []foundOver   `json:"overload"`
	Confirmed *foundConfirm `json:"confirmed"`
	Steps     []foundStep   `json:"steps"`
	Lost      int           `json:"steps_cut_short"`
	Cost      foundCost     `json:"cost"`
	Stopped   string        `json:"stopped,omitempty"`
	Detail    string        `json:"detail,omitempty"`
	Notes     []string      `json:"notes"`
	ExitCode  int           `json:"exit_code"`
	answer    capacity.Answer
}

type foundAnswer struct {
	Load      interval `json:"load"`
	AtLeast   bool     `json:"at_least"`
	Arrivals  *float64 `json:"arrivals_per_s"`
	Bound     string   `json:"held_back_by"`
	Limit     string   `json:"limit,omitempty"`     // class and kind
	Threshold string   `json:"threshold,omitempty"` // as the plan has it
	Burst     *float64 `json:"burst_requests"`
	Words     string   `json:"words"`
}

type interval struct {
	Value *float64 `json:"value"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
}

type foundLimit struct {
	Class     string         `json:"class"`
	Kind      call.LimitKind `json:"kind"`
	From      string         `json:"from"` // headers or 429s
	Said      *float64       `json:"limit_per_minute"`
	PerMinute interval       `json:"refill_per_minute"`
	Capacity  *float64       `json:"capacity"`
	Each      interval       `json:"units_per_request"`
	Load      interval       `json:"requests_per_s"`
	Burst     *float64       `json:"burst_requests"`
	Refused   int            `json:"rate_limited"`
}

type foundKept struct {
	Threshold string   `json:"threshold"`
	Root      interval `json:"just_kept_at"`
	From      string   `json:"from,omitempty"` // of Root: steps or queue
	Upto      *float64 `json:"kept_up_to"`
}

type foundOver struct {
	Times float64  `json:"times"`
	Load  float64  `json:"requests_per_s"`
	After *float64 `json:"first_429_after_s"`
}

type foundConfirm struct {
	Load    float64 `json:"load"`
	LengthS float64 `json:"length_s"`
	Asked   int     `json:"attempts"`
	Refused int     `json:"rate_limited"`
	Empty   bool    `json:"bucket_was_empty"`
	Held    bool    `json:"let_through"`
	Kept    bool    `json:"thresholds_kept"`
}

type foundStep struct {
	Kind     capacity.Kind `json:"kind"`
	Load     float64       `json:"load"`
	Users    bool          `json:"users"`
	LengthS  float64       `json:"length_s"`
	Attempts int           `json:"attempts"`
	OK       int           `json:"ok"`
	Refused  int           `json:"rate_limited"`
	Shares   []*float64    `json:"shares"` // by threshold
	Violated []string      `json:"violated"`
	Spoiled  string        `json:"not_used,omitempty"`
	CostUSD  call.USD      `json:"cost_usd"`
}

type foundCost struct {
	USD      call.USD  `json:"usd"`
	Budget   *call.USD `json:"budget_usd"`
	Requests int       `json:"requests"`
	Attempts int       `json:"attempts"`
	Input    int64     `json:"input_tokens"`
	Output   int64     `json:"output_tokens"`
}

// found puts the answer together.
func (f *finder) found(r searchRecord) found {
	a := f.search.Answer()
	out := found{
		Version: 1, Plan: f.plan.Name, Target: f.target, Seed: r.Seed, Unit: "arrivals/s", Limits: []foundLimit{}, Criteria: []foundKept{},
		LeftOut: append([]leftOut{}, f.leftOut...), Overload: []foundOver{}, Steps: []foundStep{}, Lost: f.lost, Stopped: a.Stopped, Detail: a.Detail,
		Notes: a.Notes, ExitCode: exitOf(a, f.search.Users), answer: a,
		Cost: foundCost{USD: f.spent, Requests: a.Requests, Attempts: a.Attempts, Input: a.Input, Output: a.Output},
	}
	if f.search.Users {
		out.Unit = "users"
	}
	if f.plan.Budget.Given {
		out.Cost.Budget = &f.plan.Budget.Guard.Budget
	}
	out.Answer = foundAnswer{Load: intervalOf(a.Load), AtLeast: a.AtLeast, Arrivals: known(a.Arrivals), Bound: a.Bound}
	if a.Limit != nil {
		out.Answer.Limit = limitName(*a.Limit)
	}
	if a.Criterion >= 0 {
		out.Answer.Threshold = a.Criteria[a.Criterion].Name
	}
	for _, c := range a.Ceilings {
		out.Limits = append(out.Limits, foundLimit{Class: c.Class, Kind: c.Kind, From: c.From, Said: known(c.Said), PerMinute: intervalOf(c.PerMinute),
			Capacity: known(c.Capacity), Each: intervalOf(c.Each), Load: intervalOf(c.Load), Burst: known(c.Burst()), Refused: c.Refused})
	}
	for _, k := range a.Criteria {
		row := foundKept{Threshold: k.Name, Root: intervalOf(k.Root)}
		if !math.IsNaN(k.Root.Value) {
			row.From = map[bool]string{false: "steps", true: "queue"}[k.ByQueue]
		}
		if a.Bound == capacity.ByLimit && k.Upto > a.Load.Value {
			k.Upto = a.Load.Value // what was made above it did not all come through
		}
		if k.Upto > 0 {
			row.Upto = &k.Upto
		}
		out.Criteria = append(out.Criteria, row)
	}
	if name := implicit(f.plan); name != "" && f.dropped > 0 {
		out.LeftOut = append(out.LeftOut, leftOut{name, "the plan does not name it, and a run of it has it: requests were dropped here; name it under thresholds to have it looked for"})
	}
	out.above(a)
	if k := a.Confirmed; k != nil {
		out.Confirmed = &foundConfirm{k.Load, k.Length.Seconds(), k.Asked, k.Refused, k.Empty, k.Held, k.Kept}
	}
	for _, s := range f.search.Steps() {
		row := foundStep{Kind: s.Kind, Load: s.Load, Users: s.Users, LengthS: s.Length.Seconds(), Attempts: s.Attempts, OK: s.OK, Refused: s.Refused,
			Shares: []*float64{}, Violated: append([]string{}, s.Violated...), Spoiled: s.Spoiled, CostUSD: s.Cost}
		for _, v := range s.Shares {
			row.Shares = append(row.Shares, known(v))
		}
		out.Steps = append(out.Steps, row)
	}
	out.Answer.Words = out.words()
	return out
}

// above says what happens over the lowest limit.
func (out *found) above(a capacity.Answer) {
	if len(a.Ceilings) == 0 {
		return
	}
	c := a.Ceilings[0]
	out.Answer.Burst = known(c.Burst())
	for _, times := range []float64{1.1, 1.5, 2} {
		over := foundOver{Times: times, Load: times * c.Load.Value}
		if after := c.Exhausted(times); after > 0 {
			s := after.Seconds()
			over.After = &s
		}
		out.Overload = append(out.Overload, over)
	}
}

func intervalOf(e capacity.Estimate) interval {
	return interval{known(e.Value), known(e.Low), known(e.High)}
}

func limitName(c capacity.Ceiling) string { return string(c.Kind) + " of " + c.Class }

// writeFound renders the answer as text, md or json.
func writeFound(w io.Writer, format string, out found) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	p := &tablePage{forecastPage: forecastPage{w: w}, md: format == "md"}
	p.found(out)
	return p.err
}

func (p *tablePage) found(out found) {
	if p.md {
		p.line("## Capacity: %s\n", out.Answer.Words)
	} else {
		p.line("CAPACITY  %s\n", out.Answer.Words)
	}
	length := 0.0
	for _, s := range out.Steps {
		length += s.LengthS
	}
	p.line("%s%s at %s · %s of load in %d steps · seed %d", p.indent(), out.Plan, out.Target, shortTime(time.Duration(length)*time.Second), len(out.Steps), out.Seed)
	p.foundLimits(out)
	p.foundThresholds(out)
	p.foundAbove(out)
	p.foundSteps(out)
	p.foundEnd(out)
	p.list("notes", out.Notes)
}

// indent is what a sentence stands behind.
func (p *tablePage) indent() string {
	if p.md {
		return ""
	}
	return "    "
}

// foundEnd says how the answer was tried, why the search ended, and what it took.
func (p *tablePage) foundEnd(out found) {
	if k := out.Confirmed; k != nil {
		p.text(confirmWords(out, *k))
	}
	if why := stopWords(out); why != "" {
		p.text(why)
	}
	if out.Lost > 0 {
		p.text(fmt.Sprintf("%d of the steps were cut short: what they cost counts, what they showed does not", out.Lost))
	}
	budget := ""
	if out.Cost.Budget != nil {
		budget = fmt.Sprintf(" of the budget of %v", *out.Cost.Budget)
	}
	p.text(fmt.Sprintf("cost %s%s: %s of %s requests answered, %s input and %s output tokens", out.Cost.USD, budget,
		count(out.Cost.Requests), count(out.Cost.Attempts), count(out.Cost.Input), count(out.Cost.Output)))
}

// text is a sentence that stands alone.
func (p *tablePage) text(s string) {
	if p.md {
		p.line("\n%s", s)
		return
	}
	p.line("")
	p.wrapped("   ", "   ", s)
}

func inSeconds(s float64) string {
	return shortTime(time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond))
}

func (p *tablePage) foundLimits(out found) {
	p.title("Limits")
	if len(out.answer.Ceilings) == 0 {
		p.line("%sno header spoke of a limit, and no request was refused by one", p.indent())
		return
	}
	var rows [][]string
	for i, c := range out.answer.Ceilings {
		mark := ""
		if i == 0 && out.answer.Limit != nil {
			mark = "holds back"
		}
		rows = append(rows, []string{limitName(c), ends(c.PerMinute), ends(c.Each), ends(c.Load), figure(c.Burst()), c.From, count(c.Refused), mark})
	}
	p.table([]string{"limit on", "refill a minute", "per request", "requests/s", "burst", "from", "429s", ""}, rows)
}

func (p *tablePage) foundThresholds(out found) {
	if len(out.Criteria) > 0 {
		p.title("Thresholds")
		var rows [][]string
		for i, k := range out.answer.Criteria {
			upto, root, mark := "—", "higher", ""
			if v := out.Criteria[i].Upto; v != nil {
				upto = amount(*v, out.Unit)
			}
			if !math.IsNaN(k.Root.Value) {
				root = ends(k.Root)
			}
			if k.Root.Value == 0 {
				root = "—"
			}
			if upto == "—" && math.IsNaN(k.Root.Value) {
				root = "—"
			}
			if i == out.answer.Criterion {
				mark = "holds back"
			}
			rows = append(rows, []string{k.Name, upto, root, mark})
		}
		p.table([]string{"threshold", "kept up to, " + out.Unit, "just kept at, " + out.Unit, ""}, rows)
	}
	var items []string
	for _, l := range out.LeftOut {
		items = append(items, l.Threshold+": "+l.Why)
	}
	p.list("thresholds that were not searched for", items)
}

func (p *tablePage) foundAbove(out found) {
	if len(out.Overload) == 0 {
		return
	}
	c := out.answer.Ceilings[0]
	p.title("Above the limit on " + limitName(c))
	var rows [][]string
	for _, o := range out.Overload {
		after := "—"
		if o.After != nil {
			after = shortTime(time.Duration(*o.After * float64(time.Second)).Round(time.Second))
		}
		rows = append(rows, []string{fmt.Sprintf("%.1f times", o.Times), figure(o.Load), after})
	}
	p.table([]string{"load", "requests/s", "full bucket empty after"}, rows)
	if b := c.Burst(); !math.IsNaN(b) {
		p.text("a full bucket lets a burst of " + figure(b) + " requests through at once; a run that ends before the bucket is empty shows no 429")
	}
}

func (p *tablePage) foundSteps(out found) {
	p.title("Steps")
	var rows [][]string
	for i, s := range out.Steps {
		unit := "arrivals/s"
		if s.Users {
			unit = "users"
		}
		remark := strings.Join(s.Violated, ", ")
		if remark != "" {
			remark = "not kept: " + remark
		}
		if s.Spoiled != "" {
			remark = "not used: our own machine was late"
		}
		rows = append(rows, []string{fmt.Sprintf("%d %s", i+1, s.Kind), load(s.Load, unit), inSeconds(s.LengthS),
			count(s.Attempts), count(s.OK), count(s.Refused), s.CostUSD.String(), remark})
	}
	p.table([]string{"step", "load", "length", "sent", "answered", "429s", "cost", ""}, rows)
}
