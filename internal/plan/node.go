package plan

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder walks the node tree of one plan and gathers what is wrong with it.
type decoder struct {
	file     string                // the plan's name in mistakes
	o        Options               // where other files are read from
	origin   map[*yaml.Node]string // nodes that came from an override: its path
	mistakes Mistakes

	mispriced map[string]bool // models in whose prices there is a mistake, or everyModel
}

// mistakef adds a mistake at a node's place.
func (d *decoder) mistakef(n *yaml.Node, format string, args ...any) {
	m := Mistake{File: d.file, Line: max(n.Line, 1), Column: max(n.Column, 1), Text: fmt.Sprintf(format, args...)}
	if path, ok := d.origin[n]; ok {
		m.File, m.Line, m.Column = overrideFile+path, 1, 1
	}
	d.mistakes = append(d.mistakes, m)
}

// field is one key of a mapping and how its value is read into a T. The tables
// of fields are the only place that knows which keys exist; the schema is
// tested against them.
type field[T any] struct {
	name string
	set  func(d *decoder, n *yaml.Node, v *T)
}

func names[T any](fields []field[T]) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return list
}

// object is a mapping as it was found: the places of its keys and values. A key
// whose value is null counts as not given.
type object struct {
	node   *yaml.Node
	ok     bool            // it is a mapping
	meant  map[string]bool // fields that an unknown one probably is
	keys   map[string]*yaml.Node
	values map[string]*yaml.Node
}

func (o object) has(name string) bool { return o.values[name] != nil }

// lacks reports whether none of the fields is there, nor one of them just
// misspelt: that has been told.
func (o object) lacks(names ...string) bool {
	return o.ok && !slices.ContainsFunc(names, func(name string) bool { return o.has(name) || o.meant[name] })
}

// place returns the value of a key, or the whole mapping where it is absent.
func (o object) place(name string) *yaml.Node {
	if v := o.values[name]; v != nil {
		return v
	}
	return o.node
}

// key returns the node of a key itself, or the whole mapping where it is absent.
func (o object) key(name string) *yaml.Node {
	if k := o.keys[name]; k != nil {
		return k
	}
	return o.node
}

// given lists those of the names that are there, in the order asked for.
func (o object) given(names ...string) []string {
	var list []string
	for _, name := range names {
		if o.has(name) {
			list = append(list, name)
		}
	}
	return list
}

// decodeObject reads a mapping by its table of fields. Unknown and repeated
// keys, and a value that is no mapping at all, are mistakes.
func decodeObject[T any](d *decoder, n *yaml.Node, noun string, fields []field[T], v *T) object {
	o := d.object(n, noun, names(fields))
	for _, f := range fields {
		if o.has(f.name) {
			f.set(d, o.values[f.name], v)
		}
	}
	return o
}

// object indexes a mapping. A nil known accepts every key.
func (d *decoder) object(n *yaml.Node, noun string, known []string) object {
	o := object{node: n, meant: map[string]bool{}, keys: map[string]*yaml.Node{}, values: map[string]*yaml.Node{}}
	if n.Kind != yaml.MappingNode {
		want := "a mapping"
		if known != nil {
			want += " with " + orList(known)
		}
		d.mistakef(n, "%s is %s, want %s", noun, describe(n), want)
		return o
	}
	o.ok = true
	for i := 0; i+1 < len(n.Content); i += 2 {
		d.index(&o, noun, known, n.Content[i], n.Content[i+1])
	}
	return o
}

func (d *decoder) index(o *object, noun string, known []string, k, v *yaml.Node) {
	if k.Kind != yaml.ScalarNode {
		d.mistakef(k, "a field name in %s is %s, want text", noun, describe(k))
		return
	}
	if before := o.keys[k.Value]; before != nil {
		d.mistakef(k, "%q is given twice in %s (first on line %d)", k.Value, noun, before.Line)
		return
	}
	if known != nil && !slices.Contains(known, k.Value) {
		o.meant[nearest(k.Value, known)] = true
		d.mistakef(k, "unknown field %q in %s%s", k.Value, noun, guess(k.Value, known))
		return
	}
	o.keys[k.Value] = k
	if !null(v) {
		o.values[k.Value] = v
	}
}

// list returns the items of a list; anything else is a mistake.
func (d *decoder) list(n *yaml.Node, noun, of string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		d.mistakef(n, "%s is %s, want a list of %s", noun, describe(n), of)
		return nil
	}
	return n.Content
}

func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// describe says what a node is, for people.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return n.Value
	case "!!str", "!!timestamp":
		return "the text " + excerpt(n.Value)
	}
	return "of type " + n.ShortTag()
}

// excerpt quotes a text, cut to what fits on a line.
func excerpt(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// scalar returns the text of a scalar, as it was written, without the blanks around it.
func scalar(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

// lookup returns the value of a mapping's key, or nil.
func lookup(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
