package plan

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// body turns a task's body into a JSON object, keys in the plan's order.
func (d *decoder) body(n *yaml.Node) json.RawMessage {
	before := len(d.mistakes)
	o := d.object(n, "body", nil)
	if len(d.mistakes) > before {
		return nil
	}
	for _, key := range []string{"model", "max_tokens", "stream"} {
		if k := o.keys[key]; k != nil {
			d.mistakef(k, "body sets %q: set it as the task's own %s", key, key)
		}
	}
	if k := o.keys["messages"]; k != nil {
		d.mistakef(k, "body sets \"messages\": the task's prompts make them")
	}
	var b bytes.Buffer
	d.json(&b, n)
	return b.Bytes()
}

// json writes a node as JSON. What JSON cannot say is a mistake.
func (d *decoder) json(b *bytes.Buffer, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			d.pair(b, n.Content[i], n.Content[i+1], seen)
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			d.json(b, item)
		}
		b.WriteByte(']')
	default:
		d.jsonScalar(b, n)
	}
}

func (d *decoder) pair(b *bytes.Buffer, k, v *yaml.Node, seen map[string]bool) {
	if k.Kind != yaml.ScalarNode {
		d.mistakef(k, "a key in body is %s, want text", describe(k))
		return
	}
	if seen[k.Value] {
		d.mistakef(k, "%q is given twice", k.Value)
		return
	}
	if len(seen) > 0 {
		b.WriteByte(',')
	}
	seen[k.Value] = true
	quote(b, k.Value)
	b.WriteByte(':')
	d.json(b, v)
}

func (d *decoder) jsonScalar(b *bytes.Buffer, n *yaml.Node) {
	switch n.ShortTag() {
	case "!!null":
		b.WriteString("null")
	case "!!bool":
		b.WriteString(strings.ToLower(n.Value))
	case "!!int", "!!float":
		d.jsonNumber(b, n)
	case "!!str", "!!timestamp":
		quote(b, n.Value)
	default:
		d.mistakef(n, "a value in body is %s, which JSON does not have", describe(n))
		b.WriteString("null")
	}
}

// jsonNumber keeps the digits of a number that JSON can write as they are.
func (d *decoder) jsonNumber(b *bytes.Buffer, n *yaml.Node) {
	if json.Valid([]byte(n.Value)) {
		b.WriteString(n.Value)
		return
	}
	var i int64
	var f float64
	if n.ShortTag() == "!!int" && n.Decode(&i) == nil {
		b.WriteString(strconv.FormatInt(i, 10))
		return
	}
	if n.Decode(&f) == nil {
		if j, err := json.Marshal(f); err == nil {
			b.Write(j)
			return
		}
	}
	d.mistakef(n, "a value in body is %s, which JSON does not have", describe(n))
	b.WriteString("null")
}

// quote writes a JSON string. Unlike json.Marshal it leaves <, > and & as they are.
func quote(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string into a buffer cannot fail
	b.Truncate(b.Len() - 1)
}
