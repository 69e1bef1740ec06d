package diagnose

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// account is a bucket of requests and one of input tokens, 60 and 60,000 a minute,
// that we and somebody else take from.
type account struct {
	own, others float64 // requests a minute
	tokens      int64   // of one of ours, as its usage says
	counted     int64   // the same, as the limit counts it
	theirs      int64   // tokens of one of theirs
	length      time.Duration
}

const perMinute = 60.0

func (a account) run(seed uint64) (out []call.Result) {
	rng := rand.New(rand.NewPCG(seed, 6))
	requests, tokens, at := perMinute, 1000*perMinute, time.Duration(0)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 0; at < a.length; {
		step := time.Duration(rng.ExpFloat64() / (a.own + a.others) * float64(time.Minute))
		at += step
		requests, tokens = min(perMinute, requests+perMinute*step.Minutes()), min(1000*perMinute, tokens+1000*perMinute*step.Minutes())
		ours := rng.Float64() < a.own/(a.own+a.others)
		takes := a.theirs
		if ours {
			takes = a.counted
		}
		admitted := requests >= 1 && tokens >= float64(takes)
		if admitted {
			requests, tokens = requests-1, tokens-float64(takes)
		}
		if !ours {
			continue
		}
		r := ok(at, a.tokens, 100, 300*time.Millisecond)
		if !admitted {
			r = limited(at, call.LimitRequests)
		}
		r.Index, r.Attempt, r.FirstByte = i, 1, at+2
		full := func(level float64) time.Time {
			return begin.Add(at + time.Duration((1-level)*float64(time.Minute))).Truncate(time.Second).Add(time.Second)
		}
		left, of, leftTokens, ofTokens := int64(requests), int64(perMinute), int64(math.Round(tokens/1000))*1000, int64(1000*perMinute)
		r.Limits.Requests = &call.Limit{Limit: &of, Remaining: &left, Reset: full(requests / perMinute)}
		r.Limits.InputTokens = &call.Limit{Limit: &ofTokens, Remaining: &leftTokens, Reset: full(tokens / 1000 / perMinute)}
		out = append(out, r)
		i++
	}
	return out
}

func TestOtherTenant(t *testing.T) {
	for seed := range uint64(10) {
		for _, c := range []struct {
			name string
			account
			want bool
			said []string
		}{
			{"nobody", account{own: 55, tokens: 100, counted: 100, length: 5 * time.Minute}, false, nil},
			{"nobody, over the limit", account{own: 90, tokens: 100, counted: 100, length: 5 * time.Minute}, false, nil},
			{"somebody", account{own: 40, others: 30, tokens: 100, counted: 100, theirs: 100, length: 5 * time.Minute}, true,
				[]string{"of the limit on requests of haiku-4.5", "requests per minute are taken by others", "a minute refill, of which we took"}},
			{"somebody, over the limit", account{own: 60, others: 30, tokens: 100, counted: 100, theirs: 100, length: 5 * time.Minute}, true, nil},
			{"somebody with long prompts", account{own: 40, others: 10, tokens: 1000, counted: 1000, theirs: 4000, length: 6 * time.Minute}, true, []string{"limit on input tokens"}},
			{"tokens that count otherwise", account{own: 75, tokens: 100, counted: 950, length: 5 * time.Minute}, false, nil},
		} {
			fires(t, "other.tenant", c.name, c.run(seed), c.want, c.said...)
		}
	}
	rs := account{own: 40, others: 30, tokens: 100, counted: 100, theirs: 100, length: 10 * time.Minute}.run(1)
	var e Evidence
	for _, r := range rs {
		e.Add(r)
	}
	f, ok := e.classes["haiku-4.5"].foreignTo(call.LimitRequests)
	if !ok || f.perMinute.Low > 30 || f.perMinute.High < 15 || math.Abs(f.own-40) > 5 {
		t.Errorf("others took %+v a minute, we %.1f; want up to 30, and 40", f.perMinute, f.own)
	}
	light := account{own: 4, others: 12, tokens: 100, counted: 100, theirs: 100, length: 15 * time.Minute}.run(1)
	needs(t, "other.tenant", light, "a full one hides who else takes from it")
	needs(t, "other.tenant", mix(200, 0, ""), "limit headers of 30 answers")
}

// A limit that is met because somebody else takes from it is both findings, and
// the order of the records does not matter.
func TestOtherTenantAndLimit(t *testing.T) {
	rs := account{own: 60, others: 30, tokens: 100, counted: 100, theirs: 100, length: 5 * time.Minute}.run(1)
	for _, order := range []string{"", "reversed"} {
		if order != "" {
			slices.Reverse(rs)
		}
		fs := find(rs, valid(metrics.ClassLimits{}))
		if got := ids(fs); !slices.Equal(got, []string{"limit.requests", "other.tenant"}) {
			t.Errorf("%s findings = %v; want the limit, and who else takes from it", order, got)
		}
		if words := strings.Join(fs[0].Evidence, "\n"); !strings.Contains(words, "another tenant on the account") {
			t.Errorf("the limit does not name the other tenant: %s", words)
		}
	}
}
