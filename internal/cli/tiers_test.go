package cli

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/sim"
)

// What check holds a plan against is what the simulator enforces, for every tier
// and class: two tables, compared through the headers of an answer.
func TestTiersAgreeWithTheSimulator(t *testing.T) {
	tiers, _ := limit.Tiers()
	for _, tier := range tiers {
		s, err := sim.New(sim.Config{Tier: tier.Name, Profile: sim.Instant})
		if err != nil {
			t.Fatal(err)
		}
		for _, model := range []string{"claude-haiku-5-5", "claude-haiku-4-5", "claude-sonnet-5-5", "claude-sonnet-5", "claude-sonnet-4-6",
			"claude-opus-5-5", "claude-opus-5", "claude-opus-4-8", "claude-fable-5-2", "claude-mythos-5-1"} {
			body := `{"model":"` + model + `","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}`
			r := httptest.NewRequest(http.MethodPost, "/v1/messages", strings.NewReader(body))
			r.Header.Set("X-Api-Key", "k")
			r.Header.Set("Anthropic-Version", "2023-06-01")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			header := func(name string) int64 {
				n, _ := strconv.ParseInt(w.Header().Get("Anthropic-Ratelimit-"+name+"-Limit"), 10, 64)
				return n
			}
			got := limit.Rates{Requests: header("Requests"), InputTokens: header("Input-Tokens"), OutputTokens: header("Output-Tokens")}
			if want := tier.Classes[call.ModelClass(model)]; got != want || got == (limit.Rates{}) {
				t.Errorf("%s, %s: the simulator allows %+v; the table says %+v", tier.Name, model, got, want)
			}
		}
	}
}
