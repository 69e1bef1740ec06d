package client

import (
	"bytes"
	"encoding/json"
)

// chunk is what the hot path needs to know of a chat completion's chunk: parts
// of its bytes, without decoding. What several choices bring at once counts as one.
type chunk struct {
	object []byte // "object"
	err    []byte // "error" as it stands; nil for null
	usage  []byte // "usage" as it stands; nil for null
	finish []byte // the last "finish_reason" of any choice
	text   []byte // "content" of the first choice's delta, between its quotes

	visible  bool // text, tool input or a refusal
	thinking bool
	refusal  bool
}

// chunkOf reads a chunk. It is false for what is not a JSON object.
func chunkOf(data []byte) (c chunk, ok bool) {
	s := scanner{b: data}
	if c, ok = s.chunk(); ok {
		return c, true
	}
	return decodeChunk(data)
}

// chunk reads a whole chunk. Of a key that comes twice the last one counts, as in encoding/json.
func (s *scanner) chunk() (c chunk, ok bool) {
	ok = s.object(func(key []byte) bool {
		switch string(key) {
		case "object":
			c.object, ok = s.strOrNull()
			return ok
		case "error":
			c.err, ok = s.raw()
			return ok
		case "usage":
			c.usage, ok = s.raw()
			return ok
		case "choices":
			c.forget()
			return s.list(func(i int) bool { return s.choice(i, &c) })
		}
		return s.skip(0)
	})
	return c, ok && s.peek() == 0 && s.i == len(s.b)
}

// forget takes back what choices brought.
func (c *chunk) forget() { *c = chunk{object: c.object, err: c.err, usage: c.usage} }

// choice reads the i-th choice.
func (s *scanner) choice(i int, c *chunk) bool {
	if s.peek() != '{' {
		return false
	}
	var d delta
	var finish []byte
	if !s.object(func(key []byte) (ok bool) {
		switch string(key) {
		case "delta":
			d, ok = s.chatDelta()
		case "finish_reason":
			finish, ok = s.strOrNull()
		default:
			ok = s.skip(0)
		}
		return ok
	}) {
		return false
	}
	c.add(i, d, finish)
	return true
}

// add takes in the i-th choice.
func (c *chunk) add(i int, d delta, finish []byte) {
	if i == 0 {
		c.text = d.text
	}
	if len(finish) > 0 {
		c.finish = finish
	}
	c.visible = c.visible || len(d.text) > 0 || len(d.refusal) > 0 || d.tool
	c.thinking = c.thinking || d.thinking || len(d.reasoning) > 0 || len(d.reasoningContent) > 0
	c.refusal = c.refusal || len(d.refusal) > 0
}

// delta is a choice's delta; its texts are what stands between their quotes.
type delta struct {
	text, refusal               []byte
	reasoning, reasoningContent []byte // the two names there are for thinking
	tool                        bool   // input for a tool
	thinking                    bool   // thinking among the parts of a content
}

// chatDelta reads the object that is the value of "delta".
func (s *scanner) chatDelta() (d delta, ok bool) {
	if s.peek() != '{' {
		return d, s.word("null")
	}
	ok = s.object(func(key []byte) bool {
		var into *[]byte
		switch string(key) {
		case "content":
			into = &d.text
		case "refusal":
			into = &d.refusal
		case "reasoning":
			into = &d.reasoning
		case "reasoning_content":
			into = &d.reasoningContent
		case "tool_calls":
			d.tool = false
			return s.peek() == 'n' && s.word("null") || s.list(func(int) bool { return s.toolCall(&d) })
		case "function_call":
			return false // of another age: the slow way
		default:
			return s.skip(0)
		}
		*into, ok = s.textOrNull()
		return ok
	})
	return d, ok
}

// toolCall looks for input: the name and the id come before it, alone.
func (s *scanner) toolCall(d *delta) bool {
	tool := false
	ok := s.object(func(key []byte) bool {
		if string(key) != "function" {
			return s.skip(0)
		}
		tool = false
		return s.object(func(key []byte) bool {
			if string(key) != "arguments" {
				return s.skip(0)
			}
			text, ok := s.textOrNull()
			tool = len(text) > 0
			return ok
		})
	})
	d.tool = d.tool || tool
	return ok
}

// raw goes over any value and returns it as it stands, nil for null.
func (s *scanner) raw() (value []byte, ok bool) {
	s.peek()
	from := s.i
	if !s.skip(0) {
		return nil, false
	}
	return notNull(s.b[from:s.i]), true
}

// strOrNull reads a string without escapes, empty for null.
func (s *scanner) strOrNull() (raw []byte, ok bool) {
	if s.peek() == 'n' {
		return nil, s.word("null")
	}
	return s.str()
}

// textOrNull reads a string, escapes and all, empty for null.
func (s *scanner) textOrNull() (raw []byte, ok bool) {
	if s.peek() == 'n' {
		return nil, s.word("null")
	}
	return s.text()
}

func notNull(raw []byte) []byte {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return raw
}

// decodeChunk is the slow way, for what the scanner does not understand.
func decodeChunk(data []byte) (c chunk, ok bool) {
	var event map[string]json.RawMessage
	if json.Unmarshal(data, &event) != nil || event == nil {
		return chunk{}, false
	}
	c.object = unquote(inside(event["object"]))
	c.err, c.usage = notNull(event["error"]), notNull(event["usage"])
	var choices []map[string]json.RawMessage
	_ = json.Unmarshal(event["choices"], &choices) // what is not an object is an empty choice
	for i, choice := range choices {
		c.add(i, decodeDelta(choice["delta"]), unquote(inside(choice["finish_reason"])))
	}
	return c, true
}

func decodeDelta(raw json.RawMessage) (d delta) {
	var m map[string]json.RawMessage
	_ = json.Unmarshal(raw, &m) // not an object: no delta
	d = delta{text: inside(m["content"]), refusal: inside(m["refusal"]),
		reasoning: inside(m["reasoning"]), reasoningContent: inside(m["reasoning_content"])}
	if content := bytes.TrimSpace(m["content"]); len(content) > 0 && content[0] == '[' {
		text, thinking := partsOf(content)
		d.thinking = thinking != ""
		quoted, _ := json.Marshal(text) // a string cannot fail
		d.text = inside(quoted)
	}
	var calls []map[string]json.RawMessage
	_ = json.Unmarshal(m["tool_calls"], &calls)
	calls = append(calls, map[string]json.RawMessage{"function": m["function_call"]})
	for _, c := range calls {
		var f map[string]json.RawMessage
		_ = json.Unmarshal(c["function"], &f)
		d.tool = d.tool || len(inside(f["arguments"])) > 0
	}
	return d
}
