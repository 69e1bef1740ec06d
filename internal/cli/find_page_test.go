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
// makes one anew that has no directory, in virtual time.
var storedSearches = map[string]sim.Config{
	"support": {Tier: "tier1", NoStalls: true, Seed: 7},
	"own":     {NoStalls: true, Seed: 3, Load: sim.Load{Model: sim.LoadQueue, Slots: 2}},
}

// storeSearch makes a search and leaves its record in a directory.
func storeSearch(t *testing.T, name string, api sim.Config) {
	t.Helper()
	dir := filepath.Join("testdata", "find", name)
	if _, err := os.Stat(filepath.Join(dir, searchFile)); err == nil {
		return
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
	var b bytes.Buffer
	if err := writeFound(&b, "json", f.found(searchRecord{Seed: l.plan.Seed})); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "find.json"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Answers of stored searches, in every format, and the JSON by its schema. A
// search that is over makes no step more, whatever a newer one would do.
func TestFindPages(t *testing.T) {
	for name, api := range storedSearches {
		if *update {
			storeSearch(t, name, api)
		}
		dir := filepath.Join(t.TempDir(), name) // the answer is written beside the steps
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "find", name))); err != nil {
			t.Fatal(err)
		}
		for ext, format := range map[string]string{"txt": "text", "md": "md", "json": "json"} {
			got := foundIn(t, name, dir, format)
			golden(t, "find-"+name+"."+ext, got)
			kept, err := os.ReadFile(filepath.Join(dir, "find."+ext))
			if err != nil || !bytes.Equal(kept, got) {
				t.Errorf("find.%s in the directory is another than what was printed (%v)", ext, err)
			}
			if ext == "json" {
				validate(t, "../../docs/format/find.schema.json", got)
			}
		}
		steps := func(dir string) int {
			list, err := os.ReadDir(filepath.Join(dir, stepsDir))
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		if got, want := steps(dir), steps(filepath.Join("testdata", "find", name)); got != want {
			t.Errorf("%s: %d files of steps after it was printed; want the %d that were there", name, got, want)
		}
	}
}

// foundIn is what the command prints of a stored search.
func foundIn(t *testing.T, name, dir, format string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"find", filepath.Join("testdata", "find", name+".yaml"), "--resume", dir, "--format", format}
	if code := Run(context.Background(), args, nil, nil, &stdout, &stderr); code != 0 || strings.Contains(stderr.String(), "error") {
		t.Fatalf("%v: exit %d, %s", args, code, stderr.String())
	}
	return stdout.Bytes()
}

// golden holds an output against a file, which -update writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// What a search says that has no full answer keeps to the schema, too, and has
// words for why.
func TestFindPagesWithoutAnAnswer(t *testing.T) {
	for _, c := range []struct {
		name, plan string
		api        sim.Config
		words      []string
		exit       int
	}{
		{"the least load is too much", shortTask + someUsers + "thresholds: {ttft: med<1ms}\n", limited(sim.Limits{}),
			[]string{"none: ttft med<1ms was not kept even at 1 user, the least that was tried", "kept up to, users"}, exitWorse},
		{"the key is refused", chatTask + poisson, sim.Config{Keys: []string{"another"}},
			[]string{"nothing was learned: the target could not be used", "ended early by the target"}, exitFailed},
		{"the budget is too small", chatTask + poisson + quick + "budget: {usd: 0.02}\n", limited(sim.Limits{Requests: 120}),
			[]string{"at least", "; the budget ended the search", "ended early by the budget: the next step, climb, would take more than is left", "of the budget of $0.0200"}, 120},
	} {
		var said []string
		f := finderIn(t, planOf(t, 2, c.plan), t.TempDir(), &said)
		onServer(t, c.api, true, func(t *testing.T, cc client.Config, _ *sim.Server) {
			f.client = cc
			if err := f.run(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		})
		out := f.found(searchRecord{Seed: 2})
		if out.ExitCode != c.exit {
			t.Errorf("%s: exit %d; want %d", c.name, out.ExitCode, c.exit)
		}
		for _, format := range []string{"text", "md", "json"} {
			var b bytes.Buffer
			if err := writeFound(&b, format, out); err != nil {
				t.Fatal(err)
			}
			if format == "json" {
				validate(t, "../../docs/format/find.schema.json", b.Bytes())
				continue
			}
			for _, w := range c.words {
				if !strings.Contains(b.String(), w) {
					t.Errorf("%s, %s: no %q in\n%s", c.name, format, w, b.String())
				}
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
