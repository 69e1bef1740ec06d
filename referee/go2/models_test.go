package referee_test

import (
	"slices"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/tokenload/tokenload/referee/simulator"
)

func TestModels(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	c := client(s)
	all, err := c.Models.List(t.Context(), anthropic.ModelListParams{Limit: anthropic.Int(1000)})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range all.Data {
		want = append(want, m.ID)
	}
	pages := c.Models.ListAutoPaging(t.Context(), anthropic.ModelListParams{Limit: anthropic.Int(5)})
	for pages.Next() {
		got = append(got, pages.Current().ID)
	}
	if pages.Err() != nil || !slices.Equal(got, want) || len(want) < 10 || all.HasMore {
		t.Errorf("page by page %q, at once %q, %v", got, want, pages.Err())
	}
	if requests := len(s.Truth(t, 1+(len(want)+4)/5)); requests < 3 {
		t.Errorf("%d requests for pages of 5", requests)
	}

	m, err := c.Models.Get(t.Context(), haiku, anthropic.ModelGetParams{})
	if err != nil {
		t.Fatal(err)
	}
	if m.ID != "claude-haiku-4-5-20251001" || m.DisplayName != "Claude Haiku 4.5" || m.CreatedAt.Year() != 2025 || m.MaxInputTokens != 200_000 || m.MaxTokens != 64_000 {
		t.Errorf("model %s", m.RawJSON())
	}
	if !slices.Contains(want, m.ID) {
		t.Errorf("%q is not listed", m.ID)
	}
	_, err = c.Models.Get(t.Context(), "claude-none", anthropic.ModelGetParams{})
	apiError(t, err, 404, "not_found_error")
}
