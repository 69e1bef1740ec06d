package plan

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/workload"
)

// plan reads all sections and then what only several of them can tell. What it
// returns is a plan only if no mistake was found.
func (d *decoder) plan(n *yaml.Node) *Plan {
	v := doc{version: Version}
	root := decodeObject(d, n, "plan", planFields, &v)
	if !root.ok {
		return nil
	}
	p := &Plan{Version: v.version, Name: v.name, GracefulStop: defaultGracefulStop}
	if !root.has("name") {
		p.Name = nameOf(d.file)
	}
	var target object
	p.Target, target = d.target(v.target)
	list := d.tasks(root, v, p.Target)
	for _, t := range list {
		p.Tasks, p.PromptsFrom = append(p.Tasks, t.Task), append(p.PromptsFrom, t.from)
	}
	var loaded bool
	p.Load, loaded = d.load(root, v.load)
	if v.gracefulStop != nil {
		store(&p.GracefulStop)(d.duration(v.gracefulStop, "graceful_stop"))
	}
	d.warmUp(v.warmUp, &p.Load, loaded)
	p.OnLimit, p.Budget, p.Catalog = d.onLimit(v.onLimit), d.budget(v.budget), d.prices(v.prices)
	p.Checks, p.SLO, p.Sim = d.checks(v.checks), d.slo(v.slo), d.sim(v.sim)
	p.Thresholds = d.thresholds(v.thresholds, p.known(loaded))
	if v.seed != nil {
		p.Seed, p.SeedGiven = d.seed(v.seed)
	}
	d.priced(list, p.Catalog, v)
	d.bounded(list, p.Budget)
	d.budgeted(root, target, p)
	d.judged(v, p)
	return p
}

func (d *decoder) version(n *yaml.Node) (int, bool) {
	v, ok := d.whole(n, "version", 1, 1_000_000)
	if ok && v != Version {
		d.mistakef(n, "version %d is not known: this tokenload reads version %d", v, Version)
	}
	return v, ok
}

// reserved are the characters that some system's file names may not have.
const reserved = `/\:*?"<>|`

// planName reads a name that becomes part of a folder's name.
func (d *decoder) planName(n *yaml.Node) (string, bool) {
	s := d.label(n, "name")
	if s == "" {
		return "", false
	}
	if strings.ContainsAny(s, reserved) || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		d.mistakef(n, "name is %s: it becomes part of a folder's name, so no %s, and no dot at either end", excerpt(s), reserved)
		return "", false
	}
	return s, true
}

// nameOf makes a plan's name from that of its file.
func nameOf(file string) string {
	base := filepath.Base(filepath.ToSlash(file))
	base = strings.TrimSuffix(base, filepath.Ext(base))
	keep := func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(reserved, r) {
			return '-'
		}
		return r
	}
	r := []rune(strings.Trim(strings.Map(keep, base), ". "))
	return orElse(string(r[:min(len(r), longestName)]), "plan")
}

// seed reads the start of every draw: a whole number of 64 bits without a sign.
func (d *decoder) seed(n *yaml.Node) (uint64, bool) {
	s, ok := scalar(n)
	v, err := strconv.ParseUint(s, 10, 64)
	if !ok || err != nil || n.ShortTag() == "!!str" {
		d.mistakef(n, "seed is %s, want a whole number from 0", describe(n))
		return 0, false
	}
	return v, true
}

// warmUp reads how much of the start is left out; something must remain.
func (d *decoder) warmUp(n *yaml.Node, l *Load, loaded bool) {
	if n == nil {
		return
	}
	v, ok := d.duration(n, "warm_up")
	if ok && loaded && l.End > 0 && v >= l.End {
		d.mistakef(n, "warm_up is %s, and the load is only %s long: nothing would be measured", v, l.End)
	}
	l.WarmUp = v
}

func profiles() []string { return []string{"measured", "instant"} }

// tiers are the simulator's presets of rate limits.
func tiers() []string {
	return []string{"start", "build", "scale", "tier1", "tier2", "tier3", "tier4"}
}

var simFields = []field[Sim]{
	choiceField("profile", profiles(), func(v *Sim) *string { return &v.Profile }),
	choiceField("tier", tiers(), func(v *Sim) *string { return &v.Tier }),
	numberField("answer", 0.001, 1, func(v *Sim) *float64 { return &v.Answer }),
}

func (d *decoder) sim(n *yaml.Node) Sim {
	v := Sim{Profile: profiles()[0]}
	if n != nil {
		decodeObject(d, n, "sim", simFields, &v)
	}
	return v
}

// known lists what selectors may name. A tag whose values a mistake elsewhere
// leaves open is not among them.
func (p *Plan) known(loaded bool) known {
	k := known{}
	for _, t := range p.Tasks {
		if t.Name != "" {
			k["task"] = append(k["task"], t.Name)
		}
		if t.Model != "" && !slices.Contains(k["model"], t.Model) {
			k["model"] = append(k["model"], t.Model)
		}
	}
	if !loaded {
		return k
	}
	k["stage"] = []string{}
	for _, s := range p.Load.Profile.Stages {
		if s.Duration > 0 && s.Name != "" {
			k["stage"] = append(k["stage"], s.Name)
		}
	}
	return k
}

// priced checks that every model has a price: each once, where it is first named,
// and not those whose price has been found wrong.
func (d *decoder) priced(list []task, catalog *cost.Catalog, v doc) {
	var missing []task
	for _, t := range list {
		told := func(other task) bool { return other.Model == t.Model }
		wrong := d.mispriced[t.Model] || d.mispriced[everyModel]
		if t.Model != "" && !catalog.Known(t.Model) && !wrong && !slices.ContainsFunc(missing, told) {
			missing = append(missing, t)
		}
	}
	for _, t := range missing {
		place := t.place.place("model")
		if !t.place.has("model") && v.defaults != nil {
			place = lookup(v.defaults, "model")
		}
		meant := ""
		if g := catalog.Guess(t.Model); g != "" {
			meant = " (did you mean " + strconv.Quote(g) + "?)"
		}
		add := yamlText(t.Model) + ": {input: 3, output: 15, cache_write_5m: 3.75, cache_write_1h: 6, cache_read: 0.3}"
		switch {
		case v.prices != nil:
			add = "to prices `" + add + "`"
		case len(missing) > 1:
			add = "below a line `prices:` the line `  " + add + "`"
		default:
			add = "`prices: {" + add + "}`"
		}
		d.mistakef(place, "model %q has no price%s; else add %s, with what it costs in USD per million tokens", t.Model, meant, add)
	}
}

// bounded checks that the worst case of every task can be reserved.
func (d *decoder) bounded(list []task, b Budget) {
	if b.AllowUnbounded {
		return
	}
	for _, t := range list {
		if why := workload.Unbounded(t.Task); why != "" {
			d.mistakef(t.place.place("body"), "task %q cannot be kept in a budget: %s; budget.allow_unbounded: true sends it all the same", t.Name, oneLine(why))
		}
	}
}

// budgeted checks that a run that costs money has a budget.
func (d *decoder) budgeted(root, target object, p *Plan) {
	required := p.Target.BaseURL != "" && !p.Target.Sim()
	if d.o.RequireBudget != nil {
		required = d.o.RequireBudget(p.Target)
	}
	if !required || p.Budget.Given {
		return
	}
	if b := root.values["budget"]; b != nil {
		if usd := lookup(b, "usd"); b.Kind != yaml.MappingNode || usd != nil && !null(usd) {
			return // there is one, and a mistake in it has been told
		}
	}
	place := root.key("budget")
	if !root.has("budget") && target.node != nil {
		place = target.place("base_url")
	}
	d.mistakef(place, "no budget: a run against anything but the simulator needs one, such as budget: {usd: 1.00}")
}

// judged checks thresholds against the sections that their metrics need, and
// adds the one that every open loop has.
func (d *decoder) judged(v doc, p *Plan) {
	for _, t := range p.Thresholds {
		switch {
		case t.Expr.Metric == "goodput" && p.SLO == SLO{} && v.slo == nil:
			d.mistakef(keyOf(v.thresholds, t.Metric), "threshold %q needs an slo, such as slo: {ttft: 2s}", t.Metric)
		case t.Expr.Metric == "checks" && len(p.Checks) == 0 && v.checks == nil:
			d.mistakef(keyOf(v.thresholds, t.Metric), "threshold %q needs checks, such as checks: [{content: true}]", t.Metric)
		}
	}
	if p.Load.Mode != Arrivals {
		return
	}
	var err error
	if p.Thresholds, err = withDropped(p.Thresholds); err != nil {
		d.mistakef(&yaml.Node{}, "%s", oneLine(err.Error()))
	}
}

// keyOf returns the node of a mapping's key; it must be there.
func keyOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i]
		}
	}
	return n
}
