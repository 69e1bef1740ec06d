package sim

import (
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"
)

// fieldsOf indexes the fields of a struct by their names in YAML.
func fieldsOf(t reflect.Type) map[string]int {
	all := make(map[string]int)
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			all[name] = i
		}
	}
	return all
}

// sortedFields are the fields of a struct in the order of their names.
func sortedFields(t reflect.Type) iter.Seq2[string, int] {
	all := fieldsOf(t)
	return func(yield func(string, int) bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !yield(name, all[name]) {
				return
			}
		}
	}
}

// plain is a value in the form of the configuration file, for JSON. Keys are
// left out.
func plain(v reflect.Value) any {
	switch one := v.Interface().(type) {
	case time.Duration:
		return one.String()
	case Fault:
		return nonZero(plainStruct(v))
	}
	switch v.Kind() {
	case reflect.Struct:
		return plainStruct(v)
	case reflect.Map:
		out := make(map[string]any)
		for it := v.MapRange(); it.Next(); {
			out[it.Key().String()] = plain(it.Value())
		}
		return out
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			out = append(out, plain(v.Index(i)))
		}
		return out
	}
	return v.Interface()
}

func plainStruct(v reflect.Value) map[string]any {
	out := make(map[string]any)
	for name, i := range fieldsOf(v.Type()) {
		if name != "keys" {
			out[name] = plain(v.Field(i))
		}
	}
	return out
}

// nonZero leaves out what is not set, in place.
func nonZero(m map[string]any) map[string]any {
	maps.DeleteFunc(m, func(_ string, v any) bool { return reflect.ValueOf(v).IsZero() || v == "0s" })
	return m
}
