package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are net.Pipe: no port, and time inside a
// synctest bubble stands still while both ends wait.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// api is a simulator in the bubble and a client of it.
type api struct {
	t *testing.T
	*Running
	ln     *pipes
	client *http.Client
}

// bubble runs a test against a simulator in virtual time.
func bubble(t *testing.T, c Config, f func(t *testing.T, a *api)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		ln := newPipes()
		tr := &http.Transport{DialContext: ln.dial, MaxIdleConnsPerHost: 1000}
		a := &api{t: t, Running: s.Serve(ln), ln: ln, client: &http.Client{Transport: tr}}
		f(t, a)
		tr.CloseIdleConnections()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second) // net/http lingers half a second on connections it closes
	})
}

// request makes a POST with the usual headers; header pairs override.
func (a *api) request(path, body string, headers ...string) *http.Request {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", "sk-test")
	r.Header.Set("Anthropic-Version", "2023-06-01")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

// answer is a whole answer, and how reading it ended.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
	events []event
}

// event is one event of a stream and when it came.
type event struct {
	name, data string
	at         time.Duration
}

func (e event) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(e.data), &v); err != nil {
		t.Fatalf("event %s: %v in %q", e.name, err, e.data)
	}
	return v
}

// post sends a body and reads the answer to its end.
func (a *api) post(path, body string, headers ...string) answer {
	a.t.Helper()
	return a.do(a.request(path, body, headers...))
}

func (a *api) do(r *http.Request) answer {
	sent := time.Now()
	res, err := a.client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	ans := answer{status: res.StatusCode, header: res.Header}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		b, err := io.ReadAll(res.Body)
		ans.body, ans.err = string(b), err
		return ans
	}
	rd, all := bufio.NewReaderSize(res.Body, 1<<16), strings.Builder{}
	var e event
	for {
		line, err := rd.ReadString('\n')
		all.WriteString(line)
		switch text := strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(text, "event: "):
			e.name = text[len("event: "):]
		case strings.HasPrefix(text, "data: "):
			e.data = text[len("data: "):]
		case text == "" && e.name != "":
			e.at = time.Since(sent)
			ans.events = append(ans.events, e)
			e = event{}
		}
		if err != nil {
			ans.body = all.String()
			if err != io.EOF {
				ans.err = err
			}
			return ans
		}
	}
}

// names is the order of events.
func (a answer) names() string {
	var n []string
	for _, e := range a.events {
		n = append(n, e.name)
	}
	return strings.Join(n, " ")
}

// text joins the deltas of one kind.
func (a answer) text(t *testing.T, field string) string {
	t.Helper()
	var b strings.Builder
	for _, e := range a.events {
		if e.name == "content_block_delta" {
			s, _ := e.json(t)["delta"].(map[string]any)[field].(string)
			b.WriteString(s)
		}
	}
	return b.String()
}

// final is the usage of the last message_delta, or of a plain answer.
func (a answer) final(t *testing.T) map[string]float64 {
	t.Helper()
	var v struct{ Usage map[string]any }
	raw := a.body
	for _, e := range a.events {
		if e.name == "message_delta" {
			raw = e.data
		}
	}
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatalf("usage: %v in %q", err, raw)
	}
	flat := make(map[string]float64)
	for k, n := range v.Usage {
		if f, ok := n.(float64); ok {
			flat[k] = f
		}
	}
	for k, n := range map[string]string{"cache_creation": "", "output_tokens_details": ""} {
		if m, ok := v.Usage[k].(map[string]any); ok {
			for k, f := range m {
				flat[n+k] = f.(float64)
			}
		}
	}
	return flat
}

// last is the record of the latest request.
func (a *api) last() Record {
	a.t.Helper()
	synctest.Wait()
	all := a.Truth()
	if len(all) == 0 {
		a.t.Fatal("no record")
	}
	return all[len(all)-1]
}

// ask is a minimal body.
func ask(model string, maxTokens int, prompt, more string) string {
	p, _ := json.Marshal(prompt)
	return `{"model":"` + model + `","max_tokens":` + itoa(maxTokens) + `,"messages":[{"role":"user","content":` + string(p) + `}]` + more + `}`
}
