package sim

import (
	"encoding/json"
	"maps"
	"slices"
)

// schema is the part of JSON Schema that example answers are made from.
type schema struct {
	Type       json.RawMessage            `json:"type"`
	Const      json.RawMessage            `json:"const"`
	Enum       []json.RawMessage          `json:"enum"`
	Properties map[string]json.RawMessage `json:"properties"`
	Items      json.RawMessage            `json:"items"`
}

// example appends a JSON value of a schema's shape, every property set, with
// text as the value of strings. Depth is bounded; beyond it comes null.
func example(b []byte, raw json.RawMessage, text string, depth int) []byte {
	var s schema
	if depth == 0 || json.Unmarshal(raw, &s) != nil {
		return append(b, "null"...)
	}
	switch {
	case len(s.Const) > 0:
		return append(b, s.Const...)
	case len(s.Enum) > 0:
		return append(b, s.Enum[0]...)
	}
	switch s.kind() {
	case "string":
		return appendQuoted(b, text)
	case "number", "integer":
		return append(b, '7')
	case "boolean":
		return append(b, "true"...)
	case "array":
		b = append(b, '[')
		if len(s.Items) > 0 {
			b = example(b, s.Items, text, depth-1)
		}
		return append(b, ']')
	case "object":
		b = append(b, '{')
		for i, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, name), ':')
			b = example(b, s.Properties[name], text, depth-1)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// kind is the schema's type, the first where it has several.
func (s schema) kind() string {
	var one string
	var many []string
	switch {
	case json.Unmarshal(s.Type, &one) == nil:
		return one
	case json.Unmarshal(s.Type, &many) == nil && len(many) > 0:
		return many[0]
	case s.Properties != nil:
		return "object"
	}
	return ""
}
