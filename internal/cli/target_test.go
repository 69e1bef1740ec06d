package cli

import (
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/plan"
)

// TestChatTarget: where chat completions go, and that Anthropic's key goes to
// nobody else.
func TestChatTarget(t *testing.T) {
	const anthropicKey, openKey = "sk-ant-1", "sk-open-1"
	vars := map[string]string{"ANTHROPIC_API_KEY": anthropicKey, "OPENAI_API_KEY": openKey, "ANTHROPIC_BASE_URL": "https://gateway.test"}
	for name, tt := range map[string]struct {
		flag string
		plan plan.Target
		url  string
		key  string
		why  string
	}{
		"nothing named":          {"", plan.Target{}, "sim", "simulated", "no target named for api chat"},
		"a key's name alone":     {"", plan.Target{KeyEnv: "OPENAI_API_KEY"}, "sim", "simulated", "no target named for api chat"},
		"the plan, its key":      {"", plan.Target{BaseURL: "https://open.test", KeyEnv: "OPENAI_API_KEY"}, "https://open.test", openKey, ""},
		"the flag, its key":      {"https://open.test", plan.Target{KeyEnv: "OPENAI_API_KEY"}, "https://open.test", openKey, ""},
		"the plan, no key named": {"", plan.Target{BaseURL: "https://open.test"}, "https://open.test", "", "Anthropic's key is not sent to open.test"},
		"the flag, no key named": {"https://open.test", plan.Target{}, "https://open.test", "", "Anthropic's key is not sent to open.test"},
		"Anthropic's own":        {"https://api.anthropic.com", plan.Target{}, "https://api.anthropic.com", anthropicKey, ""},
		"Anthropic's key named":  {"https://open.test", plan.Target{KeyEnv: "ANTHROPIC_API_KEY"}, "https://open.test", anthropicKey, ""},
		"loopback":               {"http://127.0.0.1:8000", plan.Target{}, "http://127.0.0.1:8000", anthropicKey, ""},
		"the simulator, by flag": {"sim", plan.Target{BaseURL: "https://open.test"}, "sim", "simulated", ""},
	} {
		tt.plan.API = "chat"
		e := &env{vars: vars}
		got, err := e.choose(tt.flag, tt.plan)
		if err != nil || got.url != tt.url || string(got.key) != tt.key || !strings.HasPrefix(got.why, tt.why) || tt.why == "" && got.why != "" {
			t.Errorf("%s: %s, key %q, %q, %v; want %s, %q, %q", name, got.url, string(got.key), got.why, err, tt.url, tt.key, tt.why)
		}
	}
}
