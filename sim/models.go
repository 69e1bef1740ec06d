package sim

import "slices"

// model is one row of the model list: its names and the rules that differ
// between models. Everything else follows from generation and family.
type model struct {
	id         string // what answers carry; dated up to 4.5
	alias      string // the dateless name of a dated id, else ""
	display    string
	created    string // date of release
	family     string // fable, mythos, opus, sonnet, haiku
	generation int    // 45 is 4.5
	class      string // the rate-limit bucket it draws from
	latency    string // its row in the latency table
	minCache   int    // shortest prefix that is cached, tokens
	context    int    // tokens
	maxTokens  int    // largest max_tokens
}

// models is the list served, from the model table of the API documentation and
// release notes (August to November 2026). Latency rows of models without
// public data are those of their family; see latency.go.
func models() []model {
	const big, small = 1_000_000, 200_000
	return []model{
		{"claude-fable-5-2", "", "Claude Fable 5.2", "2026-11-09", "fable", 52, "fable-5.x", "fable", 512, big, 128_000}, // minCache unconfirmed
		{"claude-mythos-5-2", "", "Claude Mythos 5.2", "2026-11-09", "mythos", 52, "mythos-5.x", "fable", 512, big, 128_000},
		{"claude-haiku-5-5", "", "Claude Haiku 5.5", "2026-10-07", "haiku", 55, "haiku-5.5", "haiku", 512, big, 128_000},
		{"claude-sonnet-5-5", "", "Claude Sonnet 5.5", "2026-09-28", "sonnet", 55, "sonnet-5.5", "sonnet-5", 512, big, 128_000},
		{"claude-opus-5-5", "", "Claude Opus 5.5", "2026-09-22", "opus", 55, "opus-5.5", "opus-5", 512, big, 128_000},
		{"claude-fable-5-1", "", "Claude Fable 5.1", "2026-09-01", "fable", 51, "fable-5.x", "fable", 512, big, 128_000},
		{"claude-mythos-5-1", "", "Claude Mythos 5.1", "2026-09-01", "mythos", 51, "mythos-5.x", "fable", 512, big, 128_000},
		{"claude-opus-5", "", "Claude Opus 5", "2026-07-24", "opus", 50, "opus-5", "opus-5", 512, big, 128_000},
		{"claude-sonnet-5", "", "Claude Sonnet 5", "2026-06-30", "sonnet", 50, "sonnet-5", "sonnet-5", 1024, big, 128_000},
		{"claude-fable-5", "", "Claude Fable 5", "2026-06-09", "fable", 50, "fable-5.x", "fable", 512, big, 128_000},
		{"claude-mythos-5", "", "Claude Mythos 5", "2026-06-09", "mythos", 50, "mythos-5.x", "fable", 512, big, 128_000},
		{"claude-opus-4-8", "", "Claude Opus 4.8", "2026-05-28", "opus", 48, "opus-4.x", "opus", 1024, big, 128_000},
		{"claude-opus-4-7", "", "Claude Opus 4.7", "2026-04-16", "opus", 47, "opus-4.x", "opus", 2048, big, 128_000},
		{"claude-sonnet-4-6", "", "Claude Sonnet 4.6", "2026-02-17", "sonnet", 46, "sonnet-4.x", "sonnet", 1024, big, 128_000},
		{"claude-opus-4-6", "", "Claude Opus 4.6", "2026-02-05", "opus", 46, "opus-4.x", "opus", 4096, big, 128_000},
		{"claude-opus-4-5-20251101", "claude-opus-4-5", "Claude Opus 4.5", "2025-11-01", "opus", 45, "opus-4.x", "opus", 4096, small, 64_000},
		{"claude-haiku-4-5-20251001", "claude-haiku-4-5", "Claude Haiku 4.5", "2025-10-01", "haiku", 45, "haiku-4.5", "haiku", 4096, small, 64_000},
		{"claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "Claude Sonnet 4.5", "2025-09-29", "sonnet", 45, "sonnet-4.x", "sonnet", 1024, small, 64_000},
	}
}

// Classes lists the rate-limit classes: models of one class share their limits.
// They are the keys of [Config.Limits] and the values of [Config.AnyModel].
func Classes() []string {
	var names []string
	for _, m := range models() {
		if !slices.Contains(names, m.class) {
			names = append(names, m.class)
		}
	}
	slices.Sort(names)
	return names
}

// newTokenizer: the 4.7 generation and later yield about 30 % more tokens.
func (m *model) newTokenizer() bool { return m.generation >= 47 }

// mythical: Fable and Mythos share every rule.
func (m *model) mythical() bool { return m.family == "fable" || m.family == "mythos" }

// alwaysThinks: "disabled" is refused.
func (m *model) alwaysThinks() bool {
	return m.mythical() || m.family == "opus" && m.generation >= 55
}

// defaultEffort is published for the 5.x models; that of the others is an assumption.
func (m *model) defaultEffort() string {
	if m.generation >= 55 && m.family != "sonnet" {
		return "medium"
	}
	return "high"
}

// thinksByDefault: thinking, its text omitted, unless the request says otherwise.
func (m *model) thinksByDefault() bool { return m.mythical() || m.generation >= 55 }

// noForcedTools: tool_choice "any" and "tool" are refused.
func (m *model) noForcedTools() bool {
	return m.mythical() && m.generation >= 51 || m.generation >= 55 && m.family != "haiku"
}

// fast: the models that have a fast mode.
func (m *model) fast() bool {
	return m.family == "opus" && m.generation >= 48 || m.generation >= 52 && m.mythical()
}

// retires is the date of a scheduled retirement, or "".
func (m *model) retires() string {
	if m.family == "sonnet" && m.generation == 45 {
		return "2026-11-30"
	}
	return ""
}

// lifecycle: a model whose end is scheduled is deprecated; it still answers.
func (m *model) lifecycle() string {
	if m.retires() != "" {
		return "deprecated"
	}
	return "active"
}

// mostImages of one request, as published for the two sizes of context.
func (m *model) mostImages() int {
	if m.context <= 200_000 {
		return 100
	}
	return 600
}

// catalogue finds models by any of their names.
type catalogue struct {
	byName map[string]*model
	all    []*model
	other  *model // what unknown names are served as; nil is a 404
}

// newCatalogue indexes the models. anyModel is a class, or "".
func newCatalogue(anyModel string) catalogue {
	c := catalogue{byName: make(map[string]*model)}
	list := models()
	for i := range list {
		m := &list[i]
		c.all = append(c.all, m)
		c.byName[m.id] = m
		if m.alias != "" {
			c.byName[m.alias] = m
		}
		if m.class == anyModel && c.other == nil {
			c.other = m
		}
	}
	return c
}

// find returns the model of a name, or nil. An unknown name served by
// [Config.AnyModel] keeps its own name in answers.
func (c catalogue) find(name string) *model {
	if m := c.byName[name]; m != nil {
		return m
	}
	if c.other == nil || name == "" {
		return nil
	}
	m := *c.other
	m.id, m.alias, m.display = name, "", name
	return &m
}
