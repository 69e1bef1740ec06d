package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answered is all that a record says of an answer and what it cost.
type answered struct {
	Index        int      `json:"index"`
	Task         string   `json:"task"`
	Class        string   `json:"class"`
	Status       int      `json:"status"`
	Stop         string   `json:"stop_reason"`
	Events       int      `json:"events"`
	Input        int64    `json:"input_tokens"`
	CacheWrite5m int64    `json:"cache_write_5m_tokens"`
	CacheWrite1h int64    `json:"cache_write_1h_tokens"`
	CacheRead    int64    `json:"cache_read_tokens"`
	Output       int64    `json:"output_tokens"`
	Thinking     int64    `json:"thinking_tokens"`
	Cost         float64  `json:"cost_usd"`
	Bound        bool     `json:"cost_bound"`
	LimitedBy    string   `json:"limited_by"`
	RetryAfter   *float64 `json:"retry_after_s"`
	Checks       map[string]bool
}

// The same plan through either dialect, with one user and one seed, is the same
// run: tokens, cache, dollars, classes, stop reasons and content events.
func TestChatIsTheSameRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "handbook.txt", strings.Repeat("The handbook says what to do. ", 300))
	plan := write(t, dir, "plan.yaml", `version: 1
name: both
target: {base_url: sim}
defaults: {model: claude-haiku-5-5, max_tokens: 60}
tasks:
  - {name: text, prompts: ["Tell me of rivers {{index}}"]}
  - {name: plain, stream: false, system: Be short, prompts: ["Tell me of lakes {{index}}"]}
  - {name: cached, system: {file: handbook.txt, cache: 5m}, prompts: ["And of the sea?"]}
  - {name: cached for long, model: claude-sonnet-4-6, system: {file: handbook.txt, cache: 1h}, prompts: ["And of the sea?"]}
  - {name: short, max_tokens: 5, prompts: ["Tell me of ponds {{index}}"]}
  - {name: stop, prompts: ["Tell me of seas {{index}}"], body: {stop_sequences: [e]}}
  - name: tool
    prompts: ["How deep is it? {{index}}"]
    body: {tools: [{name: gauge, description: The depth, input_schema: {type: object, properties: {place: {type: string}}}}], tool_choice: {type: any}}
  - {name: thinking, model: claude-sonnet-4-6, max_tokens: 200, prompts: ["Think of rivers {{index}}"], body: {thinking: {type: adaptive, display: summarized}}}
load: {users: {count: 1, requests: 80}}
on_limit: {mode: obey, max_attempts: 2}
budget: {usd: 2}
checks: [{content: true}, {not_contains: rivers}]
seed: 11
`)
	var runs [2][]answered
	for i, api := range dialects {
		url := simulator(t, "--seed", "11", "--profile", "instant", "--fault", "status=529; p=0.1; for=0s", "--fault", "cut=6; p=0.1", "--fault", "no-usage; p=0.1")
		out := filepath.Join(dir, api)
		c := program(t, dir, "run", plan, "--target", url, "--api", api, "--out", out, "--quiet", "--json")
		if code := c.run(t); code != 0 && code != 121 {
			t.Fatalf("%s: exit %d\n%s", api, code, c.stderr.String())
		}
		runs[i] = answers(t, out)
	}
	seen := map[string]int{}
	for i, m := range runs[0] {
		if i >= len(runs[1]) {
			t.Fatalf("%d records of messages, %d of chat", len(runs[0]), len(runs[1]))
		}
		if m, c := m.common(), runs[1][i].common(); m != c {
			t.Errorf("record %d:\nmessages %s\n    chat %s", i, m, c)
		}
		seen[m.Task]++
		seen[m.Class]++
		seen[m.Stop]++
		seen["writes 5m"] += int(m.CacheWrite5m)
		seen["writes 1h"] += int(m.CacheWrite1h)
		seen["reads"] += int(m.CacheRead)
		seen["thoughts"] += int(m.Thinking)
	}
	for _, what := range []string{"text", "plain", "cached", "cached for long", "stop", "tool", "thinking", "ok", "overloaded", "cut",
		"end_turn", "max_tokens", "tool_use", "writes 5m", "writes 1h", "reads", "thoughts"} {
		if seen[what] == 0 {
			t.Errorf("nothing of %q was there to compare", what)
		}
	}
}

// common is what a record says whatever the dialect. Chat completions do not tell
// a stop sequence from an end, count events of their own before a cut, and say
// nothing of usage before the end; a bound is of the bytes that were sent.
func (a answered) common() string {
	if a.Stop == "stop_sequence" {
		a.Stop = "end_turn"
	}
	if a.Bound {
		a.Cost, a.Input, a.CacheWrite5m, a.CacheWrite1h, a.CacheRead, a.Output, a.Thinking = 0, 0, 0, 0, 0, 0, 0
	}
	if a.Class == "cut" {
		a.Stop, a.Events = "", 0
	}
	return fmt.Sprintf("%+v", a)
}

func answers(t *testing.T, dir string) []answered {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "requests.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []answered
	for line := range strings.Lines(string(b)) {
		var a answered
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, a)
	}
	return all
}
