package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/estimate"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/workload"
	"github.com/tokenload/tokenload/sim"
)

// simConfig is the embedded simulator as a plan wants it.
func simConfig(p *plan.Plan, tier string) sim.Config {
	if tier == "" {
		tier = p.Sim.Tier
	}
	return sim.Config{
		Seed: p.Seed, Profile: p.Sim.Profile, Answer: p.Sim.Answer, Tier: tier,
		AnyModel: "haiku-4.5", // a model of the user's own has a price of his own, and needs an answer
	}
}

// forecast is what a plan is expected to do, and on what grounds.
type forecast struct {
	estimate.Estimate
	limits  string   // where the limits are from; "" is that there are none
	assumed []string // what the figures rest on
	advice  []string
}

// grounds are what a plan is held against, beside itself.
type grounds struct {
	limits map[string]limit.Rates
	from   string    // where the limits are from; "" is that there are none
	like   answersOf // of an earlier run; nil is the simulator's
	run    string    // that run
}

// forecastOf walks through a plan with an earlier run's answers, or the simulator's.
func forecastOf(l loaded, g grounds) (forecast, error) {
	p := l.plan
	mix, err := workload.New(p.Seed, p.Tasks, p.Checks)
	if err != nil {
		return forecast{}, err
	}
	if _, err := rehearsed(l); err != nil {
		return forecast{}, err
	}
	c := estimate.Config{Plan: p, Mix: mix, Limits: g.limits, Refusal: refusalTime(l.target), API: func() estimate.API {
		api, _ := rehearsed(l) // it could be made a moment ago
		return g.like.api(p, api)
	}}
	f := forecast{Estimate: estimate.Of(c), limits: g.from}
	f.assumed = assumptions(l, g, f.Estimate)
	f.advice = advice(c, f)
	return f, nil
}

// refusalTime is how long a 429 takes: on loopback hardly anything, from afar a
// round trip and a little, by assumption.
func refusalTime(t target) time.Duration {
	if t.sim() {
		return 500 * time.Microsecond
	}
	return 100 * time.Millisecond
}

// rehearsed is the simulator as the API of an estimate.
func rehearsed(l loaded) (estimate.API, error) {
	c := simConfig(l.plan, "")
	if !l.target.sim() {
		c.Profile, c.Answer = "", 0 // what a plan wants of the simulator is not what an API does
	}
	r, err := sim.Rehearse(c)
	if err != nil {
		return nil, fmt.Errorf("rehearse the plan: %w", err)
	}
	ask := r.Ask
	if l.plan.Target.Chat() {
		ask = r.AskChat
	}
	return func(at time.Duration, req call.Request) (estimate.Answer, error) {
		a, err := ask(at, req.Body)
		if err != nil {
			return estimate.Answer{}, err
		}
		u := call.Usage{
			Input: int64(a.InputTokens), CacheWrite5m: int64(a.CacheWrite5m), CacheWrite1h: int64(a.CacheWrite1h), CacheRead: int64(a.CacheRead),
			Output: int64(a.OutputTokens), Thinking: int64(a.ThinkingTokens), Geo: a.Geo,
		}
		if a.Fast {
			u.Speed = "fast"
		}
		return estimate.Answer{Usage: u, Begins: a.Begins, Ends: a.Ends, Accept: a.Accept}, nil
	}, nil
}

// assumptions are what a reader must know to trust the figures as far as they go.
func assumptions(l loaded, g grounds, e estimate.Estimate) []string {
	var all []string
	switch {
	case g.like != nil:
		all = g.like.words(g.run, l.plan)
	case l.target.sim():
		all = append(all, "answers and times are those that the simulator draws for this plan and seed")
	default:
		all = append(all, "length of answers and times are the simulator's model of the API, not this API's: "+
			"a median of a quarter of max_tokens, at most 400 tokens; input tokens are estimated from bytes, as the tokenizer is not public")
	}
	for _, c := range e.Classes {
		if _, ok := g.limits[c.Name]; !ok && len(g.limits) > 0 {
			all = append(all, fmt.Sprintf("the limits %s name none of %s, only of %s", g.from, c.Name, strings.Join(limit.ClassesOf(g.limits), ", ")))
		}
	}
	if !l.plan.SeedGiven {
		all = append(all, "the plan has no seed: a run draws its own and differs by chance")
	}
	if !e.Whole {
		all = append(all, "the plan is large: its first 100,000 requests were looked at, the rest is in proportion")
	}
	if e.Rejected > 0 {
		all = append(all, fmt.Sprintf("%d requests would be refused as invalid: %s", e.Rejected, e.Rejection))
	}
	return all
}

// advice says what would clear the limits that the plan meets.
func advice(c estimate.Config, f forecast) []string {
	class, o := f.Binding()
	what := fmt.Sprintf("%s of %s", o.Kind, class)
	var lines []string
	switch {
	case o.FirstHeld > 0:
		lines = []string{what + " holds requests back from " + shortTime(o.FirstHeld) + " on", longest(c, f)}
	case o.First429 > 0:
		lines = []string{what + " refuses from " + shortTime(o.First429) + " on", longest(c, f)}
	case o.Empties > 0:
		return []string{what + " has no room for this load; the run is only too short to meet it", forEver(c, f), raised(o, func() string { return roomyTier(f) })}
	default:
		return nil
	}
	if c.Plan.OnLimit.Mode == limit.Measure {
		lines = append(lines, "on_limit: avoid would hold requests back instead, obey would try again")
	}
	return append(lines, raised(o, func() string { return clearingTier(c) }))
}

// raised says what would clear a limit: a tier, where tiers have such a one.
func raised(o estimate.Offer, tier func() string) string {
	if o.Kind == call.LimitTokens {
		return "a limit on tokens as a whole is the workspace's or the server's own, whatever the tier: raise it there"
	}
	return tier()
}

// longest says how much of the load would go free for the length of the plan, and
// how much for ever.
func longest(c estimate.Config, f forecast) string {
	const free = "no 429 in a run of this length with "
	about := func(exact bool) string {
		if exact {
			return ""
		}
		return "about "
	}
	if c.Plan.Load.Mode == plan.Users {
		n, exact := estimate.MostUsers(c, f.Estimate)
		return fmt.Sprintf("%s%sat most %d of its %d users; %s", free, about(exact), n, c.Plan.Load.Users, forEver(c, f))
	}
	r, exact := estimate.MostRate(c, f.Estimate)
	return fmt.Sprintf("%s%sat most %.3g arrivals a second at the peak; %s", free, about(exact), r, forEver(c, f))
}

// forEver says how much of the load no limit would refuse, however long it went on.
func forEver(c estimate.Config, f forecast) string {
	part := estimate.Sustained(f.Estimate)
	if c.Plan.Load.Mode == plan.Users {
		return fmt.Sprintf("for ever with about %.1f users", part*float64(c.Plan.Load.Users))
	}
	return fmt.Sprintf("for ever with about %.3g a second", part*c.Plan.Load.Profile.Peak())
}

// clearingTier names the smallest of today's tiers under which nothing is refused.
func clearingTier(c estimate.Config) string {
	sets, names, asOf := currentTiers()
	if i := estimate.Clears(c, sets); i >= 0 {
		return fmt.Sprintf("tier %s would clear it (limits of %s)", names[i], asOf)
	}
	return noTier
}

// roomyTier names the smallest of today's tiers that has room for the load.
func roomyTier(f forecast) string {
	sets, names, asOf := currentTiers()
	if i := estimate.Sustains(f.Estimate, sets); i >= 0 {
		return fmt.Sprintf("tier %s has room for it (limits of %s)", names[i], asOf)
	}
	return noTier
}

const noTier = "no published tier would clear it: spread the load, cache prompts, or ask for limits of your own"

// currentTiers are the tiers that an organization can have today, the smallest first.
func currentTiers() (sets []map[string]limit.Rates, names []string, asOf string) {
	tiers, asOf := limit.Tiers()
	for _, t := range tiers {
		if t.Current {
			sets, names = append(sets, t.Classes), append(names, t.Name)
		}
	}
	return sets, names, asOf
}

// limitsFrom finds the limits to hold a plan against: a tier's, a file's or a run's.
func limitsFrom(tier, file string, l loaded) (limits map[string]limit.Rates, from string, err error) {
	switch {
	case tier != "" && file != "":
		return nil, "", usageError{errors.New("--tier and --limits at once: give one of them")}
	case file != "":
		limits, err = readLimits(file)
		return limits, "of " + file, err
	case tier == "" && l.target.sim():
		tier = l.plan.Sim.Tier
	}
	if tier == "" {
		return nil, "", nil
	}
	t, err := limit.TierNamed(tier)
	if err != nil {
		return nil, "", usageError{err}
	}
	return t.Classes, "of tier " + tier, nil
}

// readLimits reads a file of limits, or the summary of a run directory.
func readLimits(name string) (map[string]limit.Rates, error) {
	path := name
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		path = filepath.Join(name, store.SummaryFile)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, notExist(fmt.Errorf("read limits: %w", err), "tokenload limits --json writes such a file; a run directory will do, too")
	}
	all, err := limit.ParseRates(src)
	if err != nil {
		return nil, hinted{fmt.Errorf("read limits %q: %w", path, err), `a file has {"limits": [{"class": "haiku-4.5", "requests": 1000, "input_tokens": 2000000, "output_tokens": 400000}]}`}
	}
	return all, nil
}
