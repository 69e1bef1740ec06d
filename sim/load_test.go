package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// together sends n equal streams at once and returns when each ended, in order.
func together(t *testing.T, c Config, n, maxTokens int) (ends []time.Duration) {
	t.Helper()
	bubble(t, c, func(t *testing.T, a *api) {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { a.post("/v1/messages", ask("claude-haiku-4-5", maxTokens, "Hi", `,"stream":true`)) })
		}
		wg.Wait()
		synctest.Wait()
		for _, r := range a.Truth() {
			ends = append(ends, r.LastByte)
		}
	})
	slices.Sort(ends)
	return ends
}

func TestLoadLinear(t *testing.T) {
	c := Config{Profile: Steady, EventsPerSecond: 10, TokensPerEvent: 1, Answer: 1, TTFT: time.Second,
		Load: Load{Model: LoadLinear, Slots: 5, Factor: 3}}
	for others, want := range map[int]float64{0: 1, 1: 1.5, 2: 2, 4: 3} {
		bubble(t, c, func(t *testing.T, a *api) {
			var wg sync.WaitGroup
			for range others {
				wg.Go(func() { a.post("/v1/messages", ask("claude-haiku-4-5", 1000, "Hi", `,"stream":true`)) })
			}
			time.Sleep(10 * time.Second)
			a.post("/v1/messages", ask("claude-haiku-4-5", 11, "Hi", `,"stream":true`))
			if got := a.last().LastByte.Seconds() / 2; math.Abs(got-want) > 1e-9 { // two seconds alone
				t.Errorf("beside %d others: %v times as long, want %v", others, got, want)
			}
			wg.Wait()
		})
	}
}

// One server with a fixed service time, ρ = 1/2: arrivals wait ρ/(2(1−ρ)) of a
// service time on average (Pollaczek and Khinchine).
func TestLoadQueueWaitsAsTheoryHasIt(t *testing.T) {
	c := Config{Profile: Steady, TTFT: 2 * time.Second, Answer: 1, Load: Load{Model: LoadQueue, Slots: 1}}
	bubble(t, c, func(t *testing.T, a *api) {
		rng := rand.New(rand.NewPCG(1, 1))
		const n = 8000
		var wg sync.WaitGroup
		for range n {
			time.Sleep(seconds(4 * rng.ExpFloat64()))
			wg.Go(func() { a.post("/v1/messages", ask("claude-haiku-4-5", 1, "Hi", "")) })
		}
		wg.Wait()
		synctest.Wait()
		sum := 0.0
		for _, r := range a.Truth() {
			sum += r.Start.Seconds()
		}
		if mean := sum / n; math.Abs(mean-1) > 0.08 {
			t.Errorf("mean wait %.3f s, want 1 ± 0.08", mean)
		}
	})
}

// Alone, a prompt of two chunks is read in two steps and then each token takes one.
func TestLoadStepAlone(t *testing.T) {
	c := Config{Profile: Instant, Answer: 1, Load: Load{Model: LoadStep, Step: 10 * time.Millisecond, Chunk: 100}}
	for _, more := range []string{"", `,"stream":true`} {
		bubble(t, c, func(t *testing.T, a *api) {
			ans := a.post("/v1/messages", ask("claude-haiku-4-5", 50, strings.Repeat("word", 140), more))
			r := a.last()
			if want := time.Duration(2+r.OutputTokens) * 10 * time.Millisecond; r.LastByte != want || r.InputTokens < 101 || r.InputTokens > 200 {
				t.Errorf("%d tokens in, %d out after %v, want %v", r.InputTokens, r.OutputTokens, r.LastByte, want)
			}
			if more != "" && ans.events[0].at != 20*time.Millisecond {
				t.Errorf("message_start after %v, want when the prompt has been read", ans.events[0].at)
			}
		})
	}
}

// Up to Slots streams run as if alone; beyond, all of them share the ceiling of
// Slots tokens a step.
func TestLoadStepKneeAndCeiling(t *testing.T) {
	const step, slots, tokens = 5 * time.Millisecond, 8, 100
	c := Config{Profile: Steady, Answer: 1, Load: Load{Model: LoadStep, Step: step, Slots: slots, Chunks: 100}}
	for _, tt := range []struct {
		n    int
		want time.Duration // the last end
	}{{1, 101 * step}, {8, 101 * step}, {16, 201 * step}, {40, 501 * step}} {
		ends := together(t, c, tt.n, tokens)
		if got := ends[len(ends)-1]; len(ends) != tt.n || got != tt.want {
			t.Errorf("%d streams end after %v, want %v", tt.n, got, tt.want)
		}
		if got := ends[0]; got != 101*step {
			t.Errorf("%d streams: the first ends after %v, want %v", tt.n, got, 101*step)
		}
	}
}

func TestLoadStepCollapses(t *testing.T) {
	for _, tt := range []struct {
		collapse float64
		waiting  int
		want     int
	}{{0.3, 0, 64}, {0.3, 96, 64}, {0.3, 128, 48}, {0.3, 192, 19}, {0.3, 10_000, 19}, {1, 10_000, 64}} {
		b := scheduler{load: Load{Slots: 64, Collapse: tt.collapse}, waiting: tt.waiting}
		if got := b.places(); got != tt.want {
			t.Errorf("places with %d waiting and collapse %v = %v; want %v", tt.waiting, tt.collapse, got, tt.want)
		}
	}
	slow := Config{Profile: Steady, Answer: 1, Load: Load{Model: LoadStep, Slots: 8, Chunks: 100, Collapse: 0.25}}
	if ends := together(t, slow, 64, 50); ends[63] < 64*50/8*3/2*5*time.Millisecond {
		t.Errorf("64 streams over 8 slots end after %v: no collapse", ends[63])
	}
}

// Steps go on through silence with pings, and end when the client leaves.
func TestLoadStepPingsAndLeaving(t *testing.T) {
	c := Config{Profile: Instant, Answer: 1, AnswerCap: -1, PingEvery: 10 * time.Second, Load: Load{Model: LoadStep, Step: time.Second}}
	bubble(t, c, func(t *testing.T, a *api) {
		ans := a.post("/v1/messages", ask("claude-haiku-4-5", 100, "Hi", `,"stream":true`))
		r := a.last()
		if n := strings.Count(ans.names(), "ping"); r.OutputTokens < 20 || n < 2 {
			t.Errorf("%d tokens of a second each with %d pings", r.OutputTokens, n)
		}
		res, err := a.client.Do(a.request("/v1/messages", ask("claude-haiku-4-5", 4000, "Hi", `,"stream":true`)))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		res.Body.Close()
		time.Sleep(20 * time.Second)
		if r := a.last(); !r.Canceled || r.OutputTokens > 25 {
			t.Errorf("record %+v", r)
		}
		a.set().service.wait() // no step is made for nobody
	})
}

func TestLoadMistakes(t *testing.T) {
	for want, l := range map[string]Load{
		`load.model is "round", want flat, linear, step or queue`: {Model: "round"},
		"load.slots is -1, want 0 or more":                        {Slots: -1},
		"load.factor is 0.5, want 1 or more":                      {Factor: 0.5},
		"load.collapse is 2, want 1 or less":                      {Collapse: 2},
		"load.factor is NaN, want a number":                       {Factor: math.NaN()},
		"load.collapse is -1, want 0 or more":                     {Collapse: -1},
	} {
		if _, err := New(Config{Load: l}); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("New(%+v) = %v; want %q", l, err, want)
		}
	}
}
