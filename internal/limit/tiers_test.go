package limit

import (
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Figures of the published table, class by class, written out once more.
func TestTiers(t *testing.T) {
	all, asOf := Tiers()
	if asOf != "2026-11-23" {
		t.Errorf("as of %q", asOf)
	}
	for name, want := range map[string]Rates{
		"tier1 sonnet-4.x": {50, 30_000, 8_000, 0}, "tier1 haiku-4.5": {50, 50_000, 10_000, 0}, "tier1 opus-4.x": {50, 500_000, 80_000, 0},
		"tier4 sonnet-4.x": {4_000, 2_000_000, 400_000, 0}, "tier4 haiku-4.5": {4_000, 4_000_000, 800_000, 0}, "tier4 opus-4.x": {4_000, 10_000_000, 800_000, 0},
		"start fable-5.x": {1_000, 500_000, 100_000, 0}, "build fable-5.x": {2_000, 1_500_000, 300_000, 0}, "scale fable-5.x": {4_000, 4_000_000, 800_000, 0},
		"start haiku-5.5": {1_000, 2_000_000, 400_000, 0}, "build haiku-5.5": {5_000, 5_000_000, 1_000_000, 0}, "scale haiku-5.5": {10_000, 10_000_000, 2_000_000, 0},
		"start opus-5": {1_000, 2_000_000, 400_000, 0}, "build sonnet-4.x": {5_000, 5_000_000, 1_000_000, 0}, "scale opus-4.x": {10_000, 10_000_000, 2_000_000, 0},
	} {
		tier, class, _ := strings.Cut(name, " ")
		got, err := TierNamed(tier)
		if err != nil || got.Classes[class] != want {
			t.Errorf("%s = %+v, %v; want %+v", name, got.Classes[class], err, want)
		}
	}
	for _, tier := range all {
		for class, r := range tier.Classes {
			if min(r.Requests, r.InputTokens, r.OutputTokens) <= 0 || tier.Source == "" {
				t.Errorf("%s %s = %+v, source %q", tier.Name, class, r, tier.Source)
			}
		}
	}
	if _, err := TierNamed("gold"); err == nil || !strings.Contains(err.Error(), "start, build, scale") {
		t.Errorf("unknown tier: %v", err)
	}
}

// Every class of a current model is in every tier.
func TestTiersKnowTheModels(t *testing.T) {
	all, _ := Tiers()
	for _, tier := range all {
		for _, model := range []string{"claude-haiku-5-5", "claude-haiku-4-5", "claude-sonnet-5-5", "claude-sonnet-5", "claude-sonnet-4-6",
			"claude-opus-5-5", "claude-opus-5", "claude-opus-4-8", "claude-fable-5-2", "claude-mythos-5-1"} {
			if _, ok := tier.Classes[call.ModelClass(model)]; !ok {
				t.Errorf("%s has no %s", tier.Name, call.ModelClass(model))
			}
		}
	}
}

func TestAllowance(t *testing.T) {
	a := NewAllowance(Rates{Requests: 60, InputTokens: 6_000, OutputTokens: 600})
	for i := range 59 {
		if refused, _ := a.Admit(0, 100); refused != "" {
			t.Fatalf("request %d refused by %s", i, refused)
		}
	}
	refused := func(at time.Duration, input int64, want call.LimitKind, wait time.Duration) {
		t.Helper()
		if got, d := a.Admit(at, input); got != want || d != wait {
			t.Errorf("Admit(%v, %d) = %q, %v; want %q, %v", at, input, got, d, want, wait)
		}
	}
	refused(0, 200, call.LimitInputTokens, time.Second) // 100 left, 100 a second
	refused(0, 100, "", 0)
	refused(0, 0, call.LimitRequests, time.Second)
	a.Generated(time.Second, 620) // 20 more than there were, at 10 a second
	refused(2*time.Second, 0, call.LimitOutputTokens, 1100*time.Millisecond)
	refused(3100*time.Millisecond, 0, "", 0)

	// A limit on both together: input when it arrives, output as it comes.
	a = NewAllowance(Rates{Tokens: 6_000})
	refused(0, 5_000, "", 0)
	a.Generated(time.Second, 900) // 1,000 and a second's 100 were left
	refused(time.Second, 300, call.LimitTokens, time.Second)
	refused(2*time.Second, 300, "", 0)
	refused(2*time.Second, 0, call.LimitTokens, 10*time.Millisecond) // none is left for an answer
	refused(time.Hour, 7_000, "", 0)                                 // more than it holds is given when it is full

	var free Allowance
	free.Generated(0, 1e9)
	if got, d := free.Admit(0, 1e9); got != "" || d != 0 {
		t.Errorf("without limits: %q, %v", got, d)
	}
}
