package plan

import (
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/tokenload/tokenload/internal/workload"
)

const (
	defaultMaxTokens = 512
	mostTokens       = 10_000_000 // of one request; beyond every model there is
	mostWeight       = 1e9
	longestName      = 80
	leastCold        = 0.01 // of the calls with a system prompt
	mostCold         = 0.99
)

// defaults are what a task has that does not say otherwise.
type defaults struct {
	api       string // the target's
	model     string
	maxTokens int
	stream    bool
}

var defaultsFields = []field[defaults]{
	filledField("model", func(v *defaults) *string { return &v.model }),
	wholeField("max_tokens", 1, mostTokens, func(v *defaults) *int { return &v.maxTokens }),
	boolField("stream", func(v *defaults) *bool { return &v.stream }),
}

// task is a task being read.
type task struct {
	workload.Task
	from  string // where its prompts come from
	place object
}

var taskFields = []field[task]{
	{"name", func(d *decoder, n *yaml.Node, v *task) { v.Name = d.label(n, "the name of a task") }},
	numberField("weight", 0, mostWeight, func(v *task) *float64 { return &v.Weight }),
	filledField("model", func(v *task) *string { return &v.Model }),
	wholeField("max_tokens", 1, mostTokens, func(v *task) *int { return &v.MaxTokens }),
	boolField("stream", func(v *task) *bool { return &v.Stream }),
	{"system", func(d *decoder, n *yaml.Node, v *task) { v.System = d.system(n) }},
	{"prompts", func(d *decoder, n *yaml.Node, v *task) { d.prompts(n, v) }},
	{"synthetic", func(d *decoder, n *yaml.Node, v *task) {
		v.Synthetic, v.from = d.synthetic(n), "synthetic, "+workload.Method()
	}},
	{"body", func(d *decoder, n *yaml.Node, v *task) { v.Body = d.body(n) }},
}

// tasks reads the defaults and the tasks.
func (d *decoder) tasks(root object, v doc, target Target) []task {
	def := defaults{api: target.API, maxTokens: defaultMaxTokens, stream: true}
	if v.defaults != nil {
		decodeObject(d, v.defaults, "defaults", defaultsFields, &def)
	}
	if v.tasks == nil && !root.lacks("tasks") {
		return nil
	}
	if v.tasks == nil {
		d.mistakef(root.key("tasks"), "no tasks: a plan needs at least one")
		return nil
	}
	items := d.list(v.tasks, "tasks", "tasks")
	if v.tasks.Kind == yaml.SequenceNode && len(items) == 0 {
		d.mistakef(v.tasks, "no tasks: a plan needs at least one")
	}
	list := make([]task, 0, len(items))
	for _, n := range items {
		list = append(list, d.task(n, def))
	}
	d.together(v.tasks, list)
	return list
}

func (d *decoder) task(n *yaml.Node, def defaults) task {
	t := task{Task: workload.Task{API: def.api, Weight: 1, Model: def.model, MaxTokens: def.maxTokens, Stream: def.stream}}
	before := len(d.mistakes)
	t.place = decodeObject(d, n, "task", taskFields, &t)
	if !t.place.ok {
		return t
	}
	d.complete(n, &t, def)
	if s := t.Synthetic; s != nil && s.OutputTokens > 0 {
		if t.place.has("max_tokens") && t.MaxTokens < s.OutputTokens {
			d.mistakef(t.place.values["max_tokens"], "max_tokens is %d, too few for the %d output_tokens of synthetic", t.MaxTokens, s.OutputTokens)
		}
		if !t.place.has("max_tokens") {
			t.MaxTokens = s.OutputTokens
		}
	}
	if t.Body != nil {
		d.againstBody(&t)
	}
	d.cold(&t)
	if len(d.mistakes) == before {
		if err := t.Validate(); err != nil {
			d.mistakef(n, "task %q: %s", t.Name, oneLine(err.Error()))
		}
	}
	return t
}

// againstBody checks what a task and its body both have a say in.
func (d *decoder) againstBody(t *task) {
	body := t.place.values["body"]
	chat := Target{API: t.API}.Chat()
	if k := keyOf(body, "system"); k != body && t.System.Text != "" {
		d.mistakef(k, "body sets \"system\", and the task has a system prompt of its own")
	} else if k != body && chat {
		d.mistakef(k, "body sets \"system\", which api chat has as a message: set it as the task's own system")
	}
	const newer = "max_completion_tokens"
	v := lookup(body, newer)
	if v == nil || !chat {
		return
	}
	n, ok := d.whole(v, newer, 1, mostTokens)
	if ok && t.place.has("max_tokens") && n != t.MaxTokens {
		d.mistakef(v, "%s is %d, and the task's max_tokens %d: give one of them", newer, n, t.MaxTokens)
	}
	if ok {
		t.MaxTokens = n
	}
}

// cold checks that what is to be cold can be warm, too.
func (d *decoder) cold(t *task) {
	system := t.place.values["system"]
	if t.System.Cold == 0 || (Target{API: t.API}).Chat() {
		return
	}
	if v := lookup(system, "cache"); v != nil && !null(v) {
		return // there, if perhaps not rightly
	}
	d.mistakef(keyOf(system, "cold"), "cold without cache: nothing is cached, so every call is cold; set cache: 5m or 1h beside it")
}

// complete checks that a task has what it needs.
func (d *decoder) complete(n *yaml.Node, t *task, def defaults) {
	if t.place.lacks("name") {
		d.mistakef(n, "a task without a name")
	}
	if t.place.lacks("model") && def.model == "" {
		d.mistakef(n, "task %q has no model: give it one, or set defaults.model", t.Name)
	}
	switch given := t.place.given("prompts", "synthetic"); {
	case t.place.lacks("prompts", "synthetic"):
		d.mistakef(n, "task %q has no prompts: give it prompts or synthetic", t.Name)
	case len(given) == 2:
		d.mistakef(t.place.key("synthetic"), "task %q has both prompts and synthetic: one of them", t.Name)
	}
}

// together checks what only all the tasks can tell.
func (d *decoder) together(n *yaml.Node, list []task) {
	lines, total, known := map[string]int{}, 0.0, true
	for _, t := range list {
		known = known && t.place.ok && (!t.place.has("weight") || t.place.values["weight"].Kind == yaml.ScalarNode)
		total += t.Weight
		if t.Name == "" {
			continue
		}
		name := t.place.place("name")
		if line, twice := lines[t.Name]; twice {
			d.mistakef(name, "task %q is there twice (first on line %d)", t.Name, line)
			continue
		}
		lines[t.Name] = name.Line
	}
	if len(list) > 0 && known && total == 0 {
		d.mistakef(n, "every task has weight 0: give one of them more")
	}
}

// label reads a name that reports and selectors will show.
func (d *decoder) label(n *yaml.Node, noun string) string {
	s, ok := d.text(n, noun)
	switch {
	case !ok:
	case strings.TrimSpace(s) == "":
		d.mistakef(n, "%s is empty", noun)
	case strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl):
		d.mistakef(n, "%s is %s: leave out line breaks and blanks around it", noun, excerpt(s))
	case len([]rune(s)) > longestName:
		d.mistakef(n, "%s has %d characters, want at most %d", noun, len([]rune(s)), longestName)
	default:
		return s
	}
	return ""
}

// systemPrompt is the long form of a system prompt.
type systemPrompt struct {
	text, file *yaml.Node
	cache      string
	cold       float64
}

func ttls() []string { return []string{"5m", "1h"} }

var systemFields = []field[systemPrompt]{
	nodeField("text", func(v *systemPrompt) **yaml.Node { return &v.text }),
	nodeField("file", func(v *systemPrompt) **yaml.Node { return &v.file }),
	choiceField("cache", ttls(), func(v *systemPrompt) *string { return &v.cache }),
	numberField("cold", leastCold, mostCold, func(v *systemPrompt) *float64 { return &v.cold }),
}

func (d *decoder) system(n *yaml.Node) workload.System {
	if n.Kind == yaml.ScalarNode {
		s, _ := d.filled(n, "system")
		return workload.System{Text: s}
	}
	var v systemPrompt
	o := decodeObject(d, n, "system", systemFields, &v)
	switch given := o.given("text", "file"); {
	case !o.ok:
	case o.lacks("text", "file") || len(given) == 2:
		d.mistakef(n, "system needs one of text and file, has %s", count(given))
	case v.text != nil:
		s, _ := d.filled(v.text, "text")
		return workload.System{Text: s, Cache: v.cache, Cold: v.cold}
	case v.file != nil:
		return workload.System{Text: d.systemFile(v.file), Cache: v.cache, Cold: v.cold}
	}
	return workload.System{}
}

func (d *decoder) systemFile(n *yaml.Node) string {
	name, ok := d.filled(n, "file")
	if !ok {
		return ""
	}
	b, ok := d.readFile(n, name)
	if !ok {
		return ""
	}
	if _, _, bad := badByte(b); bad {
		d.mistakef(n, "file %q is not UTF-8 text", name)
		return ""
	}
	if strings.TrimSpace(string(b)) == "" {
		d.mistakef(n, "file %q is empty", name)
	}
	return string(b)
}

// filled reads a text that must not be empty.
func (d *decoder) filled(n *yaml.Node, noun string) (string, bool) {
	s, ok := d.text(n, noun)
	if ok && strings.TrimSpace(s) == "" {
		d.mistakef(n, "%s is empty", noun)
		return "", false
	}
	return s, ok
}

func count(given []string) string {
	switch len(given) {
	case 0:
		return "none"
	case 1:
		return given[0]
	}
	return strings.Join(given, " and ")
}

var promptsFields = []field[*yaml.Node]{
	nodeField("file", func(v **yaml.Node) **yaml.Node { return v }),
}

// prompts reads a list of prompts, or the name of a file of them.
func (d *decoder) prompts(n *yaml.Node, t *task) {
	if n.Kind == yaml.SequenceNode {
		if len(n.Content) == 0 {
			d.mistakef(n, "prompts is an empty list")
		}
		t.Prompts, t.Template = d.texts(n, "prompts"), true
		t.from = fmt.Sprintf("%d inline", len(t.Prompts))
		return
	}
	if n.Kind == yaml.ScalarNode {
		d.mistakef(n, "prompts is %s, want a list (put a - before it) or {file: questions.jsonl}", describe(n))
		return
	}
	var file *yaml.Node
	if o := decodeObject(d, n, "prompts", promptsFields, &file); o.lacks("file") {
		d.mistakef(n, "prompts needs a file, or is a list of texts")
	}
	if file == nil {
		return
	}
	if name, ok := d.filled(file, "file"); ok {
		t.Prompts = d.promptFile(file, name)
		t.from = fmt.Sprintf("%d from %s", len(t.Prompts), name)
	}
}

// synthetic is the wanted size of prompts that are made up.
type synthetic struct {
	input *yaml.Node
	workload.Synthetic
}

var syntheticFields = []field[synthetic]{
	nodeField("input_tokens", func(v *synthetic) **yaml.Node { return &v.input }),
	wholeField("output_tokens", 1, mostTokens, func(v *synthetic) *int { return &v.OutputTokens }),
}

var lengthFields = []field[synthetic]{
	wholeField("p50", 1, mostTokens, func(v *synthetic) *int { return &v.P50 }),
	wholeField("p95", 1, mostTokens, func(v *synthetic) *int { return &v.P95 }),
}

func (d *decoder) synthetic(n *yaml.Node) *workload.Synthetic {
	var v synthetic
	o := decodeObject(d, n, "synthetic", syntheticFields, &v)
	switch {
	case !o.ok:
	case v.input == nil && !o.lacks("input_tokens"): // misspelt
	case v.input == nil:
		d.mistakef(n, "synthetic needs input_tokens, such as {p50: 1000, p95: 4000} or 1000")
	case v.input.Kind == yaml.ScalarNode:
		v.P50, _ = d.whole(v.input, "input_tokens", 1, mostTokens)
	default:
		length := decodeObject(d, v.input, "input_tokens", lengthFields, &v)
		if length.lacks("p50") {
			d.mistakef(v.input, "input_tokens needs p50")
		}
		if v.P95 != 0 && v.P95 < v.P50 {
			d.mistakef(length.values["p95"], "p95 is %d, want at least p50, which is %d", v.P95, v.P50)
		}
	}
	return &v.Synthetic
}
