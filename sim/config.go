package sim

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// The latency profiles of [Config.Profile].
const (
	Measured = "measured" // fitted to public measurements; see latency.go
	Instant  = "instant"  // no delay at all
	Steady   = "steady"   // a fixed number of events per second, for benchmarks
)

// Config says how a simulated API behaves. The zero value is a working one:
// measured latency, no limits, any key, no faults.
type Config struct {
	// Addr is where [Start] listens. "" is 127.0.0.1:0: a free port on loopback.
	Addr string
	// Seed starts every draw. 0 is a seed like any other.
	Seed uint64

	// Profile is Measured, Instant or Steady. "" is Measured.
	Profile string
	// Latency replaces rows of the Measured profile, by row name ("haiku",
	// "sonnet", "sonnet-5", "opus", "opus-5", "fable"). Nil keeps them.
	Latency map[string]Latency
	// Drift is the standard deviation of a slow common factor on ln(TTFT) with a
	// time constant of one hour. 0 is none, so that draws do not depend on the
	// time of day; 0.09 is what was measured.
	Drift float64
	// NoStalls leaves out the rare stalls (5 s to 60 s) of the Measured profile.
	NoStalls bool
	// EventsPerSecond, TokensPerEvent and TTFT shape the Steady profile. Zero is
	// 50 events per second, 4 tokens each, the first one at once. Answers there
	// have exactly Answer × max_tokens tokens.
	EventsPerSecond float64
	TokensPerEvent  int
	TTFT            time.Duration
	// PingEvery is the longest silence inside a stream before a ping. 0 is 30 s.
	PingEvery time.Duration
	// Load (YAML load) says how own load slows the API. Zero is flat: it does not.
	Load Load

	// Answer is the median length of an answer as a share of max_tokens. 0 is 0.25.
	Answer float64
	// AnswerCap bounds that median, tokens. 0 is 400; negative is no bound.
	AnswerCap int

	// Tier is a preset of rate limits: start, build, scale, tier1 to tier4.
	// "" is no limits.
	Tier string
	// Limits sets the limits of single classes (see [Classes]), over the tier;
	// the key "*" sets those of every class it does not name.
	Limits map[string]Limits

	// InputEstimate (YAML input_estimate) is what the limits take for a request's
	// input when it starts, as a share of the true count, which they are corrected
	// to when the answer begins. 0 is 1.
	InputEstimate float64
	// Ramp (YAML ramp) limits how fast the requests of a class may grow. Zero does not.
	Ramp Ramp
	// SpendCap (YAML spend_cap) is the dollars a calendar month (UTC) may cost, by
	// the published prices; beyond, everything is refused until the next. 0 is the
	// tier's: 500, 1,000 and 200,000 for start, build and scale, else none.
	// Negative is none.
	SpendCap float64

	// AnyModel is a class (see [Classes]); unknown model names are served as its
	// newest model. "" answers them with 404.
	AnyModel string
	// Keys are the API keys accepted. Empty accepts any.
	Keys []string
	// Faults are what goes wrong, rule by rule; see [Fault]. A request can bring
	// its own in the header x-sim-fault.
	Faults []Fault
	// TruthSize is how many records are kept, the latest. 0 is 65,536.
	TruthSize int
	// Log gets a line per request. Nil is silence.
	Log *slog.Logger
}

// withDefaults fills in what zero stands for and takes copies of what is shared.
func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.Profile == "" {
		c.Profile = Measured
	}
	if c.EventsPerSecond == 0 {
		c.EventsPerSecond = 50
	}
	if c.TokensPerEvent == 0 {
		c.TokensPerEvent = 4
	}
	if c.PingEvery == 0 {
		c.PingEvery = 30 * time.Second
	}
	if c.Answer == 0 {
		c.Answer = 0.25
	}
	if c.AnswerCap == 0 {
		c.AnswerCap = 400
	}
	if c.TruthSize == 0 {
		c.TruthSize = 65_536
	}
	if c.InputEstimate == 0 {
		c.InputEstimate = 1
	}
	if c.SpendCap == 0 {
		c.SpendCap = spendCap(c.Tier)
	}
	c.Load, c.Ramp = c.Load.withDefaults(), c.Ramp.withDefaults()
	c.Latency, c.Limits = maps.Clone(c.Latency), maps.Clone(c.Limits)
	c.Keys, c.Faults = slices.Clone(c.Keys), slices.Clone(c.Faults)
	return c
}

// check returns every mistake at once.
func (c Config) check() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf("sim: "+format, args...)) }
	oneOf := func(what, name string, list []string) {
		if !known(list, name) {
			bad("unknown %s %q (one of %s)", what, name, strings.Join(list, ", "))
		}
	}
	oneOf("profile", c.Profile, []string{Measured, Instant, Steady})
	if c.Tier != "" {
		oneOf("tier", c.Tier, tierNames())
	}
	if c.AnyModel != "" {
		oneOf("model class", c.AnyModel, Classes())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Latency)) {
		oneOf("latency row", name, slices.Sorted(maps.Keys(measured())))
		if err := c.Latency[name].check(); err != nil {
			bad("latency %q: %v", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Limits)) {
		oneOf("class of limits", name, append(Classes(), countTokens, "*"))
		if l := c.Limits[name]; min(l.Requests, l.InputTokens, l.OutputTokens) < 0 || min(l.Depth, l.Window) < 0 {
			bad("limits of %q: negative", name)
		}
	}
	if c.Answer < 0 || c.EventsPerSecond < 0 || c.TokensPerEvent < 0 || c.Drift < 0 ||
		c.TTFT < 0 || c.PingEvery < 0 || c.TruthSize < 0 {
		bad("a length, rate or time is negative")
	}
	if err := c.Load.check(); err != nil {
		bad("load: %v", err)
	}
	if !(c.InputEstimate > 0) {
		bad("input estimate %v is not above 0", c.InputEstimate)
	}
	if math.IsNaN(c.SpendCap) {
		bad("spend cap is not a number")
	}
	if !(c.Ramp.Growth >= 0) || c.Ramp.Free < 0 {
		bad("ramp: negative")
	}
	for i, f := range c.Faults {
		if err := f.check(); err != nil {
			bad("fault %d: %v", i+1, err)
		}
	}
	return errors.Join(all...)
}

// limitsOf returns the limits of a class: what the caller set, else the tier's.
func (c Config) limitsOf(class string) Limits {
	if l, ok := c.Limits[class]; ok {
		return l
	}
	if l, ok := c.Limits["*"]; ok && class != countTokens {
		return l
	}
	return tier(c.Tier)[class]
}
