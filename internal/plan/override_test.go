package plan

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const overridable = `tasks:
  - {name: simple, model: claude-haiku-4-5, prompts: [hi]}
  - {name: other, model: &m claude-haiku-4-5, prompts: [hi]}
  - {name: last, model: *m, prompts: [hi]}
target:
load:
  users:
    stages:
      - {name: ramp, duration: 1m, target: 5}
      - {name: hold, duration: 1m, target: 5}
thresholds:
  e2e: p(95)<10s
on_limit: measure
`

func TestSet(t *testing.T) {
	for _, tt := range []struct {
		set  []string
		got  func(p *Plan) any
		want any
	}{
		{[]string{"tasks.0.max_tokens=64"}, func(p *Plan) any { return p.Tasks[0].MaxTokens }, 64},
		{[]string{"tasks.simple.weight=2"}, func(p *Plan) any { return p.Tasks[0].Weight }, 2.0},
		{[]string{"tasks.simple.weight=2", "tasks.simple.weight=3"}, func(p *Plan) any { return p.Tasks[0].Weight }, 3.0},
		{[]string{"load.users.stages.hold.target=9"}, func(p *Plan) any { return p.Load.Users }, 9},
		{[]string{"load.users={count: 4, requests: 8}"}, func(p *Plan) any { return p.Load.Requests }, 8},
		{[]string{"load={}", "load.users.count=5", "load.users.duration=3s"}, func(p *Plan) any { return p.Load.End }, 3 * time.Second},
		{[]string{"thresholds.e2e=p(50)<1s"}, func(p *Plan) any { return p.Thresholds[0].Expression }, "p(50)<1s"},
		{[]string{"thresholds.ttft{task:simple,stage:hold}=[p(50)<1s]"}, func(p *Plan) any { return p.Thresholds[1].Metric }, "ttft{task:simple,stage:hold}"},
		{[]string{"thresholds=null"}, func(p *Plan) any { return len(p.Thresholds) }, 0},
		{[]string{"target.timeout=5s"}, func(p *Plan) any { return p.Target.Timeout }, 5 * time.Second},
		{[]string{"target.key_env="}, func(p *Plan) any { return p.Target.KeyEnv }, ""},
		{[]string{"seed=7"}, func(p *Plan) any { return p.Seed }, uint64(7)},
		{[]string{"name=a=b"}, func(p *Plan) any { return p.Name }, "a=b"},
		{[]string{`prices."gpt-4.1".input=2`, `prices."gpt-4.1".output=8`, "tasks.0.model=gpt-4.1"}, func(p *Plan) any { return p.Tasks[0].Model }, "gpt-4.1"},
		{[]string{"budget.usd=$2"}, func(p *Plan) any { return p.Budget.Guard.Budget.String() }, "$2.0000"},
		{[]string{"on_limit={mode: obey, max_attempts: 2}"}, func(p *Plan) any { return p.OnLimit.MaxAttempts }, 2},
		// An alias is a copy: setting one place leaves the other.
		{[]string{"tasks.other.model=claude-sonnet-4-6"}, func(p *Plan) any { return p.Tasks[2].Model }, "claude-haiku-4-5"},
		{[]string{"tasks.last.model=claude-sonnet-4-6"}, func(p *Plan) any { return p.Tasks[1].Model }, "claude-haiku-4-5"},
		{[]string{"tasks.0.prompts=&a [x, y]"}, func(p *Plan) any { return p.PromptsFrom[0] }, "2 inline"},
	} {
		p := must(t, overridable, tt.set...)
		if diff := cmp.Diff(tt.want, tt.got(p)); diff != "" {
			t.Errorf("--set %q (-want +got):\n%s", tt.set, diff)
		}
		if string(p.Source) != overridable {
			t.Errorf("--set %q changes Source", tt.set)
		}
	}
}

func TestSetMistakes(t *testing.T) {
	for _, tt := range []struct {
		set  []string
		want []string
	}{
		{[]string{"seed"}, []string{`--set "seed": want path=value, such as load.users.count=5 or tasks.0.max_tokens=64`}},
		{[]string{"=5"}, []string{`--set "=5": want path=value, such as load.users.count=5 or tasks.0.max_tokens=64`}},
		{[]string{"a..b=5"}, []string{`--set "a..b=5": want path=value, such as load.users.count=5 or tasks.0.max_tokens=64`}},
		{[]string{"sed=5"}, []string{`--set sed: unknown field "sed" in plan (did you mean "seed"?)`}},
		{[]string{"seed=x", "name=a/b"}, []string{
			`--set name: name is "a/b": it becomes part of a folder's name, so no /\:*?"<>|, and no dot at either end`,
			`--set seed: seed is the text "x", want a whole number from 0`}},
		{[]string{"tasks.0.wieght=5"}, []string{`--set tasks.0.wieght: unknown field "wieght" in task (did you mean "weight"?)`}},
		{[]string{"tasks.7.weight=5"}, []string{`--set tasks.7.weight: the list has no item "7": it has 3, numbered from 0`}},
		{[]string{"tasks.smiple.weight=5"}, []string{`--set tasks.smiple.weight: the list has no item "smiple" (did you mean "simple"?): it has 3, numbered from 0`}},
		{[]string{"on_limit.mode=obey"}, []string{`--set on_limit.mode: nothing can be set below the text "measure"`}},
		{[]string{"tasks.0.system={flie: x}"}, []string{`--set tasks.0.system: unknown field "flie" in system (did you mean "file"?)`}},
		{[]string{"thresholds.e2e=p(95)<5%"}, []string{`--set thresholds.e2e: threshold "p(95)<5%" on e2e: bound "5%" is a share, but e2e is a time: write it with ns, us, ms, s, m or h, such as 10s; a bare number is ms`}},
		{[]string{"load.users.count=5"}, []string{"--set load.users.count: count is the short form's: with stages, leave it out"}},
		{[]string{"load.arrivals={rate: 1/s, duration: 1m}"}, []string{"--set load.arrivals: load has both users and arrivals: one of them"}},
		{[]string{"seed={"}, []string{`--set seed: not valid YAML: "{"`}},
		{[]string{"seed=1\n---\n2"}, []string{"--set seed: more than one document: want one value"}},
		{[]string{"name=a\x00"}, []string{"--set name: not text: a control character, or bytes that are not UTF-8"}},
		{[]string{"tasks=&a [*a]"}, []string{"--set tasks: nested too deeply, or an alias that contains itself"}},
		// The plan's own mistakes come first.
		{[]string{"seed=x", "tasks.0.max_tokens=0", "load.users.stages.0.duration="}, []string{
			"plan.yaml:9:9: stage 1 has no duration",
			"--set seed: seed is the text \"x\", want a whole number from 0",
			"--set tasks.0.max_tokens: max_tokens is 0, want at least 1"}},
	} {
		_, err := Parse("plan.yaml", []byte(overridable), Options{FS: os.DirFS("testdata/files"), Set: tt.set})
		if diff := cmp.Diff(strings.Join(tt.want, "\n"), text(err)); diff != "" {
			t.Errorf("--set %q (-want +got):\n%s", tt.set, diff)
		}
	}
}

func TestCutPath(t *testing.T) {
	for _, tt := range []struct {
		in    string
		want  []string
		value string
		ok    bool
	}{
		{"a=1", []string{"a"}, "1", true},
		{"a.b.0=x=y.z", []string{"a", "b", "0"}, "x=y.z", true},
		{`a."b.c=d".e=1`, []string{"a", "b.c=d", "e"}, "1", true},
		{`t.ttft{model:a.b,task:"x}y"}=p(50)<1s`, []string{"t", `ttft{model:a.b,task:"x`, `y"}=p(50)<1s`}, "", false},
		{"t.ttft{model:gpt-4.1}=p(50)<1s", []string{"t", "ttft{model:gpt-4.1}"}, "p(50)<1s", true},
		{"a=", []string{"a"}, "", true},
		{"a", nil, "", false},
		{".a=1", []string{"", "a"}, "1", false},
		{"", nil, "", false},
	} {
		got, value, ok := cutPath(tt.in)
		if ok != tt.ok || ok && (!slices.Equal(got, tt.want) || value != tt.value) {
			t.Errorf("cutPath(%q) = %q, %q, %v; want %q, %q, %v", tt.in, got, value, ok, tt.want, tt.value, tt.ok)
		}
	}
}
