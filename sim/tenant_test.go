package sim

import (
	"math"
	"testing"
	"time"
)

// Another tenant takes what it is told to from the buckets, at random moments,
// and no more than there is.
func TestTenant(t *testing.T) {
	const long = 10 * time.Hour
	start := time.Unix(0, 0)
	limits := Limits{Requests: 60, InputTokens: 60_000, OutputTokens: 6000}
	gateOf := func(seed uint64, other Tenant) *gate {
		return newSetting(Config{Seed: seed, Tenant: other, Limits: map[string]Limits{"*": limits}}, nil, start).gates["haiku-4.5"]
	}
	for _, other := range []Tenant{{}, {Requests: 20}, {Requests: 6, InputTokens: 5000, OutputTokens: 900}} {
		g := gateOf(1, other)
		for _, b := range []*bucket{&g.requests, &g.input, &g.output} {
			b.rate, b.size, b.level = 0, 1e9, 1e9 // what is taken stays taken
		}
		g.catchUp(start.Add(long))
		want := float64(other.Requests) * long.Minutes()
		took := 1e9 - g.requests.level
		if math.Abs(took-want) > 4*math.Sqrt(want) {
			t.Errorf("%+v took %v requests; want about %v", other, took, want)
		}
		if in, out := 1e9-g.input.level, 1e9-g.output.level; in != took*float64(other.InputTokens) || out != took*float64(other.OutputTokens) {
			t.Errorf("%+v took %v input and %v output tokens with %v requests", other, in, out, took)
		}
	}
	if a, b := gateOf(1, Tenant{Requests: 20}), gateOf(2, Tenant{Requests: 20}); a.tenant.next.Equal(b.tenant.next) {
		t.Error("another seed, the same moment")
	}
	greedy := gateOf(1, Tenant{Requests: 1000})
	greedy.catchUp(start.Add(long))
	if l := greedy.requests.level; l < 0 || l > 5 {
		t.Errorf("a tenant that wants more than there is leaves a level of %v", l)
	}
	set := newSetting(Config{Tenant: Tenant{Requests: 20}, Limits: map[string]Limits{countTokens: limits}}, nil, start)
	if set.gates[countTokens].tenant.rng != nil {
		t.Error("the tenant counts tokens, too")
	}
}

// The headers show it.
func TestTenantInHeaders(t *testing.T) {
	c := Config{Profile: Instant, Limits: map[string]Limits{"*": {Requests: 60, InputTokens: 60_000}}, Tenant: Tenant{Requests: 40, InputTokens: 1000}}
	bubble(t, c, func(t *testing.T, a *api) {
		time.Sleep(time.Minute)
		least := 60
		for range 60 {
			ans := a.post("/v1/messages", ask("claude-haiku-4-5", 20, "Hi", ""))
			least = min(least, header(t, ans.header, "Anthropic-Ratelimit-Requests-Remaining"))
			time.Sleep(time.Second)
		}
		if least > 45 || least < 0 {
			t.Errorf("least remaining %d; want what 100 a minute leave of 60", least)
		}
	})
}
