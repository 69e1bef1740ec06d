package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/store"
)

// A stored run gives the same bytes however often it is built, whatever the
// manifest says of the outcome.
func TestBuildIsPure(t *testing.T) {
	for name, s := range sampleRuns() {
		first, run := s.built(t), s.stored(t)
		run.Manifest.Outcome, run.Manifest.ExitCode = "passed", ptr(77)
		again, err := Build(run)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Formats() {
			if d := cmp.Diff(string(rendered(t, first, f, Options{})), string(rendered(t, again, f, Options{}))); d != "" {
				t.Errorf("%s as %s differs the second time:\n%s", name, f, d)
			}
		}
	}
}

func TestOutcomes(t *testing.T) {
	want := map[string]int{"passed": 0, "empty": 1, "one": 0, "partial": 105, "invalid": 121, "limited": 99,
		"timeouts": 99, "budget": 120, "hostile": 0, "unreachable": 1}
	for name, s := range sampleRuns() {
		rep := s.built(t)
		if rep.Run.ExitCode != want[name] {
			t.Errorf("%s: exit code %d (%s); want %d", name, rep.Run.ExitCode, rep.Run.Outcome, want[name])
		}
		early := slices.Contains([]string{"partial", "budget", "unreachable"}, name)
		if rep.Run.Partial != early {
			t.Errorf("%s: partial = %v; want %v", name, rep.Run.Partial, early)
		}
	}
}

func TestBuildFigures(t *testing.T) {
	rep := sampleRuns()["limited"].built(t)
	if rep.Requests.Sent != 480 || rep.Requests.OK != 336 || rep.Requests.RateLimited != 144 || rep.Rates.RateLimited != 0.3 {
		t.Errorf("requests = %+v, rate_limited %v; want 480 sent, 336 ok, 144 limited, 0.3", rep.Requests, rep.Rates.RateLimited)
	}
	if len(rep.Findings) != 1 || rep.Findings[0].ID != "limit.output_tokens" {
		t.Errorf("findings = %+v; want limit.output_tokens alone", rep.Findings)
	}
	got := rep.Thresholds[1]
	want := Threshold{Metric: "rate_limited", Expression: "rate<5%", Value: 0.3, Unit: "share", N: 480, Verdict: "failed"}
	if got != want {
		t.Errorf("threshold = %+v; want %+v", got, want)
	}
	if want := []ErrorCount{{call.RateLimited, "This request would exceed the limit of 50,000 output tokens per minute.", 144}}; !slices.Equal(rep.Errors, want) {
		t.Errorf("errors = %+v; want %+v", rep.Errors, want)
	}
	var usd call.USD
	for _, r := range sampleRuns()["limited"].results {
		usd += r.Cost
	}
	if rep.Cost.USD != usd {
		t.Errorf("cost = %v; want %v", rep.Cost.USD, usd)
	}
}

// A run that was killed lasts until its last record.
func TestKilledRun(t *testing.T) {
	s := partialRun()
	rep := s.built(t)
	var last time.Duration
	for _, r := range s.results {
		last = max(last, r.Done)
	}
	if rep.Run.DurationS != last.Seconds() || rep.Run.Outcome != Interrupted {
		t.Errorf("duration %v, outcome %s; want %v, %s", rep.Run.DurationS, rep.Run.Outcome, last.Seconds(), Interrupted)
	}
	run := s.stored(t)
	path := filepath.Join(run.Dir, store.RequestsFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b[:len(b)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	torn, err := Build(run)
	if err != nil {
		t.Fatal(err)
	}
	if torn.Requests.Sent != 287 || len(torn.Run.Warnings) != 1 || !strings.Contains(torn.Run.Warnings[0], "torn last line") {
		t.Errorf("torn log: %d sent, warnings %q; want 287 and one about the torn line", torn.Requests.Sent, torn.Run.Warnings)
	}
	if out := string(rendered(t, torn, Text, Options{})); !strings.Contains(out, "\nWARNING  requests.jsonl: torn") {
		t.Errorf("the text does not warn:\n%s", out[:300])
	}
}

func TestBuildErrors(t *testing.T) {
	s := newSample("bad").good(3)
	s.manifest.Thresholds = []store.Threshold{{Metric: "ttftt", Expression: "p(95)<1s"}}
	if _, err := Build(s.stored(t)); err == nil || !strings.Contains(err.Error(), `threshold "p(95)<1s" of "ttftt"`) {
		t.Errorf("a threshold on no metric: %v", err)
	}
	run := newSample("damaged").good(3).stored(t)
	path := filepath.Join(run.Dir, store.RequestsFile)
	b, _ := os.ReadFile(path)
	b[2] = '\x00'
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(run); err == nil {
		t.Error("a damaged first line: no error")
	} else if c, ok := errors.AsType[*store.CorruptError](err); !ok || c.Line != 1 {
		t.Errorf("a damaged first line: %v; want a CorruptError of line 1", err)
	}
}

// The first line of a run that is not valid says so in every format for people.
func TestNotValidComesFirst(t *testing.T) {
	rep := sampleRuns()["invalid"].built(t)
	rep.Run.Outcome, rep.Run.StopCause, rep.Run.Partial = Interrupted, "interrupted", true
	text := string(rendered(t, rep, Text, Options{}))
	if first, _, _ := strings.Cut(text, "\n"); !strings.HasPrefix(first, "NOT VALID") {
		t.Errorf("first line of the text = %q", first)
	}
	if !strings.Contains(text, "\nPARTIAL  busy-machine: interrupted") {
		t.Error("the text does not say that it was interrupted too")
	}
	if first, _, _ := strings.Cut(string(rendered(t, rep, Markdown, Options{})), "\n"); !strings.Contains(first, "NOT VALID") {
		t.Errorf("first line of the Markdown = %q", first)
	}
}

// Every text has what scripts and people look for, within the width of a terminal.
func TestTextShape(t *testing.T) {
	for name, s := range sampleRuns() {
		out := string(rendered(t, s.built(t), Text, Options{}))
		for _, want := range []string{"ttft", "e2e", "cost..", "$"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: the text does not contain %q", name, want)
			}
		}
		for line := range strings.Lines(out) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > 100 && name != "hostile" {
				t.Errorf("%s: line of %d characters: %s", name, n, line)
			}
			if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s: %q is not printable", name, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s: spaces at the end of %q", name, line)
			}
		}
	}
}

// Colours change nothing but the colours.
func TestColor(t *testing.T) {
	ansi := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, s := range sampleRuns() {
		rep := s.built(t)
		bare, colored := string(rendered(t, rep, Text, Options{})), string(rendered(t, rep, Text, Options{Color: true}))
		if !strings.HasPrefix(colored, "\x1b[") {
			t.Errorf("%s: no colour", name)
		}
		if d := cmp.Diff(bare, ansi.ReplaceAllString(colored, "")); d != "" {
			t.Errorf("%s: without colours (-plain +stripped):\n%s", name, d)
		}
	}
}

// The keys that others rely on are in every summary, and never null where they are lists or maps.
func TestSummaryKeys(t *testing.T) {
	keys := map[string][]string{
		"":                        {"version", "run", "requests", "rates", "latency", "output_rate", "e2e_output_rate", "tokens", "cost", "limits", "classes", "stop_reasons", "thresholds", "checks", "findings", "generator", "tasks", "models", "stages", "series"},
		"run":                     {"id", "name", "target", "seed", "outcome", "exit_code", "duration_s", "partial"},
		"requests":                {"planned", "sent", "ok", "failed", "rate_limited", "overloaded", "dropped", "over_budget", "unsent", "canceled", "attempts"},
		"rates":                   {"success", "rate_limited", "failed", "requests_per_s", "output_tokens_per_s", "goodput"},
		"latency":                 {"ttft", "ttfo", "ttfb", "e2e", "service_ttft", "service_e2e", "connect", "event_gap", "tpot", "held", "lag"},
		"latency.ttft":            {"count", "mean", "min", "p50", "p90", "p95", "p99", "max"},
		"output_rate":             {"count", "mean", "min", "p50", "p90", "p95", "p99", "max"},
		"tokens":                  {"input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "thinking"},
		"cost":                    {"usd", "uncertain_usd", "budget_usd", "remaining_usd", "utilization", "per_1k_requests_usd"},
		"generator":               {"valid", "clock", "lag_p99_ms", "read_lag_p99_ms", "cpu", "reasons", "warnings"},
		"series":                  {"step_s", "t", "requests", "in_flight", "rate_limited", "output_tokens", "ttft_p50", "ttft_p95", "usd"},
		"tasks.simple":            {"requests", "rates", "latency", "tokens", "cost"},
		"limits.0":                {"class", "models", "requests", "output_tokens", "binding"},
		"limits.0.output_tokens":  {"limit", "min_remaining", "peak_utilization"},
		"thresholds.0":            {"metric", "expression", "value", "verdict", "low_n"},
		"checks.0":                {"name", "passes", "fails"},
		"findings.0":              {"id", "severity", "title", "evidence", "recommendations", "confidence"},
		"models.claude-haiku-4-5": {"requests", "cost"},
		"stages.steady":           {"requests", "cost"},
	}
	var doc map[string]any
	if err := json.Unmarshal(rendered(t, limitedRun().built(t), JSON, Options{}), &doc); err != nil {
		t.Fatal(err)
	}
	for path, want := range keys {
		got, ok := at(doc, path).(map[string]any)
		if !ok {
			t.Errorf("%q is not an object", path)
			continue
		}
		for _, k := range want {
			if _, ok := got[k]; !ok {
				t.Errorf("%q lacks %q", path, k)
			}
		}
	}
	if err := json.Unmarshal(rendered(t, empty().built(t), JSON, Options{}), &doc); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"limits", "classes", "stop_reasons", "thresholds", "checks", "findings", "tasks", "models", "stages", "errors", "notes"} {
		if doc[k] == nil {
			t.Errorf("%q is null in the summary of an empty run", k)
		}
	}
}

func at(v any, path string) any {
	if path == "" {
		return v
	}
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		}
	}
	return v
}

// What the run log says stands in the CSV: every scalar key, and every value of
// every sample, hostile text included.
func TestCSVHoldsTheLog(t *testing.T) {
	have := map[string]int{}
	for i, c := range columns {
		have[c.name] = i
	}
	flat := map[string]bool{"gaps": true, "limits": true, "error": true, "checks": true}
	full := request(newRand(), 3, time.Second, time.Second)
	full.Reason, full.Earlier, full.WebSearches, full.Speed, full.Geo = "limit", 1, 1, "fast", "us"
	b, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(b, &line); err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(line)) {
		if _, ok := have[key]; !ok && !flat[key] {
			t.Errorf("the CSV has no column %q", key)
		}
	}
	s := hostileRun()
	rows, err := csv.NewReader(bytes.NewReader(rendered(t, s.built(t), CSV, Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(s.results)+1 {
		t.Fatalf("%d rows; want a header and %d", len(rows), len(s.results))
	}
	// As stored: not UTF-8 becomes U+FFFD; as read: a line end becomes \n.
	want := strings.ReplaceAll(strings.ToValidUTF8(hostile, "\ufffd"), "\r\n", "\n")
	first := rows[1]
	for name, want := range map[string]string{"task": want, "class": "rate_limited", "error_message": want, "status": "429",
		"limited_by": "unknown", "requests_limit": "1000", "first_content": "", "due": "1000000", "checks_failed": "0"} {
		if got := first[have[name]]; got != want {
			t.Errorf("column %s = %q; want %q", name, got, want)
		}
	}
}

func TestJUnitCounts(t *testing.T) {
	for name, want := range map[string][3]int{ // tests, failures, skipped
		"passed": {7, 1, 0}, "empty": {4, 2, 1}, "one": {4, 0, 1}, "invalid": {7, 2, 0}, "budget": {7, 2, 0},
		"timeouts": {7, 3, 0}, "unreachable": {7, 3, 1}, "hostile": {4, 1, 0}, "partial": {7, 2, 0}, "limited": {7, 2, 0},
	} {
		var got junitSuites
		if err := xml.Unmarshal(rendered(t, sampleRuns()[name].built(t), JUnit, Options{}), &got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c := [3]int{got.Tests, got.Failures, got.Skipped}; c != want {
			t.Errorf("%s: tests, failures, skipped = %v; want %v", name, c, want)
		}
		failures := 0
		for _, s := range got.Suites {
			for _, c := range s.Cases {
				if c.Failure != nil {
					failures++
				}
			}
		}
		if failures != got.Failures {
			t.Errorf("%s: %d failures in the cases, %d counted", name, failures, got.Failures)
		}
	}
}

// In Markdown no text from a plan may end its cell or its line.
func TestMarkdownTables(t *testing.T) {
	for name, s := range sampleRuns() {
		columns := 0
		for line := range strings.Lines(string(rendered(t, s.built(t), Markdown, Options{}))) {
			if !strings.HasPrefix(line, "|") {
				columns = 0
				continue
			}
			n := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|")
			if columns != 0 && n != columns {
				t.Errorf("%s: %d borders instead of %d in %q", name, n, columns, line)
			}
			columns = n
		}
	}
}

func TestFormats(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
		if err := Write(fullDisk{}, f, one().built(t), Options{}); !errors.Is(err, errFull) {
			t.Errorf("Write(%s) to a full disk: %v; want %v", f, err, errFull)
		}
	}
	if _, err := ParseFormat("pdf"); err == nil || !strings.Contains(err.Error(), `unknown format "pdf"`) {
		t.Errorf("ParseFormat(pdf): %v", err)
	}
	if err := Write(io.Discard, "pdf", &Report{}, Options{}); err == nil {
		t.Error("Write(pdf): no error")
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// Time-outs are ∞ in text and null in JSON, and the threshold on them fails.
func TestTimeouts(t *testing.T) {
	rep := timeoutRun().built(t)
	if !math.IsInf(float64(rep.Latency.E2E.P95), 1) || rep.Thresholds[0].Passed() {
		t.Errorf("e2e p95 = %v, threshold %s; want +Inf and failed", rep.Latency.E2E.P95, rep.Thresholds[0].Verdict)
	}
	if out := string(rendered(t, rep, Text, Options{})); !strings.Contains(out, "p(95)=∞") || !strings.Contains(out, "∞ requests that timed out") {
		t.Error("the text has no ∞ or no footnote for it")
	}
	var doc map[string]any
	if err := json.Unmarshal(rendered(t, rep, JSON, Options{}), &doc); err != nil {
		t.Fatal(err)
	}
	if v := at(doc, "latency.e2e.p95"); v != nil {
		t.Errorf("e2e p95 in JSON = %v; want null", v)
	}
	if v := at(doc, "thresholds.0.verdict"); v != "failed" {
		t.Errorf("verdict in JSON = %v; want failed", v)
	}
}

// How many tests found nothing, in the singular too.
func TestFoundNothing(t *testing.T) {
	rep := *newSample("x").good(40).built(t)
	for n, want := range map[int]string{0: "nothing to judge by", 1: "the one test that could be made found nothing", 2: "none of the 2 tests that could be made found anything"} {
		rep.Diagnosis.NotFound = make([]string, n)
		if got := foundNothing(&rep); got != want {
			t.Errorf("%d tests: %q; want %q", n, got, want)
		}
	}
}
