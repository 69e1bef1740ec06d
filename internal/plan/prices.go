package plan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/tokenload/tokenload/internal/cost"
)

// What a plan's prices may be, in US dollars per million tokens. The highest is
// package cost's. What is over 0 and below the lowest is a price per token: the
// cheapest model there has been cost a hundred times as much.
const (
	mostPrice   = 10_000
	leastPrice  = 0.0001
	leastFactor = 0.01
	mostFactor  = 100
	mostOver    = 1_000_000_000
)

// free stands for a cache price of 0: package cost reads 0 as not said. It is a
// pico-dollar a token.
const free = "0.000001"

// price is one model's prices as a plan has them.
type price struct {
	base         cost.Band
	bands, fast  *yaml.Node
	usGeo, batch cost.Multiplier
}

var (
	priceFields = append(tokenPrices(func(v *price) *cost.Band { return &v.base }),
		nodeField("bands", func(v *price) **yaml.Node { return &v.bands }),
		nodeField("fast", func(v *price) **yaml.Node { return &v.fast }),
		factorField("us_geo", func(v *price) *cost.Multiplier { return &v.usGeo }),
		factorField("batch", func(v *price) *cost.Multiplier { return &v.batch }),
	)
	bandFields = append([]field[cost.Band]{{"over", func(d *decoder, n *yaml.Node, v *cost.Band) {
		over, _ := d.whole(n, "over", 1, mostOver)
		v.Over = int64(over)
	}}}, tokenPrices(func(v *cost.Band) *cost.Band { return v })...)
	fastFields = []field[cost.Fast]{
		{"input", func(d *decoder, n *yaml.Node, v *cost.Fast) { fastPrice(d, n, "input", &v.Input) }},
		{"output", func(d *decoder, n *yaml.Node, v *cost.Fast) { fastPrice(d, n, "output", &v.Output) }},
	}
)

// tokenPrices are the fields of the five prices of a T that has them in a Band.
func tokenPrices[T any](of func(*T) *cost.Band) []field[T] {
	return []field[T]{
		{"input", func(d *decoder, n *yaml.Node, v *T) { perMillion(d, n, "input", &of(v).Input) }},
		{"output", func(d *decoder, n *yaml.Node, v *T) { perMillion(d, n, "output", &of(v).Output) }},
		{"cache_write_5m", func(d *decoder, n *yaml.Node, v *T) { perMillion(d, n, "cache_write_5m", &of(v).CacheWrite5m) }},
		{"cache_write_1h", func(d *decoder, n *yaml.Node, v *T) { perMillion(d, n, "cache_write_1h", &of(v).CacheWrite1h) }},
		{"cache_read", func(d *decoder, n *yaml.Node, v *T) { perMillion(d, n, "cache_read", &of(v).CacheRead) }},
	}
}

// perMillion reads one price; U is call.USD.
func perMillion[U ~int64](d *decoder, n *yaml.Node, noun string, to *U) {
	v, ok := d.number(n, noun, 0, mostPrice)
	if ok && v > 0 && v < leastPrice {
		d.mistakef(n, "%s is %s, which looks like a price per token: want US dollars per million tokens, or 0 for free", noun, n.Value)
		return
	}
	if !ok {
		return
	}
	p, err := cost.PerMillion(strings.ReplaceAll(n.Value, "_", ""))
	if err != nil {
		d.mistakef(n, "%s: %s", noun, oneLine(err.Error()))
		return
	}
	*to = U(p)
}

// fastPrice reads a price of fast mode. None of them is 0: it would make free
// what costs money without it.
func fastPrice[U ~int64](d *decoder, n *yaml.Node, noun string, to *U) {
	before := len(d.mistakes)
	perMillion(d, n, noun, to)
	if *to == 0 && len(d.mistakes) == before {
		d.mistakef(n, "%s of fast is 0, want more than 0; leave fast out where the model has none", noun)
	}
}

func factorField[T any](name string, to func(*T) *cost.Multiplier) field[T] {
	return field[T]{name, func(d *decoder, n *yaml.Node, v *T) {
		f, ok := d.number(n, name, leastFactor, mostFactor)
		if !ok {
			return
		}
		m, err := cost.MultiplierOf(f)
		if err != nil {
			d.mistakef(n, "%s is %s, want at most six decimals", name, n.Value)
			return
		}
		*to(v) = m
	}}
}

// priceList is the prices of several models, and where each stands.
type priceList struct {
	prices map[string]cost.Prices
	keys   map[string]*yaml.Node
}

// prices reads the plan's own prices into a catalogue: those of a file first, so
// that what stands in the plan itself overrides them.
func (d *decoder) prices(n *yaml.Node) *cost.Catalog {
	catalog := cost.Builtin()
	if n == nil {
		return catalog
	}
	all := d.object(n, "prices", nil)
	if file := all.values["file"]; file != nil && file.Kind != yaml.MappingNode {
		delete(all.values, "file") // a mapping is a model of that name
		catalog = d.priceFile(file, catalog)
	}
	return d.repriced(catalog, d.models(all))
}

// priceFile reads a file of prices into a catalogue. It has the key prices alone,
// as `tokenload prices import` writes it.
func (d *decoder) priceFile(n *yaml.Node, catalog *cost.Catalog) *cost.Catalog {
	name, ok := d.filled(n, "file")
	if !ok {
		return catalog
	}
	src, ok := d.readFile(n, name)
	if !ok {
		d.mispriced[everyModel] = true
		return catalog
	}
	f := &decoder{file: name, origin: map[*yaml.Node]string{}, mispriced: d.mispriced}
	if list := f.priceDoc(src); list != nil {
		catalog = f.repriced(catalog, f.models(f.object(list, "prices", nil)))
	}
	if more := len(f.mistakes) - mostPerFile; more > 0 {
		f.mistakes = f.mistakes[:mostPerFile]
		d.mistakef(n, "file %q has %d more mistakes", name, more)
	}
	d.mistakes = append(d.mistakes, f.mistakes...)
	return catalog
}

// priceDoc returns the mapping of models in a file of prices, nil for none.
func (d *decoder) priceDoc(src []byte) (list *yaml.Node) {
	const want = "want prices: and below it a mapping for each model"
	root := d.root(src, "the file is empty: "+want)
	switch {
	case root == nil:
		d.mispriced[everyModel] = true
	case root.Kind == yaml.MappingNode && lookup(root, "prices") == nil:
		d.mispriced[everyModel] = true
		d.mistakef(root, "not a file of prices: %s", want)
	default:
		fields := []field[*yaml.Node]{nodeField("prices", func(v **yaml.Node) **yaml.Node { return v })}
		decodeObject(d, root, "a file of prices", fields, &list)
	}
	return list
}

// everyModel among the mispriced is that a whole file could not be read.
const everyModel = ""

// models reads the prices of each model.
func (d *decoder) models(all object) priceList {
	list := priceList{map[string]cost.Prices{}, all.keys}
	for _, model := range slices.Sorted(maps.Keys(all.values)) {
		before := len(d.mistakes)
		p := d.price(all.values[model], "the price of "+strconv.Quote(model))
		if len(d.mistakes) > before {
			d.mispriced[model] = true
			continue
		}
		list.prices[model] = p
	}
	return list
}

// repriced adds prices to a catalogue. What one model cannot show is that two
// names are of the same.
func (d *decoder) repriced(catalog *cost.Catalog, list priceList) *cost.Catalog {
	so := map[string]cost.Prices{}
	with := catalog
	for _, model := range slices.Sorted(maps.Keys(list.prices)) {
		so[model] = list.prices[model]
		next, err := catalog.With(so)
		if err != nil {
			d.mistakef(list.keys[model], "%s", oneLine(err.Error()))
			delete(so, model)
			continue
		}
		with = next
	}
	return with
}

// price reads the prices of one model.
func (d *decoder) price(n *yaml.Node, noun string) cost.Prices {
	var v price
	d.band(decodeObject(d, n, noun, priceFields, &v), noun, &v.base)
	p := cost.Prices{Input: v.base.Input, CacheWrite5m: v.base.CacheWrite5m, CacheWrite1h: v.base.CacheWrite1h,
		CacheRead: v.base.CacheRead, Output: v.base.Output, USGeo: v.usGeo, Batch: v.batch}
	if v.bands != nil {
		p.Bands = d.bands(v.bands, noun)
	}
	if v.fast != nil {
		p.Fast = d.fast(v.fast, noun)
	}
	return p
}

// band checks five prices against each other, and fills in what 0 means.
func (d *decoder) band(o object, noun string, b *cost.Band) {
	for _, name := range []string{"input", "output"} {
		if o.lacks(name) {
			d.mistakef(o.node, "%s has no %s", noun, name)
		}
	}
	if !o.has("input") || !o.has("output") {
		return
	}
	isFree := func(name string) bool { return o.has(name) && isZero(o.values[name]) }
	switch {
	case isFree("input") != isFree("output"):
		d.mistakef(o.values["input"], "%s has an input of %s and an output of %s: a model that is free has 0 for both", noun, o.values["input"].Value, o.values["output"].Value)
	case isFree("input"):
		for _, name := range o.given("cache_write_5m", "cache_write_1h", "cache_read") {
			if !isFree(name) {
				d.mistakef(o.values[name], "%s of %s, and input is free", name, o.values[name].Value)
			}
		}
	default:
		least, _ := cost.PerMillion(free)
		if isFree("cache_write_5m") {
			b.CacheWrite5m = least
		}
		if isFree("cache_write_1h") {
			b.CacheWrite1h = least
		}
		if isFree("cache_read") {
			b.CacheRead = least
		}
	}
}

// isZero reports whether a node is the number 0, however it is written.
func isZero(n *yaml.Node) bool {
	v, err := strconv.ParseFloat(n.Value, 64)
	return n.Kind == yaml.ScalarNode && err == nil && v == 0
}

// bands reads the prices of long prompts, from short ones to long ones.
func (d *decoder) bands(n *yaml.Node, noun string) []cost.Band {
	var bands []cost.Band
	last := int64(0)
	for i, item := range d.list(n, "bands", "mappings with over, input and output") {
		var b cost.Band
		noun := fmt.Sprintf("band %d of %s", i+1, noun)
		o := decodeObject(d, item, noun, bandFields, &b)
		d.band(o, noun, &b)
		switch {
		case o.lacks("over"):
			d.mistakef(item, "%s has no over: prompts of more tokens than that have its prices", noun)
		case b.Over > 0 && b.Over <= last:
			d.mistakef(o.values["over"], "over is %d, and the band before it has %d: bands go from short prompts to long ones", b.Over, last)
		}
		last = max(last, b.Over)
		bands = append(bands, b)
	}
	return bands
}

// fast reads the prices of fast mode.
func (d *decoder) fast(n *yaml.Node, noun string) *cost.Fast {
	var f cost.Fast
	o := decodeObject(d, n, "fast", fastFields, &f)
	for _, name := range []string{"input", "output"} {
		if o.lacks(name) {
			d.mistakef(n, "fast of %s has no %s", noun, name)
		}
	}
	return &f
}

// PriceFile returns prices as the text of a file that a plan can name, which can
// as well be pasted into a plan: a line for each model, exact to the pico-dollar
// a token, with what is 0 left out. Comment, if any, stands above, line by line.
func PriceFile(entries []cost.Entry, comment ...string) []byte {
	var b bytes.Buffer
	for _, line := range comment {
		fmt.Fprintf(&b, "# %s\n", line)
	}
	if len(entries) == 0 {
		b.WriteString("prices: {}\n")
		return b.Bytes()
	}
	b.WriteString("prices:\n")
	for _, e := range entries {
		fmt.Fprintf(&b, "  %s: %s\n", yamlText(e.ID), flow(e.Prices))
	}
	return b.Bytes()
}

// flow writes the prices of a model as a mapping on one line.
func flow(p cost.Prices) string {
	var w flowWriter
	w.tokens(cost.Band{Input: p.Input, Output: p.Output, CacheWrite5m: p.CacheWrite5m, CacheWrite1h: p.CacheWrite1h, CacheRead: p.CacheRead})
	if p.Fast != nil {
		w.add("fast", fmt.Sprintf("{input: %s, output: %s}", p.Fast.Input.Decimal(), p.Fast.Output.Decimal()))
	}
	if p.USGeo != 0 {
		w.add("us_geo", p.USGeo.String())
	}
	if p.Batch != 0 {
		w.add("batch", p.Batch.String())
	}
	var bands []string
	for _, b := range p.Bands {
		band := flowWriter{"over: " + strconv.FormatInt(b.Over, 10)}
		band.tokens(b)
		bands = append(bands, band.String())
	}
	if len(bands) > 0 {
		w.add("bands", "["+strings.Join(bands, ", ")+"]")
	}
	return w.String()
}

// flowWriter gathers the pairs of a mapping in the flow style.
type flowWriter []string

func (w *flowWriter) add(key, value string) { *w = append(*w, key+": "+value) }

// tokens adds five prices. A cache price that was left out stays out.
func (w *flowWriter) tokens(b cost.Band) {
	w.add("input", b.Input.Decimal())
	w.add("output", b.Output.Decimal())
	cachePrice(w, "cache_write_5m", b.CacheWrite5m)
	cachePrice(w, "cache_write_1h", b.CacheWrite1h)
	cachePrice(w, "cache_read", b.CacheRead)
}

// cachePrice adds one price; P is call.USD.
func cachePrice[P interface {
	~int64
	Decimal() string
}](w *flowWriter, key string, p P) {
	least, _ := cost.PerMillion(free)
	switch {
	case p == P(least):
		w.add(key, "0")
	case p != 0:
		w.add(key, p.Decimal())
	}
}

func (w flowWriter) String() string { return "{" + strings.Join(w, ", ") + "}" }
