package client

import (
	"bytes"
	"encoding/json"
)

// outline is what the hot path needs to know of an event: parts of the event's
// bytes, without decoding. A text is what stands between its quotes, so it is
// empty exactly when the value is; a type has no escapes left in it.
type outline struct {
	kind     []byte // "type"
	delta    []byte // "delta"."type"
	text     []byte // "delta"."text"
	thinking []byte // "delta"."thinking"
	partial  []byte // "delta"."partial_json"
}

// outlineOf reads the outline of an event. It is false for what is not a JSON object.
func outlineOf(data []byte) (o outline, ok bool) {
	s := scanner{b: data}
	if o, ok = s.event(); ok {
		return o, true
	}
	return decodeOutline(data)
}

// decodeOutline is the slow way, for what the scanner does not understand: an
// escaped key, a value of another type, deep nesting, and whatever is broken.
func decodeOutline(data []byte) (o outline, ok bool) {
	var event map[string]json.RawMessage
	if json.Unmarshal(data, &event) != nil || event == nil {
		return outline{}, false
	}
	var delta map[string]json.RawMessage
	_ = json.Unmarshal(event["delta"], &delta) // not an object: no delta
	return outline{
		kind: unquote(inside(event["type"])), delta: unquote(inside(delta["type"])),
		text: inside(delta["text"]), thinking: inside(delta["thinking"]), partial: inside(delta["partial_json"]),
	}, true
}

// inside returns what stands between the quotes of a JSON string, nothing for other values.
func inside(raw []byte) []byte {
	if raw = bytes.TrimSpace(raw); len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	return raw[1 : len(raw)-1]
}

// scanner walks over JSON once. Whatever it accepts, encoding/json accepts too;
// what it does not understand it gives up on, valid or not.
type scanner struct {
	b []byte
	i int
}

// mostDepth is how deep the scanner follows nested values.
const mostDepth = 32

// event reads a whole event. Of a key that comes twice the last one counts, as in encoding/json.
func (s *scanner) event() (o outline, ok bool) {
	var kind []byte
	ok = s.object(func(key []byte) bool {
		switch string(key) {
		case "type":
			kind, ok = s.str()
			return ok
		case "delta":
			o, ok = s.delta()
			return ok
		}
		return s.skip(0)
	})
	o.kind = kind
	return o, ok && s.peek() == 0 && s.i == len(s.b)
}

// delta reads the object that is the value of "delta".
func (s *scanner) delta() (o outline, ok bool) {
	if s.peek() != '{' {
		return o, s.skip(0)
	}
	ok = s.object(func(key []byte) bool {
		var into *[]byte
		switch string(key) {
		case "type":
			o.delta, ok = s.str()
			return ok
		case "text":
			into = &o.text
		case "thinking":
			into = &o.thinking
		case "partial_json":
			into = &o.partial
		default:
			return s.skip(0)
		}
		*into, ok = s.text()
		return ok
	})
	return o, ok
}

// object walks over an object and calls member with each key; member reads the value.
func (s *scanner) object(member func(key []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		key, plain := s.str()
		if !plain || !s.take(':') || !member(key) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// peek goes over white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

// text reads a string, escapes and all.
func (s *scanner) text() (raw []byte, ok bool) {
	raw, plain := s.str()
	return raw, raw != nil && (plain || validEscapes(raw))
}

// str reads a string; plain is false if it holds an escape. Nil is no string.
func (s *scanner) str() (raw []byte, plain bool) {
	if !s.take('"') {
		return nil, false
	}
	from := s.i
	plain = true
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[from : s.i-1 : s.i-1], plain
		case c == '\\':
			plain = false
			s.i++ // whatever it escapes is not the end
		case c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// validEscapes reports whether every backslash in raw begins an escape that JSON has.
func validEscapes(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		switch raw[i] { // str has seen to it that something follows
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if len(raw)-i < 5 || !isHex(raw[i+1]) || !isHex(raw[i+2]) || !isHex(raw[i+3]) || !isHex(raw[i+4]) {
				return false
			}
			i += 4
		default:
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// skip goes over any value.
func (s *scanner) skip(depth int) bool {
	if depth > mostDepth {
		return false
	}
	switch c := s.peek(); c {
	case '"':
		_, ok := s.text()
		return ok
	case '{':
		return s.object(func([]byte) bool { return s.skip(depth + 1) })
	case '[':
		return s.list(func(int) bool { return s.skip(depth + 1) })
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

// list walks over an array and calls item for each element, which reads it.
func (s *scanner) list(item func(i int) bool) bool {
	if !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for i := 0; item(i); i++ {
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
	return false
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.b[s.i:], []byte(w)) {
		return false
	}
	s.i += len(w)
	return true
}

// number reads a number as JSON has it: -0.5e+3.
func (s *scanner) number() bool {
	if s.at('-') {
		s.i++
	}
	from := s.i
	if n := s.digits(); n == 0 || n > 1 && s.b[from] == '0' {
		return false
	}
	if s.at('.') {
		s.i++
		if s.digits() == 0 {
			return false
		}
	}
	if !s.at('e') && !s.at('E') {
		return true
	}
	s.i++
	if s.at('+') || s.at('-') {
		s.i++
	}
	return s.digits() > 0
}

// at reports whether c is the next byte.
func (s *scanner) at(c byte) bool { return s.i < len(s.b) && s.b[s.i] == c }

// digits goes over digits and counts them.
func (s *scanner) digits() int {
	from := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i - from
}
