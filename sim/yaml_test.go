package sim

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// whole is a configuration in which every field there is stands, written by
// writeWhole with values that no field has by itself.
func whole(t *testing.T) (Config, string) {
	t.Helper()
	c := Config{Latency: map[string]Latency{"haiku": {}}, Limits: map[string]Limits{"haiku-4.5": {}}, Keys: []string{"x"}, Faults: []Fault{{}}}
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
		`sim.yaml:5:13: limits.haiku-45 is unknown, want one of fable-5.x, haiku-4.5, haiku-5.5, mythos-5.x, opus-4.x, opus-5, opus-5.5, sonnet-4.x, sonnet-5, sonnet-5.5, count_tokens or * (did you mean "haiku-4.5"?)`,
		`sim.yaml:5:24: limits.haiku-45.requests is -5, want 0 or more`,
		`sim.yaml:5:28: unknown field "limits.haiku-45.tokens"`,
		`sim.yaml:7:46: faults.0.probability is 1.5, want 1 or less`,
		`sim.yaml:7:58: faults.0.every is -1, want 0 or more`,
		`sim.yaml:8:5: faults.1: fault "cut=soon": parameter after: bad value "soon"`,
		`sim.yaml:9:12: faults.2.kind is "trunkate", want status, close, silence, html, content-type, refuse, tls-fail, slow-read, cut, stall, error, truncate, malformed, duplicate, unknown, huge, split-utf8, slow, drip, buffer, no-usage, no-retry-after, no-keepalive, goaway, clock-skew or evict (did you mean "truncate"?)`,
		`sim.yaml:10:12: any_model is "haiku", want fable-5.x, haiku-4.5, haiku-5.5, mythos-5.x, opus-4.x, opus-5, opus-5.5, sonnet-4.x, sonnet-5 or sonnet-5.5`,
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
		"limits: &a {haiku-4.5: *a}":       `unknown field "limits.haiku-4.5.haiku-4.5"`,
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
