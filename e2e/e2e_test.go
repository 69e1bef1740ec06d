package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// tokenload is the built program.
var tokenload string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tokenload-e2e-")
	if err != nil {
		panic(err)
	}
	tokenload = filepath.Join(dir, "tokenload")
	if runtime.GOOS == "windows" {
		tokenload += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", tokenload, "../cmd/tokenload").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// secret is the key that must appear nowhere.
const secret = "sk-ant-e2e-0123456789abcdef"

// command is a call of the program in a folder of its own.
type command struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func program(t *testing.T, dir string, args ...string) *command {
	t.Helper()
	c := &command{Cmd: exec.Command(tokenload, args...)}
	c.Dir = dir
	c.Env = append(os.Environ(), "ANTHROPIC_API_KEY="+secret, "ANTHROPIC_BASE_URL=", "NO_COLOR=1")
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	return c
}

// run runs the program to its end and returns its exit code.
func (c *command) run(t *testing.T) int {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c.end(t)
}

// end waits for a started program, at most a minute.
func (c *command) end(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(time.Minute, func() { c.Process.Kill() }) //nolint:errcheck // it has ended then
	defer timer.Stop()
	err := c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode()
}

// simulator starts the simulator as a process of its own and returns its address.
func simulator(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.Command(tokenload, append([]string{"sim", "--addr", "127.0.0.1:0"}, args...)...)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill() //nolint:errcheck // it may have ended
		c.Wait()         //nolint:errcheck // killed
	})
	in := bufio.NewScanner(stderr)
	for in.Scan() {
		if _, url, ok := strings.Cut(in.Text(), "ready on "); ok {
			go io.Copy(io.Discard, stderr) //nolint:errcheck // nobody reads it
			return url
		}
	}
	t.Fatal("the simulator did not become ready")
	return ""
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// record is what the tests read of a line of requests.jsonl.
type record struct {
	Index      int              `json:"index"`
	Attempt    int              `json:"attempt"`
	Class      string           `json:"class"`
	Status     int              `json:"status"`
	RequestID  string           `json:"request_id"`
	LimitedBy  *string          `json:"limited_by"`
	Due        int64            `json:"due"`
	Held       int64            `json:"held"`
	Earlier    int64            `json:"earlier"`
	Started    int64            `json:"started"`
	ConnWait   int64            `json:"conn_wait"`
	Connect    int64            `json:"connect"`
	TLS        int64            `json:"tls"`
	Sent       int64            `json:"sent"`
	FirstByte  int64            `json:"first_byte"`
	First      int64            `json:"first_content"`
	Last       int64            `json:"last_content"`
	Done       int64            `json:"done"`
	Merged     int              `json:"merged_reads"`
	Input      int64            `json:"input_tokens"`
	CacheWrite int64            `json:"cache_write_5m_tokens"`
	CacheRead  int64            `json:"cache_read_tokens"`
	Output     int64            `json:"output_tokens"`
	Cost       float64          `json:"cost_usd"`
	Bound      bool             `json:"cost_bound"`
	Error      *json.RawMessage `json:"error"`
}

func records(t *testing.T, dir string) []record {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "requests.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []record
	for line := range strings.Lines(string(b)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, r)
	}
	return all
}

// summary is what the tests read of summary.json.
type summary struct {
	Run struct {
		Outcome  string `json:"outcome"`
		ExitCode int    `json:"exit_code"`
		Partial  bool   `json:"partial"`
	} `json:"run"`
	Requests map[string]int `json:"requests"`
	Classes  map[string]int `json:"classes"`
	Cost     struct {
		USD       float64  `json:"usd"`
		Uncertain float64  `json:"uncertain_usd"`
		Budget    *float64 `json:"budget_usd"`
	} `json:"cost"`
	Generator struct {
		Valid   bool     `json:"valid"`
		Clock   string   `json:"clock"`
		Merged  int      `json:"merged_reads"`
		LagP99  *float64 `json:"lag_p99_ms"`
		Reasons []string `json:"reasons"`
	} `json:"generator"`
}

func summaryOf(t *testing.T, text []byte) summary {
	t.Helper()
	var s summary
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return s
}

// truth is what the simulator says of one request.
type truth struct {
	RequestID string `json:"request_id"`
	Status    int    `json:"status"`
	Fault     string `json:"fault"`
	Output    int64  `json:"output_tokens"`

	Billed float64 `json:"billed_usd"`
}

func truths(t *testing.T, url string) map[string]truth {
	t.Helper()
	resp, err := http.Get(url + "/sim/truth")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all := map[string]truth{}
	dec := json.NewDecoder(resp.Body)
	for {
		var x truth
		if err := dec.Decode(&x); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if x.RequestID != "" {
			all[x.RequestID] = x
		}
	}
}
