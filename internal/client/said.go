package client

import "bytes"

// said is what message_start and message_delta say, each in part.
type said struct {
	model string
	stop  string
	usage *usage // nil: nothing
}

// startOf reads message_start. As with every event that comes once a stream the
// scanner reads what the API sends, and encoding/json what the scanner does not
// understand.
func startOf(data []byte) (t said) {
	var u usage
	s := scanner{b: data}
	if s.start(&t, &u) {
		return t
	}
	return decodeStart(data)
}

func decodeStart(data []byte) said {
	var event struct {
		Message struct {
			Model string `json:"model"`
			Usage *usage `json:"usage"`
		} `json:"message"`
	}
	decode(data, &event)
	return said{model: event.Message.Model, usage: event.Message.Usage}
}

// messageDeltaOf reads message_delta.
func messageDeltaOf(data []byte) (t said) {
	var u usage
	s := scanner{b: data}
	if s.messageDelta(&t, &u) {
		return t
	}
	return decodeMessageDelta(data)
}

func decodeMessageDelta(data []byte) said {
	var event struct {
		Delta struct {
			Stop string `json:"stop_reason"`
		} `json:"delta"`
		Usage *usage `json:"usage"`
	}
	decode(data, &event)
	return said{stop: event.Delta.Stop, usage: event.Usage}
}

// blockOf reads content_block_start.
func blockOf(data []byte) block {
	var b block
	s := scanner{b: data}
	if s.emptyBlock(&b) {
		return b
	}
	return decodeBlock(data)
}

func decodeBlock(data []byte) block {
	var event struct {
		Block block `json:"content_block"`
	}
	decode(data, &event)
	return event.Block
}

func (s *scanner) start(t *said, u *usage) bool {
	return s.whole(func(key []byte) bool {
		if string(key) != "message" {
			return s.other(key)
		}
		return s.object(func(key []byte) bool {
			switch string(key) {
			case "model":
				return s.string(&t.model)
			case "usage":
				return s.usage(t, u)
			}
			return s.other(key)
		})
	})
}

func (s *scanner) messageDelta(t *said, u *usage) bool {
	return s.whole(func(key []byte) bool {
		switch string(key) {
		case "delta":
			return s.object(func(key []byte) bool {
				if string(key) == "stop_reason" {
					return s.string(&t.stop)
				}
				return s.other(key)
			})
		case "usage":
			return s.usage(t, u)
		}
		return s.other(key)
	})
}

// emptyBlock reads a block that deltas will fill: nothing in it but its type.
func (s *scanner) emptyBlock(b *block) bool {
	return s.whole(func(key []byte) bool {
		if string(key) != "content_block" {
			return s.other(key)
		}
		return s.object(func(key []byte) bool {
			switch string(key) {
			case "type":
				return s.string(&b.Type)
			case "text", "thinking", "signature":
				v, _ := s.str()
				return v != nil && len(v) == 0
			}
			return false
		})
	})
}

// usage reads the API's usage object, or null.
func (s *scanner) usage(t *said, u *usage) bool {
	if s.peek() == 'n' {
		t.usage, *u = nil, usage{}
		return s.word("null")
	}
	t.usage = u
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "input_tokens":
			return s.count(&u.Input)
		case "cache_creation_input_tokens":
			return s.count(&u.CacheWrite)
		case "cache_read_input_tokens":
			return s.count(&u.CacheRead)
		case "output_tokens":
			return s.count(&u.Output)
		case "cache_creation":
			return s.writes(u)
		case "output_tokens_details", "server_tool_use", "speed", "inference_geo":
			return s.word("null") // rare: encoding/json reads them
		}
		return s.other(key)
	})
}

// writes reads how the cache writes are split, or null.
func (s *scanner) writes(u *usage) bool {
	if s.peek() == 'n' {
		u.Writes = nil
		return s.word("null")
	}
	var short, long *int64
	if u.Writes == nil {
		u.Writes = new(cacheWrites)
	}
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "ephemeral_5m_input_tokens":
			return s.count(&short) && keep(&u.Writes.Short, short)
		case "ephemeral_1h_input_tokens":
			return s.count(&long) && keep(&u.Writes.Long, long)
		}
		return s.other(key)
	})
}

func keep(to *int64, n *int64) bool {
	if n != nil {
		*to = *n
	}
	return true
}

// whole walks over an object that is all there is.
func (s *scanner) whole(member func(key []byte) bool) bool {
	return s.object(member) && s.peek() == 0 && s.i == len(s.b)
}

// other goes over a value that is not wanted. A name that encoding/json may take
// for another one, since it folds letters, is not understood.
func (s *scanner) other(key []byte) bool {
	odd := func(r rune) bool { return r >= 0x80 || 'A' <= r && r <= 'Z' }
	return !bytes.ContainsFunc(key, odd) && s.skip(0)
}

// string reads a string of ASCII without escapes, as all names are; null leaves what was there.
func (s *scanner) string(to *string) bool {
	if s.peek() == 'n' {
		return s.word("null")
	}
	v, plain := s.str()
	if v == nil || !plain || bytes.ContainsFunc(v, func(r rune) bool { return r >= 0x80 }) {
		return false
	}
	*to = string(v)
	return true
}

// count reads a whole number of at most 15 digits, or null.
func (s *scanner) count(to **int64) bool {
	if s.peek() == 'n' {
		*to = nil
		return s.word("null")
	}
	from := s.i
	n := s.digits()
	if n == 0 || n > 15 || n > 1 && s.b[from] == '0' || s.at('.') || s.at('e') || s.at('E') {
		return false
	}
	v := new(int64)
	for _, c := range s.b[from:s.i] {
		*v = *v*10 + int64(c-'0')
	}
	*to = v
	return true
}
