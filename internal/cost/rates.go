package cost

import (
	"math"
	"math/bits"

	"github.com/tokenload/tokenload/internal/call"
)

// The values of a request's speed and inference_geo that a price depends on.
const (
	speedStandard = "standard"
	speedFast     = "fast"
	geoUS         = "us"
	geoGlobal     = "global"
)

// rates are whole pico-dollars per token.
type rates struct{ input, write5m, write1h, read, output int64 }

// band is a model's rates for prompts of more than over tokens.
type band struct {
	over           int64
	standard, fast rates
}

// model is Prices made ready for arithmetic: at least one band, the first over 0.
type model struct {
	bands      []band
	geo, batch Multiplier // never 0
}

// compile turns valid prices into rates, rounding up what is finer than a
// pico-dollar a token.
func compile(p Prices) model {
	p = p.WithDefaults()
	m := model{geo: orOne(p.USGeo), batch: orOne(p.Batch)}
	base := perToken(p.base())
	for _, b := range append([]Band{p.base()}, p.Bands...) {
		r := perToken(b)
		m.bands = append(m.bands, band{over: b.Over, standard: r, fast: fastRates(p.Fast, base, r)})
	}
	return m
}

func orOne(m Multiplier) Multiplier {
	if m == 0 {
		return one
	}
	return m
}

func perToken(b Band) rates {
	of := func(u call.USD) int64 { return (int64(u) + 1e6 - 1) / 1e6 }
	return rates{of(b.Input), of(b.CacheWrite5m), of(b.CacheWrite1h), of(b.CacheRead), of(b.Output)}
}

// fastRates scales r by what fast mode does to the base rates.
func fastRates(f *Fast, base, r rates) rates {
	if f == nil {
		return r
	}
	fast := perToken(Band{Input: f.Input, Output: f.Output})
	return rates{
		input:   proportion(r.input, fast.input, base.input),
		write5m: proportion(r.write5m, fast.input, base.input),
		write1h: proportion(r.write1h, fast.input, base.input),
		read:    proportion(r.read, fast.input, base.input),
		output:  proportion(r.output, fast.output, base.output),
	}
}

// proportion returns ⌈r × fast ÷ base⌉, and the plain fast rate where the base is free.
func proportion(r, fast, base int64) int64 {
	if base == 0 {
		return fast
	}
	return scale(r, uint64(fast), uint64(base), true)
}

// at returns the rates of a speed. A speed that is not known is the dearer of the
// two, token by token.
func (b band) at(speed string) rates {
	switch speed {
	case "", speedStandard:
		return b.standard
	case speedFast:
		return b.fast
	}
	s, f := b.standard, b.fast
	return rates{max(s.input, f.input), max(s.write5m, f.write5m), max(s.write1h, f.write1h),
		max(s.read, f.read), max(s.output, f.output)}
}

// prompt returns the price of the usage's input side.
func (r rates) prompt(u call.Usage) int64 {
	sum := mul(u.Input, r.input)
	sum = add(sum, mul(u.CacheWrite5m, r.write5m))
	sum = add(sum, mul(u.CacheWrite1h, r.write1h))
	return add(sum, mul(u.CacheRead, r.read))
}

// dearest returns the most that an input token can cost when cache writes of ttl
// are allowed. A write of five minutes always is: servers cache tool results
// unasked. A ttl that is not known may be the dearest.
func (r rates) dearest(ttl string) int64 {
	d := max(r.input, r.write5m, r.read)
	if ttl != "" && ttl != "5m" {
		d = max(d, r.write1h)
	}
	return d
}

// bandOf returns the band in which a prompt of n tokens is billed.
func (m model) bandOf(n int64) band {
	b := m.bands[0]
	for _, next := range m.bands[1:] {
		if n > next.over {
			b = next
		}
	}
	return b
}

// tokens returns the price of all tokens of u before multipliers.
func (m model) tokens(u call.Usage) int64 {
	r := m.bandOf(promptOf(u)).at(u.Speed)
	return add(r.prompt(u), mul(u.Output, r.output))
}

// worst returns the most that any usage within these bounds can cost before
// multipliers. A band below the highest that can be reached counts too, as far
// as it goes, since nothing says that long prompts are dearer.
func (m model) worst(input, output int64, ttl, speed string) int64 {
	most := int64(0)
	for i, b := range m.bands {
		if input <= b.over && i > 0 {
			break
		}
		n := input
		if i+1 < len(m.bands) {
			n = min(n, m.bands[i+1].over)
		}
		r := b.at(speed)
		most = max(most, add(mul(n, r.dearest(ttl)), mul(output, r.output)))
	}
	return most
}

// clean takes off figures below zero, which no server means.
func clean(u call.Usage) call.Usage {
	for _, n := range []*int64{&u.Input, &u.CacheWrite5m, &u.CacheWrite1h, &u.CacheRead, &u.Output, &u.WebSearches} {
		*n = max(*n, 0)
	}
	return u
}

// promptOf is Usage.Prompt for figures that may be absurd.
func promptOf(u call.Usage) int64 {
	return add(add(u.Input, u.CacheWrite5m), add(u.CacheWrite1h, u.CacheRead))
}

// The sums below are of numbers that are not negative, and end at MaxInt64.

func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func mul(a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}

// scale returns a × num ÷ den, rounded up or to the nearest (a half up).
func scale(a int64, num, den uint64, up bool) int64 {
	hi, lo := bits.Mul64(uint64(a), num)
	round := den / 2
	if up {
		round = den - 1
	}
	lo, carry := bits.Add64(lo, round, 0)
	hi += carry
	if hi >= den {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, den)
	return int64(min(q, math.MaxInt64))
}
