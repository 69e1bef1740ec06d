package sim

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	user := `"messages":[{"role":"user","content":"Hi"}]`
	body := func(model, more string) string {
		return `{"model":"` + model + `","max_tokens":10,` + user + more + `}`
	}
	const old, sonnet5, opus55, haiku55 = "claude-haiku-4-5", "claude-sonnet-5", "claude-opus-5-5", "claude-haiku-5-5"
	cached := `{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}`
	hour := `{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}`
	tests := []struct {
		name, body string
		headers    []string
		status     int
		kind, want string // want is part of the message
	}{
		{"ok", body(old, ""), nil, 200, "", ""},
		{"bearer", body(old, ""), []string{"X-Api-Key", "", "Authorization", "Bearer sk-test"}, 200, "", ""},
		{"no key", body(old, ""), []string{"X-Api-Key", ""}, 401, "authentication_error", "x-api-key"},
		{"wrong key", body(old, ""), []string{"X-Api-Key", "sk-other"}, 401, "authentication_error", "invalid x-api-key"},
		{"wrong bearer", body(old, ""), []string{"X-Api-Key", "", "Authorization", "Bearer x"}, 401, "authentication_error", "invalid"},
		{"no version", body(old, ""), []string{"Anthropic-Version", ""}, 400, "invalid_request_error", "anthropic-version"},
		{"bad version", body(old, ""), []string{"Anthropic-Version", "2024-01-01"}, 400, "invalid_request_error", "anthropic-version"},
		{"new version", body(old, ""), []string{"Anthropic-Version", "2026-10-21"}, 200, "", ""},
		{"not JSON", "hello", nil, 400, "invalid_request_error", "JSON"},
		{"null", "null", nil, 400, "invalid_request_error", "JSON"},
		{"array", "[]", nil, 400, "invalid_request_error", "JSON"},
		{"unknown field", body(old, `,"foo":1`), nil, 400, "invalid_request_error", "foo: Extra inputs are not permitted"},
		{"wrong case", body(old, `,"Stream":true`), nil, 400, "invalid_request_error", "Stream: Extra inputs are not permitted"},
		{"beta field", body(old, `,"mcp_servers":[]`), nil, 400, "invalid_request_error", "mcp_servers: Extra"},
		{"beta field with beta", body(old, `,"mcp_servers":[]`), []string{"Anthropic-Beta", "mcp-client-2025-11-20"}, 200, "", ""},
		{"speed without beta", body(opus55, `,"speed":"fast"`), nil, 400, "invalid_request_error", "speed: Extra inputs are not permitted"},
		{"speed", body(opus55, `,"speed":"fast"`), []string{"Anthropic-Beta", "fast-mode-2026-02-01"}, 200, "", ""},
		{"no model", `{"max_tokens":1,` + user + `}`, nil, 400, "invalid_request_error", "model: Field required"},
		{"unknown model", body("gpt-4", ""), nil, 404, "not_found_error", "model: gpt-4"},
		{"retired model", body("claude-3-5-haiku-20241022", ""), nil, 404, "not_found_error", "model"},
		{"no max_tokens", `{"model":"claude-haiku-4-5",` + user + `}`, nil, 400, "invalid_request_error", "max_tokens: Field required"},
		{"null max_tokens", `{"model":"claude-haiku-4-5","max_tokens":null,` + user + `}`, nil, 400, "invalid_request_error", "max_tokens"},
		{"negative", strings.Replace(body(old, ""), "10", "-1", 1), nil, 400, "invalid_request_error", "max_tokens"},
		{"text", strings.Replace(body(old, ""), "10", `"10"`, 1), nil, 400, "invalid_request_error", "max_tokens: Input should be"},
		{"too many", strings.Replace(body(old, ""), "10", "64001", 1), nil, 400, "invalid_request_error", "64001 > 64000"},
		{"pre-warm streamed", strings.Replace(body(old, `,"stream":true`), "10", "0", 1), nil, 400, "invalid_request_error", "stream"},
		{"no messages", `{"model":"claude-haiku-4-5","max_tokens":1}`, nil, 400, "invalid_request_error", "messages: Field required"},
		{"empty messages", `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[]}`, nil, 400, "invalid_request_error", "messages"},
		{"assistant first", `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[{"role":"assistant","content":"a"}]}`, nil, 400, "invalid_request_error", "first message"},
		{"bad role", `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[{"role":"tool","content":"a"}]}`, nil, 400, "invalid_request_error", "messages.0.role"},
		{"empty content", `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[{"role":"user","content":""}]}`, nil, 400, "invalid_request_error", "messages.0.content"},
		{"unknown block", `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[{"role":"user","content":[{"type":"sound"}]}]}`, nil, 400, "invalid_request_error", "messages.0.content.0.type"},
		{"prefill old", `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`, nil, 200, "", ""},
		{"prefill new", `{"model":"claude-opus-4-6","max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`, nil, 400, "invalid_request_error", "prefill"},
		{"sampling", body(old, `,"temperature":0.5`), nil, 200, "", ""},
		{"sampling out of range", body(old, `,"temperature":1.5`), nil, 400, "invalid_request_error", "temperature"},
		{"sampling on 5", body(sonnet5, `,"temperature":0.5`), nil, 400, "invalid_request_error", "temperature"},
		{"default sampling on 5", body(sonnet5, `,"temperature":1`), nil, 200, "", ""},
		{"sampling in 2026", body(old, `,"temperature":1`), []string{"Anthropic-Version", "2026-10-21"}, 400, "invalid_request_error", "temperature: Extra inputs are not permitted"},
		{"document of assistant in 2026", `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"document","source":{"type":"text","data":"x"}}]}]}`,
			[]string{"Anthropic-Version", "2026-10-21"}, 400, "invalid_request_error", "document"},
		{"budget on 5", body(sonnet5, `,"thinking":{"type":"enabled","budget_tokens":2000}`), nil, 400, "invalid_request_error", "thinking.type.enabled"},
		{"small budget", body(old, `,"thinking":{"type":"enabled","budget_tokens":100}`), nil, 400, "invalid_request_error", "1024"},
		{"adaptive on 4.5", body(old, `,"thinking":{"type":"adaptive"}`), nil, 400, "invalid_request_error", "adaptive thinking is not supported"},
		{"disabled on always-on", body(opus55, `,"thinking":{"type":"disabled"}`), nil, 400, "invalid_request_error", "disabled"},
		{"disabled on haiku", body(haiku55, `,"thinking":{"type":"disabled"}`), nil, 200, "", ""},
		{"disabled at max", body(haiku55, `,"thinking":{"type":"disabled"},"output_config":{"effort":"max"}`), nil, 400, "invalid_request_error", "disabled"},
		{"forced tool", body(opus55, `,"tools":[{"name":"a","input_schema":{}}],"tool_choice":{"type":"any"}`), nil, 400, "invalid_request_error", "tool_choice"},
		{"missing tool", body(old, `,"tools":[{"name":"a","input_schema":{}}],"tool_choice":{"type":"tool","name":"b"}`), nil, 400, "invalid_request_error", `"b"`},
		{"geo on 4.5", body(old, `,"inference_geo":"us"`), nil, 400, "invalid_request_error", "inference_geo"},
		{"five breakpoints", body(old, `,"system":[`+strings.Repeat(cached+",", 4)+cached+`]`), nil, 400, "invalid_request_error", "maximum of 4"},
		{"four and automatic", body(old, `,"cache_control":{"type":"ephemeral"},"system":[`+strings.Repeat(cached+",", 3)+cached+`]`), nil, 400, "invalid_request_error", "cache_control"},
		{"5m before 1h", body(old, `,"system":[`+cached+","+hour+`]`), nil, 400, "invalid_request_error", "1h"},
		{"bad ttl", body(old, `,"cache_control":{"type":"ephemeral","ttl":"2h"}`), nil, 400, "invalid_request_error", "cache_control.ttl"},
		{"too long", `{"model":"claude-haiku-4-5","max_tokens":1,"messages":[{"role":"user","content":"` + strings.Repeat("word ", 170_000) + `"}]}`, nil, 400, "invalid_request_error", "prompt is too long: 212503 tokens > 200000"},
		{"too large", body(old, `,"system":"`+strings.Repeat("x", maxBody)+`"`), nil, 413, "request_too_large", "maximum size"},
		{"compressed", body(old, ""), []string{"Content-Encoding", "zstd"}, 400, "invalid_request_error", "zstd"},
		{"bad fault", body(old, ""), []string{"X-Sim-Fault", "explode"}, 400, "invalid_request_error", "explode"},
	}
	bubble(t, Config{Profile: Instant, Keys: []string{"sk-test"}}, func(t *testing.T, a *api) {
		for _, tt := range tests {
			ans := a.post("/v1/messages?beta=true", tt.body, tt.headers...)
			checkError(t, tt.name, ans, tt.status, tt.kind, tt.want)
		}
		checkError(t, "path", a.post("/v1/nothing", ""), 404, "not_found_error", "Not found")
	})
}

// checkError checks an answer's status and, if it is an error, its body.
func checkError(t *testing.T, name string, ans answer, status int, kind, want string) {
	t.Helper()
	var e struct {
		Type      string
		Error     struct{ Type, Message string }
		RequestID string `json:"request_id"`
	}
	if ans.err != nil || ans.status != status {
		t.Errorf("%s: status %d, want %d (%v) %.300s", name, ans.status, status, ans.err, ans.body)
		return
	}
	id := ans.header.Get("Request-Id")
	if len(id) != 28 {
		t.Errorf("%s: request-id %q", name, id)
	}
	if id := ans.header.Get("Anthropic-Workspace-Id"); !strings.HasPrefix(id, "wrkspc_01") || len(id) != 31 {
		t.Errorf("%s: anthropic-workspace-id %q", name, id)
	}
	if kind == "" {
		return
	}
	if err := json.Unmarshal([]byte(ans.body), &e); err != nil {
		t.Errorf("%s: %v in %s", name, err, ans.body)
		return
	}
	if e.Type != "error" || e.Error.Type != kind || !strings.Contains(e.Error.Message, want) || e.RequestID != id {
		t.Errorf("%s: got %+v, want %s with %q and request id %s", name, e, kind, want, id)
	}
}

func TestCountAgreesWithUsage(t *testing.T) {
	image := `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + strings.Repeat("A", 5000) + `"}}`
	bodies := map[string]struct {
		fields string
		want   int
	}{
		"haiku text":   {`"model":"claude-haiku-4-5","messages":[{"role":"user","content":"12345678"}]`, 3 + 2},
		"sonnet 5":     {`"model":"claude-sonnet-5","messages":[{"role":"user","content":"1234567890123456789012345678901234567890"}]`, 3 + 13},
		"with system":  {`"model":"claude-haiku-4-5","system":"1234","messages":[{"role":"user","content":"1234"}]`, 3 + 2},
		"system block": {`"model":"claude-haiku-4-5","system":[{"type":"text","text":"1234"}],"messages":[{"role":"user","content":[{"type":"text","text":"1234"}]}]`, 3 + 2},
		"image":        {`"model":"claude-haiku-4-5","messages":[{"role":"user","content":[` + image + `]}]`, 3 + 1500},
		"thinking":     {`"model":"claude-sonnet-4-5","thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":"1234"}]`, 3 + 1},
		"tool":         {`"model":"claude-haiku-4-5","tools":[{"name":"a","input_schema":{}}],"messages":[{"role":"user","content":"1234"}]`, 496 + 3 + 9},
	}
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		for name, b := range bodies {
			counted := a.post("/v1/messages/count_tokens", "{"+b.fields+"}")
			if want := `{"input_tokens":` + itoa(b.want) + "}"; counted.body != want {
				t.Errorf("%s: counted %s, want %s", name, counted.body, want)
			}
			sent := a.post("/v1/messages", `{"max_tokens":2000,`+b.fields+"}")
			if got := sent.final(t)["input_tokens"]; got != float64(b.want) {
				t.Errorf("%s: used %v, want %d (%s)", name, got, b.want, sent.body)
			}
		}
		checkError(t, "count with max_tokens", a.post("/v1/messages/count_tokens", ask("claude-haiku-4-5", 1, "x", "")), 400, "invalid_request_error", "max_tokens: Extra")
	})
}

func TestModels(t *testing.T) {
	bubble(t, Config{AnyModel: "haiku-4.5"}, func(t *testing.T, a *api) {
		get := func(path string) (page struct {
			Data      []map[string]any
			HasMore   bool   `json:"has_more"`
			LastID    string `json:"last_id"`
			ID        string
			MaxTokens int `json:"max_tokens"`
		}) {
			r := a.request(path, "")
			r.Method = "GET"
			if err := json.Unmarshal([]byte(a.do(r).body), &page); err != nil {
				t.Fatal(err)
			}
			return page
		}
		first := get("/v1/models?limit=15")
		rest := get("/v1/models?after_id=" + first.LastID)
		if len(first.Data) != 15 || !first.HasMore || len(rest.Data) != len(models())-15 || rest.HasMore {
			t.Errorf("pages of %d (more %v) and %d (more %v)", len(first.Data), first.HasMore, len(rest.Data), rest.HasMore)
		}
		if m := get("/v1/models/claude-haiku-4-5"); m.ID != "claude-haiku-4-5-20251001" || m.MaxTokens != 64_000 {
			t.Errorf("model %+v", m)
		}
		a.post("/v1/messages", ask("gpt-4", 5, "Hi", ""))
		if r := a.last(); r.Model != "gpt-4" || r.Class != "haiku-4.5" || r.Status != 200 {
			t.Errorf("any model: %+v", r)
		}
	})
}

func TestNewRejects(t *testing.T) {
	_, err := New(Config{Profile: "fast", Tier: "gold", AnyModel: "gpt", Answer: -1, Limits: map[string]Limits{"x": {Requests: -1}},
		Latency: map[string]Latency{"haiku": {TailShare: 2}}, Faults: []Fault{{Kind: "cut", Probability: 1.5}, {Kind: "status"}}})
	for _, want := range []string{`profile is "fast", want measured, instant or steady`, `tier is "gold"`, `any_model is "gpt"`, "limits.x is unknown", "limits.x.requests is -1, want 0 or more",
		"answer is -1, want 0 or more", "latency.haiku.tail_share is 2, want 1 or less", "faults.0.probability is 1.5, want 1 or less", "faults.1.status is 0, want an error"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New error %v lacks %q", err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(ask("claude-haiku-4-5", 5, "Hi", `,"stream":true`)))
	f.Add([]byte(`{"model":"claude-sonnet-4-6","max_tokens":9,"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}],"tools":[{"name":"t","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}}],"tool_choice":{"type":"any"},"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"xx"}}]}],"cache_control":{"type":"ephemeral"}}`))
	f.Add([]byte(`{"model":"claude-haiku-5-5","max_tokens":0,"messages":[{"role":"user","content":[]}],"thinking":null}`))
	list := newCatalogue("")
	s, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req, e := parse(raw, head{version: version2023, beta: "x"}, list)
		if e != nil {
			if e.status < 400 || e.kind == "" || e.message == "" {
				t.Fatalf("error %+v", e)
			}
			return
		}
		found := s.cache.lookup(req, 1, s.started)
		if total := req.total.tokens(req.model); found.usage.prompt() != total || found.usage.input < 0 {
			t.Fatalf("usage %+v of %d tokens", found.usage, total)
		}
		rng, _ := s.draws.of(1, req.digest)
		x := &exchange{s: s, set: s.set(), req: req, use: found.usage, start: s.started}
		x.prepare(rng)
		if !json.Valid(x.renderPlain()) {
			t.Fatalf("answer is not JSON: %s", x.renderPlain())
		}
	})
}
