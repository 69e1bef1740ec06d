package plan

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestPromptFiles(t *testing.T) {
	for _, tt := range []struct {
		name, content string
		want          []string
		mistakes      string
	}{
		{"a.txt", "one\r\n\n two \nthree", []string{"one", " two ", "three"}, ""},
		{"a.txt", "\ufeffone\n", []string{"one"}, ""},
		{"a.txt", "one\n\xff\n", nil, "a.txt:2:1: not UTF-8 text"},
		{"a.TXT", "one", []string{"one"}, ""},
		{"a.jsonl", "\"one\"\r\n{\"prompt\": \"t\\nwo\", \"x\": [1]}\n", []string{"one", "t\nwo"}, ""},
		{"a.jsonl", "\"é\" x\n", nil, `a.jsonl:1:5: not JSON (invalid character 'x' after top-level value): want a JSON string, or an object with "prompt"`},
		{"a.jsonl", strings.Repeat("\"fine\"\n", 16) + "{\"prompt\": \"cut\n", nil,
			`a.jsonl:17:15: not JSON (unexpected end of JSON input): want a JSON string, or an object with "prompt"`},
		{"a.jsonl", "5\n[\"x\"]\n", nil, "a.jsonl:1:1: the prompt is no text: want a JSON string, or an object with \"prompt\"\n" +
			"a.jsonl:2:1: the prompt is no text: want a JSON string, or an object with \"prompt\""},
		{"a.ndjson", "\"one\"\n", []string{"one"}, ""},
		{"a.jsonl", "\n\n", nil, `plan.yaml:1:60: file "a.jsonl" has no prompts`},
		{"a.csv", "PROMPT\none\n\"two\nlines\"\n", []string{"one", "two\nlines"}, ""},
		{"a.csv", "id,prompt\n1,\"two\nlines\"\n2,\n", nil, "a.csv:4:3: the prompt is empty"},
		{"a.csv", "prompt\n", nil, `plan.yaml:1:60: file "a.csv" has no prompts`},
		{"a.csv", "", nil, `plan.yaml:1:60: file "a.csv" has no prompts`},
		{"sub/dir/a.txt", "one", []string{"one"}, ""},
		{"a.json", "[]", nil, `plan.yaml:1:60: file "a.json": want .jsonl (a JSON string, or an object with "prompt", a line), .txt (one a line) or .csv (a column "prompt")`},
	} {
		src := "tasks: [{name: a, model: claude-haiku-4-5, prompts: {file: " + tt.name + "}}]\nload: {users: {count: 1, requests: 1}}\n"
		p, err := Parse("plan.yaml", []byte(src), Options{FS: fstest.MapFS{tt.name: {Data: []byte(tt.content)}}})
		if diff := cmp.Diff(tt.mistakes, text(err)); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", tt.name, tt.content, diff)
		}
		if err == nil {
			if diff := cmp.Diff(tt.want, p.Tasks[0].Prompts); diff != "" || p.Tasks[0].Template {
				t.Errorf("%s %q, template %v (-want +got):\n%s", tt.name, tt.content, p.Tasks[0].Template, diff)
			}
		}
	}
}

func TestFilesOutside(t *testing.T) {
	const src = "tasks: [{name: a, model: claude-haiku-4-5, prompts: {file: %}}]\nload: {users: {count: 1, requests: 1}}\n"
	asked := ""
	open := func(name string) ([]byte, error) {
		asked = name
		if strings.Contains(name, "gone") {
			return nil, fs.ErrNotExist
		}
		if strings.Contains(name, "locked") {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return []byte("one"), nil
	}
	abs, _ := filepath.Abs("x.txt")
	for _, tt := range []struct {
		file string
		o    Options
		want string // what is opened, or the mistake
	}{
		{"../x.txt", Options{}, `plan.yaml:1:60: file "../x.txt" lies outside the plan's folder`},
		{"../x.txt", Options{Dir: "plans", ReadFile: open}, "x.txt"},
		{"a/../../x.txt", Options{Dir: "plans/b", ReadFile: open}, filepath.Join("plans", "x.txt")},
		{filepath.ToSlash(abs), Options{Dir: "plans", ReadFile: open}, abs},
		{"../gone.txt", Options{ReadFile: open}, `plan.yaml:1:60: file "../gone.txt" does not exist (paths start at the plan's folder)`},
		{"../locked.txt", Options{ReadFile: open}, `plan.yaml:1:60: file "../locked.txt" cannot be read: permission denied`},
		{"a/../x.txt", Options{FS: fstest.MapFS{"x.txt": {Data: []byte("one")}}}, ""},
		{"x.txt", Options{ReadFile: open}, `plan.yaml:1:60: file "x.txt" does not exist (paths start at the plan's folder)`},
		{"x.txt", Options{FS: fstest.MapFS{"x.txt": {Mode: fs.ModeDir}}}, `plan.yaml:1:60: file "x.txt" cannot be read: invalid argument`},
	} {
		asked = ""
		_, err := Parse("plan.yaml", []byte(strings.Replace(src, "%", tt.file, 1)), tt.o)
		got := asked
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && filepath.FromSlash(got) != tt.want {
			t.Errorf("file %q: %q; want %q", tt.file, got, tt.want)
		}
	}
}
