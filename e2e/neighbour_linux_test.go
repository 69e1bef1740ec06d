package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// cores is a set of processors as the kernel takes it.
type cores [16]uint64

func (c *cores) call(t *testing.T, trap uintptr) {
	t.Helper()
	if _, _, errno := syscall.RawSyscall(trap, 0, unsafe.Sizeof(*c), uintptr(unsafe.Pointer(c))); errno != 0 {
		t.Fatal(errno)
	}
}

// onOneCore calls start on a thread that may use one core, which what it starts
// inherits. The thread stays the caller's.
func onOneCore(t *testing.T, start func()) {
	t.Helper()
	runtime.LockOSThread()
	var all, one cores
	all.call(t, syscall.SYS_SCHED_GETAFFINITY)
	for i, word := range all {
		if word != 0 {
			one[i] = word & -word
			break
		}
	}
	one.call(t, syscall.SYS_SCHED_SETAFFINITY)
	defer all.call(t, syscall.SYS_SCHED_SETAFFINITY)
	start()
}

// neighbour starts a process that never sleeps; end ends it.
func neighbour(t *testing.T) (end func()) {
	t.Helper()
	c := exec.Command("sh", "-c", "while :; do :; done")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // with this thread, which is locked
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		c.Process.Kill() //nolint:errcheck // it cannot have ended
		c.Wait()         //nolint:errcheck // it was killed
	}
}

// The generator has one core, and ten neighbours that never sleep want the
// same one: it gets an eleventh of it. What it reports cannot be trusted, and
// it says so.
func TestBusyNeighboursAreNotValid(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "run")
	url, _, _ := timedServer(t, "-ttft", "20ms", "-rate", "200", "-events", "50")
	plan := write(t, dir, "plan.yaml", `version: 1
name: neighbours
defaults: {model: claude-haiku-4-5, max_tokens: 100}
tasks: [{name: a, prompts: ["Hi {{index}}"]}]
load: {arrivals: {rate: 100/s, duration: 1s}}
graceful_stop: 20s
budget: {usd: 10}
`)
	c := program(t, dir, "run", plan, "--target", url, "--out", out, "--json", "--quiet")
	var code int
	onOneCore(t, func() {
		for range 10 {
			defer neighbour(t)()
		}
		code = c.run(t)
	})
	s := summaryOf(t, c.stdout.Bytes())
	reasons := strings.Join(s.Generator.Reasons, "\n")
	// Which of the two shows is the kernel's choice: it may wake a starved process in
	// time for what is due, and leave it no time to read.
	starved := strings.Contains(reasons, "left later than planned") || strings.Contains(reasons, "had answers that waited to be read")
	if code != 121 || s.Generator.Valid || !starved {
		t.Errorf("exit %d, valid %v, reasons %q; want 121 for requests that left late or answers that waited\n%s", code, s.Generator.Valid, reasons, c.stderr.String())
	}
	if first := firstFinding(t, dir, out); first != "generator.lag" {
		t.Errorf("the diagnosis begins with %q; want generator.lag", first)
	}
}

// firstFinding is what the diagnosis of a run begins with.
func firstFinding(t *testing.T, dir, out string) string {
	t.Helper()
	c := program(t, dir, "diagnose", out, "--format", "json")
	c.run(t)
	var d struct {
		Findings []struct{ ID string }
	}
	if err := json.Unmarshal(c.stdout.Bytes(), &d); err != nil || len(d.Findings) == 0 {
		t.Fatalf("no findings: %v\n%s%s", err, c.stdout.String(), c.stderr.String())
	}
	return d.Findings[0].ID
}
