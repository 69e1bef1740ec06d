package cost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenload/tokenload/internal/call"
)

// leastImported is the lowest price that is believed, per million tokens, where
// it is not 0: a hundredth of the cheapest there has been. A plan may not go
// below it either.
const leastImported = int64(call.Dollar / 10_000)

// maxPriceFile is the most that is read of a price file; LiteLLM's has about 3 MB.
const maxPriceFile = 64 << 20

// ImportLiteLLM reads the prices of Anthropic's own API from LiteLLM's
// model_prices_and_context_window.json, sorted by id. Prices there are dollars a
// token as floats; they are read as the decimals that stand in the file.
//
// Warnings name what was left out or filled in: a model whose prices cannot be
// read, a long-prompt band without all its prices (the model is left out, since
// half a band would be a guess), a cache price that is missing. The error is for
// a file that is not of that shape or has no such model.
func ImportLiteLLM(r io.Reader) (entries []Entry, warnings []string, err error) {
	src, err := io.ReadAll(io.LimitReader(r, maxPriceFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read price file: %w", err)
	}
	if len(src) > maxPriceFile {
		return nil, nil, fmt.Errorf("read price file: over %d MB", maxPriceFile>>20)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(src, &file); err != nil {
		return nil, nil, fmt.Errorf("read price file: not a JSON object of models: %v", err)
	}
	for _, id := range slices.Sorted(maps.Keys(file)) {
		fields, ok := ofAnthropic(file[id])
		if !ok {
			continue
		}
		m := liteModel{fields: fields}
		e, err := m.entry(id)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("%s: left out: %s", id, strings.ReplaceAll(err.Error(), "\n", "; ")))
			continue
		}
		for _, w := range m.warnings {
			warnings = append(warnings, fmt.Sprintf("%s: %s", id, w))
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, warnings, errors.New(`read price file: no usable model with "litellm_provider": "anthropic" and "mode": "chat"`)
	}
	return entries, warnings, nil
}

// ofAnthropic returns the fields of a model that Anthropic itself serves. The
// name tells nothing: other providers use the same names, some without a prefix.
func ofAnthropic(src json.RawMessage) (fields map[string]any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	if d.Decode(&fields) != nil {
		return nil, false
	}
	return fields, fields["litellm_provider"] == "anthropic" && fields["mode"] == "chat"
}

// liteModel is one model of a LiteLLM file while it is read.
type liteModel struct {
	fields   map[string]any
	warnings []string
}

// The names of LiteLLM's price fields. A band's name goes between these and
// liteBatch; "above_1hr" is the life of a cache entry, not a length.
const (
	liteInput   = "input_cost_per_token"
	liteOutput  = "output_cost_per_token"
	liteWrite5m = "cache_creation_input_token_cost"
	liteWrite1h = "cache_creation_input_token_cost_above_1hr"
	liteRead    = "cache_read_input_token_cost"
	liteBatch   = "_batches"
)

func (m *liteModel) entry(id string) (Entry, error) {
	e := Entry{ID: id, Source: "LiteLLM", Confidence: "imported"}
	if s, ok := m.fields["source"].(string); ok {
		e.Source = "LiteLLM, from " + s
	}
	e.Context, e.MaxOutput, e.MinCacheable = m.count("max_input_tokens"), m.count("max_output_tokens"), m.count("prompt_cache_min_tokens")
	base, err := m.band("")
	if err != nil {
		return e, err
	}
	e.Prices = Prices{Input: base.Input, CacheWrite5m: base.CacheWrite5m, CacheWrite1h: base.CacheWrite1h,
		CacheRead: base.CacheRead, Output: base.Output}
	for _, k := range m.bands() {
		suffix := fmt.Sprintf("_above_%dk_tokens", k)
		b, err := m.band(suffix)
		if err != nil {
			return e, err
		}
		b.Over = 1000 * k
		e.Prices.Bands = append(e.Prices.Bands, b)
	}
	if err := m.multipliers(&e.Prices); err != nil {
		return e, err
	}
	return e, e.Prices.Validate()
}

// count returns a whole number that only informs; 0 if it is missing or no number.
func (m *liteModel) count(field string) int64 {
	n, _ := m.fields[field].(json.Number)
	i, _ := n.Int64()
	return max(i, 0)
}

// bands returns the lengths, in thousands of tokens, of which the fields speak.
func (m *liteModel) bands() []int64 {
	var ks []int64
	for field := range m.fields {
		_, after, ok := strings.Cut(strings.TrimSuffix(field, liteBatch), "_above_")
		after = strings.TrimPrefix(after, "1hr_above_")
		n, isBand := strings.CutSuffix(after, "k_tokens")
		k, err := strconv.ParseInt(n, 10, 32)
		if ok && isBand && err == nil && strings.Contains(field, "_cost") {
			ks = append(ks, k)
		}
	}
	slices.Sort(ks)
	return slices.Compact(ks)
}

// band reads the five prices with a suffix; "" is the shortest prompts.
func (m *liteModel) band(suffix string) (b Band, err error) {
	for _, f := range []struct {
		name     string
		price    *call.USD
		required bool
	}{
		{liteInput, &b.Input, true}, {liteOutput, &b.Output, true},
		{liteWrite5m, &b.CacheWrite5m, suffix != ""}, {liteRead, &b.CacheRead, suffix != ""}, {liteWrite1h, &b.CacheWrite1h, false},
	} {
		price, ok, err := m.price(f.name + suffix)
		switch {
		case err != nil:
			return b, err
		case !ok && f.required:
			return b, fmt.Errorf("%s is missing", f.name+suffix)
		case !ok || price == 0 && f.name != liteInput && f.name != liteOutput:
			m.warnings = append(m.warnings, fmt.Sprintf("%s is missing or 0: taken as the usual multiple of the input price", f.name+suffix))
		}
		*f.price = price
	}
	return b, nil
}

// price reads dollars a token as dollars per million; ok is false for no field.
func (m *liteModel) price(field string) (p call.USD, ok bool, err error) {
	v, ok := m.fields[field]
	if !ok || v == nil {
		return 0, false, nil
	}
	n, isNumber := v.(json.Number)
	if !isNumber {
		return 0, false, fmt.Errorf("%s is not a number", field)
	}
	r, err := decimal(n)
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", field, err)
	}
	r.Mul(r, new(big.Rat).SetInt64(1e6*int64(call.Dollar)))
	pico := new(big.Int).Quo(r.Num(), r.Denom())
	if r.Sign() > 0 && !r.IsInt() {
		pico.Add(pico, big.NewInt(1))
	}
	if !pico.IsInt64() {
		return 0, false, fmt.Errorf("%s %s is out of range", field, n)
	}
	if pico.Sign() > 0 && pico.Cmp(big.NewInt(leastImported)) < 0 {
		return 0, false, fmt.Errorf("%s %s is too low to be believed", field, n)
	}
	return call.USD(pico.Int64()), true, nil
}

// decimal reads a number exactly. The limits keep a hostile exponent from filling
// the memory.
func decimal(n json.Number) (*big.Rat, error) {
	_, exp, _ := strings.Cut(strings.ToLower(n.String()), "e")
	if len(n) > 40 || len(exp) > 4 {
		return nil, fmt.Errorf("%.40s… is not a believable number", n)
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil, fmt.Errorf("%s is not a number", n)
	}
	return r, nil
}

// multipliers reads the batch discount and the factors by request feature.
func (m *liteModel) multipliers(p *Prices) error {
	special, _ := m.fields["provider_specific_entry"].(map[string]any)
	us, err := factor(special["us"])
	if err != nil {
		return fmt.Errorf("provider_specific_entry.us: %w", err)
	}
	fast, err := factor(special["fast"])
	if err != nil {
		return fmt.Errorf("provider_specific_entry.fast: %w", err)
	}
	p.USGeo = us
	if fast > 0 {
		times := func(u call.USD) call.USD {
			return call.USD(scale(int64(max(u, 0)), uint64(fast), uint64(one), true))
		}
		p.Fast = &Fast{Input: times(p.Input), Output: times(p.Output)}
	}
	p.Batch, err = m.batch(p)
	return err
}

// factor reads a number; 0 for none.
func factor(v any) (Multiplier, error) {
	switch n := v.(type) {
	case nil:
		return 0, nil
	case json.Number:
		f, err := n.Float64()
		if err != nil {
			return 0, fmt.Errorf("%s is not a number", n)
		}
		return MultiplierOf(f)
	}
	return 0, errors.New("not a number")
}

// batch derives one factor from the batch prices; where they disagree the dearest
// counts.
func (m *liteModel) batch(p *Prices) (Multiplier, error) {
	var dearest Multiplier
	differ := false
	for _, f := range []struct {
		name string
		full call.USD
	}{{liteInput, p.Input}, {liteOutput, p.Output}, {liteWrite5m, p.CacheWrite5m}, {liteRead, p.CacheRead}} {
		half, ok, err := m.price(f.name + liteBatch)
		if err != nil {
			return 0, err
		}
		if !ok || f.full <= 0 || half < 0 {
			continue
		}
		share := Multiplier(scale(int64(half), uint64(one), uint64(f.full), true))
		differ = differ || dearest != 0 && share != dearest
		dearest = max(dearest, share)
	}
	if differ {
		m.warnings = append(m.warnings, fmt.Sprintf("batch discounts differ: %v taken for all", dearest))
	}
	return dearest, nil
}
