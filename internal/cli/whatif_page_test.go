package cli

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What-if pages of a stored run, in every format, and the JSON by its schema.
func TestWhatifPages(t *testing.T) {
	plain := []string{"whatif", "testdata/runs/support"}
	full := append(plain, "--volume", "300000", "--prefixes", "support=40", "--batch", "nightly=1", "--route", "support=claude-haiku-5-5:0.4:0.95",
		"--invest", "2000", "--running", "20", "--discount", "0.1")
	for name, args := range map[string][]string{
		"whatif.txt": full, "whatif.md": append(full, "--format", "md"), "whatif.json": append(full, "--format", "json"),
		"whatif-plain.txt": plain, "whatif-plain.json": append(plain, "--format", "json"),
	} {
		var stdout, stderr bytes.Buffer
		if code := Run(context.Background(), args, nil, nil, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
			t.Fatalf("%v: exit %d, %s", args, code, stderr.String())
		}
		golden := filepath.Join("testdata", "golden", name)
		if *update {
			if err := os.WriteFile(golden, stdout.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), stdout.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if filepath.Ext(name) == ".json" {
			validate(t, "../../docs/format/whatif.schema.json", stdout.Bytes())
		}
	}
}

// The page about what-ifs shows what the command prints.
func TestWhatifDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/what-if.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/golden/whatif.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(doc, golden) {
		t.Error("docs/what-if.md shows another output than testdata/golden/whatif.txt")
	}
}

// validate holds a document against a JSON Schema.
func validate(t *testing.T, schema string, doc []byte) {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Error(err)
	}
}
