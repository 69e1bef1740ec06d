package workload

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

func TestChecks(t *testing.T) {
	answer := call.Result{Class: call.OK, Text: "Machine learning\nis fun", Stop: "end_turn"}
	blank := call.Result{Class: call.OK, Text: " \n", Stop: "max_tokens"}
	tool := call.Result{Class: call.OK, FirstText: 5, Stop: "tool_use"}
	tests := []struct {
		check  Check
		name   string
		text   bool
		answer bool // holds for it
		blank  bool
		tool   bool
	}{
		{Check{Contains: "learning"}, `contains "learning"`, true, true, false, false},
		{Check{NotContains: "learning"}, `does not contain "learning"`, true, false, true, true},
		{Check{Matches: `(?m)^is .un$`}, `matches /(?m)^is .un$/`, true, true, false, false},
		{Check{StopReason: "end_turn"}, "stop reason is end_turn", false, true, false, false},
		{Check{Content: true}, "has content", true, true, false, true},
	}
	for _, test := range tests {
		if err := test.check.Validate(); err != nil {
			t.Errorf("%v: %v", test.check, err)
		}
		if got := test.check.Name(); got != test.name {
			t.Errorf("Name() = %q; want %q", got, test.name)
		}
		if got := test.check.NeedsText(); got != test.text {
			t.Errorf("%s: NeedsText() = %v; want %v", test.name, got, test.text)
		}
		m := newMix(t, 1, []Check{test.check}, simple())
		if got := m.Request(0).KeepText; got != test.text {
			t.Errorf("%s: KeepText = %v; want %v", test.name, got, test.text)
		}
		for _, on := range []struct {
			r    call.Result
			want bool
		}{{answer, test.answer}, {blank, test.blank}, {tool, test.tool}} {
			if got := test.check.Holds(on.r); got != on.want {
				t.Errorf("%s: Holds(%q) = %v; want %v", test.name, on.r.Text, got, on.want)
			}
			if d := cmp.Diff(map[string]bool{test.name: on.want}, m.Check(on.r)); d != "" {
				t.Errorf("%s: Check(%q) (-want +got):\n%s", test.name, on.r.Text, d)
			}
		}
	}
}

func TestChecksOnlyJudgeAnswers(t *testing.T) {
	m := newMix(t, 1, []Check{{StopReason: "end_turn"}, {Content: true}}, simple())
	if !newMix(t, 1, []Check{{Content: true}, {StopReason: "end_turn"}}, simple()).Request(0).KeepText {
		t.Error("the first of two checks needs the text, and it is not kept")
	}
	for _, c := range call.Classes() {
		want := map[string]bool{"stop reason is end_turn": false, "has content": false}
		if c != call.OK && c != call.Refused {
			want = nil
		}
		if d := cmp.Diff(want, m.Check(call.Result{Class: c})); d != "" {
			t.Errorf("Check of class %s (-want +got):\n%s", c, d)
		}
	}
	if got := newMix(t, 1, nil, simple()).Check(call.Result{Class: call.OK}); got != nil {
		t.Errorf("Check without checks = %v; want nil", got)
	}
}

func TestInvalidChecks(t *testing.T) {
	tests := []struct {
		check Check
		want  string
	}{
		{Check{}, "a check has exactly one condition, not 0"},
		{Check{Contains: "a", StopReason: "b"}, "a check has exactly one condition, not 2"},
		{Check{Contains: "a", NotContains: "a", Matches: "a", StopReason: "b", Content: true}, "a check has exactly one condition, not 5"},
		{Check{Matches: "["}, "matches: missing closing ]: `[`"},
	}
	for _, test := range tests {
		if err := test.check.Validate(); err == nil || err.Error() != test.want {
			t.Errorf("Validate(%+v) = %v; want %q", test.check, err, test.want)
		}
	}
	for _, c := range []Check{{}, {Matches: "["}} {
		if c.Holds(call.Result{Text: "["}) {
			t.Errorf("%+v holds", c)
		}
	}
	if got := (Check{}).Name(); got != "no check" {
		t.Errorf("Name() = %q", got)
	}
}
