package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// The prompt cache is a finding from here on.
const (
	minCached    = 6    // answers of a task, or repeats of one
	alwaysShare  = 0.95 // of the repeats that wrote again
	minExpired   = 3
	minStampede  = 6
	rewriteShare = 0.1  // of the answers
	sameLength   = 0.01 // by how much two writes of one prefix may differ
)

// cacheKey is what shares a prefix: the calls of a task to a model.
type cacheKey struct{ task, model string }

// cacheLoad is the calls of one key that used the cache, in all phases.
type cacheLoad struct {
	calls   []cacheCall
	plain   int     // calls of the main phase that neither wrote nor read
	prompts []int64 // of all calls, where the task asks for the cache
}

type cacheCall struct {
	started, ready time.Duration // ready: its answer began, so that what it wrote can be read
	main           bool
	usage          call.Usage
}

func (c cacheCall) wrote() int64 { return c.usage.CacheWrite5m + c.usage.CacheWrite1h }

func (c cacheCall) ttl() time.Duration {
	if c.usage.CacheWrite1h > 0 {
		return time.Hour
	}
	return 5 * time.Minute
}

func (e *Evidence) addCached(r call.Result) {
	if r.Class != call.OK || r.Cold { // a call that was made to miss says nothing
		return
	}
	if e.caches == nil {
		e.caches = map[cacheKey]*cacheLoad{}
	}
	key := cacheKey{r.Task, r.Model}
	l := e.caches[key]
	if l == nil {
		l = &cacheLoad{}
		e.caches[key] = l
	}
	if e.Cache[r.Task] != "" {
		l.prompts = append(l.prompts, r.Prompt())
	}
	c := cacheCall{r.Started, cmp.Or(r.FirstEvent, r.FirstByte, r.Done), r.Phase == call.Main || r.Phase == "", r.Usage}
	switch {
	case c.wrote() > 0 || r.CacheRead > 0:
		l.calls = append(l.calls, c)
	case c.main:
		l.plain++
	}
}

// rewrites is how the calls of one key used the cache in the main phase.
type rewrites struct {
	calls, used       int         // all, and those that wrote or read
	repeats           int         // calls that an entry was waiting for
	again             []cacheCall // those of them that wrote it again
	expired, stampede []cacheCall // writes of what had expired, of what another was still writing
	longestPause      time.Duration
}

// mostEntries is how many prefixes of one key are kept in mind, the last used.
const mostEntries = 64

// replay walks through the calls of a key in the order in which they left.
func (l *cacheLoad) replay() rewrites {
	slices.SortFunc(l.calls, func(a, b cacheCall) int {
		return cmp.Or(cmp.Compare(a.started, b.started), cmp.Compare(a.ready, b.ready), cmp.Compare(a.wrote(), b.wrote()))
	})
	out := rewrites{calls: l.plain}
	var entries []cachedEntry
	for _, c := range l.calls {
		alive, underWay, before := false, false, time.Duration(-1)
		for _, en := range entries {
			switch {
			case c.usage.CacheRead == 0 && !en.like(c): // another prefix
			case c.started > en.expires:
				before = max(before, en.used)
			case c.started < en.ready:
				underWay = true
			default:
				alive = true
			}
		}
		if c.main {
			out.add(c, alive, underWay, before)
		}
		entries = note(entries, c)
	}
	return out
}

// cachedEntry is a prefix that was written.
type cachedEntry struct {
	tokens               int64
	ready, used, expires time.Duration
}

// like reports whether a call wrote what this entry holds, as far as its length tells.
func (en cachedEntry) like(c cacheCall) bool {
	return math.Abs(float64(c.wrote()-en.tokens)) <= sameLength*float64(en.tokens)
}

// note keeps what a call wrote, and that it read.
func note(entries []cachedEntry, c cacheCall) []cachedEntry {
	written := cachedEntry{c.wrote(), c.ready, c.started, c.started + c.ttl()}
	known := false
	for i := range entries {
		en := &entries[i]
		switch {
		case c.usage.CacheRead > 0 && c.started >= en.ready && c.started <= en.expires:
			en.expires += c.started - en.used
			en.used = c.started
		case c.wrote() > 0 && en.like(c):
			known = true
			if c.started <= en.expires {
				written.ready = min(written.ready, en.ready)
			}
			*en = written
		}
	}
	if c.wrote() > 0 && !known {
		entries = append(entries, written)
	}
	if len(entries) > mostEntries {
		oldest := slices.MinFunc(entries, func(a, b cachedEntry) int { return cmp.Compare(a.used, b.used) })
		entries = slices.DeleteFunc(entries, func(en cachedEntry) bool { return en == oldest })
	}
	return entries
}

func (r *rewrites) add(c cacheCall, alive, underWay bool, before time.Duration) {
	r.calls++
	r.used++
	wrote := c.wrote() > 0 && c.usage.CacheRead == 0
	switch {
	case alive:
		r.repeats++
		if wrote {
			r.again = append(r.again, c)
		}
	case wrote && underWay:
		r.stampede = append(r.stampede, c)
	case wrote && before >= 0:
		r.expired = append(r.expired, c)
		r.longestPause = max(r.longestPause, c.started-before)
	}
}

// keys lists the keys in order.
func (e *Evidence) keys() []cacheKey {
	return slices.SortedFunc(maps.Keys(e.caches), func(a, b cacheKey) int {
		return cmp.Or(cmp.Compare(a.task, b.task), cmp.Compare(a.model, b.model))
	})
}

// cacheUse is the rewrites of every key that used the cache; needs says why there is none.
func (e *Evidence) cacheUse() (uses map[cacheKey]rewrites, needs string) {
	uses = map[cacheKey]rewrites{}
	for key, l := range e.caches {
		if r := l.replay(); r.used >= minCached {
			uses[key] = r
		}
	}
	if len(uses) == 0 {
		return nil, fmt.Sprintf("%d answers of a task that wrote or read the prompt cache", minCached)
	}
	return uses, ""
}

// cacheNever looks for tasks that ask for caching and get none.
func (e *Evidence) cacheNever(metrics.Summary) outcome {
	if e.Cache == nil {
		return lacks("the tasks of the plan")
	}
	asked, judged := 0, 0
	var evidence []string
	for _, key := range e.keys() {
		if e.Cache[key.task] == "" {
			continue
		}
		asked++
		l := e.caches[key]
		if len(l.prompts) < minCached {
			continue
		}
		judged += len(l.prompts)
		if len(l.calls) == 0 {
			evidence = append(evidence, fmt.Sprintf("%s asks for a cache of %s; not one of its %s answers wrote or read one, at a median of %s prompt tokens",
				key.task, e.Cache[key.task], count(int64(len(l.prompts))), count(median(l.prompts))))
		}
	}
	switch {
	case asked == 0:
		return lacks("answers of a task that asks for caching (system: {cache: 5m})")
	case judged == 0:
		return lacks("%d answers of a task that asks for caching", minCached)
	}
	return one(Finding{
		ID: "cache.never", Severity: Medium,
		Title:    "the prompt cache is asked for and never used",
		Effect:   "every prompt is computed and paid for in full",
		Evidence: evidence,
		Weight:   weakest(counted(judged, judged)),
		Recommendations: []string{
			"Compare the shared beginning with what the model caches at least (512 to 4,096 tokens, by model): below that the API caches nothing, and says nothing.",
			"Move more of what the prompts share into the system prompt, or leave the cache out.",
		},
		Disproof: "with a system prompt of 5,000 tokens the task still caches nothing",
		Next:     "the same task with a system prompt of 5,000 tokens, ten requests",
	}, len(evidence) > 0)
}

// cacheAlwaysWrite looks for tasks that pay to write what they never read.
func (e *Evidence) cacheAlwaysWrite(metrics.Summary) outcome {
	uses, needs := e.cacheUse()
	if needs != "" {
		return lacks("%s", needs)
	}
	f := Finding{
		ID: "cache.always_write", Severity: High,
		Recommendations: []string{
			"Something near the beginning of the prompt changes from call to call: a time, an id, a name, an order of tools. Move it behind the cached part.",
			"Until then leave the cache out: a write costs a quarter more than plain input (5 minutes), or twice as much (1 hour).",
		},
		Disproof: "with a fixed system prompt, the second call writes again",
		Next:     "two requests, one after the other, with the very same system prompt",
	}
	var lost lost
	again, repeats := 0, 0
	for _, key := range e.keys() {
		r, ok := uses[key]
		if !ok || r.repeats < minCached || !r.alwaysWrites() {
			continue
		}
		again, repeats = again+len(r.again), repeats+r.repeats
		lost.add(e, key.model, r.again, asInput)
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %s of %s calls that a cached prefix of the same length was waiting for wrote it again", key.task, count(int64(len(r.again))), count(int64(r.repeats))))
	}
	f.Title = fmt.Sprintf("the prompt cache is written and not read: %s of repeats wrote again", percent(float64(again)/float64(max(repeats, 1))))
	f.Effect = lost.words("more than without the cache")
	f.Weight = weakest(counted(again, repeats))
	return one(f, again > 0)
}

func (r rewrites) alwaysWrites() bool { return float64(len(r.again)) >= alwaysShare*float64(r.repeats) }

// cacheExpiry looks for prefixes that are written again because nobody read them in time.
func (e *Evidence) cacheExpiry(metrics.Summary) outcome {
	return e.rewritten(minExpired, func(r rewrites) []cacheCall { return r.expired }, func(n, of int, longest time.Duration) Finding {
		return Finding{
			ID: "cache.expiry", Severity: Low,
			Title:    fmt.Sprintf("cached prefixes expire between calls: %s of %s calls wrote one again after a pause", count(int64(n)), count(int64(of))),
			Evidence: []string{fmt.Sprintf("the longest pause was %s", longest.Round(time.Second))},
			Recommendations: []string{
				"Ask for an hour (system: {cache: 1h}): a write costs twice the input instead of 1.25 times, and outlives the pauses. tokenload whatif says whether it pays.",
			},
			Disproof: "with an hour, as many calls write again",
			Next:     "the same plan with system: {cache: 1h}",
		}
	})
}

// cacheStampede looks for prefixes that many calls wrote at once.
func (e *Evidence) cacheStampede(metrics.Summary) outcome {
	return e.rewritten(minStampede, func(r rewrites) []cacheCall { return r.stampede }, func(n, of int, _ time.Duration) Finding {
		return Finding{
			ID: "cache.cold_stampede", Severity: Low,
			Title:    fmt.Sprintf("calls write the same prefix at once: %s of %s wrote one that another call was still writing", count(int64(n)), count(int64(of))),
			Evidence: []string{"a prefix can be read once the answer that writes it has begun; these calls left before that"},
			Recommendations: []string{
				"Warm the cache with one call, and let the others leave when its answer has begun.",
			},
			Disproof: "after one call that warms the cache, as many calls write",
			Next:     "the same plan with a warm_up at one request at a time",
		}
	})
}

// rewritten makes a finding of writes that others had made before.
func (e *Evidence) rewritten(least int, of func(rewrites) []cacheCall, finding func(n, of int, longest time.Duration) Finding) outcome {
	uses, needs := e.cacheUse()
	if needs != "" {
		return lacks("%s", needs)
	}
	var lost lost
	n, calls, longest := 0, 0, time.Duration(0)
	var evidence []string
	for _, key := range e.keys() {
		r, ok := uses[key]
		writes := of(r)
		if !ok || len(r.again) > 0 && r.alwaysWrites() || len(writes) < least || float64(len(writes)) <= rewriteShare*float64(r.calls) {
			continue
		}
		n, calls, longest = n+len(writes), calls+r.calls, max(longest, r.longestPause)
		lost.add(e, key.model, writes, asRead)
		evidence = append(evidence, fmt.Sprintf("%s: %s of %s calls", key.task, count(int64(len(writes))), count(int64(r.calls))))
	}
	if n == 0 {
		return outcome{}
	}
	f := finding(n, calls, longest)
	f.Evidence = append(evidence, f.Evidence...)
	f.Effect = lost.words("more than reading it")
	f.Weight = weakest(over(n, calls, rewriteShare))
	return one(f, true)
}

// lost is what cache writes cost that need not have been.
type lost struct {
	usd    call.USD
	tokens int64
	priced bool
}

func asInput(u call.Usage) call.Usage {
	u.Input += u.CacheWrite5m + u.CacheWrite1h
	u.CacheWrite5m, u.CacheWrite1h = 0, 0
	return u
}

func asRead(u call.Usage) call.Usage {
	u.CacheRead += u.CacheWrite5m + u.CacheWrite1h
	u.CacheWrite5m, u.CacheWrite1h = 0, 0
	return u
}

func (l *lost) add(e *Evidence, model string, calls []cacheCall, instead func(call.Usage) call.Usage) {
	for _, c := range calls {
		l.tokens += c.wrote()
		if e.Price != nil {
			l.priced = true
			l.usd += e.Price(model, c.usage) - e.Price(model, instead(c.usage))
		}
	}
}

func (l *lost) words(than string) string {
	out := []string{fmt.Sprintf("%s tokens written", count(l.tokens))}
	if l.priced {
		out = append(out, fmt.Sprintf("%s %s", l.usd, than))
	}
	return strings.Join(out, ", ")
}
