package sim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// A chat completion is a Messages request in other words. Its body is rewritten
// into the one it means and read as that is, so that draws, tokens, cache and
// limits are the same whichever way the same is asked.

// chatKnown lists the fields of a chat body; what is not rewritten is ignored,
// as a server that has no use for it does. cache_control and thinking are not
// OpenAI's: gateways to Claude take them.
func chatKnown() []string {
	return []string{"model", "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options", "stop", "n", "tools", "tool_choice",
		"parallel_tool_calls", "response_format", "reasoning_effort", "temperature", "top_p", "cache_control", "thinking",
		"audio", "frequency_penalty", "logit_bias", "logprobs", "metadata", "modalities", "prediction", "presence_penalty",
		"prompt_cache_key", "prompt_cache_retention", "safety_identifier", "seed", "service_tier", "store", "top_logprobs", "user", "verbosity"}
}

// parseChat reads a chat body.
func parseChat(raw []byte, models catalogue) (*request, *apiError) {
	var b body
	if err := json.Unmarshal(raw, &b); err != nil || b == nil {
		return nil, invalid("The request body is not valid JSON.")
	}
	for _, name := range sortedKeys(b) {
		if !known(chatKnown(), name) {
			return nil, invalid("Unrecognized request argument supplied: %s", name)
		}
	}
	for _, name := range []string{"model", "messages"} {
		if b.absent(name) {
			return nil, invalid("Missing required parameter: '%s'.", name)
		}
	}
	usage, e := b.chatOptions()
	if e != nil {
		return nil, e
	}
	m := body{}
	for _, step := range []func(body, catalogue) *apiError{b.chatPlain, b.chatTools, b.chatFormat, b.chatMessages} {
		if e := step(m, models); e != nil {
			return nil, e
		}
	}
	req, e := m.read(head{version: version2026}, models)
	if e != nil {
		return nil, e
	}
	req.lastUsage = usage
	return req, nil
}

func (b body) absent(name string) bool {
	raw, ok := b[name]
	return !ok || string(raw) == "null"
}

// chatOptions checks what Messages has no word for, and says whether a stream
// is to end with its usage.
func (b body) chatOptions() (usage bool, e *apiError) {
	n, stream := 1, false
	var opt struct {
		Usage bool `json:"include_usage"`
	}
	for _, f := range []struct {
		name string
		into any
		kind string
	}{
		{"n", &n, "an integer"}, {"stream", &stream, "a boolean"}, {"stream_options", &opt, "an object"},
		{"temperature", new(float64), "a number"}, {"top_p", new(float64), "a number"},
	} {
		if e := b.field(f.name, f.into, f.kind); e != nil {
			return false, e
		}
	}
	switch {
	case n != 1:
		return false, invalid("n: only 1 is supported")
	case !b.absent("stream_options") && !stream:
		return false, invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	return opt.Usage, nil
}

// chatPlain rewrites the fields that stand alone. Without a bound the answer
// may be as long as the model allows.
func (b body) chatPlain(m body, models catalogue) *apiError {
	for _, name := range []string{"model", "stream", "cache_control", "thinking"} {
		if !b.absent(name) {
			m[name] = b[name]
		}
	}
	var effort string
	if e := b.field("reasoning_effort", &effort, "a string"); e != nil {
		return e
	}
	switch effort {
	case "":
	case "none":
		m["thinking"] = json.RawMessage(`{"type":"disabled"}`)
	case "minimal":
		m["output_config"] = json.RawMessage(`{"effort":"low"}`)
	default:
		m["output_config"] = marshal(map[string]string{"effort": effort})
	}
	if !b.absent("stop") {
		m["stop_sequences"] = b["stop"]
		if bytes.HasPrefix(b["stop"], []byte{'"'}) {
			m["stop_sequences"] = slices.Concat([]byte{'['}, b["stop"], []byte{']'})
		}
	}
	return b.chatLength(m, models)
}

func (b body) chatLength(m body, models catalogue) *apiError {
	name := "max_completion_tokens"
	if b.absent(name) {
		name = "max_tokens"
	}
	if !b.absent(name) {
		var n int
		if e := b.field(name, &n, "an integer"); e != nil {
			return e
		}
		if n < 1 {
			return invalid("%s: Input should be 1 or more", name)
		}
		m["max_tokens"] = b[name]
		return nil
	}
	var id string
	if e := b.field("model", &id, "a string"); e != nil {
		return e
	}
	m["max_tokens"] = json.RawMessage("1") // the model is unknown and will be refused
	if of := models.find(id); of != nil {
		m["max_tokens"] = json.RawMessage(itoa(of.maxTokens))
	}
	return nil
}

// chatTool is a tool, or the choice of one.
type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description json.RawMessage `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	} `json:"function"`
	CacheControl json.RawMessage `json:"cache_control"`
}

func (b body) chatTools(m body, _ catalogue) *apiError {
	var tools []chatTool
	if e := b.field("tools", &tools, "a list of tools"); e != nil {
		return e
	}
	var list []body
	for i, t := range tools {
		if t.Type != "function" || t.Function.Name == "" {
			return invalid("tools.%d: Input should be a function with a name", i)
		}
		one := body{"name": marshal(t.Function.Name), "input_schema": t.Function.Parameters}
		if len(t.Function.Parameters) == 0 {
			one["input_schema"] = json.RawMessage(`{"type":"object","properties":{}}`)
		}
		one.put("description", t.Function.Description)
		one.put("cache_control", t.CacheControl)
		list = append(list, one)
	}
	if len(list) > 0 {
		m["tools"] = marshal(list)
	}
	return b.chatChoice(m)
}

// put sets a field that is there.
func (b body) put(name string, raw json.RawMessage) {
	if len(raw) > 0 && string(raw) != "null" {
		b[name] = raw
	}
}

func (b body) chatChoice(m body) *apiError {
	raw := b["tool_choice"]
	if b.absent("tool_choice") {
		return nil
	}
	var word string
	var one chatTool
	switch {
	case json.Unmarshal(raw, &word) == nil:
		kind := map[string]string{"auto": "auto", "none": "none", "required": "any"}[word]
		if kind == "" {
			return invalid("tool_choice: Input should be 'none', 'auto', 'required' or a function")
		}
		m["tool_choice"] = marshal(map[string]string{"type": kind})
	case json.Unmarshal(raw, &one) == nil && one.Type == "function" && one.Function.Name != "":
		m["tool_choice"] = marshal(map[string]string{"type": "tool", "name": one.Function.Name})
	default:
		return invalid("tool_choice: Input should be 'none', 'auto', 'required' or a function")
	}
	return nil
}

func (b body) chatFormat(m body, _ catalogue) *apiError {
	var f struct {
		Type   string `json:"type"`
		Schema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	}
	if e := b.field("response_format", &f, "an object"); e != nil {
		return e
	}
	schema := json.RawMessage(`{"type":"object"}`)
	switch f.Type {
	case "", "text":
		return nil
	case "json_object":
	case "json_schema":
		if len(f.Schema.Schema) > 0 {
			schema = f.Schema.Schema
		}
	default:
		return invalid("response_format.type: Input should be 'text', 'json_object' or 'json_schema'")
	}
	config := map[string]any{"format": map[string]any{"type": "json_schema", "schema": schema}}
	var set struct {
		Effort string `json:"effort"`
	}
	if json.Unmarshal(m["output_config"], &set) == nil && set.Effort != "" {
		config["effort"] = set.Effort
	}
	m["output_config"] = marshal(config)
	return nil
}

// at names a place in a list.
func at(list string, i int) string { return list + "." + strconv.Itoa(i) }
