package report

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/threshold"
)

// statsHeader is the header of Locust's PREFIX_stats.csv, letter for letter.
var statsHeader = [...]string{"Type", "Name", "Request Count", "Failure Count", "Median Response Time", "Average Response Time",
	"Min Response Time", "Max Response Time", "Average Content Size", "Requests/s", "Failures/s",
	"50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%"}

// statsQuantiles are the percentile columns.
var statsQuantiles = [...]float64{0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1}

// taskTimes are the e2e times of one task, or of all tasks (""), as point
// values: NaN without data, +Inf for time-outs.
type taskTimes struct {
	task                     string
	median, mean, least, top float64
	quantiles                [len(statsQuantiles)]float64
}

// timesOf asks for what the statistics columns need, per task and in all.
func timesOf(s metrics.Summary, source threshold.Source) []taskTimes {
	var out []taskTimes
	for _, task := range append(byName(s.Tasks), "") {
		t := taskTimes{task: task}
		var tags map[string]string
		if task != "" {
			tags = map[string]string{"task": task}
		}
		get := func(agg string, q float64) float64 {
			v, _, ok := source.Value("e2e", tags, agg, q)
			if !ok {
				return math.NaN()
			}
			return v
		}
		t.median, t.mean, t.least, t.top = get("med", 0.5), get("avg", 0), get("min", 0), get("max", 0)
		for i, q := range statsQuantiles {
			t.quantiles[i] = get("p", q)
		}
		out = append(out, t)
	}
	return out
}

// writeStatsCSV writes Locust's statistics columns: a row per task and one for
// all. The response time is e2e in ms, and the content size is output tokens,
// the size that an answer of this API has. Percentiles are point values, also
// of few requests, as Locust has them.
func writeStatsCSV(w io.Writer, rep *Report) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(statsHeader[:]); err != nil {
		return err
	}
	for _, t := range rep.times {
		kind, name, g := "POST", t.task, rep.Tasks[t.task]
		if t.task == "" {
			kind, name, g = "", "Aggregated", rep.Group
		}
		row := []string{kind, name, strconv.Itoa(g.Requests.Sent), strconv.Itoa(g.Requests.Failed),
			point(t.median), point(t.mean), point(t.least), point(t.top),
			plainNumber(float64(g.Tokens.MeanOutput)), plainNumber(float64(g.Rates.RequestsPerS)), plainNumber(failuresPerS(g))}
		for _, q := range t.quantiles {
			row = append(row, point(q))
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func failuresPerS(g metrics.Group) float64 {
	if g.Requests.Sent == 0 {
		return math.NaN()
	}
	return float64(g.Rates.RequestsPerS) * float64(g.Requests.Failed) / float64(g.Requests.Sent)
}

// point writes a time in ms as Locust does: N/A without values.
func point(f float64) string {
	switch {
	case math.IsNaN(f):
		return "N/A"
	case math.IsInf(f, 1):
		return "inf"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func plainNumber(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "0"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
