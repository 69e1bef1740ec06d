package sim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

type digest = [sha256.Size]byte

// block is one cacheable position of the prompt: a tool, or a content block of
// the system prompt or of a message.
type block struct {
	payload  []byte        // what is hashed, without its cache_control
	size     amount        // its own tokens
	ttl      time.Duration // of its breakpoint; 0 is none
	eligible bool          // may carry a breakpoint
	chain    digest        // of the prefix that ends here; set by seal
	upTo     int           // tokens of that prefix; set by seal
}

// rawBlock is a content block as sent.
type rawBlock struct {
	Type         string          `json:"type"`
	Text         *string         `json:"text"`
	CacheControl json.RawMessage `json:"cache_control"`
	Source       json.RawMessage `json:"source"`
	Citations    json.RawMessage `json:"citations"`
}

// readCacheControl returns the ttl of a cache_control object; 0 without one.
func readCacheControl(at string, raw json.RawMessage) (time.Duration, *apiError) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, nil
	}
	var c struct {
		Type string `json:"type"`
		TTL  string `json:"ttl"`
	}
	if json.Unmarshal(raw, &c) != nil || c.Type != "ephemeral" {
		return 0, invalid("%s.type: Input should be 'ephemeral'", at)
	}
	switch c.TTL {
	case "", "5m":
		return 5 * time.Minute, nil
	case "1h":
		return time.Hour, nil
	}
	return 0, invalid("%s.ttl: Input should be '5m' or '1h'", at)
}

// objectBlock makes a block of a JSON object, its cache_control left out. Equal
// content is an equal block: neither the order of keys nor blanks matter.
func objectBlock(role string, raw json.RawMessage) block {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var fields map[string]any
	_ = dec.Decode(&fields) // the caller has decoded it
	delete(fields, "cache_control")
	plain := marshal(fields)
	return block{payload: append([]byte(role+"\x00"), plain...), size: amount{bytes: len(plain)}, eligible: true}
}

// textBlock is a block of plain text; a string is the same as one text block.
func textBlock(role, text string) block {
	p := make([]byte, 0, len(role)+len(text)+6)
	p = append(append(append(p, role...), "\x00text\x00"...), text...)
	return block{payload: p, size: amount{bytes: len(text)}, eligible: text != ""}
}

// readContent reads a string or a list of blocks into req.blocks and returns
// the text of the last text block.
func (req *request) readContent(role, at string, raw json.RawMessage, h head) (string, *apiError) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if json.Unmarshal(raw, &text) != nil || text == "" {
			return "", invalid("%s: text content must be non-empty", at)
		}
		req.blocks = append(req.blocks, textBlock(role, text))
		return text, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return "", invalid("%s: Input should be a string or a non-empty list of blocks", at)
	}
	last := ""
	for i, item := range list {
		var rb rawBlock
		if json.Unmarshal(item, &rb) != nil {
			return "", invalid("%s.%d: Input should be an object", at, i)
		}
		b, e := rb.block(role, at, i, item, h)
		if e != nil {
			return "", e
		}
		if rb.Type == "text" {
			last = *rb.Text
		}
		req.blocks = append(req.blocks, b)
	}
	return last, nil
}

// block checks and sizes one content block.
func (rb rawBlock) block(role, at string, i int, raw json.RawMessage, h head) (block, *apiError) {
	ttl, e := readCacheControl(at+"."+strconv.Itoa(i)+".cache_control", rb.CacheControl)
	if e != nil {
		return block{}, e
	}
	if rb.Type == "text" {
		b, e := rb.text(role, at, i, h)
		b.ttl = ttl
		return b, e
	}
	b := objectBlock(role, raw)
	b.ttl = ttl
	switch rb.Type {
	case "image":
		b.size = amount{fixed: perImage}
	case "document":
		if role == "assistant" && h.version == version2026 {
			return b, invalid("%s.%d: document blocks are not permitted in an assistant message", at, i)
		}
		b.size = documentAmount(rb.Source)
	case "thinking", "redacted_thinking":
		b.eligible = false
		if b.ttl > 0 {
			return b, invalid("%s.%d.cache_control: not permitted on %s blocks", at, i, rb.Type)
		}
	case "tool_use", "tool_result", "search_result", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
		"code_execution_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result",
		"tool_search_tool_result", "container_upload", "compaction", "fallback", "mcp_tool_use", "mcp_tool_result":
	default:
		return b, invalid("%s.%d.type: unknown block type %q", at, i, rb.Type)
	}
	return b, nil
}

// text is a block of text. What citations it carries is not counted.
func (rb rawBlock) text(role, at string, i int, h head) (block, *apiError) {
	if rb.Text == nil || *rb.Text == "" {
		return block{}, invalid("%s.%d.text: text content blocks must be non-empty", at, i)
	}
	cited := len(rb.Citations) > 0 && string(rb.Citations) != "null" && string(rb.Citations) != "[]"
	if cited && role == "user" && h.version == version2026 {
		return block{}, invalid("%s.%d.citations: not permitted in a user message", at, i)
	}
	return textBlock(role, *rb.Text), nil
}

func (b body) readSystem(req *request, h head, _ catalogue) *apiError {
	raw, ok := b["system"]
	if !ok || string(raw) == "null" || string(raw) == `""` || string(raw) == "[]" {
		return nil
	}
	_, e := req.readContent("system", "system", raw, h)
	return e
}

func (b body) readMessages(req *request, h head, _ catalogue) *apiError {
	var list []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if e := b.field("messages", &list, "a list of messages"); e != nil {
		return e
	}
	if len(list) == 0 || len(list) > 100_000 {
		return invalid("messages: between 1 and 100000 messages are required")
	}
	for i, m := range list {
		at := "messages." + strconv.Itoa(i)
		switch {
		case m.Role == "user", m.Role == "assistant" && i > 0, m.Role == "system" && i > 0 && req.model.generation >= 50:
		case m.Role == "assistant":
			return invalid("messages: first message must use the user role")
		default:
			return invalid("%s.role: Input should be 'user' or 'assistant'", at)
		}
		first := len(req.blocks)
		sameTurn := i > 0 && list[i-1].Role == m.Role
		text, e := req.readContent(m.Role, at+".content", m.Content, h)
		if e != nil {
			return e
		}
		if !sameTurn { // consecutive messages of a role are one turn
			req.blocks[first].size.fixed += perMessage
		}
		if m.Role == "user" && text != "" {
			req.echo = echoOf(text)
		}
	}
	if list[len(list)-1].Role == "assistant" && req.model.generation >= 46 {
		return invalid("This model does not support assistant message prefill. The conversation must end with a user message.")
	}
	return nil
}

// echoOf picks the words an answer begins with: all of a short text's end, or
// the longest words of a longer one, in their order. Checks such as "contains:
// learning" then hold against the simulator when the prompt has the word.
func echoOf(text string) string {
	const window, short, most = 400, 12, 8
	if len(text) > window {
		text = strings.ToValidUTF8(text[len(text)-window:], "")
	}
	words := strings.Fields(text)
	if len(words) > short {
		words = longest(words, most)
	}
	return strings.Join(words, " ")
}

// longest keeps the n longest words, in their order, without punctuation.
func longest(words []string, n int) []string {
	order := make([]int, len(words))
	for i, w := range words {
		words[i] = strings.Trim(w, `.,;:!?()[]{}"'*`)
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(words[b]), len(words[a])) })
	order = order[:min(n, len(order))]
	slices.Sort(order)
	var kept []string
	for _, i := range order {
		if w := words[i]; w != "" {
			kept = append(kept, w)
		}
	}
	return kept
}
