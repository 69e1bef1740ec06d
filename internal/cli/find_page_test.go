package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/sim"
)

// storedSearches are the searches in testdata/find, each with its plan. -update
// makes them anew, in virtual time.
var storedSearches = map[string]sim.Config{
	"support": {Tier: "tier1", NoStalls: true, Seed: 7},
	"own":     {NoStalls: true, Seed: 3, Load: sim.Load{Model: sim.LoadQueue, Slots: 2}},
}

// store makes a search and leaves its record in a directory.
func storeSearch(t *testing.T, name string, api sim.Config) {
	t.Helper()
	dir := filepath.Join("testdata", "find", name)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var e env
	c := findCommand{Plan: dir + ".yaml", Precision: "6%", Confirm: time.Minute}
	l, err := e.load(c.Plan, nil, plan.SimURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.record(dir, l); err != nil {
		t.Fatal(err)
	}
	f, err := newFinder(l.plan, capacity.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f.dir, f.target = dir, "sim"
	onAPI(t, api, true, func(t *testing.T, c client.Config) {
		f.client = c
		if err := f.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
}

// Answers of stored searches, in every format, and the JSON by its schema.
func TestFindPages(t *testing.T) {
	for name, api := range storedSearches {
		if *update {
			storeSearch(t, name, api)
		}
		dir := t.TempDir() // the answer is written beside the steps
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join("testdata", "find", name))); err != nil {
			t.Fatal(err)
		}
		for ext, format := range map[string]string{"txt": "text", "md": "md", "json": "json"} {
			var stdout, stderr bytes.Buffer
			args := []string{"find", filepath.Join("testdata", "find", name+".yaml"), "--resume", filepath.Join(dir, name), "--format", format}
			if code := Run(context.Background(), args, nil, nil, &stdout, &stderr); code != 0 || strings.Contains(stderr.String(), "error") {
				t.Fatalf("%v: exit %d, %s", args, code, stderr.String())
			}
			golden := filepath.Join("testdata", "golden", "find-"+name+"."+ext)
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
				t.Errorf("%s (-want +got):\n%s", golden, d)
			}
			kept, err := os.ReadFile(filepath.Join(dir, name, "find."+ext))
			if err != nil || !bytes.Equal(kept, stdout.Bytes()) {
				t.Errorf("find.%s in the directory is another than what was printed (%v)", ext, err)
			}
			if ext == "json" {
				validate(t, "../../docs/format/find.schema.json", stdout.Bytes())
			}
		}
	}
}

// The page about capacity shows what the command prints.
func TestFindDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/capacity.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/golden/find-support.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(doc, golden) {
		t.Error("docs/capacity.md shows another output than testdata/golden/find-support.txt")
	}
}
