package plan

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("plan.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generic reads YAML as an editor does.
func generic(t *testing.T, src []byte) any {
	t.Helper()
	d := &decoder{origin: map[*yaml.Node]string{}}
	root := d.root(src, emptyPlan)
	if root == nil {
		return nil
	}
	var b bytes.Buffer
	d.json(&b, root)
	v, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemaAcceptsGoodPlans(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d examples (%v)", len(files), err)
	}
	plans := map[string][]byte{"Init": Init(), "Quickstart": Quickstart(), "sparse": []byte(sparse),
		"flags": FromFlags(FlagLoad{Prompt: "hi"})}
	for _, file := range append(files, "testdata/full.yaml") {
		plans[file] = read(t, file)
	}
	for name, src := range plans {
		if err := s.Validate(generic(t, src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// blind are the bad plans in which a schema can see nothing wrong: files,
// expressions, sums, and what depends on another section.
const blind = `checks-regexp duplicate-key load-cv load-length-zero load-rate-zero load-target-zero load-too-long
	no-budget no-price no-price-beside no-price-twice prices-file prices-file-broken-prices prices-file-empty-prices
	prices-file-missing-prices prices-file-no-prices prices-free prices-per-token prices-same-model prices-six-decimals prompt-file-twice stage-never target-key prices-half prompt-files system-file synthetic-order target-ca target-chat target-credential
	target-v1 think-time thresholds too-many-mistakes unbounded warm-up-too-long weights-zero body-json cold-tools`

func TestSchemaRefusesBadPlans(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		sees := s.Validate(generic(t, read(t, file))) != nil
		if want := !slices.Contains(strings.Fields(blind), name); sees != want {
			t.Errorf("%s: the schema refuses it: %v; want %v", name, sees, want)
		}
	}
	if len(files) < 2*len(strings.Fields(blind)) {
		t.Errorf("the schema is blind to most bad plans")
	}
	for _, name := range strings.Fields(blind) {
		if _, err := os.Stat("testdata/bad/" + name + ".yaml"); err != nil {
			t.Error(err)
		}
	}
}
