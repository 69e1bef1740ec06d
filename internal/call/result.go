package call

import (
	"math"
	"time"
)

// Result is what happened to one attempt, and one line of the run log. It is
// never changed after it is emitted.
//
// Instants are offsets from the run's start; zero means that the point was
// never reached. See docs/format/run.md for each field.
type Result struct {
	Index     int    `json:"index"`
	Attempt   int    `json:"attempt"`
	Task      string `json:"task"`
	Model     string `json:"model"`
	Stage     string `json:"stage"`
	Phase     Phase  `json:"phase"`
	Cold      bool   `json:"cold,omitempty"` // it was made to miss the prompt cache
	Class     Class  `json:"class"`
	Reason    string `json:"reason,omitempty"` // of dropped: "" no free slot, "limit" held too long
	Status    int    `json:"status,omitempty"` // HTTP status; 0 without an answer
	RequestID string `json:"request_id,omitempty"`
	Stop      string `json:"stop_reason,omitempty"`

	Due      time.Duration `json:"due"`
	Held     time.Duration `json:"held"`             // a length
	Earlier  time.Duration `json:"earlier,omitzero"` // a length: earlier attempts of this request
	Started  time.Duration `json:"started,omitzero"` // our code began to send
	ConnWait time.Duration `json:"conn_wait"`        // a length: waiting for a connection, without connect and TLS
	Connect  time.Duration `json:"connect"`          // a length: name look-up and TCP connect
	TLS      time.Duration `json:"tls"`              // a length: handshake
	NewConn  bool          `json:"new_conn"`         // the connection was made for this attempt

	Sent         time.Duration `json:"sent,omitzero"` // the request's last byte was handed to the kernel
	FirstByte    time.Duration `json:"first_byte,omitzero"`
	FirstEvent   time.Duration `json:"first_event,omitzero"`
	FirstContent time.Duration `json:"first_content,omitzero"`
	FirstText    time.Duration `json:"first_text,omitzero"` // first visible output: text or tool input, not thinking
	LastContent  time.Duration `json:"last_content,omitzero"`
	Done         time.Duration `json:"done,omitzero"`
	ReadLagMax   time.Duration `json:"read_lag_max,omitzero"` // kernel stamp to our code; absent with the user-space clock

	Events int           `json:"events"`                 // content events
	Merged int           `json:"merged_reads,omitempty"` // reads that brought more than one content event
	GapMax time.Duration `json:"gap_max"`
	Gaps   [][2]int      `json:"gaps,omitempty"` // [bucket, count], see GapBucket

	Usage
	Cost      USD  `json:"cost_usd"`
	CostBound bool `json:"cost_bound"` // the cost is an upper bound, not a bill

	Limits     Limits          `json:"limits,omitzero"`
	LimitedBy  LimitKind       `json:"limited_by"`
	RetryAfter *float64        `json:"retry_after_s"` // seconds, as the server said
	Err        *Error          `json:"error"`
	Checks     map[string]bool `json:"checks,omitempty"` // the plan's checks on this answer

	// In memory only.
	Written bool       `json:"-"` // a connection was had, so bytes of the request may have left
	Known   UsageKnown `json:"-"` // how much of Usage the server has said
	Text    string     `json:"-"` // the answer's text, if the request said KeepText
}

// Error is why an attempt failed, in the server's words or ours. It never holds
// a prompt, an answer or a key.
type Error struct {
	Type    string `json:"type"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
}

// UsageKnown says how much of a Usage the server has told.
type UsageKnown int

// The levels of knowledge about a Usage.
const (
	UsageNone  UsageKnown = iota // nothing was said
	UsageInput                   // the input figures (message_start); output is open
	UsageFinal                   // the bill
)

// Usage is what the API says it counted. Thinking is part of Output. Input
// excludes cache reads and writes.
type Usage struct {
	Input        int64  `json:"input_tokens"`
	CacheWrite5m int64  `json:"cache_write_5m_tokens"`
	CacheWrite1h int64  `json:"cache_write_1h_tokens"`
	CacheRead    int64  `json:"cache_read_tokens"`
	Output       int64  `json:"output_tokens"`
	Thinking     int64  `json:"thinking_tokens"`
	WebSearches  int64  `json:"web_searches,omitempty"`
	Speed        string `json:"speed,omitempty"` // as the server says; "" is standard
	Geo          string `json:"geo,omitempty"`   // as the server says; "" is unknown or not priced apart
}

// Prompt returns all input tokens: uncached, written and read.
func (u Usage) Prompt() int64 { return u.Input + u.CacheWrite5m + u.CacheWrite1h + u.CacheRead }

// Limits is what the rate-limit headers of one answer said. A nil limit was not mentioned.
type Limits struct {
	Requests     *Limit `json:"requests,omitempty"`
	Tokens       *Limit `json:"tokens,omitempty"`
	InputTokens  *Limit `json:"input_tokens,omitempty"`
	OutputTokens *Limit `json:"output_tokens,omitempty"`

	// Capacity of Priority Tier. A request beyond it is served as standard, so
	// these hold nobody back.
	PriorityInputTokens  *Limit `json:"priority_input_tokens,omitempty"`
	PriorityOutputTokens *Limit `json:"priority_output_tokens,omitempty"`
}

// IsZero reports whether no header was there.
func (l Limits) IsZero() bool { return l == Limits{} }

// Limit is one bucket as its headers describe it; a nil or zero field was not said.
type Limit struct {
	Limit     *int64    `json:"limit,omitempty"`
	Remaining *int64    `json:"remaining,omitempty"`
	Reset     time.Time `json:"reset,omitzero"` // when the bucket is full again
}

// Lag is our own lateness: the time between the due time and the send that
// neither holding on purpose nor earlier attempts explain.
func (r Result) Lag() time.Duration {
	if r.Started == 0 {
		return 0
	}
	return r.Started - r.Due - r.Held - r.Earlier
}

// ConnectTime is how long the attempt waited for its connection: pool, name
// look-up, TCP and TLS. Zero on a reused connection that was free at once.
func (r Result) ConnectTime() time.Duration { return r.ConnWait + r.Connect + r.TLS }

// E2E is the time from due to the last content: what a user feels. The parts
// lag, held, earlier attempts, connect, send, wait and generation add up to it.
// It is 0 where no content arrived.
func (r Result) E2E() time.Duration { return since(r.LastContent, r.Due) }

// TTFT is the time from due to the first content; 0 where none arrived.
func (r Result) TTFT() time.Duration { return since(r.FirstContent, r.Due) }

// TTFO is the time from due to the first visible output; 0 where none arrived.
func (r Result) TTFO() time.Duration { return since(r.FirstText, r.Due) }

// TTFB is the time from the send to the first byte of the answer.
func (r Result) TTFB() time.Duration { return since(r.FirstByte, r.Sent) }

// ServiceTTFT is the time from the send to the first content: what the API took.
func (r Result) ServiceTTFT() time.Duration { return since(r.FirstContent, r.Sent) }

// ServiceE2E is the time from the send to the last content: what the API took.
func (r Result) ServiceE2E() time.Duration { return since(r.LastContent, r.Sent) }

func since(at, from time.Duration) time.Duration {
	if at == 0 {
		return 0
	}
	return at - from
}

// minEvents is the least number of content events from which a stream's own
// speed can be told: below it the first and last events weigh too much.
const minEvents = 8

// OutputRate is the speed of generation in tokens per second: the visible
// tokens after the first event over the time they took. The first of E events
// arrives at first_content, so (E−1)/E of the tokens belong to the interval.
// ok is false under 8 events, where the figure would mislead.
//
// Hidden thinking (billed, but sent as no event) is taken off: thinking counts
// as hidden where the first visible output is the first content.
func (r Result) OutputRate() (tokensPerSecond float64, ok bool) {
	span := r.LastContent - r.FirstContent
	if r.Class != OK || r.Events < minEvents || r.FirstContent == 0 || span <= 0 {
		return 0, false
	}
	tokens := r.Output
	if r.FirstText == r.FirstContent {
		tokens -= r.Thinking
	}
	e := float64(r.Events)
	return float64(tokens) * (e - 1) / e / span.Seconds(), tokens > 0
}

// E2EOutputRate is output tokens over ServiceE2E: the plain "tokens per
// second", for streams and plain calls alike.
func (r Result) E2EOutputRate() (tokensPerSecond float64, ok bool) {
	d := r.ServiceE2E()
	if r.Class != OK || d <= 0 || r.Output == 0 {
		return 0, false
	}
	return float64(r.Output) / d.Seconds(), true
}

// gapBase is the ratio of neighbouring gap buckets: any value is within 1 % of
// its bucket's estimate, (γ−1)/(γ+1) = 0.0099.
const gapBase = 1.02

var logGapBase = math.Log(gapBase)

// MaxGapBucket is the highest gap bucket, about an hour and a half.
const MaxGapBucket = 1130

// GapBucket returns the log bucket of a gap between content events:
// ⌈ln(d in µs) / ln 1.02⌉, from 0 (a microsecond or less) to MaxGapBucket.
func GapBucket(d time.Duration) int {
	us := float64(d) / float64(time.Microsecond)
	if us <= 1 {
		return 0
	}
	return min(int(math.Ceil(math.Log(us)/logGapBase)), MaxGapBucket)
}

// GapValue returns the estimate for a bucket, within 1 % of every gap in it
// (of those over a microsecond): 2γ^i/(γ+1) µs.
func GapValue(bucket int) time.Duration {
	return time.Duration(2 * math.Pow(gapBase, float64(bucket)) / (gapBase + 1) * float64(time.Microsecond))
}
