package report

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/store"
)

// start is when every sample run began.
var start = time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC)

// sampleRun is a made-up run, as it would be stored.
type sampleRun struct {
	manifest store.Manifest
	results  []call.Result
	samples  []metrics.Sample
}

func ptr[T any](v T) *T { return &v }

// newSample is a run of 20 s with two tasks that ended well; it has no records yet.
func newSample(name string) *sampleRun {
	return &sampleRun{manifest: store.Manifest{
		Version: 1, ID: "20261123T101500Z-" + name, Name: name, ToolVersion: "0.1.0",
		Started: start, StartUnixNS: start.UnixNano(), Seed: 42, Target: "https://api.anthropic.com", API: "messages", HTTP: "1.1",
		PlanSHA256: "abc123", PricesAsOf: "2026-11-01", Prices: map[string]json.RawMessage{"claude-haiku-4-5": json.RawMessage(`{"input":1,"output":5}`)}, Clock: "kernel",
		Machine: store.Machine{OS: "linux", Arch: "amd64", Go: "go1.26", Cores: 2},
		Load: store.Load{Mode: "users", Stages: []store.Stage{{Name: "warm-up", Duration: 5 * time.Second, Target: 10},
			{Name: "steady", Duration: 15 * time.Second, Target: 10}}, End: 20 * time.Second, Grace: 5 * time.Second},
		Tasks: []store.Task{{Name: "simple", Weight: 3, Model: "claude-haiku-4-5", MaxTokens: 256, Prompts: "3 inline"},
			{Name: "long", Weight: 1, Model: "claude-sonnet-4-6", MaxTokens: 1024, Prompts: "synthetic, by bytes"}},
		OnLimit: "measure", BudgetUSD: ptr(call.Dollar),
		Thresholds: []store.Threshold{{Metric: "e2e", Expression: "p(95)<10s"}, {Metric: "rate_limited", Expression: "rate<5%"},
			{Metric: "cost", Expression: "total<$1.00"}, {Metric: "ttft{task:simple,stage:steady}", Expression: "p(99)<2s"}},
		Checks: []string{`contains "learning"`},
		Ended:  ptr(start.Add(20100 * time.Millisecond)), Stop: store.Stop{Cause: "completed"},
	}}
}

// request makes one good record. The times are drawn from rng around ttft.
func request(rng *rand.Rand, index int, due, ttft time.Duration) call.Result {
	req := call.Request{Index: index, Task: "simple", Model: "claude-haiku-4-5", Stage: "steady", Due: due}
	if index%4 == 3 {
		req.Task, req.Model = "long", "claude-sonnet-4-6"
	}
	if due < 5*time.Second {
		req.Stage = "warm-up"
	}
	r := req.Result(call.OK)
	spread := func(d time.Duration, sigma float64) time.Duration {
		return time.Duration(float64(d) * math.Exp(sigma*rng.NormFloat64()))
	}
	r.Status, r.RequestID, r.Stop = 200, "req_011", "end_turn"
	r.Started = due + time.Duration(50+rng.IntN(300))*time.Microsecond
	if index < 10 {
		r.NewConn, r.Connect, r.TLS = true, 2*time.Millisecond, 5*time.Millisecond
	}
	r.Sent = r.Started + r.ConnectTime() + 20*time.Microsecond
	r.FirstByte = r.Sent + spread(ttft/2, 0.2)
	r.FirstEvent = r.FirstByte + 100*time.Microsecond
	r.FirstContent = r.FirstEvent + spread(ttft/2, 0.3)
	r.FirstText = r.FirstContent
	r.Events = 20 + rng.IntN(30)
	gap := 40 * time.Millisecond
	r.LastContent = r.FirstContent + time.Duration(r.Events-1)*gap
	r.Done = r.LastContent + time.Millisecond
	r.GapMax = gap
	r.Gaps = [][2]int{{call.GapBucket(gap), r.Events - 1}}
	r.ReadLagMax = 40 * time.Microsecond
	r.Usage = call.Usage{Input: 20 + int64(rng.IntN(20)), Output: int64(r.Events) * 4}
	r.Cost = call.DollarsToUSD((float64(r.Input) + 5*float64(r.Output)) / 1e6)
	left := int64(1000 - index%50)
	r.Limits = call.Limits{Requests: &call.Limit{Limit: ptr(int64(1000)), Remaining: &left, Reset: start.Add(due)},
		OutputTokens: &call.Limit{Limit: ptr(int64(400_000)), Remaining: ptr(400_000 - int64(index%80)*1000), Reset: start.Add(due)}}
	r.Checks = map[string]bool{`contains "learning"`: index%25 != 7}
	return r
}

// fail turns a record into one of another class: no content, no usage, no cost.
func fail(r call.Result, c call.Class, status int, typ, message string) call.Result {
	out := call.Request{Index: r.Index, Task: r.Task, Model: r.Model, Stage: r.Stage, Due: r.Due}.Result(c)
	out.Started, out.Sent, out.Status = r.Started, r.Sent, status
	out.Done = r.Sent + 80*time.Millisecond
	out.Err = &call.Error{Type: typ, Message: message}
	out.Limits = r.Limits
	return out
}

// good fills a run with n requests spread evenly over its 20 s.
func (s *sampleRun) good(n int) *sampleRun {
	rng := newRand()
	for i := range n {
		due := time.Duration(i) * 20 * time.Second / time.Duration(n)
		s.results = append(s.results, request(rng, i, due+time.Millisecond, 400*time.Millisecond))
	}
	for sec := range 20 {
		s.samples = append(s.samples, metrics.Sample{T: time.Duration(sec+1) * time.Second, Users: 10, InFlight: 9,
			CPU: 0.12, Memory: 48 << 20, Spent: call.USD(sec) * call.Dollar / 1000})
	}
	return s
}

// stored writes the run through the store and opens it again.
func (s *sampleRun) stored(t *testing.T) *store.Run {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	w, err := store.Create(dir, s.manifest, []byte("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.results {
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range s.samples {
		if err := w.Sample(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func (s *sampleRun) built(t *testing.T) *Report {
	t.Helper()
	rep, err := Build(s.stored(t))
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// sampleRuns are the runs that the golden files show.
func sampleRuns() map[string]*sampleRun {
	return map[string]*sampleRun{
		"passed":      newSample("chat-mix").good(480),
		"empty":       empty(),
		"one":         one(),
		"partial":     partialRun(),
		"invalid":     invalidRun(),
		"limited":     limitedRun(),
		"timeouts":    timeoutRun(),
		"budget":      budgetRun(),
		"hostile":     hostileRun(),
		"unreachable": unreachableRun(),
		"cold-warm":   coldWarmRun(),
	}
}

func empty() *sampleRun {
	s := newSample("empty")
	s.manifest.Thresholds, s.manifest.Checks, s.manifest.BudgetUSD = s.manifest.Thresholds[:1], nil, nil
	return s
}

func one() *sampleRun {
	s := newSample("one").good(1)
	s.manifest.Thresholds = nil
	s.manifest.Target, s.manifest.Clock = "sim", "user"
	return s
}

// partialRun was killed after 12 s.
func partialRun() *sampleRun {
	s := newSample("killed").good(480)
	s.manifest.Ended, s.manifest.Stop = nil, store.Stop{}
	s.results, s.samples = s.results[:288], s.samples[:12]
	return s
}

// invalidRun left late: every tenth request by half a second.
func invalidRun() *sampleRun {
	s := newSample("busy-machine").good(480)
	for i := range s.results {
		if r := &s.results[i]; i%10 == 0 {
			const late = 500 * time.Millisecond
			for _, at := range []*time.Duration{&r.Started, &r.Sent, &r.FirstByte, &r.FirstEvent, &r.FirstContent, &r.FirstText, &r.LastContent, &r.Done} {
				*at += late
			}
		}
	}
	for i := range s.samples {
		s.samples[i].CPU = 0.97
	}
	return s
}

// limitedRun meets the output token limit of its first class after 8 s.
func limitedRun() *sampleRun {
	s := newSample("over-the-limit").good(480)
	for i, r := range s.results {
		if r.Due < 8*time.Second || r.Model != "claude-haiku-4-5" || i%3 == 0 {
			continue
		}
		f := fail(r, call.RateLimited, 429, "rate_limit_error", "This request would exceed the limit of 50,000 output tokens per minute.")
		f.LimitedBy, f.RetryAfter = call.LimitOutputTokens, ptr(3.0)
		s.results[i] = f
	}
	for i := range s.results {
		r := &s.results[i]
		if r.Model != "claude-haiku-4-5" {
			continue
		}
		left := max(50_000-int64(r.Due/time.Millisecond)*7, 0) / 1000 * 1000
		r.Limits.OutputTokens = &call.Limit{Limit: ptr(int64(50_000)), Remaining: &left, Reset: start.Add(r.Due + time.Minute)}
	}
	return s
}

// timeoutRun has every twelfth request time out, and a few overloads.
func timeoutRun() *sampleRun {
	s := newSample("dying-server").good(480)
	for i, r := range s.results {
		switch {
		case i%12 == 5:
			f := fail(r, call.Timeout, 0, "timeout", "no answer within 10s")
			f.Done = f.Sent + 10*time.Second
			f.Cost, f.CostBound = call.Dollar/500, true
			s.results[i] = f
		case i%10 == 4:
			s.results[i] = fail(r, call.Overloaded, 529, "overloaded_error", "Overloaded")
		}
	}
	return s
}

// budgetRun spent what it was allowed to.
func budgetRun() *sampleRun {
	s := newSample("cheap").good(100)
	s.manifest.BudgetUSD = ptr(call.Dollar * 7 / 100)
	s.manifest.Stop = store.Stop{Cause: "budget", Detail: "$0.0696 of $0.07 are spent and the next request may cost $0.0031"}
	for i, r := range s.results {
		switch {
		case i == 90:
			f := call.Request{Index: r.Index, Task: r.Task, Model: r.Model, Stage: r.Stage, Due: r.Due}.Result(call.OverBudget)
			f.Phase = call.BudgetTail
			s.results[i] = f
		case i > 90:
			s.results[i].Phase = call.BudgetTail
		}
	}
	return s
}

// coldWarmRun has cold and warm calls side by side in one of its tasks, and too
// few of them in the other. The first two warm calls write the prefix.
func coldWarmRun() *sampleRun {
	s := newSample("cold-warm").good(240)
	s.manifest.Tasks[0].Cache, s.manifest.Tasks[0].Cold, s.manifest.Tasks[0].SystemBytes = "5m", 0.25, 16_000
	s.manifest.Tasks[1].Cache, s.manifest.Tasks[1].Cold, s.manifest.Tasks[1].SystemBytes = "1h", 0.05, 16_000
	s.manifest.Prices["claude-sonnet-4-6"] = json.RawMessage(`{"input":3,"output":15}`)
	for i := range s.results {
		r := &s.results[i]
		long := r.Task == "long"
		r.Cold = i%16 == 0 || long && i%80 == 3 || !long && i%5 == 0
		switch hit := !r.Cold && i > 2; {
		case hit:
			r.CacheRead = 4000
			for _, at := range []*time.Duration{&r.FirstByte, &r.FirstEvent, &r.FirstContent, &r.FirstText, &r.LastContent, &r.Done} {
				*at -= 150 * time.Millisecond
			}
		case long:
			r.CacheWrite1h = 4000
		default:
			r.CacheWrite5m = 4000
		}
		in, out := 1.0, 5.0
		if long {
			in, out = 3, 15
		}
		r.Cost = call.DollarsToUSD((in*(float64(r.Input)+1.25*float64(r.CacheWrite5m)+2*float64(r.CacheWrite1h)+0.1*float64(r.CacheRead)) + out*float64(r.Output)) / 1e6)
	}
	return s
}

// unreachableRun never got an answer.
func unreachableRun() *sampleRun {
	s := newSample("no-server").good(6)
	s.manifest.Stop = store.Stop{Cause: "unreachable", Detail: "dial tcp 127.0.0.1:9: connection refused"}
	for i, r := range s.results {
		s.results[i] = fail(r, call.Connection, 0, "connection", "dial tcp 127.0.0.1:9: connection refused")
		s.results[i].Limits = call.Limits{}
	}
	return s
}

// hostile is a name that would steer a terminal, break a table and open a tag.
const hostile = "=1+1|`x`<b>\x1b[31m\r\nq\u202e\xff,\"z\""

// hostileRun has such names wherever a plan or a server can put them.
func hostileRun() *sampleRun {
	s := newSample("hostile").good(40)
	s.manifest.Name, s.manifest.Target = hostile, hostile
	s.manifest.Tasks[0].Name, s.manifest.Tasks[0].Model = hostile, hostile
	s.manifest.Load.Stages[1].Name = hostile
	s.manifest.Checks = []string{hostile}
	s.manifest.Thresholds = s.manifest.Thresholds[:1]
	for i := range s.results {
		r := &s.results[i]
		r.Task, r.Model, r.Stage, r.Stop, r.RequestID = hostile, hostile, hostile, hostile, hostile
		r.Checks = map[string]bool{hostile: false}
		if i%2 == 0 {
			*r = fail(*r, call.RateLimited, 429, hostile, hostile)
			r.LimitedBy = call.LimitUnknown
		}
	}
	return s
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
