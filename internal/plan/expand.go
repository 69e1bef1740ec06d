package plan

import (
	"go.yaml.in/yaml/v4"
)

const (
	mostNodes = 250_000 // aliases may multiply a small file without end
	mostDepth = 100
)

// expander copies a tree with its aliases and merge keys written out, so that
// nothing after it meets either. What it copies keeps its place in the file.
type expander struct {
	d       *decoder
	nodes   int
	stopped bool // a bound was passed, and a mistake says so
}

// expanded returns a tree without aliases, or nil where it has no end.
func (d *decoder) expanded(n *yaml.Node) *yaml.Node {
	e := expander{d: d}
	if n = e.expand(n, 0); e.stopped {
		return nil
	}
	return n
}

func (e *expander) expand(n *yaml.Node, depth int) *yaml.Node {
	if e.nodes++; e.stop(n, depth) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null", Line: n.Line, Column: n.Column}
	}
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return e.expand(n.Alias, depth+1)
	}
	c := *n
	c.Anchor, c.Alias, c.Content = "", nil, nil
	if n.Kind == yaml.MappingNode {
		e.mapping(&c, n.Content, depth)
		return &c
	}
	for _, child := range n.Content {
		c.Content = append(c.Content, e.expand(child, depth+1))
	}
	return &c
}

func (e *expander) stop(n *yaml.Node, depth int) bool {
	if !e.stopped && depth > mostDepth {
		e.stopped = true
		e.d.mistakef(n, "nested too deeply, or an alias that contains itself")
	}
	if !e.stopped && e.nodes > mostNodes {
		e.stopped = true
		e.d.mistakef(n, "the plan has more than %d values once its aliases are written out", mostNodes)
	}
	return e.stopped
}

// mapping copies pairs and then adds those of merge keys ("<<") that the
// mapping does not have itself.
func (e *expander) mapping(into *yaml.Node, content []*yaml.Node, depth int) {
	have := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(content); i += 2 {
		if content[i].ShortTag() == "!!merge" {
			merged = append(merged, content[i+1])
			continue
		}
		have[content[i].Value] = true
		into.Content = append(into.Content, e.expand(content[i], depth+1), e.expand(content[i+1], depth+1))
	}
	for _, m := range merged {
		e.merge(into, e.expand(m, depth+1), have)
	}
}

func (e *expander) merge(into, from *yaml.Node, have map[string]bool) {
	switch from.Kind {
	case yaml.SequenceNode:
		for _, m := range from.Content {
			e.merge(into, m, have)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			if k := from.Content[i]; !have[k.Value] {
				have[k.Value] = true
				into.Content = append(into.Content, k, from.Content[i+1])
			}
		}
	default:
		e.d.mistakef(from, "<< is %s, want a mapping to take fields from", describe(from))
	}
}
