package referee_test

import (
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/tokenload/tokenload/referee/simulator"
)

// What this major sends unless told otherwise.
const (
	defaultAuth    = "authorization"
	defaultVersion = "2026-10-21"
)

// The error's code is what programs should branch on.
func TestErrorCode(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	for _, code := range []string{"ramp_limit_exceeded", "enforced_spend_limit_reached"} {
		_, err := client(s, option.WithMaxRetries(0)).Messages.New(t.Context(), ask(haiku, "Hi"), fault("status=429; code="+code))
		if got := apiError(t, err, 429, "rate_limit_error").Details.ErrorCode; got != code {
			t.Errorf("error_code %q, want %q", got, code)
		}
	}
}
