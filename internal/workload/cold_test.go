package workload

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// cold is a task of which a share of the requests must miss the cache.
func cold(share float64) Task {
	return with(func(t *Task) {
		t.System = System{Text: "Handbook", Cache: "5m", Cold: share}
		t.Prompts = []string{"a", "b", "c"}
	})
}

// The bodies of cold and warm requests, in both dialects: only the numbers differ.
func TestColdGolden(t *testing.T) {
	chat := cold(0.2)
	chat.API, chat.System.Cache = "chat", ""
	warm := `Copy 1618033989-8144176227 of these instructions.\nHandbook`
	for name, test := range map[string]struct {
		task  Task
		index int
		cold  bool
		text  string
		want  string
	}{
		"warm": {cold(0.2), 0, false, warm, `"system":[{"type":"text","text":"` + warm + `","cache_control":{"type":"ephemeral"}}]`},
		"cold": {cold(0.2), 11, true, "", `"system":[{"type":"text","text":"Copy 1034441857-8144176227 of these instructions.\nHandbook","cache_control":{"type":"ephemeral"}}]`},
		"chat": {chat, 11, true, "", `"messages":[{"role":"system","content":"Copy 1034441857-8144176227 of these instructions.\nHandbook"},`},
	} {
		got := newMix(t, 42, nil, test.task).Request(test.index)
		if got.Cold != test.cold || !strings.Contains(string(got.Body), test.want) {
			t.Errorf("%s: cold %v, body %s; want %v and %s", name, got.Cold, got.Body, test.cold, test.want)
		}
	}
}

// Over 20,000 requests: the share is as asked for, no two cold requests begin
// alike, all warm ones do, and all are of one length. The prompts are those of
// the same task without cold requests.
func TestCold(t *testing.T) {
	const n = 20_000
	for _, share := range []float64{0.01, 0.2, 0.99} {
		m, plain := newMix(t, 7, nil, cold(share)), newMix(t, 7, nil, cold(0))
		colds, seen, warm := 0, map[string]bool{}, ""
		for i := range n {
			r, p := m.Request(i), plain.Request(i)
			line, rest, _ := strings.Cut(string(r.Body), ` of these instructions.\n`)
			prefix, rest, _ := strings.Cut(rest, `"messages"`)
			if _, prompt, _ := strings.Cut(string(p.Body), `"messages"`); prompt != rest || prefix != `Handbook","cache_control":{"type":"ephemeral"}}],` {
				t.Fatalf("request %d is %s; without cold requests %s", i, r.Body, p.Body)
			}
			if len(r.Body) != len(p.Body)+len(copyLine)+1 || !json.Valid(r.Body) {
				t.Fatalf("request %d: %s", i, r.Body)
			}
			switch {
			case !r.Cold && warm == "":
				warm = line
			case !r.Cold && line != warm:
				t.Fatalf("warm request %d begins %s; others %s", i, line, warm)
			case r.Cold && (seen[line] || line == warm):
				t.Fatalf("cold request %d begins as another: %s", i, line)
			case r.Cold:
				colds++
				seen[line] = true
			}
		}
		if sd := math.Sqrt(share * (1 - share) / n); math.Abs(float64(colds)/n-share) > 4*sd {
			t.Errorf("%d of %d are cold; want a share of %v", colds, n, share)
		}
	}
}

// Another seed has other numbers throughout; the same has the same, in any order.
func TestColdSeeds(t *testing.T) {
	a, again, b := newMix(t, 1, nil, cold(0.5)), newMix(t, 1, nil, cold(0.5)), newMix(t, 2, nil, cold(0.5))
	for i := 99; i >= 0; i-- {
		r := a.Request(i)
		if !bytes.Equal(r.Body, again.Request(i).Body) {
			t.Errorf("request %d differs from itself", i)
		}
		seed := r.Body[bytes.Index(r.Body, []byte("Copy "))+seedAt:][:digits]
		if bytes.Contains(b.Request(i).Body, seed) {
			t.Errorf("request %d of two seeds: both have %s", i, seed)
		}
	}
}

func TestColdValidate(t *testing.T) {
	for _, test := range []struct {
		change func(*Task)
		want   string
	}{
		{func(*Task) {}, ""},
		{func(t *Task) { t.API, t.System.Cache = "chat", "" }, ""},
		{func(t *Task) {
			t.Body = json.RawMessage(`{"tools":[{"name":"a","input_schema":{"type":"object"}}],"cache_control":{"type":"ephemeral"}}`)
		}, ""},
		{func(t *Task) { t.System.Cold = 1 }, "system cold is not between 0 and 1"},
		{func(t *Task) { t.System.Cold = -1 }, "system cold is not between 0 and 1"},
		{func(t *Task) { t.System.Cold = math.NaN() }, "system cold is not between 0 and 1"},
		{func(t *Task) { t.System.Cache = "" }, "cold requests of a system prompt that is not cached"},
		{func(t *Task) { t.System = System{Cold: 0.5} }, "cold requests without a system prompt"},
		{func(t *Task) {
			t.Body = json.RawMessage(`{"tools":[{"name":"a","cache_control":{"type":"ephemeral"}}]}`)
		},
			"cold requests of a task whose body caches its tools: they come before the system prompt and would be found; leave cache_control out there"},
		{func(t *Task) { t.Body = json.RawMessage(`{"tools":3}`) }, ""},
	} {
		task := cold(0.2)
		test.change(&task)
		got := ""
		if err := task.Validate(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("Validate(%+v) = %q; want %q", task.System, got, test.want)
		}
	}
}
