package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"pgregory.net/rapid"
)

const haiku = "claude-haiku-4-5"

var noLimits metrics.ClassLimits

// ok is a good request at a time, of so many prompt and output tokens, whose
// first content took ttft and whose rest took 100 ms.
func ok(at time.Duration, prompt, output int64, ttft time.Duration) call.Result {
	r := call.Request{Model: haiku, Due: at}.Result(call.OK)
	r.Started, r.Sent = at+1, at+1
	r.FirstContent, r.LastContent = r.Sent+ttft, r.Sent+ttft+100*time.Millisecond
	r.Done = r.LastContent
	r.Input, r.Output = prompt, output
	return r
}

// limited is a request that was refused at a time.
func limited(at time.Duration, by call.LimitKind) call.Result {
	r := call.Request{Model: haiku, Due: at}.Result(call.RateLimited)
	r.Started, r.Sent, r.Done = at+1, at+1, at+time.Millisecond
	r.LimitedBy = by
	r.Err = &call.Error{Type: "rate_limit_error", Message: "too much"}
	return r
}

// mix is n requests, ten a second, of which every so many-th is refused.
func mix(n, every int, by call.LimitKind) []call.Result {
	var out []call.Result
	for i := range n {
		at := time.Duration(i) * 100 * time.Millisecond
		if every > 0 && i%every == every-1 {
			out = append(out, limited(at, by))
			continue
		}
		out = append(out, ok(at, 50, 200, 400*time.Millisecond))
	}
	return out
}

// valid is the summary of a valid run with the given limits of the class.
func valid(l metrics.ClassLimits) metrics.Summary {
	l.Class = "haiku-4.5"
	s := metrics.Summary{Limits: []metrics.ClassLimits{l}}
	s.Generator.Valid = true
	return s
}

func find(results []call.Result, s metrics.Summary) []Finding {
	return Find(slices.Values(results), s)
}

func ids(fs []Finding) []string {
	out := []string{}
	for _, f := range fs {
		out = append(out, f.ID)
	}
	return out
}

func TestLimitKinds(t *testing.T) {
	for _, k := range []call.LimitKind{call.LimitRequests, call.LimitInputTokens, call.LimitOutputTokens, call.LimitTokens,
		call.LimitRamp, call.LimitSpend, call.LimitUnknown} {
		fs := find(mix(100, 4, k), valid(metrics.ClassLimits{}))
		if d := cmp.Diff([]string{"limit." + string(k)}, ids(fs)); d != "" {
			t.Errorf("findings for 429s by %s (-want +got):\n%s", k, d)
			continue
		}
		f := fs[0]
		if f.Severity != High || f.Confidence != 0.99 || len(f.Evidence) == 0 || len(f.Recommendations) < 2 {
			t.Errorf("%s: severity %s, confidence %v, evidence %q, recommendations %q", k, f.Severity, f.Confidence, f.Evidence, f.Recommendations)
		}
		if !strings.HasPrefix(f.Evidence[0], "25 of 100 attempts answered 429 (25.0%); 25 of them name ") {
			t.Errorf("%s: first evidence %q", k, f.Evidence[0])
		}
	}
}

func TestLimitBoundary(t *testing.T) {
	for _, c := range []struct {
		n, every int
		want     []string
	}{
		{100, 0, []string{}},
		{100, 20, []string{}}, // 5 of 100 is not over 5 %
		{95, 19, []string{"limit.requests"}},
		{120, 10, []string{"limit.requests"}},
	} {
		got := ids(find(mix(c.n, c.every, call.LimitRequests), valid(metrics.ClassLimits{})))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%d requests, every %d. refused (-want +got):\n%s", c.n, c.every, d)
		}
	}
}

// What was not sent, or not in the main phase, is no evidence.
func TestOnlyTheMainPhaseCounts(t *testing.T) {
	rs := mix(40, 4, call.LimitRequests)
	for i := range rs {
		switch {
		case i%3 == 0:
			rs[i].Phase = call.WarmUp
		case i%3 == 1:
			rs[i].Phase = call.BudgetTail
		default:
			rs[i].Class = call.Dropped
		}
	}
	if got := find(rs, valid(metrics.ClassLimits{})); len(got) != 0 {
		t.Errorf("findings = %+v; want none", got)
	}
}

func TestDominantLimit(t *testing.T) {
	rs := mix(100, 4, call.LimitOutputTokens)
	n := 0
	for i := range rs {
		if rs[i].Class == call.RateLimited && n < 10 {
			rs[i].LimitedBy = call.LimitRequests
			n++
		}
	}
	fs := find(rs, valid(metrics.ClassLimits{}))
	if d := cmp.Diff([]string{"limit.output_tokens"}, ids(fs)); d != "" {
		t.Fatalf("findings (-want +got):\n%s", d)
	}
	if fs[0].Confidence != 0.73 { // log-odds of (15+1)/(25+2), calibrated
		t.Errorf("confidence = %v; want 0.73", fs[0].Confidence)
	}
	for i := range rs {
		rs[i].LimitedBy = "" // a 429 of which nobody knows by what
	}
	if got := ids(find(rs, valid(metrics.ClassLimits{}))); !slices.Equal(got, []string{"limit.unknown"}) {
		t.Errorf("findings = %v; want limit.unknown", got)
	}
}

// Classes are judged apart; the more refused one comes first, and one that is a
// small part of a good run is of medium severity.
func TestClassesApart(t *testing.T) {
	rs := mix(400, 0, "")
	for i := range 20 {
		r := limited(time.Duration(i)*time.Second, call.LimitRequests)
		r.Model = "claude-opus-4-6"
		rs = append(rs, r)
	}
	fs := find(rs, valid(metrics.ClassLimits{}))
	if len(fs) != 1 || fs[0].Severity != Medium || !strings.Contains(fs[0].Title, "100.0% of opus-4.x attempts") {
		t.Errorf("findings = %+v; want one of medium severity on opus-4.x", fs)
	}
	fs = find(append(rs, mix(400, 2, call.LimitOutputTokens)...), valid(metrics.ClassLimits{}))
	if d := cmp.Diff([]string{"limit.requests", "limit.output_tokens"}, ids(fs)); d != "" || fs[0].Severity != High {
		t.Errorf("findings (-want +got):\n%s\nseverity %s", d, fs[0].Severity)
	}
}

func use(limit, left float64) *metrics.LimitUse {
	return &metrics.LimitUse{Limit: metrics.Number(limit), MinRemaining: metrics.Number(left), PeakUtilization: metrics.Number(1 - left/limit)}
}

// The advice names the rate and the concurrency that the limit sustains.
func TestAdviceNumbers(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   call.LimitKind
		limits metrics.ClassLimits
		want   []string
	}{
		{"output", call.LimitOutputTokens, metrics.ClassLimits{OutputTokens: use(60_000, 0)}, []string{
			"60,000 output tokens per minute ÷ 200 per request = 5.00 requests/s", "the run offered 10.0/s, 2.00 times that",
			"about 2 requests in flight", "mean service_e2e of 500ms", "at least 120,000 output tokens per minute for haiku-4.5", "shorter answers"}},
		{"input", call.LimitInputTokens, metrics.ClassLimits{InputTokens: use(15_000, 0)}, []string{
			"15,000 input tokens per minute ÷ 50.0 per request = 5.00 requests/s", "cache reads do not count"}},
		{"requests", call.LimitRequests, metrics.ClassLimits{Requests: use(300, 0)}, []string{
			"Stay under 5.00 requests/s: 300 requests per minute = 5.00 requests/s"}},
		{"tokens", call.LimitTokens, metrics.ClassLimits{Tokens: use(75_000, 0)}, []string{"÷ 250 per request = 5.00 requests/s"}},
		{"bursts", call.LimitRequests, metrics.ClassLimits{Requests: use(6000, 10)}, []string{"fits", "Spread the arrivals evenly"}},
		{"no headers", call.LimitRequests, metrics.ClassLimits{}, []string{"The limit itself was not told. 7.5"}},
		{"spend", call.LimitSpend, metrics.ClassLimits{}, []string{"Retrying cannot help"}},
		{"ramp", call.LimitRamp, metrics.ClassLimits{}, []string{"Grow more slowly: the first 429 came at 0.3 s"}},
	} {
		fs := find(mix(400, 4, c.kind), valid(c.limits))
		if len(fs) != 1 {
			t.Fatalf("%s: findings = %+v; want one", c.name, fs)
		}
		all := strings.Join(fs[0].Recommendations, "\n")
		for _, w := range c.want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: the advice lacks %q:\n%s", c.name, w, all)
			}
		}
		if c.kind != call.LimitSpend && !strings.Contains(all, "on_limit: ") {
			t.Errorf("%s: the advice does not name on_limit:\n%s", c.name, all)
		}
	}
}

func TestAdviceAfterRetries(t *testing.T) {
	rs := mix(100, 4, call.LimitRequests)
	for i := range rs {
		if i%4 == 0 {
			rs[i].Attempt = 2
		}
	}
	all := strings.Join(find(rs, valid(metrics.ClassLimits{}))[0].Recommendations, "\n")
	if strings.Contains(all, "on_limit: obey") || !strings.Contains(all, "mode: avoid") {
		t.Errorf("a run that retried is advised to:\n%s", all)
	}
}

func TestLimitEvidence(t *testing.T) {
	rs := mix(100, 4, call.LimitOutputTokens)
	zero, wait := int64(0), 7.0
	for i := range rs {
		if rs[i].Class != call.RateLimited || i < 8 {
			continue
		}
		rs[i].Limits.OutputTokens = &call.Limit{Remaining: &zero}
		rs[i].RetryAfter = &wait
	}
	got := find(rs, valid(metrics.ClassLimits{OutputTokens: use(60_000, 1000)}))[0].Evidence
	want := []string{
		"25 of 100 attempts answered 429 (25.0%); 25 of them name output_tokens",
		"the first came at 0.3 s, the last at 9.9 s; they fell in 10 of the 10 seconds in which requests were sent",
		"headers: limit 60,000 per minute, lowest remaining 1,000 (1.7%)",
		"headers: nothing remaining of output_tokens on 23 of the 429s",
		"2 of the 429s carried no limit headers",
		"retry-after was at most 7.00 s",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("evidence (-want +got):\n%s", d)
	}
}

func TestGeneratorFirst(t *testing.T) {
	s := valid(metrics.ClassLimits{})
	s.Generator = metrics.Generator{Valid: false, LagP99: 250, CPU: 0.97, Reasons: []string{"late"}}
	s.Requests.Sent = 100
	rs := mix(100, 4, call.LimitRequests)
	rs = append(rs, lengths(8, 20_000, 9*time.Second)...)
	for i := range 30 {
		r := limited(time.Duration(i), "")
		r.Class = call.Overloaded
		rs = append(rs, r)
	}
	fs := find(rs, s)
	if d := cmp.Diff([]string{"generator.lag", "limit.requests", "context.length", "overload.529"}, ids(fs)); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"late", "lag p99 250ms", "mean use of our cores 97.0%"}, fs[0].Evidence); d != "" || fs[0].Severity != High {
		t.Errorf("severity %s, evidence (-want +got):\n%s", fs[0].Severity, d)
	}
}

func TestOverload(t *testing.T) {
	for _, c := range []struct {
		n    int
		want Severity
	}{{5, ""}, {6, Medium}, {20, Medium}, {21, High}} {
		rs := mix(100, 0, "")
		for i := range c.n {
			rs[i].Class = call.Overloaded
		}
		fs := find(rs, valid(metrics.ClassLimits{}))
		switch {
		case c.want == "" && len(fs) != 0, c.want != "" && (len(fs) != 1 || fs[0].ID != "overload.529" || fs[0].Severity != c.want):
			t.Errorf("%d of 100 overloaded: %+v; want severity %q", c.n, fs, c.want)
		}
	}
}

func TestNothing(t *testing.T) {
	if fs := find(nil, valid(metrics.ClassLimits{})); fs == nil || len(fs) != 0 {
		t.Errorf("findings of no records = %#v; want an empty slice", fs)
	}
}

// Findings do not depend on the order of the records, and confidence is a share.
func TestOrderOfRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := []call.LimitKind{call.LimitRequests, call.LimitOutputTokens, call.LimitSpend, ""}
		var rs []call.Result
		for i := range rapid.IntRange(0, 60).Draw(t, "n") {
			at := time.Duration(i) * 300 * time.Millisecond
			if rapid.Bool().Draw(t, "limited") {
				rs = append(rs, limited(at, rapid.SampledFrom(kinds).Draw(t, "kind")))
				continue
			}
			rs = append(rs, ok(at, rapid.Int64Range(1, 30_000).Draw(t, "prompt"), 100, time.Duration(rapid.IntRange(1, 5000).Draw(t, "ttft"))*time.Millisecond))
		}
		s := valid(metrics.ClassLimits{Requests: use(60, 0)})
		want := find(rs, s)
		if d := cmp.Diff(want, find(rapid.Permutation(rs).Draw(t, "order"), s)); d != "" {
			t.Fatalf("another order, other findings:\n%s", d)
		}
		for _, f := range want {
			if f.Confidence <= 0 || f.Confidence > 0.99 || f.Title == "" || len(f.Evidence) == 0 || len(f.Recommendations) == 0 {
				t.Fatalf("finding %+v", f)
			}
		}
	})
}

// What was never sent does not make the refused share smaller.
func TestDroppedDoesNotDilute(t *testing.T) {
	rs := mix(100, 10, call.LimitRequests)
	for i := range 400 {
		rs = append(rs, call.Request{Model: haiku, Due: time.Duration(i)}.Result(call.Dropped))
	}
	fs := find(rs, valid(metrics.ClassLimits{}))
	if len(fs) != 1 || !strings.Contains(fs[0].Evidence[0], "10 of 100 attempts") {
		t.Errorf("findings = %+v; want 10 of 100 attempts", fs)
	}
}

// Cache reads are no input tokens to a limit, and what was offered before the
// limit was met does not say what is too much.
func TestAdviceGoesByWhatCounts(t *testing.T) {
	rs := mix(100, 0, "")
	for i := range rs {
		rs[i].CacheRead, rs[i].CacheWrite5m = 1000, 50
	}
	for i := range 60 { // 30 attempts a second in the last two seconds
		rs = append(rs, limited(10*time.Second+time.Duration(i)*time.Second/30, call.LimitInputTokens))
	}
	got := find(rs, valid(metrics.ClassLimits{InputTokens: use(60_000, 0)}))[0].Recommendations[0]
	want := "Stay under 10.0 requests/s: 60,000 input tokens per minute ÷ 100 per request = 10.0 requests/s. While it was refused the run offered 30.0/s, 3.00 times that."
	if got != want {
		t.Errorf("advice = %q\nwant     %q", got, want)
	}
}

func TestTiedKinds(t *testing.T) {
	rs := mix(40, 2, call.LimitUnknown)
	for i := range rs {
		if i < 20 && rs[i].Class == call.RateLimited {
			rs[i].LimitedBy = call.LimitRequests
		}
	}
	if got := ids(find(rs, valid(metrics.ClassLimits{}))); !slices.Equal(got, []string{"limit.requests"}) {
		t.Errorf("findings = %v; want the limit that has a name", got)
	}
}
