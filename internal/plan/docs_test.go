package plan

import (
	"os"
	"strings"
	"testing"
)

// TestPageHasTheFields checks that the format's page names every field and
// that its examples are right.
func TestPageHasTheFields(t *testing.T) {
	page := string(read(t, "../../docs/format/plan.md"))
	for object, fields := range tables() {
		for _, field := range fields {
			if !strings.Contains(page, "`"+field+"`") && !strings.Contains(page, field+": ") && !strings.Contains(page, field+",") {
				t.Errorf("the page does not name %q of %q", field, object)
			}
		}
	}
}

func TestPageExamples(t *testing.T) {
	page := string(read(t, "../../docs/format/plan.md"))
	blocks := strings.Split(page, "```yaml\n")[1:]
	if len(blocks) < 6 {
		t.Fatalf("%d examples on the page", len(blocks))
	}
	for i, block := range blocks {
		src, _, _ := strings.Cut(block, "```")
		if !strings.Contains(src, "tasks:") {
			src += "tasks: [{name: simple, model: claude-haiku-4-5, prompts: [hi]}]\n"
		}
		if !strings.Contains(src, "load:") {
			src += "load: {users: {stages: [{name: steady, duration: 1m, target: 1}]}}\n"
		}
		src = strings.ReplaceAll(src, "handbook.txt", "prompts.txt")
		src = strings.ReplaceAll(src, "questions.jsonl", "good.jsonl")
		if _, err := Parse("plan.md", []byte(src), Options{FS: os.DirFS("testdata/files")}); err != nil {
			t.Errorf("example %d:\n%s%v", i+1, src, err)
		}
	}
}
