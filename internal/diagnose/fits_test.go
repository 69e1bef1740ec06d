package diagnose

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// throttled is n requests at random, a second and a half of them for each that a
// hidden bucket of 60 refills (a minute's worth is stored), or that chance refuses.
func throttled(n int, told bool, refuse func(rng *rand.Rand, level float64) bool) []call.Result {
	rng := rand.New(rand.NewPCG(3, 3))
	var out []call.Result
	level, last, at := 60.0, time.Duration(0), time.Duration(0)
	start := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for range n {
		at += time.Duration(rng.ExpFloat64() / 1.5 * float64(time.Second))
		level = min(60, level+(at-last).Seconds())
		last = at
		r := ok(at, 50, 100, 200*time.Millisecond)
		if refuse(rng, level) {
			r = limited(at, call.LimitRequests)
			r.FirstByte = r.Done
		} else {
			level--
			r.FirstByte = r.FirstContent
		}
		if told {
			limit, left := int64(60), int64(level)
			r.Limits.Requests = &call.Limit{Limit: &limit, Remaining: &left, Reset: start.Add(at + time.Duration((60-level)*float64(time.Second))).Truncate(time.Second).Add(time.Second)}
		}
		out = append(out, r)
	}
	return out
}

func TestLimitIsFitted(t *testing.T) {
	bucket := func(_ *rand.Rand, level float64) bool { return level < 1 }
	chance := func(rng *rand.Rand, _ float64) bool { return rng.Float64() < 0.5 }
	for _, c := range []struct {
		name string
		rs   []call.Result
		said []string
		not  string
	}{
		{"from 429s alone", throttled(900, false, bucket), []string{"fitted to the 429s alone: refills 60.", "requests per minute, holds 6", "that bucket foretells which attempts were refused", "0.90 requests/s (0.9 of what refills)"}, "rival explanation"},
		{"from both", throttled(900, true, bucket), []string{"fitted to the headers: refills ", "95% interval", "another tenant on the account: what came through while we were refused is "}, "rival explanation"},
		{"by chance", throttled(900, false, chance), []string{"rival explanation: that bucket does not foretell which attempts were refused"}, "chance, a limit on growth"},
		{"over seconds", hurried(throttled(900, true, bucket)), []string{"attempts answered 429"}, "fitted"},
		{"too few", throttled(80, false, bucket), []string{"attempts answered 429"}, "fitted"},
	} {
		fs := find(c.rs, valid(metrics.ClassLimits{}))
		if len(fs) == 0 || fs[0].ID != "limit.requests" {
			if c.name == "too few" {
				continue
			}
			t.Errorf("%s: findings = %v; want limit.requests", c.name, ids(fs))
			continue
		}
		all := strings.Join(append(append(fs[0].Evidence, fs[0].Rivals...), fs[0].Next), "\n")
		for _, s := range c.said {
			if !strings.Contains(all, s) {
				t.Errorf("%s: does not say %q:\n%s", c.name, s, all)
			}
		}
		if strings.Contains(all, c.not) {
			t.Errorf("%s: says %q:\n%s", c.name, c.not, all)
		}
	}
}

// hurried makes a run a hundred times as short.
func hurried(rs []call.Result) []call.Result {
	for i := range rs {
		rs[i].Sent, rs[i].FirstByte = rs[i].Sent/100, rs[i].FirstByte/100
	}
	return rs
}

// Where a part of the refill does not come through, somebody else has it.
func TestAnotherTenant(t *testing.T) {
	bucket := func(_ *rand.Rand, level float64) bool { return level < 1 }
	rs := throttled(900, true, bucket)
	for i := range rs { // all that the headers say, of a bucket twice as quick
		l := rs[i].Limits.Requests
		limit, left := int64(120), *l.Remaining*2
		l.Limit, l.Remaining = &limit, &left
	}
	fs := find(rs, valid(metrics.ClassLimits{}))
	if len(fs) == 0 || !strings.Contains(strings.Join(fs[0].Evidence, "\n"), "another tenant on the account, or a shorter window") {
		t.Errorf("findings %+v; want one that names another tenant", fs)
	}
}

// 429s that name no limit are held against the buckets that would explain them.
func TestUnnamedLimit(t *testing.T) {
	rs := throttled(900, false, func(_ *rand.Rand, level float64) bool { return level < 1 })
	for i := range rs {
		if rs[i].Class == call.RateLimited {
			rs[i].LimitedBy = call.LimitUnknown
		}
	}
	fs := find(rs, valid(metrics.ClassLimits{}))
	if len(fs) == 0 || fs[0].ID != "limit.unknown" || !strings.Contains(strings.Join(fs[0].Evidence, "\n"), "a bucket that refills 60") {
		t.Errorf("findings %+v; want limit.unknown that a bucket of 60 would explain", fs)
	}
}
