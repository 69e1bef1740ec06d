package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// TestRead: each tool's files as it writes them, cut to what is read.
func TestRead(t *testing.T) {
	for _, tt := range []struct {
		tool string
		read func(job) ([]reported, error)
		file string
		text string
		want []reported
	}{
		{"tokenload", readTokenload, "run/requests.jsonl",
			`{"index":0,"class":"ok","request_id":"req_1","sent":100,"first_content":51000100}` + "\n" +
				`{"index":1,"class":"connection"}` + "\n" + `{"index":2,"requ`,
			[]reported{{"req_1", 51 * time.Millisecond}}},
		{"locust", readLines, "123.jsonl", `{"id": "req_1", "ttft_ms": 51.5}` + "\n",
			[]reported{{"req_1", 51500 * time.Microsecond}}},
		{"guidellm", readGuideLLM, "report.json",
			`{"benchmarks":[{"requests":{"successful":[{"response_id":"chatcmpl-req_1","time_to_first_token_ms":52.25}],` +
				`"incomplete":[{"response_id":"chatcmpl-req_2","time_to_first_token_ms":53},{"response_id":null,"time_to_first_token_ms":null}]}}]}`,
			[]reported{{"req_1", 52250 * time.Microsecond}, {"req_2", 53 * time.Millisecond}}},
		{"aiperf", readAIPerf, "artifacts/profile_export.jsonl",
			`{"metadata":{"x_request_id":"ab-1"},"metrics":{"time_to_first_token":{"value":78.5,"unit":"ms"}}}` + "\n" +
				`{"metadata":{"x_request_id":"ab-2"},"metrics":{}}` + "\n",
			[]reported{{"ab-1", 78500 * time.Microsecond}}},
	} {
		j := job{dir: t.TempDir()}
		path := filepath.Join(j.dir, tt.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := tt.read(j)
		if err != nil || len(got) != len(tt.want) {
			t.Errorf("%s: read = %v, %v; want %v", tt.tool, got, err, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: read[%d] = %v; want %v", tt.tool, i, got[i], tt.want[i])
			}
		}
	}
}

// TestProc reads what /proc says of this very process.
func TestProc(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	pids := tree(os.Getpid())
	if pids[0] != strconv.Itoa(os.Getpid()) {
		t.Errorf("tree = %v; want this process first", pids)
	}
	if got := memoryOf(pids[:1]); got < 1 || got > 10_000 {
		t.Errorf("memoryOf = %v MiB", got)
	}
	for cpuOf(pids[:1]) == 0 { // until the first hundredth of a second is booked
	}
	if got := machineBusy(); got <= 0 {
		t.Errorf("machineBusy = %v", got)
	}
}
