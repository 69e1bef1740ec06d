package e2e

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Haiku 4.5, dollars per token, from the price table by hand.
const (
	usdInput  = 1e-6
	usdWrite  = 1.25e-6
	usdRead   = 0.1e-6
	usdOutput = 5e-6
)

// dialects are the ways to say the same.
var dialects = []string{"messages", "chat"}

// Every class of failure, provoked on a simulator in another process through
// either dialect: each attempt stands under its class with the request id the
// server gave it, final usage is priced to the pico-dollar, and a bound is never
// below what was served.
func TestFaultsByClass(t *testing.T) {
	t.Parallel()
	url := simulator(t, "--profile", "steady", "--answer", "1", "--key", secret) // no first token is late by itself
	tests := []faultCase{
		{name: "ok", class: "ok", status: 200, final: true},
		{name: "plain", class: "ok", status: 200, final: true, set: []string{"defaults.stream=false"}},
		{name: "requests", fault: "status=429", class: "rate_limited", status: 429, limitedBy: "unknown"},
		{name: "ramp", fault: "status=429; code=ramp_limit_exceeded", class: "rate_limited", status: 429, limitedBy: "ramp"},
		{name: "spend", fault: "status=429; code=enforced_spend_limit_reached", class: "rate_limited", status: 429, limitedBy: "spend"},
		{name: "overloaded", fault: "status=529", class: "overloaded", status: 529},
		{name: "server", fault: "status=500", class: "server_error", status: 500},
		{name: "gateway timeout", fault: "status=504", class: "server_error", status: 504},
		{name: "client", fault: "status=400", class: "client_error", status: 400},
		{name: "forbidden", fault: "status=403", class: "auth", status: 403},
		{name: "timeout", fault: "stall=6; for=20s; pings=true", class: "timeout", status: 200, set: []string{"target.timeout=3s"}},
		{name: "stalled", fault: "stall=6; for=20s", class: "stalled", status: 200, set: []string{"target.stall_timeout=3s"}},
		{name: "close", fault: "close", class: "connection"},
		{name: "cut", fault: "cut=6", class: "cut", status: 200},
		{name: "reset", fault: "cut=6; rst=true", class: "cut", status: 200},
		{name: "truncated", fault: "truncate", class: "cut", status: 200},
		{name: "error event", fault: "error=6", class: "stream_error", status: 200},
		{name: "malformed", fault: "malformed=6", class: "bad_response", status: 200},
		{name: "html", fault: "html", class: "bad_response", status: 200},
		{name: "huge", fault: "huge", class: "bad_response", status: 200},
		{name: "unknown events", fault: "unknown", class: "ok", status: 200, final: true},
		{name: "split character", fault: "split-utf8", class: "ok", status: 200, final: true},
		{name: "no usage", fault: "no-usage", class: "ok", status: 200},
		{name: "refused", fault: "refuse", class: "connection", rule: true},
		{name: "refused by count", fault: "refuse; every=1", class: "connection", rule: true},
		{name: "handshake", fault: "tls-fail", class: "connection", rule: true, scheme: "https"},
		{name: "silence", fault: "silence=20s", class: "timeout", set: []string{"target.timeout=3s"}},
		{name: "reset before an answer", fault: "close; rst", class: "connection"},
		{name: "cut by bytes", fault: "cut; bytes=900", class: "cut", status: 200},
		{name: "cut by time", fault: "cut; at=250ms", class: "cut", status: 200}, // of 480 ms,
		{name: "cut plain", fault: "cut", class: "cut", status: 200, set: []string{"defaults.stream=false"}},
		{name: "stalled plain", fault: "stall; for=20s", class: "stalled", status: 200, set: []string{"defaults.stream=false", "target.stall_timeout=3s"}},
		{name: "malformed plain", fault: "malformed", class: "bad_response", status: 200, set: []string{"defaults.stream=false"}},
		{name: "truncated plain", fault: "truncate", class: "bad_response", status: 200, set: []string{"defaults.stream=false"}},
		{name: "content type", fault: "content-type=application/json", class: "bad_response", status: 200},
		{name: "bad gateway", fault: "html=502", class: "server_error", status: 502},
		{name: "no retry-after", fault: "status=429; for=7s, no-retry-after", class: "rate_limited", status: 429, limitedBy: "unknown"},
		{name: "slow", fault: "slow=2", class: "ok", status: 200, final: true},
		{name: "drip", fault: "drip=8000", class: "ok", status: 200, final: true},
		{name: "read slowly", fault: "slow-read=500", class: "ok", status: 200, final: true},
		{name: "stall with pings", fault: "stall=6; for=2s; pings", class: "ok", status: 200, final: true},
		{name: "buffered", fault: "buffer", class: "ok", status: 200, final: true},
		{name: "duplicate", fault: "duplicate=6", class: "ok", status: 200, final: true},
		{name: "no keep-alive", fault: "no-keepalive", class: "ok", status: 200, final: true},
		{name: "go away", fault: "goaway", class: "ok", status: 200, final: true, set: []string{"target.http=2", "load.users.count=1"}}, // a second user's call may meet the GOAWAY
		{name: "clock", fault: "clock-skew=-1h", class: "ok", status: 200, final: true},
	}
	for _, tt := range tests {
		for _, api := range dialects {
			t.Run(tt.name+"/"+api, func(t *testing.T) {
				t.Parallel()
				one := tt
				if api == "chat" && tt.limitedBy == "unknown" {
					one.limitedBy = "tokens" // OpenAI's errors name one of two
				}
				one.run(t, api, url)
			})
		}
	}
}

// faultCase is a fault, and what a record must say of it.
type faultCase struct {
	name, fault string // in the simulator's words
	class       string
	status      int
	limitedBy   string
	final       bool // the usage is final, so the cost is a bill
	set         []string
	rule        bool   // a rule of the server's own: no header can ask for it
	scheme      string // of the target; "" is http
}

func (tt faultCase) run(t *testing.T, api, url string) {
	dir := t.TempDir()
	headers := "{}"
	if tt.rule {
		url = simulator(t, "--fault", tt.fault)
	} else if tt.fault != "" {
		headers = fmt.Sprintf("{x-sim-fault: %q}", tt.fault)
	}
	plan := write(t, dir, "plan.yaml", `version: 1
name: faults
target: {api: `+api+`, headers: `+headers+`}
defaults: {model: claude-haiku-4-5, max_tokens: 100}
tasks: [{name: a, prompts: ["Say something about rivers {{index}}"]}]
load: {users: {count: 2, requests: 4}}
budget: {usd: 1}
`)
	if tt.scheme != "" {
		url = tt.scheme + strings.TrimPrefix(url, "http")
	}
	args := []string{"run", plan, "--target", url, "--out", filepath.Join(dir, "run"), "--quiet", "--json",
		"--set", "tasks.0.prompts.0=Say something about rivers {{index}}"} // what it is already, told to the record once more
	for _, s := range tt.set {
		args = append(args, "--set", s)
	}
	c := program(t, dir, args...)
	code := c.run(t)
	got := records(t, filepath.Join(dir, "run"))
	if len(got) != 4 {
		t.Fatalf("%d records, exit %d; want 4\n%s", len(got), code, c.stderr.String())
	}
	const tooBusy = 121 // this machine, not the program
	if want := map[bool]int{true: 0, false: 1}[tt.class == "ok"]; code != want && (code != tooBusy || want != 0) {
		t.Errorf("exit %d; want %d\n%s", code, want, c.stderr.String())
	}
	var served map[string]truth
	if !tt.rule { // where nobody is let in, nobody can ask
		served = truths(t, url)
	}
	for _, r := range got {
		if r.Class != tt.class || r.Status != tt.status {
			t.Errorf("class %s, status %d, error %s; want %s, %d", r.Class, r.Status, raw(r), tt.class, tt.status)
		}
		if tt.limitedBy != "" && (r.LimitedBy == nil || *r.LimitedBy != tt.limitedBy) {
			t.Errorf("limited by %v; want %s", r.LimitedBy, tt.limitedBy)
		}
		checkServed(t, r, served, tt.final)
		checkParts(t, r)
	}
	checkNoLeak(t, dir, c, tt.name)
}

func raw(r record) string {
	if r.Error == nil {
		return "none"
	}
	return string(*r.Error)
}

// checkServed holds a record against what the simulator did.
func checkServed(t *testing.T, r record, served map[string]truth, final bool) {
	t.Helper()
	if r.Status == 0 {
		return
	}
	x, ok := served[r.RequestID]
	if !ok {
		t.Errorf("request id %q was not served", r.RequestID)
		return
	}
	bill := float64(r.Input)*usdInput + float64(r.CacheWrite)*usdWrite + float64(r.CacheRead)*usdRead + float64(x.Output)*usdOutput
	switch {
	case r.Status >= 400:
		if r.Cost != 0 {
			t.Errorf("status %d costs %v; want 0", r.Status, r.Cost)
		}
	case final:
		if r.Bound || r.Output != x.Output || math.Abs(r.Cost-bill) > 1e-12 || math.Abs(r.Cost-x.Billed) > 1e-12 {
			t.Errorf("output %d, cost %v, bound %v; served %d tokens for %v, billed %v", r.Output, r.Cost, r.Bound, x.Output, bill, x.Billed)
		}
	default:
		if !r.Bound || r.Cost < bill {
			t.Errorf("cost %v, bound %v; served for %v", r.Cost, r.Bound, bill)
		}
	}
}

// checkParts adds up e2e: lag, held, earlier attempts, connect, send, wait,
// generation, within a microsecond.
func checkParts(t *testing.T, r record) {
	t.Helper()
	if r.Class != "ok" {
		return
	}
	first := r.First
	if first == 0 {
		first = r.Last
	}
	lag := r.Started - r.Due - r.Held - r.Earlier
	connect := r.ConnWait + r.Connect + r.TLS
	send := r.Sent - r.Started - connect
	sum := lag + r.Held + r.Earlier + connect + send + (first - r.Sent) + (r.Last - first)
	if e2e := r.Last - r.Due; sum < e2e-1000 || sum > e2e+1000 {
		t.Errorf("index %d: parts add up to %d ns; e2e is %d", r.Index, sum, e2e)
	}
	if lag < 0 || connect < 0 || send < 0 || first < r.Sent || r.Last < first || r.FirstByte < r.Sent {
		t.Errorf("index %d: a part is negative: lag %d, connect %d, send %d, %+v", r.Index, lag, connect, send, r)
	}
}

// checkNoLeak searches everything a run has left and said for the key, the
// prompt (which the stored plan alone may hold) and the answer.
func checkNoLeak(t *testing.T, dir string, c *command, what string) {
	t.Helper()
	all := map[string]string{"stdout": c.stdout.String(), "stderr": c.stderr.String()}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range all {
		if strings.Contains(text, secret) {
			t.Errorf("%s: the key is in %s", what, where)
		}
		if strings.HasSuffix(where, ".yaml") {
			continue
		}
		if strings.Contains(text, "about rivers") {
			t.Errorf("%s: the prompt is in %s", what, where)
		}
	}
}
