package plan

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Options says what a plan's surroundings are.
type Options struct {
	// FS is the plan's folder. Files of prompts, system prompts and
	// certificates are read from it. Nil has no files.
	FS fs.FS
	// Dir is the path of that folder, put before Target.CAFile and before the
	// names given to ReadFile. "" is the current folder.
	Dir string
	// ReadFile reads what lies outside the plan's folder: an absolute path or
	// one with "..". Nil refuses such files.
	ReadFile func(name string) ([]byte, error)
	// Set are overrides, "path=value", applied in order before anything is
	// decoded: load.users.count=5, tasks.0.max_tokens=64, tasks.simple.weight=2.
	// The value is YAML.
	Set []string
	// RequireBudget says whether a run against this target needs a budget. Nil
	// asks for one when the plan names a target that is not the simulator.
	RequireBudget func(Target) bool
}

// Parse reads and checks a plan. Name is what mistakes call it, and gives the
// plan its name where it has none. The error, if any, is of type [Mistakes].
func Parse(name string, src []byte, o Options) (*Plan, error) {
	d := &decoder{file: name, o: o, origin: map[*yaml.Node]string{}, mispriced: map[string]bool{}}
	var p *Plan
	if root := d.root(src, emptyPlan); root != nil {
		for _, s := range o.Set {
			d.override(root, s)
		}
		p = d.plan(root)
	}
	if len(d.mistakes) > 0 {
		return nil, d.mistakes.sorted(name)
	}
	p.Source = bytes.Clone(src)
	return p, nil
}

const emptyPlan = "the plan is empty: `tokenload init` writes one to start from"

// root returns the root of the one document in src, or nil. Empty is what is said
// where there is none.
func (d *decoder) root(src []byte, empty string) *yaml.Node {
	place := &yaml.Node{Line: 1, Column: 1}
	if line, column, bad := badByte(src); bad {
		d.mistakef(&yaml.Node{Line: line, Column: column}, "not text: a control character, or bytes that are not UTF-8")
		return nil
	}
	docs, err := documents(src)
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		d.mistakef(&yaml.Node{Line: e.Mark.Line, Column: e.Mark.Column}, "not valid YAML: %s", syntax(e, src))
		return nil
	}
	switch {
	case err != nil:
		d.mistakef(place, "not valid YAML: %s", strings.Join(strings.Fields(err.Error()), " "))
	case len(docs) == 0 || null(docs[0]) && len(docs) == 1:
		d.mistakef(place, "%s", empty)
	case len(docs) > 1:
		d.mistakef(docs[1], "a second document begins here: want one document, without ---")
	default:
		return d.expanded(docs[0])
	}
	return nil
}

// documents returns the contents of the first two documents at most.
func documents(src []byte) ([]*yaml.Node, error) {
	l, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	var docs []*yaml.Node
	for len(docs) < 2 {
		var doc yaml.Node
		if err := l.Load(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if len(doc.Content) > 0 {
			docs = append(docs, doc.Content[0])
		}
	}
	return docs, nil
}

// syntax says what the parser does not like, and the usual reason where it does not.
func syntax(e *yaml.LoadError, src []byte) string {
	lines := bytes.Split(src, []byte("\n"))
	if i := e.Mark.Line - 1; i >= 0 && i < len(lines) && bytes.Contains(leading(lines[i]), []byte("\t")) {
		return "a tab cannot indent a line: use spaces"
	}
	return strings.Join(strings.Fields(e.Message), " ")
}

func leading(line []byte) []byte { return line[:len(line)-len(bytes.TrimLeft(line, " \t"))] }

// badByte finds the first byte that no YAML may have; the parser does not say where it is.
func badByte(src []byte) (line, column int, bad bool) {
	line, column = 1, 1
	for len(src) > 0 {
		r, size := utf8.DecodeRune(src)
		switch {
		case r == utf8.RuneError && size == 1, r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			return line, column, true
		case r == '\n':
			line, column = line+1, 0
		}
		src, column = src[size:], column+1
	}
	return 0, 0, false
}

// doc is the plan as it stands in the file, section by section.
type doc struct {
	version                 int
	name                    string
	target, defaults, tasks *yaml.Node
	load, onLimit, budget   *yaml.Node
	prices, checks, slo     *yaml.Node
	thresholds, seed, sim   *yaml.Node
	gracefulStop, warmUp    *yaml.Node
}

var planFields = []field[doc]{
	{"version", func(d *decoder, n *yaml.Node, v *doc) { store(&v.version)(d.version(n)) }},
	{"name", func(d *decoder, n *yaml.Node, v *doc) { store(&v.name)(d.planName(n)) }},
	nodeField("target", func(v *doc) **yaml.Node { return &v.target }),
	nodeField("defaults", func(v *doc) **yaml.Node { return &v.defaults }),
	nodeField("tasks", func(v *doc) **yaml.Node { return &v.tasks }),
	nodeField("load", func(v *doc) **yaml.Node { return &v.load }),
	nodeField("graceful_stop", func(v *doc) **yaml.Node { return &v.gracefulStop }),
	nodeField("warm_up", func(v *doc) **yaml.Node { return &v.warmUp }),
	nodeField("on_limit", func(v *doc) **yaml.Node { return &v.onLimit }),
	nodeField("budget", func(v *doc) **yaml.Node { return &v.budget }),
	nodeField("prices", func(v *doc) **yaml.Node { return &v.prices }),
	nodeField("checks", func(v *doc) **yaml.Node { return &v.checks }),
	nodeField("slo", func(v *doc) **yaml.Node { return &v.slo }),
	nodeField("thresholds", func(v *doc) **yaml.Node { return &v.thresholds }),
	nodeField("seed", func(v *doc) **yaml.Node { return &v.seed }),
	nodeField("sim", func(v *doc) **yaml.Node { return &v.sim }),
}
