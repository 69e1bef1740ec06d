package sim

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// The answers are rendered by hand: the shapes are few and fixed, and a stream
// must not pay for reflection on every event.

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string. Invalid UTF-8 goes through as it is;
// callers pass what a JSON decoder or a constant produced.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	b = appendEscaped(b, s)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(b, s[start:]...)
}

func appendField(b []byte, name string, n int) []byte {
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `":`...)
	return strconv.AppendInt(b, int64(n), 10)
}

// usage is what one request used, as the API counts it.
type usage struct {
	input, write5m, write1h, read int
	output, thinking              int
}

// uncached is what the limits count of the input.
func (u usage) uncached() int { return u.input + u.write5m + u.write1h }

func (u usage) prompt() int { return u.input + u.write5m + u.write1h + u.read }

// appendInput appends the input side of a usage object, without braces.
func (u usage) appendInput(b []byte) []byte {
	b = append(appendField(b, "input_tokens", u.input), ',')
	b = append(appendField(b, "cache_creation_input_tokens", u.write5m+u.write1h), ',')
	return appendField(b, "cache_read_input_tokens", u.read)
}

// appendFull appends the usage object of message_start and of plain answers.
func (u usage) appendFull(b []byte, req *request) []byte {
	b = u.appendInput(append(b, '{'))
	b = append(b, `,"cache_creation":{`...)
	b = append(appendField(b, "ephemeral_5m_input_tokens", u.write5m), ',')
	b = appendField(b, "ephemeral_1h_input_tokens", u.write1h)
	b = append(b, "},"...)
	b = u.appendOutput(b)
	b = append(b, `,"server_tool_use":null,"service_tier":"standard","inference_geo":`...)
	b = appendQuoted(b, req.geo)
	b = appendQuoted(append(b, `,"speed":`...), req.speed)
	return append(b, '}')
}

// appendFinal appends the cumulative usage object of message_delta.
func (u usage) appendFinal(b []byte) []byte {
	b = append(u.appendInput(append(b, '{')), ',')
	return append(u.appendOutput(b), '}')
}

func (u usage) appendOutput(b []byte) []byte {
	b = appendField(b, "output_tokens", u.output)
	if u.thinking > 0 {
		b = append(b, `,"output_tokens_details":{`...)
		b = append(appendField(b, "thinking_tokens", u.thinking), '}')
	}
	return b
}

// marshal encodes what came from JSON, compact, keys of maps sorted, and no
// character escaped that need not be: sizes are those of the content.
func marshal(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
