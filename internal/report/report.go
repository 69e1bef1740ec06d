// Package report turns a stored run into one Report value, and that value into
// text, Markdown, JSON, CSV and JUnit. A run directory comes in; what goes out
// depends on its files alone: the same files give the same bytes, whenever and
// wherever they are rendered.
//
// The package sends nothing and reads no clock. Each renderer is one file over
// one Report and knows nothing of the others; none of them computes a metric.
package report

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/cache"
	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/threshold"
)

// FormatVersion is the version of summary.json that this package writes.
const FormatVersion = 1

// Report is everything that is known about a run. Its JSON form is
// summary.json, described in docs/format/summary.md.
type Report struct {
	Version int `json:"version"`
	Run     Run `json:"run"`
	metrics.Group
	Limits      []metrics.ClassLimits    `json:"limits"`
	Classes     map[string]int           `json:"classes"`
	StopReasons map[string]int           `json:"stop_reasons"`
	Thresholds  []Threshold              `json:"thresholds"`
	Checks      []metrics.CheckCount     `json:"checks"`
	Findings    []diagnose.Finding       `json:"findings"`
	Connections metrics.Connections      `json:"connections"`
	Generator   metrics.Generator        `json:"generator"`
	PromptCache []cache.Comparison       `json:"prompt_cache"` // cold against warm calls, where tasks asked for it
	Tasks       map[string]metrics.Group `json:"tasks"`
	Models      map[string]metrics.Group `json:"models"`
	Stages      map[string]metrics.Group `json:"stages"`
	Series      metrics.Series           `json:"series"`
	// Errors are the most frequent failures in the words they came with.
	Errors []ErrorCount `json:"errors"`
	// Notes say which figures are approximate and how they were made.
	Notes []string `json:"notes"`

	// Diagnosis also says what was looked for in vain, and what could not be.
	Diagnosis diagnose.Diagnosis `json:"-"`
	// Attempts yields the run's records, for the formats that list them.
	Attempts iter.Seq2[call.Result, error] `json:"-"`
	times    []taskTimes
}

// Run names the run and says how it ended.
type Run struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Target     string    `json:"target"`
	Seed       uint64    `json:"seed"`
	Outcome    string    `json:"outcome"` // passed, failed, thresholds, budget, invalid, interrupted, error
	ExitCode   int       `json:"exit_code"`
	DurationS  float64   `json:"duration_s"`
	Partial    bool      `json:"partial"`    // the load was not carried out to its end
	StopCause  string    `json:"stop_cause"` // "" for a run that was killed
	StopDetail string    `json:"stop_detail"`
	Started    time.Time `json:"started"`
	Tool       string    `json:"tool_version"`
	API        string    `json:"api"`
	HTTP       string    `json:"http"`
	Load       string    `json:"load"` // in words
	OnLimit    string    `json:"on_limit"`
	PricesAsOf string    `json:"prices_as_of"`
	PlanSHA256 string    `json:"plan_sha256"`
	Models     []string  `json:"models"`   // as the plan has them, sorted
	Stages     []string  `json:"stages"`   // as the plan has them, in order
	Warnings   []string  `json:"warnings"` // about the stored files themselves
}

// where is the target as people read it: the dialect is told where it is not the usual one.
func (r Run) where() string {
	if r.API == "chat" {
		return r.Target + ", chat completions"
	}
	return r.Target
}

// ErrorCount is how many attempts, in any phase, failed with the same words.
type ErrorCount struct {
	Class   call.Class `json:"class"`
	Message string     `json:"message"`
	Count   int        `json:"count"`
}

// Threshold is one judged pass or fail rule.
type Threshold struct {
	Metric     string            `json:"metric"` // with its selector, as in the plan
	Expression string            `json:"expression"`
	Value      metrics.Number    `json:"value"` // in Unit; null without data and where it is infinite
	Unit       string            `json:"unit"`  // ms, share, USD, tokens, tokens/s, /s or count
	N          int               `json:"n"`     // values it was judged on
	Verdict    threshold.Verdict `json:"verdict"`
	LowN       bool              `json:"low_n"` // too few values for a 95 % interval
}

// Passed reports whether the threshold holds. One without data does not.
func (t Threshold) Passed() bool { return t.Verdict == threshold.Passed }

// Holding counts the thresholds that hold.
func (r *Report) Holding() int {
	n := 0
	for _, t := range r.Thresholds {
		if t.Passed() {
			n++
		}
	}
	return n
}

// Format names a rendering.
type Format string

// The formats.
const (
	Text     Format = "text"
	Markdown Format = "md"
	JSON     Format = "json"
	CSV      Format = "csv"       // one line per attempt
	StatsCSV Format = "stats-csv" // Locust's statistics columns
	JUnit    Format = "junit"
)

// Formats lists every format, the default first.
func Formats() []Format { return []Format{Text, Markdown, JSON, CSV, StatsCSV, JUnit} }

// ParseFormat finds a format by its name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q: want one of %v", name, Formats())
}

// Options are how to render; the zero value is plain.
type Options struct {
	Color bool // text only: ANSI colours, for a terminal that wants them
}

// Write renders rep as f. An error is one of writing, or for CSV one of reading
// the run's records again.
func Write(w io.Writer, f Format, rep *Report, o Options) error {
	switch f {
	case Text:
		return writeText(w, rep, o.Color)
	case Markdown:
		return writeMarkdown(w, rep)
	case JSON:
		return writeJSON(w, rep)
	case CSV:
		return writeCSV(w, rep)
	case StatsCSV:
		return writeStatsCSV(w, rep)
	case JUnit:
		return writeJUnit(w, rep)
	}
	return fmt.Errorf("unknown format %q", f)
}
