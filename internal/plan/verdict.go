package plan

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tokenload/tokenload/internal/threshold"
	"github.com/tokenload/tokenload/internal/workload"
)

var checkFields = []field[workload.Check]{
	filledField("contains", func(v *workload.Check) *string { return &v.Contains }),
	filledField("not_contains", func(v *workload.Check) *string { return &v.NotContains }),
	filledField("matches", func(v *workload.Check) *string { return &v.Matches }),
	filledField("stop_reason", func(v *workload.Check) *string { return &v.StopReason }),
	boolField("content", func(v *workload.Check) *bool { return &v.Content }),
}

func (d *decoder) checks(n *yaml.Node) []workload.Check {
	if n == nil {
		return nil
	}
	var list []workload.Check
	for _, item := range d.list(n, "checks", "checks") {
		var c workload.Check
		before := len(d.mistakes)
		o := decodeObject(d, item, "check", checkFields, &c)
		given := o.given(names(checkFields)...)
		switch {
		case len(d.mistakes) > before:
		case len(given) != 1:
			d.mistakef(item, "a check needs one of %s, has %s", orList(names(checkFields)), count(given))
		case given[0] == "content" && !c.Content:
			d.mistakef(o.values["content"], "content is false: write {content: true}, or leave the check out")
		default:
			if err := c.Validate(); err != nil {
				d.mistakef(o.values[given[0]], "%s", oneLine(err.Error()))
				continue
			}
			list = append(list, c)
		}
	}
	return list
}

var sloFields = []field[SLO]{
	positiveField("ttft", func(v *SLO) *time.Duration { return &v.TTFT }),
	positiveField("e2e", func(v *SLO) *time.Duration { return &v.E2E }),
}

func (d *decoder) slo(n *yaml.Node) SLO {
	var v SLO
	if n != nil {
		decodeObject(d, n, "slo", sloFields, &v)
	}
	return v
}

// rule is the long form of a threshold.
type rule struct {
	Threshold
	expression *yaml.Node
}

var ruleFields = []field[rule]{
	nodeField("threshold", func(v *rule) **yaml.Node { return &v.expression }),
	boolField("abort_on_fail", func(v *rule) *bool { return &v.AbortOnFail }),
	durationField("delay_abort_eval", func(v *rule) *time.Duration { return &v.Delay }),
}

// known is what selectors may name: the values of each tag in the plan.
type known map[string][]string

func (d *decoder) thresholds(n *yaml.Node, k known) []Threshold {
	if n == nil {
		return nil
	}
	o := d.object(n, "thresholds", nil)
	var list []Threshold
	for i := 0; o.ok && i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if o.keys[key.Value] != key {
			continue // a mistake already
		}
		items := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			items = value.Content
		}
		if null(value) || len(items) == 0 {
			d.mistakef(value, "threshold %q has no expression", key.Value)
		} else if d.metric(key, k) {
			list = append(list, d.rules(key.Value, items)...)
		}
	}
	return list
}

// metric checks the left side of thresholds: the metric and its selector.
func (d *decoder) metric(key *yaml.Node, k known) bool {
	name, _, _ := strings.Cut(key.Value, "{")
	aggregate := "count"
	if m, ok := threshold.Lookup(strings.TrimSpace(name)); ok {
		aggregate = strings.ReplaceAll(m.Aggregates()[0], "N", "50")
	}
	e, err := threshold.Parse(key.Value, aggregate+"<1")
	if err != nil {
		d.mistakef(key, "%s", oneLine(err.Error()))
		return false
	}
	before := len(d.mistakes)
	for tag, values := range k {
		if v, ok := e.Selector[tag]; ok && !slices.Contains(values, v) {
			d.mistakef(key, "threshold %q: the plan has no %s %q%s", key.Value, tag, v, guess(v, values))
		}
	}
	return len(d.mistakes) == before
}

func (d *decoder) rules(metric string, items []*yaml.Node) []Threshold {
	var list []Threshold
	for _, item := range items {
		r := rule{expression: item}
		if item.Kind == yaml.MappingNode {
			r.expression = nil
			o := decodeObject(d, item, "a rule of "+metric, ruleFields, &r)
			if o.lacks("threshold") {
				d.mistakef(item, "a rule of %s needs a threshold, such as {threshold: \"p(95)<10s\", abort_on_fail: true}", metric)
			}
			if o.has("delay_abort_eval") && !r.AbortOnFail {
				d.mistakef(o.key("delay_abort_eval"), "delay_abort_eval does nothing without abort_on_fail: true")
			}
		}
		if r.expression == nil {
			continue
		}
		text, ok := d.text(r.expression, "a threshold of "+metric)
		if !ok {
			continue
		}
		e, err := threshold.Parse(metric, text)
		if err != nil {
			d.mistakef(r.expression, "%s", oneLine(err.Error()))
			continue
		}
		r.Expr, r.Metric, r.Expression = e, metric, text
		list = append(list, r.Threshold)
	}
	return list
}

// withDropped adds what every open loop promises, unless the plan has rules of
// its own for it.
func withDropped(list []Threshold) ([]Threshold, error) {
	const metric, expression = "dropped", "rate<1%"
	own := func(t Threshold) bool { return t.Expr.Metric == metric && len(t.Expr.Selector) == 0 }
	if slices.ContainsFunc(list, own) {
		return list, nil
	}
	e, err := threshold.Parse(metric, expression)
	return append(list, Threshold{Expr: e, Metric: metric, Expression: expression, Default: true}), err
}
