package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// same is one question in both dialects.
type same struct{ name, messages, chat string }

// questions ask the same of the same model in either dialect.
func questions() []same {
	chat := func(more string) string { return `{"model":"claude-haiku-4-5","max_tokens":200,` + more + `}` }
	const call = `"tools":[{"name":"get_weather","description":"The <weather>","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]`
	const chatCall = `"tools":[{"type":"function","function":{"name":"get_weather","description":"The <weather>","strict":true,"parameters": {"type":"object","properties":{"city":{"type":"string"}}}}}]`
	return []same{
		{"text", chat(`"messages":[{"role":"user","content":"Explain rivers"}]`), chat(`"messages":[{"role":"user","content":"Explain rivers"}]`)},
		{"system", chat(`"system":"Be brief","messages":[{"role":"user","content":"Explain rivers & <lakes>"}]`),
			chat(`"messages":[{"role":"developer","content":"Be brief"},{"role":"user","content":"Explain rivers & <lakes>"}]`)},
		{"two systems", chat(`"system":[{"type":"text","text":"Be brief"},{"type":"text","text":"Be kind"}],"messages":[{"role":"user","content":"Hi"}]`),
			chat(`"messages":[{"role":"system","content":"Be brief"},{"role":"user","content":"Hi"},{"role":"system","content":"Be kind"}]`)},
		{"parts", chat(`"messages":[{"role":"user","content":[{"type":"text","text":"Look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"BBBB"}}]}]`),
			chat(`"messages":[{"role":"user","content":[{"type":"text","text":"Look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,BBBB"}}]}]`)},
		{"stop", chat(`"stop_sequences":["rivers"],"messages":[{"role":"user","content":"Explain rivers"}]`), chat(`"stop":"rivers","messages":[{"role":"user","content":"Explain rivers"}]`)},
		{"forced tool", chat(call + `,"tool_choice":{"type":"tool","name":"get_weather"},"messages":[{"role":"user","content":"Weather in Oslo?"}]`),
			chat(chatCall + `,"tool_choice":{"type":"function","function":{"name":"get_weather"}},"messages":[{"role":"user","content":"Weather in Oslo?"}]`)},
		{"tool result", chat(call + `,"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":[{"type":"text","text":"Let me see"},{"type":"tool_use","id":"a1","name":"get_weather","input":{"city":"Oslo"}},{"type":"tool_use","id":"a2","name":"get_weather","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"a1","content":"rain"},{"type":"tool_result","tool_use_id":"a2","content":"sun"}]}]`),
			chat(chatCall + `,"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":"Let me see","tool_calls":[{"id":"a1","type":"function","function":{"name":"get_weather","arguments":"{\"city\": \"Oslo\"}"}},{"id":"a2","type":"function","function":{"name":"get_weather","arguments":"{}"}}]},
			{"role":"tool","tool_call_id":"a1","content":"rain"},{"role":"tool","tool_call_id":"a2","content":"sun"}]`)},
		{"format", chat(`"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"integer"}}}},"effort":"low"},"messages":[{"role":"user","content":"JSON"}]`),
			chat(`"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"a":{"type":"integer"}}}}},"reasoning_effort":"minimal","messages":[{"role":"user","content":"JSON"}]`)},
		{"hidden thinking", strings.Replace(chat(`"output_config":{"effort":"high"},"messages":[{"role":"user","content":"Think"}]`), "haiku-4-5", "sonnet-5-5", 1),
			strings.Replace(chat(`"reasoning_effort":"high","messages":[{"role":"user","content":"Think"}]`), "haiku-4-5", "sonnet-5-5", 1)},
		{"shown thinking", strings.Replace(chat(`"thinking":{"type":"adaptive","display":"summarized"},"messages":[{"role":"user","content":"Think"}]`), "haiku-4-5", "sonnet-5-5", 1),
			strings.Replace(chat(`"thinking":{"type":"adaptive","display":"summarized"},"messages":[{"role":"user","content":"Think"}]`), "haiku-4-5", "sonnet-5-5", 1)},
		{"cached", chat(`"system":[{"type":"text","text":"` + strings.Repeat("book ", 4000) + `","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"Hi"}]`),
			chat(`"messages":[{"role":"system","content":[{"type":"text","text":"` + strings.Repeat("book ", 4000) + `","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"Hi"}]`)},
	}
}

// lasting is what of a record must not depend on the dialect.
func lasting(r Record) Record {
	r.RequestID, r.Path, r.Version, r.Events, r.Received = "", "", "", 0, time.Time{}
	return r
}

func TestChatIsTheSame(t *testing.T) {
	ask := func(path string, bodies []string) (got []Record) {
		c := Config{Seed: 4, Tier: "tier1", Faults: []Fault{{Kind: FaultStatus, Status: 529, Probability: 0.1}, {Kind: FaultCut, After: 1, Probability: 0.1}}}
		bubble(t, c, func(t *testing.T, a *api) {
			for range 3 {
				for _, b := range bodies {
					a.post(path, b)
					a.post(path, strings.TrimSuffix(b, "}")+`,"stream":true}`)
				}
			}
			synctest.Wait()
			for _, r := range a.Truth() {
				got = append(got, lasting(r))
			}
		})
		return got
	}
	var messages, chat []string
	for _, q := range questions() {
		messages, chat = append(messages, q.messages), append(chat, q.chat)
	}
	want, got := ask("/v1/messages", messages), ask(chatPath, chat)
	for i, r := range want {
		if diff := cmp.Diff(r, got[i]); diff != "" {
			t.Errorf("%s (-messages +chat):\n%s", questions()[i/2%len(messages)].name, diff)
		}
	}
	ok, read := 0, 0
	for _, r := range want {
		if r.Status == 200 {
			ok++
		}
		read += r.CacheRead
	}
	if ok < 40 || ok == len(want) || read == 0 {
		t.Errorf("%d of %d ok and %d tokens read from the cache: the test shows too little", ok, len(want), read)
	}
}

// completion is a chat answer, or a chunk of one.
type completion struct {
	ID, Object, Model string
	Created           int64
	Choices           []struct {
		Index          int
		Message, Delta struct {
			Role, Reasoning_content string
			Content                 *string
			Tool_calls              []struct {
				Index    int
				ID, Type string
				Function struct{ Name, Arguments string }
			}
		}
		Finish_reason *string
	}
	Usage *struct {
		Prompt_tokens, Completion_tokens, Total_tokens int
		Prompt_tokens_details                          struct{ Cached_tokens, Cache_write_tokens int }
		Completion_tokens_details                      struct{ Reasoning_tokens int }
	}
	Error *struct {
		Message, Type string
		Param, Code   *string
	}
}

// chunks reads a chat stream; done is that it ended as it should.
func chunks(t *testing.T, body string) (all []completion, done bool) {
	t.Helper()
	for part := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		data, ok := strings.CutPrefix(part, "data: ")
		switch {
		case done:
			t.Errorf("%q after [DONE]", part)
		case data == "[DONE]":
			done = true
		case ok:
			var c completion
			if err := json.Unmarshal([]byte(data), &c); err != nil {
				t.Fatalf("chunk %q: %v", data, err)
			}
			all = append(all, c)
		case !strings.HasPrefix(part, ":"):
			t.Errorf("line %q", part)
		}
	}
	return all, done
}

// told is what the chunks of a stream, or a plain answer, say all together.
type told struct{ text, thoughts, tool, arguments, finish string }

func tell(all []completion) (s told) {
	for _, c := range all {
		for _, one := range c.Choices {
			for _, m := range []struct {
				Role, Reasoning_content string
				Content                 *string
				Tool_calls              []struct {
					Index    int
					ID, Type string
					Function struct{ Name, Arguments string }
				}
			}{one.Message, one.Delta} {
				if m.Content != nil {
					s.text += *m.Content
				}
				s.thoughts += m.Reasoning_content
				for _, call := range m.Tool_calls {
					s.tool += call.Function.Name
					s.arguments += call.Function.Arguments
				}
			}
			if one.Finish_reason != nil {
				s.finish += *one.Finish_reason
			}
		}
	}
	return s
}

func TestChatStreamSaysThePlainAnswer(t *testing.T) {
	finish := map[string]string{"stop": "stop", "forced tool": "tool_calls"}
	for i, q := range questions() {
		var plain completion
		var streamed []completion
		var done bool
		for _, stream := range []bool{false, true} { // apart: each is the first to ask
			bubble(t, Config{Seed: 2, Answer: 1, AnswerCap: 60}, func(t *testing.T, a *api) {
				if !stream {
					ans := a.post(chatPath, q.chat)
					if err := json.Unmarshal([]byte(ans.body), &plain); err != nil {
						t.Fatalf("%s: %v in %s", q.name, err, ans.body)
					}
					return
				}
				ans := a.post(chatPath, strings.TrimSuffix(q.chat, "}")+`,"stream":true,"stream_options":{"include_usage":true}}`)
				streamed, done = chunks(t, ans.body)
			})
		}
		last := streamed[len(streamed)-1]
		if !done || len(last.Choices) != 0 || last.Usage == nil || streamed[len(streamed)-2].Usage != nil || last.Object != "chat.completion.chunk" {
			t.Errorf("%s: done %v, last chunk %+v", q.name, done, last)
			continue
		}
		if diff := cmp.Diff(plain.Usage, last.Usage); diff != "" {
			t.Errorf("%s: usage (-plain +streamed):\n%s", q.name, diff)
		}
		a, b := tell([]completion{plain}), tell(streamed)
		if a != b {
			t.Errorf("%s: plain says %+v\nstreamed %+v", q.name, a, b)
		}
		if want := finish[q.name]; want != "" && a.finish != want {
			t.Errorf("%s: finish_reason %q, want %q", q.name, a.finish, want)
		}
		if q.name == "forced tool" && (a.tool != "get_weather" || !json.Valid([]byte(a.arguments)) || len(streamed) < 6) {
			t.Errorf("call of %q with %q in %d chunks", a.tool, a.arguments, len(streamed))
		}
		if q.name == "shown thinking" && (a.thoughts == "" || plain.Usage.Completion_tokens_details.Reasoning_tokens == 0) {
			t.Errorf("thoughts %q, usage %+v", a.thoughts, plain.Usage)
		}
		if u := plain.Usage; u.Total_tokens != u.Prompt_tokens+u.Completion_tokens || plain.Object != "chat.completion" || !strings.HasPrefix(plain.ID, "chatcmpl-") {
			t.Errorf("question %d: %+v", i, plain)
		}
	}
}

func TestChatCountsCachedTokensInThePrompt(t *testing.T) {
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		q := questions()[len(questions())-1].chat
		var first, second completion
		for _, into := range []*completion{&first, &second} {
			if err := json.Unmarshal([]byte(a.post(chatPath, q).body), into); err != nil {
				t.Fatal(err)
			}
		}
		const prompt, book = 5000 + 3 + 1, 5000
		f, s := first.Usage, second.Usage
		if f.Prompt_tokens != prompt || f.Prompt_tokens_details.Cached_tokens != 0 || f.Prompt_tokens_details.Cache_write_tokens != book {
			t.Errorf("first usage %+v", f)
		}
		if s.Prompt_tokens != prompt || s.Prompt_tokens_details.Cached_tokens != book || s.Prompt_tokens_details.Cache_write_tokens != 0 {
			t.Errorf("second usage %+v", s)
		}
	})
}

func TestChatErrors(t *testing.T) {
	user := `"messages":[{"role":"user","content":"Hi"}]`
	tests := []struct {
		name, body string
		headers    []string
		status     int
		kind, code string
		want       string // part of the message
	}{
		{"ok", `{"model":"claude-haiku-4-5",` + user + `}`, nil, 200, "", "", ""},
		{"no version", `{"model":"claude-haiku-4-5",` + user + `}`, []string{"Anthropic-Version", ""}, 200, "", "", ""},
		{"bearer", `{"model":"claude-haiku-4-5",` + user + `}`, []string{"X-Api-Key", "", "Authorization", "Bearer sk-test"}, 200, "", "", ""},
		{"sampling", `{"model":"claude-sonnet-5-5","temperature":1.7,"top_p":0.5,"seed":3,"user":"x",` + user + `}`, nil, 200, "", "", ""},
		{"no key", `{"model":"claude-haiku-4-5",` + user + `}`, []string{"X-Api-Key", ""}, 401, "invalid_request_error", "invalid_api_key", ""},
		{"wrong key", `{"model":"claude-haiku-4-5",` + user + `}`, []string{"X-Api-Key", "other"}, 401, "invalid_request_error", "invalid_api_key", ""},
		{"not JSON", "hello", nil, 400, "invalid_request_error", "", "JSON"},
		{"unknown field", `{"model":"claude-haiku-4-5","foo":1,` + user + `}`, nil, 400, "invalid_request_error", "", "argument supplied: foo"},
		{"no model", `{` + user + `}`, nil, 400, "invalid_request_error", "", "'model'"},
		{"no messages", `{"model":"claude-haiku-4-5"}`, nil, 400, "invalid_request_error", "", "'messages'"},
		{"unknown model", `{"model":"gpt-4",` + user + `}`, nil, 404, "invalid_request_error", "model_not_found", "gpt-4"},
		{"two answers", `{"model":"claude-haiku-4-5","n":2,` + user + `}`, nil, 400, "invalid_request_error", "", "n:"},
		{"no tokens", `{"model":"claude-haiku-4-5","max_tokens":0,` + user + `}`, nil, 400, "invalid_request_error", "", "max_tokens"},
		{"too many", `{"model":"claude-haiku-4-5","max_completion_tokens":64001,` + user + `}`, nil, 400, "invalid_request_error", "", "64001 > 64000"},
		{"options alone", `{"model":"claude-haiku-4-5","stream_options":{"include_usage":true},` + user + `}`, nil, 400, "invalid_request_error", "", "stream_options"},
		{"bad role", `{"model":"claude-haiku-4-5","messages":[{"role":"function","content":"a"}]}`, nil, 400, "invalid_request_error", "", "messages.0.role"},
		{"bad part", `{"model":"claude-haiku-4-5","messages":[{"role":"user","content":[{"type":"input_audio"}]}]}`, nil, 400, "invalid_request_error", "", "messages.0.content.0.type"},
		{"bad arguments", `{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}]}`, nil, 400, "invalid_request_error", "", "messages.1.tool_calls.0"},
		{"no call", `{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"a"},{"role":"tool","content":"b"}]}`, nil, 400, "invalid_request_error", "", "tool_call_id"},
		{"bad choice", `{"model":"claude-haiku-4-5","tool_choice":"some",` + user + `}`, nil, 400, "invalid_request_error", "", "tool_choice"},
		{"bad tool", `{"model":"claude-haiku-4-5","tools":[{"type":"function"}],` + user + `}`, nil, 400, "invalid_request_error", "", "tools.0"},
		{"bad format", `{"model":"claude-haiku-4-5","response_format":{"type":"xml"},` + user + `}`, nil, 400, "invalid_request_error", "", "response_format"},
		{"bad effort", `{"model":"claude-haiku-4-5","reasoning_effort":"huge",` + user + `}`, nil, 400, "invalid_request_error", "", "effort"},
		{"large", `{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"` + strings.Repeat("x", maxBody) + `"}]}`, nil, 413, "request_too_large", "", "maximum size"},
		{"overloaded", `{"model":"claude-haiku-4-5",` + user + `}`, []string{"X-Sim-Fault", "status=529"}, 529, "overloaded_error", "", "Overloaded"},
		{"down", `{"model":"claude-haiku-4-5",` + user + `}`, []string{"X-Sim-Fault", "status=500"}, 500, "server_error", "", "Internal"},
		{"spent", `{"model":"claude-haiku-4-5",` + user + `}`, []string{"X-Sim-Fault", "status=429; code=enforced_spend_limit_reached"}, 429, "insufficient_quota", "insufficient_quota", "spend"},
	}
	bubble(t, Config{Profile: Instant, Keys: []string{"sk-test"}}, func(t *testing.T, a *api) {
		for _, tt := range tests {
			ans := a.post(chatPath, tt.body, tt.headers...)
			var c completion
			if err := json.Unmarshal([]byte(ans.body), &c); err != nil || ans.status != tt.status {
				t.Errorf("%s: status %d, want %d (%v): %.300s", tt.name, ans.status, tt.status, err, ans.body)
				continue
			}
			id := ans.header.Get("X-Request-Id")
			if len(id) != 28 || ans.header.Get("Request-Id") != id {
				t.Errorf("%s: x-request-id %q", tt.name, id)
			}
			if tt.status == 200 {
				continue
			}
			code := ""
			if c.Error.Code != nil {
				code = *c.Error.Code
			}
			if c.Error.Type != tt.kind || code != tt.code || !strings.Contains(c.Error.Message, tt.want) || !strings.Contains(ans.body, `"param":null`) {
				t.Errorf("%s: %s; want type %s, code %q, %q in the message", tt.name, ans.body, tt.kind, tt.code, tt.want)
			}
		}
	})
}

func TestChatLimitHeaders(t *testing.T) {
	c := Config{Profile: Steady, EventsPerSecond: 1000, Answer: 1, Limits: map[string]Limits{"haiku-4.5": {Requests: 10, InputTokens: 1000, OutputTokens: 500}}}
	bubble(t, c, func(t *testing.T, a *api) {
		body := `{"model":"claude-haiku-4-5","max_tokens":20,"messages":[{"role":"user","content":"` + strings.Repeat("word ", 400) + `"}]}`
		head := func(ans answer) string {
			var s []string
			for _, name := range []string{"Limit-Requests", "Remaining-Requests", "Reset-Requests", "Limit-Tokens", "Remaining-Tokens", "Reset-Tokens"} {
				s = append(s, ans.header.Get("X-Ratelimit-"+name))
			}
			return strings.Join(s, " ")
		}
		// 503 input tokens of 1,000 a minute take 30.18 s to come back; the answer took 4 ms.
		if got, want := head(a.post(chatPath, body)), "10 9 5.996s 1500 977 30.176s"; got != want {
			t.Errorf("headers %q, want %q", got, want)
		}
		ans := a.post(chatPath, body)
		var e completion
		if err := json.Unmarshal([]byte(ans.body), &e); err != nil || ans.status != 429 || e.Error.Type != "tokens" || *e.Error.Code != "rate_limit_exceeded" || ans.header.Get("Retry-After") != "1" {
			t.Errorf("second: %d %s (retry-after %s)", ans.status, ans.body, ans.header.Get("Retry-After"))
		}
		if ans.header.Get("Anthropic-Ratelimit-Requests-Limit") != "" {
			t.Error("the API's own limit headers on a chat answer")
		}
		if r := a.last(); r.LimitedBy != "input_tokens" || fmt.Sprintf("%.0f", r.Levels.Requests) != "9" {
			t.Errorf("record %+v", r)
		}
	})
}

func TestChatFaults(t *testing.T) {
	body := `{"model":"claude-haiku-4-5","max_tokens":100,"messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true}}`
	ask := func(a *api, fault string) answer { return a.post(chatPath, body, "X-Sim-Fault", fault) }
	bubble(t, Config{Answer: 1, AnswerCap: 40}, func(t *testing.T, a *api) {
		all, done := chunks(t, ask(a, "error=3").body)
		if last := all[len(all)-1]; done || len(all) != 4 || last.Error == nil || last.Error.Type != "overloaded_error" {
			t.Errorf("error: %d chunks, done %v", len(all), done)
		}
		if all, done = chunks(t, ask(a, "truncate=5").body); done || len(all) != 5 {
			t.Errorf("truncate: %d chunks, done %v", len(all), done)
		}
		if ans := ask(a, "cut=3"); ans.err == nil || strings.Contains(ans.body, "[DONE]") {
			t.Errorf("cut: %v", ans.err)
		}
		if all, done = chunks(t, ask(a, "no-usage").body); !done || all[len(all)-1].Usage != nil {
			t.Errorf("no-usage: done %v, %+v", done, all[len(all)-1])
		}
		if ans := ask(a, "malformed=3"); !strings.Contains(ans.body, "\"delta\":{\"cont\n\n") || !strings.HasSuffix(ans.body, "data: [DONE]\n\n") {
			t.Errorf("malformed: %s", ans.body)
		}
		if all, _ = chunks(t, ask(a, "split-utf8=3").body); !strings.Contains(tell(all).text, "\u6f22") {
			t.Errorf("split-utf8: %s", tell(all).text)
		}
		if all, _ = chunks(t, ask(a, "huge=50000").body); len(tell(all).text) < 50000 {
			t.Errorf("huge: %d bytes", len(tell(all).text))
		}
		if ans := ask(a, "unknown=3"); !strings.Contains(ans.body, "sim_value") || !strings.HasSuffix(ans.body, "data: [DONE]\n\n") {
			t.Errorf("unknown: %s", ans.body)
		}
		if ans := ask(a, "stall=3; for=65s; pings"); strings.Count(ans.body, ": ping\n\n") != 2 {
			t.Errorf("stall: %d pings", strings.Count(ans.body, ": ping\n\n"))
		}
	})
}

func FuzzParseChat(f *testing.F) {
	for _, q := range questions() {
		f.Add([]byte(q.chat))
	}
	list := newCatalogue("")
	s, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req, e := parseChat(raw, list)
		if e != nil {
			if e.status < 400 || e.kind == "" || e.message == "" || !json.Valid(appendChatError(nil, e, "")) {
				t.Fatalf("error %+v", e)
			}
			return
		}
		found := s.cache.lookup(req, 1, s.started)
		rng, _ := s.draws.of(1, req.digest)
		x := &exchange{s: s, set: s.set(), req: req, use: found.usage, start: s.started, chat: &chat{}}
		x.prepare(rng)
		if !json.Valid(x.renderPlain()) {
			t.Fatalf("answer is not JSON: %s", x.renderPlain())
		}
	})
}
