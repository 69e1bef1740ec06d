package sim

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Flush()                      {}

// asker calls a handler with one body, again and again.
type asker struct {
	s    *Server
	r    *http.Request
	body *strings.Reader
	text string
}

func newAsker(tb testing.TB, c Config, body string) *asker {
	tb.Helper()
	s, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	a := &asker{s: s, text: body, body: strings.NewReader(body)}
	if a.r, err = http.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/messages", nil); err != nil {
		tb.Fatal(err)
	}
	a.r.Header = http.Header{"X-Api-Key": {"k"}, "Anthropic-Version": {"2023-06-01"}, "Content-Type": {"application/json"}}
	a.r.Body, a.r.ContentLength = io.NopCloser(a.body), int64(len(body))
	return a
}

func (a *asker) ask() {
	a.body.Reset(a.text)
	a.s.ServeHTTP(&discard{header: make(http.Header)}, a.r)
}

// unreached limits are in force, with their headers, and refuse nothing.
var unreached = Limits{Requests: 1e9, InputTokens: 1e12, OutputTokens: 1e12}

func BenchmarkPlain(b *testing.B) {
	a := newAsker(b, Config{Profile: Instant, Limits: map[string]Limits{"*": unreached}}, ask("claude-haiku-4-5", 40, "What is machine learning?", ""))
	b.ReportAllocs()
	for b.Loop() {
		a.ask()
	}
}

// A plain answer, and an event of a stream, may allocate so much and no more.
func TestAllocations(t *testing.T) {
	plain := newAsker(t, Config{Profile: Instant, Limits: map[string]Limits{"*": unreached}}, ask("claude-haiku-4-5", 40, "What is machine learning?", ""))
	if got := testing.AllocsPerRun(200, plain.ask); got > 130 {
		t.Errorf("a plain answer allocates %v times; at most 130", got)
	}
	stream := func(tokens int) float64 {
		a := newAsker(t, Config{Profile: Instant, Answer: 1, AnswerCap: -1}, ask("claude-haiku-4-5", tokens, "What is machine learning?", `,"stream":true`))
		return testing.AllocsPerRun(50, a.ask)
	}
	short, long := stream(64), stream(16_000)
	if each := (long - short) / 1000; each > 0.02 { // 16 tokens an event
		t.Errorf("an event allocates %v times; want none", each)
	}
}

// BenchmarkStream is per answer of 250 events.
func BenchmarkStream(b *testing.B) {
	a := newAsker(b, Config{Profile: Instant, Answer: 1, AnswerCap: -1}, ask("claude-haiku-4-5", 4000, "What is machine learning?", `,"stream":true`))
	b.ReportAllocs()
	for b.Loop() {
		a.ask()
	}
}
