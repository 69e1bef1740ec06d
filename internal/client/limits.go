package client

import (
	"cmp"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// limitsOf reads the rate-limit headers: Anthropic's own, and where there are
// none of these the ones that OpenAI began and gateways send. Any of them may be
// missing; a value that is not a number, or not a time, is as good as missing.
// Fast mode has its own token limits, sent instead of the usual ones.
func limitsOf(h http.Header, now time.Time) call.Limits {
	if !saysLimits(h) {
		return call.Limits{}
	}
	l := call.Limits{
		Requests:     limitOf(h, &requestsNames),
		Tokens:       limitOf(h, &tokensNames),
		InputTokens:  cmp.Or(limitOf(h, &inputNames), limitOf(h, &fastInputNames)),
		OutputTokens: cmp.Or(limitOf(h, &outputNames), limitOf(h, &fastOutputNames)),

		PriorityInputTokens:  limitOf(h, &priorityInputNames),
		PriorityOutputTokens: limitOf(h, &priorityOutputNames),
	}
	if l.IsZero() {
		l.Requests, l.Tokens = openLimitOf(h, &openRequestsNames, now), openLimitOf(h, &openTokensNames, now)
	}
	return l
}

// saysLimits reports whether any header can be one of ours: most servers that
// are not the API itself send none.
func saysLimits(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "Anthropic-") || strings.HasPrefix(name, openPrefix) {
			return true
		}
	}
	return false
}

// limitNames are the headers of one bucket as net/http writes them.
type limitNames struct{ limit, remaining, reset string }

const openPrefix = "X-Ratelimit-"

var (
	requestsNames       = namesOf("Anthropic-Ratelimit-Requests-")
	tokensNames         = namesOf("Anthropic-Ratelimit-Tokens-")
	inputNames          = namesOf("Anthropic-Ratelimit-Input-Tokens-")
	outputNames         = namesOf("Anthropic-Ratelimit-Output-Tokens-")
	fastInputNames      = namesOf("Anthropic-Fast-Input-Tokens-")
	fastOutputNames     = namesOf("Anthropic-Fast-Output-Tokens-")
	priorityInputNames  = namesOf("Anthropic-Priority-Input-Tokens-")
	priorityOutputNames = namesOf("Anthropic-Priority-Output-Tokens-")

	openRequestsNames = limitNames{openPrefix + "Limit-Requests", openPrefix + "Remaining-Requests", openPrefix + "Reset-Requests"}
	openTokensNames   = limitNames{openPrefix + "Limit-Tokens", openPrefix + "Remaining-Tokens", openPrefix + "Reset-Tokens"}
)

func namesOf(prefix string) limitNames {
	return limitNames{prefix + "Limit", prefix + "Remaining", prefix + "Reset"}
}

// value is h.Get of a name that is written as net/http writes it.
func value(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// limitOf reads one bucket; nil if none of its headers says anything.
func limitOf(h http.Header, n *limitNames) *call.Limit {
	l := call.Limit{Limit: count(value(h, n.limit)), Remaining: count(value(h, n.remaining))}
	if at, err := time.Parse(time.RFC3339, value(h, n.reset)); err == nil {
		l.Reset = at.UTC()
	}
	return orNone(l)
}

// openLimitOf reads one bucket in OpenAI's form. Its reset is a length of time,
// such as 6m0s or 12ms; some servers give seconds, some an instant.
func openLimitOf(h http.Header, n *limitNames, now time.Time) *call.Limit {
	return orNone(call.Limit{
		Limit: count(value(h, n.limit)), Remaining: count(value(h, n.remaining)), Reset: resetAt(value(h, n.reset), now),
	})
}

func orNone(l call.Limit) *call.Limit {
	if l == (call.Limit{}) {
		return nil
	}
	return &l
}

// mostReset is the longest time to a reset that is believed. More is an instant
// in seconds since 1970, or nonsense.
const mostReset = 32 * 24 * time.Hour

// resetAt reads when a bucket is full again; zero is never said.
func resetAt(value string, now time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return at.UTC()
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		d, err = time.ParseDuration(value + "s")
	}
	if err != nil || d < 0 || d > mostReset {
		return time.Time{}
	}
	return now.Add(d).UTC()
}

func count(s string) *int64 {
	if s == "" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

// retryAfter reads the header of that name: seconds, or a date (RFC 9110,
// 10.2.3); before it the one in milliseconds, which some servers send beside it
// because it is finer. Nil is no header, or one that makes no sense.
func retryAfter(h http.Header, now time.Time) *float64 {
	if ms, err := strconv.ParseUint(h.Get("Retry-After-Ms"), 10, 32); err == nil {
		seconds := float64(ms) / 1000
		return &seconds
	}
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return nil
	}
	var seconds float64
	if strings.Trim(value, "0123456789.") == "" {
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsInf(f, 0) {
			return nil
		}
		seconds = f
	} else {
		at, err := http.ParseTime(value)
		if err != nil || at.Before(now) {
			return nil
		}
		seconds = at.Sub(now).Seconds()
	}
	return &seconds
}

// limitedBy says which limit a 429 came from: by its code or type, else by what
// its message names first, else by the bucket that is empty.
func limitedBy(e wireError, l call.Limits) call.LimitKind {
	switch code, kind := e.code(), e.kind(""); {
	case code == "ramp_limit_exceeded":
		return call.LimitRamp
	case strings.HasSuffix(code, "spend_limit_reached"), code == "insufficient_quota", code == "billing_hard_limit_reached",
		kind == "insufficient_quota", kind == "budget_exceeded": // OpenAI, LiteLLM
		return call.LimitSpend
	case kind == "requests":
		return call.LimitRequests
	case kind == "tokens":
		return call.LimitTokens
	}
	if kind := named(e.message); kind != "" {
		return kind
	}
	for _, b := range []struct {
		limit *call.Limit
		kind  call.LimitKind
	}{
		{l.Requests, call.LimitRequests}, {l.InputTokens, call.LimitInputTokens},
		{l.OutputTokens, call.LimitOutputTokens}, {l.Tokens, call.LimitTokens},
	} {
		if b.limit != nil && b.limit.Remaining != nil && *b.limit.Remaining == 0 {
			return b.kind
		}
	}
	return call.LimitUnknown
}

// named finds the limit that a message names first; advice comes after it.
func named(message string) call.LimitKind {
	message = strings.ToLower(message)
	first, kind := len(message), call.LimitKind("")
	for phrase, k := range map[string]call.LimitKind{
		"input tokens": call.LimitInputTokens, "output tokens": call.LimitOutputTokens, "requests": call.LimitRequests,
		"tokens per": call.LimitTokens,
	} {
		if i := strings.Index(message, phrase); i >= 0 && i < first {
			first, kind = i, k
		}
	}
	return kind
}
