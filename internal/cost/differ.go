package cost

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// News compares imported prices with the catalogue's. Entries are those that say
// something else, each once: as overrides of the catalogue they put it right.
// Lines tell what is different, and what a list does not say and so stays, in the
// order of the models.
func (c *Catalog) News(imported []Entry) (entries []Entry, lines []string) {
	taken := map[*model]string{} // whose prices the table's model has
	for _, e := range c.bySeniority(imported) {
		ours, ok := c.Lookup(e.ID)
		if !ok {
			entries, lines = append(entries, e), append(lines, e.ID+": not in the table")
			continue
		}
		differ, silent := differing(ours.Prices.WithDefaults(), e.Prices.WithDefaults())
		for _, f := range slices.Concat(differ, silent) {
			lines = append(lines, e.ID+": "+f)
		}
		if len(differ) == 0 {
			continue
		}
		if m := c.models[e.ID]; m != nil { // not a dated id that the table does not have
			if other := taken[m]; other != "" {
				lines = append(lines, fmt.Sprintf("%s: left out: %s is the same model", e.ID, other))
				continue
			}
			taken[m] = e.ID
		}
		entries = append(entries, e)
	}
	byID := func(a, b Entry) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(entries, byID)
	slices.Sort(lines)
	return entries, lines
}

// bySeniority puts the ids of the table before its aliases: where a list has both
// and they disagree, the id counts.
func (c *Catalog) bySeniority(imported []Entry) []Entry {
	isAlias := func(e Entry) bool {
		ours, ok := c.Lookup(e.ID)
		return ok && ours.ID != e.ID
	}
	sorted := slices.Clone(imported)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return order(isAlias(a)) - order(isAlias(b)) })
	return sorted
}

func order(later bool) int {
	if later {
		return 1
	}
	return 0
}

// differing lists what two lists say differently of a model, and of what the
// second says nothing.
func differing(ours, theirs Prices) (differ, silent []string) {
	note := func(name, a, b string) {
		if a != b {
			differ = append(differ, fmt.Sprintf("%s %s, table has %s", name, b, a))
		}
	}
	tokens := func(at string, a, b Band) {
		note(at+"input", a.Input.Decimal(), b.Input.Decimal())
		note(at+"cache_write_5m", a.CacheWrite5m.Decimal(), b.CacheWrite5m.Decimal())
		note(at+"cache_write_1h", a.CacheWrite1h.Decimal(), b.CacheWrite1h.Decimal())
		note(at+"cache_read", a.CacheRead.Decimal(), b.CacheRead.Decimal())
		note(at+"output", a.Output.Decimal(), b.Output.Decimal())
	}
	tokens("", ours.base(), theirs.base())
	note("long-prompt bands", overs(ours.Bands), overs(theirs.Bands))
	for i := range min(len(ours.Bands), len(theirs.Bands)) {
		tokens(fmt.Sprintf("over %d: ", theirs.Bands[i].Over), ours.Bands[i], theirs.Bands[i])
	}
	for _, f := range []struct {
		name         string
		ours, theirs string
		said         bool
	}{
		{"us_geo", orOne(ours.USGeo).String(), orOne(theirs.USGeo).String(), theirs.USGeo != 0},
		{"batch", orOne(ours.Batch).String(), orOne(theirs.Batch).String(), theirs.Batch != 0},
		{"fast", fastText(ours.Fast), fastText(theirs.Fast), theirs.Fast != nil},
	} {
		switch {
		case f.said:
			note(f.name, f.ours, f.theirs)
		case f.ours != f.theirs:
			silent = append(silent, fmt.Sprintf("%s not said: the table's %s stays", f.name, f.ours))
		}
	}
	return differ, silent
}

func overs(bands []Band) string {
	var b []string
	for _, band := range bands {
		b = append(b, strconv.FormatInt(band.Over, 10))
	}
	return "[" + strings.Join(b, " ") + "]"
}

func fastText(f *Fast) string {
	if f == nil {
		return "none"
	}
	return f.Input.Decimal() + " in, " + f.Output.Decimal() + " out"
}
