package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Latency is one row of the latency table. With U uncached input tokens (cache
// writes included) and C cached ones,
//
//	TTFT  = drift × (Floor + X) + PerUncached × U × exp(0.10 z) + PerCached × C
//	X     = Body × exp(BodySigma z), or with probability TailShare Tail × exp(TailSigma z)
//	speed = Speed × exp(SlowSigma z) for z < 0, Speed × exp(FastSigma z) above
//
// with z standard normal, drawn anew each time. Text comes in events of
// TokensPerEvent tokens on average (the first of one or two); the time between
// two is tokens ÷ speed, times a lognormal jitter of mean 1 and sigma Jitter.
type Latency struct {
	Floor          time.Duration `yaml:"floor"`
	Body           time.Duration `yaml:"body"`
	BodySigma      float64       `yaml:"body_sigma"`
	TailShare      float64       `yaml:"tail_share" most:"1"`
	Tail           time.Duration `yaml:"tail"`
	TailSigma      float64       `yaml:"tail_sigma"`
	PerUncached    time.Duration `yaml:"per_uncached"` // per token
	PerCached      time.Duration `yaml:"per_cached"`   // per token
	Speed          float64       `yaml:"speed"`        // tokens per second, median; 0 is no delay
	SlowSigma      float64       `yaml:"slow_sigma"`
	FastSigma      float64       `yaml:"fast_sigma"`
	TokensPerEvent float64       `yaml:"tokens_per_event"`
	Jitter         float64       `yaml:"jitter"`
	StallShare     float64       `yaml:"stall_share" most:"1"` // of events that come after a stall of 5 s to 60 s
}

// measured is the built-in table. Rows haiku and sonnet are fitted to public
// raw timings of Haiku 4.5 (2,163 calls) and Sonnet 4.6 (650 calls) of May and
// June 2026 (FitTracker2, MIT licence), floors less an assumed 0.15 s of
// handshake. Prompt slopes of sonnet are from published Claude 3.5 Sonnet
// figures (0.110 and 0.0144 ms per token), the others are scaled by assumption.
// Tokens per event are from captured streams of public SDK fixtures: 4, and 48
// for Sonnet 5. Speed of opus is published (42.7 to 45 tokens/s). Everything
// else of opus and fable, and jitter and stalls of all, are assumptions: no
// public data was found.
func measured() map[string]Latency {
	const us = time.Microsecond
	haiku := Latency{
		Floor: 400 * time.Millisecond, Body: 309 * time.Millisecond, BodySigma: 0.475,
		TailShare: 0.14, Tail: 787 * time.Millisecond, TailSigma: 0.877,
		PerUncached: 55 * us, PerCached: 10 * us,
		Speed: 156, SlowSigma: 0.43, FastSigma: 0.21, TokensPerEvent: 4, Jitter: 0.35, StallShare: 2e-5,
	}
	sonnet := Latency{
		Floor: 400 * time.Millisecond, Body: 787 * time.Millisecond, BodySigma: 0.388,
		TailShare: 0.028, Tail: 3970 * time.Millisecond, TailSigma: 1.17,
		PerUncached: 110 * us, PerCached: 14400 * time.Nanosecond,
		Speed: 72.5, SlowSigma: 0.365, FastSigma: 0.13, TokensPerEvent: 4, Jitter: 0.35, StallShare: 2e-5,
	}
	opus := Latency{
		Floor: 450 * time.Millisecond, Body: 1300 * time.Millisecond, BodySigma: 0.40,
		TailShare: 0.03, Tail: 4 * time.Second, TailSigma: 1.2,
		PerUncached: 165 * us, PerCached: 20 * us,
		Speed: 45, SlowSigma: 0.35, FastSigma: 0.15, TokensPerEvent: 4, Jitter: 0.35, StallShare: 2e-5,
	}
	fable := opus
	fable.Floor, fable.Body, fable.Tail = 500*time.Millisecond, 1600*time.Millisecond, 5*time.Second
	fable.PerUncached, fable.PerCached, fable.TokensPerEvent = 200*us, 25*us, 48
	sonnet5, opus5 := sonnet, opus
	sonnet5.TokensPerEvent, opus5.TokensPerEvent = 48, 48
	return map[string]Latency{"haiku": haiku, "sonnet": sonnet, "sonnet-5": sonnet5, "opus": opus, "opus-5": opus5, "fable": fable}
}

// fastFactor is what fast mode does to the speed: published as "up to".
const fastFactor = 2.5

// excess draws X, the time beyond the floor.
func (l Latency) excess(rng *rand.Rand) time.Duration {
	tail, z := rng.Float64() < l.TailShare, rng.NormFloat64()
	if tail {
		return scale(l.Tail, math.Exp(l.TailSigma*z))
	}
	return scale(l.Body, math.Exp(l.BodySigma*z))
}

// speed draws the tokens per second of one answer; 0 is no delay.
func (l Latency) speed(rng *rand.Rand) float64 {
	z := rng.NormFloat64()
	if z < 0 {
		return l.Speed * math.Exp(l.SlowSigma*z)
	}
	return l.Speed * math.Exp(l.FastSigma*z)
}

// prefill is the time the prompt costs; z is standard normal.
func (l Latency) prefill(uncached, cached int, z float64) time.Duration {
	return scale(l.PerUncached*time.Duration(uncached), math.Exp(0.10*z)) + l.PerCached*time.Duration(cached)
}

// gap draws the time to generate k tokens at v tokens per second.
func (l Latency) gap(rng *rand.Rand, k int, v float64) time.Duration {
	if v <= 0 {
		return 0
	}
	g := seconds(float64(k) / v)
	if l.Jitter > 0 {
		g = scale(g, math.Exp(l.Jitter*rng.NormFloat64()-l.Jitter*l.Jitter/2))
	}
	if l.StallShare > 0 && rng.Float64() < l.StallShare {
		g += logUniform(rng, 5*time.Second, time.Minute)
	}
	return g
}

// chunk draws how many tokens the next event carries.
func (l Latency) chunk(rng *rand.Rand, first bool) int {
	if first {
		return 1 + rng.IntN(2)
	}
	if l.TokensPerEvent <= 1 {
		return 1
	}
	m := l.TokensPerEvent - 1 // 1 + geometric with mean m
	return 1 + int(math.Log(1-rng.Float64())/math.Log(m/(1+m)))
}

func scale(d time.Duration, f float64) time.Duration { return time.Duration(float64(d) * f) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func logUniform(rng *rand.Rand, lo, hi time.Duration) time.Duration {
	return scale(lo, math.Pow(float64(hi)/float64(lo), rng.Float64()))
}

// drift is an Ornstein-Uhlenbeck path with a time constant of one hour, in
// steps of a minute from the start: the same seed walks the same path.
type drift struct {
	rng  *rand.Rand
	step int
	x    float64
}

// factor returns the common factor on TTFT at a time since the start, sigma its
// standard deviation. Times must come nearly in order; an earlier one gets the
// latest step.
func (d *drift) factor(sigma float64, since time.Duration) float64 {
	rho := math.Exp(-1.0 / 60)
	for ; d.step < int(since/time.Minute); d.step++ {
		d.x = rho*d.x + math.Sqrt(1-rho*rho)*d.rng.NormFloat64()
	}
	return math.Exp(sigma * d.x)
}
