package sim

import "time"

// setting is a configuration in force, and what follows from it. It is never
// changed: another takes its place, and requests under way keep theirs.
type setting struct {
	config      Config // with its defaults
	models      catalogue
	latency     map[string]Latency
	gates       map[string]*gate // by class; absent is no limit
	service     *service
	faultsSince time.Time // what their windows count from
}

// newSetting makes a setting of a configuration that has been checked. Every
// limit is full.
func newSetting(c Config, now time.Time) *setting {
	set := &setting{
		config: c, models: newCatalogue(c.AnyModel), latency: measured(), gates: make(map[string]*gate),
		service: newService(c.Load), faultsSince: now,
	}
	for name, row := range c.Latency {
		set.latency[name] = row
	}
	for _, class := range append(Classes(), countTokens) {
		if g := newGate(c.limitsOf(class), c.Ramp, now); g != nil {
			set.gates[class] = g
		}
	}
	return set
}

// latencyOf is the row of a model under the configured profile.
func (set *setting) latencyOf(m *model) Latency {
	if set.config.Profile == Measured {
		row := set.latency[m.latency]
		if set.config.NoStalls {
			row.StallShare = 0
		}
		return row
	}
	return Latency{TokensPerEvent: 16}
}
