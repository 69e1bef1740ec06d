package plan

import (
	"slices"
	"strings"
	"testing"
)

func TestRedacted(t *testing.T) {
	for _, hidden := range []string{
		"tasks.0.prompts.0=SECRET", "tasks.a.prompts=[SECRET]", "tasks.0.system=SECRET", "tasks.0.system.text=SECRET", "tasks.0.body.messages.0.content=SECRET",
		"tasks.0.messages=SECRET", "tasks=[{prompts: [SECRET]}]", "tasks.0={system: SECRET}", `"tasks".0.prompts.0=SECRET`, "tasks.0.prompts.0=a=SECRET",
		"target={headers: {x-a: SECRET}}", "target.headers.x-a=SECRET", "SECRET",
	} {
		got := Redacted([]string{hidden})
		path, value, _ := strings.Cut(got[0], "=")
		if strings.Contains(got[0], "SECRET") || !strings.HasPrefix(value, "sha256:") || !strings.HasPrefix(hidden, path) && path != "?" {
			t.Errorf("Redacted(%q) = %q; want its path and a digest", hidden, got)
		}
		if again := Redacted(got); !slices.Equal(again, got) {
			t.Errorf("Redacted(%q) = %q; want it as it is", got, again)
		}
		if other := Redacted([]string{hidden + "!"}); slices.Equal(other, got) {
			t.Errorf("%q and another text have one digest", hidden)
		}
	}
	plain := []string{"tasks.0.max_tokens=64", "tasks.a.system.cache=5m", "tasks.a.synthetic.input_tokens=9", "load.users.count=5", "target.api=chat", `prices."gpt-4.1".input=2`}
	if got := Redacted(plain); !slices.Equal(got, plain) {
		t.Errorf("Redacted(%q) = %q; want them as they are", plain, got)
	}
}
