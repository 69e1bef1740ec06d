package plan

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMistakes compares what is said about each bad plan with a golden file.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d bad plans (%v)", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			src := read(t, file)
			p, err := Parse("plan.yaml", src, Options{FS: os.DirFS("testdata/files")})
			if p != nil || err == nil {
				t.Fatalf("Parse = %v, %v; want mistakes only", p, err)
			}
			mistakes, ok := errors.AsType[Mistakes](err)
			if !ok {
				t.Fatalf("error of type %T; want Mistakes", err)
			}
			placed(t, src, mistakes)
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

// placed checks that every place is in the file that it names.
func placed(t *testing.T, src []byte, mistakes Mistakes) {
	t.Helper()
	for _, m := range mistakes {
		if m.Line < 1 || m.Column < 1 {
			t.Errorf("%q has no place", m)
		}
		if lines := bytes.Count(src, []byte("\n")) + 1; m.File == "plan.yaml" && m.Line > lines {
			t.Errorf("%q lies behind the %d lines of the plan", m, lines)
		}
		if strings.ContainsAny(m.Text, "\n\r") || m.Text == "" {
			t.Errorf("%q is not one line", m.Text)
		}
		if strings.Contains(m.Text, "not-shown") {
			t.Errorf("%q repeats a key", m)
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, file)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
