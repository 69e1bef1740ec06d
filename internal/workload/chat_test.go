package workload

import (
	"encoding/json"
	"strings"
	"testing"
)

// ofChat is a valid task for chat completions with that body.
func ofChat(body string) Task {
	return Task{Name: "a", Weight: 1, API: "chat", Model: "m", MaxTokens: 64, Stream: true, Prompts: []string{"Hi \"you\""}, Body: json.RawMessage(body)}
}

func TestChatBody(t *testing.T) {
	const user = `{"role":"user","content":"Hi \"you\""}]}`
	const usage = `,"stream":true,"stream_options":{"include_usage":true}`
	for name, tt := range map[string]struct {
		change func(*Task)
		body   string
		want   string
	}{
		"plain":  {func(t *Task) { t.Stream = false }, ``, `{"model":"m","max_tokens":64,"messages":[` + user},
		"stream": {nil, ``, `{"model":"m","max_tokens":64` + usage + `,"messages":[` + user},
		"system": {func(t *Task) { t.System.Text = "Be\nshort" }, ``,
			`{"model":"m","max_tokens":64` + usage + `,"messages":[{"role":"system","content":"Be\nshort"},` + user},
		"cached system": {func(t *Task) { t.System = System{Text: "Be short", Cache: "1h"} }, ``,
			`{"model":"m","max_tokens":64` + usage + `,"messages":[{"role":"system","content":[{"type":"text","text":"Be short","cache_control":{"type":"ephemeral","ttl":"1h"}}]},` + user},
		"as it is": {nil, `{"temperature":0.20,"top_k":5,"thinking":{"type":"enabled"}}`,
			`{"model":"m","max_tokens":64` + usage + `,"temperature":0.20,"top_k":5,"thinking":{"type":"enabled"},"messages":[` + user},
		"newer name": {nil, `{"max_completion_tokens":64}`, `{"model":"m"` + usage + `,"max_completion_tokens":64,"messages":[` + user},
		"own stream options": {nil, `{"stream_options":{"include_usage":false}}`,
			`{"model":"m","max_tokens":64,"stream":true,"stream_options":{"include_usage":false},"messages":[` + user},
		"stop sequences": {nil, `{"stop_sequences":["a<b"]}`, `{"model":"m","max_tokens":64` + usage + `,"stop":["a<b"],"messages":[` + user},
		"tools": {nil, `{"tools":[{"name":"f","description":"<d>","input_schema":{"type":"object"},"strict":true,"cache_control":{"type":"ephemeral"}},{"name":"g","input_schema":{}}],"tool_choice":{"type":"any"}}`,
			`{"model":"m","max_tokens":64` + usage + `,"tools":[{"type":"function","function":{"name":"f","description":"<d>","parameters":{"type":"object"},"strict":true},"cache_control":{"type":"ephemeral"}},` +
				`{"type":"function","function":{"name":"g","parameters":{}}}],"tool_choice":"required","messages":[` + user},
		"tools of its own": {nil, `{"tools":[{"type":"function", "function":{"name":"f"}}],"tool_choice":"auto"}`,
			`{"model":"m","max_tokens":64` + usage + `,"tools":[{"type":"function", "function":{"name":"f"}}],"tool_choice":"auto","messages":[` + user},
		"one tool, alone": {nil, `{"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true}}`,
			`{"model":"m","max_tokens":64` + usage + `,"parallel_tool_calls":false,"tool_choice":{"type":"function","function":{"name":"f"}},"messages":[` + user},
		"choice of its own": {nil, `{"tool_choice":{"type":"function","function":{"name":"f"}}}`,
			`{"model":"m","max_tokens":64` + usage + `,"tool_choice":{"type":"function","function":{"name":"f"}},"messages":[` + user},
	} {
		task := ofChat(tt.body)
		if tt.change != nil {
			tt.change(&task)
		}
		m, err := New(1, []Task{task}, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := string(m.Request(0).Body)
		if got != tt.want || !json.Valid([]byte(got)) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tt.want)
		}
	}
}

func TestChatMistakes(t *testing.T) {
	for body, want := range map[string]string{
		`{"system":"x"}`:                        "is a message in chat completions",
		`{"messages":[]}`:                       `sets "messages"`,
		`{"max_completion_tokens":65}`:          "max_completion_tokens is 65 in the body, and max_tokens 64",
		`{"max_completion_tokens":0}`:           `"max_completion_tokens" is not a whole number from 1`,
		`{"max_completion_tokens":null}`:        `"max_completion_tokens" is not a whole number from 1`,
		`{"n":"2"}`:                             `"n" is not a whole number from 1`,
		`{"n":1.5}`:                             `"n" is not a whole number from 1`,
		`{"n":129}`:                             `"n" is not a whole number from 1`,
		`{"stop":["a"],"stop_sequences":["b"]}`: `sets "stop" twice`,
		`{"tool_choice":{"type":"any","disable_parallel_tool_use":true},"parallel_tool_calls":true}`: `sets "parallel_tool_calls" twice`,
	} {
		if err := ofChat(body).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate(%s) = %v; want %q", body, err, want)
		}
	}
	task := ofChat("")
	task.API = "caht"
	if err := task.Validate(); err == nil || err.Error() != `api "caht" is not messages or chat` {
		t.Errorf("Validate = %v", err)
	}
	task.API, task.Body = "messages", json.RawMessage(`{"system":"x","n":"as it is","max_completion_tokens":1}`)
	if err := task.Validate(); err != nil {
		t.Errorf("Validate of a Messages body: %v", err)
	}
}

// TestChatBound: what a chat body adds to the bound of its cost.
func TestChatBound(t *testing.T) {
	for body, want := range map[string]struct{ output, extra int }{
		``:                                   {64, 1000},
		`{"n":3}`:                            {192, 1000},
		`{"max_completion_tokens":64,"n":2}`: {128, 1000},
		`{"tools":[{"type":"function","function":{"name":"f","parameters":{"image":{"type":"image"}}}}]}`: {64, 2000},
		`{"tools":[{"name":"f","input_schema":{}}]}`:                                                      {64, 2000},
		`{"functions":[{"name":"f"}]}`:                                                                    {64, 2000},
		`{"response_format":{"type":"json_schema"}}`:                                                      {64, 2000},
		`{"service_tier":"flex","enable_search":false}`:                                                   {64, 1000},
	} {
		m, err := New(1, []Task{ofChat(body)}, nil)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if r := m.Request(0); r.MaxTokens != want.output || r.ExtraTokens != want.extra || Unbounded(ofChat(body)) != "" {
			t.Errorf("%s: at most %d output tokens, %d extra, %q; want %d, %d", body, r.MaxTokens, r.ExtraTokens, Unbounded(ofChat(body)), want.output, want.extra)
		}
	}
	for body, want := range map[string]string{
		`{"web_search_options":{}}`:                       "web_search_options adds what the server finds",
		`{"tools":[{"type":"web_search"}]}`:               `the tool "web_search" runs on the server and adds what it finds`,
		`{"service_tier":"priority"}`:                     "service_tier priority has prices of its own",
		`{"prediction":{"type":"content","content":"x"}}`: "a prediction is billed where it is wrong",
		`{"best_of":2}`:                                   "best_of is billed for answers that are not sent",
		`{"plugins":[{"id":"web"}]}`:                      "plugins add what they find",
		`{"fallbacks":["other"]}`:                         "fallbacks may be billed for more than one model",
	} {
		if got := Unbounded(ofChat(body)); got != want {
			t.Errorf("Unbounded(%s) = %q; want %q", body, got, want)
		}
	}
}

// FuzzChatBody: whatever a body says, what is sent is one JSON object with the
// task's own model, and its translation reads as the Messages API's does.
func FuzzChatBody(f *testing.F) {
	f.Add(`{"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"f"}}`)
	f.Add(`{"stop_sequences":["a"],"n":2,"max_completion_tokens":64}`)
	f.Add(`{"tools":[null,7,{"input_schema":null}],"tool_choice":[]}`)
	f.Fuzz(func(t *testing.T, body string) {
		task := ofChat(body)
		m, err := New(1, []Task{task}, nil)
		if err != nil {
			return
		}
		r := m.Request(0)
		var got struct {
			Model    string `json:"model"`
			Messages []any  `json:"messages"`
		}
		if err := json.Unmarshal(r.Body, &got); err != nil || len(got.Messages) != 1 || r.MaxTokens < 1 || r.ExtraTokens < templateTokens {
			t.Errorf("%q: %v, %d messages, at most %d tokens: %s", body, err, len(got.Messages), r.MaxTokens, r.Body)
		}
	})
}
