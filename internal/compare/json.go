package compare

import (
	"encoding/json"
	"io"
	"time"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// FormatVersion is the version of the JSON form.
const FormatVersion = 1

type document struct {
	Version   int                  `json:"version"`
	Verdict   Verdict              `json:"verdict"`
	Answer    string               `json:"answer"`
	Design    Design               `json:"design"`
	MinChange float64              `json:"min_change"`
	Drift     float64              `json:"drift"`
	Base      []runJSON            `json:"base"`
	New       []runJSON            `json:"new"`
	Metrics   []rowJSON            `json:"metrics"`
	Tasks     map[string][]rowJSON `json:"tasks"`
	Warnings  []string             `json:"warnings"`
}

type runJSON struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Target  string    `json:"target"`
	Seed    uint64    `json:"seed"`
	Plan    string    `json:"plan_sha256"`
	Models  []string  `json:"models"`
	Valid   bool      `json:"valid"`
	Partial bool      `json:"partial"`
}

type rowJSON struct {
	Metric   string         `json:"metric"`
	Unit     string         `json:"unit"`
	Better   *string        `json:"better"` // null where neither way is
	Base     sideJSON       `json:"base"`
	New      sideJSON       `json:"new"`
	Shift    estimateJSON   `json:"shift"`
	Ratio    estimateJSON   `json:"ratio"`
	P        metrics.Number `json:"p"`
	Adjusted metrics.Number `json:"p_adjusted"`
	Test     string         `json:"test"`
	Delta    metrics.Number `json:"cliffs_delta"`
	Effect   string         `json:"effect"`
	Tails    []tailJSON     `json:"tails"`
	Verdict  Verdict        `json:"verdict"`
	Why      string         `json:"why"`
	Pairs    *int           `json:"interleaved_pairs"` // that would decide; null where not asked or too many
}

type sideJSON struct {
	N         int              `json:"n"`
	Effective metrics.Number   `json:"effective_n"`
	Center    metrics.Number   `json:"center"`
	Runs      []metrics.Number `json:"runs"`
}

type estimateJSON struct {
	Value metrics.Number `json:"value"`
	Low   metrics.Number `json:"low"`
	High  metrics.Number `json:"high"`
}

type tailJSON struct {
	Quantile   float64        `json:"quantile"`
	Base       metrics.Number `json:"base"`
	New        metrics.Number `json:"new"`
	Difference estimateJSON   `json:"difference"`
}

// JSON writes the comparison for programs; docs/format/compare.md describes it.
func JSON(w io.Writer, c *Comparison) error {
	d := document{
		Version: FormatVersion, Verdict: c.Verdict, Answer: c.Answer(), Design: c.Design, MinChange: c.MinChange, Drift: c.Drift,
		Base: runsJSON(c.Base), New: runsJSON(c.New), Metrics: rowsJSON(c.Overall), Tasks: map[string][]rowJSON{}, Warnings: append([]string{}, c.Warnings...),
	}
	for _, t := range c.Tasks {
		d.Tasks[t.Name] = rowsJSON(t.Rows)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

func runsJSON(runs []Run) []runJSON {
	out := make([]runJSON, len(runs))
	for i, r := range runs {
		out[i] = runJSON{r.ID, r.Started.UTC(), r.Target, r.Seed, r.Plan, append([]string{}, r.Models...), r.Valid, r.Partial}
	}
	return out
}

func rowsJSON(rows []Row) []rowJSON {
	out := make([]rowJSON, len(rows))
	for i, r := range rows {
		out[i] = rowJSON{
			Metric: r.Metric, Unit: r.Unit, Base: r.Base.json(), New: r.New.json(), Shift: estimate(r.Shift), Ratio: estimate(r.Ratio),
			P: metrics.Number(r.P), Adjusted: metrics.Number(r.Adjusted), Test: r.Test, Delta: metrics.Number(r.Delta), Effect: stats.CliffLabel(r.Delta),
			Tails: []tailJSON{}, Verdict: r.Verdict, Why: r.Why,
		}
		if r.Better != "" {
			out[i].Better = &r.Better
		}
		if r.Pairs > 0 {
			out[i].Pairs = &r.Pairs
		}
		for _, t := range r.Tails {
			out[i].Tails = append(out[i].Tails, tailJSON{t.Q, metrics.Number(t.Base), metrics.Number(t.New), estimate(t.Difference)})
		}
	}
	return out
}

func (s Side) json() sideJSON {
	out := sideJSON{N: s.N, Effective: metrics.Number(s.Effective), Center: metrics.Number(s.Median), Runs: []metrics.Number{}}
	for _, v := range s.Runs {
		out.Runs = append(out.Runs, metrics.Number(v))
	}
	return out
}

func estimate(e stats.Estimate) estimateJSON {
	return estimateJSON{metrics.Number(e.Value), metrics.Number(e.Low), metrics.Number(e.High)}
}
