package workload

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// simple is the least task there is.
func simple() Task {
	return Task{Name: "t", Weight: 1, Model: "claude-haiku-4-5", MaxTokens: 64, Prompts: []string{"Hi"}}
}

// with returns a changed copy of simple.
func with(change func(*Task)) Task {
	t := simple()
	change(&t)
	return t
}

func newMix(t testing.TB, seed uint64, checks []Check, tasks ...Task) *Mix {
	t.Helper()
	m, err := New(seed, tasks, checks)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRequestGolden(t *testing.T) {
	tests := []struct {
		name string
		task Task
		want call.Request
		body string
	}{
		{"least", simple(),
			call.Request{MaxTokens: 64},
			`{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}`},
		{"stream and escapes", with(func(t *Task) {
			t.Stream = true
			t.Prompts = []string{"a\"b\\c\n\r\t\x00\x1f\x7f<&>é\u2028😀\xff\xc3"}
		}),
			call.Request{MaxTokens: 64, Stream: true},
			`{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"a\"b\\c\n\r\t\u0000\u001f` + "\x7f<&>é\u2028😀\ufffd\ufffd" + `"}]}`},
		{"plain system", with(func(t *Task) { t.System = System{Text: "Be \"brief\"."} }),
			call.Request{MaxTokens: 64},
			`{"model":"claude-haiku-4-5","max_tokens":64,"system":"Be \"brief\".","messages":[{"role":"user","content":"Hi"}]}`},
		{"system cached for five minutes", with(func(t *Task) { t.System = System{Text: "Handbook", Cache: "5m"} }),
			call.Request{MaxTokens: 64, CacheTTL: "5m"},
			`{"model":"claude-haiku-4-5","max_tokens":64,"system":[{"type":"text","text":"Handbook","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"Hi"}]}`},
		{"system cached for an hour", with(func(t *Task) { t.System = System{Text: "Handbook", Cache: "1h"} }),
			call.Request{MaxTokens: 64, CacheTTL: "1h"},
			`{"model":"claude-haiku-4-5","max_tokens":64,"system":[{"type":"text","text":"Handbook","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"Hi"}]}`},
		{"body as it was written, in its order", with(func(t *Task) {
			t.Body = json.RawMessage("\n{ \"top_p\" : 0.50, \"a\\u0062\":{\"z\": 1,\n\"y\":[1e2,true] },\"speed\":\"fast\",\"inference_geo\":\"us\",\"temperature\":1.0 }\n")
		}),
			call.Request{MaxTokens: 64, Speed: "fast", Geo: "us"},
			`{"model":"claude-haiku-4-5","max_tokens":64,"top_p":0.50,"ab":{"z": 1,` + "\n" + `"y":[1e2,true] },"speed":"fast","inference_geo":"us","temperature":1.0,"messages":[{"role":"user","content":"Hi"}]}`},
		{"system from the body", with(func(t *Task) {
			t.Body = json.RawMessage(`{"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral","ttl":"1h"}}]}`)
		}),
			call.Request{MaxTokens: 64, CacheTTL: "1h"},
			`{"model":"claude-haiku-4-5","max_tokens":64,"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"Hi"}]}`},
		{"empty body", with(func(t *Task) { t.Body = json.RawMessage(` {} `) }),
			call.Request{MaxTokens: 64},
			`{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}`},
		{"template", with(func(t *Task) { t.Template = true; t.Prompts = []string{"{{index}} of {{seed}}, {{other}} {{index}}"} }),
			call.Request{MaxTokens: 64},
			`{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"4711 of 42, {{other}} 4711"}]}`},
		{"no template", with(func(t *Task) { t.Prompts = []string{"{{index}} of {{seed}}"} }),
			call.Request{MaxTokens: 64},
			`{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"{{index}} of {{seed}}"}]}`},
		{"a synthetic prompt of the least length", with(func(t *Task) { t.Prompts = nil; t.Synthetic = &Synthetic{P50: 1, OutputTokens: 9} }),
			call.Request{MaxTokens: 9},
			`{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"user","content":"Notes 16-4711. ` + closing + `"}]}`},
	}
	for _, test := range tests {
		got := newMix(t, 42, nil, test.task).Request(4711)
		body := string(got.Body)
		got.Body = nil
		test.want.Index, test.want.Task, test.want.Model = 4711, "t", "claude-haiku-4-5"
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s: Request(4711) (-want +got):\n%s", test.name, d)
		}
		if d := cmp.Diff(test.body, body); d != "" {
			t.Errorf("%s: body (-want +got):\n%s", test.name, d)
		}
	}
}

func TestValidate(t *testing.T) {
	body := func(s string) func(*Task) { return func(t *Task) { t.Body = json.RawMessage(s) } }
	synthetic := func(s Synthetic) func(*Task) { return func(t *Task) { t.Prompts, t.Synthetic = nil, &s } }
	tests := []struct {
		change func(*Task)
		want   string // "" is valid
	}{
		{func(t *Task) {}, ""},
		{func(t *Task) { t.Weight = 0 }, ""},
		{func(t *Task) { t.Prompts = []string{""} }, ""},
		{synthetic(Synthetic{P50: 10, P95: 10}), ""},
		{func(t *Task) { synthetic(Synthetic{P50: 10, OutputTokens: 5})(t); t.MaxTokens = 0 }, ""},
		{body(`{"Model":1,"temperature":1}`), ""},
		{func(t *Task) { t.Weight = -1 }, `weight -1 is not between 0 and 1e9`},
		{func(t *Task) { t.Weight = math.NaN() }, `weight NaN is not between 0 and 1e9`},
		{func(t *Task) { t.Weight = math.Inf(1) }, `weight +Inf is not between 0 and 1e9`},
		{func(t *Task) { t.Model = "" }, `no model`},
		{func(t *Task) { t.MaxTokens = 0 }, `max_tokens 0 is below 1`},
		{func(t *Task) { t.Prompts = nil }, `no prompts`},
		{func(t *Task) { t.Synthetic = &Synthetic{P50: 1} }, `both prompts and synthetic`},
		{func(t *Task) { t.System.Cache = "10m"; t.System.Text = "x" }, `system cache "10m" is not 5m or 1h`},
		{func(t *Task) { t.System.Cache = "5m" }, `a cached system prompt without text`},
		{synthetic(Synthetic{}), `synthetic p50 0 is not between 1 and 10000000 tokens`},
		{synthetic(Synthetic{P50: 10000001}), `synthetic p50 10000001 is not between 1 and 10000000 tokens`},
		{synthetic(Synthetic{P50: 10, P95: 9}), `synthetic p95 9 is not between p50 and 10000000 tokens`},
		{synthetic(Synthetic{P50: 10, OutputTokens: -1}), "synthetic output tokens -1 are below 0"},
		{body(`{"model":"x"}`), `body sets "model", which the task itself decides`},
		{body(`{"a":1,"max_tokens":1}`), `body sets "max_tokens", which the task itself decides`},
		{body(`{"stream":true}`), `body sets "stream", which the task itself decides`},
		{body(`{"messages":[]}`), `body sets "messages", which the task itself decides`},
		{body(`{"\u006dodel":1}`), `body sets "model", which the task itself decides`},
		{body(`{"a":1,"b":2,"a":3}`), `body sets "a" twice`},
		{body(`[]`), `body is not a JSON object`},
		{body(`null`), `body is not a JSON object`},
		{body(`{"a":1} {}`), `body is not a JSON object`},
		{body(`{"a":}`), `body is not a JSON object`},
		{body("{\"a\":\"\xff\"}"), `body is not a JSON object`},
		{func(t *Task) { t.System.Text = "x"; t.Body = json.RawMessage(`{"system":"y"}`) }, `body sets "system", which the task has already`},
		{func(t *Task) { *t = Task{} }, "no model\nno prompts\nmax_tokens 0 is below 1"},
	}
	for _, test := range tests {
		task := with(test.change)
		got := ""
		if err := task.Validate(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("Validate(%+v) = %q; want %q", task, got, test.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name   string
		tasks  []Task
		checks []Check
		want   string
	}{
		{"no tasks", nil, nil, "no task has a weight over 0"},
		{"all weights 0", []Task{with(func(t *Task) { t.Weight = 0 })}, nil, "no task has a weight over 0"},
		{"every mistake", []Task{with(func(t *Task) { t.Model = "" }), simple(), with(func(t *Task) { t.Name, t.MaxTokens = "", 0 })}, []Check{{}},
			"task \"t\": no model\ntask \"#3\": max_tokens 0 is below 1\ncheck 1: a check has exactly one condition, not 0"},
		{"a bad expression", []Task{simple()}, []Check{{Matches: "a("}}, "check 1: matches: missing closing ): `a(`"},
	}
	for _, test := range tests {
		m, err := New(1, test.tasks, test.checks)
		if m != nil || err == nil || err.Error() != test.want {
			t.Errorf("%s: New() = %v, %q; want %q", test.name, m, err, test.want)
		}
	}
}

// Each task's share is within four standard deviations of its weight's; one of
// weight 0 never comes; prompts are drawn evenly.
func TestWeightsAndPrompts(t *testing.T) {
	weights := map[string]float64{"a": 5, "never": 0, "b": 3, "c": 1, "rare": 0.01}
	var tasks []Task
	for _, name := range []string{"never", "a", "b", "c", "rare"} {
		tasks = append(tasks, Task{Name: name, Weight: weights[name], Model: "m", MaxTokens: 1, Prompts: []string{"one", "two", "three"}})
	}
	const n = 40000
	for _, seed := range []uint64{0, 1, 2} {
		m := newMix(t, seed, nil, tasks...)
		got, prompts, pairs := map[string]float64{}, map[string]float64{}, map[string]float64{}
		last := ""
		for i := range n {
			r := m.Request(i)
			got[r.Task]++
			if r.Task == "a" {
				prompts[string(r.Body)]++
			}
			pairs[last+r.Task]++
			last = r.Task
		}
		for name, w := range weights {
			within(t, seed, "task "+name, got[name], n, w/9.01)
		}
		for body, k := range prompts {
			within(t, seed, body, k, got["a"], 1.0/3)
		}
		// One request's task says nothing about the next one's.
		within(t, seed, "a after a", pairs["aa"], got["a"], 5/9.01)
	}
}

func within(t *testing.T, seed uint64, what string, k, n, p float64) {
	t.Helper()
	if sd := math.Sqrt(n * p * (1 - p)); math.Abs(k-n*p) > 4*sd {
		t.Errorf("seed %d: %s came %v times of %v; want %.0f ± %.0f", seed, what, k, n, n*p, 4*sd)
	}
}

func TestChoose(t *testing.T) {
	m := &Mix{upTo: []float64{0, 2, 2, 3, 3}}
	tests := []struct {
		u    float64
		want int
	}{{0, 1}, {0.5, 1}, {2.0/3 - 1e-12, 1}, {2.0 / 3, 3}, {0.999, 3}}
	for _, test := range tests {
		if got := m.choose(test.u); got != test.want {
			t.Errorf("choose(%v) = %d; want %d", test.u, got, test.want)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	tasks := []Task{
		with(func(t *Task) { t.Prompts, t.Synthetic = nil, &Synthetic{P50: 200, P95: 900} }),
		with(func(t *Task) { t.Prompts = []string{"a", "b", "c"} }),
	}
	a, b, c := newMix(t, 9, nil, tasks...), newMix(t, 9, nil, tasks...), newMix(t, 10, nil, tasks...)
	d, e := newMix(t, 9, nil, tasks[1]), newMix(t, 10, nil, tasks[1]) // bodies that do not show the seed
	differ, drawn := 0, 0
	for i := range 200 {
		first := a.Request(i).Body
		a.Request(i + 1) // what else is asked for has no influence
		if again := a.Request(i).Body; !bytes.Equal(first, again) {
			t.Fatalf("Request(%d) differs from itself", i)
		}
		if !bytes.Equal(first, b.Request(i).Body) {
			t.Fatalf("Request(%d) differs between two mixes of one seed", i)
		}
		if !bytes.Equal(first, c.Request(i).Body) {
			differ++
		}
		if !bytes.Equal(d.Request(i).Body, e.Request(i).Body) {
			drawn++
		}
	}
	if drawn < 100 || drawn > 167 { // two of three, give or take five standard deviations
		t.Errorf("another seed drew another prompt in %d of 200 requests; want about 133", drawn)
	}
	if differ < 100 {
		t.Errorf("another seed changed %d of 200 bodies", differ)
	}
}

// A body must not change when a later one is made.
func TestBodiesAreApart(t *testing.T) {
	m := newMix(t, 1, nil, with(func(t *Task) { t.Template, t.Prompts = true, []string{"number {{index}}"} }))
	first := m.Request(1)
	before := string(first.Body)
	_ = append(first.Body, strings.Repeat("x", 100)...)
	m.Request(2)
	if string(first.Body) != before {
		t.Errorf("body became %s", first.Body)
	}
}

// Any prompt makes a valid body that says what the prompt said.
func FuzzPrompt(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\x00\n\u2028", "\xff\xfe\xed\xa0\x80", "{{index}}", "é😀\ufffd"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, prompt, system string) {
		m := newMix(t, 1, nil, with(func(t *Task) { t.Prompts, t.System.Text = []string{prompt}, system }))
		var got struct {
			System   string
			Messages []struct{ Role, Content string }
		}
		body := m.Request(3).Body
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%v in %q", err, body)
		}
		// What encoding/json makes of the same string is the judge.
		if want := judged(prompt); len(got.Messages) != 1 || got.Messages[0].Role != "user" || got.Messages[0].Content != want {
			t.Errorf("messages %q; want %q", got.Messages, want)
		}
		if want := judged(system); got.System != want {
			t.Errorf("system %q; want %q", got.System, want)
		}
		if !json.Valid(body) || !bytes.Equal(body, bytes.ToValidUTF8(body, []byte("?"))) {
			t.Errorf("body is not valid UTF-8: %q", body)
		}
	})
}

func judged(s string) string {
	b, _ := json.Marshal(s)
	var out string
	_ = json.Unmarshal(b, &out)
	return out
}

// Any body that New accepts comes out valid, with its values untouched.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, ` {"tools":[{"type":"x"}],"a":{"b":[null]}} `, `{"a":"\u2028"}`, `{"":0}`, `{"a":1e999}`, `{"a":1,"a":2}`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := New(1, []Task{with(func(t *Task) { t.Body = body })}, nil)
		if err != nil {
			return
		}
		var want, got map[string]json.RawMessage
		if len(bytes.TrimSpace(body)) > 0 {
			if err := json.Unmarshal(body, &want); err != nil {
				t.Fatalf("New accepted %q: %v", body, err)
			}
		}
		out := m.Request(0).Body
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		for k, v := range want {
			if !bytes.Equal(got[k], v) {
				t.Errorf("%q became %q; want %q", k, got[k], v)
			}
		}
		if len(got) != len(want)+3 {
			t.Errorf("%d keys in %q; want %d", len(got), out, len(want)+3)
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	tests := []struct {
		name string
		task Task
	}{
		{"short", with(func(t *Task) { t.Stream = true; t.Prompts = []string{"Explain what machine learning is"} })},
		{"template", with(func(t *Task) { t.Template = true; t.Prompts = []string{"Explain number {{index}}"} })},
		{"system 16 KiB", with(func(t *Task) { t.System = System{strings.Repeat("word ", 3277), "5m", 0} })},
		{"synthetic 1000 tokens", with(func(t *Task) { t.Prompts, t.Synthetic = nil, &Synthetic{P50: 1000} })},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			m := newMix(b, 1, nil, test.task)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				b.SetBytes(int64(len(m.Request(i).Body)))
				i++
			}
		})
	}
}
