package plan

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/workload"
)

// FuzzParse checks that no plan makes Parse panic, that every mistake has a
// place and one line, and that what is accepted can be carried out.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/*.yaml", "../../examples/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, "tasks.0.weight=2")
		}
	}
	f.Add(Quickstart(), "load.users.stages.steady.target=3")
	f.Add([]byte(sparse), "thresholds.ttft{task:a}=p(50)<1s")
	f.Add([]byte(sparse), `prices."a.b"={<<: [{input: 1}, {output: 2}]}`)
	files := fstest.MapFS{"questions.jsonl": {Data: []byte("\"one\"\n")}}
	f.Fuzz(func(t *testing.T, src []byte, set string) {
		p, err := Parse("plan.yaml", src, Options{FS: files, Set: []string{set}})
		if err == nil {
			if _, err := workload.New(1, p.Tasks, p.Checks); err != nil {
				t.Fatalf("accepted, but workload.New: %v", err)
			}
			if d := p.Load.Profile.Duration(); d != p.Load.End || p.Load.Requests == 0 && d <= 0 {
				t.Fatalf("accepted with a load of %s and an end at %s", d, p.Load.End)
			}
			return
		}
		mistakes, ok := errors.AsType[Mistakes](err)
		if !ok || len(mistakes) == 0 || p != nil {
			t.Fatalf("Parse = %v, %T of %d", p, err, len(mistakes))
		}
		for _, m := range mistakes {
			if m.Line < 1 || m.Column < 1 || m.File == "" || m.Text == "" || strings.ContainsAny(m.Text, "\n\r") {
				t.Fatalf("mistake %+v", m)
			}
		}
	})
}

// FuzzPromptFile does the same for the files of prompts.
func FuzzPromptFile(f *testing.F) {
	for _, s := range []string{"\"a\"\n{\"prompt\":\"b\"}\n", "{\"prompt\": 5}\n\"\xff\"", "id,prompt\n1,\"a\nb\"\n2,\n", "prompt\n\"a\"b\n", "\ufeffa\r\n\n"} {
		for _, form := range []string{".jsonl", ".csv", ".txt"} {
			f.Add([]byte(s), form)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, form string) {
		read := promptReader("x" + form)
		if read == nil {
			return
		}
		file := &promptFile{name: "x"}
		read(file, b)
		for _, p := range file.prompts {
			if strings.TrimSpace(p) == "" {
				t.Fatalf("prompt %q", p)
			}
		}
		for _, m := range file.mistakes {
			if m.Line < 1 || m.Column < 1 || strings.ContainsAny(m.Text, "\n\r") {
				t.Fatalf("mistake %+v", m)
			}
		}
	})
}

// FuzzPriceFile does the same for the files of prices, and what is accepted has
// prices that can be written and read again.
func FuzzPriceFile(f *testing.F) {
	files, _ := filepath.Glob("testdata/files/*prices.yaml")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("prices: {m: {input: 1, output: 2, bands: [{over: 5, input: 1e0, output: 3}], fast: {input: 1, output: 1}, us_geo: 1.1}}"))
	parse := func(b []byte) (*Plan, error) {
		return Parse("plan.yaml", []byte(sparse+"prices: {file: prices.yaml}\n"), Options{FS: fstest.MapFS{"prices.yaml": {Data: b}}})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b)
		if err != nil {
			for _, m := range err.(Mistakes) {
				if m.Line < 1 || m.Column < 1 || m.File == "" || m.Text == "" || strings.ContainsAny(m.Text, "\n\r") {
					t.Fatalf("mistake %+v", m)
				}
			}
			return
		}
		var given []cost.Entry
		for _, e := range p.Catalog.List() {
			if e.Source == "plan" {
				given = append(given, e)
			}
		}
		again, err := parse(PriceFile(given))
		if err != nil {
			t.Fatalf("accepted, written and refused: %v\n%s", err, PriceFile(given))
		}
		if diff := cmp.Diff(p.Catalog.List(), again.Catalog.List()); diff != "" {
			t.Fatalf("read again (-want +got):\n%s", diff)
		}
	})
}
