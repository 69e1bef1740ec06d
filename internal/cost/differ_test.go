package cost

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNews(t *testing.T) {
	same := Prices{Input: 1e12, CacheWrite5m: 125e10, CacheWrite1h: 2e12, CacheRead: 1e11, Output: 5e12, Batch: 500_000}
	dearer := same
	dearer.Output = 6e12
	imported := []Entry{
		{ID: "claude-haiku-4-5", Prices: Prices{Input: 1e12, Output: 7e12, Batch: 500_000}}, // an alias that disagrees with its id
		{ID: "claude-haiku-4-5-20251001", Prices: dearer},
		{ID: "claude-haiku-5-5", Prices: Prices{Input: 1e11, CacheRead: 2e10, Output: 5e11, USGeo: 1_100_000, Batch: 500_000,
			Bands: []Band{{Over: 100_000, Input: 5e11, Output: 3e12}}}},
		{ID: "claude-opus-4-5", Prices: Prices{Input: 5e12, Output: 25e12, Batch: 500_000}}, // as in the table
		{ID: "claude-opus-4-6-20260205", Prices: Prices{Input: 5e12, Output: 26e12, Batch: 500_000, USGeo: 1_100_000}},
		{ID: "claude-opus-5", Prices: Prices{Input: 5e12, Output: 25e12, Batch: 500_000}},
		{ID: "claude-opus-5-5", Prices: Prices{Input: 4e12, CacheRead: 2e11, Output: 20e12, Batch: 500_000, USGeo: 1_200_000, Fast: &Fast{Input: 9e12, Output: 40e12}}},
		{ID: "claude-sonnet-5", Prices: Prices{Input: 2e12, Output: 10e12, USGeo: 1_100_000, Bands: []Band{{Over: 200_000, Input: 1, Output: 1}}}},
		{ID: "new-model", Prices: Prices{Input: 1, Output: 1}},
	}
	entries, lines := Builtin().News(imported)
	want := []string{
		"claude-haiku-4-5-20251001: output 6, table has 5",
		"claude-haiku-4-5: left out: claude-haiku-4-5-20251001 is the same model",
		"claude-haiku-4-5: output 7, table has 5",
		"claude-haiku-5-5: cache_read 0.02, table has 0.01",
		"claude-haiku-5-5: over 100000: output 3, table has 2.5",
		"claude-opus-4-6-20260205: output 26, table has 25",
		"claude-opus-5-5: fast 9 in, 40 out, table has 8 in, 40 out",
		"claude-opus-5-5: us_geo 1.2, table has 1.1",
		"claude-opus-5: fast not said: the table's 10 in, 50 out stays",
		"claude-opus-5: us_geo not said: the table's 1.1 stays",
		"claude-sonnet-5: batch not said: the table's 0.5 stays",
		"claude-sonnet-5: long-prompt bands [200000], table has []",
		"new-model: not in the table",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	var ids []string
	overrides := map[string]Prices{}
	for _, e := range entries {
		ids = append(ids, e.ID)
		overrides[e.ID] = e.Prices
	}
	wantIDs := []string{"claude-haiku-4-5-20251001", "claude-haiku-5-5", "claude-opus-4-6-20260205", "claude-opus-5-5", "claude-sonnet-5", "new-model"}
	if diff := cmp.Diff(wantIDs, ids); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	// As overrides they put the catalogue right: there is nothing new any more.
	c, err := Builtin().With(overrides)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.News(entries); len(again) > 0 {
		t.Errorf("after the import: %+v; want nothing new", again)
	}
}
