// Package cost knows what a call costs: a dated catalogue of prices, the price of
// a Usage, the most a Request can cost, and a Guard around a sender that keeps a
// run within its budget.
//
// In come requests and results; out come amounts in whole pico-dollars. Bills are
// rounded to the nearest, bounds up, each once. The package sends nothing, reads
// no file and asks nobody for prices: those of the built-in table are as good as
// its date, source and confidence say, and a plan can bring its own.
package cost

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tokenload/tokenload/internal/call"
)

//go:embed prices.json
var builtin []byte

// Catalog is a price list. It is never changed after it is made, so any number of
// goroutines may read it. The zero Catalog knows no model.
type Catalog struct {
	asOf      string
	webSearch int64 // pico-dollars a search
	entries   []Entry
	models    map[string]*model // by id and alias
}

// Entry is one model of a price list, and how far its prices can be trusted.
type Entry struct {
	ID           string   `json:"id"`
	Aliases      []string `json:"aliases,omitempty"`
	Status       string   `json:"status,omitempty"`   // active, deprecated; "" is not said
	Released     string   `json:"released,omitempty"` // a date, as far as it is known
	Context      int64    `json:"context_window,omitzero"`
	MaxOutput    int64    `json:"max_output,omitzero"`
	MinCacheable int64    `json:"min_cacheable,omitzero"` // least tokens of a cached prefix
	Source       string   `json:"source"`
	Confidence   string   `json:"confidence"` // confirmed, secondary, imported, given
	Note         string   `json:"note,omitempty"`
	Prices       Prices   `json:"prices"`
}

// PlanSource is the source of an entry whose prices came by [Catalog.With].
const PlanSource = "plan"

// Builtin returns the catalogue that comes with the program: first-party prices
// of the Claude API, dated AsOf.
func Builtin() *Catalog {
	var file struct {
		AsOf      string   `json:"as_of"`
		WebSearch call.USD `json:"web_search_per_1000"`
		Models    []Entry  `json:"models"`
	}
	err := json.Unmarshal(builtin, &file)
	c := &Catalog{asOf: file.AsOf, webSearch: int64(file.WebSearch) / 1000, entries: file.Models, models: map[string]*model{}}
	for _, e := range c.entries {
		err = errors.Join(err, e.Prices.Validate())
		c.put(e)
	}
	if err != nil {
		panic("cost: the embedded prices.json is broken: " + err.Error()) // a broken build; a test reads it
	}
	return c
}

// put files an entry under its id and aliases.
func (c *Catalog) put(e Entry) {
	m := compile(e.Prices)
	for _, name := range append([]string{e.ID}, e.Aliases...) {
		c.models[name] = &m
	}
}

// AsOf returns the date of the built-in prices, such as 2026-11-23; "" for none.
func (c *Catalog) AsOf() string { return c.asOf }

// WebSearch returns the price of one web search.
func (c *Catalog) WebSearch() call.USD { return call.USD(c.webSearch) }

// With returns a catalogue to which overrides are added, by model name. A name
// that is an id or alias of a known model replaces its prices under all its
// names: its five token prices and its long-prompt bands as a whole (without
// bands the price is flat), while fast prices and multipliers that the override
// leaves out stay as they were. Any other name is a new model. The error joins
// every mistake, in order of the names.
func (c *Catalog) With(overrides map[string]Prices) (*Catalog, error) {
	n := &Catalog{asOf: c.asOf, webSearch: c.webSearch, entries: slices.Clone(c.entries), models: map[string]*model{}}
	maps.Copy(n.models, c.models)
	var errs []error
	by := map[string]string{} // entry id → the override that changed it
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		p := overrides[name]
		if wrong := p.mistakes(); len(wrong) > 0 {
			for _, err := range wrong {
				errs = append(errs, fmt.Errorf("prices of %q: %w", name, err))
			}
			continue
		}
		e := Entry{ID: name}
		i := slices.IndexFunc(n.entries, func(e Entry) bool { return e.ID == name || slices.Contains(e.Aliases, name) })
		if i >= 0 {
			e = n.entries[i]
			if other, taken := by[e.ID]; taken {
				errs = append(errs, fmt.Errorf("prices of %q: %q names the same model", name, other))
				continue
			}
			p = p.keeping(e.Prices)
		} else {
			i = len(n.entries)
			n.entries = append(n.entries, e)
		}
		by[e.ID] = name
		e.Prices, e.Source, e.Confidence, e.Note = p, PlanSource, "given", ""
		n.entries[i] = e
		n.put(e)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return n, nil
}

// WithStored is [Catalog.With] for prices in their JSON form, as a run's manifest
// keeps them. The error joins every mistake, in order of the names.
func (c *Catalog) WithStored(src map[string]json.RawMessage) (*Catalog, error) {
	prices := map[string]Prices{}
	var errs []error
	for _, model := range slices.Sorted(maps.Keys(src)) {
		var p Prices
		if err := json.Unmarshal(src[model], &p); err != nil {
			errs = append(errs, fmt.Errorf("prices of %q: %w", model, err))
			continue
		}
		prices[model] = p
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c.With(prices)
}

// keeping fills in what an override leaves as it was.
func (p Prices) keeping(old Prices) Prices {
	if p.Fast == nil {
		p.Fast = old.Fast
	}
	if p.USGeo == 0 {
		p.USGeo = old.USGeo
	}
	if p.Batch == 0 {
		p.Batch = old.Batch
	}
	return p
}

// List returns every entry in the order of the table, added models last.
func (c *Catalog) List() []Entry { return slices.Clone(c.entries) }

// Known reports whether the model has a price: under its id, an alias, a dated id
// of either (claude-opus-5-20260724), or any of these with "anthropic." before it.
func (c *Catalog) Known(model string) bool { return c.find(model) != nil }

// Lookup returns the entry that a model is priced by; ok is false if there is none.
func (c *Catalog) Lookup(model string) (e Entry, ok bool) {
	m := c.find(model)
	i := slices.IndexFunc(c.entries, func(e Entry) bool { return m != nil && c.models[e.ID] == m })
	if i < 0 {
		return Entry{}, false
	}
	return c.entries[i], true
}

// find returns the prices of a model, nil for one that is not known.
func (c *Catalog) find(name string) *model {
	if m := c.models[name]; m != nil {
		return m
	}
	name = strings.TrimPrefix(name, "anthropic.")
	if m := c.models[name]; m != nil {
		return m
	}
	return c.models[undated(name)]
}

// undated takes a trailing -YYYYMMDD off a model id.
func undated(id string) string {
	i := len(id) - len("-20060102")
	if i < 0 || id[i] != '-' || strings.Trim(id[i+1:], "0123456789") != "" {
		return id
	}
	return id[:i]
}

// Guess returns the known name that is nearest to a model's, for a "did you
// mean"; "" if none is near.
func (c *Catalog) Guess(model string) string {
	best, least := "", max(2, len(model)/4)+1
	for _, name := range slices.Sorted(maps.Keys(c.models)) {
		if d := distance(model, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			step := diagonal + 1
			if a[i] == b[j] {
				step = diagonal
			}
			diagonal = row[j+1]
			row[j+1] = min(step, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
