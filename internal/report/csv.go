package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// column is one field of the attempts' CSV; an empty cell is a value that was
// never reached or never said.
type column struct {
	name string
	cell func(call.Result) string
}

// columns follow the run log: the same names, the same units (nanoseconds from
// the start, and lengths in nanoseconds), limits and error flattened. The last
// ones are derived, in ms.
var columns = [...]column{
	{"index", func(r call.Result) string { return strconv.Itoa(r.Index) }},
	{"attempt", func(r call.Result) string { return strconv.Itoa(r.Attempt) }},
	{"task", func(r call.Result) string { return r.Task }},
	{"model", func(r call.Result) string { return r.Model }},
	{"stage", func(r call.Result) string { return r.Stage }},
	{"phase", func(r call.Result) string { return string(r.Phase) }},
	{"cold", func(r call.Result) string { return strconv.FormatBool(r.Cold) }},
	{"class", func(r call.Result) string { return string(r.Class) }},
	{"reason", func(r call.Result) string { return r.Reason }},
	{"status", func(r call.Result) string { return nonZero(int64(r.Status)) }},
	{"request_id", func(r call.Result) string { return r.RequestID }},
	{"stop_reason", func(r call.Result) string { return r.Stop }},
	{"due", func(r call.Result) string { return integer(int64(r.Due)) }},
	{"held", func(r call.Result) string { return integer(int64(r.Held)) }},
	{"earlier", func(r call.Result) string { return integer(int64(r.Earlier)) }},
	{"started", func(r call.Result) string { return nonZero(int64(r.Started)) }},
	{"conn_wait", func(r call.Result) string { return integer(int64(r.ConnWait)) }},
	{"connect", func(r call.Result) string { return integer(int64(r.Connect)) }},
	{"tls", func(r call.Result) string { return integer(int64(r.TLS)) }},
	{"new_conn", func(r call.Result) string { return strconv.FormatBool(r.NewConn) }},
	{"sent", func(r call.Result) string { return nonZero(int64(r.Sent)) }},
	{"first_byte", func(r call.Result) string { return nonZero(int64(r.FirstByte)) }},
	{"first_event", func(r call.Result) string { return nonZero(int64(r.FirstEvent)) }},
	{"first_content", func(r call.Result) string { return nonZero(int64(r.FirstContent)) }},
	{"first_text", func(r call.Result) string { return nonZero(int64(r.FirstText)) }},
	{"last_content", func(r call.Result) string { return nonZero(int64(r.LastContent)) }},
	{"done", func(r call.Result) string { return nonZero(int64(r.Done)) }},
	{"read_lag_max", func(r call.Result) string { return nonZero(int64(r.ReadLagMax)) }},
	{"events", func(r call.Result) string { return strconv.Itoa(r.Events) }},
	{"gap_max", func(r call.Result) string { return integer(int64(r.GapMax)) }},
	{"input_tokens", func(r call.Result) string { return integer(r.Input) }},
	{"cache_write_5m_tokens", func(r call.Result) string { return integer(r.CacheWrite5m) }},
	{"cache_write_1h_tokens", func(r call.Result) string { return integer(r.CacheWrite1h) }},
	{"cache_read_tokens", func(r call.Result) string { return integer(r.CacheRead) }},
	{"output_tokens", func(r call.Result) string { return integer(r.Output) }},
	{"thinking_tokens", func(r call.Result) string { return integer(r.Thinking) }},
	{"web_searches", func(r call.Result) string { return integer(r.WebSearches) }},
	{"speed", func(r call.Result) string { return r.Speed }},
	{"geo", func(r call.Result) string { return r.Geo }},
	{"cost_usd", func(r call.Result) string { return r.Cost.Decimal() }},
	{"cost_bound", func(r call.Result) string { return strconv.FormatBool(r.CostBound) }},
	{"limited_by", func(r call.Result) string { return string(r.LimitedBy) }},
	{"retry_after_s", func(r call.Result) string { return optional(r.RetryAfter) }},
	{"requests_limit", func(r call.Result) string { return limitCell(r.Limits.Requests, ofLimit) }},
	{"requests_remaining", func(r call.Result) string { return limitCell(r.Limits.Requests, ofRemaining) }},
	{"requests_reset", func(r call.Result) string { return limitCell(r.Limits.Requests, ofReset) }},
	{"tokens_limit", func(r call.Result) string { return limitCell(r.Limits.Tokens, ofLimit) }},
	{"tokens_remaining", func(r call.Result) string { return limitCell(r.Limits.Tokens, ofRemaining) }},
	{"tokens_reset", func(r call.Result) string { return limitCell(r.Limits.Tokens, ofReset) }},
	{"input_tokens_limit", func(r call.Result) string { return limitCell(r.Limits.InputTokens, ofLimit) }},
	{"input_tokens_remaining", func(r call.Result) string { return limitCell(r.Limits.InputTokens, ofRemaining) }},
	{"input_tokens_reset", func(r call.Result) string { return limitCell(r.Limits.InputTokens, ofReset) }},
	{"output_tokens_limit", func(r call.Result) string { return limitCell(r.Limits.OutputTokens, ofLimit) }},
	{"output_tokens_remaining", func(r call.Result) string { return limitCell(r.Limits.OutputTokens, ofRemaining) }},
	{"output_tokens_reset", func(r call.Result) string { return limitCell(r.Limits.OutputTokens, ofReset) }},
	{"priority_input_tokens_limit", func(r call.Result) string { return limitCell(r.Limits.PriorityInputTokens, ofLimit) }},
	{"priority_input_tokens_remaining", func(r call.Result) string { return limitCell(r.Limits.PriorityInputTokens, ofRemaining) }},
	{"priority_input_tokens_reset", func(r call.Result) string { return limitCell(r.Limits.PriorityInputTokens, ofReset) }},
	{"priority_output_tokens_limit", func(r call.Result) string { return limitCell(r.Limits.PriorityOutputTokens, ofLimit) }},
	{"priority_output_tokens_remaining", func(r call.Result) string { return limitCell(r.Limits.PriorityOutputTokens, ofRemaining) }},
	{"priority_output_tokens_reset", func(r call.Result) string { return limitCell(r.Limits.PriorityOutputTokens, ofReset) }},
	{"error_type", func(r call.Result) string { return errorOf(r).Type }},
	{"error_code", func(r call.Result) string { return errorOf(r).Code }},
	{"error_message", func(r call.Result) string { return errorOf(r).Message }},
	{"checks_passed", func(r call.Result) string { return strconv.Itoa(checksOf(r, true)) }},
	{"checks_failed", func(r call.Result) string { return strconv.Itoa(checksOf(r, false)) }},
	{"lag_ms", func(r call.Result) string { return millis(r.Lag(), r.Started) }},
	{"ttft_ms", func(r call.Result) string { return millis(r.TTFT(), r.FirstContent) }},
	{"ttfo_ms", func(r call.Result) string { return millis(r.TTFO(), r.FirstText) }},
	{"ttfb_ms", func(r call.Result) string { return millis(r.TTFB(), r.FirstByte) }},
	{"e2e_ms", func(r call.Result) string { return millis(r.E2E(), r.LastContent) }},
	{"service_ttft_ms", func(r call.Result) string { return millis(r.ServiceTTFT(), r.FirstContent) }},
	{"service_e2e_ms", func(r call.Result) string { return millis(r.ServiceE2E(), r.LastContent) }},
	{"output_rate", func(r call.Result) string { return rateCell(r.OutputRate()) }},
	{"e2e_output_rate", func(r call.Result) string { return rateCell(r.E2EOutputRate()) }},
}

// writeCSV writes one line per attempt by RFC 4180, in the order of the log.
//
// Note: a cell that begins with =, +, - or @ is written as it is. Names and
// messages come from the plan and the server, and changing them would break
// joins with the run log; import the file as text where a spreadsheet would
// take such a cell for a formula.
func writeCSV(w io.Writer, rep *Report) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.name
	}
	if err := out.Write(row); err != nil {
		return err
	}
	if rep.Attempts != nil {
		for r, err := range rep.Attempts {
			if err != nil {
				return err
			}
			for i, c := range columns {
				row[i] = c.cell(r)
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

func integer(n int64) string { return strconv.FormatInt(n, 10) }

// nonZero is empty for zero, which is a point that was never reached.
func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return integer(n)
}

func optional(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

// millis is a length in ms; empty where the point at its end was never reached.
func millis(d, reached time.Duration) string {
	if reached == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64)
}

func rateCell(f float64, ok bool) string {
	if !ok {
		return ""
	}
	return strconv.FormatFloat(f, 'f', 3, 64)
}

func limitCell(l *call.Limit, of func(*call.Limit) string) string {
	if l == nil {
		return ""
	}
	return of(l)
}

func ofLimit(l *call.Limit) string     { return maybe(l.Limit) }
func ofRemaining(l *call.Limit) string { return maybe(l.Remaining) }

func ofReset(l *call.Limit) string {
	if l.Reset.IsZero() {
		return ""
	}
	return l.Reset.UTC().Format(time.RFC3339)
}

func maybe(n *int64) string {
	if n == nil {
		return ""
	}
	return integer(*n)
}

func errorOf(r call.Result) call.Error {
	if r.Err == nil {
		return call.Error{}
	}
	return *r.Err
}

func checksOf(r call.Result, want bool) int {
	n := 0
	for _, held := range r.Checks {
		if held == want {
			n++
		}
	}
	return n
}
