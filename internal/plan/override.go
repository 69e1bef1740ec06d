package plan

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// override applies one "path=value" to the tree, before anything is decoded.
// Mistakes in what it puts there are told at "--set path".
func (d *decoder) override(root *yaml.Node, set string) {
	segments, value, ok := cutPath(set)
	path := strings.TrimSuffix(set[:len(set)-len(value)], "=")
	here := &yaml.Node{}
	d.origin[here] = path
	if !ok {
		d.origin[here] = excerpt(set)
		d.mistakef(here, "want path=value, such as load.users.count=5 or tasks.0.max_tokens=64")
		return
	}
	n := d.valueNode(here, path, value)
	if n == nil {
		return
	}
	o := setter{d: d, here: here, path: path}
	o.put(root, segments, n)
}

// cutPath splits "a.b.c=value" into a, b, c and the value. Dots and equal signs
// inside double quotes or braces belong to the name: thresholds.ttft{model:a.b}=…
// and prices."gpt-4.1".input=…
func cutPath(s string) (segments []string, value string, ok bool) {
	var b strings.Builder
	quoted, depth := false, 0
	for i, r := range s {
		inside := quoted || depth > 0
		switch {
		case r == '"' && depth == 0:
			quoted = !quoted
			continue
		case r == '{' && !quoted:
			depth++
		case r == '}' && !quoted:
			depth--
		case !inside && (r == '.' || r == '='):
			segments = append(segments, b.String())
			b.Reset()
			if r == '=' {
				return segments, s[i+1:], !slices.Contains(segments, "")
			}
			continue
		}
		b.WriteRune(r)
	}
	return nil, "", false
}

// valueNode reads the value of an override as YAML and marks all of it as the override's.
func (d *decoder) valueNode(here *yaml.Node, path, value string) *yaml.Node {
	if _, _, bad := badByte([]byte(value)); bad {
		d.mistakef(here, "not text: a control character, or bytes that are not UTF-8")
		return nil
	}
	docs, err := documents([]byte(value))
	switch {
	case err != nil:
		d.mistakef(here, "not valid YAML: %s", excerpt(value))
		return nil
	case len(docs) > 1:
		d.mistakef(here, "more than one document: want one value")
		return nil
	case len(docs) == 0:
		docs = []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}}
	}
	d.mark(docs[0], path)
	n := d.expanded(docs[0])
	if n != nil {
		d.mark(n, path)
	}
	return n
}

func (d *decoder) mark(n *yaml.Node, path string) {
	d.origin[n] = path
	for _, c := range n.Content {
		d.mark(c, path)
	}
}

// setter puts one value into a tree.
type setter struct {
	d    *decoder
	here *yaml.Node
	path string
}

func (s setter) put(n *yaml.Node, segments []string, value *yaml.Node) {
	name, last := segments[0], len(segments) == 1
	at := -1
	switch {
	case n.Kind == yaml.MappingNode:
		at = s.pair(n, name, last)
	case n.Kind == yaml.SequenceNode:
		at = s.item(n, name)
	default:
		s.d.mistakef(s.here, "nothing can be set below %s", describe(n))
	}
	switch {
	case at < 0:
	case last:
		n.Content[at] = value
	default:
		s.put(n.Content[at], segments[1:], value)
	}
}

// pair returns where a mapping has the value of a key, which it makes if need be.
func (s setter) pair(n *yaml.Node, name string, last bool) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != name {
			continue
		}
		if v := n.Content[i+1]; !last && null(v) {
			n.Content[i+1] = s.mapping(v.Line, v.Column)
		}
		return i + 1
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}
	s.d.origin[key] = s.path
	n.Content = append(n.Content, key, s.mapping(0, 0))
	return len(n.Content) - 1
}

func (s setter) mapping(line, column int) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: line, Column: column}
	s.d.origin[n] = s.path
	return n
}

// item returns where a list has an item: by its number from 0, or by its name.
func (s setter) item(n *yaml.Node, name string) int {
	var names []string
	for i, item := range n.Content {
		if v := lookup(item, "name"); item.Kind == yaml.MappingNode && v != nil {
			if v.Value == name {
				return i
			}
			names = append(names, v.Value)
		}
	}
	i, err := strconv.Atoi(name)
	if err == nil && i >= 0 && i < len(n.Content) {
		return i
	}
	s.d.mistakef(s.here, "the list has no item %q%s: it has %d, numbered from 0", name, guess(name, names), len(n.Content))
	return -1
}
