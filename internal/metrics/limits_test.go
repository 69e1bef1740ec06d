package metrics

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

func bucket(limit, remaining int64) *call.Limit {
	return &call.Limit{Limit: &limit, Remaining: &remaining}
}

func TestLimits(t *testing.T) {
	a, b, warm, tail := answered(0, 0, second, second), answered(1, 0, second, second), answered(2, 0, second, second), answered(3, 0, second, second)
	a.Limits = call.Limits{Requests: bucket(1000, 900), OutputTokens: bucket(8000, 6000)}
	b.Limits = call.Limits{Requests: bucket(2000, 1000), OutputTokens: bucket(8000, 7000)}
	b.Model = "claude-haiku-4-5-20251001"
	warm.Limits, warm.Phase = call.Limits{Requests: bucket(1000, 800)}, call.WarmUp
	tail.Limits, tail.Phase = call.Limits{Requests: bucket(1000, 1)}, call.BudgetTail
	limited := failed(4, 0, call.RateLimited)
	limited.LimitedBy = call.LimitOutputTokens
	other := answered(5, 0, second, second)
	other.Model = "my-model"
	other.Limits = call.Limits{Tokens: bucket(0, 0), InputTokens: &call.Limit{}}

	priority := answered(6, 0, second, second)
	priority.Limits = call.Limits{Requests: bucket(1000, 500), PriorityInputTokens: bucket(10_000, 0)}

	haiku := func(outputTokens429 int, binding string) ClassLimits {
		return ClassLimits{
			Class: "haiku-4.5", Models: []string{"claude-haiku-4-5", "claude-haiku-4-5-20251001"}, Binding: binding,
			Requests:     &LimitUse{Limit: 1000, MinRemaining: 800, PeakUtilization: 0.5},
			OutputTokens: &LimitUse{Limit: 8000, MinRemaining: 6000, PeakUtilization: 0.25, RateLimited: outputTokens429},
		}
	}
	mine := ClassLimits{Class: "my-model", Models: []string{"my-model"},
		Tokens: &LimitUse{Limit: 0, MinRemaining: 0, PeakUtilization: Withheld()}}
	for _, tt := range []struct {
		name string
		log  []call.Result
		want []ClassLimits
	}{
		{"most used", []call.Result{a, b, warm, tail}, []ClassLimits{haiku(0, "requests")}},
		{"most 429s", []call.Result{a, b, warm, tail, limited}, []ClassLimits{haiku(1, "output_tokens")}},
		{"two classes, sorted", []call.Result{other, a, b, warm}, []ClassLimits{haiku(0, "requests"), mine}},
		{"used up, and binds nothing", []call.Result{priority}, []ClassLimits{{Class: "haiku-4.5", Models: []string{"claude-haiku-4-5"}, Binding: "requests",
			Requests:            &LimitUse{Limit: 1000, MinRemaining: 500, PeakUtilization: 0.5},
			PriorityInputTokens: &LimitUse{Limit: 10_000, MinRemaining: 0, PeakUtilization: 1}}}},
		{"nothing said", []call.Result{answered(0, 0, second, second)}, []ClassLimits{}},
	} {
		got := tableOf(tt.log...).Summary(Meta{}).Limits
		wantJSON, _ := json.Marshal(tt.want)
		gotJSON, _ := json.Marshal(got)
		if d := cmp.Diff(string(wantJSON), string(gotJSON)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func TestBindingWithoutHeaders(t *testing.T) {
	for kind, want := range map[call.LimitKind]string{call.LimitRamp: "ramp", call.LimitSpend: "spend", call.LimitRequests: "requests", call.LimitUnknown: "", "": ""} {
		r := failed(0, 0, call.RateLimited)
		r.LimitedBy = kind
		got := tableOf(r).Summary(Meta{}).Limits
		if len(got) != 1 || got[0].Binding != want || (got[0].Requests != nil) != (want == "requests") {
			t.Errorf("429 by %q: %+v; want binding %q", kind, got, want)
		}
	}
}
