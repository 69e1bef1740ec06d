package client

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func limit(most, left int64, reset time.Time) *call.Limit {
	return &call.Limit{Limit: &most, Remaining: &left, Reset: reset}
}

func TestLimits(t *testing.T) {
	reset := time.Date(2026, 11, 23, 10, 15, 48, 0, time.UTC)
	left := int64(7)
	for name, tt := range map[string]struct {
		header http.Header
		want   call.Limits
	}{
		"none": {headers(), call.Limits{}},
		"all": {headers(
			"anthropic-ratelimit-requests-limit", "1000", "anthropic-ratelimit-requests-remaining", "999", "anthropic-ratelimit-requests-reset", "2026-11-23T10:15:48Z",
			"anthropic-ratelimit-tokens-limit", "2400000", "anthropic-ratelimit-tokens-remaining", "0", "anthropic-ratelimit-tokens-reset", "2026-11-23T11:15:48+01:00",
			"anthropic-ratelimit-input-tokens-limit", "2000000", "anthropic-ratelimit-input-tokens-remaining", "1999000",
			"anthropic-ratelimit-output-tokens-limit", "400000", "anthropic-ratelimit-output-tokens-remaining", "400000",
			"anthropic-fast-input-tokens-limit", "5", "anthropic-fast-output-tokens-limit", "6",
		), call.Limits{Requests: limit(1000, 999, reset), Tokens: limit(2400000, 0, reset),
			InputTokens: limit(2000000, 1999000, time.Time{}), OutputTokens: limit(400000, 400000, time.Time{})}},
		"in parts": {headers("anthropic-ratelimit-input-tokens-remaining", "7", "anthropic-ratelimit-output-tokens-reset", "2026-11-23T10:15:48Z"),
			call.Limits{InputTokens: &call.Limit{Remaining: &left}, OutputTokens: &call.Limit{Reset: reset}}},
		"garbage": {headers("anthropic-ratelimit-requests-limit", "many", "anthropic-ratelimit-requests-remaining", "-1", "anthropic-ratelimit-requests-reset", "soon",
			"anthropic-ratelimit-tokens-limit", "1.5", "anthropic-ratelimit-input-tokens-limit", ""), call.Limits{}},
		"fast": {headers("anthropic-fast-input-tokens-limit", "2000000", "anthropic-fast-input-tokens-remaining", "1", "anthropic-fast-output-tokens-limit", "9",
			"anthropic-fast-output-tokens-remaining", "8"), call.Limits{InputTokens: limit(2000000, 1, time.Time{}), OutputTokens: limit(9, 8, time.Time{})}},
		"fast, none allowed": {headers("anthropic-fast-input-tokens-limit", "0"), call.Limits{InputTokens: &call.Limit{Limit: new(int64)}}},
		"priority": {headers("anthropic-priority-input-tokens-limit", "10000", "anthropic-priority-input-tokens-remaining", "9618", "anthropic-priority-input-tokens-reset", "2026-11-23T10:15:48Z",
			"anthropic-priority-output-tokens-limit", "-5", "anthropic-priority-output-tokens-remaining", "7", "anthropic-ratelimit-requests-limit", "1", "anthropic-ratelimit-requests-remaining", "0"),
			call.Limits{Requests: limit(1, 0, time.Time{}), PriorityInputTokens: limit(10000, 9618, reset), PriorityOutputTokens: &call.Limit{Remaining: &left}}},
		"a reset in the past": {headers("anthropic-ratelimit-requests-reset", "2001-01-01T00:00:00Z"),
			call.Limits{Requests: &call.Limit{Reset: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}}},
		"OpenAI's": {headers("x-ratelimit-limit-requests", "3000", "x-ratelimit-remaining-requests", "2999", "x-ratelimit-reset-requests", "20ms",
			"x-ratelimit-limit-tokens", "250000", "x-ratelimit-remaining-tokens", "249989", "x-ratelimit-reset-tokens", "6m0s"),
			call.Limits{Requests: limit(3000, 2999, reset.Add(20*time.Millisecond)), Tokens: limit(250000, 249989, reset.Add(6*time.Minute))}},
		"OpenAI's in parts":    {headers("x-ratelimit-remaining-tokens", "7"), call.Limits{Tokens: &call.Limit{Remaining: &left}}},
		"OpenAI's, garbage":    {headers("x-ratelimit-limit-requests", "-1", "x-ratelimit-remaining-requests", "1e3", "x-ratelimit-reset-requests", "soon", "x-ratelimit-reset-tokens", "-5s"), call.Limits{}},
		"OpenAI's, in seconds": {headers("x-ratelimit-reset-tokens", "7.5"), call.Limits{Tokens: &call.Limit{Reset: reset.Add(7500 * time.Millisecond)}}},
		"OpenAI's, an instant": {headers("x-ratelimit-reset-tokens", "2026-11-23T11:15:48+01:00"), call.Limits{Tokens: &call.Limit{Reset: reset}}},
		"OpenAI's, since 1970": {headers("x-ratelimit-remaining-tokens", "7", "x-ratelimit-reset-tokens", "1763892948"), call.Limits{Tokens: &call.Limit{Remaining: &left}}},
		"both": {headers("anthropic-ratelimit-requests-limit", "1", "anthropic-ratelimit-requests-remaining", "0", "x-ratelimit-limit-tokens", "9"),
			call.Limits{Requests: limit(1, 0, time.Time{})}},
	} {
		if d := cmp.Diff(tt.want, limitsOf(tt.header, reset)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]float64{
		"16": 16, "0": 0, "0.25": 0.25, " 3 ": 3, "99999999999": 99999999999, "Mon, 23 Nov 2026 10:01:30 GMT": 90, "Mon, 23 Nov 2026 10:00:00 GMT": 0,
		"": -1, "-1": -1, "soon": -1, "NaN": -1, "Inf": -1, "1e3": -1, "0x10": -1, "1.2.3": -1, ".": -1, "Mon, 23 Nov 2026 09:58:00 GMT": -1, "+5": -1,
	} {
		got := retryAfter(headers("Retry-After", value), now)
		if got == nil && want != -1 || got != nil && *got != want {
			t.Errorf("retryAfter(%q) = %v; want %v (-1: none)", value, got, want)
		}
	}
}

// TestRetryAfterMs: the finer header counts, where it makes sense.
func TestRetryAfterMs(t *testing.T) {
	for value, want := range map[string]float64{"250": 0.25, "0": 0, "60000": 60, "": 7, "-5": 7, "soon": 7, "1.5": 7, "99999999999": 7} {
		got := retryAfter(headers("Retry-After-Ms", value, "Retry-After", "7"), time.Time{})
		if got == nil || *got != want {
			t.Errorf("retryAfter of %q ms and 7 s = %v; want %v", value, got, want)
		}
	}
}

func TestLimitedBy(t *testing.T) {
	zero, some := int64(0), int64(5)
	empty, full := &call.Limit{Remaining: &zero}, &call.Limit{Remaining: &some}
	for _, tt := range []struct {
		kind string
		want call.LimitKind
	}{
		{"requests", call.LimitRequests}, {"tokens", call.LimitTokens}, {"insufficient_quota", call.LimitSpend}, {"budget_exceeded", call.LimitSpend},
		{"rate_limit_error", call.LimitOutputTokens},
	} {
		if got := limitedBy(wireError{typ: tt.kind, errorCode: "rate_limit_exceeded", message: "output tokens"}, call.Limits{}); got != tt.want {
			t.Errorf("limitedBy(type %q) = %s; want %s", tt.kind, got, tt.want)
		}
	}
	for _, tt := range []struct {
		code, message string
		limits        call.Limits
		want          call.LimitKind
	}{
		{"insufficient_quota", "tokens per min", call.Limits{}, call.LimitSpend},
		{"billing_hard_limit_reached", "", call.Limits{}, call.LimitSpend},
		{"rate_limit_exceeded", "Rate limit reached for m on requests per min (RPM): Limit 3", call.Limits{}, call.LimitRequests},
		{"rate_limit_exceeded", "Request too large for m on tokens per min (TPM): Limit 30000. The input or output tokens must be reduced", call.Limits{}, call.LimitTokens},
		{"ramp_limit_exceeded", "too many input tokens", call.Limits{Requests: empty}, call.LimitRamp},
		{"enforced_spend_limit_reached", "", call.Limits{}, call.LimitSpend},
		{"contract_spend_limit_reached", "requests", call.Limits{}, call.LimitSpend},
		{"new_code", "rate limit of 50,000 input tokens per minute. Lower the output tokens or send fewer requests", call.Limits{Requests: empty}, call.LimitInputTokens},
		{"", "rate limit of 8,000 Output Tokens per minute", call.Limits{}, call.LimitOutputTokens},
		{"", "This request would exceed your limit of 50 requests per minute, input tokens are fine", call.Limits{}, call.LimitRequests},
		{"", "slow down", call.Limits{Requests: full, InputTokens: full, OutputTokens: empty}, call.LimitOutputTokens},
		{"", "slow down", call.Limits{Requests: empty, Tokens: empty}, call.LimitRequests},
		{"", "slow down", call.Limits{Tokens: empty}, call.LimitTokens},
		{"", "slow down", call.Limits{InputTokens: empty, Tokens: empty}, call.LimitInputTokens},
		{"", "slow down", call.Limits{Requests: full, Tokens: &call.Limit{}}, call.LimitUnknown},
	} {
		if got := limitedBy(wireError{errorCode: tt.code, message: tt.message}, tt.limits); got != tt.want {
			t.Errorf("limitedBy(%q, %q) = %s; want %s", tt.code, tt.message, got, tt.want)
		}
	}
}
