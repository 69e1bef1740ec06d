package cost

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/tokenload/tokenload/internal/call"
)

// Prices is what one model costs, each in US dollars per million tokens. As JSON
// it has the keys of a plan's prices. They are billed in whole pico-dollars a
// token (0.000001 a million); what is finer is rounded up.
//
// Input and Output must both be given, or both be 0: a model that is free. Each
// cache price that is 0 has the usual multiple of Input: 1.25 for a write of five
// minutes, 2 for one of an hour, 0.1 for a read. (A read that is truly free can
// be given as 0.000001.)
type Prices struct {
	Input        call.USD `json:"input"`
	CacheWrite5m call.USD `json:"cache_write_5m,omitzero"`
	CacheWrite1h call.USD `json:"cache_write_1h,omitzero"`
	CacheRead    call.USD `json:"cache_read,omitzero"`
	Output       call.USD `json:"output"`

	// Bands are the prices of long prompts, in rising order of Over.
	Bands []Band `json:"bands,omitempty"`
	// Fast is the price of "speed": "fast"; nil where there is none, and such a
	// request is billed as any other.
	Fast *Fast `json:"fast,omitempty"`
	// USGeo multiplies every token price of "inference_geo": "us"; 0 is not priced apart.
	USGeo Multiplier `json:"us_geo,omitzero"`
	// Batch multiplies every token price in the Batch API; 0 is no discount.
	Batch Multiplier `json:"batch,omitzero"`
}

// Band is the price of every token of a request, output included, whose prompt
// (input, cache writes and cache reads) is longer than Over tokens. A prompt of
// exactly Over tokens belongs to the band below. Cache prices of 0 are as in Prices.
type Band struct {
	Over         int64    `json:"over"`
	Input        call.USD `json:"input"`
	CacheWrite5m call.USD `json:"cache_write_5m,omitzero"`
	CacheWrite1h call.USD `json:"cache_write_1h,omitzero"`
	CacheRead    call.USD `json:"cache_read,omitzero"`
	Output       call.USD `json:"output"`
}

// Fast is the base price of fast mode. Cache prices keep their proportion to the
// input price, and longer prompts theirs to the shortest band.
type Fast struct {
	Input      call.USD `json:"input"`
	Output     call.USD `json:"output"`
	Until      string   `json:"until,omitempty"`      // last day it is offered; "" is not said
	Confidence string   `json:"confidence,omitempty"` // "" is the model's own
}

// Multiplier is a factor in millionths, so that 1.1 is exact. As JSON it is a
// decimal number. Where a Multiplier may be left out, 0 stands for 1.
type Multiplier int64

const one Multiplier = 1e6

// String returns the factor as a decimal number.
func (m Multiplier) String() string {
	return strconv.FormatFloat(float64(m)/float64(one), 'f', -1, 64)
}

// MarshalJSON writes a decimal number.
func (m Multiplier) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalJSON reads a decimal number with at most six decimals; null changes nothing.
func (m *Multiplier) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("multiplier %q is not a number", b)
	}
	v, err := MultiplierOf(f)
	*m = v
	return err
}

// maxMultiplier is far above any factor that a price list has had.
const maxMultiplier = 100 * one

// MultiplierOf turns a factor into a Multiplier. NaN, negative factors, those
// over 100 and those with more than six decimals are errors.
func MultiplierOf(f float64) (Multiplier, error) {
	scaled := f * float64(one)
	switch {
	case math.IsNaN(f):
		return 0, errors.New("multiplier is not a number")
	case f < 0:
		return 0, fmt.Errorf("multiplier %v is negative", f)
	case scaled > float64(maxMultiplier):
		return 0, fmt.Errorf("multiplier %v is over %v", f, maxMultiplier)
	case math.Abs(scaled-math.Round(scaled)) > 1e-4:
		return 0, fmt.Errorf("multiplier %v has more than six decimals", f)
	}
	return Multiplier(math.Round(scaled)), nil
}

// maxPrice is the highest price that is believed, per million tokens: a hundred
// times the dearest there has been, so that a price per token or in cents is caught.
const maxPrice = 10_000 * call.Dollar

// PerMillion reads a number of dollars per million tokens, as a plan has it, to
// the last decimal. What is not a number, negative prices and those over $10,000
// are errors.
func PerMillion(s string) (call.USD, error) {
	p, err := call.ParseUSD(s)
	if err != nil { // an exponent, or more decimals than there are pico-dollars
		f, err := strconv.ParseFloat(s, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(f) {
			return 0, errors.New("price is not a number")
		}
		p = call.DollarsToUSD(f)
	}
	return p, checkPrice("price", p)
}

func checkPrice(name string, p call.USD) error {
	switch {
	case p < 0:
		return fmt.Errorf("%s %s is negative", name, p.Decimal())
	case p > maxPrice:
		return fmt.Errorf("%s %s is over $10,000 per million tokens", name, p.Decimal())
	}
	return nil
}

// Validate reports everything that is wrong with the prices: negative or absurd
// ones, bands out of order, one of input and output without the other, factors
// out of range. The error joins one error for each.
func (p Prices) Validate() error { return errors.Join(p.mistakes()...) }

func (p Prices) mistakes() []error {
	errs := p.base().validate("")
	last := int64(0)
	for i, b := range p.Bands {
		at := fmt.Sprintf("bands[%d] ", i)
		if b.Over <= last {
			errs = append(errs, fmt.Errorf("%sover %d is not above %d: bands go from short prompts to long ones", at, b.Over, last))
		}
		last = max(last, b.Over)
		errs = append(errs, b.validate(at)...)
	}
	if p.Fast != nil {
		fast := Band{Input: p.Fast.Input, Output: p.Fast.Output}
		errs = append(errs, fast.validate("fast ")...)
	}
	for _, m := range []struct {
		name  string
		value Multiplier
	}{{"us_geo", p.USGeo}, {"batch", p.Batch}} {
		if m.value < 0 || m.value > maxMultiplier {
			errs = append(errs, fmt.Errorf("%s %v is not between 0 and %v", m.name, m.value, maxMultiplier))
		}
	}
	return errs
}

// base returns the prices of the shortest prompts as a band.
func (p Prices) base() Band {
	return Band{Input: p.Input, CacheWrite5m: p.CacheWrite5m, CacheWrite1h: p.CacheWrite1h, CacheRead: p.CacheRead, Output: p.Output}
}

func (b Band) validate(at string) []error {
	var errs []error
	for _, f := range []struct {
		name  string
		price call.USD
	}{{"input", b.Input}, {"output", b.Output}, {"cache_write_5m", b.CacheWrite5m},
		{"cache_write_1h", b.CacheWrite1h}, {"cache_read", b.CacheRead}} {
		if err := checkPrice(at+f.name, f.price); err != nil {
			errs = append(errs, err)
		}
	}
	switch {
	case b.Input == 0 && b.Output != 0:
		errs = append(errs, fmt.Errorf("%sinput is missing", at))
	case b.Output == 0 && (b.Input != 0 || b.CacheWrite5m != 0 || b.CacheWrite1h != 0 || b.CacheRead != 0):
		errs = append(errs, fmt.Errorf("%soutput is missing", at))
	}
	return errs
}

// withDefaults fills in the cache prices that were left out.
func (b Band) withDefaults() Band {
	if b.CacheWrite5m == 0 {
		b.CacheWrite5m = (5*b.Input + 3) / 4
	}
	if b.CacheWrite1h == 0 {
		b.CacheWrite1h = 2 * b.Input
	}
	if b.CacheRead == 0 {
		b.CacheRead = (b.Input + 9) / 10
	}
	return b
}

// WithDefaults returns the prices with every cache price filled in.
func (p Prices) WithDefaults() Prices {
	b := p.base().withDefaults()
	p.CacheWrite5m, p.CacheWrite1h, p.CacheRead = b.CacheWrite5m, b.CacheWrite1h, b.CacheRead
	bands := make([]Band, len(p.Bands))
	for i, band := range p.Bands {
		bands[i] = band.withDefaults()
	}
	if len(bands) > 0 {
		p.Bands = bands
	}
	return p
}
