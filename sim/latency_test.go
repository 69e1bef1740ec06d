package sim

import (
	"math"
	"slices"
	"testing"
	"time"
)

// drawn returns n first-delta times of a model under the measured profile, for
// prompts of so many uncached and cached tokens.
func drawn(t *testing.T, name string, n, uncached, cached int) []float64 {
	t.Helper()
	s, err := New(Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	m := s.set().models.find(name)
	req := &request{model: m, maxTokens: 200}
	times := make([]float64, n)
	for i := range times {
		rng, _ := s.draws.of(s.set().config.Seed, req.digest)
		p := s.set().config.draw(rng, s.set().latencyOf(m), req, usage{input: uncached, read: cached}, 1)
		times[i] = p.content.Seconds()
		if p.first > p.content || p.content-p.first > 50*time.Millisecond {
			t.Fatalf("message_start at %v, content at %v", p.first, p.content)
		}
	}
	slices.Sort(times)
	return times
}

func TestTTFTGrowsWithThePrompt(t *testing.T) {
	l := measured()["sonnet"]
	median := func(uncached, cached int) float64 { return drawn(t, "claude-sonnet-4-6", 4001, uncached, cached)[2000] }
	base := median(0, 0)
	for _, n := range []int{20_000, 60_000} {
		if got := (median(n, 0) - base) / float64(n); math.Abs(got/l.PerUncached.Seconds()-1) > 0.03 {
			t.Errorf("uncached slope at %d: %.3g s, want %v", n, got, l.PerUncached)
		}
		if got := (median(0, n) - base) / float64(n); math.Abs(got/l.PerCached.Seconds()-1) > 0.03 {
			t.Errorf("cached slope at %d: %.3g s, want %v", n, got, l.PerCached)
		}
	}
}

// The median speed over whole streams is the table's, and events carry the
// table's tokens, the first but one or two.
func TestSpeedAndChunks(t *testing.T) {
	for row, name := range map[string]string{"haiku": "claude-haiku-4-5", "sonnet-5": "claude-sonnet-5"} {
		s, err := New(Config{Seed: 9, AnswerCap: -1, Answer: 1})
		if err != nil {
			t.Fatal(err)
		}
		m, l := s.set().models.find(name), s.set().latency[row]
		l.StallShare = 0
		req := &request{model: m, maxTokens: 4000}
		var speeds []float64
		tokens, events := 0, 0
		for range 2000 {
			rng, _ := s.draws.of(1, req.digest)
			p := s.set().config.draw(rng, l, req, usage{}, 1)
			p.begin(p.output)
			first, at, _ := p.next()
			if first > 2 || at != p.content {
				t.Fatalf("first event of %d tokens at %v, content at %v", first, at, p.content)
			}
			for p.left > 50*4 { // the last is cut to what is left
				k, _, _ := p.next()
				tokens, events = tokens+k, events+1
			}
			if n := p.output - p.left - first; n > 0 {
				speeds = append(speeds, float64(n)/(p.at-p.content).Seconds())
			}
		}
		slices.Sort(speeds)
		if got := speeds[len(speeds)/2]; math.Abs(got/l.Speed-1) > 0.04 {
			t.Errorf("%s: median speed %.1f, want %v", row, got, l.Speed)
		}
		if got := float64(tokens) / float64(events); math.Abs(got/l.TokensPerEvent-1) > 0.04 {
			t.Errorf("%s: %.2f tokens per event, want %v", row, got, l.TokensPerEvent)
		}
	}
}

func TestAnswerLength(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		answer    float64
		cap, max  int
		median    float64
		tolerance float64
	}{{0.25, 400, 1000, 250, 0.05}, {0.25, 400, 64_000, 400, 0.05}, {0.1, 400, 256, 25.6, 0.06}, {0.25, -1, 64_000, 16_000, 0.05}} {
		c := s.set().config
		c.Answer, c.AnswerCap = tt.answer, tt.cap
		req := &request{model: s.set().models.find("claude-haiku-4-5"), maxTokens: tt.max}
		var n []int
		for range 3001 {
			rng, _ := s.draws.of(7, req.digest)
			p := c.draw(rng, Latency{}, req, usage{}, 1)
			n = append(n, p.output)
		}
		slices.Sort(n)
		if got := float64(n[1500]); math.Abs(got/tt.median-1) > tt.tolerance {
			t.Errorf("answer %v cap %d of %d: median %v, want %v", tt.answer, tt.cap, tt.max, got, tt.median)
		}
		if ratio := float64(n[2524]) / float64(n[1500]); math.Abs(ratio/math.Exp(0.5)-1) > 0.08 {
			t.Errorf("answer %v cap %d of %d: one sigma is × %.2f", tt.answer, tt.cap, tt.max, ratio)
		}
	}
}

func TestDriftIsSlowAndRepeatable(t *testing.T) {
	path := func() (all []float64) {
		s, err := New(Config{Seed: 4, Drift: 0.09})
		if err != nil {
			t.Fatal(err)
		}
		for h := range 4000 {
			all = append(all, math.Log(s.drift.factor(0.09, time.Duration(h)*3*time.Hour)))
		}
		return all
	}
	a, b := path(), path()
	if !slices.Equal(a, b) {
		t.Error("the same seed walks two paths")
	}
	sum := 0.0
	for _, x := range a {
		sum += x * x
	}
	if sd := math.Sqrt(sum / float64(len(a))); math.Abs(sd/0.09-1) > 0.06 {
		t.Errorf("standard deviation of the drift %.4f, want 0.09", sd)
	}
}

func TestDriftMovesTTFT(t *testing.T) {
	row := Latency{Floor: time.Second}
	bubble(t, Config{Drift: 0.2, Latency: map[string]Latency{"haiku": row}}, func(t *testing.T, a *api) {
		seen := make(map[time.Duration]bool)
		for range 4 {
			a.post("/v1/messages", ask("claude-haiku-4-5", 10, "Hi", ""))
			seen[a.last().DrawnContent] = true
			time.Sleep(time.Hour)
		}
		if len(seen) != 4 {
			t.Errorf("first tokens after %v, want a different time each hour", seen)
		}
	})
}

func TestStalls(t *testing.T) {
	row := Latency{Speed: 100, TokensPerEvent: 1, StallShare: 1}
	for _, none := range []bool{false, true} {
		bubble(t, Config{NoStalls: none, Latency: map[string]Latency{"haiku": row}, Answer: 10}, func(t *testing.T, a *api) {
			a.post("/v1/messages", ask("claude-haiku-4-5", 20, "Hi", `,"stream":true`))
			if took := a.last().LastByte; (took < 90*time.Second) != none {
				t.Errorf("NoStalls %v: 20 tokens took %v", none, took)
			}
		})
	}
}
