package diagnose

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// overTime changes each answer by a factor that depends on where in the run it is, from 0 to 1.
func overTime(rs []call.Result, factor func(at float64) float64) []call.Result {
	for i := range rs {
		later(factor(float64(i)/float64(len(rs))))(&rs[i], nil)
	}
	return rs
}

func from(at, times float64) func(float64) float64 {
	return func(x float64) float64 {
		if x < at {
			return 1
		}
		return times
	}
}

func TestDrift(t *testing.T) {
	even := func() []call.Result { return spread(600, 0.8, 0.3, 0, nil) }
	fires(t, "drift", "a step", overTime(even(), from(0.4, 1.6)), true, "answers become slower at 12", "while the load is held: service_ttft by +57%", "99% interval +4", "from one level to the next",
		"the time per output token over", "no sure change of 20% or more", "our own requests in flight: among answers of the same time", "the warm-up: it is left out")
	fires(t, "drift", "a trend", overTime(even(), func(x float64) float64 { return 1 + 0.8*x }), true, "answers become slower while the load is held: service_ttft by +71%", "over 5 min", "+12% a minute (", "Spearman 0.88")
	fires(t, "drift", "faster", overTime(even(), from(0.3, 0.6)), true, "answers become faster at 92.5 s", "by -40%", "a longer warm_up")
	fires(t, "drift", "a tenth", overTime(even(), from(0.4, 1.1)), false)
	fires(t, "drift", "steady", even(), false)
	fires(t, "drift", "for a moment", overTime(even(), func(x float64) float64 { return from(0.5, 3)(x) / from(0.52, 3)(x) }), false)
	slower := even()
	for i := range slower {
		if i > 300 {
			slower[i].LastContent += 100 * time.Millisecond
		}
	}
	fires(t, "drift", "tokens come slower", slower, true, "the time per output token by +100%")

	mixed := spread(600, 0.8, 0.3, 0, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range mixed { // ever more long prompts, which take five times as long
		if rng.Float64() < float64(i)/600 {
			mixed[i].Input = 20_000
			later(5)(&mixed[i], nil)
		}
	}
	fires(t, "drift", "ever more long prompts", mixed, false)
	other := overTime(even(), from(0.5, 5))
	for i := range other[300:] {
		other[300+i].Task = "long"
	}
	needs(t, "drift", other, "of kinds of request that come from its beginning to its end")
	needs(t, "drift", spread(119, 0.8, 0.3, 0, nil), "120 streamed answers")

	warm := overTime(even(), from(0.4, 0.5))
	for i := range warm[:240] {
		warm[i].Phase = call.WarmUp
	}
	fires(t, "drift", "in the warm-up", warm, false)
}

// Autocorrelation alone is no drift: answers that resemble the one before.
func TestDriftNotByAutocorrelation(t *testing.T) {
	found := 0
	for seed := range uint64(30) {
		rng, x := rand.New(rand.NewPCG(seed, 8)), 0.0
		rs := spread(600, 0.8, 0.1, 0, nil)
		for i := range rs {
			x = 0.8*x + 0.6*0.3*rng.NormFloat64()
			later(math.Exp(x))(&rs[i], nil)
		}
		for _, f := range diagnosed(rs).Findings {
			if f.ID == "drift" {
				found++
			}
		}
	}
	if found > 1 {
		t.Errorf("drift in %d of 30 runs that come back to one level", found)
	}
}

// Where the plan changes the load, only what it holds is looked at.
func TestDriftLooksAtHeldLoad(t *testing.T) {
	rs := overTime(spread(900, 0.8, 0.3, 0, nil), func(x float64) float64 { // held, a ramp, held
		switch {
		case x < 1.0/3:
			return 1
		case x < 2.0/3:
			return 6*x - 1
		}
		return 3
	})
	in := func(held []Stretch) outcome {
		e := Evidence{Held: held}
		for _, r := range rs {
			e.Add(r)
		}
		return e.drift(valid(metrics.ClassLimits{}))
	}
	if o := in(nil); len(o.findings) != 1 {
		t.Error("without a plan: no drift")
	}
	if o := in([]Stretch{{0, 150 * time.Second}, {300 * time.Second, 0}}); len(o.findings) > 0 || o.needs != "" {
		t.Errorf("between two levels of load: %+v", o)
	}
	if o := in([]Stretch{}); o.needs == "" {
		t.Errorf("a plan that holds no load: %+v", o)
	}
}

// A queue that grows is no drift: answers are slow because many wait.
func TestDriftIsNoQueue(t *testing.T) {
	for name, perSecond := range map[string]float64{"growing": 2.6, "filling and draining": 1.9} {
		rng := rand.New(rand.NewPCG(3, 3))
		var rs []call.Result
		var free [2]time.Duration // when each of two servers is
		at := time.Duration(0)
		for i := range 600 {
			at += time.Duration(rng.ExpFloat64() / perSecond * 1e9)
			s := 0
			if free[1] < free[0] {
				s = 1
			}
			begin := max(at, free[s])
			r := ok(at, 50, 200, begin-at+time.Duration(0.5*math.Exp(0.3*rng.NormFloat64())*1e9))
			r.LastContent, r.Done = r.FirstContent+400*time.Millisecond, r.FirstContent+400*time.Millisecond
			r.Index, r.Attempt, r.Task = i, 1, "chat"
			free[s] = r.Done
			rs = append(rs, r)
		}
		fires(t, "drift", name, rs, false)
	}
}

// A run whose machine was late may owe its drift to that.
func TestDriftOfOurOwnMachine(t *testing.T) {
	var e Evidence
	for _, r := range overTime(spread(600, 0.8, 0.3, 0, nil), from(0.4, 1.6)) {
		e.Add(r)
	}
	good, bad := valid(metrics.ClassLimits{}), valid(metrics.ClassLimits{})
	bad.Generator.Valid = false
	of := func(s metrics.Summary) float64 {
		for _, f := range e.Diagnosis(s).Findings {
			if f.ID == "drift" {
				return f.Confidence
			}
		}
		return 0
	}
	if a, b := of(good), of(bad); a < 0.85 || math.Abs(b-a/2) > 0.011 {
		t.Errorf("confidence %v, and %v in a run that is not valid; want the half", a, b)
	}
}
