package sim

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// whole is a configuration in which every field there is stands, written by
// writeWhole with values that no field has by itself.
func whole(t *testing.T) (Config, string) {
	t.Helper()
	c := Config{Latency: map[string]Latency{"haiku": {}}, Limits: map[string]Limits{"haiku-4-5": {}}, Keys: []string{"x"}, Faults: []Fault{{}}}
	n := 0
	fill(t, reflect.ValueOf(&c).Elem(), &n)
	c.Profile, c.Tier, c.AnyModel, c.Load.Model, c.Addr = Steady, "tier1", "opus-5", LoadQueue, "127.0.0.1:1"
	c.BillCut = BillFull
	c.Faults[0] = Fault{Kind: FaultCut, Probability: 0.5, Every: 2, From: 1, To: 2, Model: "claude", Status: 404, Code: "c", Type: "t", After: 3, For: 4, At: 5, Bytes: 6, Factor: 7, Pings: true, RST: true}
	if reflect.ValueOf(c.Faults[0]).NumField() != 16 {
		t.Fatal("the fault of this test lacks a field")
	}
	b, err := yaml.Marshal(written(reflect.ValueOf(c)))
	if err != nil {
		t.Fatal(err)
	}
	return c, string(b)
}

// fill gives every field a value of its own, within all bounds.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if tag := v.Type().Field(i).Tag; tag.Get("yaml") == "" {
				if v.Type().Field(i).Name != "Log" {
					t.Errorf("%v.%s has no name in YAML", v.Type(), v.Type().Field(i).Name)
				}
				continue
			} else if f := v.Field(i); f.Kind() == reflect.Float64 && tag.Get("most") == "1" {
				*n++
				f.SetFloat(1 / float64(*n))
				continue
			}
			fill(t, v.Field(i), n)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			item := reflect.New(v.Type().Elem()).Elem()
			fill(t, item, n)
			v.SetMapIndex(k, item)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	default:
		t.Errorf("a %v cannot stand in a configuration", v.Type())
	}
}

// written is a value as a configuration file has it, keys and all.
func written(v reflect.Value) any {
	m := plain(v).(map[string]any)
	m["keys"] = plain(v.FieldByName("Keys"))
	return m
}

func TestEveryFieldIsRead(t *testing.T) {
	want, src := whole(t)
	got, err := ParseConfig("sim.yaml", []byte(src))
	if err != nil {
		t.Fatalf("%v in\n%s", err, src)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported()); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

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
		"load": reflect.TypeFor[Load](), "ramp": reflect.TypeFor[Ramp](), "fault": reflect.TypeFor[Fault](),
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

func TestMistakesHavePlaces(t *testing.T) {
	const src = `tier: gold
profile: instnat
answr: 0.5
limits:
  haiku-45: {requests: -5, tokens: 3}
faults:
  - {kind: status, status: 529, probability: 1.5, every: -1}
  - cut=soon
  - {kind: trunkate}
any_model: haiku
ping_every: 30
drift: yes
seed: -1
keys: [12]
load: [queue]
tier: start
latency: {haiku: {floor: 1 second, tail_share: 2}}
`
	_, err := ParseConfig("sim.yaml", []byte(src))
	want := []string{
		`sim.yaml:1:7: tier is "gold", want start, build, scale, tier1, tier2, tier3 or tier4`,
		`sim.yaml:2:10: profile is "instnat", want measured, instant or steady (did you mean "instant"?)`,
		`sim.yaml:3:1: unknown field "answr" (did you mean "answer"?)`,
		`sim.yaml:5:13: limits.haiku-45 is unknown, want one of fable-5, haiku-4-5, haiku-5-5, mythos-5, opus-4, opus-5, opus-5-5, sonnet-4, sonnet-5, sonnet-5-5, count_tokens or * (did you mean "haiku-4-5"?)`,
		`sim.yaml:5:24: limits.haiku-45.requests is -5, want 0 or more`,
		`sim.yaml:5:28: unknown field "limits.haiku-45.tokens"`,
		`sim.yaml:7:46: faults.0.probability is 1.5, want 1 or less`,
		`sim.yaml:7:58: faults.0.every is -1, want 0 or more`,
		`sim.yaml:8:5: faults.1: fault "cut=soon": parameter after: bad value "soon"`,
		`sim.yaml:9:12: faults.2.kind is "trunkate", want status, close, silence, html, content-type, refuse, tls-fail, slow-read, cut, stall, error, truncate, malformed, duplicate, unknown, huge, split-utf8, slow, drip, buffer, no-usage, no-retry-after, no-keepalive, goaway or clock-skew (did you mean "truncate"?)`,
		`sim.yaml:10:12: any_model is "haiku", want fable-5, haiku-4-5, haiku-5-5, mythos-5, opus-4, opus-5, opus-5-5, sonnet-4, sonnet-5 or sonnet-5-5`,
		`sim.yaml:11:13: ping_every is 30, want a unit as well: 30s for seconds, or ms, m, h`,
		`sim.yaml:12:8: drift is "yes", want a number`,
		`sim.yaml:13:7: seed is -1, want a whole number, 0 or more`,
		`sim.yaml:14:8: keys.0 is 12, want text: put it in quotes`,
		`sim.yaml:14:8: keys.0 is empty`,
		`sim.yaml:15:7: load is a list, want a mapping`,
		`sim.yaml:16:1: "tier" is given twice (first on line 1)`,
		`sim.yaml:17:26: latency.haiku.floor is "1 second", want a time such as 500ms, 1.5s or 2m`,
		`sim.yaml:17:48: latency.haiku.tail_share is 2, want 1 or less`,
	}
	if err == nil {
		t.Fatal("no mistakes")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOddDocuments(t *testing.T) {
	for src, want := range map[string]string{
		"":            "",
		"# nothing\n": "",
		"null":        "",
		"{}":          "",
		`{"tier":"start","seed":18446744073709551615}`: "",
		"x: &a {y: *a}":                    `unknown field "x"`,
		"limits: &a {haiku-4-5: *a}":       `unknown field "limits.haiku-4-5.haiku-4-5"`,
		"[]":                               "the configuration is a list, want a mapping",
		"tier: [":                          "not valid YAML",
		"tier: start\n---\ntier: start":    "second document",
		"\x00":                             "not valid YAML",
		"tier: \xff":                       "not valid YAML",
		"latency: {haiku: 3}":              "latency.haiku is 3, want a mapping",
		"answer: .nan":                     "answer is .nan, want a number",
		"answer: .inf":                     "answer is .inf, want a number",
		"truth_size: 1e3":                  "truth_size is 1e3, want a whole number",
		"truth_size: 99999999999999999999": "want a whole number",
		"no_stalls: 1":                     "no_stalls is 1, want true or false",
		"{1: 2}":                           `unknown field "1"`,
		"? [a]\n: b":                       "a field's name is a list",
	} {
		_, err := ParseConfig("sim.yaml", []byte(src))
		if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ParseConfig(%q) = %v; want %q", src, err, want)
		}
	}
}

func TestRowsOfLatencyKeepTheTable(t *testing.T) {
	c, err := ParseConfig("sim.yaml", []byte("latency: {haiku: {speed: 10, tail_share: 0}}"))
	if err != nil {
		t.Fatal(err)
	}
	want := measured()["haiku"]
	want.Speed, want.TailShare = 10, 0
	if c.Latency["haiku"] != want {
		t.Errorf("row %+v, want %+v", c.Latency["haiku"], want)
	}
}

// control sends to /sim/config.
func (a *api) control(method, body string) (int, map[string]any) {
	a.t.Helper()
	r := a.request("/sim/config", body, "X-Api-Key", "")
	r.Method = method
	ans := a.do(r)
	var v map[string]any
	if err := json.Unmarshal([]byte(ans.body), &v); err != nil || ans.err != nil {
		a.t.Fatalf("%s /sim/config: %d %q (%v, %v)", method, ans.status, ans.body, err, ans.err)
	}
	return ans.status, v
}

func TestConfigIsChangedWhileRunning(t *testing.T) {
	c := Config{Profile: Steady, Answer: 1, EventsPerSecond: 10, TokensPerEvent: 1, Keys: []string{"sk-secret"}, Tier: "tier1"}
	bubble(t, c, func(t *testing.T, a *api) {
		took := func() (int, time.Duration) {
			sent := time.Now()
			status := a.post("/v1/messages", ask("claude-haiku-4-5", 11, "Hi", ""), "X-Api-Key", "sk-secret").status
			return status, time.Since(sent)
		}
		if status, d := took(); status != 200 || d != time.Second {
			t.Errorf("at first: %d after %v", status, d)
		}
		status, in := a.control("GET", "")
		if _, told := in["keys"]; told || status != 200 || in["tier"] != "tier1" || in["ping_every"] != "30s" || in["load"].(map[string]any)["slots"] != 64.0 {
			t.Errorf("in force: %d %v", status, in)
		}

		// One under way keeps what was in force when it came.
		done := make(chan time.Duration)
		go func() { _, d := took(); done <- d }()
		time.Sleep(500 * time.Millisecond)
		status, in = a.control("POST", "events_per_second: 20\nttft: 250ms\n")
		if status != 200 || in["events_per_second"] != 20.0 || in["ttft"] != "250ms" || in["tier"] != "tier1" {
			t.Errorf("changed: %d %v", status, in)
		}
		if d := <-done; d != time.Second {
			t.Errorf("the one under way took %v", d)
		}
		if _, d := took(); d != 750*time.Millisecond {
			t.Errorf("afterwards %v", d)
		}

		// Limits that are not changed keep their level; others are full.
		before := a.set().gates["haiku-4-5"]
		a.control("POST", `{"limits":{"opus-5":{"requests":7}}}`)
		if a.set().gates["haiku-4-5"] != before || a.set().gates["opus-5"].requests.limit != 7 {
			t.Error("limits of a class that was not named changed, or those of one that was did not")
		}

		// A window counts from the change.
		time.Sleep(time.Hour)
		a.control("POST", `{"faults":["status=529; from=1s; to=2s"]}`)
		time.Sleep(1500 * time.Millisecond)
		if status, _ := took(); status != 529 {
			t.Errorf("in the window: %d", status)
		}
		a.control("POST", `{"answer":0.5}`) // faults stay as they are
		time.Sleep(time.Second)
		if status, _ := took(); status != 200 {
			t.Errorf("after the window: %d", status)
		}
		if _, in = a.control("POST", `{"faults":null,"ttft":null}`); len(in["faults"].([]any)) != 0 || in["ttft"] != "0s" || in["answer"] != 0.5 {
			t.Errorf("reset: %v", in)
		}
	})
}

func TestBadChangesChangeNothing(t *testing.T) {
	bubble(t, Config{Seed: 5}, func(t *testing.T, a *api) {
		_, before := a.control("GET", "")
		for body, want := range map[string]string{
			`{"answer":0.5,"tier":"gold"}`:              "tier is",
			`{"answer":0.5,"faults":[{"kind":"boom"}]}`: "kind is",
			`{"answer":0.5,"seed":6}`:                   "seed cannot be changed",
			`{"answer":0.5,"addr":"0.0.0.0:80"}`:        "addr cannot be changed",
			`{"answer":`:                                "not valid YAML",
			`{"answre":1}`:                              "unknown field",
		} {
			status, v := a.control("POST", body)
			if message, _ := v["error"].(map[string]any)["message"].(string); status != 400 || !strings.Contains(message, want) || len(v["mistakes"].([]any)) != 1 {
				t.Errorf("%s: %d %v, want %q", body, status, v, want)
			}
		}
		if status, _ := a.control("POST", strings.Repeat(" ", maxConfig+1)); status != 413 {
			t.Errorf("too large: %d", status)
		}
		if status, _ := a.control("DELETE", ""); status != 405 {
			t.Errorf("DELETE: %d", status)
		}
		r := a.request("/sim/config", "answer: 0.5", "Sec-Fetch-Site", "cross-site")
		if ans := a.do(r); ans.status != http.StatusForbidden {
			t.Errorf("of another origin: %d", ans.status)
		}
		status, after := a.control("POST", "")
		if diff := cmp.Diff(before, after); diff != "" || status != 200 {
			t.Errorf("%d, changed (-before +after):\n%s", status, diff)
		}
		whole, _ := json.Marshal(before)
		if status, after = a.control("POST", string(whole)); status != 200 || !reflect.DeepEqual(before, after) {
			t.Errorf("what is in force is not taken back: %d %v", status, after)
		}
	})
}

// A load model that is exchanged lets go of those it works on.
func TestLoadIsExchanged(t *testing.T) {
	bubble(t, Config{Load: Load{Model: LoadQueue, Slots: 1}, Profile: Steady, Answer: 1, EventsPerSecond: 1, TokensPerEvent: 1}, func(t *testing.T, a *api) {
		starts := make(chan time.Duration, 3)
		send := func() {
			a.post("/v1/messages", ask("claude-haiku-4-5", 11, "Hi", ""))
			starts <- 0
		}
		go send()
		go send() // waits for the first
		time.Sleep(time.Second)
		a.control("POST", "load: {model: step, step: 1s}")
		go send() // does not
		for range 3 {
			<-starts
		}
		synctest.Wait()
		var waits []float64
		for _, r := range a.Truth() {
			waits = append(waits, math.Round(r.Start.Seconds()))
		}
		slices.Sort(waits)
		if !slices.Equal(waits, []float64{0, 0, 10}) {
			t.Errorf("waited %v s", waits)
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	for _, src := range []string{"tier: start", "faults: [cut=3, {kind: status, status: 500}]", "latency: {haiku: {floor: 1s}}", "x: &a [*a]", "{", "limits: {'*': {requests: 3}}"} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := ParseConfig("f", src)
		if err == nil {
			if _, err := New(c); err != nil {
				t.Fatalf("New refuses what ParseConfig took: %v", err)
			}
			return
		}
		for _, m := range err.(Mistakes) {
			if m.Line < 1 || m.Column < 1 || m.Text == "" || strings.ContainsAny(m.Text, "\n\r") {
				t.Fatalf("mistake %+v", m)
			}
		}
	})
}
