package workload

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// maxSynthetic is the longest synthetic prompt, in tokens: beyond every
// context there is, and a body of some 40 MB.
const maxSynthetic = 10_000_000

// z95 is the 95th percentile of the standard normal distribution.
const z95 = 1.6448536269514722

// maxZ cuts the tail of the lengths at four standard deviations, which one
// prompt in 31,000 would pass, so that the longest prompt of a plan is known.
const maxZ = 4

// Method names how synthetic prompts are brought to their length, for reports.
// The API's tokenizer is not public, so the length in tokens is approximate; the
// record has what the API counted.
func Method() string {
	return "by bytes (4 a token, 3.1 from the Claude 4.7 generation on)"
}

// bytesPerToken is the mean length of a token of English text. Models from the
// 4.7 generation on count about 30 % more tokens for the same text. Source: the
// API's documentation of models, autumn 2026.
func bytesPerToken(model string) float64 {
	_, id, claude := strings.Cut(model, "claude-")
	if !claude {
		return 4
	}
	parts := strings.Split(id, "-")
	if len(parts) < 2 {
		return 4
	}
	major, err := strconv.Atoi(parts[1])
	if err != nil {
		return 4
	}
	minor := 0
	if len(parts) > 2 && len(parts[2]) < 8 { // eight digits are a date
		minor, _ = strconv.Atoi(parts[2])
	}
	if _, oldStyle := strconv.Atoi(parts[0]); oldStyle == nil { // claude-3-5-haiku: the number comes first
		return 4
	}
	if major > 4 || major == 4 && minor >= 7 {
		return 3.1
	}
	return 4
}

// Tokens estimates how many tokens a model counts for a text of so many bytes.
func Tokens(model string, bytes int) int64 {
	return int64(math.Round(float64(bytes) / bytesPerToken(model)))
}

// length draws the length of a prompt in bytes: lognormal with median P50 and
// 95th percentile P95.
func (s Synthetic) length(r *rand.Rand, model string) int {
	tokens := float64(s.P50)
	if s.P95 > s.P50 {
		sigma := math.Log(float64(s.P95)/float64(s.P50)) / z95
		z := min(max(r.NormFloat64(), -maxZ), maxZ)
		tokens = min(tokens*math.Exp(sigma*z), maxSynthetic)
	}
	return int(math.Round(tokens * bytesPerToken(model)))
}

// closing ends every synthetic prompt. It asks for a long answer, so that the
// length of answers is decided by max_tokens.
const closing = `Use as many of these words as you can in a story of many chapters. Write at length and do not stop early.`

// appendSynthetic writes a prompt of n bytes, already fit for a JSON string. It
// begins with the seed and the index, so that no prompt begins like another and
// no cached prefix is hit. No prompt is shorter than that beginning and the
// closing request together, about 130 bytes.
func appendSynthetic(b []byte, r *rand.Rand, n int, seed uint64, index int) []byte {
	end := len(b) + n - 1 - len(closing)
	b = strconv.AppendUint(append(b, "Notes "...), seed, 36)
	b = strconv.AppendInt(append(b, '-'), int64(index), 10)
	b = append(b, '.')
	head := len(b)
	var bits uint64 // a byte of it picks a word
	for i := 0; len(b) < end; i++ {
		if i%8 == 0 {
			bits = r.Uint64()
		}
		b = append(append(b, ' '), words[bits%uint64(len(words))]...)
		bits >>= 8
	}
	b = b[:min(len(b), max(end, head))] // the last word is cut where it leads past the length
	return append(append(b, ' '), closing...)
}
