package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/run"
	"github.com/tokenload/tokenload/sim"
)

var record = flag.Bool("record", false, "make the stored runs that are compared again")

const stored = "testdata/compare"

// sides are the comparisons of stored runs that have golden files.
var sides = []struct {
	name, base, newer string
	code              int
}{
	{"worse", "base", "double", exitWorse},
	{"undecided", "base", "tenth", 0},
	{"same", "base", "again", 0},
	{"pairs", "b1,b2,b3,b4,b5", "n1,n2,n3,n4,n5", exitWorse},
	{"short", "base", "cut", 0},
}

func dirs(list string) string {
	parts := strings.Split(list, ",")
	for i, p := range parts {
		parts[i] = filepath.Join(stored, p)
	}
	return strings.Join(parts, ",")
}

// Each comparison of stored runs renders to the same bytes, and its JSON is as
// the schema says.
func TestCompareGolden(t *testing.T) {
	if *record {
		recordRuns(t)
	}
	schema, err := jsonschema.NewCompiler().Compile("../../docs/format/compare.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sides {
		for _, format := range []string{"text", "md", "json"} {
			t.Run(s.name+"/"+format, func(t *testing.T) {
				var stdout, stderr bytes.Buffer
				code := Run(t.Context(), []string{"compare", dirs(s.base), dirs(s.newer), "--format", format}, nil, strings.NewReader(""), &stdout, &stderr)
				if code != s.code || stderr.Len() > 0 && s.name != "short" {
					t.Errorf("exit %d; want %d\n%s", code, s.code, stderr.String())
				}
				if format == "json" {
					doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(stdout.Bytes()))
					if err != nil {
						t.Fatal(err)
					}
					if err := schema.Validate(doc); err != nil {
						t.Error(err)
					}
				}
				if format == "json" && s.name != "worse" && s.name != "pairs" {
					return
				}
				golden := filepath.Join(stored, s.name+"."+format+".golden")
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
					t.Error(d)
				}
			})
		}
	}
}

// recordRuns makes the stored runs: two tasks in virtual time, on a target whose
// times are so many times those of a made-up model.
func recordRuns(t *testing.T) {
	at := time.Duration(0)
	one := func(name string, seed uint64, requests int, slower float64) {
		recordRun(t, name, seed, requests, slower, at)
		at += 2 * time.Minute
	}
	one("base", 1, 80, 1)
	one("again", 2, 80, 1)
	one("double", 3, 80, 2)
	one("tenth", 4, 80, 1.1)
	one("cut", 5, 5, 1)
	drift := []float64{0.06, 0.09, -0.02, -0.11, -0.04}
	for i, d := range drift {
		one(fmt.Sprintf("b%d", i+1), uint64(10+i), 30, math.Exp(d))
		one(fmt.Sprintf("n%d", i+1), uint64(20+i), 30, 1.2*math.Exp(d+0.01))
	}
}

func recordRun(t *testing.T, name string, seed uint64, requests int, slower float64, at time.Duration) {
	t.Helper()
	dir := filepath.Join(stored, name)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	set := []string{fmt.Sprintf("seed=%d", seed), fmt.Sprintf("load.arrivals.duration=%ds", requests/5)}
	p, err := plan.Parse("plan.yaml", []byte(recorded), plan.Options{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	ms := func(f float64) time.Duration { return time.Duration(slower * f * float64(time.Millisecond)) }
	model := sim.Latency{Floor: ms(300), Body: ms(200), BodySigma: 0.25, PerUncached: ms(0.05), Speed: 150 / slower, SlowSigma: 0.1, FastSigma: 0.1, TokensPerEvent: 4, Jitter: 0.2}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(at)
		server, err := sim.New(sim.Config{Seed: seed, Latency: map[string]sim.Latency{"haiku": model}})
		if err != nil {
			t.Fatal(err)
		}
		ln := &memory{conns: make(chan net.Conn), done: make(chan struct{})}
		s := server.Serve(ln)
		defer s.Close() //nolint:errcheck // in memory
		err = run.Execute(t.Context(), run.Config{Plan: p, Dir: dir, ID: name, Target: "http://127.0.0.1:8080", ToolVersion: Version,
			Client: client.Config{API: p.Target.API, BaseURL: s.URL, Key: "simulated", Dial: ln.dial, Timeout: p.Target.Timeout, StallTimeout: p.Target.StallTimeout}})
		if err != nil {
			t.Fatal(err)
		}
	})
	for _, file := range []string{"plan.yaml", "summary.json"} {
		os.Remove(filepath.Join(dir, file)) //nolint:errcheck // it may not be there
	}
}

const recorded = `
version: 1
name: recorded
target: {base_url: http://127.0.0.1:8080}
defaults: {model: claude-haiku-4-5, max_tokens: 200}
tasks:
  - {name: short, weight: 3, max_tokens: 60, prompts: ["Name a river"]}
  - {name: long, weight: 1, prompts: ["Tell of a river"]}
load: {arrivals: {process: constant, rate: 5/s, duration: 20s}}
budget: {usd: 5}
`

// What a comparison cannot answer it says, with an exit code for it.
func TestCompareRefuses(t *testing.T) {
	empty := t.TempDir()
	manifest, err := os.ReadFile(filepath.Join(stored, "base", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"manifest.json": manifest, "requests.jsonl": nil, "samples.jsonl": nil} {
		if err := os.WriteFile(filepath.Join(empty, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	base := filepath.Join(stored, "base")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{base}, exitUsage, "new"},
		{[]string{base, "nowhere"}, exitFailed, "is not a run directory"},
		{[]string{base, empty}, exitFailed, "sent no request in its main phase"},
		{[]string{base + "," + base, base}, exitUsage, `run "base" is named twice on one side`},
		{[]string{base, base, "--format", "html"}, exitUsage, "one of text, md, json"},
		{[]string{base, base, "--min-change", "five"}, exitUsage, `--min-change "five" is not a share`},
		{[]string{base, base, "--drift", "-1%"}, exitUsage, "--drift"},
		{[]string{base, base, "--min-change", "100%"}, exitUsage, "under 100%"},
	} {
		var stdout, stderr bytes.Buffer
		if got := Run(t.Context(), append([]string{"compare"}, c.args...), nil, strings.NewReader(""), &stdout, &stderr); got != c.code || !strings.Contains(stderr.String(), c.says) || stdout.Len() > 0 {
			t.Errorf("compare %v: exit %d, %s; want %d and %q", c.args, got, stderr.String(), c.code, c.says)
		}
	}
}

// The least change and the drift are the user's to set.
func TestCompareFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"tenth", "--drift", "0"}, exitWorse, "worse"},
		{[]string{"tenth", "--drift", "0", "--min-change", "0.3"}, 0, "too small to matter"},
		{[]string{"double", "--drift", "40%"}, 0, "cannot decide"},
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"compare", "--format", "json", filepath.Join(stored, "base"), filepath.Join(stored, c.args[0])}, c.args[1:]...)
		code := Run(t.Context(), args, nil, strings.NewReader(""), &stdout, &stderr)
		var got struct{ Verdict string }
		if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
			t.Fatal(err, stderr.String())
		}
		if code != c.code || got.Verdict != c.want {
			t.Errorf("%v: exit %d, %q; want %d, %q", c.args, code, got.Verdict, c.code, c.want)
		}
	}
}

// The page about comparing shows what the program says.
func TestComparingPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/comparing.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(filepath.Join(stored, "undecided.text.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```text\n"+string(out)+"```") {
		t.Error("docs/comparing.md does not show the output of undecided.text.golden")
	}
}
