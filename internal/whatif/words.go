package whatif

import (
	"fmt"
	"slices"
	"strings"
)

// words fill in what the figures rest on: what the run measured, what the user
// gave, and what nobody has shown.
func (r *Report) words(c Config, tasks []*traffic) {
	r.Measured = append(r.Measured, fmt.Sprintf("the tokens and the bill of %d calls, and when each left", r.Calls))
	if r.Unknown > 0 {
		r.Assumed = append(r.Assumed, fmt.Sprintf("%d calls ended without a final bill and are left out", r.Unknown))
	}
	for _, t := range tasks {
		r.taskWords(t)
	}
	if c.Volume > 0 {
		r.Given = append(r.Given, fmt.Sprintf("%.0f requests a month, in the run's mix", c.Volume))
		r.Assumed = append(r.Assumed, "a month's requests come independently of one another (Poisson), evenly over it and over the prefixes")
	}
	if slices.ContainsFunc(tasks, func(t *traffic) bool { return t.Task.Batch > 0 && t.Prefix > 0 }) {
		r.Assumed = append(r.Assumed, fmt.Sprintf("%.0f %% of batched requests find their prefix cached; 30 %% to 98 %% are reported by the API's documentation", 100*c.BatchHits))
	}
	r.Measured, r.Given, r.Assumed = unique(r.Measured), unique(r.Given), unique(r.Assumed)
}

func (r *Report) taskWords(t *traffic) {
	if t.cold > 0 {
		r.Measured = append(r.Measured, fmt.Sprintf("%s: %d further calls were made to miss the prompt cache and are left out", t.name, t.cold))
	}
	switch {
	case t.Prefix > 0 && t.PrefixMeasured:
		r.Measured = append(r.Measured, fmt.Sprintf("%s: a shared beginning of %d tokens, as the API counted it", t.name, t.Prefix))
	case t.Prefix > 0 && t.PrefixPart > 0:
		r.Assumed = append(r.Assumed, fmt.Sprintf("%s: a shared beginning of %d tokens, the system prompt's part of what the API counted, by bytes", t.name, t.Prefix))
	case t.Prefix > 0:
		r.Given = append(r.Given, fmt.Sprintf("%s: a shared beginning of %d tokens", t.name, t.Prefix))
	}
	if t.Prefixes > 1 {
		r.Given = append(r.Given, fmt.Sprintf("%s: %g different beginnings", t.name, t.Prefixes))
	}
	if t.Task.Batch > 0 {
		r.Given = append(r.Given, fmt.Sprintf("%s: %.0f %% of requests can wait up to a day", t.name, 100*t.Task.Batch))
	}
	if t.Task.Model == "" || t.Share == 0 {
		return
	}
	r.Given = append(r.Given, fmt.Sprintf("%s: %.0f %% of requests go to %s", t.name, 100*t.Share, t.Task.Model))
	if t.Quality > 0 {
		r.Given = append(r.Given, fmt.Sprintf("%s: %.0f %% of its answers are good enough; the others are asked again of %s", t.name, 100*t.Quality, t.model))
	} else {
		r.Assumed = append(r.Assumed, fmt.Sprintf("%s: every answer of %s is good enough: nobody has assessed it", t.name, t.Task.Model))
	}
	switch k := t.ratio(t.Task.Model); {
	case t.Ratio > 0:
		r.Given = append(r.Given, fmt.Sprintf("%s: %s counts %g tokens for one of %s", t.name, t.Task.Model, k, t.model))
	case k != 1:
		r.Assumed = append(r.Assumed, fmt.Sprintf("%s: %s counts %.2f tokens for one of %s, by their generations; measure it with count_tokens", t.name, t.Task.Model, k, t.model))
	}
	r.Assumed = append(r.Assumed, fmt.Sprintf("%s: answers of %s are as long as those measured; a conversation that moves re-reads its history uncached", t.name, t.Task.Model))
}

func unique(s []string) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, x := range s {
		if x = strings.TrimSpace(x); !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}
