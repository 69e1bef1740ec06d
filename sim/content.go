package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
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
	mark     uint64        // of what else the prefix depends on; set by seal
}

// readCacheControl returns the ttl of a cache_control object; 0 without one.
func readCacheControl(at string, raw json.RawMessage, h head) (time.Duration, *apiError) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, nil
	}
	c, e := h.object(at, raw, "type", "ttl")
	if e != nil {
		return 0, e
	}
	if c.text("type") != "ephemeral" {
		return 0, invalid("%s.type: Input should be 'ephemeral'", at)
	}
	switch c.text("ttl") {
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
		c := content{role: role, at: at + "." + strconv.Itoa(i), raw: item, h: h}
		b, e := c.block()
		if e != nil {
			return "", e
		}
		if c.kind == "text" {
			last = c.text
		}
		req.images += c.images
		req.blocks = append(req.blocks, b)
	}
	return last, nil
}

// content is one content block that is being read.
type content struct {
	role, at string
	raw      json.RawMessage
	h        head

	fields body
	kind   string
	text   string // of a text block
	images int    // it holds, itself or inside
}

// blockFields lists the fields of a kind of block; nil is not told.
func blockFields(kind string) []string {
	switch kind {
	case "text":
		return []string{"type", "text", "citations", "cache_control"}
	case "image":
		return []string{"type", "source", "transformations", "cache_control"}
	case "document":
		return []string{"type", "source", "context", "title", "citations", "cache_control"}
	case "thinking":
		return []string{"type", "thinking", "signature"}
	case "redacted_thinking":
		return []string{"type", "data"}
	case "tool_use":
		return []string{"type", "id", "name", "input", "toolset_name", "caller", "cache_control"}
	case "tool_result":
		return []string{"type", "tool_use_id", "toolset_name", "is_error", "content", "cache_control"}
	case "search_result":
		return []string{"type", "source", "title", "content", "citations", "cache_control"}
	}
	return nil
}

// block checks and sizes one content block.
func (c *content) block() (block, *apiError) {
	if json.Unmarshal(c.raw, &c.fields) != nil || c.fields == nil {
		return block{}, invalid("%s: Input should be an object", c.at)
	}
	if c.kind = c.fields.text("type"); c.kind == "text" {
		c.text = c.fields.text("text")
	}
	ttl, e := readCacheControl(c.at+".cache_control", c.fields["cache_control"], c.h)
	if e == nil {
		e = c.fields.only(c.at+"."+c.kind, c.h, blockFields(c.kind))
	}
	if e == nil {
		e = c.check(ttl)
	}
	if e != nil {
		return block{}, e
	}
	var b block
	if c.kind == "text" {
		b = textBlock(c.role, c.text)
	} else {
		b = objectBlock(c.role, c.raw)
		b.size = c.size(b.size)
	}
	b.ttl, b.eligible = ttl, b.eligible && !strings.HasSuffix(c.kind, "thinking")
	return b, nil
}

// check applies the rules of the block's kind. Later versions refuse documents
// of the assistant and citations of the user.
func (c *content) check(ttl time.Duration) *apiError {
	newer := c.h.version == version2026
	switch c.kind {
	case "text":
		if c.text == "" {
			return invalid("%s.text: text content blocks must be non-empty", c.at)
		}
		if newer && c.role == "user" && c.fields.cites() {
			return invalid("%s.citations: not permitted in a user message", c.at)
		}
	case "document":
		if newer && c.role == "assistant" {
			return invalid("%s: document blocks are not permitted in an assistant message", c.at)
		}
	case "thinking", "redacted_thinking":
		if ttl > 0 {
			return invalid("%s.cache_control: not permitted on %s blocks", c.at, c.kind)
		}
	case "search_result":
		for i, inner := range c.inner() {
			if newer && c.role == "user" && inner.cites() {
				return invalid("%s.content.%d.citations: not permitted in a user message", c.at, i)
			}
		}
	case "image", "tool_use", "tool_result", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
		"code_execution_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result",
		"tool_search_tool_result", "container_upload", "compaction", "fallback", "mcp_tool_use", "mcp_tool_result":
	default:
		return invalid("%s.type: unknown block type %q", c.at, c.kind)
	}
	return nil
}

// cites says that citations are given.
func (b body) cites() bool {
	raw := string(b["citations"])
	return raw != "" && raw != "null" && raw != "[]"
}

// inner are the blocks of a block's own content, if that is a list.
func (c *content) inner() []body {
	var list []body
	_ = json.Unmarshal(c.fields["content"], &list) // a text has no blocks
	return list
}

// size is what a block costs, given what its JSON would cost as text. Images and
// documents cost the same inside a tool's result as outside.
func (c *content) size(asText amount) amount {
	switch c.kind {
	case "image":
		c.images++
		return amount{fixed: perImage}
	case "document":
		return documentAmount(c.fields["source"])
	case "tool_result":
		for _, inner := range c.inner() {
			own := amount{}
			switch inner.text("type") {
			case "image":
				c.images++
				own = amount{fixed: perImage}
			case "document":
				own = documentAmount(inner["source"])
			default:
				continue
			}
			asText = asText.plus(own)
			asText.bytes -= len(marshal(inner))
		}
	}
	return asText
}
