package referee_test

import (
	"encoding/json"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/tokenload/tokenload/referee/simulator"
)

// What this major sends unless told otherwise.
const (
	defaultAuth    = "x-api-key"
	defaultVersion = "2023-06-01"
)

// The error's code is what programs should branch on; this major leaves it to them
// to find.
func TestErrorCode(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	for _, code := range []string{"ramp_limit_exceeded", "enforced_spend_limit_reached"} {
		_, err := client(s, option.WithMaxRetries(0)).Messages.New(t.Context(), ask(haiku, "Hi"), fault("status=429; code="+code))
		var body struct {
			Error struct {
				Details struct {
					Code string `json:"error_code"`
				}
			}
		}
		raw := apiError(t, err, 429, "rate_limit_error").RawJSON()
		if err := json.Unmarshal([]byte(raw), &body); err != nil || body.Error.Details.Code != code {
			t.Errorf("error %s, want code %q", raw, code)
		}
	}
}
