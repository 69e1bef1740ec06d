// Package simulator starts tokenload sim as a process of its own and reads the
// truth it tells. It shares no code with the simulator: what an SDK sees is held
// against what the wire says.
package simulator

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"
)

// Simulator is a running tokenload sim, without delays.
type Simulator struct{ URL string }

// Start starts the program that TOKENLOAD names on a free port, with more
// arguments, and ends it when the test ends.
func Start(t *testing.T, args ...string) *Simulator {
	t.Helper()
	program := os.Getenv("TOKENLOAD")
	if program == "" {
		t.Fatal("TOKENLOAD names no program: start these tests with referee/run")
	}
	cmd := exec.Command(program, append([]string{"sim", "--addr", "127.0.0.1:0", "--profile", "instant"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, cmd) })
	ready := regexp.MustCompile(`ready on (http://\S+)`)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			return &Simulator{URL: m[1]}
		}
	}
	t.Fatal("the simulator ended before it was ready")
	return nil
}

// stop ends a simulator as Ctrl-C does: with exit code 0.
func stop(t *testing.T, cmd *exec.Cmd) {
	_ = cmd.Process.Signal(os.Interrupt)
	timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("simulator: %v", err)
	}
}

// Record is what the simulator says about one request.
type Record struct {
	Type       string    `json:"type"`
	RequestID  string    `json:"request_id"`
	Version    string    `json:"version"`
	Auth       string    `json:"auth"`
	RetryCount int       `json:"retry_count"`
	Model      string    `json:"model"`
	Stream     bool      `json:"stream"`
	Status     int       `json:"status"`
	Received   time.Time `json:"received"`
	FirstByte  float64   `json:"first_byte_ms"` // since Received
	RetryAfter int       `json:"retry_after_s"`
	LimitedBy  string    `json:"limited_by"`

	InputTokens    int64  `json:"input_tokens"`
	CacheWrite5m   int64  `json:"cache_write_5m_tokens"`
	CacheWrite1h   int64  `json:"cache_write_1h_tokens"`
	CacheRead      int64  `json:"cache_read_tokens"`
	OutputTokens   int64  `json:"output_tokens"`
	ThinkingTokens int64  `json:"thinking_tokens"`
	StopReason     string `json:"stop_reason"`
}

// Answered is just before the first byte of the answer left: nobody can have
// read it sooner.
func (r Record) Answered() time.Time {
	return r.Received.Add(time.Duration(r.FirstByte * float64(time.Millisecond)))
}

// Truth returns the records of n requests, in the order in which they came. A
// record may be written a moment after its answer, and after the next one's, so
// it waits for that many and sorts them.
func (s *Simulator) Truth(t *testing.T, n int) []Record {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		records := s.records(t)
		if len(records) == n {
			slices.SortFunc(records, func(a, b Record) int { return a.Received.Compare(b.Received) })
			return records
		}
		if len(records) > n || time.Now().After(deadline) {
			t.Fatalf("the truth tells of %d requests, want %d: %+v", len(records), n, records)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// Last returns the record of the n-th and latest request.
func (s *Simulator) Last(t *testing.T, n int) Record {
	t.Helper()
	return s.Truth(t, n)[n-1]
}

func (s *Simulator) records(t *testing.T) []Record {
	t.Helper()
	res, err := http.Get(s.URL + "/sim/truth")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var records []Record
	for lines := json.NewDecoder(res.Body); lines.More(); {
		var r Record
		if err := lines.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Type == "request" {
			records = append(records, r)
		}
	}
	return records
}
