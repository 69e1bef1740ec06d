package plan

import (
	"fmt"
	"strings"
	"testing"
)

// TestAliasBomb checks that a small file cannot grow without end.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	_, err := Parse("plan.yaml", []byte(b.String()), Options{})
	if got := text(err); !strings.Contains(got, "more than 250000 values") || strings.Contains(got, "\n") {
		t.Errorf("Parse of an alias bomb: %.200s", got)
	}
	b.Reset()
	b.WriteString(strings.Repeat("[", 3000) + strings.Repeat("]", 3000))
	if _, err = Parse("plan.yaml", []byte(b.String()), Options{}); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("Parse of deep nesting: %v", err)
	}
}

func TestMerge(t *testing.T) {
	const src = `tasks:
  - &a {name: a, weight: 2, model: claude-haiku-4-5, max_tokens: 5, prompts: [one]}
  - {<<: *a, name: b}
  - {<<: [{weight: 7}, *a], name: c, max_tokens: 9}
load:
  users: {count: 1, requests: 1}
`
	tasks := must(t, src).Tasks
	for i, want := range []struct {
		name      string
		weight    float64
		maxTokens int
	}{{"a", 2, 5}, {"b", 2, 5}, {"c", 7, 9}} {
		if got := tasks[i]; got.Name != want.name || got.Weight != want.weight || got.MaxTokens != want.maxTokens || got.Prompts[0] != "one" {
			t.Errorf("task %d is %+v; want %+v", i, got, want)
		}
	}
}
