package sim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// chatMessage is a message of a chat body.
type chatMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	ToolCalls  []chatCall      `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`
}

type chatCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// chatMessages rewrites the conversation. What the system and the developer say
// comes first, wherever it stood.
func (b body) chatMessages(m body, _ catalogue) *apiError {
	var list []chatMessage
	if e := b.field("messages", &list, "a list of messages"); e != nil {
		return e
	}
	var system []json.RawMessage // their contents
	turns := []body{}
	for i, c := range list {
		role, content, e := c.rewrite(at("messages", i))
		switch {
		case e != nil:
			return e
		case role == "system":
			system = append(system, content)
		default:
			turns = append(turns, body{"role": marshal(role), "content": content})
		}
	}
	m["messages"] = marshal(turns)
	switch len(system) {
	case 0:
	case 1:
		m["system"] = system[0]
	default:
		m["system"] = joinBlocks(system)
	}
	return nil
}

// rewrite returns a message's role and content in the words of Messages.
func (c chatMessage) rewrite(where string) (role string, content json.RawMessage, e *apiError) {
	switch c.Role {
	case "system", "developer":
		role = "system"
		content, e = chatContent(where, c.Content)
	case "user":
		role = "user"
		content, e = chatContent(where, c.Content)
	case "assistant":
		role = "assistant"
		content, e = c.assistant(where)
	case "tool":
		role = "user"
		content, e = c.toolResult(where)
	default:
		e = invalid("%s.role: Input should be 'system', 'developer', 'user', 'assistant' or 'tool'", where)
	}
	return role, content, e
}

// joinBlocks makes one list of blocks of several contents.
func joinBlocks(contents []json.RawMessage) json.RawMessage {
	var all []json.RawMessage
	for _, c := range contents {
		all = append(all, blocksOf(c)...)
	}
	return marshal(all)
}

// blocksOf is a rewritten content as a list of blocks: an empty text has none.
func blocksOf(content json.RawMessage) []json.RawMessage {
	var text string
	if json.Unmarshal(content, &text) == nil {
		if text == "" {
			return nil
		}
		return []json.RawMessage{marshal(map[string]string{"type": "text", "text": text})}
	}
	var list []json.RawMessage
	_ = json.Unmarshal(content, &list) // what is neither is refused where it is read
	return list
}

// chatPart is one part of a content that is a list.
type chatPart struct {
	Type  string `json:"type"`
	Image struct {
		URL string `json:"url"`
	} `json:"image_url"`
	File struct {
		Data string `json:"file_data"`
		ID   string `json:"file_id"`
	} `json:"file"`
	Refusal      string          `json:"refusal"`
	CacheControl json.RawMessage `json:"cache_control"`
}

// chatContent rewrites a content: a text stays as it is, parts become blocks.
func chatContent(where string, raw json.RawMessage) (json.RawMessage, *apiError) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		return raw, nil
	}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil || len(parts) == 0 {
		return nil, invalid("%s.content: Input should be a string or a non-empty list of parts", where)
	}
	for i, p := range parts {
		var e *apiError
		if parts[i], e = chatBlock(at(where+".content", i), p); e != nil {
			return nil, e
		}
	}
	return marshal(parts), nil
}

// chatBlock rewrites one part. Texts are blocks already.
func chatBlock(where string, raw json.RawMessage) (json.RawMessage, *apiError) {
	var p chatPart
	if json.Unmarshal(raw, &p) != nil {
		return nil, invalid("%s: Input should be a part", where)
	}
	b := body{}
	switch p.Type {
	case "text":
		return raw, nil
	case "refusal":
		b["type"], b["text"] = json.RawMessage(`"text"`), marshal(p.Refusal)
	case "image_url":
		b["type"], b["source"] = json.RawMessage(`"image"`), chatSource(p.Image.URL)
	case "file":
		b["type"], b["source"] = json.RawMessage(`"document"`), chatSource(p.File.Data)
		if p.File.Data == "" {
			b["source"] = marshal(map[string]string{"type": "file", "file_id": p.File.ID})
		}
	default:
		return nil, invalid("%s.type: parts of type %q are not supported", where, p.Type)
	}
	b.put("cache_control", p.CacheControl)
	return marshal(b), nil
}

// chatSource is where an image or file comes from: a data URL, or an address.
func chatSource(url string) json.RawMessage {
	kind, data, ok := strings.Cut(strings.TrimPrefix(url, "data:"), ";base64,")
	if !ok || !strings.HasPrefix(url, "data:") {
		return marshal(map[string]string{"type": "url", "url": url})
	}
	return marshal(map[string]string{"type": "base64", "media_type": kind, "data": data})
}

// assistant rewrites an earlier answer: its text, and the tools it called.
func (c chatMessage) assistant(where string) (json.RawMessage, *apiError) {
	content := json.RawMessage(`""`)
	if raw := bytes.TrimSpace(c.Content); len(raw) > 0 && string(raw) != "null" {
		var e *apiError
		if content, e = chatContent(where, raw); e != nil {
			return nil, e
		}
	}
	if len(c.ToolCalls) == 0 {
		return content, nil
	}
	blocks := blocksOf(content)
	for i, call := range c.ToolCalls {
		input := json.RawMessage(call.Function.Arguments)
		if call.Function.Name == "" || !json.Valid(input) {
			return nil, invalid("%s: Input should be a function with a name and arguments in JSON", at(where+".tool_calls", i))
		}
		blocks = append(blocks, marshal(body{
			"type": json.RawMessage(`"tool_use"`), "id": marshal(call.ID), "name": marshal(call.Function.Name), "input": input,
		}))
	}
	return marshal(slices.Clip(blocks)), nil
}

// toolResult rewrites what a tool returned.
func (c chatMessage) toolResult(where string) (json.RawMessage, *apiError) {
	if c.ToolCallID == "" {
		return nil, invalid("%s.tool_call_id: Field required", where)
	}
	content, e := chatContent(where, c.Content)
	if e != nil {
		return nil, e
	}
	return marshal([]body{{"type": json.RawMessage(`"tool_result"`), "tool_use_id": marshal(c.ToolCallID), "content": content}}), nil
}
