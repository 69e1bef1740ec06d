package sim

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// arrival is one admitted request: when, and what it took.
type arrival struct {
	at time.Duration
	n  float64
}

// conforms checks that in every window no more was admitted than a bucket of
// that size and rate allows, and one more.
func conforms(t *testing.T, what string, got []arrival, size, rate, slack float64) {
	t.Helper()
	for i := range got {
		sum := 0.0
		for j := i; j < len(got); j++ {
			sum += got[j].n
			if most := size + rate*(got[j].at-got[i].at).Seconds() + slack; sum > most {
				t.Fatalf("%s: %v in %v from %v, at most %v", what, sum, got[j].at-got[i].at, got[i].at, most)
			}
		}
	}
	total, span := 0.0, got[len(got)-1].at.Seconds()
	for _, a := range got {
		total += a.n
	}
	if least := 0.97*(size+rate*span) - 2*slack; total < least {
		t.Errorf("%s: %v admitted in %v s, a saturated bucket gives %v", what, total, span, least)
	}
}

func TestLimitHeadersAreTrue(t *testing.T) {
	c := Config{Tier: "tier1", Profile: Instant, AnswerCap: -1, Answer: 0.9}
	bubble(t, c, func(t *testing.T, a *api) {
		for range 12 {
			time.Sleep(3100 * time.Millisecond)
			ans := a.post("/v1/messages", ask("claude-haiku-4-5", 600, strings.Repeat("x", 8000), `,"stream":true`))
			r, now := a.last(), time.Now()
			l := tier("tier1")["haiku-4.5"]
			checkHeaders(t, ans.header, now, "requests", l.Requests, r.Levels.Requests, 1)
			checkHeaders(t, ans.header, now, "input-tokens", l.InputTokens, r.Levels.InputTokens, 500)
			checkHeaders(t, ans.header, now, "output-tokens", l.OutputTokens, r.Levels.OutputTokens, 500)
			both := "Anthropic-Ratelimit-Tokens-"
			if got, want := header(t, ans.header, both+"Limit"), l.InputTokens+l.OutputTokens; got != want {
				t.Errorf("tokens limit %d, want %d", got, want)
			}
			in, out := header(t, ans.header, "anthropic-ratelimit-input-tokens-remaining"), header(t, ans.header, "anthropic-ratelimit-output-tokens-remaining")
			if got := header(t, ans.header, both+"Remaining"); got != in+out {
				t.Errorf("tokens remaining %d, want %d + %d", got, in, out)
			}
		}
	})
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		ans := a.post("/v1/messages", ask("claude-haiku-4-5", 10, "Hi", ""))
		for name := range ans.header {
			if strings.HasPrefix(name, "Anthropic-Ratelimit") {
				t.Errorf("without limits: header %s", name)
			}
		}
	})
}

func header(t *testing.T, h http.Header, name string) int {
	t.Helper()
	n, err := strconv.Atoi(h.Get(name))
	if err != nil {
		t.Fatalf("header %s: %v", name, err)
	}
	return n
}

// checkHeaders: remaining is the level to within the rounding, and reset is when
// the bucket is full again, to the next second.
func checkHeaders(t *testing.T, h http.Header, now time.Time, name string, limit int, level, rounding float64) {
	t.Helper()
	prefix := "Anthropic-Ratelimit-" + name
	if got := header(t, h, prefix+"-Limit"); got != limit {
		t.Errorf("%s limit %d, want %d", name, got, limit)
	}
	remaining := header(t, h, prefix+"-Remaining")
	if math.Abs(float64(remaining)-level) > rounding || rounding == 500 && remaining%1000 != 0 {
		t.Errorf("%s remaining %d, level %v", name, remaining, level)
	}
	reset, err := time.Parse("2006-01-02T15:04:05Z", h.Get(prefix+"-Reset"))
	full := (float64(limit) - level) / (float64(limit) / 60)
	if late := reset.Sub(now).Seconds() - full; err != nil || late < -1e-6 || late >= 1 {
		t.Errorf("%s reset %v is %v s after the bucket is full (%v)", name, h.Get(prefix+"-Reset"), late, err)
	}
}

func TestRetryAfterAndBody(t *testing.T) {
	c := Config{Profile: Instant, Limits: map[string]Limits{"haiku-4.5": {Requests: 2}, "*": {InputTokens: 50_000}}}
	bubble(t, c, func(t *testing.T, a *api) {
		hi := ask("claude-haiku-4-5", 10, "Hi", "")
		a.post("/v1/messages", hi)
		a.post("/v1/messages", hi)
		time.Sleep(500 * time.Millisecond)
		ans := a.post("/v1/messages", hi)
		checkError(t, "requests", ans, 429, "rate_limit_error", "rate limit of 2 requests per minute")
		if got := ans.header.Get("Retry-After"); got != "30" || ans.header.Get("X-Should-Retry") != "true" {
			t.Errorf("retry-after %q, x-should-retry %q", got, ans.header.Get("X-Should-Retry"))
		}
		if strings.Contains(ans.body, "details") || ans.header.Get("Anthropic-Ratelimit-Requests-Remaining") != "0" {
			t.Errorf("body %s, headers %v", ans.body, ans.header)
		}
		time.Sleep(30 * time.Second)
		checkError(t, "after the wait", a.post("/v1/messages", hi), 200, "", "")
		long := ask("claude-sonnet-4-5", 10, strings.Repeat("x", 4*49_000), "")
		checkError(t, "fits", a.post("/v1/messages", long), 200, "", "")
		checkError(t, "input", a.post("/v1/messages", long), 429, "rate_limit_error", "rate limit of 50,000 input tokens per minute")
	})
}

func TestClassesAndPoolsAreApart(t *testing.T) {
	c := Config{Profile: Instant, Limits: map[string]Limits{"*": {Requests: 1}, countTokens: {Requests: 1}}}
	bubble(t, c, func(t *testing.T, a *api) {
		for _, tt := range []struct {
			model string
			want  int
		}{{"claude-opus-4-8", 200}, {"claude-opus-4-7", 429}, {"claude-opus-5", 200}, {"claude-haiku-4-5", 200}, {"claude-haiku-5-5", 200}} {
			if got := a.post("/v1/messages", ask(tt.model, 10, "Hi", "")).status; got != tt.want {
				t.Errorf("%s: status %d, want %d", tt.model, got, tt.want)
			}
		}
		count := `{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"a"}]}`
		first, second := a.post("/v1/messages/count_tokens", count), a.post("/v1/messages/count_tokens", count)
		if first.status != 200 || second.status != 429 {
			t.Errorf("count_tokens: status %d and %d", first.status, second.status)
		}
	})
}

func TestTiersNameEveryClass(t *testing.T) {
	for _, name := range tierNames() {
		all := tier(name)
		for _, class := range append(Classes(), countTokens) {
			if l := all[class]; l.Requests == 0 || class != countTokens && (l.InputTokens == 0 || l.OutputTokens == 0) {
				t.Errorf("tier %s: class %s has %+v", name, class, l)
			}
		}
	}
	if got := tier("start")["haiku-4.5"]; got != (Limits{Requests: 1000, InputTokens: 2_000_000, OutputTokens: 400_000}) {
		t.Errorf("start: %+v", got)
	}
}

// Output is debited as it is generated, whether or not anyone sees it yet.
func TestOutputIsDebitedAsItComes(t *testing.T) {
	c := Config{Profile: Steady, EventsPerSecond: 10, TokensPerEvent: 1, Answer: 1, AnswerCap: -1,
		Limits: map[string]Limits{"haiku-4.5": {OutputTokens: 60}, "sonnet-5.5": {OutputTokens: 60}}}
	for _, tt := range []struct{ model, more string }{
		{"claude-haiku-4-5", ""}, {"claude-haiku-4-5", `,"stream":true`}, {"claude-sonnet-5-5", `,"stream":true,"output_config":{"effort":"max"}`},
	} {
		bubble(t, c, func(t *testing.T, a *api) {
			go a.post("/v1/messages", ask(tt.model, 1000, "Hi", tt.more))
			time.Sleep(20*time.Second + time.Millisecond)
			g := a.set().gates[a.set().models.find(tt.model).class]
			level := g.headers(http.Header{}, time.Now()).OutputTokens
			// Ten tokens a second go, one comes back; of the last second some are not yet debited.
			if want := 60.0 - 200 + 20; level < want-2 || level > want+11 {
				t.Errorf("%s%s: level %v after 20 s, want %v", tt.model, tt.more, level, want)
			}
			synctest.Wait()
			if status := a.post("/v1/messages", ask(tt.model, 10, "Hi", "")).status; status != 429 {
				t.Errorf("%s%s: status %d with the bucket below zero", tt.model, tt.more, status)
			}
		})
	}
}
