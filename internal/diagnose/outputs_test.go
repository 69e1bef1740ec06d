package diagnose

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// written is n answers of 100 to 1,000 tokens at 10 ms each, after a first content
// at about half a second.
func written(n int) []call.Result {
	rng := rand.New(rand.NewPCG(4, 4))
	var out []call.Result
	for i := range n {
		r := ok(time.Duration(i)*time.Second, 500, 100+rng.Int64N(900), noisy(rng, 500))
		r.Index, r.Attempt = i, 1
		r.LastContent = r.FirstContent + time.Duration(r.Output)*10*time.Millisecond
		r.Done = r.LastContent
		out = append(out, r)
	}
	return out
}

func each(rs []call.Result, change func(*call.Result)) []call.Result {
	for i := range rs {
		change(&rs[i])
	}
	return rs
}

func longer(d time.Duration) func(*call.Result) {
	return func(r *call.Result) { r.LastContent, r.Done = r.LastContent+d, r.Done+d }
}

func TestOutLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, c := range []struct {
		name     string
		rs       []call.Result
		most     time.Duration
		failed   bool
		severity Severity // "" for none
		said     []string
	}{
		{"over the slo", written(200), 8 * time.Second, false, Medium, []string{"answers take over 8.00s", "10ms for each output token more", "output tokens come within 8.00s", "other causes, by their share", "show them as they come"}},
		{"within the slo", written(200), 12 * time.Second, false, "", nil},
		{"a threshold that failed on few", written(200), 10200 * time.Millisecond, true, Medium, nil},
		{"as few over the slo", written(200), 10200 * time.Millisecond, false, "", nil},
		{"nothing is asked", written(200), 0, false, "", nil},
		{"nothing is asked, and half a minute", each(written(200), func(r *call.Result) {
			r.LastContent = r.FirstContent + 4*(r.LastContent-r.FirstContent)
		}), 0, false, Low, []string{"the plan asks nothing of e2e: 30.0 s is where many gateways and clients give up", "40ms for each output token more"}},
		{"thinking makes it, and nothing is asked", each(written(200), func(r *call.Result) {
			r.LastContent, r.Thinking = r.FirstContent+4*(r.LastContent-r.FirstContent), r.Output*2/3
		}), 0, false, "", nil},
		{"late whatever the length", each(written(200), longer(13*time.Second)), 12 * time.Second, false, "", nil},
		{"chance", each(written(200), func(r *call.Result) { longer(time.Duration(rng.IntN(40)) * time.Second)(r) }), 12 * time.Second, false, "", nil},
		{"the prompt has its part", each(written(200), func(r *call.Result) {
			r.Input = 500 + rng.Int64N(60_000)
			longer(time.Duration(r.Input) * 110 * time.Microsecond)(r)
		}), 12 * time.Second, false, Medium, []string{"rival explanation: uncached input, which explains"}},
	} {
		e := Evidence{OpenLoop: true, MaxE2E: c.most, E2EFailed: c.failed}
		for _, r := range c.rs {
			e.Add(r)
		}
		d := e.Diagnosis(valid(metrics.ClassLimits{}))
		f, found := finding(d, "out.length")
		if found != (c.severity != "") || f.Severity != c.severity {
			t.Errorf("%s: found %v, needs %q, severity %q; want %q\n%s", c.name, found, missing(d, "out.length"), f.Severity, c.severity, wordsOf(f))
		}
		for _, s := range c.said {
			if !strings.Contains(wordsOf(f), s) {
				t.Errorf("%s: the finding does not say %q:\n%s", c.name, s, wordsOf(f))
			}
		}
	}
}

func TestOutLengthNotAssessable(t *testing.T) {
	alike := each(written(200), func(r *call.Result) { r.Output = 500 })
	withPrompt := each(written(200), func(r *call.Result) { r.Input = r.Output * 3 })
	for name, c := range map[string]struct {
		rs   []call.Result
		want string
	}{
		"few":             {written(59), "60 answers of one model with their output tokens"},
		"one length":      {alike, "answers of different lengths, they were 500 to 500 tokens (p5, p95); for that, the same prompts with max_tokens 100, 400 and 1,600"},
		"with the prompt": {withPrompt, "answers whose length does not go with that of the prompt (correlation 1.00); for that"},
	} {
		e := Evidence{MaxE2E: 5 * time.Second}
		for _, r := range c.rs {
			e.Add(r)
		}
		if got := missing(e.Diagnosis(valid(noLimits)), "out.length"); !strings.Contains(got, c.want) {
			t.Errorf("%s: needs %q; want %q", name, got, c.want)
		}
	}
}
