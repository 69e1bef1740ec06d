// Package plan reads the plan of a load test: a YAML file in, an immutable
// [Plan] out, composed of the value types of the packages that carry it out, or
// every mistake in it at once, each with its place and a guess at what was
// meant. It knows the schema, the starter plan and the built-in quickstart.
//
// It refuses to guess silently: unknown fields, numbers without a unit, models
// without a price and requests whose cost cannot be bounded are mistakes. It
// opens no file itself (see [Options]), sends nothing, and is the only package
// that knows YAML. docs/format/plan.md describes the format.
package plan

import (
	"iter"
	"time"

	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/pace"
	"github.com/tokenload/tokenload/internal/threshold"
	"github.com/tokenload/tokenload/internal/workload"
)

// Version is the version of the plan format that this package reads.
const Version = 1

// SimURL is the base_url that means the embedded simulator.
const SimURL = "sim"

// Plan is a checked plan with its defaults filled in. It is never changed after
// [Parse] returned it.
type Plan struct {
	Version int
	Name    string // fit for a folder's name
	Target  Target

	Tasks       []workload.Task  // at least one, of which one has a weight over 0
	PromptsFrom []string         // where each task's prompts come from: "3 inline", "120 from questions.jsonl", "synthetic, by bytes"
	Checks      []workload.Check // none, if the plan has none

	Load         Load
	GracefulStop time.Duration // how long running requests may take after the end
	OnLimit      OnLimit
	Budget       Budget
	Catalog      *cost.Catalog // the built-in prices with the plan's own
	SLO          SLO
	Thresholds   []Threshold // in the plan's order; a default one last

	Seed      uint64 // 0 without SeedGiven
	SeedGiven bool
	Sim       Sim

	Source []byte // the plan as it was given, byte for byte, without overrides
}

// Target is where requests go and how.
type Target struct {
	API            string // "messages" or "chat"
	BaseURL        string // SimURL, an address without a trailing slash, or "" where the plan names none
	KeyEnv         string // the variable that holds the key; "" is the usual ones
	Version        string // anthropic-version; of no use to chat
	Beta           []string
	HTTP           string // "auto", "1.1" or "2"
	CAFile         string // with Options.Dir before it where it is relative; "" is the system's
	Timeout        time.Duration
	ConnectTimeout time.Duration
	StallTimeout   time.Duration
	Headers        map[string]string // never a credential
}

// Sim reports whether the plan itself names the embedded simulator.
func (t Target) Sim() bool { return t.BaseURL == SimURL }

// Chat reports whether requests are OpenAI-style chat completions.
func (t Target) Chat() bool { return t.API == "chat" }

// Mode says what drives the load.
type Mode string

// The modes.
const (
	Users    Mode = "users"    // closed loop: a user sends, waits, thinks
	Arrivals Mode = "arrivals" // open loop: requests are due whether or not others have ended
)

// Load is when requests are made.
type Load struct {
	Mode    Mode
	Profile pace.Profile // targets are users, or arrivals per second
	// Requests ends a load of users after so many; 0 is no bound. The profile
	// is then a single jump to Users, without length.
	Requests           int
	Users              int           // most users at any time; 0 for arrivals
	ThinkMin, ThinkMax time.Duration // a user's pause after each request
	MaxInFlight        int           // arrivals: more than this are dropped; 0 for users
	WarmUp             time.Duration // from the start; left out of metrics and verdict
	End                time.Duration // end of the last stage; 0 with Requests: when they are done
}

// Changes yields when the number of users changes and to what, as load.Closed
// takes it.
func (l Load) Changes() iter.Seq2[time.Duration, int] {
	if l.Requests > 0 {
		return pace.Fixed(l.Users)
	}
	return l.Profile.Changes()
}

// OnLimit is what to do about a rate limit. Fields that do not belong to the
// mode are zero.
type OnLimit struct {
	Mode        string        // "measure", "obey" or "avoid"
	MaxAttempts int           // obey: attempts of one request, the first included
	MaxWait     time.Duration // obey: longest wait of one request, all attempts together
	Share       float64       // avoid: how much of a learned limit to use, to 1
	MaxHold     time.Duration // avoid: an arrival held for longer is dropped
}

// Budget is the most a run may cost.
type Budget struct {
	Given          bool             // the plan has one
	Guard          cost.GuardConfig // Budget and WarnAt are filled in; Raise is for who knows the target
	AllowUnbounded bool             // requests whose worst case is unknown may be sent
}

// SLO is what a good answer must keep, per request; zero is not asked for.
type SLO struct {
	TTFT time.Duration
	E2E  time.Duration
}

// Threshold is one pass or fail rule.
type Threshold struct {
	Expr        threshold.Expr
	Metric      string        // as the plan has it, with its selector: "ttft{task:simple}"
	Expression  string        // as the plan has it: "p(95)<2s"
	AbortOnFail bool          // a failure ends the run
	Delay       time.Duration // no abort before this time
	Default     bool          // not in the plan: every open loop has it
}

// Sim is how the embedded simulator behaves, where it is the target.
type Sim struct {
	Profile string  // "measured" or "instant"
	Tier    string  // a preset of rate limits; "" is none
	Answer  float64 // median length of an answer as a share of max_tokens; 0 is the simulator's own
}
