package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// problem is one thing wrong with a configuration: the path of the field, as
// faults.0.probability, and what is to be said of it.
type problem struct{ path, text string }

func (p problem) String() string { return p.path + " " + p.text }

// problems gathers them.
type problems []problem

func (ps *problems) bad(path, format string, args ...any) {
	*ps = append(*ps, problem{path, fmt.Sprintf(format, args...)})
}

// oneOf checks a word.
func (ps *problems) oneOf(path, word string, list []string) {
	if !slices.Contains(list, word) {
		ps.bad(path, "is %q, want %s%s", word, orList(list), guess(word, list))
	}
}

// check returns every mistake at once.
func (c Config) check() error {
	var all []error
	for _, p := range c.problems() {
		all = append(all, fmt.Errorf("sim: %s", p))
	}
	return errors.Join(all...)
}

// problems are all there are with a configuration that has its defaults.
func (c Config) problems() problems {
	var ps problems
	ps.bounds("", reflect.ValueOf(c))
	ps.oneOf("profile", c.Profile, profiles())
	if c.Tier != "" {
		ps.oneOf("tier", c.Tier, tierNames())
	}
	if c.AnyModel != "" {
		ps.oneOf("any_model", c.AnyModel, Classes())
	}
	ps.oneOf("bill_cut", c.BillCut, []string{BillGenerated, BillFull})
	if c.CertOut != "" && !c.TLS {
		ps.bad("cert_out", "is of no use without tls")
	}
	ps.oneOf("load.model", c.Load.Model, loadModels())
	ps.names("latency", slices.Sorted(maps.Keys(c.Latency)), slices.Sorted(maps.Keys(measured())))
	ps.names("limits", slices.Sorted(maps.Keys(c.Limits)), append(Classes(), countTokens, "*"))
	for i, key := range c.Keys {
		if key == "" {
			ps.bad("keys."+strconv.Itoa(i), "is empty")
		}
	}
	for i, f := range c.Faults {
		ps = append(ps, f.rules("faults."+strconv.Itoa(i))...)
	}
	return ps
}

// names checks the names that a mapping is keyed with.
func (ps *problems) names(path string, names, known []string) {
	for _, name := range names {
		if !slices.Contains(known, name) {
			ps.bad(under(path, name), "is unknown, want one of %s%s", orList(known), guess(name, known))
		}
	}
}

// problems are those of one fault at a path.
func (f Fault) problems(path string) problems {
	var ps problems
	ps.bounds(path, reflect.ValueOf(f))
	return append(ps, f.rules(path)...)
}

// rules are what bounds alone do not tell.
func (f Fault) rules(path string) problems {
	var ps problems
	switch {
	case f.Kind == "":
		ps.bad(under(path, "kind"), "is missing, want %s", orList(faultKinds()))
	default:
		ps.oneOf(under(path, "kind"), f.Kind, faultKinds())
	}
	status := under(path, "status")
	switch {
	case f.Kind == FaultStatus && (f.Status < 400 || f.Status > 599):
		ps.bad(status, "is %d, want an error, 400 to 599", f.Status)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		ps.bad(status, "is %d, want 200 to 599", f.Status)
	}
	if f.For < 0 && f.Kind != FaultClockSkew {
		ps.bad(under(path, "for"), "is %v, want 0 or more", f.For)
	}
	if f.At > 0 && f.Kind != FaultCut {
		ps.bad(under(path, "at"), "is of no use: only a cut has a time to happen at")
	}
	if f.Model != "" && (f.atTheDoor() || f.Kind == FaultSlowRead) {
		ps.bad(under(path, "model"), "is of no use: %s happens before the model is known", f.Kind)
	}
	return ps
}

// bounds checks every number and time against its tags: 0 or more, unless least
// says otherwise, and no more than most.
func (ps *problems) bounds(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for name, i := range sortedFields(v.Type()) {
			f, at := v.Type().Field(i), under(path, name)
			ps.bounds(at, v.Field(i))
			ps.bound(at, v.Field(i), cmp.Or(f.Tag.Get("least"), "0"), f.Tag.Get("most"))
		}
	case reflect.Map:
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
			ps.bounds(under(path, key.String()), v.MapIndex(key))
		}
	case reflect.Slice:
		for i := range v.Len() {
			ps.bounds(under(path, strconv.Itoa(i)), v.Index(i))
		}
	}
}

func (ps *problems) bound(path string, v reflect.Value, least, most string) {
	var n float64
	var said any = v.Interface()
	switch one := said.(type) {
	case int:
		n = float64(one)
	case float64:
		n = one
	case time.Duration:
		n = float64(one)
	default:
		return
	}
	low, err := strconv.ParseFloat(least, 64)
	if err != nil { // "-" is no bound
		low = math.Inf(-1)
	}
	high, err := strconv.ParseFloat(most, 64)
	if err != nil {
		high = math.Inf(1)
	}
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		ps.bad(path, "is %v, want a number", said)
	case n < low:
		ps.bad(path, "is %v, want %s or more", said, least)
	case n > high:
		ps.bad(path, "is %v, want %s or less", said, most)
	}
}
