package workload

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestBytesPerToken(t *testing.T) {
	tests := map[string]float64{
		"claude-haiku-4-5": 4, "claude-haiku-4-5-20251001": 4, "claude-opus-4-6": 4, "claude-sonnet-4-20250514": 4,
		"claude-3-5-haiku-20241022": 4, "claude-3-opus-20240229": 4, "claude-instant": 4, "claude-haiku-x": 4, "gpt-5": 4, "": 4,
		"claude-opus-4-7": 3.1, "claude-opus-4-8": 3.1, "claude-sonnet-5": 3.1, "claude-haiku-5-5": 3.1,
		"claude-fable-5-2": 3.1, "anthropic.claude-opus-5-5": 3.1, "us.anthropic.claude-haiku-4-5-20251001-v1:0": 4,
		"claude-opus-10": 3.1,
	}
	for model, want := range tests {
		if got := bytesPerToken(model); got != want {
			t.Errorf("bytesPerToken(%q) = %v; want %v", model, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range words {
		if seen[w] || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("word %q twice or not of small letters", w)
		}
		seen[w] = true
	}
	if len(words) != 256 {
		t.Errorf("%d words; want 256, so that a byte picks one", len(words))
	}
}

// prompts returns the prompts of the first n requests of a synthetic task.
func prompts(t *testing.T, seed uint64, s Synthetic, model string, n int) []string {
	t.Helper()
	m := newMix(t, seed, nil, with(func(t *Task) { t.Prompts, t.Synthetic, t.Model = nil, &s, model }))
	out := make([]string, n)
	for i := range out {
		var body struct{ Messages []struct{ Content string } }
		if err := json.Unmarshal(m.Request(i).Body, &body); err != nil {
			t.Fatal(err)
		}
		out[i] = body.Messages[0].Content
	}
	return out
}

func TestSyntheticFixedLength(t *testing.T) {
	for _, test := range []struct {
		model  string
		tokens int
		want   int // bytes
	}{
		{"claude-haiku-4-5", 1000, 4000}, {"claude-haiku-5-5", 1000, 3100}, {"claude-haiku-4-5", 33, 132}, {"claude-haiku-5-5", 100000, 310000},
	} {
		for i, p := range prompts(t, 5, Synthetic{P50: test.tokens}, test.model, 20) {
			if len(p) != test.want {
				t.Errorf("%s, %d tokens: prompt %d has %d bytes; want %d", test.model, test.tokens, i, len(p), test.want)
			}
			if !strings.HasSuffix(p, " "+closing) {
				t.Errorf("prompt %d does not end with the closing request: %q", i, p)
			}
		}
	}
}

func TestSyntheticNeverShorterThanItsFrame(t *testing.T) {
	for i, p := range prompts(t, 35, Synthetic{P50: 1}, "m", 12) {
		want := "Notes z-" + string(rune('0'+i%10)) + ". " + closing
		if i < 10 && p != want {
			t.Errorf("prompt %d = %q; want %q", i, p, want)
		}
	}
}

// Median and 95th percentile are those asked for, and four standard deviations
// are the most.
func TestSyntheticLengths(t *testing.T) {
	const n = 4000
	s := Synthetic{P50: 1000, P95: 4000}
	for _, seed := range []uint64{1, 2, 3} {
		var tokens []float64
		r := rand.New(rand.NewPCG(seed, 0))
		for range n {
			tokens = append(tokens, float64(s.length(r, "m"))/4)
		}
		slices.Sort(tokens)
		// Four standard errors of the quantile: √(q(1−q)/n) over the density.
		sigma := math.Log(4) / z95
		for _, q := range []struct{ q, want, density float64 }{
			{0.5, 1000, 0.39894 / (sigma * 1000)}, {0.95, 4000, 0.10314 / (sigma * 4000)}, {0.05, 250, 0.10314 / (sigma * 250)},
		} {
			se := math.Sqrt(q.q*(1-q.q)/n) / q.density
			if got := tokens[int(q.q*n)]; math.Abs(got-q.want) > 4*se {
				t.Errorf("seed %d: quantile %v of lengths = %.0f; want %.0f ± %.0f", seed, q.q, got, q.want, 4*se)
			}
		}
		if most := 1000 * math.Exp(4*sigma); tokens[n-1] > most+1 {
			t.Errorf("seed %d: longest %.0f; want at most %.0f", seed, tokens[n-1], most)
		}
	}
}

// No prompt begins like another, within a run or between two: a cached prefix
// is never met.
func TestSyntheticPromptsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, seed := range []uint64{1, 2, 1 << 63} {
		for i, p := range prompts(t, seed, Synthetic{P50: 300}, "m", 500) {
			head := p[:32]
			if seen[head] {
				t.Errorf("seed %d: prompt %d begins like another: %q", seed, i, head)
			}
			seen[head] = true
		}
	}
}

// Different indexes get different words, not only a different number in front.
func TestSyntheticWordsDiffer(t *testing.T) {
	all := prompts(t, 1, Synthetic{P50: 500}, "m", 100)
	_, a, _ := strings.Cut(all[10], ".")
	_, b, _ := strings.Cut(all[11], ".")
	same, again := 0, 0
	x, y := strings.Fields(a), strings.Fields(b)
	for i := range min(len(x), len(y)) - 25 {
		if x[i] == y[i] {
			same++
		}
		if i > 0 && x[i] == x[i-1] {
			again++
		}
	}
	if again > 10 {
		t.Errorf("%d of %d words are said twice in a row", again, len(x))
	}
	if same > 10 {
		t.Errorf("%d of %d words are the same in two prompts", same, len(x))
	}
}

func TestMethod(t *testing.T) {
	if got, want := Method(), "by bytes (4 a token, 3.1 from the Claude 4.7 generation on)"; got != want {
		t.Errorf("Method() = %q; want %q", got, want)
	}
}
