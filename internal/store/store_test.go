package store

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

func full(i int) call.Result {
	limit, left, retry := int64(1000), int64(999), 16.0
	return call.Result{
		Index: i, Attempt: 2, Task: "simple", Model: "claude-haiku-4-5", Stage: "steady", Phase: call.Main,
		Class: call.RateLimited, Status: 429, RequestID: "req_01", Stop: "end_turn",
		Due: 1_200_000_000, Held: 3, Earlier: 4, Started: 1_200_041_000, ConnWait: 5, Connect: 6, TLS: 7, NewConn: true,
		Sent: 1_200_052_000, FirstByte: 1_650_000_000, FirstEvent: 1_650_100_000, FirstContent: 1_651_000_000,
		FirstText: 1_651_000_001, LastContent: 2_410_000_000, Done: 2_410_900_000, ReadLagMax: 40_000,
		Events: 61, GapMax: 52_000_000, Gaps: [][2]int{{210, 40}, {230, 20}},
		Usage: call.Usage{Input: 12, CacheWrite5m: 1, CacheWrite1h: 2, CacheRead: 3, Output: 244, Thinking: 9},
		Cost:  1_232_000_000, CostBound: true, LimitedBy: call.LimitOutputTokens, RetryAfter: &retry,
		Limits: call.Limits{Requests: &call.Limit{Limit: &limit, Remaining: &left, Reset: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}},
		Err:    &call.Error{Type: "rate_limit_error", Code: "x", Message: "slow down"},
		Checks: map[string]bool{"has content": true},
	}
}

func read(t *testing.T, dir string) (got []call.Result, warnings []string, err error) {
	t.Helper()
	run, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for r, e := range run.Results() {
		if e != nil {
			return got, run.Warnings(), e
		}
		got = append(got, r)
	}
	return got, run.Warnings(), nil
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	m := Manifest{ID: "x", Name: "n", Seed: 7, Load: Load{Mode: "users", Planned: 3}}
	w, err := Create(dir, m, []byte("name: n\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []call.Result{full(0), {Index: 1, Attempt: 1, Class: call.Dropped}, full(2)}
	for _, r := range want {
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Sample(map[string]int{"t": 5}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, warnings, err := read(t, dir)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("err %v, warnings %v", err, warnings)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	run, _ := Open(dir)
	m.Version = FormatVersion
	if d := cmp.Diff(m, run.Manifest); d != "" {
		t.Error(d)
	}
	for s, err := range Samples[map[string]int](run) {
		if err != nil || s["t"] != 5 {
			t.Errorf("sample %v, err %v", s, err)
		}
	}
}

// The log is cut at every byte: whole lines survive, a torn one is named, nothing is an error.
func TestTornAtEveryByte(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, Manifest{ID: "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := w.Append(full(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, RequestsFile)
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(log) + 1 {
		if err := os.WriteFile(path, log[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		got, warnings, err := read(t, dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		whole := strings.Count(string(log[:n]), "\n")
		torn := n > 0 && log[n-1] != '\n'
		if len(got) != whole || (len(warnings) == 1) != torn {
			t.Fatalf("cut at %d: %d lines, warnings %q; want %d lines, torn %v", n, len(got), warnings, whole, torn)
		}
	}
}

func TestCorruptMiddle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, _ := Create(dir, Manifest{ID: "x"}, nil)
	w.Append(full(0))
	w.Close()
	path := filepath.Join(dir, RequestsFile)
	log, _ := os.ReadFile(path)
	os.WriteFile(path, append(log, "{bad}\n{}\n"...), 0o644)
	got, _, err := read(t, dir)
	var ce *CorruptError
	if !errors.As(err, &ce) || ce.Offset != int64(len(log)) || ce.Line != 2 || len(got) != 1 {
		t.Errorf("got %d lines, err %v", len(got), err)
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Create(filepath.Join(dir, "new"), Manifest{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Join(dir, "new"), Manifest{}, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("existing run: err = %v", err)
	}
	empty := filepath.Join(dir, "empty")
	os.Mkdir(empty, 0o755)
	if _, err := Create(empty, Manifest{}, nil); err != nil {
		t.Errorf("empty folder: err = %v", err)
	}
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o644)
	if _, err := Create(filepath.Join(file, "x"), Manifest{}, nil); err == nil {
		t.Error("a folder below a file was created")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no manifest: err = %v", err)
	}
	for _, body := range []string{"", "{", `{"version":2}`, `{}`} {
		os.WriteFile(filepath.Join(dir, ManifestFile), []byte(body), 0o644)
		if _, err := Open(dir); err == nil {
			t.Errorf("manifest %q was read", body)
		}
	}
}

// failing accepts n bytes, then is full.
type failing struct {
	left int
	got  []byte
}

var errFull = errors.New("no space left on device")

func (f *failing) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	f.got = append(f.got, p[:n]...)
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}
func (f *failing) Close() error { return nil }

// A disk that fills up loses nothing: the rest is written once there is room.
func TestDiskFull(t *testing.T) {
	f := &failing{left: 700}
	l := lines{path: "requests.jsonl", file: f}
	for i := range 3 {
		if err := l.append(full(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.flush(); !errors.Is(err, errFull) {
		t.Fatalf("flush = %v; want %v", err, errFull)
	}
	f.left = 1 << 20
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(f.got)) {
		var r call.Result
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Index != n {
			t.Errorf("line %d: index %d, err %v", n, r.Index, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d lines; want 3", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	w, err := Create(filepath.Join(b.TempDir(), "run"), Manifest{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := full(1)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Append(r); err != nil {
			b.Fatal(err)
		}
	}
}
