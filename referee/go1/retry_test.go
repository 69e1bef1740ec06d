// Code generated from go2 by "go test . -update"; DO NOT EDIT.

package referee_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/tokenload/tokenload/referee/simulator"
)

// attempts checks that the records are attempts of one request, each at least
// its predecessor's retry-after later than that could be read.
func attempts(t *testing.T, records []simulator.Record, status ...int) {
	t.Helper()
	for i, r := range records {
		if r.RetryCount != i || r.Status != status[i] {
			t.Errorf("attempt %d: status %d, retry count %d; want %d, %d", i, r.Status, r.RetryCount, status[i], i)
		}
		if i == 0 {
			continue
		}
		gap, wait := r.Received.Sub(records[i-1].Answered()), time.Duration(records[i-1].RetryAfter)*time.Second
		if gap < wait {
			t.Errorf("attempt %d came %v after the last, whose retry-after was %v", i, gap, wait)
		}
	}
}

// Without options the SDK retries twice; retry-after is longer than any of its
// own pauses would be.
func TestRetriesWaitAsTold(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	_, err := client(s).Messages.New(t.Context(), ask(haiku, "Hi"), fault("status=429; for=2s"))
	apiError(t, err, 429, "rate_limit_error")
	records := s.Truth(t, 3)
	attempts(t, records, 429, 429, 429)
	for _, r := range records {
		if r.RetryAfter != 2 {
			t.Errorf("retry-after %d, want 2", r.RetryAfter)
		}
	}
}

func TestRetrySucceeds(t *testing.T) {
	t.Parallel()
	for text, status := range map[string]int{"status=500": 500, "status=529": 529, "close": 0} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			s := simulator.Start(t, "--fault", text+"; every=2")
			for range 2 { // the second request arrives second
				if _, err := receive(t, client(s), ask(haiku, "Hi")); err != nil {
					t.Fatal(err)
				}
			}
			attempts(t, s.Truth(t, 3)[1:], status, 200)
		})
	}
}

// No SDK retries what the API says is in vain.
func TestNoRetry(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"status=400", "status=403", "status=429; code=enforced_spend_limit_reached"} {
		s := simulator.Start(t)
		if _, err := client(s).Messages.New(t.Context(), ask(haiku, "Hi"), fault(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
		if r := s.Last(t, 1); r.RetryAfter != 0 {
			t.Errorf("%s: retry-after %d", text, r.RetryAfter)
		}
	}
}

// A real limit: the bucket of a small account is emptied, and the SDK's retry
// is let in after the time the API has told it to wait.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t, "--tier", "tier1") // haiku: 50,000 input tokens a minute
	c := client(s)
	ask := func(tokens int) anthropic.MessageNewParams {
		return ask(haiku, strings.Repeat("word ", tokens)) // a little over one token each
	}
	count, err := c.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{Model: haiku, Messages: ask(10_000).Messages})
	if err != nil {
		t.Fatal(err)
	}
	words := func(tokens int64) int { return int(tokens * 10_000 / count.InputTokens) }
	if _, err := c.Messages.New(t.Context(), ask(words(49_000))); err != nil {
		t.Fatal(err)
	}
	var headers *http.Response
	if _, err := c.Messages.New(t.Context(), ask(words(6_000)), option.WithResponseInto(&headers)); err != nil {
		t.Fatal(err)
	}
	records := s.Truth(t, 4)
	attempts(t, records[2:], 429, 200)
	if r := records[2]; r.LimitedBy != "input_tokens" || r.RetryAfter < 1 || r.RetryAfter > 6 {
		t.Errorf("limited by %q, retry-after %d s; want input_tokens, 1 to 6", r.LimitedBy, r.RetryAfter)
	}
	if got := headers.Header.Get("anthropic-ratelimit-input-tokens-limit"); got != "50000" {
		t.Errorf("anthropic-ratelimit-input-tokens-limit %q, want 50000", got)
	}
}
