package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// ParseConfig reads a configuration from YAML, or from JSON, which is YAML too;
// file is its name in mistakes. Its fields are the yaml tags of [Config]; what is
// not given is zero, except that a row of latency keeps what the table has. The
// error is Mistakes, all there are: what [New] would refuse is among them.
func ParseConfig(file string, src []byte) (Config, error) {
	c, _, ms := parseConfig(file, src, Config{})
	if len(ms) > 0 {
		return Config{}, ms
	}
	return c, nil
}

// parseConfig reads a configuration over another: a field that is given replaces
// all of it, null too. given are the fields there are.
func parseConfig(file string, src []byte, base Config) (c Config, given []string, ms Mistakes) {
	d := decoder{file: file, places: make(map[string]*yaml.Node)}
	root, err := document(src)
	if err != nil {
		return base, nil, Mistakes{syntax(file, err)}
	}
	if root != nil {
		given = d.object(root, "", reflect.ValueOf(&base).Elem())
	}
	for _, p := range base.withDefaults().problems() {
		d.mistakef(d.place(p.path), "%s", p)
	}
	d.mistakes.sort()
	return base, given, d.mistakes
}

// document returns the root of the only document, or nil if there is nothing.
func document(src []byte) (*yaml.Node, error) {
	l, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	var root *yaml.Node
	for {
		var doc yaml.Node
		switch err := l.Load(&doc); {
		case errors.Is(err, io.EOF):
			return root, nil
		case err != nil:
			return nil, err
		case len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null":
		case root != nil:
			return nil, errors.New("there is a second document: want one, without ---")
		default:
			root = doc.Content[0]
		}
	}
}

// syntax is the mistake that no tree can be made of a file.
func syntax(file string, err error) Mistake {
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		return Mistake{file, max(e.Mark.Line, 1), max(e.Mark.Column, 1), "not valid YAML: " + strings.Join(strings.Fields(e.Message), " ")}
	}
	return Mistake{file, 1, 1, "not valid YAML: " + strings.Join(strings.Fields(err.Error()), " ")}
}

// decoder reads a tree of nodes into the struct of a configuration, whose types
// and tags are the only table of fields there is. It gathers what is wrong.
type decoder struct {
	file     string
	places   map[string]*yaml.Node // of every value there is, by its path
	mistakes Mistakes
}

func (d *decoder) mistakef(n *yaml.Node, format string, args ...any) {
	m := Mistake{File: d.file, Line: 1, Column: 1, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		m.Line, m.Column = max(n.Line, 1), max(n.Column, 1)
	}
	d.mistakes = append(d.mistakes, m)
}

// place is where a path is, or the nearest that holds it.
func (d *decoder) place(path string) *yaml.Node {
	for {
		if n := d.places[path]; n != nil {
			return n
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return nil
		}
		path = path[:i]
	}
}

// under is the path of something inside of another.
func under(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// object reads a mapping into a struct and returns the fields that are given.
func (d *decoder) object(n *yaml.Node, path string, v reflect.Value) (given []string) {
	fields := fieldsOf(v.Type())
	d.pairs(n, path, func(k, value *yaml.Node) {
		f, ok := fields[k.Value]
		if !ok {
			d.mistakef(k, "unknown field %q%s", under(path, k.Value), guess(k.Value, slices.Sorted(maps.Keys(fields))))
			return
		}
		given = append(given, k.Value)
		d.value(value, under(path, k.Value), v.Field(f))
	})
	return given
}

// pairs goes through a mapping; what is none, and a key that comes twice, is a
// mistake.
func (d *decoder) pairs(n *yaml.Node, path string, each func(k, v *yaml.Node)) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.places[path] = n
	if n.Kind != yaml.MappingNode {
		what := "the configuration"
		if path != "" {
			what = path
		}
		d.mistakef(n, "%s is %s, want a mapping", what, describe(n))
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch line, twice := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			d.mistakef(k, "a field's name is %s, want text", describe(k))
		case twice:
			d.mistakef(k, "%q is given twice (first on line %d)", under(path, k.Value), line)
		default:
			seen[k.Value] = k.Line
			each(k, n.Content[i+1])
		}
	}
}

// value reads a node into a field, which it replaces.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.places[path] = n
	v.SetZero()
	if n.ShortTag() == "!!null" {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[Fault]():
		d.fault(n, path, v)
	case v.Kind() == reflect.Struct:
		d.object(n, path, v)
	case v.Kind() == reflect.Map:
		d.mapping(n, path, v)
	case v.Kind() == reflect.Slice:
		d.list(n, path, v)
	default:
		d.scalar(n, path, v)
	}
}

// mapping reads a mapping of names of the user's. A row of latency begins as it
// is in the table: what is not given stays.
func (d *decoder) mapping(n *yaml.Node, path string, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(k, value *yaml.Node) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(value, under(path, k.Value), item)
		if row, ok := measured()[k.Value]; ok && item.Type() == reflect.TypeFor[Latency]() {
			item.Set(reflect.ValueOf(row))
			if value.Kind == yaml.MappingNode {
				again := decoder{places: make(map[string]*yaml.Node)} // its mistakes are told already
				again.object(value, "", item)
			}
		}
		v.SetMapIndex(reflect.ValueOf(k.Value), item)
	})
}

func (d *decoder) list(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.mistakef(n, "%s is %s, want a list", path, describe(n))
		return
	}
	for i, item := range n.Content {
		one := reflect.New(v.Type().Elem()).Elem()
		d.value(item, under(path, strconv.Itoa(i)), one)
		v.Set(reflect.Append(v, one))
	}
}

// fault reads a fault: a mapping, or the text that [ParseFault] reads.
func (d *decoder) fault(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.object(n, path, v)
		return
	}
	f, err := ParseFault(n.Value)
	if err != nil {
		d.mistakef(n, "%s: %v", path, err)
		f = Fault{Kind: FaultNoUsage} // so that it is not refused once more
	}
	v.Set(reflect.ValueOf(f))
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value) {
	tag, text := n.ShortTag(), strings.TrimSpace(n.Value)
	number := tag == "!!int" || tag == "!!float"
	plain := strings.ReplaceAll(text, "_", "")
	want, err := "", error(nil)
	switch into := v.Addr().Interface().(type) {
	case *time.Duration:
		want = "a time such as 500ms, 1.5s or 2m"
		if *into, err = time.ParseDuration(text); number && err != nil {
			want = "a unit as well: " + text + "s for seconds, or ms, m, h"
		}
	case *string:
		if want = "text"; number || tag == "!!bool" {
			want = "text: put it in quotes"
		}
		if *into = n.Value; tag != "!!str" {
			err = errors.ErrUnsupported
		}
	case *bool:
		want = "true or false"
		if *into, err = strconv.ParseBool(strings.ToLower(text)); tag != "!!bool" {
			err = errors.ErrUnsupported
		}
	case *int:
		want = "a whole number"
		*into, err = strconv.Atoi(plain)
	case *uint64:
		want = "a whole number, 0 or more"
		*into, err = strconv.ParseUint(plain, 10, 64)
	case *float64:
		want = "a number"
		if *into, err = strconv.ParseFloat(plain, 64); !number {
			err = errors.ErrUnsupported
		}
	default:
		err = errors.ErrUnsupported // a type of field without a form: a test finds it
	}
	if err != nil || n.Kind != yaml.ScalarNode {
		d.mistakef(n, "%s is %s, want %s", path, describe(n), want)
		v.SetZero()
	}
}

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
	case "!!int", "!!float", "!!bool":
		return n.Value
	}
	text := n.Value
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	return strconv.Quote(text)
}
