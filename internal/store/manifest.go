package store

import (
	"encoding/json"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Manifest says what a run is: written at its start, completed at its end. A
// run without Ended was killed. It holds no key, no prompt and no answer.
type Manifest struct {
	Version     int       `json:"version"` // of the run directory's format
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	ToolVersion string    `json:"tool_version"`
	Started     time.Time `json:"started"`
	StartUnixNS int64     `json:"start_unix_ns"` // instant 0 of every offset
	Seed        uint64    `json:"seed"`
	Target      string    `json:"target"` // "sim" or the base URL
	API         string    `json:"api"`
	HTTP        string    `json:"http"`
	PlanSHA256  string    `json:"plan_sha256"`
	Overrides   []string  `json:"overrides"` // path=value, in order
	PricesAsOf  string    `json:"prices_as_of"`
	// Prices are what the plan's models cost, by model, as a plan's prices have it.
	Prices     map[string]json.RawMessage `json:"prices,omitempty"`
	Clock      string                     `json:"clock"`                 // what stamps arrivals: "kernel", "user", at the end also "mixed"
	ClockSteps int                        `json:"clock_steps,omitempty"` // how often the machine's clock was set during the run
	Machine    Machine                    `json:"machine"`

	Load       Load        `json:"load"`
	Tasks      []Task      `json:"tasks"`
	OnLimit    string      `json:"on_limit"`
	BudgetUSD  *call.USD   `json:"budget_usd"`
	SLO        SLO         `json:"slo,omitzero"`
	Thresholds []Threshold `json:"thresholds"`
	Checks     []string    `json:"checks"`

	Ended    *time.Time `json:"ended,omitempty"`
	Stop     Stop       `json:"stop,omitzero"`
	Outcome  string     `json:"outcome,omitempty"` // passed, failed, thresholds, budget, invalid, interrupted, error
	ExitCode *int       `json:"exit_code,omitempty"`
}

// Machine is where the load came from.
type Machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Go    string `json:"go"`
	Cores int    `json:"cores"` // GOMAXPROCS
}

// Load is the shape of the load, with defaults filled in.
type Load struct {
	Mode    string        `json:"mode"`              // users or arrivals
	Process string        `json:"process,omitempty"` // arrivals: constant, poisson, gamma
	Stages  []Stage       `json:"stages"`
	WarmUp  time.Duration `json:"warm_up_ns"`
	End     time.Duration `json:"end_ns"`  // end of the last stage; 0: when all requests are done
	Planned int           `json:"planned"` // requests; 0: as many as the users make
	// PlannedWarmUp is how many of Planned are due in the warm-up.
	PlannedWarmUp int           `json:"planned_warm_up,omitempty"`
	MaxInFlight   int           `json:"max_in_flight,omitempty"`
	Grace         time.Duration `json:"graceful_stop_ns"`
}

// Stage is one stage of the load. Target is users, or arrivals per second.
type Stage struct {
	Name     string        `json:"name"`
	Duration time.Duration `json:"duration_ns"`
	Target   float64       `json:"target"`
}

// Task is one task of the plan, without its prompts.
type Task struct {
	Name      string  `json:"name"`
	Weight    float64 `json:"weight"`
	Model     string  `json:"model"`
	MaxTokens int     `json:"max_tokens"`
	// SystemBytes is the length of its system prompt, which all its requests begin
	// with; Cache is how long the API is asked to keep it: "5m", "1h", "" for not at all.
	SystemBytes int `json:"system_bytes,omitempty"`
	// PromptBytes is the mean length of the prompts that follow it; 0 is not known.
	PromptBytes float64 `json:"prompt_bytes,omitempty"`
	Cache       string  `json:"cache,omitempty"`
	// Cold is the share of its requests that were made to miss the cache.
	Cold    float64 `json:"cold,omitempty"`
	Prompts string  `json:"prompts"` // where they come from: "3 inline", "120 from questions.jsonl", "synthetic, by bytes"
}

// SLO is what a good answer must keep, per request; zero is not asked for.
type SLO struct {
	TTFT time.Duration `json:"ttft_ns,omitempty"`
	E2E  time.Duration `json:"e2e_ns,omitempty"`
}

// Threshold is one pass or fail rule as the plan has it: Metric may carry a
// selector, "ttft{task:simple}".
type Threshold struct {
	Metric      string        `json:"metric"`
	Expression  string        `json:"expression"`
	AbortOnFail bool          `json:"abort_on_fail,omitempty"`
	Delay       time.Duration `json:"delay_abort_eval_ns,omitempty"`
}

// Stop says why the run ended. Cause is "" for a run that was killed.
type Stop struct {
	Cause  string `json:"cause"` // completed, decided, budget, interrupted, threshold, auth, unreachable, error
	Detail string `json:"detail,omitempty"`
}
