//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const longPlan = `version: 1
name: long
defaults: {model: claude-haiku-4-5, max_tokens: 64}
tasks: [{name: a, prompts: ["Count the rivers {{index}}"]}]
load: {users: {count: 8, duration: 30s}}
graceful_stop: 10s
sim: {profile: measured}
`

// waitForLines waits until the log of a run under way has n lines.
func waitForLines(t *testing.T, dir string, n int) {
	t.Helper()
	for range 300 {
		if b, err := os.ReadFile(filepath.Join(dir, "requests.jsonl")); err == nil && strings.Count(string(b), "\n") >= n {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no %d lines in the log of %s", n, dir)
}

// A run that is killed still has a report, with every whole line of its log.
func TestKilledRunHasAReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "run")
	c := program(t, dir, "run", write(t, dir, "plan.yaml", longPlan), "--target", "sim", "--out", out, "--quiet")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitForLines(t, out, 20)
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.end(t)
	f, err := os.OpenFile(filepath.Join(out, "requests.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"index":9999,"attempt":1,"cla`); err != nil { // torn, as a kill inside a write leaves it
		t.Fatal(err)
	}
	f.Close()

	whole := len(records(t, out))
	for range 2 {
		r := program(t, dir, "report", out, "--format", "json")
		if code := r.run(t); code != 0 {
			t.Fatalf("report: exit %d: %s", code, r.stderr.String())
		}
		s := summaryOf(t, r.stdout.Bytes())
		if !s.Run.Partial || s.Run.Outcome != "interrupted" || s.Requests["attempts"] != whole {
			t.Errorf("partial %v, outcome %s, attempts %d; want true, interrupted, %d", s.Run.Partial, s.Run.Outcome, s.Requests["attempts"], whole)
		}
		if !strings.Contains(r.stderr.String(), "torn last line") {
			t.Errorf("no word of the torn line: %s", r.stderr.String())
		}
	}
}

// The first Ctrl-C lets running requests end; the second cancels them. Both leave a report.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	slow := strings.Replace(longPlan, "target:", "", 1)
	for _, twice := range []bool{false, true} {
		name := map[bool]string{false: "once", true: "twice"}[twice]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out := filepath.Join(dir, "run")
			c := program(t, dir, "run", write(t, dir, "plan.yaml", slow), "--target", "sim", "--out", out, "--json", "--quiet")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			waitForLines(t, out, 10)
			began := time.Now()
			c.Process.Signal(os.Interrupt) //nolint:errcheck // end tells
			if twice {
				time.Sleep(20 * time.Millisecond)
				c.Process.Signal(os.Interrupt) //nolint:errcheck // end tells
			}
			if code := c.end(t); code != 105 {
				t.Errorf("exit %d; want 105\n%s", code, c.stderr.String())
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %v to stop", took)
			}
			s := summaryOf(t, c.stdout.Bytes())
			if !s.Run.Partial || s.Run.Outcome != "interrupted" {
				t.Errorf("partial %v, outcome %s", s.Run.Partial, s.Run.Outcome)
			}
			if canceled := s.Classes["canceled"]; (canceled > 0) != twice {
				t.Errorf("%d canceled after %s", canceled, name)
			}
			if s.Requests["sent"] != s.Requests["ok"]+s.Requests["failed"]+s.Requests["canceled"] {
				t.Errorf("requests do not add up: %v", s.Requests)
			}
		})
	}
}

// Our own process stands still for two seconds: due times keep to their grid,
// nothing is forgotten, the lag is shown and the run is not valid.
func TestStalledGeneratorIsNotValid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "run")
	url := simulator(t, "--profile", "instant")
	plan := write(t, dir, "plan.yaml", `version: 1
name: stall
defaults: {model: claude-haiku-4-5, max_tokens: 8}
tasks: [{name: a, prompts: ["Hi {{index}}"]}]
load: {arrivals: {rate: 50/s, duration: 6s}}
budget: {usd: 1}
`)
	c := program(t, dir, "run", plan, "--target", url, "--out", out, "--json", "--quiet")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitForLines(t, out, 30)
	c.Process.Signal(syscall.SIGSTOP) //nolint:errcheck // the records tell
	time.Sleep(2 * time.Second)
	c.Process.Signal(syscall.SIGCONT) //nolint:errcheck // the records tell
	code := c.end(t)
	got := records(t, out)
	if len(got) != 300 {
		t.Fatalf("%d records; want 300\n%s", len(got), c.stderr.String())
	}
	slices.SortFunc(got, func(a, b record) int { return a.Index - b.Index })
	late := 0
	for i, r := range got {
		if want := int64(i) * 20_000_000; r.Index != i || r.Due != want {
			t.Fatalf("record %d: index %d, due %d; want due %d", i, r.Index, r.Due, want)
		}
		if r.Started-r.Due > 100_000_000 {
			late++
		}
	}
	s := summaryOf(t, c.stdout.Bytes())
	if code != 121 || s.Generator.Valid || len(s.Generator.Reasons) == 0 {
		t.Errorf("exit %d, valid %v, reasons %v; want 121, not valid\n%s", code, s.Generator.Valid, s.Generator.Reasons, c.stderr.String())
	}
	if late < 80 || late > 280 { // 100 in the stall, more where the machine is busy
		t.Errorf("%d requests were over 0.1 s late; want about 100", late)
	}
	if s.Generator.LagP99 != nil && *s.Generator.LagP99 < 1000 {
		t.Errorf("p99 lag %v ms; want the stall in it", *s.Generator.LagP99)
	}
}

// A disk that fills up ends the run at once; what was recorded is reported.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("no small disk to be had here: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", disk).Run() }) //nolint:errcheck // the folder goes with the test
	plan := write(t, dir, "plan.yaml", strings.Replace(longPlan, "profile: measured", "profile: instant", 1))
	c := program(t, dir, "run", plan, "--target", "sim", "--out", filepath.Join(disk, "run"), "--quiet")
	if code := c.run(t); code != 1 {
		t.Errorf("exit %d; want 1\n%s", code, c.stderr.String())
	}
	if !strings.Contains(c.stderr.String(), "no space left on device") {
		t.Errorf("stderr does not say why: %s", c.stderr.String())
	}
	if n := len(records(t, filepath.Join(disk, "run"))); n < 50 {
		t.Errorf("%d records on the disk", n)
	}
	if !strings.Contains(c.stdout.String(), "ttft") {
		t.Errorf("no report of what is there: %s", c.stdout.String())
	}
}
