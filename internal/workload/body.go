package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tokenload/tokenload/internal/call"
)

// rendered is a task made ready: all of the body but the prompt, and all fields
// of the request that do not depend on the index.
type rendered struct {
	Task
	request call.Request
	head    []byte // the body up to the prompt's opening quote, included
	copy    int    // where in head the system prompt's copyLine begins; 0 is none
	size    int    // room a body is first given
}

// tail closes what head leaves open: string, message, list and body.
const tail = `"}]}`

// render prepares a valid task.
func render(t Task) rendered {
	fields, _ := readBody(t) // Validate has reported the error
	c := t.weigh(fields)
	b := []byte(`{"model":`)
	b = appendString(b, t.Model)
	if !t.chat() || !has(fields, maxCompletion) {
		b = strconv.AppendInt(append(b, `,"max_tokens":`...), int64(t.maxTokens()), 10)
	}
	if t.Stream {
		b = append(b, `,"stream":true`...)
	}
	var text int // where the system prompt's text begins
	if t.chat() {
		b, text = appendChat(b, t, fields)
	} else {
		b, text = appendSystem(b, t.System)
		b = append(appendFields(b, fields), `,"messages":[`...)
	}
	if t.System.Cold == 0 {
		text = 0
	}
	b = append(b, `{"role":"user","content":"`...)
	longest := 0
	for _, p := range t.Prompts {
		longest = max(longest, len(p))
	}
	return rendered{
		Task: t, head: b, copy: text, size: len(b) + longest + longest/16 + 64,
		request: call.Request{
			Task: t.Name, Model: t.Model, MaxTokens: t.maxTokens() * c.answers, Stream: t.Stream,
			ExtraTokens: c.extraTokens, Speed: c.speed, Geo: c.geo, CacheTTL: dearest(c.cacheTTL, t.System.Cache),
		},
	}
}

func appendFields(b []byte, fields []field) []byte {
	for _, f := range fields {
		b = appendString(append(b, ','), f.key)
		b = append(append(b, ':'), f.value...)
	}
	return b
}

// appendSystem writes the system prompt, if there is one, and says where its text begins.
func appendSystem(b []byte, s System) (body []byte, text int) {
	if s.Text == "" {
		return b, 0
	}
	return s.appendContent(append(b, `,"system":`...))
}

// appendContent writes the system prompt's text: a plain string, or where it is
// to be cached a block that can carry the marker.
func (s System) appendContent(b []byte) (body []byte, text int) {
	if s.Cache != "" {
		b = append(b, `[{"type":"text","text":`...)
	}
	text = len(b) + 1 // behind the quote
	b = appendString(b, s.text())
	if s.Cache == "" {
		return b, text
	}
	b = append(b, `,"cache_control":{"type":"ephemeral"`...)
	if s.Cache == "1h" { // 5m is what the API takes without a ttl
		b = append(b, `,"ttl":"1h"`...)
	}
	return append(b, `}}]`...), text
}

// body writes a whole body. Its buffer is new: bodies outlive this call.
func (t *rendered) body(r *rand.Rand, seed uint64, index int) []byte {
	if t.Synthetic != nil {
		n := t.Synthetic.length(r, t.Model)
		b := append(make([]byte, 0, len(t.head)+n+len(tail)+64), t.head...)
		b = appendSynthetic(b, r, n, seed, index)
		return append(b, tail...)
	}
	prompt := t.Prompts[r.IntN(len(t.Prompts))]
	if t.Template && strings.Contains(prompt, "{{") {
		prompt = strings.NewReplacer("{{index}}", strconv.Itoa(index),
			"{{seed}}", strconv.FormatUint(seed, 10)).Replace(prompt)
	}
	b := append(make([]byte, 0, t.size), t.head...)
	return append(appendEscaped(b, prompt), tail...)
}

// field is a key of a plan's body and its value as it was written.
type field struct {
	key   string
	value json.RawMessage
}

// reserved are the keys a task sets by its own fields. A body that could change
// them would make records and bounds untrue.
var reserved = [...]string{"model", "max_tokens", "stream", "messages"}

// readBody splits the task's body into its keys, in the order they were written.
func readBody(t Task) ([]field, error) {
	if len(bytes.TrimSpace(t.Body)) == 0 {
		return nil, nil
	}
	if !json.Valid(t.Body) || !utf8.Valid(t.Body) || bytes.TrimSpace(t.Body)[0] != '{' {
		return nil, errors.New("body is not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(t.Body))
	_, _ = d.Token() // the opening brace; the object is known to be valid
	var fields []field
	seen := map[string]bool{}
	for d.More() {
		tok, err := d.Token()
		key, ok := tok.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("body is not a JSON object: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("body: %q: %w", key, err)
		}
		switch {
		case slices.Contains(reserved[:], key):
			return nil, fmt.Errorf("body sets %q, which the task itself decides", key)
		case key == "system" && t.System.Text != "":
			return nil, errors.New(`body sets "system", which the task has already`)
		case key == "system" && t.chat():
			return nil, errors.New(`body sets "system", which is a message in chat completions: set the task's own`)
		case seen[key]:
			return nil, fmt.Errorf("body sets %q twice", key)
		}
		seen[key] = true
		fields = append(fields, field{key, value})
	}
	if t.chat() {
		return inChat(fields)
	}
	return fields, nil
}

// appendString writes s as a JSON string.
func appendString(b []byte, s string) []byte {
	return append(appendEscaped(append(b, '"'), s), '"')
}

const hex = "0123456789abcdef"

// appendEscaped writes what stands between the quotes of a JSON string. Only
// what JSON demands is escaped; invalid UTF-8 becomes U+FFFD, as the API would
// refuse it.
func appendEscaped(b []byte, s string) []byte {
	from := 0 // start of the part that is still to be copied
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = appendControl(append(b, s[from:i]...), c)
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(append(b, s[from:i]...), "\ufffd"...)
			from = i + n
		}
		i += n
	}
	return append(b, s[from:]...)
}

// appendControl writes an ASCII character that may not stand for itself.
func appendControl(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
