package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A bench that is killed takes its simulator with it.
func TestKilledBenchLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	c := program(t, t.TempDir(), "bench", "--duration", "40s", "--streams", "5")
	temp := t.TempDir()
	c.Env = append(c.Env, "TMPDIR="+temp)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	logs := ""
	for range 200 { // until the first part is under way
		if found, _ := filepath.Glob(filepath.Join(temp, "tokenload-bench-*", "instant-64")); len(found) > 0 {
			logs = found[0]
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	waitForLines(t, logs, 20)
	child := firstChild(t, c.Process.Pid)
	if child == "" {
		t.Fatal("the bench has no simulator of its own")
	}
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.end(t)
	for range 200 {
		if b, err := os.ReadFile("/proc/" + child + "/cmdline"); err != nil || !strings.HasPrefix(string(b), "tokenload\x00sim") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the simulator, process %s, still runs", child)
	if pid, err := strconv.Atoi(child); err == nil {
		syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // it is ours
	}
}

// firstChild is the first child of a process, "" without one.
func firstChild(t *testing.T, pid int) string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && len(strings.Fields(string(b))) > 0 {
			return strings.Fields(string(b))[0]
		}
	}
	return ""
}
