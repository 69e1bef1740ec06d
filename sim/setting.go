package sim

import "time"

// setting is a configuration in force, and what follows from it. It is never
// changed: another takes its place, and requests under way keep theirs.
type setting struct {
	given       Config // as asked for
	config      Config // with its defaults
	models      catalogue
	latency     map[string]Latency
	gates       map[string]*gate // by class; absent is no limit
	service     *service
	faultsSince time.Time // what their windows count from
}

// newSetting makes a setting of a configuration that has been checked. What is
// as it was before stays; limits that are not are full. Before is nil at first.
func newSetting(given Config, before *setting, now time.Time) *setting {
	c := given.withDefaults()
	set := &setting{given: given.clone(), config: c, models: newCatalogue(c.AnyModel), latency: measured(), gates: make(map[string]*gate)}
	for name, row := range c.Latency {
		set.latency[name] = row
	}
	for _, class := range append(Classes(), countTokens) {
		if g := newGate(c.limitsOf(class), c.Ramp, now); g != nil {
			if class != countTokens {
				g.tenant = newTenant(c.Tenant, c.Seed, class, now)
			}
			set.gates[class] = g
		}
	}
	if before == nil {
		set.service, set.faultsSince = newService(c.Load), now
		return set
	}
	for class := range set.gates {
		old := before.config
		if before.gates[class] != nil && old.limitsOf(class) == c.limitsOf(class) && old.Ramp == c.Ramp && old.Tenant == c.Tenant {
			set.gates[class] = before.gates[class]
		}
	}
	set.service, set.faultsSince = before.service, before.faultsSince
	if before.config.Load != c.Load {
		set.service = newService(c.Load)
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
