package metrics

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Number is a figure that may be withheld: NaN (too few samples, or none) and
// +Inf (time-outs) are written as null.
type Number float64

// Withheld is a Number we do not stand behind.
func Withheld() Number { return Number(math.NaN()) }

// Known reports whether the number may be shown as it is.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null for a number that is not Known.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'f', -1, 64), nil
}

// UnmarshalJSON reads null as withheld.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Withheld()
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Dist describes one metric's values. Count is how many there are; percentiles
// are nearest rank and withheld below the least count at which a two-sided 95 %
// interval exists (p50 6, p90 36, p95 72, p99 368).
type Dist struct {
	Count int `json:"count"`
	// Infinite is how many of Count are +∞: requests that timed out or stalled.
	Infinite int    `json:"infinite,omitempty"`
	Mean     Number `json:"mean"`
	Min      Number `json:"min"`
	P50      Number `json:"p50"`
	P90      Number `json:"p90"`
	P95      Number `json:"p95"`
	P99      Number `json:"p99"`
	Max      Number `json:"max"`
}

// Requests counts requests by the class of their last attempt.
// Planned = Sent + Dropped + OverBudget + Unsent; Sent = OK + Failed + Canceled.
type Requests struct {
	Planned     int `json:"planned"`
	Sent        int `json:"sent"`
	OK          int `json:"ok"`
	Failed      int `json:"failed"`
	RateLimited int `json:"rate_limited"`
	Overloaded  int `json:"overloaded"`
	Dropped     int `json:"dropped"`
	OverBudget  int `json:"over_budget"`
	Unsent      int `json:"unsent"`
	Canceled    int `json:"canceled"`
	Attempts    int `json:"attempts"`
	// BudgetTail is how many were sent after the first refusal of the budget:
	// billed, and in no other count here.
	BudgetTail int `json:"budget_tail"`
}

// Rates are shares (0 to 1) and speeds (per second over the measured window).
type Rates struct {
	Success          Number `json:"success"`      // ok ÷ sent
	RateLimited      Number `json:"rate_limited"` // attempts answered 429 ÷ attempts
	Failed           Number `json:"failed"`       // failed ÷ sent
	Dropped          Number `json:"dropped"`      // dropped ÷ planned
	CacheHit         Number `json:"cache_hit"`    // cache read ÷ prompt tokens
	RequestsPerS     Number `json:"requests_per_s"`
	OutputTokensPerS Number `json:"output_tokens_per_s"`
	Goodput          Number `json:"goodput"` // ok within the slo, per second; withheld without an slo
}

// Latency holds every timing, in milliseconds. See docs/metrics.md.
type Latency struct {
	TTFT        Dist `json:"ttft"`
	TTFO        Dist `json:"ttfo"`
	TTFB        Dist `json:"ttfb"`
	E2E         Dist `json:"e2e"`
	ServiceTTFT Dist `json:"service_ttft"`
	ServiceE2E  Dist `json:"service_e2e"`
	Connect     Dist `json:"connect"`
	ConnWait    Dist `json:"conn_wait"`
	EventGap    Dist `json:"event_gap"`
	TPOT        Dist `json:"tpot"`
	Held        Dist `json:"held"`
	Lag         Dist `json:"lag"`
	ReadLag     Dist `json:"read_lag"` // only of answers that the kernel stamped
}

// Tokens are sums of what the API counted, and means per request with usage.
type Tokens struct {
	Input        int64  `json:"input"`
	CacheWrite5m int64  `json:"cache_write_5m"`
	CacheWrite1h int64  `json:"cache_write_1h"`
	CacheRead    int64  `json:"cache_read"`
	Output       int64  `json:"output"`
	Thinking     int64  `json:"thinking"`
	MeanPrompt   Number `json:"mean_prompt"`
	MeanOutput   Number `json:"mean_output"`
}

// Cost is money. All phases count: warm-up is paid for too.
type Cost struct {
	USD           call.USD  `json:"usd"`
	UncertainUSD  call.USD  `json:"uncertain_usd"` // the part of USD that is a bound, not a bill
	BudgetUSD     *call.USD `json:"budget_usd"`
	RemainingUSD  *call.USD `json:"remaining_usd"`
	Utilization   Number    `json:"utilization"`
	Per1kRequests call.USD  `json:"per_1k_requests_usd"` // per thousand requests sent
	// BurnPerHour is USD over the time from the start to the last end, an hour;
	// withheld where nothing ended.
	BurnPerHour Number `json:"burn_usd_per_hour"`
	// CacheSavings is what the answers with a bill would have cost more, had none of
	// their prompt been cached; below 0 where writing cost more than reading saved.
	// It is 0 without a cached token, and where the prices are not known.
	CacheSavings call.USD `json:"cache_savings_usd"`
}

// Group is the figures of one task, model or stage, or of the whole run.
type Group struct {
	Requests      Requests `json:"requests"`
	Rates         Rates    `json:"rates"`
	Latency       Latency  `json:"latency"`
	OutputRate    Dist     `json:"output_rate"`     // tokens/s
	E2EOutputRate Dist     `json:"e2e_output_rate"` // tokens/s
	Tokens        Tokens   `json:"tokens"`
	Cost          Cost     `json:"cost"`
}

// LimitUse is how close the run came to one limit of a model class.
type LimitUse struct {
	Limit           Number `json:"limit"`
	MinRemaining    Number `json:"min_remaining"`
	PeakUtilization Number `json:"peak_utilization"`
	RateLimited     int    `json:"rate_limited"` // 429s it caused
}

// ClassLimits is what the headers said of one model class. Nil: never mentioned.
type ClassLimits struct {
	Class                string    `json:"class"`
	Models               []string  `json:"models"`
	Requests             *LimitUse `json:"requests,omitempty"`
	Tokens               *LimitUse `json:"tokens,omitempty"`
	InputTokens          *LimitUse `json:"input_tokens,omitempty"`
	OutputTokens         *LimitUse `json:"output_tokens,omitempty"`
	PriorityInputTokens  *LimitUse `json:"priority_input_tokens,omitempty"`
	PriorityOutputTokens *LimitUse `json:"priority_output_tokens,omitempty"`
	Binding              string    `json:"binding"` // the limit with the highest use; "" if unknown
}

// Generator is our own conduct: whether the run's figures can be trusted.
type Generator struct {
	Valid      bool   `json:"valid"`
	Clock      string `json:"clock"` // what stamped the arrivals: "kernel", "user" or "mixed"
	LagP99     Number `json:"lag_p99_ms"`
	ReadLagP99 Number `json:"read_lag_p99_ms"`
	CPU        Number `json:"cpu"`         // mean share of our cores
	PeakMemory int64  `json:"peak_memory"` // bytes
	// MergedReads is how many reads brought several content events at once: the
	// server, something in between, or the kernel while we were late, joined them.
	MergedReads int      `json:"merged_reads"`
	Reasons     []string `json:"reasons"` // why it is not valid, and what to do
	Warnings    []string `json:"warnings"`
}

// Connections is how attempts came by theirs.
type Connections struct {
	New      int    `json:"new"`       // attempts whose connection was made for them
	NewShare Number `json:"new_share"` // of the attempts that were sent
	// HandshakeShare is connect and TLS as a share of ttft, both summed over the
	// attempts whose content came.
	HandshakeShare Number `json:"handshake_share_of_ttft"`
}

// Series are the course of the run in steps of StepS seconds, by the second in
// which a request was due (requests, in flight, 429s) or ended (tokens, dollars).
type Series struct {
	StepS        float64   `json:"step_s"`
	T            []float64 `json:"t"` // seconds from the start
	Requests     []int     `json:"requests"`
	InFlight     []int     `json:"in_flight"`
	RateLimited  []int     `json:"rate_limited"`
	OutputTokens []int64   `json:"output_tokens"`
	TTFTP50      []Number  `json:"ttft_p50"`
	TTFTP95      []Number  `json:"ttft_p95"`
	USD          []Number  `json:"usd"` // spent so far
}

// CheckCount is how often one check of the plan held.
type CheckCount struct {
	Name   string `json:"name"`
	Passes int    `json:"passes"`
	Fails  int    `json:"fails"`
}

// Summary is what a run's records add up to.
type Summary struct {
	Group
	// EndedOK is how many requests ended ok in any phase: with none, the run failed.
	EndedOK int `json:"-"`

	Limits      []ClassLimits    `json:"limits"`
	Classes     map[string]int   `json:"classes"`      // attempts by class
	StopReasons map[string]int   `json:"stop_reasons"` // ok and refused attempts
	Checks      []CheckCount     `json:"checks"`       // sorted by name
	Generator   Generator        `json:"generator"`
	Connections Connections      `json:"connections"`
	Tasks       map[string]Group `json:"tasks"`
	Models      map[string]Group `json:"models"`
	Stages      map[string]Group `json:"stages"`
	Series      Series           `json:"series"`
}

// Meta is what a Summary needs to know about a run besides its records.
type Meta struct {
	Planned       int           // requests the plan asks for; 0 where it has no number (users for a time)
	PlannedWarmUp int           // how many of Planned are due in the warm-up
	OpenLoop      bool          // arrivals, not users
	WarmUp        time.Duration // end of the warm-up, from the start
	End           time.Duration // end of the last stage; 0: the last end of a request
	MaxInFlight   int           // open loop: slots
	Budget        call.USD      // 0: none
	SLOTTFT       time.Duration // 0: not set
	SLOE2E        time.Duration // 0: not set
	Clock         string        // of the manifest; where answers came, their records say it
	ClockSteps    int           // how often the machine's clock was set
	Cores         int           // GOMAXPROCS
	SimInside     bool          // the simulator shared this process
	Partial       bool          // the run was killed or stopped early
	Checks        []string
	Stages        []Span // when each stage was in force; without it a stage's rates are over the whole window
}

// Span is a stretch of the run under one stage name, as offsets from the start.
type Span struct {
	Stage    string
	From, To time.Duration
}

// Sample is one line of samples.jsonl: the state of the run once a second.
type Sample struct {
	T          time.Duration `json:"t"` // offset from the start, ns
	Stage      string        `json:"stage,omitempty"`
	Users      int           `json:"users,omitempty"`       // closed loop: users asked for
	TargetRate float64       `json:"target_rate,omitempty"` // open loop: arrivals per second asked for
	InFlight   int           `json:"in_flight"`
	CPU        float64       `json:"cpu"`          // share of GOMAXPROCS cores used since the last sample
	Memory     int64         `json:"memory_bytes"` // obtained from the system
	Goroutines int           `json:"goroutines"`
	ReadLagMax time.Duration `json:"read_lag_max,omitzero"`
	Spent      call.USD      `json:"usd"`
	Reserved   call.USD      `json:"reserved_usd"`
	// Headroom is the lowest share of each limit that is left now, by model class
	// and limit: {"haiku-4.5":{"requests":0.98}}.
	Headroom map[string]map[string]float64 `json:"headroom,omitempty"`
	// Exhaustion is in how many seconds a limit will be used up if it goes on as in
	// the last minute; a limit that does not fall is not there.
	Exhaustion map[string]map[string]float64 `json:"exhaustion_s,omitempty"`
}
