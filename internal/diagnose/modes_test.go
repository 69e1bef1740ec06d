package diagnose

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// spread is n good requests, two a second, whose first content takes a lognormal
// time around so many seconds; with a share of them something is done.
func spread(n int, around, sigma, share float64, do func(r *call.Result, rng *rand.Rand)) []call.Result {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []call.Result
	for i := range n {
		ttft := time.Duration(around * math.Exp(sigma*rng.NormFloat64()) * 1e9)
		r := ok(time.Duration(i)*500*time.Millisecond, 50, 200, ttft)
		r.Index, r.Attempt, r.Task, r.Events = i, 1, "chat", 50
		if rng.Float64() < share && do != nil {
			do(&r, rng)
		}
		out = append(out, r)
	}
	return out
}

// later makes an answer begin and end so many times as late.
func later(times float64) func(*call.Result, *rand.Rand) {
	return func(r *call.Result, _ *rand.Rand) {
		more := time.Duration((times - 1) * float64(r.FirstContent-r.Sent))
		r.FirstContent, r.LastContent, r.Done = r.FirstContent+more, r.LastContent+more, r.Done+more
	}
}

func TestModes(t *testing.T) {
	slow := later(4)
	both := func(mark func(*call.Result)) func(*call.Result, *rand.Rand) {
		return func(r *call.Result, rng *rand.Rand) { mark(r); slow(r, rng) }
	}
	fires(t, "mode.bi", "three in ten", spread(300, 0.8, 0.25, 0.3, slow), true, "take 3.7", "Ashman's D", "a mixture of tasks, models, prompt lengths",
		"the time in the run: it tells 0.0%", "Nothing in the records tells")
	fires(t, "mode.bi", "one in fifty", spread(300, 0.8, 0.25, 0.02, slow), false)
	fires(t, "mode.bi", "half as long again", spread(300, 0.8, 0.25, 0.3, later(1.4)), false)
	fires(t, "mode.bi", "a millisecond", spread(300, 0.001, 0.25, 0.3, slow), false)
	fires(t, "mode.bi", "a long tail", spread(300, 0.8, 0.25, 0.1, func(r *call.Result, rng *rand.Rand) { later(math.Exp(0.9*rng.NormFloat64()+0.9))(r, rng) }), false)
	fires(t, "mode.bi", "on new connections", spread(300, 0.8, 0.25, 0.3, both(func(r *call.Result) { r.NewConn = true })), true,
		"by whether a new connection or a kept one", "tells 97.0% of which answers are slow", "Keep connections")
	fires(t, "mode.bi", "without the cache", spread(300, 0.8, 0.25, 0.7, func(r *call.Result, _ *rand.Rand) {
		later(0.2)(r, nil)
		r.CacheRead, r.Input = 45, 5
	}), true, "by whether a cached prefix was read or not", "what the prompt cache is worth")
	for name, mark := range map[string]func(*call.Result){
		"another task": func(r *call.Result) { r.Task = "long" }, "another model": func(r *call.Result) { r.Model = "claude-opus-4-6" },
		"longer prompts": func(r *call.Result) { r.Input = 30_000 }, "thinking": func(r *call.Result) { r.Thinking = 100 },
		"another stage": func(r *call.Result) { r.Stage = "peak" }, "retries": func(r *call.Result) { r.Attempt = 2 },
		"failed": func(r *call.Result) { r.Class = call.Timeout },
	} {
		fires(t, "mode.bi", name, spread(300, 0.8, 0.25, 0.3, both(mark)), false)
	}
	half := spread(300, 0.8, 0.25, 0, nil)
	for i := range half[150:] {
		slow(&half[150+i], nil)
	}
	fires(t, "mode.bi", "from half of the run on", half, false)
	crowd := spread(300, 0.8, 0.25, 0, nil)
	for i := range crowd {
		if i%100 >= 70 { // thirty at once, which wait for each other
			crowd[i].Started, crowd[i].Sent = crowd[i-i%100+70].Started+time.Duration(i), crowd[i-i%100+70].Sent+time.Duration(i)
			crowd[i].FirstContent = crowd[i].Sent + 800*time.Millisecond
			crowd[i].LastContent, crowd[i].Done = crowd[i].FirstContent+1e8, crowd[i].FirstContent+1e8
			if i%100 > 73 {
				slow(&crowd[i], nil)
			}
		}
	}
	fires(t, "mode.bi", "in a crowd", crowd, false)
	needs(t, "mode.bi", spread(90, 0.8, 0.25, 0.3, slow), "100 streamed answers to first attempts")
}

func TestTail(t *testing.T) {
	fires(t, "tail.heavy", "four in a hundred", spread(800, 0.8, 0.3, 0.04, later(25)), true, "one answer in a hundred begins after", "components: 9", "measured Claude models have a p99 of 2.7 to 5.5 times p50")
	fires(t, "tail.heavy", "as heavy as some models", spread(800, 0.8, 0.3, 0.03, later(4)), false)
	fires(t, "tail.heavy", "two kinds", spread(800, 0.8, 0.25, 0.2, later(12)), false)
	fires(t, "tail.heavy", "one in three hundred", spread(800, 0.8, 0.3, 0.003, later(25)), false)
	fires(t, "tail.heavy", "of no weight", spread(800, 0.002, 0.3, 0.02, later(25)), false)
	fires(t, "tail.heavy", "of another task", spread(800, 0.8, 0.3, 0.02, func(r *call.Result, _ *rand.Rand) { later(25)(r, nil); r.Task = "long" }), false)
	outage := spread(800, 0.8, 0.3, 0, nil)
	for i := range 30 {
		later(25)(&outage[i], nil)
	}
	fires(t, "tail.heavy", "all at the beginning", outage, false)
	needs(t, "tail.heavy", spread(360, 0.8, 0.3, 0.02, later(25)), "368 streamed answers")
}

// needs holds a test to saying what it lacks.
func needs(t *testing.T, id string, rs []call.Result, said string) {
	t.Helper()
	for _, g := range diagnosed(rs).NotAssessable {
		if g.ID == id {
			if !strings.Contains(g.Needs, said) {
				t.Errorf("%s needs %q; want %q", id, g.Needs, said)
			}
			return
		}
	}
	t.Errorf("%s is not said to be out of reach", id)
}

// A long run is sampled: evenly, within bounds, and whatever the order.
func TestSampleIsBounded(t *testing.T) {
	rs := spread(15_000, 0.8, 0.3, 0.02, later(25))
	var a, b Evidence
	for i := range rs {
		a.Add(rs[i])
		b.Add(rs[len(rs)-1-i])
		if len(a.sample.answers) > 2*mostSampled {
			t.Fatalf("%d answers are kept", len(a.sample.answers))
		}
	}
	if d := cmp.Diff(a.Diagnosis(valid(metrics.ClassLimits{})), b.Diagnosis(valid(metrics.ClassLimits{})), withheldAlike); d != "" {
		t.Errorf("another order, another diagnosis:\n%s", d)
	}
	kept := a.sample.inOrder()
	early := slices.IndexFunc(kept, func(x answer) bool { return x.started > rs[len(rs)/2].Started })
	if len(kept) != mostSampled || math.Abs(float64(early)-mostSampled/2) > 150 {
		t.Errorf("%d kept, %d of the first half", len(kept), early)
	}
	if a.sample.seen != len(rs) {
		t.Errorf("%d seen of %d", a.sample.seen, len(rs))
	}
}

func TestSizeClass(t *testing.T) {
	for tokens, same := range map[int64]int64{0: 511, 512: 724, 725: 1023, 1024: 1448, 1449: 2047, 20_000: 23_000} {
		if sizeClass(tokens) != sizeClass(same) || sizeClass(same+1) == sizeClass(tokens) && same != 23_000 {
			t.Errorf("classes of %d, %d and %d: %d, %d, %d", tokens, same, same+1, sizeClass(tokens), sizeClass(same), sizeClass(same+1))
		}
	}
}

// Answers that resemble the one before are worth fewer; chance takes nothing off.
func TestIndependent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	x, chance, alike := 0.0, make([]float64, 400), make([]float64, 400)
	for i := range chance {
		x = 0.6*x + rng.NormFloat64()
		chance[i], alike[i] = rng.NormFloat64(), x
	}
	if got := independent(chance); got != 400 {
		t.Errorf("400 values of chance are worth %v", got)
	}
	if got := independent(alike); got < 70 || got > 150 {
		t.Errorf("400 values of autocorrelation 0.6 are worth %v; want about 100", got)
	}
}
