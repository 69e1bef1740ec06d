package sim

import (
	"slices"
	"time"
)

// Limits are the rate limits of one class. Zero of any of the three is no limit.
type Limits struct {
	Requests     int `yaml:"requests"`      // per minute
	InputTokens  int `yaml:"input_tokens"`  // per minute; cache reads do not count
	OutputTokens int `yaml:"output_tokens"` // per minute, as generated; max_tokens does not count

	// Depth is how much a bucket holds, as time of its refill. 0 is one minute:
	// the bucket holds one minute of limit, the plain reading of the
	// documentation, which does not publish it.
	Depth time.Duration `yaml:"depth"`
	// Window, if set, also holds requests to Requests/60 per second with bursts
	// of no more than this much time: the documented "shorter intervals".
	Window time.Duration `yaml:"window"`
}

// tierNames lists the presets of [Config.Tier].
func tierNames() []string {
	return []string{"start", "build", "scale", "tier1", "tier2", "tier3", "tier4"}
}

// tier returns the limits of every class under a named preset, the counting
// endpoint's among them under countTokens; nil for an unknown name.
//
// start, build and scale are the published table (August to October 2026;
// build and scale of opus-5.5 and sonnet-5.5 follow the pattern of their
// neighbours). tier1 to tier4 are the older scheme, kept as small presets:
// tier 1 and tier 4 of the 4.x classes are published figures, tier 2 and tier 3
// and every newer class in them are assumptions.
func tier(name string) map[string]Limits {
	type row struct{ std, myth, sonnet, haiku, opus, count Limits }
	of := func(r, i, o int) Limits { return Limits{Requests: r, InputTokens: i, OutputTokens: o} }
	same := func(std, myth Limits, count int) row {
		return row{std, myth, std, std, std, Limits{Requests: count}}
	}
	var r row
	switch name {
	case "start":
		r = same(of(1_000, 2_000_000, 400_000), of(1_000, 500_000, 100_000), 2_000)
	case "build":
		r = same(of(5_000, 5_000_000, 1_000_000), of(2_000, 1_500_000, 300_000), 4_000)
	case "scale":
		r = same(of(10_000, 10_000_000, 2_000_000), of(4_000, 4_000_000, 800_000), 8_000)
	case "tier1":
		r = row{sonnet: of(50, 30_000, 8_000), haiku: of(50, 50_000, 10_000), opus: of(50, 500_000, 80_000), count: of(100, 0, 0)}
	case "tier2":
		r = row{sonnet: of(1_000, 450_000, 90_000), haiku: of(1_000, 450_000, 90_000), opus: of(1_000, 1_000_000, 160_000), count: of(2_000, 0, 0)}
	case "tier3":
		r = row{sonnet: of(2_000, 800_000, 160_000), haiku: of(2_000, 1_000_000, 200_000), opus: of(2_000, 2_000_000, 400_000), count: of(4_000, 0, 0)}
	case "tier4":
		r = row{sonnet: of(4_000, 2_000_000, 400_000), haiku: of(4_000, 4_000_000, 800_000), opus: of(4_000, 10_000_000, 800_000), count: of(8_000, 0, 0)}
	default:
		return nil
	}
	if r.myth == (Limits{}) {
		r.myth = r.sonnet
	}
	byFamily := map[string]Limits{"fable": r.myth, "mythos": r.myth, "opus": r.opus, "sonnet": r.sonnet, "haiku": r.haiku}
	all := map[string]Limits{countTokens: r.count}
	for _, m := range models() {
		all[m.class] = byFamily[m.family]
	}
	return all
}

// spendCap is the monthly spend limit of a tier, US dollars; 0 is none.
func spendCap(tier string) float64 {
	switch tier {
	case "start":
		return 500
	case "build":
		return 1_000
	case "scale":
		return 200_000
	}
	return 0
}

// countTokens names the counting endpoint's own pool of requests.
const countTokens = "count_tokens"

func known(list []string, name string) bool { return slices.Contains(list, name) }
