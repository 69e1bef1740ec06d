package threshold

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Selector picks the part of a run that a threshold is about: values of the tags
// task, model, stage and class, all of which must hold. Nil is the whole run.
type Selector map[string]string

// String returns the selector as a plan has it, tags sorted: "{stage:steady,task:simple}";
// "" for none.
func (s Selector) String() string {
	if len(s) == 0 {
		return ""
	}
	parts := make([]string, 0, len(s))
	for _, tag := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, tag+":"+quoted(s[tag]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// quoted returns v as it may stand in a selector: in quotes only where it needs them.
func quoted(v string) string {
	if strings.ContainsAny(v, "{},\"") || strings.TrimSpace(v) != v || strconv.Quote(v) != `"`+v+`"` {
		return strconv.Quote(v)
	}
	return v
}

// parseMetric reads "ttft" or "ttft{task:simple,stage:steady}".
func parseMetric(s string) (Metric, Selector, error) {
	name, inner, hasSelector := strings.Cut(s, "{")
	name = strings.TrimSpace(name)
	m, ok := Lookup(name)
	if !ok {
		return m, nil, unknownMetric(name)
	}
	if !hasSelector {
		return m, nil, nil
	}
	sel, err := parseSelector(m, inner)
	if err != nil {
		return m, nil, fmt.Errorf("selector of %q: %w", s, err)
	}
	return m, sel, nil
}

func unknownMetric(name string) error {
	if name == "" {
		return errors.New("a threshold needs a metric, such as ttft")
	}
	if g := habit(name); g != "" {
		return fmt.Errorf("unknown metric %q (did you mean %q?)", name, g)
	}
	return unknown("metric", name, Names())
}

// parseSelector reads what follows the opening brace, closing brace included.
func parseSelector(m Metric, s string) (Selector, error) {
	sel := Selector{}
	for {
		tag, rest, ok := strings.Cut(s, ":")
		tag = strings.TrimSpace(tag)
		if !ok || strings.ContainsAny(tag, "{},") {
			return nil, errors.New("write {tag:value}, or {tag:value,tag:value}")
		}
		value, after, err := parseValue(rest)
		if err != nil {
			return nil, fmt.Errorf("tag %q: %w", tag, err)
		}
		if err := sel.add(m, tag, value); err != nil {
			return nil, err
		}
		if s, ok = strings.CutPrefix(after, ","); ok {
			continue
		}
		if strings.TrimSpace(after) != "}" {
			return nil, errors.New("it must end with one }")
		}
		return sel, nil
	}
}

// parseValue reads a tag's value, plain or in double quotes, up to the comma or
// brace that ends it.
func parseValue(s string) (value, rest string, err error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, `"`) {
		q, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", errors.New("a quote is not closed")
		}
		value, err = strconv.Unquote(q)
		return value, strings.TrimSpace(s[len(q):]), err
	}
	end := strings.IndexAny(s, ",}")
	if end < 0 {
		return "", "", errors.New("the closing } is missing")
	}
	value = strings.TrimSpace(s[:end])
	if strings.ContainsAny(value, "{\"") {
		return "", "", fmt.Errorf("value %q needs double quotes around it", value)
	}
	return value, s[end:], nil
}

func (s Selector) add(m Metric, tag, value string) error {
	_, twice := s[tag]
	switch {
	case !slices.Contains(tags(), tag):
		return unknown("tag", tag, tags())
	case twice:
		return fmt.Errorf("tag %q is there twice", tag)
	case value == "":
		return fmt.Errorf("tag %q has no value", tag)
	case tag == "class" && m.noClass():
		return fmt.Errorf("%s is itself about how requests end, so it takes no class; write requests{class:%s} to count them", m.Name, value)
	case tag == "class" && !slices.Contains(classes(), value):
		return unknown("class", value, classes())
	}
	s[tag] = value
	return nil
}
