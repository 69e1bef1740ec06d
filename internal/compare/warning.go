package compare

import (
	"fmt"
	"slices"
	"strings"
)

// warnings say in what the runs differ besides what is measured, and which of
// them can be trusted how far.
func warnings(base, newer []Run) []string {
	var out []string
	all := slices.Concat(base, newer)
	for _, r := range all {
		if !r.Valid {
			out = append(out, fmt.Sprintf("%s is not valid: its generator did not keep up. No time of it is judged", r.ID))
		}
		if r.Partial {
			out = append(out, fmt.Sprintf("%s is partial: it was stopped early, so it stands for the first part of its load", r.ID))
		}
	}
	for _, r := range newer {
		if slices.ContainsFunc(base, func(b Run) bool { return b.ID == r.ID && b.Started.Equal(r.Started) }) {
			out = append(out, fmt.Sprintf("%s stands on both sides: a run held against itself says nothing", r.ID))
		}
	}
	differ := func(what, effect string, of func(Run) string) {
		if vs := distinct(all, of); len(vs) > 1 {
			out = append(out, fmt.Sprintf("%s differ (%s): %s", what, strings.Join(vs, "; "), effect))
		}
	}
	differ("models", "this compares models as much as anything else", func(r Run) string { return strings.Join(r.Models, ", ") })
	differ("plans", "a difference may come from the plan", func(r Run) string { return short(r.Plan) })
	differ("overrides", "a difference may come from them", func(r Run) string { return strings.Join(r.Changes, " ") })
	differ("targets", "a difference may come from the way there", func(r Run) string { return r.Target })
	differ("versions of tokenload", "a difference may come from how it was measured", func(r Run) string { return r.Tool })
	if len(base) == 1 && len(newer) == 1 && base[0].Seed != newer[0].Seed {
		out = append(out, "seeds differ: the two runs drew other prompts, which is part of the noise; the same --seed would take it out")
	}
	if slices.ContainsFunc(all, func(r Run) bool { return r.Headers }) && slices.ContainsFunc(all, func(r Run) bool { return !r.Headers }) {
		out = append(out, "some runs have rate-limit headers and some have none: what answered them differs")
	}
	if len(base) != len(newer) {
		out = append(out, fmt.Sprintf("%d runs against %d: pairs of runs, made in turn, would tell more", len(base), len(newer)))
	}
	return out
}

func distinct(runs []Run, of func(Run) string) []string {
	var out []string
	for _, r := range runs {
		v := of(r)
		if v == "" {
			v = "none"
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func short(sha string) string { return sha[:min(len(sha), 12)] }
