package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestMoreErrors(t *testing.T) {
	const old, opus55, opus47, haiku55 = "claude-haiku-4-5", "claude-opus-5-5", "claude-opus-4-7", "claude-haiku-5-5"
	user := func(blocks string) string {
		return `{"model":"` + old + `","max_tokens":10,"messages":[{"role":"user","content":[` + blocks + `]}]}`
	}
	cited := `"citations":[{"type":"char_location"}]`
	image := `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}`
	newer := []string{"Anthropic-Version", "2026-10-21"}
	fast := []string{"Anthropic-Beta", "fast-mode-2026-02-01"}
	tests := []struct {
		name, body string
		headers    []string
		status     int
		want       string
	}{
		{"unknown in a message", `{"model":"` + old + `","max_tokens":1,"messages":[{"role":"user","content":"a","foo":1}]}`, nil, 400, "messages.0.foo: Extra inputs are not permitted"},
		{"unknown in a block", user(`{"type":"text","text":"a","foo":1}`), nil, 400, "messages.0.content.0.text.foo: Extra"},
		{"unknown in a block under a beta", user(`{"type":"text","text":"a","foo":1}`), []string{"Anthropic-Beta", "foo-2026-01-01"}, 200, ""},
		{"unknown in cache_control", user(`{"type":"text","text":"a","cache_control":{"type":"ephemeral","foo":1}}`), nil, 400, "messages.0.content.0.cache_control.foo: Extra"},
		{"unknown in metadata", ask(old, 1, "a", `,"metadata":{"user":"x"}`), nil, 400, "metadata.user: Extra"},
		{"unknown in thinking", ask(haiku55, 1, "a", `,"thinking":{"type":"adaptive","foo":1}`), nil, 400, "thinking.foo: Extra"},
		{"unknown in output_config", ask(haiku55, 1, "a", `,"output_config":{"efort":"low"}`), nil, 400, "output_config.efort: Extra"},
		{"unknown in tool_choice", ask(old, 1, "a", `,"tool_choice":{"type":"auto","foo":1}`), nil, 400, "tool_choice.foo: Extra"},
		{"user id", ask(old, 1, "a", `,"metadata":{"user_id":"x"}`), nil, 200, ""},
		{"message not an object", `{"model":"` + old + `","max_tokens":1,"messages":["a"]}`, nil, 400, "messages.0: Input should be an object"},
		{"block not an object", user(`"a"`), nil, 400, "messages.0.content.0: Input should be an object"},
		{"citations of the user", user(`{"type":"text","text":"a",` + cited + `}`), nil, 200, ""},
		{"citations of the user in 2026", user(`{"type":"text","text":"a",` + cited + `}`), newer, 400, "messages.0.content.0.citations"},
		{"no citations in 2026", user(`{"type":"text","text":"a","citations":[]}`), newer, 200, ""},
		{"search result in 2026", user(`{"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"a",` + cited + `}]}`), newer, 400, "messages.0.content.0.content.0.citations"},
		{"documents may be cited in 2026", user(`{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a"},"citations":{"enabled":true}}`), newer, 200, ""},
		{"101 images", user(strings.Repeat(image+",", 100) + image), nil, 400, "at most 100 images"},
		{"100 images", user(strings.Repeat(image+",", 99) + image), nil, 200, ""},
		{"pre-warm that thinks", ask(haiku55, 0, "a", `,"thinking":{"type":"adaptive"}`), nil, 400, "max_tokens: 0"},
		{"pre-warm", ask(haiku55, 0, "a", ""), nil, 200, ""},
		{"display", ask(haiku55, 1, "a", `,"thinking":{"type":"adaptive","display":"all"}`), nil, 400, "thinking.display"},
		{"thinking of no type", ask(haiku55, 1, "a", `,"thinking":{}`), nil, 400, "thinking.type: Field required"},
		{"format without schema", ask(old, 1, "a", `,"output_config":{"format":{"type":"json_schema"}}`), nil, 400, "schema: Field required"},
		{"fast without a fast mode", ask(old, 1, "a", `,"speed":"fast"`), fast, 200, ""},
		{"fast refused", ask(opus47, 1, "a", `,"speed":"fast"`), fast, 400, "speed"},
		{"sampling when counting in 2026", `{"model":"` + opus55 + `","top_k":1,"messages":[{"role":"user","content":"a"}]}`, newer, 400, "top_k: Extra"},
	}
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		for _, tt := range tests {
			path := "/v1/messages"
			if strings.Contains(tt.name, "counting") {
				path += "/count_tokens"
			}
			kind := ""
			if tt.status != 200 {
				kind = "invalid_request_error"
			}
			checkError(t, tt.name, a.post(path, tt.body, tt.headers...), tt.status, kind, tt.want)
		}
	})
}

// usageOf is the usage object of a plain answer.
func usageOf(t *testing.T, ans answer) (u struct {
	Input_tokens        int
	Speed, Service_tier string
}) {
	t.Helper()
	var v struct{ Usage *json.RawMessage }
	if err := json.Unmarshal([]byte(ans.body), &v); err != nil || v.Usage == nil {
		t.Fatalf("answer %d %s: %v", ans.status, ans.body, err)
	}
	if err := json.Unmarshal(*v.Usage, &u); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSpeedServed(t *testing.T) {
	fast := []string{"Anthropic-Beta", "fast-mode-2026-02-01"}
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		for _, tt := range []struct{ model, more, want string }{
			{"claude-opus-5", "", "standard"}, {"claude-opus-5", `,"speed":"standard"`, "standard"},
			{"claude-opus-5", `,"speed":"fast"`, "fast"}, {"claude-opus-4-6", `,"speed":"fast"`, "standard"},
		} {
			if got := usageOf(t, a.post("/v1/messages", ask(tt.model, 5, "Hi", tt.more), fast...)).Speed; got != tt.want {
				t.Errorf("%s%s: speed %q, want %q", tt.model, tt.more, got, tt.want)
			}
		}
	})
}

// A tool's result costs what its images and documents cost, not their bytes.
func TestNestedMediaAreCounted(t *testing.T) {
	data := strings.Repeat("A", 40_000)
	result := func(content string) string {
		return `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[` + content + `]}]}]}`
	}
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		count := func(content string) int { return usageOf(t, a.post("/v1/messages", result(content))).Input_tokens }
		text := `{"type":"text","text":"1234"}`
		bare := count(text)
		if got := count(text + `,{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + data + `"}}`); got != bare+perImage {
			t.Errorf("with an image: %d tokens, want %d", got, bare+perImage)
		}
		if got := count(text + `,{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"` + data + `"}}`); got != bare+perPage {
			t.Errorf("with a page: %d tokens, want %d", got, bare+perPage)
		}
	})
}

func TestToolIsCalledWhenNamed(t *testing.T) {
	tools := `,"tools":[{"name":"get_weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}},{"name":"get_time","input_schema":{"type":"object"}}]`
	for _, tt := range []struct{ model, prompt, more, stop, tool string }{
		{"claude-opus-5-5", "Use get_time, please", "", "tool_use", "get_time"},
		{"claude-opus-5-5", "What time is it?", "", "end_turn", ""},
		{"claude-opus-5-5", "get_timely", "", "end_turn", ""},
		{"claude-haiku-4-5", "Use get_time", `,"tool_choice":{"type":"none"}`, "end_turn", ""},
		{"claude-haiku-4-5", "Use get_time", `,"tool_choice":{"type":"any"}`, "tool_use", "get_time"},
		{"claude-haiku-4-5", "Hi", `,"tool_choice":{"type":"any"}`, "tool_use", "get_weather"},
		{"claude-haiku-4-5", "Use get_time", `,"tool_choice":{"type":"tool","name":"get_weather"}`, "tool_use", "get_weather"},
	} {
		bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
			body := ask(tt.model, 300, tt.prompt, tools+tt.more)
			var v struct {
				Stop_reason string
				Content     []struct{ Type, Name string }
			}
			if err := json.Unmarshal([]byte(a.post("/v1/messages", body).body), &v); err != nil {
				t.Fatal(err)
			}
			if last := v.Content[len(v.Content)-1]; v.Stop_reason != tt.stop || last.Name != tt.tool {
				t.Errorf("%s %q%s: %s of %q, want %s of %q", tt.model, tt.prompt, tt.more, v.Stop_reason, last.Name, tt.stop, tt.tool)
			}
			// The result of a tool is no reason to call it again.
			again := strings.Replace(body, `"messages":[`, `"messages":[{"role":"user","content":"Use get_time"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"get_time","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"noon"}]}],"system":[`, 1)
			again = strings.Replace(again, `{"role":"user","content":"`+tt.prompt+`"}]`, `{"type":"text","text":"x"}]`, 1)
			if tt.more == "" {
				if err := json.Unmarshal([]byte(a.post("/v1/messages", again).body), &v); err != nil || v.Stop_reason != "end_turn" {
					t.Errorf("after the result: %s, %v", v.Stop_reason, err)
				}
			}
		})
	}
}

func TestContextWindowEndsTheAnswer(t *testing.T) {
	bubble(t, Config{Profile: Instant, AnswerCap: -1, Answer: 1}, func(t *testing.T, a *api) {
		prompt := strings.Repeat("word ", 159_900) // 199,875 tokens of 200,000
		ans := a.post("/v1/messages", ask("claude-haiku-4-5", 4000, prompt, ""))
		var v struct {
			Stop_reason string
			Usage       struct{ Output_tokens int }
		}
		if err := json.Unmarshal([]byte(ans.body), &v); err != nil {
			t.Fatal(err)
		}
		if v.Stop_reason != "model_context_window_exceeded" || v.Usage.Output_tokens != 200_000-3-199_875 {
			t.Errorf("stopped by %s after %d tokens", v.Stop_reason, v.Usage.Output_tokens)
		}
	})
}

func TestMethods(t *testing.T) {
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		for _, tt := range []struct {
			method, path string
			status       int
			allow        string
		}{
			{"HEAD", "/v1/models", 200, ""}, {"HEAD", "/v1/models/claude-opus-5", 200, ""}, {"HEAD", "/", 404, ""}, {"GET", "/", 404, ""},
			{"GET", "/v1/messages", 405, "POST"}, {"GET", "/v1/chat/completions", 405, "POST"}, {"PUT", "/v1/messages/count_tokens", 405, "POST"},
			{"POST", "/v1/models", 405, "GET"}, {"DELETE", "/v1/models/claude-opus-5", 405, "GET"}, {"GET", "/v1/models/", 404, ""},
			{"GET", "/v1/models/gpt-4", 404, ""}, {"OPTIONS", "/v1/messages", 405, "POST"},
		} {
			r := a.request(tt.path, "")
			r.Method = tt.method
			ans := a.do(r)
			name := tt.method + " " + tt.path
			if ans.status != tt.status || ans.header.Get("Allow") != tt.allow {
				t.Errorf("%s: %d, allow %q; want %d, %q", name, ans.status, ans.header.Get("Allow"), tt.status, tt.allow)
			}
			if rec := a.last(); rec.Canceled || rec.Status != tt.status {
				t.Errorf("%s: record %+v", name, rec)
			}
			if tt.method != "HEAD" && tt.status >= 400 && tt.path != chatPath {
				kind := map[int]string{404: "not_found_error", 405: "invalid_request_error"}[tt.status]
				checkError(t, name, ans, tt.status, kind, "")
			}
		}
	})
}

func TestModelPages(t *testing.T) {
	list := models()
	first, last := list[0].id, list[len(list)-1].id
	bubble(t, Config{}, func(t *testing.T, a *api) {
		for _, tt := range []struct {
			query       string
			n           int
			first, last string
			more        bool
		}{
			{"", len(list), first, last, false},
			{"?limit=2", 2, first, list[1].id, true},
			{"?limit=2&after_id=" + list[1].id, 2, list[2].id, list[3].id, true},
			{"?after_id=" + last, 0, "", "", false},
			{"?limit=2&before_id=" + list[3].id, 2, list[1].id, list[2].id, true},
			{"?limit=2&before_id=" + list[1].id, 1, first, first, false},
			{"?lifecycle[]=deprecated", 1, "claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929", false},
			{"?lifecycle[]=retired", 0, "", "", false},
		} {
			r := a.request("/v1/models"+tt.query, "")
			r.Method = "GET"
			var p struct {
				Data              []struct{ ID, Line, Lifecycle string }
				Has_more          bool
				First_id, Last_id *string
			}
			ans := a.do(r)
			if err := json.Unmarshal([]byte(ans.body), &p); err != nil {
				t.Fatal(err)
			}
			deref := func(s *string) string {
				if s == nil {
					return ""
				}
				return *s
			}
			if len(p.Data) != tt.n || deref(p.First_id) != tt.first || deref(p.Last_id) != tt.last || p.Has_more != tt.more {
				t.Errorf("%q: %d models, %s to %s, more %v; want %+v", tt.query, len(p.Data), deref(p.First_id), deref(p.Last_id), p.Has_more, tt)
			}
		}
		for _, bad := range []string{"limit=0", "limit=1001", "limit=x", "after_id=gpt-4", "before_id=gpt-4", "after_id=" + first + "&before_id=" + last, "lifecycle[]=old"} {
			r := a.request("/v1/models?"+bad, "")
			r.Method = "GET"
			name, _, _ := strings.Cut(bad, "=")
			checkError(t, bad, a.do(r), 400, "invalid_request_error", strings.TrimSuffix(name, "[]"))
		}
	})
}

// drip is a body of which a byte comes each second.
type drip struct{ left int }

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second)
	d.left--
	p[0] = ' '
	return 1, nil
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// Whatever some send, the others are served as if they were alone.
func TestBadBodiesHarmNobody(t *testing.T) {
	send := func(a *api, body io.Reader, length int64) answer {
		r := a.request("/v1/messages", "")
		r.Body, r.ContentLength = io.NopCloser(body), length
		return a.do(r)
	}
	bubble(t, Config{Profile: Steady, TTFT: time.Second, EventsPerSecond: 10, TokensPerEvent: 1, Answer: 1}, func(t *testing.T, a *api) {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				ans := send(a, &drip{left: 10_000}, -1)
				if ans.err == nil && (ans.status != 400 || !strings.Contains(ans.body, "request_body_timeout")) {
					t.Errorf("dripping: %d %s", ans.status, ans.body)
				}
			})
		}
		wg.Go(func() {
			if ans := send(a, io.LimitReader(endless{}, 100<<20), 100<<20); ans.status != 413 {
				t.Errorf("100 MB: %d (%v)", ans.status, ans.err)
			}
		})
		wg.Go(func() {
			if ans := send(a, io.LimitReader(endless{}, 40<<20), -1); ans.status != 413 {
				t.Errorf("40 MB in chunks: %d (%v)", ans.status, ans.err)
			}
		})
		for range 5 {
			wg.Go(func() {
				if ans := send(a, strings.NewReader("\xff\x00{"), 3); ans.status != 400 {
					t.Errorf("not JSON: %d (%v)", ans.status, ans.err)
				}
			})
			wg.Go(func() {
				deep := strings.Repeat("[", 200_000)
				if ans := send(a, strings.NewReader(deep), int64(len(deep))); ans.status != 400 {
					t.Errorf("nested deeply: %d (%v)", ans.status, ans.err)
				}
			})
		}
		for i := range 30 {
			sent := time.Now()
			ans := a.post("/v1/messages", ask("claude-haiku-4-5", 11, fmt.Sprint(i), ""))
			if took := time.Since(sent); ans.status != 200 || took != 2*time.Second {
				t.Errorf("request %d: %d after %v, want 200 after 2s", i, ans.status, took)
			}
		}
		wg.Wait()
		synctest.Wait()
		if got := a.Totals().ByStatus; got[200] != 30 || got[413] != 2 || got[400] != 30 {
			t.Errorf("answers by status %v, want 30 of 200, 2 of 413, 30 of 400", got)
		}
	})
}

func TestTooLargeIsRefusedAtOnceWhenAsked(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, a *api) {
		r := a.request("/v1/messages", "", "Expect", "100-continue")
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(endless{}, 100<<20)), 100<<20
		a.client.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
		if ans := a.do(r); ans.status != 413 || a.last().LastByte > time.Second {
			t.Errorf("%d (%v) after %v", ans.status, ans.err, a.last().LastByte)
		}
	})
}
