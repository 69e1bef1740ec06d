package sim

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// A conversation of ten turns of 600 tokens behind 4,000 that never change. In
// multiples of a token's input price it costs 73,000 without the cache, and with
// the end of each prompt marked 18,800 for five minutes and 26,300 for an hour:
// w(S+d), and for each later turn r(S+(i−1)d) + wd.
func TestDialogue(t *testing.T) {
	const (
		model     = "claude-sonnet-4-6"
		fixed     = 4000
		turn      = 600
		turns     = 10
		per       = 4    // bytes a token
		tolerance = 0.01 // what the messages' framing adds
	)
	text := func(tokens int) string { return strings.Repeat("abc ", tokens*per/4) }
	for ttl, want := range map[string]float64{"": 73_000, "5m": 18_800, "1h": 26_300} {
		r, err := Rehearse(Config{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		var messages []map[string]any
		units := 0.0
		for i := range turns {
			if i > 0 {
				messages = append(messages, map[string]any{"role": "assistant", "content": text(100)})
			}
			size := turn - 100
			if i == 0 {
				size = turn
			}
			block := map[string]any{"type": "text", "text": text(size)}
			if ttl != "" {
				block["cache_control"] = map[string]string{"type": "ephemeral", "ttl": ttl}
			}
			messages = append(messages, map[string]any{"role": "user", "content": []any{block}})
			body, err := json.Marshal(map[string]any{"model": model, "max_tokens": 64, "system": text(fixed), "messages": messages})
			if err != nil {
				t.Fatal(err)
			}
			a, err := r.Ask(time.Duration(i)*time.Minute, body)
			if err != nil {
				t.Fatal(err)
			}
			a.Accept()
			delete(block, "cache_control") // four may be marked at once: the last is enough
			units += float64(a.InputTokens) + 1.25*float64(a.CacheWrite5m) + 2*float64(a.CacheWrite1h) + 0.1*float64(a.CacheRead)
		}
		if units < want || units > want*(1+tolerance) {
			t.Errorf("cached for %q the conversation costs %.0f; want %.0f and a little", ttl, units, want)
		}
	}
}
