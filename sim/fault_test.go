package sim

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseFault(t *testing.T) {
	tests := []struct {
		text string
		want Fault
		bad  string
	}{
		{text: "status=529", want: Fault{Kind: "status", Status: 529}},
		{text: "status; status=429 ;code=ramp_limit_exceeded;for=7s", want: Fault{Kind: "status", Status: 429, Code: "ramp_limit_exceeded", For: 7 * time.Second}},
		{text: " cut=3; rst", want: Fault{Kind: "cut", After: 3, RST: true}},
		{text: "stall=5;for=90s;pings;p=0.25", want: Fault{Kind: "stall", After: 5, For: 90 * time.Second, Pings: true, Probability: 0.25}},
		{text: "slow=4;every=10;from=10s;to=20s;model=claude-haiku", want: Fault{Kind: "slow", Factor: 4, Every: 10, From: 10 * time.Second, To: 20 * time.Second, Model: "claude-haiku"}},
		{text: "huge=100;after=7", want: Fault{Kind: "huge", Bytes: 100, After: 7}},
		{text: "silence=3s", want: Fault{Kind: "silence", For: 3 * time.Second}},
		{text: "error=2;type=api_error", want: Fault{Kind: "error", After: 2, Type: "api_error"}},
		{text: "cut;at=2s;bytes=9", want: Fault{Kind: "cut", At: 2 * time.Second, Bytes: 9}},
		{text: "clock-skew=-90s", want: Fault{Kind: "clock-skew", For: -90 * time.Second}},
		{text: "content-type=text/csv", want: Fault{Kind: "content-type", Type: "text/csv"}},
		{text: "slow-read=50;every=2", want: Fault{Kind: "slow-read", Bytes: 50, Every: 2}},
		{text: "refuse;from=1s;to=2s", want: Fault{Kind: "refuse", From: time.Second, To: 2 * time.Second}},
		{text: "refuse;model=claude", bad: "before the model is known"},
		{text: "stall;at=1s", bad: "only a cut"},
		{text: "stall;for=-1s", bad: "for is -1s, want 0 or more"},
		{text: "html", want: Fault{Kind: "html"}},
		{text: "", bad: "kind is missing"},
		{text: "boom", bad: `kind is "boom", want`},
		{text: "status", bad: "status is 0, want an error"},
		{text: "status=200", bad: "status is 200, want an error"},
		{text: "cut=x", bad: `after: bad value "x"`},
		{text: "cut=-1", bad: "after is -1, want 0 or more"},
		{text: "cut;color=red", bad: `unknown parameter "color"`},
		{text: "cut;p=1.5", bad: "probability"},
		{text: "cut;p=NaN", bad: "probability"},
		{text: "slow=NaN", bad: "factor is NaN"},
	}
	for _, tt := range tests {
		got, err := ParseFault(tt.text)
		if tt.bad != "" {
			if err == nil || !strings.Contains(err.Error(), tt.bad) {
				t.Errorf("ParseFault(%q) error %v, want %q", tt.text, err, tt.bad)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("ParseFault(%q): %v %s", tt.text, err, diff)
		}
	}
}

// raw sends one request on a connection of its own and returns every byte of
// the answer until the server closes, or the time is up.
func raw(a *api, body, fault string, patience time.Duration) (string, error) {
	conn, err := a.ln.dial(a.t.Context(), "", "")
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "POST /v1/messages HTTP/1.1\r\nHost: sim\r\nX-Api-Key: k\r\nAnthropic-Version: 2023-06-01\r\nX-Sim-Fault: %s\r\nContent-Length: %d\r\n\r\n%s",
		fault, len(body), body)
	b, err := io.ReadAll(bufio.NewReader(conn))
	return string(b), err
}

func TestFaultsOnTheWire(t *testing.T) {
	const whole = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n\r\n0\r\n\r\n"
	events := func(s string) int { return strings.Count(s, "\nevent: ") } // each follows a chunk's length
	stream := ask("claude-haiku-4-5", 400, "Hello there", `,"stream":true`)
	tests := []struct {
		fault  string
		check  func(s string) string // what is wrong, or ""
		closed bool                  // the server closes before it should
	}{
		{"no-keepalive", func(s string) string {
			return lacks(s, "Connection: close\r\n", whole)
		}, true},
		{"cut=5", func(s string) string {
			if n := events(s) + 1; n != 5 && events(s) != 5 {
				return fmt.Sprintf("%d events", n)
			}
			return has(s, "0\r\n\r\n", "message_stop")
		}, true},
		{"cut=1", func(s string) string { return firstOf(lacks(s, "message_start"), has(s, "content_block_start")) }, true},
		{"cut=3;rst", func(s string) string { return firstOf(lacks(s, "event: ping"), has(s, "content_block_delta")) }, true},
		{"cut=9999", func(s string) string { return firstOf(lacks(s, "event: message_delta"), has(s, "message_stop")) }, true},
		{"truncate", func(s string) string {
			return firstOf(lacks(s, "event: message_delta", "\r\n0\r\n\r\n"), has(s, "message_stop"))
		}, false},
		{"truncate=4", func(s string) string {
			return firstOf(lacks(s, "text_delta", "\r\n0\r\n\r\n"), has(s, "message_delta"))
		}, false},
		{"error=4", func(s string) string {
			return firstOf(lacks(s, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n", "\r\n0\r\n\r\n"), has(s, "message_stop"))
		}, false},
		{"error=2;type=api_error", func(s string) string { return firstOf(lacks(s, `"type":"api_error"`), has(s, "text_delta")) }, false},
		{"malformed", func(s string) string { return lacks(s, "{\"type\":\"text_d\n\n", whole) }, false},
		{"duplicate=4", func(s string) string {
			i := strings.Index(s, "event: content_block_delta")
			one := s[i : i+strings.Index(s[i:], "\n\n")+2]
			return lacks(s, one+one, whole)
		}, false},
		{"unknown=2", func(s string) string { return lacks(s, "event: sim_unknown\n", "sim_unknown_delta", whole) }, false},
		{"no-usage", func(s string) string { return firstOf(lacks(s, whole), has(s, "usage")) }, false},
		{"huge=300000", func(s string) string {
			if n := strings.Count(s, "tokens "); n < 42_000 {
				return fmt.Sprintf("%d words", n)
			}
			return lacks(s, whole)
		}, false},
		{"split-utf8", func(s string) string { return lacks(s, "\xe6\xbc\r\n", "\r\n\xa2\"}}", whole) }, false},
		{"html=502", func(s string) string {
			return firstOf(lacks(s, "HTTP/1.1 502 ", "text/html", "</html>"), has(s, "event"))
		}, false},
		{"html", func(s string) string { return lacks(s, "HTTP/1.1 200 ", "text/html") }, false},
		{"close", func(s string) string { return has(s, "H") }, true},
		{"close;rst", func(s string) string { return has(s, "H") }, true},
		{"silence=30s", func(s string) string { return has(s, "H") }, true},
		{"status=529", func(s string) string {
			return lacks(s, "HTTP/1.1 529 ", `"type":"overloaded_error"`, "X-Should-Retry: true")
		}, false},
		{"status=429;for=7s, no-retry-after", func(s string) string {
			return firstOf(lacks(s, "HTTP/1.1 429 ", "rate_limit_error"), has(s, "Retry-After"))
		}, false},
		{"status=429;for=7s;code=ramp_limit_exceeded", func(s string) string {
			return lacks(s, "Retry-After: 7\r\n", `"details":{"error_code":"ramp_limit_exceeded"}`)
		}, false},
		{"status=429;code=enforced_spend_limit_reached", func(s string) string {
			return firstOf(lacks(s, `"error_code":"enforced_spend_limit_reached"`, "X-Should-Retry: false"), has(s, "Retry-After"))
		}, false},
		{"buffer", func(s string) string {
			return lacks(s, "event: message_start", whole)
		}, false},
		{"cut;bytes=700", func(s string) string {
			if _, body, _ := strings.Cut(s, "\r\n\r\n"); len(unchunk(body)) != 700 {
				return fmt.Sprintf("%d bytes of body", len(unchunk(body)))
			}
			return has(s, "\r\n0\r\n")
		}, true},
		{"cut;bytes=700;rst", func(s string) string { return firstOf(lacks(s, "message_start"), has(s, "message_stop")) }, true},
		{"cut;at=1ms", func(s string) string { return has(s, "H") }, true},
		{"cut;at=9m", func(s string) string { return lacks(s, whole) }, false}, // the answer ends before
		{"content-type", func(s string) string {
			return firstOf(lacks(s, "Content-Type: text/plain; charset=utf-8\r\n", whole), has(s, "text/event-stream"))
		}, false},
		{"content-type=application/json", func(s string) string { return lacks(s, "Content-Type: application/json\r\n", whole) }, false},
		{"clock-skew=-1h", func(s string) string { return lacks(s, "Date: Fri, 31 Dec 1999 23:0", whole) }, false}, // bubbles begin in 2000
		{"slow-read=10", func(s string) string { return lacks(s, "Date: Sat, 01 Jan 2000 00:00:1", whole) }, false},
		{"evict", func(s string) string { return lacks(s, whole) }, false}, // see TestEvicted
		{"slow=2", func(s string) string { return lacks(s, whole) }, false},
		{"drip=2000", func(s string) string { return lacks(s, whole) }, false},
		{"stall=4;for=20s", func(s string) string { return lacks(s, whole) }, false},
		{"goaway", func(s string) string { return firstOf(lacks(s, whole), has(s, "Connection: close")) }, false}, // not over HTTP/1.1
	}
	shown := map[string]bool{FaultRefuse: true, FaultTLS: true} // the first two in door_test.go
	for _, tt := range tests {
		own, err := headerFaults([]string{tt.fault})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range own {
			shown[f.Kind] = true
		}
		bubble(t, Config{Seed: 2}, func(t *testing.T, a *api) {
			got, err := raw(a, stream, tt.fault, 3*time.Minute) // idle connections are closed after 4
			if wrong := tt.check(got); wrong != "" {
				t.Errorf("%s: %s in %.2000q", tt.fault, wrong, got)
			}
			if closed := err == nil; closed != tt.closed {
				t.Errorf("%s: connection closed: %v (%v), want %v", tt.fault, closed, err, tt.closed)
			}
			if r := a.last(); len(r.Faults) == 0 || !strings.HasPrefix(tt.fault, r.Faults[0]) {
				t.Errorf("%s: truth says %v", tt.fault, r.Faults)
			}
		})
	}
	for _, kind := range faultKinds() {
		if !shown[kind] {
			t.Errorf("fault %s is not shown on the wire", kind)
		}
	}
}

// unchunk takes the chunks of a body apart, whole or not.
func unchunk(body string) (all string) {
	for {
		size, rest, ok := strings.Cut(body, "\r\n")
		n, err := strconv.ParseInt(size, 16, 64)
		if !ok || err != nil || n == 0 {
			return all
		}
		all += rest[:min(int(n), len(rest))]
		body = rest[min(int(n)+2, len(rest)):]
	}
}

func lacks(s string, wants ...string) string {
	for _, w := range wants {
		if !strings.Contains(s, w) {
			return fmt.Sprintf("no %q", w)
		}
	}
	return ""
}

func has(s string, not ...string) string {
	for _, w := range not {
		if strings.Contains(s, w) {
			return fmt.Sprintf("unwanted %q", w)
		}
	}
	return ""
}

func firstOf(wrongs ...string) string {
	for _, w := range wrongs {
		if w != "" {
			return w
		}
	}
	return ""
}

func TestFaultTiming(t *testing.T) {
	c := Config{Profile: Steady, EventsPerSecond: 10, TokensPerEvent: 4, TTFT: time.Second, Answer: 1, PingEvery: 10 * time.Second}
	took := func(t *testing.T, a *api, stream bool, fault string) (answer, time.Duration) {
		from := time.Now()
		more := ""
		if stream {
			more = `,"stream":true`
		}
		ans := a.post("/v1/messages", ask("claude-haiku-4-5", 40, "Hi", more), "X-Sim-Fault", fault)
		return ans, time.Since(from)
	}
	bubble(t, c, func(t *testing.T, a *api) {
		const normal = 1900 * time.Millisecond // 10 events, the first after 1 s
		for _, tt := range []struct {
			fault  string
			stream bool
			want   time.Duration
			pings  int
		}{
			{"unknown", true, normal, 1},
			{"slow=3", true, 3 * normal, 1},
			{"stall=6;for=35s", true, normal + 35*time.Second, 1},
			{"stall=6;for=35s;pings", true, normal + 35*time.Second, 4},
			{"buffer", true, normal, 1},
			{"stall;for=35s", false, normal + 35*time.Second, 0},
			{"slow=3", false, 3 * normal, 0},
		} {
			ans, d := took(t, a, tt.stream, tt.fault)
			if d != tt.want || strings.Count(ans.body, "event: ping") != tt.pings || ans.status != 200 {
				t.Errorf("%s (stream %v): status %d, %v with %d pings, want %v with %d", tt.fault, tt.stream, ans.status, d, strings.Count(ans.body, "event: ping"), tt.want, tt.pings)
			}
		}
		if ans, _ := took(t, a, true, "buffer"); ans.events[0].at != normal {
			t.Errorf("buffered stream begins after %v, want %v", ans.events[0].at, normal)
		}
		ans, d := took(t, a, true, "drip=1000")
		if least := time.Duration(len(ans.body)) * time.Millisecond; d < least || d > least+2*time.Second {
			t.Errorf("%d bytes at 1000 a second in %v", len(ans.body), d)
		}
		ans, _ = took(t, a, true, "split-utf8")
		if !utf8.ValidString(ans.body) || !strings.Contains(ans.text(t, "text"), "漢") {
			t.Errorf("split character: %q", ans.text(t, "text"))
		}
		for _, fault := range []string{"cut", "malformed", "truncate", "no-usage", "error"} {
			ans, _ := took(t, a, false, fault)
			var good bool
			switch fault {
			case "cut":
				good = ans.err == io.ErrUnexpectedEOF && strings.HasPrefix(ans.body, `{"model"`)
			case "malformed", "truncate":
				good = ans.err == nil && ans.status == 200 && !strings.HasSuffix(ans.body, "}")
			case "no-usage":
				good = !strings.Contains(ans.body, "usage") && strings.HasSuffix(ans.body, "}")
			case "error":
				good = ans.status == 529
			}
			if !good {
				t.Errorf("plain %s: status %d, %v, %s", fault, ans.status, ans.err, ans.body)
			}
		}
	})
}

func TestFaultRules(t *testing.T) {
	status := func(f Fault) Fault { f.Kind, f.Status = FaultStatus, 529; return f }
	count := func(t *testing.T, f Fault, n int, every time.Duration, model string) (hit []int) {
		bubble(t, Config{Profile: Instant, Seed: 11, Faults: []Fault{f}}, func(t *testing.T, a *api) {
			for i := range n {
				if a.post("/v1/messages", ask(model, 10, "Hi", "")).status == 529 {
					hit = append(hit, i)
				}
				time.Sleep(every)
			}
		})
		return hit
	}
	if got := fmt.Sprint(count(t, status(Fault{Every: 3}), 10, 0, "claude-haiku-4-5")); got != "[2 5 8]" {
		t.Errorf("every third: %v", got)
	}
	if got := fmt.Sprint(count(t, status(Fault{From: 2 * time.Second, To: 4 * time.Second}), 6, time.Second, "claude-haiku-4-5")); got != "[2 3]" {
		t.Errorf("window: %v", got)
	}
	if got := count(t, status(Fault{Model: "claude-opus"}), 3, 0, "claude-haiku-4-5"); got != nil {
		t.Errorf("other model: %v", got)
	}
	hits := count(t, status(Fault{Probability: 0.3}), 1000, 0, "claude-haiku-4-5")
	if n := len(hits); n < 255 || n > 345 {
		t.Errorf("%d of 1000 at probability 0.3", n)
	}
	if again := count(t, status(Fault{Probability: 0.3}), 1000, 0, "claude-haiku-4-5"); fmt.Sprint(again) != fmt.Sprint(hits) {
		t.Error("a repeated run has other faults")
	}
}

// A reset can only be seen on a real socket.
func TestReset(t *testing.T) {
	api, err := Start(Config{Profile: Instant})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	for fault, reset := range map[string]bool{"close": false, "close;rst": true, "cut=4": false, "cut=4;rst": true} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(api.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		body := ask("claude-haiku-4-5", 400, "Hello there", `,"stream":true`)
		fmt.Fprintf(conn, "POST /v1/messages HTTP/1.1\r\nHost: sim\r\nX-Api-Key: k\r\nAnthropic-Version: 2023-06-01\r\nX-Sim-Fault: %s\r\nContent-Length: %d\r\n\r\n%s", fault, len(body), body)
		_, err = io.ReadAll(conn)
		if got := err != nil && strings.Contains(err.Error(), "reset"); got != reset {
			t.Errorf("%s: reading ended with %v, want a reset: %v", fault, err, reset)
		}
		conn.Close()
	}
}

// One that leaves while it sends has left, too, whatever it would have been told.
func TestClientThatLeavesWhileItSends(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, a *api) {
		for body, want := range map[string]bool{
			"Content-Length: 100\r\n\r\n{":                       true,
			"Transfer-Encoding: chunked\r\n\r\n5\r\n{":           true,
			"Transfer-Encoding: chunked\r\n\r\nnot a length\r\n": false,
			"Content-Length: 1\r\n\r\n{":                         false,
		} {
			conn, err := a.ln.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, conn)
			fmt.Fprint(conn, "POST /v1/messages HTTP/1.1\r\nHost: sim\r\nX-Api-Key: k\r\nAnthropic-Version: 2023-06-01\r\n", body)
			synctest.Wait()
			conn.Close()
			synctest.Wait()
			if r := a.last(); r.Canceled != want || r.Status != http.StatusBadRequest {
				t.Errorf("%q: status %d, canceled %v; want 400, %v", body, r.Status, r.Canceled, want)
			}
		}
	})
}

func TestClientThatLeaves(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, a *api) {
		r := a.request("/v1/messages", ask("claude-haiku-4-5", 4000, "Hi", `,"stream":true`))
		res, err := a.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		rd := bufio.NewReader(res.Body)
		for range 12 {
			rd.ReadString('\n')
		}
		res.Body.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		if r := a.last(); !r.Canceled || r.OutputTokens == 0 || r.OutputTokens > 40 || r.StopReason != "" || r.Status != http.StatusOK {
			t.Errorf("record %+v", r)
		}
	})
}
