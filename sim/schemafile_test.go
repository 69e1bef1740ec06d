package sim

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// schemaNode is a part of a JSON Schema.
type schemaNode struct {
	Description string
	Ref         string `json:"$ref"`
	Enum        []any
	Properties  map[string]*schemaNode
	Additional  any `json:"additionalProperties"`
	Defs        map[string]*schemaNode
}

func (n *schemaNode) UnmarshalJSON(b []byte) error {
	type bare schemaNode
	var all struct {
		*bare
		Defs map[string]*schemaNode `json:"$defs"`
	}
	all.bare = (*bare)(n)
	err := json.Unmarshal(b, &all)
	n.Defs = all.Defs
	return err
}

func TestSchemaAndPageHaveEveryField(t *testing.T) {
	var root schemaNode
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/format/sim.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, typ := range map[string]reflect.Type{
		"": reflect.TypeFor[Config](), "latency": reflect.TypeFor[Latency](), "limits": reflect.TypeFor[Limits](),
		"load": reflect.TypeFor[Load](), "ramp": reflect.TypeFor[Ramp](), "tenant": reflect.TypeFor[Tenant](), "fault": reflect.TypeFor[Fault](),
	} {
		n := &root
		if name != "" {
			n = root.Defs[name]
		}
		if n == nil {
			t.Errorf("the schema has no %q", name)
			continue
		}
		fields := slices.Sorted(maps.Keys(fieldsOf(typ)))
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(n.Properties))); diff != "" {
			t.Errorf("%q (-fields +schema):\n%s", name, diff)
		}
		if n.Additional != false {
			t.Errorf("the schema's %q takes unknown fields", name)
		}
		for _, field := range fields {
			if p := n.Properties[field]; p != nil && p.Description == "" {
				t.Errorf("the schema does not describe %s of %q", field, name)
			}
			if !bytes.Contains(page, []byte("| `"+field+"` |")) {
				t.Errorf("the page has no row for %s of %q", field, name)
			}
		}
	}
	for path, want := range map[string][]string{
		"profile": profiles(), "tier": tierNames(), "any_model": Classes(), "bill_cut": {BillGenerated, BillFull},
	} {
		if diff := cmp.Diff(want, texts(root.Properties[path].Enum)); diff != "" {
			t.Errorf("%s (-code +schema):\n%s", path, diff)
		}
	}
	if diff := cmp.Diff(faultKinds(), texts(root.Defs["fault"].Properties["kind"].Enum)); diff != "" {
		t.Errorf("kinds (-code +schema):\n%s", diff)
	}
	if diff := cmp.Diff(loadModels(), texts(root.Defs["load"].Properties["model"].Enum)); diff != "" {
		t.Errorf("load models (-code +schema):\n%s", diff)
	}
	for _, kind := range faultKinds() {
		if !bytes.Contains(page, []byte("| `"+kind+"` |")) {
			t.Errorf("the page has no row for the fault %s", kind)
		}
	}
}

func texts(list []any) (out []string) {
	for _, v := range list {
		out = append(out, v.(string))
	}
	return out
}

// validate holds a document against the schema.
func validate(t *testing.T, src string) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sim.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("sim.json")
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal([]byte(src), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(doc)
}

func TestSchemaTakesWhatIsTaken(t *testing.T) {
	_, src := whole(t)
	page, err := os.ReadFile("../docs/format/sim.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := []string{src}
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		one, _, _ := strings.Cut(block, "```")
		examples = append(examples, one)
	}
	if len(examples) < 4 {
		t.Errorf("%d examples", len(examples))
	}
	for _, one := range examples {
		if _, err := ParseConfig("example", []byte(one)); err != nil {
			t.Errorf("%v in\n%s", err, one)
		}
		if err := validate(t, one); err != nil {
			t.Errorf("the schema refuses it: %v\n%s", err, one)
		}
	}
	for _, bad := range []string{"tire: start", "faults: [{kind: cut, probability: 1.5}]", "faults: [{kind: boom}]", "limits: {gold: {}}",
		"latency: {haiku: {floor: 3}}", "load: {model: round}", "answer: -1", "keys: x", "faults: [{probability: 0.5}]"} {
		if validate(t, bad) == nil {
			t.Errorf("the schema takes %s", bad)
		}
		if _, err := ParseConfig("bad", []byte(bad)); err == nil {
			t.Errorf("ParseConfig takes %s", bad)
		}
	}
}
