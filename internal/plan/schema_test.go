package plan

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type schemaObject struct {
	Description string
	Properties  map[string]struct {
		Description string
		Ref         string `json:"$ref"`
		Enum        []any
	}
	Additional any                     `json:"additionalProperties"`
	Defs       map[string]schemaObject `json:"$defs"`
}

func TestSchemaHasTheFields(t *testing.T) {
	var root schemaObject
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	want := tables()
	for name, o := range root.Defs {
		if o.Properties != nil && want[name] == nil {
			t.Errorf("the schema has an object %q, and no table of fields does", name)
		}
	}
	for name, fields := range want {
		o := root
		if name != "" {
			o = root.Defs[name]
		}
		slices.Sort(fields)
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(o.Properties))); diff != "" {
			t.Errorf("%q (-fields +schema):\n%s", name, diff)
		}
		if o.Additional != false || o.Description == "" {
			t.Errorf("%q takes unknown fields (%v), or has no description (%q)", name, o.Additional, o.Description)
		}
		for field, p := range o.Properties {
			if p.Description == "" && root.Defs[strings.TrimPrefix(p.Ref, "#/$defs/")].Description == "" {
				t.Errorf("%s.%s has no description", name, field)
			}
		}
	}
}

func TestSchemaHasTheChoices(t *testing.T) {
	var root schemaObject
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		object, field string
		want          []string
	}{
		{"target", "api", apis()}, {"target", "http", versions()}, {"system", "cache", ttls()}, {"arrivals", "process", processes()},
		{"on_limit", "mode", onLimitModes()}, {"sim", "profile", profiles()}, {"sim", "tier", tiers()},
	} {
		var got []string
		for _, v := range root.Defs[tt.object].Properties[tt.field].Enum {
			if s, ok := v.(string); ok {
				got = append(got, s)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s.%s (-plan +schema):\n%s", tt.object, tt.field, diff)
		}
	}
}

// tables are all tables of fields, by their name in the schema's $defs; "" is the plan.
func tables() map[string][]string {
	return map[string][]string{
		"": names(planFields), "target": names(targetFields), "defaults": names(defaultsFields), "task": names(taskFields),
		"system": names(systemFields), "prompts": names(promptsFields), "synthetic": names(syntheticFields),
		"length_tokens": names(lengthFields), "load": names(loadFields), "users": names(usersFields), "think_time": names(thinkFields),
		"user_stage": names(userStageFields), "arrivals": names(arrivalsFields), "arrival_stage": names(arrivalStageFields),
		"on_limit": names(onLimitFields), "budget": names(budgetFields), "price": names(priceFields), "band": names(bandFields), "fast": names(fastFields), "check": names(checkFields),
		"slo": names(sloFields), "rule": names(ruleFields), "sim": names(simFields),
	}
}
