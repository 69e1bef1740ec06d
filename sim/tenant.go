package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Tenant is somebody else on the account, whose requests come at random moments
// and take from the limits of every class. Those that a limit has no room for
// are refused, as anyone's.
type Tenant struct {
	Requests     int `yaml:"requests"`      // a minute; 0 is nobody
	InputTokens  int `yaml:"input_tokens"`  // of each
	OutputTokens int `yaml:"output_tokens"` // of each, counted as it is admitted
}

// tenant is what the other tenant does to one class. The zero value is nobody.
type tenant struct {
	each Tenant
	rng  *rand.Rand
	next time.Time // of its requests
}

func newTenant(t Tenant, seed uint64, class string, now time.Time) tenant {
	if t.Requests == 0 {
		return tenant{}
	}
	h := fnv.New64a()
	h.Write([]byte(class))
	out := tenant{each: t, rng: rand.New(rand.NewPCG(seed^0x74656e616e74, h.Sum64())), next: now}
	out.wait()
	return out
}

// wait draws when its next request comes.
func (t *tenant) wait() {
	t.next = t.next.Add(seconds(t.rng.ExpFloat64() * 60 / float64(t.each.Requests)))
}

// catchUp refills the buckets to a moment, and takes what the tenant took before.
func (g *gate) catchUp(now time.Time) {
	for t := &g.tenant; t.rng != nil && !t.next.After(now); t.wait() {
		g.refill(t.next)
		if g.requests.wait(1) > 0 || g.window.wait(1) > 0 || g.input.wait(float64(t.each.InputTokens)) > 0 || g.output.wait(1) > 0 {
			continue
		}
		g.requests.take(1)
		g.window.take(1)
		g.input.take(float64(t.each.InputTokens))
		g.output.take(float64(t.each.OutputTokens))
	}
	g.refill(now)
}
