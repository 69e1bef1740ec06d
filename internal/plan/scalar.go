package plan

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// What follows reads one value of one kind. Each returns false after it has
// said what is wrong.

func (d *decoder) text(n *yaml.Node, noun string) (string, bool) {
	// A date such as 2023-06-01 is a type of its own only in YAML 1.1.
	if n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!str" || n.ShortTag() == "!!timestamp") {
		return n.Value, true
	}
	hint := ""
	if n.Kind == yaml.ScalarNode {
		hint = ": put it in quotes"
	}
	d.mistakef(n, "%s is %s, want text%s", noun, describe(n), hint)
	return "", false
}

func (d *decoder) boolean(n *yaml.Node, noun string) (bool, bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		return strings.EqualFold(n.Value, "true"), true
	}
	d.mistakef(n, "%s is %s, want true or false", noun, describe(n))
	return false, false
}

// whole reads a whole number between two bounds, both allowed.
func (d *decoder) whole(n *yaml.Node, noun string, least, most int) (int, bool) {
	v, ok := d.number(n, noun, float64(least), float64(most))
	if ok && v != math.Trunc(v) {
		d.mistakef(n, "%s is %s, want a whole number", noun, describe(n))
		return 0, false
	}
	return int(v), ok
}

// number reads a number between two bounds, both allowed.
func (d *decoder) number(n *yaml.Node, noun string, least, most float64) (float64, bool) {
	tag := n.ShortTag()
	if n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" {
		d.mistakef(n, "%s is %s, want a number%s", noun, describe(n), asShare(n))
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
	if err != nil {
		d.mistakef(n, "%s is %s, want a plain number such as 12 or 0.5", noun, describe(n))
		return 0, false
	}
	return v, d.within(n, noun, v, least, most)
}

// asShare says how a percentage is written as a number; "" where n is none.
func asShare(n *yaml.Node) string {
	s, _ := scalar(n)
	v, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if !percent || err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return ""
	}
	return ": write " + plain(f/100)
}

func (d *decoder) within(n *yaml.Node, noun string, v, least, most float64) bool {
	switch {
	case v < least || math.IsNaN(v):
		d.mistakef(n, "%s is %s, want at least %s", noun, n.Value, plain(least))
	case v > most:
		d.mistakef(n, "%s is %s, want at most %s", noun, n.Value, plain(most))
	default:
		return true
	}
	return false
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// longest is the longest time a plan may name, 30 days.
const longest = 30 * 24 * time.Hour

// duration reads a time with its unit, as Go writes them.
func (d *decoder) duration(n *yaml.Node, noun string) (time.Duration, bool) {
	s, scalar := scalar(n)
	if tag := n.ShortTag(); scalar && (tag == "!!int" || tag == "!!float") {
		d.mistakef(n, "%s is %s without a unit: write %s for seconds, or ms, m, h", noun, s, s+"s")
		return 0, false
	}
	v, err := time.ParseDuration(s)
	switch {
	case !scalar || err != nil:
		d.mistakef(n, "%s is %s, want a time such as 500ms, 1.5s, 2m or 1h30m", noun, describe(n))
	case v < 0:
		d.mistakef(n, "%s is %s, want no less than 0s", noun, s)
	case v > longest:
		d.mistakef(n, "%s is %s, want at most %dh", noun, s, int(longest.Hours()))
	default:
		return v, true
	}
	return 0, false
}

// positive reads a time over zero.
func (d *decoder) positive(n *yaml.Node, noun string) (time.Duration, bool) {
	v, ok := d.duration(n, noun)
	if ok && v == 0 {
		d.mistakef(n, "%s is 0, want more than that", noun)
		return 0, false
	}
	return v, ok
}

// mostRate is the highest rate a plan may name, in arrivals per second.
const mostRate = 1e6

var rateForm = regexp.MustCompile(`^([0-9]+\.?[0-9]*|\.[0-9]+)/([smh])$`)

// rate reads arrivals per second, written 5/s, 300/m or 100/h.
func (d *decoder) rate(n *yaml.Node, noun string) (float64, bool) {
	s, scalar := scalar(n)
	if tag := n.ShortTag(); scalar && (tag == "!!int" || tag == "!!float") {
		d.mistakef(n, "%s is %s without a unit: write %s, or /m, /h", noun, s, s+"/s")
		return 0, false
	}
	m := rateForm.FindStringSubmatch(s)
	if !scalar || m == nil {
		d.mistakef(n, "%s is %s, want a rate such as 5/s, 300/m or 100/h", noun, describe(n))
		return 0, false
	}
	v := perSecond(m)
	if v > mostRate {
		d.mistakef(n, "%s is %s, want at most %s/s", noun, s, plain(mostRate))
		return 0, false
	}
	return v, true
}

// perSecond is the rate of a match of rateForm; a number past all bounds is infinite.
func perSecond(match []string) float64 {
	v, _ := strconv.ParseFloat(match[1], 64) // the form leaves only a number too large to be wrong
	switch match[2] {
	case "m":
		return v / 60
	case "h":
		return v / 3600
	}
	return v
}

// choice reads one of a few words. Numbers count as they are written, so that
// 1.1 and "1.1" are the same.
func (d *decoder) choice(n *yaml.Node, noun string, words []string) (string, bool) {
	s, ok := scalar(n)
	for _, w := range words {
		if ok && s == w {
			return w, true
		}
	}
	d.mistakef(n, "%s is %s, want %s%s", noun, describe(n), orList(words), guess(s, words))
	return "", false
}

// texts reads a list of texts, none of them empty.
func (d *decoder) texts(n *yaml.Node, noun string) []string {
	var list []string
	for i, item := range d.list(n, noun, "texts") {
		s, ok := d.text(item, fmt.Sprintf("item %d of %s", i+1, noun))
		if ok && strings.TrimSpace(s) == "" {
			d.mistakef(item, "item %d of %s is empty", i+1, noun)
		} else if ok {
			list = append(list, s)
		}
	}
	return list
}

// The same as setters for tables of fields.

func filledField[T any](name string, to func(*T) *string) field[T] {
	return field[T]{name, func(d *decoder, n *yaml.Node, v *T) { store(to(v))(d.filled(n, name)) }}
}

func boolField[T any](name string, to func(*T) *bool) field[T] {
	return field[T]{name, func(d *decoder, n *yaml.Node, v *T) { store(to(v))(d.boolean(n, name)) }}
}

func wholeField[T any](name string, least, most int, to func(*T) *int) field[T] {
	return field[T]{name, func(d *decoder, n *yaml.Node, v *T) { store(to(v))(d.whole(n, name, least, most)) }}
}

func numberField[T any](name string, least, most float64, to func(*T) *float64) field[T] {
	return field[T]{name, func(d *decoder, n *yaml.Node, v *T) { store(to(v))(d.number(n, name, least, most)) }}
}

func durationField[T any](name string, to func(*T) *time.Duration) field[T] {
	return field[T]{name, func(d *decoder, n *yaml.Node, v *T) { store(to(v))(d.duration(n, name)) }}
}

func positiveField[T any](name string, to func(*T) *time.Duration) field[T] {
	return field[T]{name, func(d *decoder, n *yaml.Node, v *T) { store(to(v))(d.positive(n, name)) }}
}

func choiceField[T any](name string, words []string, to func(*T) *string) field[T] {
	return field[T]{name, func(d *decoder, n *yaml.Node, v *T) { store(to(v))(d.choice(n, name, words)) }}
}

// nodeField keeps the node itself, for values whose meaning depends on others.
func nodeField[T any](name string, to func(*T) **yaml.Node) field[T] {
	return field[T]{name, func(_ *decoder, n *yaml.Node, v *T) { *to(v) = n }}
}

// store writes a value that was read without a mistake.
func store[V any](to *V) func(V, bool) {
	return func(v V, ok bool) {
		if ok {
			*to = v
		}
	}
}
