package sim

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// In every minute no more is admitted than the free ones or Growth times the
// mean minute of the ten before, to the width of a cell.
func TestRampHoldsGrowthBack(t *testing.T) {
	ramp := Ramp{Growth: 2, Free: 30}
	g := newGate(Limits{}, ramp, time.Unix(0, 0))
	perMinute := make([]int, 40)
	refused := 0
	for s := 0; s < 40*60*5; s++ { // five a second, for 40 minutes
		now := time.Unix(0, 0).Add(time.Duration(s) * 200 * time.Millisecond)
		switch r := g.admit(0, now); {
		case r == nil:
			perMinute[s/300]++
		case r.kind != "ramp" || r.wait <= 0 || r.wait > time.Minute:
			t.Fatalf("refusal %+v", *r)
		default:
			refused++
		}
	}
	if perMinute[0] != 30 || refused == 0 {
		t.Errorf("%d in the first minute, %d refused; want 30 and some", perMinute[0], refused)
	}
	for i, n := range perMinute[1:] {
		before := 0
		for _, m := range perMinute[max(0, i-9) : i+1] {
			before += m
		}
		// A minute of the clock spans two of the ramp's.
		if most := max(30, 2*(before+n)/10+n/5+10); n > most {
			t.Errorf("minute %d: %d after %d in the ten before, at most %d", i+1, n, before, most)
		}
	}
	if last := perMinute[39]; last != 300 {
		t.Errorf("%d in the last minute: the ramp has not grown to the load of 300", last)
	}
}

func TestRampAndSpendOnTheWire(t *testing.T) {
	c := Config{Profile: Instant, Ramp: Ramp{Growth: 3, Free: 5}, Limits: map[string]Limits{"haiku-4.5": {Requests: 1000}}}
	bubble(t, c, func(t *testing.T, a *api) {
		hi := ask("claude-haiku-4-5", 10, "Hi", "")
		for range 5 {
			checkError(t, "free", a.post("/v1/messages", hi), 200, "", "")
		}
		time.Sleep(12 * time.Second)
		ans := a.post("/v1/messages", hi)
		checkError(t, "ramp", ans, 429, "rate_limit_error", "grew faster")
		if !strings.Contains(ans.body, `"details":{"error_code":"ramp_limit_exceeded"}`) {
			t.Errorf("ramp: body %s", ans.body)
		}
		if got := ans.header.Get("Retry-After"); got != "48" || a.last().LimitedBy != "ramp" {
			t.Errorf("retry-after %q, truth %q; want 48 and ramp", got, a.last().LimitedBy)
		}
		if got := header(t, ans.header, "Anthropic-Ratelimit-Requests-Remaining"); got != 1000 {
			t.Errorf("%d requests remain; want all of them: a refused request takes nothing", got)
		}
		time.Sleep(48 * time.Second)
		checkError(t, "after the wait", a.post("/v1/messages", hi), 200, "", "")
	})
	bubble(t, Config{Profile: Instant, SpendCap: 0.000_1, Answer: 1}, func(t *testing.T, a *api) { // 20 tokens of output
		hi := ask("claude-haiku-4-5", 20, "Hi", "")
		checkError(t, "within", a.post("/v1/messages", hi), 200, "", "")
		ans := a.post("/v1/messages", hi)
		for ans.status == 200 && a.Totals().Billed.Dollars() < 0.000_5 {
			ans = a.post("/v1/messages", hi)
		}
		checkError(t, "spend", ans, 429, "rate_limit_error", "monthly spend limit")
		if !strings.Contains(ans.body, `"details":{"error_code":"enforced_spend_limit_reached"}`) {
			t.Errorf("spend: body %s", ans.body)
		}
		if _, ok := ans.header["Retry-After"]; ok || ans.header.Get("X-Should-Retry") != "false" {
			t.Errorf("headers %v; want no retry-after, and not to retry", ans.header)
		}
		if r := a.last(); r.LimitedBy != "spend" || r.Billed != 0 || a.Totals().Billed.Dollars() < 0.000_1 {
			t.Errorf("record %+v, totals %+v", r, a.Totals())
		}
		time.Sleep(31 * 24 * time.Hour) // a new month, whichever this one is
		checkError(t, "next month", a.post("/v1/messages", hi), 200, "", "")
	})
}

func TestSpendCapOfTiers(t *testing.T) {
	for name, want := range map[string]float64{"start": 500, "build": 1000, "scale": 200_000, "tier1": 0, "": 0} {
		if got := (Config{Tier: name}).withDefaults().SpendCap; got != want {
			t.Errorf("spend cap of %q = %v; want %v", name, got, want)
		}
	}
	if s := (&spend{}); s.refuse(-1, time.Now()) != nil || s.refuse(0, time.Now()) != nil {
		t.Error("without a cap: refused")
	}
}

// The estimate of the input is taken at the start, and made true when the
// answer begins.
func TestInputEstimateIsCorrected(t *testing.T) {
	row := Latency{Floor: 10 * time.Second, Speed: 100}
	for _, tt := range []struct {
		share           float64
		prompt          int
		before, started float64
	}{{1, 4000, 2000, 2000}, {1.5, 4000, 0, 2000}, {0.5, 4000, 4000, 2000}, {0.5, 10_000, 1000, -4000}} {
		c := Config{InputEstimate: tt.share, Latency: map[string]Latency{"haiku": row},
			Limits: map[string]Limits{"haiku-4.5": {InputTokens: 6000, Depth: time.Minute}}}
		bubble(t, c, func(t *testing.T, a *api) {
			text := strings.Repeat("word", tt.prompt-3) // and three for the message
			go a.post("/v1/messages", ask("claude-haiku-4-5", 10, text, `,"stream":true`))
			synctest.Wait()
			level := func() float64 {
				g := a.set().gates["haiku-4.5"]
				return g.headers(map[string][]string{}, time.Now()).InputTokens
			}
			if got := level(); got != tt.before {
				t.Errorf("estimate × %v: level %v while it is read; want %v", tt.share, got, tt.before)
			}
			time.Sleep(10*time.Second + time.Millisecond)
			want := min(6000, max(tt.before, 0)+1000)
			want = min(6000, want+tt.started-tt.before)
			if got := level(); got < want || got > want+1 {
				t.Errorf("estimate × %v: level %v once it has begun; want %v", tt.share, got, want)
			}
			time.Sleep(time.Minute)
		})
	}
}

func TestLimitMistakes(t *testing.T) {
	for want, c := range map[string]Config{
		"input_estimate is -1, want 0 or more": {InputEstimate: -1},
		"ramp.growth is -1, want 0 or more":    {Ramp: Ramp{Growth: -1}},
		`tier is "huge", want`:                 {Tier: "huge"},
		"limits.gpt is unknown":                {Limits: map[string]Limits{"gpt": {}}},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%s) = %v; want %q", strconv.Quote(want), err, want)
		}
	}
}
