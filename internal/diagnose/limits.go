package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/metrics"
)

// kinds are the limits a 429 can come from. On a tie the first one is named.
var kinds = [...]call.LimitKind{call.LimitSpend, call.LimitRamp, call.LimitOutputTokens, call.LimitInputTokens,
	call.LimitRequests, call.LimitTokens, call.LimitUnknown}

// classLoad is what one model class was asked for and what it refused.
type classLoad struct {
	name              string
	attempts, limited int
	retries           int // attempts after the first of a request
	byKind            map[call.LimitKind]int
	perSecond         map[int]second

	start, end   time.Duration // of the attempts' starts
	first, last  time.Duration // of the 429s' starts
	empty        map[call.LimitKind]int
	silent       int // 429s whose headers named no limit
	waits        int // 429s with retry-after
	maxWait      float64
	firstMessage string

	// Of all phases, as a bucket knows of no warm-up.
	asks []ask
	said map[call.LimitKind][]limit.Said

	ok                 int
	tokensIn, tokenOut int64         // of the ok ones; tokensIn without cache reads, which no limit counts
	busy               time.Duration // sum of service_e2e of the ok ones
}

type second struct{ attempts, limited int }

func (c *classLoad) add(r call.Result) {
	if c.attempts == 0 || r.Started < c.start {
		c.start = r.Started
	}
	c.end = max(c.end, r.Started)
	c.attempts++
	if r.Attempt > 1 {
		c.retries++
	}
	at := int(r.Started / time.Second)
	if c.perSecond == nil {
		c.perSecond, c.byKind, c.empty = map[int]second{}, map[call.LimitKind]int{}, map[call.LimitKind]int{}
	}
	sec := c.perSecond[at]
	sec.attempts++
	switch r.Class {
	case call.RateLimited:
		sec.limited++
		c.addLimited(r)
	case call.OK:
		c.ok++
		c.tokensIn += r.Input + r.CacheWrite5m + r.CacheWrite1h
		c.tokenOut += r.Output
		c.busy += r.ServiceE2E()
	}
	c.perSecond[at] = sec
}

func (c *classLoad) addLimited(r call.Result) {
	if c.limited == 0 || r.Started < c.first {
		c.first = r.Started
		c.firstMessage = message(r)
	}
	c.last = max(c.last, r.Started)
	c.limited++
	c.byKind[cmp.Or(r.LimitedBy, call.LimitUnknown)]++
	if r.RetryAfter != nil {
		c.waits++
		c.maxWait = max(c.maxWait, *r.RetryAfter)
	}
	if r.Limits.IsZero() {
		c.silent++
	}
	for kind, l := range headers(r.Limits) {
		if l.Remaining != nil && *l.Remaining <= 0 {
			c.empty[kind]++
		}
	}
}

func message(r call.Result) string {
	if r.Err == nil {
		return ""
	}
	return r.Err.Message
}

// headers yields the limits that were mentioned.
func headers(l call.Limits) map[call.LimitKind]*call.Limit {
	m := map[call.LimitKind]*call.Limit{call.LimitRequests: l.Requests, call.LimitTokens: l.Tokens,
		call.LimitInputTokens: l.InputTokens, call.LimitOutputTokens: l.OutputTokens}
	maps.DeleteFunc(m, func(_ call.LimitKind, l *call.Limit) bool { return l == nil })
	return m
}

func (c *classLoad) share() float64 { return float64(c.limited) / float64(c.attempts) }

// kind is the limit that most of the 429s name.
func (c *classLoad) kind() call.LimitKind {
	best := kinds[0]
	for _, k := range kinds {
		if c.byKind[k] > c.byKind[best] {
			best = k
		}
	}
	return best
}

// perRequest is what one request takes of a limit; 0 where that cannot be said.
func (c *classLoad) perRequest(k call.LimitKind) float64 {
	switch {
	case k == call.LimitRequests:
		return 1
	case c.ok == 0:
		return 0
	case k == call.LimitInputTokens:
		return float64(c.tokensIn) / float64(c.ok)
	case k == call.LimitOutputTokens:
		return float64(c.tokenOut) / float64(c.ok)
	case k == call.LimitTokens:
		return float64(c.tokensIn+c.tokenOut) / float64(c.ok)
	}
	return 0
}

// rate is attempts per second in the seconds from the first 429 to the last:
// what was offered when it was too much.
func (c *classLoad) rate() float64 {
	from, to := int(c.first/time.Second), int(c.last/time.Second)
	n := 0
	for at, s := range c.perSecond {
		if at >= from && at <= to {
			n += s.attempts
		}
	}
	return float64(n) / float64(to-from+1)
}

// limits returns one finding for each model class that was refused often
// enough, the most refused first.
func (e *Evidence) limits(s metrics.Summary) outcome {
	var hit []*classLoad
	limited := 0
	for _, name := range slices.Sorted(maps.Keys(e.classes)) {
		c := e.classes[name]
		limited += c.limited
		if c.attempts > 0 && c.share() > shareBound {
			hit = append(hit, c)
		}
	}
	slices.SortStableFunc(hit, func(a, b *classLoad) int { return cmp.Compare(b.share(), a.share()) })
	out := outcome{needs: enough(e.attempts, "attempts")}
	for _, c := range hit {
		f := c.finding(s)
		if float64(limited) <= shareBound*float64(e.attempts) {
			f.Severity = Medium // a small class of a run that is otherwise well
		}
		out.findings = append(out.findings, f)
	}
	return out
}

func (c *classLoad) finding(s metrics.Summary) Finding {
	k := c.kind()
	use := limitUse(s, c.name, k)
	b := c.bucketsOf(k)
	fits, remain, ruledOut := b.words(k)
	return Finding{
		ID: limitID(k), Severity: High,
		Title:           fmt.Sprintf("%s of %s attempts answered 429: %s", percent(c.share()), c.name, cause(k)),
		Effect:          c.effect(),
		Evidence:        append(c.evidence(k, use), fits...),
		Rivals:          ruledOut,
		Recommendations: c.advice(k, use),
		Disproof:        disproof(k),
		Next:            c.next(k, b),
		Weight:          weakest(counted(c.byKind[k], c.limited), over(c.limited, c.attempts, shareBound)), Remain: remain,
	}
}

func cause(k call.LimitKind) string {
	switch k {
	case call.LimitRequests:
		return "the limit on requests per minute"
	case call.LimitInputTokens:
		return "the limit on input tokens per minute"
	case call.LimitOutputTokens:
		return "the limit on output tokens per minute"
	case call.LimitTokens:
		return "the limit on tokens per minute"
	case call.LimitRamp:
		return "the load grew faster than the API lets it"
	case call.LimitSpend:
		return "a spend cap is reached"
	}
	return "by which limit, the server did not say"
}

func named(k call.LimitKind) string {
	if k == call.LimitUnknown {
		return "no limit"
	}
	return string(k)
}

// limitUse finds what the headers said of a limit; nil where nothing was said.
func limitUse(s metrics.Summary, class string, k call.LimitKind) *metrics.LimitUse {
	i := slices.IndexFunc(s.Limits, func(l metrics.ClassLimits) bool { return l.Class == class })
	if i < 0 {
		return nil
	}
	var use *metrics.LimitUse
	switch l := s.Limits[i]; k {
	case call.LimitRequests:
		use = l.Requests
	case call.LimitTokens:
		use = l.Tokens
	case call.LimitInputTokens:
		use = l.InputTokens
	case call.LimitOutputTokens:
		use = l.OutputTokens
	}
	if use == nil || !use.Limit.Known() || use.Limit <= 0 {
		return nil
	}
	return use
}

func (c *classLoad) evidence(k call.LimitKind, use *metrics.LimitUse) []string {
	out := []string{fmt.Sprintf("%s of %s attempts answered 429 (%s); %s of them name %s",
		count(int64(c.limited)), count(int64(c.attempts)), percent(c.share()), count(int64(c.byKind[k])), named(k))}
	hit := 0
	for _, s := range c.perSecond {
		if s.limited > 0 {
			hit++
		}
	}
	out = append(out, fmt.Sprintf("the first came at %s, the last at %s; they fell in %d of the %d seconds in which requests were sent",
		seconds(c.first), seconds(c.last), hit, len(c.perSecond)))
	if use != nil && use.MinRemaining.Known() {
		out = append(out, fmt.Sprintf("headers: limit %s per minute, lowest remaining %s (%s)", count(int64(use.Limit)),
			count(int64(use.MinRemaining)), percent(float64(use.MinRemaining/use.Limit))))
	}
	for _, kind := range kinds {
		if n := c.empty[kind]; n > 0 {
			out = append(out, fmt.Sprintf("headers: nothing remaining of %s on %d of the 429s", kind, n))
		}
	}
	if c.silent > 0 {
		out = append(out, fmt.Sprintf("%d of the 429s carried no limit headers", c.silent))
	}
	if c.waits > 0 {
		out = append(out, fmt.Sprintf("retry-after was at most %s s", number(c.maxWait)))
	}
	if k == call.LimitUnknown && c.firstMessage != "" {
		out = append(out, "the server's words: "+c.firstMessage)
	}
	if k == call.LimitUnknown {
		if would := c.unnamed(); would != "" {
			out = append(out, would)
		}
	}
	return out
}

// sustained is the rate per second that a limit lets through for good, and
// whether it can be said.
func (c *classLoad) sustained(k call.LimitKind, use *metrics.LimitUse) (perSecond float64, ok bool) {
	per := c.perRequest(k)
	if use == nil || per <= 0 {
		return 0, false
	}
	return float64(use.Limit) / per / 60, true
}

// inFlight is how many requests a rate keeps in flight (Little's law), from the
// mean service_e2e of the ones that ended ok.
func (c *classLoad) inFlight(perSecond float64) int {
	if c.ok == 0 {
		return 0
	}
	return max(int(math.Floor(perSecond*c.busy.Seconds()/float64(c.ok))), 1)
}
