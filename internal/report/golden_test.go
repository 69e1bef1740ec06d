package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func rendered(t *testing.T, rep *Report, f Format, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, rep, o); err != nil {
		t.Fatalf("Write(%s): %v", f, err)
	}
	return b.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", path, d)
	}
}

func TestGoldenText(t *testing.T) {
	for name, s := range sampleRuns() {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", rendered(t, s.built(t), Text, Options{}))
		})
	}
}

func TestGoldenFormats(t *testing.T) {
	runs := sampleRuns()
	for _, c := range []struct {
		run, file string
		format    Format
	}{
		{"passed", "passed.json", JSON}, {"passed", "passed.md", Markdown}, {"passed", "passed.stats.csv", StatsCSV},
		{"passed", "passed.xml", JUnit},
		{"limited", "limited.md", Markdown}, {"limited", "limited.xml", JUnit}, {"limited", "limited.json", JSON},
		{"timeouts", "timeouts.stats.csv", StatsCSV}, {"timeouts", "timeouts.md", Markdown}, {"timeouts", "timeouts.xml", JUnit},
		{"empty", "empty.json", JSON}, {"empty", "empty.md", Markdown}, {"empty", "empty.csv", CSV}, {"empty", "empty.stats.csv", StatsCSV},
		{"empty", "empty.xml", JUnit},
		{"cold-warm", "cold-warm.json", JSON}, {"cold-warm", "cold-warm.md", Markdown},
		{"one", "one.csv", CSV}, {"invalid", "invalid.md", Markdown}, {"invalid", "invalid.xml", JUnit},
		{"hostile", "hostile.md", Markdown}, {"hostile", "hostile.xml", JUnit}, {"hostile", "hostile.stats.csv", StatsCSV},
	} {
		t.Run(c.file, func(t *testing.T) {
			golden(t, c.file, rendered(t, runs[c.run].built(t), c.format, Options{}))
		})
	}
}
