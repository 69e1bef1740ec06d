package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// caching is requests of a task at the given seconds whose answers begin after a
// second; each letter says what the cache did: w wrote, r read, - nothing.
func caching(did string, at ...int) []call.Result {
	var out []call.Result
	for i, sec := range at {
		r := ok(time.Duration(sec)*time.Second, 20, 100, time.Second)
		r.Index, r.Attempt, r.Task, r.FirstByte, r.FirstEvent = i, 1, "support", r.Sent+time.Second, r.Sent+time.Second
		switch did[i%len(did)] {
		case 'w':
			r.CacheWrite5m = 1000
		case 'r':
			r.CacheRead = 1000
		}
		out = append(out, r)
	}
	return out
}

func every(step, n int) []int {
	var at []int
	for i := range n {
		at = append(at, i*step)
	}
	return at
}

func TestCache(t *testing.T) {
	for _, c := range []struct {
		name string
		rs   []call.Result
		want string // id; "" for none
		said string
	}{
		{"written once, then read", caching("wrrrrrrrrrrrrrrrrrrr", every(10, 20)...), "", ""},
		{"written each time", caching("w", every(10, 20)...), "cache.always_write", "19 of 19 calls that a cached prefix of the same length was waiting for wrote it again"},
		{"read now and then", caching("wwwwwr", every(10, 24)...), "cache.evicted", "23 of 24 calls must have found their prefix, by the rules of the cache and our own arrivals; 4 did"},
		{"gone now and then", caching("wrrrrrrrrr", every(10, 60)...), "cache.evicted", "5 of 59 calls that one was waiting for wrote it again"},
		{"gone hardly ever", caching("w"+strings.Repeat("r", 99), every(10, 250)...), "", ""},
		{"gone twice of a few", caching("wrrrrrrrr", every(10, 22)...), "", ""},
		{"after pauses", caching("w", every(400, 10)...), "cache.expiry", "9 of 10 calls wrote one again after a pause"},
		{"after pauses of just the life", caching("wrrrrrrrrr", every(300, 10)...), "", ""},
		{"two expired", caching("wwwrrrrrrrrrrr", 0, 400, 800, 810, 820, 830, 840, 850, 860, 870, 880, 890, 900, 910), "", ""},
		{"all at once", caching("wwwwwwwwwwrrrrrrrrrr", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19), "cache.cold_stampede", "9 of 20 wrote one that another call was still writing"},
		{"a few at once", caching("wwwwwwrrrrrrrrrrrrrr", slices.Concat([]int{0, 0, 0, 0, 0, 0}, every(10, 14))...), "", ""},
		{"asked for in vain", caching("-", every(10, 20)...), "cache.never", "support asks for a cache of 5m; not one of its 20 answers"},
		{"too few to tell", caching("-", every(10, 5)...), "", ""},
	} {
		e := Evidence{Cache: map[string]string{"support": "5m"}, Price: func(_ string, u call.Usage) call.USD {
			return call.Dollar / 1e6 * call.USD(100*u.Input+125*u.CacheWrite5m+10*u.CacheRead) / 100
		}}
		for _, r := range c.rs {
			e.Add(r)
		}
		d := e.Diagnosis(valid(metrics.ClassLimits{}))
		want := []string{}
		if c.want != "" {
			want = append(want, c.want)
		}
		if got := ids(d.Findings); !slices.Equal(got, want) {
			t.Errorf("%s: findings = %v; want %v", c.name, got, want)
			continue
		}
		if c.want != "" && !strings.Contains(d.Findings[0].Title+"\n"+strings.Join(d.Findings[0].Evidence, "\n"), c.said) {
			t.Errorf("%s: %+v does not say %q", c.name, d.Findings[0], c.said)
		}
	}
}

// What it cost: a write instead of plain input, a write instead of a read.
func TestCacheLost(t *testing.T) {
	e := Evidence{Price: func(_ string, u call.Usage) call.USD {
		return call.Dollar / 1e6 * call.USD(100*u.Input+125*u.CacheWrite5m+10*u.CacheRead) / 100
	}}
	for _, r := range caching("w", every(10, 21)...) {
		e.Add(r)
	}
	d := e.Diagnosis(valid(metrics.ClassLimits{}))
	if want := "20,000 tokens written, $0.0050 more than without the cache"; d.Findings[0].Effect != want {
		t.Errorf("effect = %q; want %q", d.Findings[0].Effect, want)
	}
	e = Evidence{Price: e.Price}
	for _, r := range caching("w", every(400, 21)...) {
		e.Add(r)
	}
	d = e.Diagnosis(valid(metrics.ClassLimits{}))
	if want := "20,000 tokens written, $0.0230 more than reading it"; d.Findings[0].Effect != want {
		t.Errorf("effect = %q; want %q", d.Findings[0].Effect, want)
	}
}

// A prefix that was written in the warm-up is there in the main phase.
func TestCacheKnowsTheWarmUp(t *testing.T) {
	rs := caching("w", every(10, 20)...)
	rs[0].Phase = call.WarmUp
	var e Evidence
	for _, r := range rs {
		e.Add(r)
	}
	got := e.caches[cacheKey{"support", haiku}].replay()
	if got.calls != 19 || got.repeats != 19 || len(got.again) != 19 {
		t.Errorf("replay = %d calls, %d repeats, %d again; want 19 of each", got.calls, got.repeats, len(got.again))
	}
}

// Prefixes of different lengths are not one prefix written again and again.
func TestCacheTellsPrefixesApart(t *testing.T) {
	rs := caching("w", every(10, 20)...)
	for i := range rs {
		rs[i].CacheWrite5m += int64(100 * i)
	}
	if got := ids(diagnosed(rs).Findings); len(got) > 0 {
		t.Errorf("findings = %v; want none", got)
	}
}
