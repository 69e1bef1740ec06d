package plan

import (
	"encoding/json"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tokenload/tokenload/internal/cost"
)

const (
	defaultMaxAttempts = 5
	defaultMaxWait     = 60 * time.Second
	defaultShare       = 0.9
	defaultMaxHold     = 30 * time.Second
	defaultWarnAt      = 0.8
	mostAttempts       = 1000
	leastShare         = 0.01
)

func onLimitModes() []string { return []string{"measure", "obey", "avoid"} }

var onLimitFields = []field[OnLimit]{
	choiceField("mode", onLimitModes(), func(v *OnLimit) *string { return &v.Mode }),
	wholeField("max_attempts", 1, mostAttempts, func(v *OnLimit) *int { return &v.MaxAttempts }),
	positiveField("max_wait", func(v *OnLimit) *time.Duration { return &v.MaxWait }),
	numberField("share", leastShare, 1, func(v *OnLimit) *float64 { return &v.Share }),
	positiveField("max_hold", func(v *OnLimit) *time.Duration { return &v.MaxHold }),
}

// onLimit reads the mode alone, or the mode and what belongs to it.
func (d *decoder) onLimit(n *yaml.Node) OnLimit {
	v := OnLimit{}
	switch {
	case n == nil:
		v.Mode = "measure"
	case n.Kind == yaml.ScalarNode:
		v.Mode, _ = d.choice(n, "on_limit", onLimitModes())
	default:
		o := decodeObject(d, n, "on_limit", onLimitFields, &v)
		if o.lacks("mode") {
			d.mistakef(n, "on_limit needs a mode: %s", orList(onLimitModes()))
		}
		belongs := map[string]string{"max_attempts": "obey", "max_wait": "obey", "share": "avoid", "max_hold": "avoid"}
		for _, name := range o.given("max_attempts", "max_wait", "share", "max_hold") {
			if v.Mode != "" && v.Mode != belongs[name] {
				d.mistakef(o.key(name), "%s belongs to mode %s, and this one is %s", name, belongs[name], v.Mode)
			}
		}
	}
	return v.withDefaults()
}

func (v OnLimit) withDefaults() OnLimit {
	or := OnLimit{Mode: v.Mode}
	switch v.Mode {
	case "obey":
		or.MaxAttempts, or.MaxWait = orElse(v.MaxAttempts, defaultMaxAttempts), orElse(v.MaxWait, defaultMaxWait)
	case "avoid":
		or.Share, or.MaxHold = orElse(v.Share, defaultShare), orElse(v.MaxHold, defaultMaxHold)
	}
	return or
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

var budgetFields = []field[Budget]{
	{"usd", func(d *decoder, n *yaml.Node, v *Budget) { d.dollars(n, "usd", v) }},
	numberField("warn_at", leastShare, 1, func(v *Budget) *float64 { return &v.Guard.WarnAt }),
	boolField("allow_unbounded", func(v *Budget) *bool { return &v.AllowUnbounded }),
}

func (d *decoder) budget(n *yaml.Node) Budget {
	v := Budget{Guard: cost.GuardConfig{WarnAt: defaultWarnAt}}
	if n == nil {
		return v
	}
	if s, ok := scalar(n); ok {
		d.mistakef(n, "budget is %s, want a mapping: budget: {usd: %s}", describe(n), strings.Trim(s, `"`))
		return v
	}
	o := decodeObject(d, n, "budget", budgetFields, &v)
	if o.has("warn_at") && !o.has("usd") {
		d.mistakef(o.key("warn_at"), "warn_at without usd: there is no budget to warn about")
	}
	return v
}

// dollars reads the amount of a budget: 1.25 or "$1.25", exactly.
func (d *decoder) dollars(n *yaml.Node, noun string, v *Budget) {
	s, ok := scalar(n)
	amount := &v.Guard.Budget
	switch err := json.Unmarshal([]byte(strings.TrimPrefix(s, "$")), amount); {
	case !ok || err != nil:
		d.mistakef(n, "%s is %s, want an amount in dollars such as 1.00", noun, describe(n))
	case *amount <= 0:
		d.mistakef(n, "%s is %s, want more than 0", noun, s)
	default:
		v.Given = true
		return
	}
	*amount = 0
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
