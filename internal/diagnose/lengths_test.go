package diagnose

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// sized is n answers to prompts of given uncached and cached lengths, with the
// noise of a real model: 0.110 ms per uncached token and 0.01444 per cached one.
func sized(n int, seed uint64, of func(rng *rand.Rand) (uncached, cached int64)) []call.Result {
	rng := rand.New(rand.NewPCG(seed, 2))
	rs := served(n, seed, waves, func(rng *rand.Rand, _ time.Duration, _ int) (int64, time.Duration) { return 1, noisy(rng, 600) })
	for i := range rs {
		r := &rs[i]
		r.Input, r.CacheRead = of(rng)
		more := time.Duration((0.110*float64(r.Input) + 0.01444*float64(r.CacheRead)) * float64(time.Millisecond))
		r.FirstContent, r.LastContent, r.Done = r.FirstContent+more, r.LastContent+more, r.Done+more
		r.Output = 50 + rng.Int64N(200)
	}
	return rs
}

func oneOf(rng *rand.Rand, sizes ...int64) int64 { return sizes[rng.IntN(len(sizes))] }

func evidenceOf(rs []call.Result) *Evidence {
	e := &Evidence{OpenLoop: true}
	for _, r := range rs {
		e.Add(r)
	}
	return e
}

// The slopes that the answers were made with are found again, and their
// intervals hold them.
func TestSlopesAreRecovered(t *testing.T) {
	for seed := range uint64(2) {
		e := evidenceOf(sized(480, seed, func(rng *rand.Rand) (int64, int64) {
			return oneOf(rng, 500, 5000, 20_000, 60_000), oneOf(rng, 0, 5000, 20_000, 60_000)
		}))
		_, s := e.speeds.best(uncachedPart)
		for part, want := range []float64{0.110, 0.01444} {
			c := s.coef(part)
			if !s.has(part) || math.Abs(c.Value-want) > 0.003 || !c.Bounded() || c.Low > want+0.001 || c.High < want-0.001 {
				t.Errorf("seed %d: slope %d = %+v; want %v", seed, part, c, want)
			}
		}
		f, found := finding(e.Diagnosis(valid(noLimits)), "context.length")
		if !found {
			t.Fatalf("seed %d: no context.length", seed)
		}
		for _, want := range []string{"per 1,000 uncached input tokens", "claude-haiku-4-5, fitted: 1", "per 1,000 cached input tokens (95% interval", "at equal numbers the fit still lays"} {
			if !strings.Contains(wordsOf(f), want) {
				t.Errorf("seed %d: the finding does not say %q:\n%s", seed, want, wordsOf(f))
			}
		}
	}
}

// Where the data cannot tell the parts apart, no slope is printed, but what is
// missing and the experiment that brings it.
func TestSlopesAreRefused(t *testing.T) {
	plain := func(sizes ...int64) func(*rand.Rand) (int64, int64) {
		return func(rng *rand.Rand) (int64, int64) { return oneOf(rng, sizes...), 0 }
	}
	withOutput := sized(300, 1, plain(500, 5000, 20_000))
	for i := range withOutput {
		withOutput[i].Output = withOutput[i].Input / 10
	}
	for name, c := range map[string]struct {
		rs   []call.Result
		said string
	}{
		"two sizes":                 {sized(300, 1, plain(500, 20_000)), "3 lengths of uncached input, each twice the one before or more, with 20 answers each, the run has 2; for that, one task at 500, 5,000"},
		"sizes alike":               {sized(300, 1, plain(900, 1000, 1100, 2100)), "lengths of uncached input up to 8 times the shortest, the run has "},
		"few of one":                {sized(90, 1, func(rng *rand.Rand) (int64, int64) { return []int64{500, 500, 500, 5000, 5000, 20_000}[rng.IntN(6)], 0 }), "with 20 answers each, the run has 2"},
		"prompt and cache together": {sized(300, 1, func(rng *rand.Rand) (int64, int64) { p := oneOf(rng, 500, 5000, 20_000); return p, 20_000 - p }), "cached and uncached input that do not go together (correlation -1.00)"},
		"with the output":           {withOutput, "answers whose length does not go with that of the uncached input (correlation 1.00)"},
	} {
		_, s := evidenceOf(c.rs).speeds.best(uncachedPart)
		if got := s.words(uncachedPart); c.said != "" && (s.has(uncachedPart) || !strings.Contains(got, "cannot be told") || !strings.Contains(got, c.said)) {
			t.Errorf("%s: %q; want %q", name, got, c.said)
		}
	}
}

// Prompts that are long just when many are in flight tell nothing of either.
func TestSlopesOfWhatGoesTogether(t *testing.T) {
	var all []look
	for i := range 300 {
		all = append(all, look{ttft: time.Duration(300+i) * time.Millisecond, uncached: []int64{500, 2000, 5000, 20_000}[i%4], inFlight: float64(i%4*5 + i%3), output: int64(100 + i%7)})
	}
	s := slopesOf(all, false)
	for part, want := range map[int]string{
		uncachedPart: "numbers in flight that do not go with the length of the uncached input (correlation 0.",
		queuePart:    "prompt lengths that do not go with the number in flight (correlation 0.",
	} {
		if s.has(part) || !strings.Contains(s.words(part), want) {
			t.Errorf("%q; want %q", s.words(part), want)
		}
	}
}

// Long prompts that met many in flight are not slow for their length.
func TestLengthIsNotBlamedForAQueue(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	rs := served(900, 7, waves, func(r *rand.Rand, at time.Duration, inFlight int) (int64, time.Duration) {
		p := oneOf(rng, 500, 4000, 4000)
		if math.Sin(at.Seconds()/15) > 0.3 { // long ones come when many do
			p = oneOf(rng, 4000, 20_000, 20_000)
		}
		return p, noisy(r, 250) + time.Duration(max(inFlight-4, 0))*150*time.Millisecond
	})
	d := opened(rs)
	if f, found := finding(d, "context.length"); found {
		t.Errorf("length is blamed: %s", wordsOf(f))
	}
	if _, found := finding(d, "queue"); !found {
		t.Error("no queue")
	}
}

// Prompts that all fall into one group are compared by the fit.
func TestContextLengthByTheFit(t *testing.T) {
	long := sized(400, 5, func(rng *rand.Rand) (int64, int64) { return oneOf(rng, 10_000, 25_000, 50_000, 100_000), 0 })
	f, found := finding(opened(long), "context.length")
	if !found || !strings.Contains(wordsOf(f), "at 10,000 uncached input tokens and ") || !strings.Contains(f.Effect, "per 1,000 uncached input tokens") {
		t.Errorf("context.length = %v: %s", found, wordsOf(f))
	}
	alike := sized(400, 5, func(rng *rand.Rand) (int64, int64) { return oneOf(rng, 1000, 2000, 4000, 9000), 0 })
	if f, found := finding(opened(alike), "context.length"); found {
		t.Errorf("found where prompts take less than thrice as long: %s", wordsOf(f))
	}
}

// A time that grows with the square of the length is told from one along a line.
func TestCurve(t *testing.T) {
	sizes := func(rng *rand.Rand) (int64, int64) { return oneOf(rng, 500, 5000, 20_000, 60_000), 0 }
	for _, c := range []struct {
		name   string
		square float64 // ms per million tokens squared
		want   string
	}{
		{"a line", 0, "a line does"},
		{"a square", 3, "it bends"},
	} {
		rs := sized(480, 3, sizes)
		for i := range rs {
			r := &rs[i]
			more := time.Duration(c.square * float64(r.Input) * float64(r.Input) / 1e6 * float64(time.Millisecond))
			r.FirstContent, r.LastContent, r.Done = r.FirstContent+more, r.LastContent+more, r.Done+more
		}
		_, s := evidenceOf(rs).speeds.best(uncachedPart)
		if got := s.curve(); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	_, s := evidenceOf(sized(60, 3, func(rng *rand.Rand) (int64, int64) { return oneOf(rng, 500, 5000, 20_000), 0 })).speeds.best(uncachedPart)
	if got := s.curve(); s.has(uncachedPart) && !strings.Contains(got, "cannot be told") {
		t.Errorf("60 answers: %q", got)
	}
}
