package sim

import (
	"log/slog"
	"maps"
	"slices"
	"time"
)

// The latency profiles of [Config.Profile].
const (
	Measured = "measured" // fitted to public measurements; see latency.go
	Instant  = "instant"  // no delay at all
	Steady   = "steady"   // a fixed number of events per second, for benchmarks
)

// The values of [Config.BillCut].
const (
	BillGenerated = "generated" // what had been generated
	BillFull      = "full"      // the whole answer, as if nobody had cut it
)

func profiles() []string { return []string{Measured, Instant, Steady} }

// Config says how a simulated API behaves. The zero value is a working one:
// measured latency, no limits, any key, no faults. The tags are the fields of a
// configuration file, which [ParseConfig] reads, and their bounds; numbers and
// times are 0 or more unless a tag says otherwise.
type Config struct {
	// Addr is where [Start] listens. "" is 127.0.0.1:0: a free port on loopback.
	Addr string `yaml:"addr"`
	// TLS serves HTTPS, with a self-signed certificate that is made at the start.
	TLS bool `yaml:"tls"`
	// CertOut is the file that [Start] writes that certificate to, in PEM: what a
	// client has to trust. "" is none; see also [Running.Cert].
	CertOut string `yaml:"cert_out"`
	// MaxConcurrentStreams is how many requests a client may have open on one
	// connection of HTTP/2. 0 is 250.
	MaxConcurrentStreams int `yaml:"max_concurrent_streams" most:"4294967295"`
	// Seed starts every draw. 0 is a seed like any other.
	Seed uint64 `yaml:"seed"`

	// Profile is Measured, Instant or Steady. "" is Measured.
	Profile string `yaml:"profile"`
	// Latency replaces rows of the Measured profile, by row name ("haiku",
	// "sonnet", "sonnet-5", "opus", "opus-5", "fable"). Nil keeps them.
	Latency map[string]Latency `yaml:"latency"`
	// Drift is the standard deviation of a slow common factor on ln(TTFT) with a
	// time constant of one hour. 0 is none, so that draws do not depend on the
	// time of day; 0.09 is what was measured.
	Drift float64 `yaml:"drift"`
	// NoStalls leaves out the rare stalls (5 s to 60 s) of the Measured profile.
	NoStalls bool `yaml:"no_stalls"`
	// EventsPerSecond, TokensPerEvent and TTFT shape the Steady profile. Zero is
	// 50 events per second, 4 tokens each, the first one at once. Answers there
	// have exactly Answer × max_tokens tokens.
	EventsPerSecond float64       `yaml:"events_per_second"`
	TokensPerEvent  int           `yaml:"tokens_per_event"`
	TTFT            time.Duration `yaml:"ttft"`
	// PingEvery is the longest silence inside a stream before a ping. 0 is 30 s.
	PingEvery time.Duration `yaml:"ping_every"`
	// Load says how own load slows the API. Zero is flat: it does not.
	Load Load `yaml:"load"`

	// Answer is the median length of an answer as a share of max_tokens. 0 is 0.25.
	Answer float64 `yaml:"answer"`
	// AnswerCap bounds that median, tokens. 0 is 400; negative is no bound.
	AnswerCap int `yaml:"answer_cap" least:"-"`

	// Tier is a preset of rate limits: start, build, scale, tier1 to tier4.
	// "" is no limits.
	Tier string `yaml:"tier"`
	// Limits sets the limits of single classes (see [Classes]), over the tier;
	// the key "*" sets those of every class it does not name.
	Limits map[string]Limits `yaml:"limits"`

	// InputEstimate is what the limits take for a request's
	// input when it starts, as a share of the true count, which they are corrected
	// to when the answer begins. 0 is 1.
	InputEstimate float64 `yaml:"input_estimate"`
	// Ramp limits how fast the requests of a class may grow. Zero does not.
	Ramp Ramp `yaml:"ramp"`
	// Tenant is somebody else who takes from the same limits. Zero is nobody.
	Tenant Tenant `yaml:"tenant"`
	// SpendCap is the dollars a calendar month (UTC) may cost, by
	// the published prices; beyond, everything is refused until the next. 0 is the
	// tier's: 500, 1,000 and 200,000 for start, build and scale, else none.
	// Negative is none.
	SpendCap float64 `yaml:"spend_cap" least:"-"`

	// BillCut says what is billed for the output of an answer that ended early:
	// BillGenerated, which "" is too, or BillFull. What the API bills is not
	// published.
	BillCut string `yaml:"bill_cut"`

	// AnyModel is a class (see [Classes]); unknown model names are served as its
	// newest model. "" answers them with 404.
	AnyModel string `yaml:"any_model"`
	// Keys are the API keys accepted. Empty accepts any.
	Keys []string `yaml:"keys"`
	// Faults are what goes wrong, rule by rule; see [Fault]. A request can bring
	// its own in the header x-sim-fault.
	Faults []Fault `yaml:"faults"`
	// TruthSize is how many records are kept, the latest. 0 is 65,536.
	TruthSize int `yaml:"truth_size"`
	// Log gets a line per request. Nil is silence.
	Log *slog.Logger
}

// withDefaults is a copy with what zero stands for filled in.
func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.MaxConcurrentStreams == 0 {
		c.MaxConcurrentStreams = 250
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
	if c.BillCut == "" {
		c.BillCut = BillGenerated
	}
	if c.SpendCap == 0 {
		c.SpendCap = spendCap(c.Tier)
	}
	c.Load, c.Ramp = c.Load.withDefaults(), c.Ramp.withDefaults()
	return c.clone()
}

// clone is a copy that shares nothing.
func (c Config) clone() Config {
	c.Latency, c.Limits = maps.Clone(c.Latency), maps.Clone(c.Limits)
	c.Keys, c.Faults = slices.Clone(c.Keys), slices.Clone(c.Faults)
	return c
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
