package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// lengths is n good requests of a prompt length and a time to first content.
func lengths(n int, prompt int64, ttft time.Duration) []call.Result {
	var out []call.Result
	for i := range n {
		out = append(out, ok(time.Duration(i)*time.Second, prompt, 100, ttft))
	}
	return out
}

func TestContextLength(t *testing.T) {
	short := lengths(10, 999, 100*time.Millisecond)
	longAnswers := lengths(10, 20_000, 350*time.Millisecond)
	plain := slices.Concat(short, lengths(10, 20_000, 500*time.Millisecond))
	for i := range plain {
		plain[i].FirstContent = 0 // not streamed
		plain[i].Output = 100
		if plain[i].Input > 1000 {
			plain[i].Output, plain[i].LastContent = 400, plain[i].LastContent+time.Second
		}
	}
	other := lengths(10, 20_000, 900*time.Millisecond)
	for i := range longAnswers {
		longAnswers[i].Output = 500
		other[i].Model = "claude-opus-4-6"
	}
	cached := ok(0, 10, 100, 100*time.Millisecond)
	cached.CacheRead = 20_000
	for _, c := range []struct {
		name       string
		rs         []call.Result
		severity   Severity // "" for none
		confidence float64
		evidence   string
	}{
		{"nothing to compare", short, "", 0, ""},
		{"too few long ones", slices.Concat(short, lengths(5, 20_000, time.Second)), "", 0, ""},
		{"just enough", slices.Concat(short, lengths(6, 20_000, 900*time.Millisecond)), Medium, 0.99, "10,000 and over prompt tokens: 6 requests, median prompt 20,000 tokens, service_ttft 900ms"},
		{"three times is not over three", slices.Concat(short, lengths(10, 20_000, 300*time.Millisecond)), "", 0, ""},
		{"over three", slices.Concat(short, lengths(10, 20_000, 301*time.Millisecond)), Medium, 0.99, "under 1,000 prompt tokens: 10 requests"},
		{"over ten", slices.Concat(short, lengths(10, 20_000, 1001*time.Millisecond)), High, 0.99, ""},
		{"the middle group is the longest", slices.Concat(short, lengths(10, 9999, 400*time.Millisecond), lengths(3, 10_000, time.Hour)), Medium, 0.99, "1,000 to under 10,000"},
		{"longer answers beside", slices.Concat(short, longAnswers), Medium, 0.99, "the answers are longer too (median 500 output tokens against 100): that lengthens e2e, not"},
		{"not streamed, longer answers", plain, Medium, 0.5, "rival explanation: the answers are longer too (median 400 output tokens against 100)"},
		{"another model", slices.Concat(short, other), Medium, 0.5, "rival explanation: the model differs too (claude-haiku-4-5 for the short prompts, claude-opus-4-6 for the long)"},
		{"cache reads are prompt too", slices.Concat(short, slices.Repeat([]call.Result{cached}, 10)), "", 0, ""},
	} {
		fs := find(c.rs, valid(metrics.ClassLimits{}))
		if c.severity == "" {
			if len(fs) != 0 {
				t.Errorf("%s: findings = %+v; want none", c.name, fs)
			}
			continue
		}
		if len(fs) != 1 || fs[0].ID != "context.length" || fs[0].Severity != c.severity || fs[0].Confidence != c.confidence {
			t.Errorf("%s: findings = %+v; want context.length, %s, confidence %v", c.name, fs, c.severity, c.confidence)
			continue
		}
		if !strings.Contains(strings.Join(fs[0].Evidence, "\n"), c.evidence) {
			t.Errorf("%s: evidence lacks %q:\n%s", c.name, c.evidence, strings.Join(fs[0].Evidence, "\n"))
		}
	}
}

func TestGroupOf(t *testing.T) {
	for tokens, want := range map[int64]int{1: 0, 999: 0, 1000: 1, 9999: 1, 10_000: 2, 1 << 40: 2} {
		if got := groupOf(tokens); got != want {
			t.Errorf("groupOf(%d) = %d; want %d", tokens, got, want)
		}
	}
}
