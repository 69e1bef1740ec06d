package limit

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var full = flag.Bool("full", false, "measure the accuracy on all the seeds, not on a few of them")

// asked throws Poisson arrivals of some size at a hidden bucket, and notes what
// headers as the API writes them would say.
func asked(seed uint64, limit, capacity, perSecond float64, size func(*rand.Rand) float64, length time.Duration, grain float64) (demands []Demand, said []Said) {
	rng := rand.New(rand.NewPCG(seed, 7))
	b := bucket{level: capacity, capacity: capacity, rate: limit / 60}
	const skew = 7 * time.Second // the server's clock is not ours
	for at := time.Duration(0); at < length; at += time.Duration(rng.ExpFloat64() / perSecond * 1e9) {
		n := size(rng)
		b.advance(at)
		d := Demand{At: at, Units: n, Refused: b.level < n}
		if !d.Refused {
			b.shift(at, -n)
		}
		full := at + time.Duration((capacity-b.level)/b.rate*1e9)
		demands = append(demands, d)
		said = append(said, Said{At: at, Limit: limit, Remaining: max(0, math.Round(b.level/grain)*grain),
			Full: (full+time.Second-1)/time.Second*time.Second + skew})
	}
	return demands, said
}

func one(*rand.Rand) float64 { return 1 }

func tokensOf(mean float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return math.Round(mean * math.Exp(0.6*r.NormFloat64()-0.18)) }
}

// worst keeps the largest relative error of one figure.
type worst struct {
	off float64
	n   int
}

func (w *worst) add(got, want float64) {
	w.n++
	off := math.Abs(got-want) / want
	if off > w.off || math.IsNaN(off) {
		w.off = off
	}
}

// The hidden bucket is found within 1 % (refill) and 5 % (capacity) from headers,
// within 3 % and 10 % from 429s alone. -full asks 100 seeds of each.
func TestAccuracyFits(t *testing.T) {
	seeds := uint64(10)
	if *full {
		seeds = 100
	}
	var refillTold, capacityTold, refillFitted, capacityFitted worst
	for _, c := range []struct {
		name             string
		limit, perSecond float64
		size             func(*rand.Rand) float64
		length           time.Duration
		grain            float64
	}{
		{"requests, half over", 60, 1.5, one, 10 * time.Minute, 1},
		{"requests, a fifth over", 60, 1.2, one, 15 * time.Minute, 1},
		{"input tokens", 200_000, 5, tokensOf(1000), 15 * time.Minute, 1000},
		{"a large limit", 2_000_000, 40, tokensOf(1200), 10 * time.Minute, 1000},
	} {
		for seed := range seeds {
			demands, said := asked(seed, c.limit, c.limit, c.perSecond, c.size, c.length, c.grain)
			told, ok := FitHeaders(said, 0.95)
			if !ok {
				t.Fatalf("%s, seed %d: no fit from headers", c.name, seed)
			}
			refillTold.add(told.PerMinute.Value, c.limit)
			capacityTold.add(told.Capacity, c.limit)
			f, ok := FitRefusals(demands)
			if !ok {
				t.Fatalf("%s, seed %d: no fit from 429s", c.name, seed)
			}
			refillFitted.add(f.PerMinute.Value, c.limit)
			capacityFitted.add(f.Capacity, c.limit)
			if m := f.Conforms(demands); m < 0.8 {
				t.Errorf("%s, seed %d: the fitted bucket explains the 429s to %.2f; want over 0.8", c.name, seed, m)
			}
		}
	}
	for _, row := range []struct {
		what string
		worst
		goal float64
	}{
		{"refill from headers", refillTold, 0.01}, {"capacity from headers", capacityTold, 0.05},
		{"refill from 429s", refillFitted, 0.03}, {"capacity from 429s", capacityFitted, 0.10},
	} {
		verdict := "ok"
		if !(row.off <= row.goal) {
			verdict = "MISSED"
			t.Errorf("%s is up to %.2f %% off; want at most %.0f %%", row.what, 100*row.off, 100*row.goal)
		}
		t.Logf("accuracy | limits: %s | within %.0f %% | worst %.2f %% | %d buckets | %s", row.what, 100*row.goal, 100*row.off, row.n, verdict) // as bench/accuracy.sh reads it
	}
}

// Refusals at random are no bucket's doing.
func TestConformsNot(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 9))
		var demands []Demand
		for at := time.Duration(0); at < 10*time.Minute; at += 500 * time.Millisecond {
			demands = append(demands, Demand{At: at, Units: 1, Refused: rng.Float64() < 0.2})
		}
		f, ok := FitRefusals(demands)
		if m := f.Conforms(demands); !ok || m > 0.5 {
			t.Errorf("seed %d: %v, explained to %.2f; want hardly at all", seed, ok, m)
		}
	}
}

func TestFitsNeedEnough(t *testing.T) {
	demands, said := asked(1, 60, 60, 1.5, one, 100*time.Second, 1)
	if f, ok := FitRefusals(demands[:70]); ok {
		t.Errorf("fit %+v from hardly a refusal", f)
	}
	if f, ok := FitHeaders(said[:20], 0.95); ok {
		t.Errorf("fit %+v from 20 headers", f)
	}
	if _, ok := FitHeaders(nil, 0.95); ok {
		t.Error("a fit from nothing")
	}
	if m := (Fit{Capacity: 10}).Conforms([]Demand{{Units: 1}}); !math.IsNaN(m) {
		t.Errorf("conformance without a refusal is %v", m)
	}
	got := InOrder([]Demand{{At: 3}, {At: 1, Units: 1}, {At: 1, Units: 2}})
	if got[0].Units != 1 || got[1].Units != 2 || got[2].At != 3 {
		t.Errorf("InOrder = %v", got)
	}
}
