package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// timedServer starts the timed server of bench/ and returns its address and the
// file of its truth, which is whole once stop has returned.
func timedServer(t *testing.T, args ...string) (url, truth string, stop func()) {
	t.Helper()
	dir := t.TempDir()
	bin, truth := filepath.Join(dir, "server"), filepath.Join(dir, "truth.jsonl")
	if out, err := exec.Command("go", "build", "-o", bin, "../bench/server").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	c := exec.Command(bin, append([]string{"-log", truth}, args...)...)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		c.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
		c.Wait()                       //nolint:errcheck // the file tells
	}
	t.Cleanup(stop)
	in := bufio.NewScanner(stderr)
	if !in.Scan() || !strings.Contains(in.Text(), "ready on ") {
		t.Fatalf("the server did not become ready: %s", in.Text())
	}
	go io.Copy(io.Discard, stderr) //nolint:errcheck // nobody reads it
	_, url, _ = strings.Cut(in.Text(), "ready on ")
	return url, truth, stop
}

// The streams are open when the process is held up again and again, for 60 ms
// out of 80: no request is late then, the kernel joins what waits and keeps the
// latest stamp, and all the same the run must not be called valid.
func TestStarvedReaderIsNotValid(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "run")
	url, _, _ := timedServer(t, "-ttft", "20ms", "-rate", "200", "-events", "900")
	plan := write(t, dir, "plan.yaml", `version: 1
name: starved
defaults: {model: claude-haiku-4-5, max_tokens: 1000}
tasks: [{name: a, prompts: ["Hi {{index}}"]}]
load: {users: {count: 40, requests: 40}}
budget: {usd: 10}
`)
	c := program(t, dir, "run", plan, "--target", url, "--out", out, "--json", "--quiet")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // all requests are out, and their streams run for 4.5 s
	for range 25 {
		c.Process.Signal(syscall.SIGSTOP) //nolint:errcheck // the records tell
		time.Sleep(60 * time.Millisecond)
		c.Process.Signal(syscall.SIGCONT) //nolint:errcheck // the records tell
		time.Sleep(20 * time.Millisecond)
	}
	code := c.end(t)
	s := summaryOf(t, c.stdout.Bytes())
	reasons := strings.Join(s.Generator.Reasons, "\n")
	if code != 121 || s.Generator.Valid || !strings.Contains(reasons, "had answers that waited to be read") {
		t.Errorf("exit %d, valid %v, reasons %q; want 121 for answers that waited\n%s", code, s.Generator.Valid, reasons, c.stderr.String())
	}
	if first := firstFinding(t, dir, out); first != "generator.lag" {
		t.Errorf("the diagnosis begins with %q; want generator.lag", first)
	}
}

// A server may be as slow and as bunchy as it likes: where our machine keeps up
// the run is valid. Its events come all at once, so that every answer's reads are joined.
func TestSlowServerIsValid(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "run")
	url, _, _ := timedServer(t, "-ttft", "4s", "-rate", "0", "-events", "10")
	plan := write(t, dir, "plan.yaml", `version: 1
name: slow
defaults: {model: claude-haiku-4-5, max_tokens: 40}
tasks: [{name: a, prompts: ["Hi {{index}}"]}]
load: {users: {count: 12, requests: 12}}
budget: {usd: 10}
`)
	c := program(t, dir, "run", plan, "--target", url, "--out", out, "--json", "--quiet")
	code := c.run(t)
	s := summaryOf(t, c.stdout.Bytes())
	if code != 0 || !s.Generator.Valid || s.Generator.Clock != "kernel" || s.Generator.Merged != 12 {
		t.Errorf("exit %d, valid %v, clock %s, %d merged reads, %q; want 0, valid, kernel, 12\n%s",
			code, s.Generator.Valid, s.Generator.Clock, s.Generator.Merged, s.Generator.Reasons, c.stderr.String())
	}
}

// bracket is what the timed server says of one request, in nanoseconds since 1970.
type bracket struct {
	ID     string `json:"id"`
	Before int64  `json:"first_before"`
	After  int64  `json:"first_after"`
}

// The recorded first content of 200 streams lies between the instants right
// before and right after the server, another process, wrote it.
func TestFirstContentIsTrue(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "run")
	url, truth, stop := timedServer(t, "-ttft", "300ms", "-rate", "1", "-events", "2")
	plan := write(t, dir, "plan.yaml", `version: 1
name: bracket
defaults: {model: claude-haiku-4-5, max_tokens: 10}
tasks: [{name: a, prompts: ["Hi {{index}}"]}]
load: {users: {count: 200, requests: 400}}
budget: {usd: 10}
`)
	if code := program(t, dir, "run", plan, "--target", url, "--out", out, "--quiet").run(t); code != 0 && code != 121 {
		t.Fatalf("exit %d", code)
	}
	stop()
	b, err := os.ReadFile(truth)
	if err != nil {
		t.Fatal(err)
	}
	truths := map[string]bracket{}
	for line := range strings.Lines(string(b)) {
		var x bracket
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		truths[x.ID] = x
	}
	var m struct {
		Start int64  `json:"start_unix_ns"`
		Clock string `json:"clock"`
	}
	if b, err = os.ReadFile(filepath.Join(out, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Clock != "kernel" {
		t.Fatalf("clock %q, %v; want kernel", m.Clock, err)
	}
	inside, alone, off := 0, 0, []string{}
	for _, r := range records(t, out) {
		x, ok := truths[r.RequestID]
		if !ok || r.First == 0 {
			t.Fatalf("request %d, %s: no truth, or no content", r.Index, r.RequestID)
		}
		connection := r.ConnWait + r.Connect + r.TLS
		var sum int64
		for _, part := range []int64{r.Started - r.Due - r.Held - r.Earlier, r.Held, r.Earlier, connection,
			r.Sent - r.Started - connection, r.First - r.Sent, r.Last - r.First} {
			if sum += part; part < 0 {
				t.Errorf("request %d: a part of its time is negative: %+v", r.Index, r)
			}
		}
		if d := r.Last - r.Due - sum; d < -1000 || d > 1000 {
			t.Errorf("request %d: its parts add up to %d ns; want %d", r.Index, sum, r.Last-r.Due)
		}
		if r.Merged > 0 {
			continue // read so late that it was joined with the next: counted, and not stood behind
		}
		alone++
		const looks = 2000 // ns: what the looks at two clocks may differ by
		if at := m.Start + r.First; x.Before-looks <= at && at <= x.After+looks {
			inside++
		} else {
			off = append(off, fmt.Sprint(at-x.Before, " ", at-x.After))
		}
	}
	if alone == 0 || inside < alone*99/100 {
		t.Errorf("%d of %d first contents within the server's bracket; want 99 %%: %v", inside, alone, off)
	}
}
