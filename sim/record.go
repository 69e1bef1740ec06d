package sim

import (
	"encoding/json"
	"fmt"
	"time"
)

// Record is what truly happened to one request. Times are since Received; 0 is
// never. It holds no prompt, no answer and no key.
type Record struct {
	Seq        int64 // from 1, in the order in which requests ended
	RequestID  string
	Path       string
	Version    string // anthropic-version; "" if it was none we know
	Auth       string // the header that carried the key: x-api-key or authorization; "" is none
	RetryCount int    // how many attempts an SDK says went before (x-stainless-retry-count)
	Model      string // as answered
	Class      string // of limits
	Stream     bool
	Status     int    // 0: the connection was closed before an answer
	Error      string // error.type, also of an error event inside a stream
	Received   time.Time

	Start        time.Duration // the body was read, and a place in the queue was free
	FirstByte    time.Duration // each: when it was about to be handed to the kernel
	FirstContent time.Duration // first shown delta
	LastContent  time.Duration
	LastByte     time.Duration // the last one had been handed to the kernel
	DrawnFirst   time.Duration // since Start: when the first event was due
	DrawnContent time.Duration // since Start: when the first delta was due, shown or not
	DrawnSpeed   float64       // tokens per second; 0 is no delay
	Lateness     time.Duration // the worst of its writes against what was due

	MaxTokens      int
	InputTokens    int
	CacheWrite5m   int
	CacheWrite1h   int
	CacheRead      int
	OutputTokens   int // generated so far, thinking included
	ThinkingTokens int
	StopReason     string // as sent; "" if none was
	Events         int
	Billed         Pico // for what was read and generated, once the answer had begun

	Levels     Levels // of the limits, as the headers were written
	LimitedBy  string // requests, input_tokens, output_tokens, ramp or spend
	RetryAfter int    // seconds, before any fault took it away
	Faults     []string
	Canceled   bool // the client left
}

// MarshalJSON gives times in milliseconds.
func (r Record) MarshalJSON() ([]byte, error) {
	return json.Marshal(recordLine{
		Type: "request", Seq: r.Seq, RequestID: r.RequestID, Path: r.Path, Version: r.Version, Auth: r.Auth, RetryCount: r.RetryCount,
		Model: r.Model, Class: r.Class, Stream: r.Stream, Status: r.Status, Error: r.Error, Received: r.Received.UTC().Format(time.RFC3339Nano),
		Start: ms(r.Start), FirstByte: ms(r.FirstByte), FirstContent: ms(r.FirstContent), LastContent: ms(r.LastContent), LastByte: ms(r.LastByte),
		DrawnFirst: ms(r.DrawnFirst), DrawnContent: ms(r.DrawnContent), DrawnSpeed: r.DrawnSpeed, Lateness: ms(r.Lateness),
		MaxTokens: r.MaxTokens, InputTokens: r.InputTokens, CacheWrite5m: r.CacheWrite5m, CacheWrite1h: r.CacheWrite1h, CacheRead: r.CacheRead,
		OutputTokens: r.OutputTokens, ThinkingTokens: r.ThinkingTokens, Billed: r.Billed.Dollars(), StopReason: r.StopReason, Events: r.Events,
		Levels: r.Levels, LimitedBy: r.LimitedBy, RetryAfter: r.RetryAfter, Faults: append([]string{}, r.Faults...), Canceled: r.Canceled,
	})
}

// recordLine is a record as a line of JSON.
type recordLine struct {
	Type           string   `json:"type"`
	Seq            int64    `json:"seq"`
	RequestID      string   `json:"request_id"`
	Path           string   `json:"path"`
	Version        string   `json:"version"`
	Auth           string   `json:"auth"`
	RetryCount     int      `json:"retry_count"`
	Model          string   `json:"model"`
	Class          string   `json:"class"`
	Stream         bool     `json:"stream"`
	Status         int      `json:"status"`
	Error          string   `json:"error"`
	Received       string   `json:"received"`
	Start          float64  `json:"start_ms"`
	FirstByte      float64  `json:"first_byte_ms"`
	FirstContent   float64  `json:"first_content_ms"`
	LastContent    float64  `json:"last_content_ms"`
	LastByte       float64  `json:"last_byte_ms"`
	DrawnFirst     float64  `json:"drawn_first_ms"`
	DrawnContent   float64  `json:"drawn_content_ms"`
	DrawnSpeed     float64  `json:"drawn_tokens_per_s"`
	Lateness       float64  `json:"lateness_ms"`
	MaxTokens      int      `json:"max_tokens"`
	InputTokens    int      `json:"input_tokens"`
	CacheWrite5m   int      `json:"cache_write_5m_tokens"`
	CacheWrite1h   int      `json:"cache_write_1h_tokens"`
	CacheRead      int      `json:"cache_read_tokens"`
	OutputTokens   int      `json:"output_tokens"`
	ThinkingTokens int      `json:"thinking_tokens"`
	Billed         float64  `json:"billed_usd"`
	StopReason     string   `json:"stop_reason"`
	Events         int      `json:"events"`
	Levels         Levels   `json:"levels"`
	LimitedBy      string   `json:"limited_by"`
	RetryAfter     int      `json:"retry_after_s"`
	Faults         []string `json:"faults"`
	Canceled       bool     `json:"canceled"`
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// Totals sums up every request since the server was made, those whose records
// are no longer kept included.
type Totals struct {
	Requests       int         // of which the last has this number
	ByStatus       map[int]int // 0: closed before an answer
	InputTokens    int
	CacheWrite5m   int
	CacheWrite1h   int
	CacheRead      int
	OutputTokens   int
	Events         int
	Billed         Pico
	TurnedAway     int // connections, by the faults refuse (by chance or count) and tls-fail
	Faulted        int
	Canceled       int
	LatenessMedian time.Duration // of writes against what was due: the simulator's own error
	LatenessP99    time.Duration // both are upper bounds of buckets at most 25 % wide, or the worst if that is less
	LatenessMax    time.Duration
}

// MarshalJSON gives times in milliseconds.
func (t Totals) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"type": "totals", "requests": t.Requests, "by_status": t.ByStatus, "input_tokens": t.InputTokens,
		"cache_write_5m_tokens": t.CacheWrite5m, "cache_write_1h_tokens": t.CacheWrite1h, "cache_read_tokens": t.CacheRead,
		"output_tokens": t.OutputTokens, "billed_usd": t.Billed.Dollars(), "events": t.Events, "turned_away": t.TurnedAway, "faulted": t.Faulted, "canceled": t.Canceled,
		"lateness_p50_ms": ms(t.LatenessMedian), "lateness_p99_ms": ms(t.LatenessP99), "lateness_max_ms": ms(t.LatenessMax),
		"warnings": append([]string{}, t.Warnings()...),
	})
}

// lateLimit is how late, at the 99th percentile, writes may be before the times
// are not to be trusted.
const lateLimit = 5 * time.Millisecond

// Warnings says what makes the times of this server untrue.
func (t Totals) Warnings() []string {
	if t.LatenessP99 <= lateLimit {
		return nil
	}
	return []string{fmt.Sprintf("one write in a hundred was late by %v or more: this machine is too busy for the load, and delays are longer than was drawn", t.LatenessP99)}
}
