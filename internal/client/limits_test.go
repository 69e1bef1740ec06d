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
	} {
		if d := cmp.Diff(tt.want, limitsOf(tt.header)); d != "" {
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

func TestLimitedBy(t *testing.T) {
	zero, some := int64(0), int64(5)
	empty, full := &call.Limit{Remaining: &zero}, &call.Limit{Remaining: &some}
	for _, tt := range []struct {
		code, message string
		limits        call.Limits
		want          call.LimitKind
	}{
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
