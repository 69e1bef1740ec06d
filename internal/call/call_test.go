package call

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestUSD(t *testing.T) {
	tests := []struct {
		usd           USD
		decimal, show string
	}{
		{0, "0", "$0.0000"},
		{1, "0.000000000001", "$1e-12"},
		{1_232_000_000, "0.001232", "$0.0012"},
		{Dollar, "1", "$1.0000"},
		{-Dollar / 4, "-0.25", "$-0.2500"},
		{123_456 * Dollar / 100, "1234.56", "$1234.56"},
		{math.MaxInt64, "9223372.036854775807", "$9223372.04"},
		{math.MinInt64, "-9223372.036854775808", "$-9223372.04"},
	}
	for _, tt := range tests {
		if got := tt.usd.Decimal(); got != tt.decimal {
			t.Errorf("Decimal(%d) = %s; want %s", int64(tt.usd), got, tt.decimal)
		}
		if got := tt.usd.String(); got != tt.show {
			t.Errorf("String(%d) = %s; want %s", int64(tt.usd), got, tt.show)
		}
	}
}

func TestParseUSD(t *testing.T) {
	good := map[string]USD{"1": Dollar, "$1.25": 1_250_000_000_000, ".5": Dollar / 2, "2.": 2 * Dollar, "-3": -3 * Dollar, "0.000000000001": 1}
	for s, want := range good {
		if got, err := ParseUSD(s); err != nil || got != want {
			t.Errorf("ParseUSD(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "$", ".", "1e3", "one", "1.0000000000001", "10000000", "+1", "--1", "1.-2", "1_0", "0x1"} {
		if got, err := ParseUSD(s); err == nil {
			t.Errorf("ParseUSD(%q) = %d; want an error", s, got)
		}
	}
}

func TestUSDRoundTripsThroughJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := USD(rapid.Int64().Draw(t, "pico"))
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got USD
		if err := json.Unmarshal(b, &got); err != nil || (got != want && want != math.MinInt64) {
			t.Fatalf("%s read as %d, %v; want %d", b, got, err, want)
		}
	})
	var u USD
	if err := json.Unmarshal([]byte("1.5e-3"), &u); err != nil || u != 1_500_000_000 {
		t.Errorf("1.5e-3 = %d, %v", u, err)
	}
	for f, want := range map[float64]USD{math.NaN(): 0, math.Inf(1): math.MaxInt64, -1e30: math.MinInt64, 0.1: Dollar / 10} {
		if got := DollarsToUSD(f); got != want {
			t.Errorf("DollarsToUSD(%v) = %d; want %d", f, got, want)
		}
	}
}

// Every gap is within 1 % of its bucket's estimate.
func TestGapBuckets(t *testing.T) {
	for d := 2 * time.Microsecond; d < time.Hour; d = d*101/100 + 1 {
		b := GapBucket(d)
		if rel := math.Abs(float64(GapValue(b)-d)) / float64(d); rel > 0.0101 {
			t.Fatalf("GapValue(GapBucket(%v)) = %v, off by %.4f", d, GapValue(b), rel)
		}
	}
	// At a relative error of 1 % a sketch takes 1,101 buckets from a microsecond to
	// an hour; ours is a little finer.
	alpha := (gapBase - 1) / (gapBase + 1)
	of := func(alpha float64) int { return int(math.Ceil(math.Log(3600e6) / math.Log((1+alpha)/(1-alpha)))) }
	if of(0.01) != 1101 || GapBucket(time.Hour) != of(alpha) || of(alpha) < 1101 {
		t.Errorf("%d buckets to an hour; want %d, and 1101 at 1 %%, got %d", GapBucket(time.Hour), of(alpha), of(0.01))
	}
	for d, want := range map[time.Duration]int{-1: 0, 0: 0, time.Microsecond: 0, 24 * time.Hour: MaxGapBucket} {
		if got := GapBucket(d); got != want {
			t.Errorf("GapBucket(%v) = %d; want %d", d, got, want)
		}
	}
}

func TestModelClass(t *testing.T) {
	tests := map[string]string{
		"claude-haiku-4-5-20251001": "haiku-4.5", "claude-haiku-4-5": "haiku-4.5", "claude-haiku-5-5": "haiku-5.5",
		"claude-opus-4-6": "opus-4.x", "claude-opus-4-5-20251101": "opus-4.x", "claude-opus-5": "opus-5", "claude-opus-5-5": "opus-5.5",
		"claude-sonnet-4-6": "sonnet-4.x", "claude-sonnet-5": "sonnet-5", "claude-fable-5-1": "fable-5.x", "claude-fable-5": "fable-5.x",
		"claude-mythos-5-2": "mythos-5.x", "anthropic.claude-sonnet-5-5": "sonnet-5.5",
		"my-model": "my-model", "": "", "claude-": "", "claude-x": "x",
	}
	for model, want := range tests {
		if got := ModelClass(model); got != want {
			t.Errorf("ModelClass(%q) = %q; want %q", model, got, want)
		}
	}
}

func TestDerived(t *testing.T) {
	ms := time.Millisecond
	r := Result{
		Class: OK, Due: 10 * ms, Held: 2 * ms, Earlier: 3 * ms, Started: 16 * ms, ConnWait: 1 * ms, Connect: 2 * ms, TLS: 3 * ms,
		Sent: 23 * ms, FirstByte: 50 * ms, FirstContent: 60 * ms, FirstText: 60 * ms, LastContent: 1060 * ms, Events: 10,
		Usage: Usage{Output: 100, Thinking: 20, Input: 1, CacheRead: 2, CacheWrite5m: 3, CacheWrite1h: 4},
	}
	for name, got := range map[string][2]time.Duration{
		"lag": {r.Lag(), 1 * ms}, "connect": {r.ConnectTime(), 6 * ms}, "e2e": {r.E2E(), 1050 * ms}, "ttft": {r.TTFT(), 50 * ms},
		"ttfb": {r.TTFB(), 27 * ms}, "service_ttft": {r.ServiceTTFT(), 37 * ms}, "service_e2e": {r.ServiceE2E(), 1037 * ms},
		"ttfo": {r.TTFO(), 50 * ms},
	} {
		if got[0] != got[1] {
			t.Errorf("%s = %v; want %v", name, got[0], got[1])
		}
	}
	if rate, ok := r.OutputRate(); !ok || math.Abs(rate-72) > 1e-9 { // 80 visible tokens × 9/10 in a second
		t.Errorf("OutputRate = %v, %v; want 72", rate, ok)
	}
	if rate, ok := r.E2EOutputRate(); !ok || math.Abs(rate-100/1.037) > 1e-9 {
		t.Errorf("E2EOutputRate = %v, %v", rate, ok)
	}
	if r.Usage.Prompt() != 10 {
		t.Errorf("Prompt = %d", r.Usage.Prompt())
	}
	r.FirstText = 500 * ms // thinking is shown: it is part of the stream
	if rate, _ := r.OutputRate(); math.Abs(rate-90) > 1e-9 {
		t.Errorf("OutputRate with shown thinking = %v; want 90", rate)
	}
	r.Events = 7
	if _, ok := r.OutputRate(); ok {
		t.Error("OutputRate under 8 events")
	}
}
