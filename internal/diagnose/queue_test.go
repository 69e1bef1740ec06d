package diagnose

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// served is n answers, sent at random some so many a second (rate, by the second
// of the run), whose time to the first content is that of service, given how many
// were in flight; a second of text follows.
func served(n int, seed uint64, rate func(second float64) float64, service func(rng *rand.Rand, at time.Duration, inFlight int) (prompt int64, ttft time.Duration)) []call.Result {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []call.Result
	at := time.Duration(0)
	for i := range n {
		at += time.Duration(rng.ExpFloat64() / rate(at.Seconds()) * float64(time.Second))
		inFlight := 0
		for _, r := range out {
			if r.Done > at {
				inFlight++
			}
		}
		prompt, ttft := service(rng, at, inFlight)
		r := ok(at, prompt, 100, ttft)
		r.Index, r.Attempt = i, 1
		r.LastContent = r.FirstContent + time.Second
		r.Done = r.LastContent
		out = append(out, r)
	}
	return out
}

func noisy(rng *rand.Rand, ms float64) time.Duration {
	return time.Duration(ms * math.Exp(0.25*rng.NormFloat64()) * float64(time.Millisecond))
}

func waves(s float64) float64 { return 4 + 3*math.Sin(s/15) }

func flat(rng *rand.Rand, _ time.Duration, _ int) (int64, time.Duration) { return 500, noisy(rng, 400) }

func waits(rng *rand.Rand, _ time.Duration, inFlight int) (int64, time.Duration) {
	return 500, noisy(rng, 400) + time.Duration(inFlight)*100*time.Millisecond
}

// diagnose of an open loop, whatever the order of the records.
func opened(rs []call.Result) Diagnosis {
	e := Evidence{OpenLoop: true}
	rng := rand.New(rand.NewPCG(9, 9))
	for _, i := range rng.Perm(len(rs)) {
		e.Add(rs[i])
	}
	return e.Diagnosis(valid(metrics.ClassLimits{}))
}

func finding(d Diagnosis, id string) (Finding, bool) {
	i := slices.IndexFunc(d.Findings, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		return Finding{}, false
	}
	return d.Findings[i], true
}

func missing(d Diagnosis, id string) string {
	for _, g := range d.NotAssessable {
		if g.ID == id {
			return g.Needs
		}
	}
	return ""
}

func wordsOf(f Finding) string {
	return strings.Join(slices.Concat([]string{f.Title, f.Effect, f.Disproof, f.Next}, f.Evidence, f.Rivals, f.Recommendations), "\n")
}

func TestQueue(t *testing.T) {
	f, found := finding(opened(served(600, 1, waves, waits)), "queue")
	if !found || f.Severity != Medium || f.Confidence < 0.9 {
		t.Fatalf("queue = %+v, %v", f, found)
	}
	for _, want := range []string{"more service_ttft for each request in flight (95% interval 9", "it doubles at about ", "the time also grows with what was sent shortly before",
		"by Little's law", "what was in flight did not go with time"} {
		if !strings.Contains(wordsOf(f), want) {
			t.Errorf("the finding does not say %q:\n%s", want, wordsOf(f))
		}
	}
	for seed := range uint64(3) {
		if f, found := finding(opened(served(600, seed, waves, flat)), "queue"); found {
			t.Errorf("seed %d: found where there is none: %s", seed, wordsOf(f))
		}
		// Slow spells keep more in flight, and are no queue.
		spells := served(600, seed, func(float64) float64 { return 4 }, func(rng *rand.Rand, at time.Duration, _ int) (int64, time.Duration) {
			if int(at.Seconds())/20%3 == 2 {
				return 500, noisy(rng, 3000)
			}
			return 500, noisy(rng, 400)
		})
		if f, found := finding(opened(spells), "queue"); found {
			t.Errorf("seed %d: slow spells are taken for a queue: %s", seed, wordsOf(f))
		}
	}
}

// A queue that only grows is one, but drift would look alike.
func TestQueueOrDrift(t *testing.T) {
	grows := served(300, 3, func(s float64) float64 { return 2 + s/15 }, waits)
	f, found := finding(opened(grows), "queue")
	if !found || f.Confidence > 0.5 || !strings.Contains(wordsOf(f), "rival explanation: what was in flight went with the time of the run") {
		t.Errorf("queue = %v, %v, %s", found, f.Confidence, wordsOf(f))
	}
}

func TestQueueNotTold(t *testing.T) {
	few := opened(served(59, 1, waves, waits))
	even := opened(changed(200, 0, nil))
	longer := opened(served(400, 1, waves, func(rng *rand.Rand, at time.Duration, inFlight int) (int64, time.Duration) {
		return 500 + int64(inFlight)*1500, noisy(rng, 400) + time.Duration(inFlight)*50*time.Millisecond
	}))
	for name, c := range map[string]struct {
		d    Diagnosis
		said string
	}{
		"too few":               {few, "60 streamed answers of one model, the most have 59; for that, the same prompts with 1, 2, 4, 8, 16 and 1 users"},
		"all alike":             {even, "numbers in flight that differ, they were 0 to 0 (p5, p95); for that"},
		"prompts grow with it":  {longer, "prompt lengths that do not go with the number in flight (correlation 1.00)"},
		"no answers":            {opened(nil), "60 streamed answers of one model"},
		"not streamed, but 100": {opened(notStreamed(100)), "60 streamed answers of one model, the most have 0"},
	} {
		if _, found := finding(c.d, "queue"); found || !strings.Contains(missing(c.d, "queue"), c.said) {
			t.Errorf("%s: queue needs %q; want %q", name, missing(c.d, "queue"), c.said)
		}
	}
}

func notStreamed(n int) []call.Result {
	return changed(n, n, func(_ int, r *call.Result) { r.FirstContent, r.FirstText = 0, 0 })
}

func TestFlight(t *testing.T) {
	var f flight
	for _, s := range [][2]time.Duration{{1, 10}, {3, 5}, {3, 20}, {8, 9}} {
		r := ok(0, 1, 1, 1)
		r.Sent, r.Done = s[0]*time.Second, s[1]*time.Second
		f.add(r)
	}
	f.add(call.Result{}) // never sent
	f.sort()
	for _, c := range []struct{ at, flight, arrived float64 }{{1, 0, 0}, {3, 1.5, 1.5}, {8, 2, 0}, {5, 1.5, 1.5}} {
		at := time.Duration(c.at) * time.Second
		if got := f.at(at); c.at != 5 && got != c.flight {
			t.Errorf("in flight at %v = %v; want %v", at, got, c.flight)
		}
		if got := f.arrived(at, 4*time.Second); c.at != 5 && got != c.arrived {
			t.Errorf("arrived at %v = %v; want %v", at, got, c.arrived)
		}
	}
}

// Of many answers some are kept, the same whatever their order.
func TestLooksAreBounded(t *testing.T) {
	rs := mix(5000, 0, "")
	keep := func(order []int) []look {
		var l looks
		for _, i := range order {
			l.add(lookAt(rs[i]))
		}
		l.cut()
		if cap(l.kept) > 4*mostLooks || l.n != len(rs) {
			t.Errorf("room for %d of %d answers", cap(l.kept), l.n)
		}
		return l.kept
	}
	rng := rand.New(rand.NewPCG(2, 2))
	a, b := keep(rng.Perm(len(rs))), keep(rng.Perm(len(rs)))
	if len(a) != mostLooks || !slices.Equal(a, b) {
		t.Errorf("%d and %d answers are kept, alike: %v", len(a), len(b), slices.Equal(a, b))
	}
	early := 0
	for _, k := range a {
		if k.sent < 250*time.Second {
			early++
		}
	}
	if early < mostLooks*4/10 || early > mostLooks*6/10 {
		t.Errorf("%d of %d answers that were kept are of the first half", early, mostLooks)
	}
}

// How the rate goes with what is under way: N ÷ (1.4 + 0.1·N) comes near to 10/s, of
// ten places there is a ceiling at 10 ÷ 1.4, and of a server that thrashes a peak.
func TestScaling(t *testing.T) {
	up := func(s float64) float64 { return 1.2 + 6*math.Abs(math.Sin(s/40)) }
	places := func(rng *rand.Rand, _ time.Duration, inFlight int) (int64, time.Duration) {
		return 500, noisy(rng, 400) + time.Duration(max(0, inFlight-9))*140*time.Millisecond
	}
	thrash := func(rng *rand.Rand, _ time.Duration, inFlight int) (int64, time.Duration) {
		return 500, noisy(rng, 400) + time.Duration(inFlight*inFlight)*12*time.Millisecond
	}
	for _, c := range []struct {
		name    string
		service func(*rand.Rand, time.Duration, int) (int64, time.Duration)
		want    string
	}{
		{"contention", waits, "answers/s grow ever less, towards"},
		{"places", places, "and no further: a ceiling"},
		{"thrashing", thrash, "and fall beyond"},
	} {
		f, found := finding(opened(served(800, 1, up, c.service)), "queue")
		if !found || !strings.Contains(wordsOf(f), c.want) {
			t.Errorf("%s: %v, the finding does not say %q:\n%s", c.name, found, c.want, wordsOf(f))
		}
	}
}
