package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/store"
)

// Diagnoses of stored runs, in every format, and the JSON by its schema. The
// second run has lost its samples, and says so.
func TestDiagnosePages(t *testing.T) {
	for name, args := range map[string][]string{
		"diagnose.txt": {"limited"}, "diagnose.md": {"limited", "--format", "md"}, "diagnose.json": {"limited", "--format", "json"},
		"diagnose-plain.txt": {"support"}, "diagnose-plain.json": {"support", "--format", "json"},
	} {
		args = append([]string{"diagnose", "testdata/runs/" + args[0]}, args[1:]...)
		var stdout, stderr bytes.Buffer
		if code := Run(context.Background(), args, nil, nil, &stdout, &stderr); code != 0 {
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
			validate(t, "../../docs/format/diagnosis.schema.json", stdout.Bytes())
		}
	}
}

// The page about diagnosis shows what the command prints, and names every id.
func TestDiagnoseDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/diagnosis.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/golden/diagnose.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(doc, golden) {
		t.Error("docs/diagnosis.md shows another output than testdata/golden/diagnose.txt")
	}
	var e diagnose.Evidence
	for _, g := range e.Diagnosis(metrics.Summary{Generator: metrics.Generator{Valid: true}}).NotAssessable {
		if !bytes.Contains(doc, []byte("`"+g.ID+"`")) {
			t.Errorf("docs/diagnosis.md does not name %s", g.ID)
		}
	}
}

// The quickstart and the examples are healthy, but for the one that shows a limit.
func TestDiagnoseExamples(t *testing.T) {
	examples, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(examples) < 5 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, name := range append(examples, "") {
		src := plan.Quickstart()
		if name != "" {
			if src, err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
		p, err := plan.Parse("plan.yaml", src, plan.Options{FS: os.DirFS("../../examples"), Dir: "../../examples", ReadFile: os.ReadFile})
		if err != nil {
			t.Fatal(err)
		}
		got, want := findingsOf(t, virtualRun(t, p)), 0
		if filepath.Base(name) == "rate-limited.yaml" {
			want = 1
		}
		if len(got) != want || want > 0 && !strings.HasPrefix(got[0], "limit.requests ") {
			t.Errorf("%s: found %q; want %d", name, got, want)
		}
	}
}

// findingsOf returns the titles of a run's findings, each after its id.
func findingsOf(t *testing.T, stored *store.Run) (found []string) {
	t.Helper()
	rep, err := report.Build(stored)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Findings {
		found = append(found, fmt.Sprintf("%s %s (%.2f)", f.ID, f.Title, f.Confidence))
	}
	return found
}
