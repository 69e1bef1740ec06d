package workload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// maxCompletion is the newer name of max_tokens, which some models demand.
const maxCompletion = "max_completion_tokens"

// templateTokens is more than what a server's chat template adds to a prompt:
// a system prompt of its own, dates, marks for each turn. Templates of open
// models add up to some hundreds of tokens.
const templateTokens = 1000

// mostAnswers bounds "n", so that the bound of a request stays a number.
const mostAnswers = 128

func (t Task) chat() bool { return t.API == "chat" }

func has(fields []field, key string) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.key == key })
}

// appendChat writes what a chat completion has between its head and its last
// message, and says where the system prompt's text begins. Usage is asked for,
// since without it the cost of a stream stays a bound.
func appendChat(b []byte, t Task, fields []field) (body []byte, text int) {
	if t.Stream && !has(fields, "stream_options") {
		b = append(b, `,"stream_options":{"include_usage":true}`...)
	}
	b = append(appendFields(b, fields), `,"messages":[`...)
	if t.System.Text != "" {
		b, text = t.System.appendContent(append(b, `{"role":"system","content":`...))
		b = append(b, `},`...)
	}
	return b, text
}

// inChat puts what a body says in the Messages API's words into those of chat
// completions, where they mean the same. All else stays byte for byte.
func inChat(fields []field) ([]field, error) {
	var out []field
	for _, f := range fields {
		switch f.key {
		case "stop_sequences":
			f.key = "stop"
		case "tools":
			f.value = chatTools(f.value)
		case "tool_choice":
			if choice, alone, ok := chatChoice(f.value); ok {
				f.value = choice
				if alone {
					out = append(out, field{"parallel_tool_calls", json.RawMessage("false")})
				}
			}
		case maxCompletion, "n":
			if n := wholeOf(f.value); n < 1 || f.key == "n" && n > mostAnswers {
				return nil, fmt.Errorf("body: %q is not a whole number from 1", f.key)
			}
		}
		out = append(out, f)
	}
	for i, f := range out {
		if has(out[:i], f.key) {
			return nil, fmt.Errorf("body sets %q twice, once in the words of the Messages API", f.key)
		}
	}
	return out, nil
}

// completionTokens is the bound that a chat body has under its newer name, 0 without.
func completionTokens(t Task, fields []field) int {
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == maxCompletion })
	if i < 0 || !t.chat() {
		return 0
	}
	return wholeOf(fields[i].value)
}

// wholeOf returns the whole number that a value is, 0 for anything else.
func wholeOf(raw json.RawMessage) int {
	var n int
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	return n
}

// chatTools translates the tools of a list that are in the Messages API's form.
func chatTools(raw json.RawMessage) json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return raw
	}
	changed := false
	for i, tool := range list {
		var t struct {
			Name        json.RawMessage `json:"name"`
			Description json.RawMessage `json:"description,omitempty"`
			Schema      json.RawMessage `json:"input_schema"`
			Strict      json.RawMessage `json:"strict,omitempty"`
			Cache       json.RawMessage `json:"cache_control,omitempty"`
		}
		if json.Unmarshal(tool, &t) != nil || len(t.Schema) == 0 {
			continue
		}
		list[i], changed = encode(chatTool{"function", function{t.Name, t.Description, t.Schema, t.Strict}, t.Cache}), true
	}
	if !changed {
		return raw
	}
	return encode(list)
}

type chatTool struct {
	Type     string          `json:"type"`
	Function function        `json:"function"`
	Cache    json.RawMessage `json:"cache_control,omitempty"`
}

type function struct {
	Name        json.RawMessage `json:"name,omitempty"`
	Description json.RawMessage `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      json.RawMessage `json:"strict,omitempty"`
}

// chatChoice translates a tool choice that is in the Messages API's form; alone
// is its wish for one call at a time.
func chatChoice(raw json.RawMessage) (choice json.RawMessage, alone, ok bool) {
	var c struct {
		Type  string          `json:"type"`
		Name  json.RawMessage `json:"name"`
		Alone bool            `json:"disable_parallel_tool_use"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return nil, false, false
	}
	switch c.Type {
	case "auto", "none":
		return encode(c.Type), c.Alone, true
	case "any":
		return encode("required"), c.Alone, true
	case "tool":
		return encode(chatTool{Type: "function", Function: function{Name: c.Name}}), c.Alone, true
	}
	return nil, false, false
}

// encode writes JSON, and leaves <, > and & in texts as they are.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // made of valid JSON: it cannot fail
	return bytes.TrimSpace(b.Bytes())
}

// unboundedInChat are body keys that cost what neither the body's length nor
// max_tokens bounds.
var unboundedInChat = map[string]string{
	"web_search_options": "web_search_options adds what the server finds",
	"search_parameters":  "search_parameters adds what the server finds",
	"enable_search":      "enable_search adds what the server finds",
	"plugins":            "plugins add what they find",
	"data_sources":       "data_sources add what they find",
	"prompt":             "a prompt that is kept on the server",
	"prompt_id":          "a prompt that is kept on the server",
	"chat_template":      "a chat_template may repeat what the body says",
	"prediction":         "a prediction is billed where it is wrong",
	"audio":              "audio has prices of its own",
	"models":             "models may be billed for another model",
	"best_of":            "best_of is billed for answers that are not sent",
}

// chatField weighs one key at the top of a chat body.
func (w *weight) chatField(key string, v any) {
	if reason, ok := unboundedInChat[key]; ok && v != nil && v != false {
		w.because(reason)
	}
	switch key {
	case "n":
		if n, ok := v.(float64); ok {
			w.answers = int(n) // inChat has seen to it that it is whole
		}
	case "service_tier":
		if v == "priority" {
			w.because("service_tier priority has prices of its own")
		}
	case "functions", "response_format":
		if v != nil {
			w.extraTokens += toolTokens
		}
	}
}
