package client

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// limitsOf reads the rate-limit headers. Any of them may be missing; a value
// that is not a number, or not an instant, is as good as missing. Fast mode
// has its own token limits, sent instead of the usual ones.
func limitsOf(h http.Header) call.Limits {
	return call.Limits{
		Requests:     limitOf(h, "Anthropic-Ratelimit-Requests-"),
		Tokens:       limitOf(h, "Anthropic-Ratelimit-Tokens-"),
		InputTokens:  either(limitOf(h, "Anthropic-Ratelimit-Input-Tokens-"), h, "Anthropic-Fast-Input-Tokens-"),
		OutputTokens: either(limitOf(h, "Anthropic-Ratelimit-Output-Tokens-"), h, "Anthropic-Fast-Output-Tokens-"),
	}
}

func either(l *call.Limit, h http.Header, prefix string) *call.Limit {
	if l != nil {
		return l
	}
	return limitOf(h, prefix)
}

// limitOf reads one bucket; nil if none of its headers says anything.
func limitOf(h http.Header, prefix string) *call.Limit {
	l := call.Limit{Limit: count(h.Get(prefix + "Limit")), Remaining: count(h.Get(prefix + "Remaining"))}
	if at, err := time.Parse(time.RFC3339, h.Get(prefix+"Reset")); err == nil {
		l.Reset = at.UTC()
	}
	if l == (call.Limit{}) {
		return nil
	}
	return &l
}

func count(s string) *int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

// retryAfter reads the header of that name: seconds, or a date (RFC 9110,
// 10.2.3). Nil is no header, or one that makes no sense.
func retryAfter(h http.Header, now time.Time) *float64 {
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

// limitedBy says which limit a 429 came from: by its code, else by what its
// message names first, else by the bucket that is empty.
func limitedBy(e wireError, l call.Limits) call.LimitKind {
	switch code := e.code(); {
	case code == "ramp_limit_exceeded":
		return call.LimitRamp
	case strings.HasSuffix(code, "spend_limit_reached"):
		return call.LimitSpend
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
	} {
		if i := strings.Index(message, phrase); i >= 0 && i < first {
			first, kind = i, k
		}
	}
	return kind
}
