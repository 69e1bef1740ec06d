package cli

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/compare"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/store"
)

// exitWorse is the exit code of a comparison that found a regression.
const exitWorse = 99

type compareCommand struct {
	Base      string `arg:"" help:"The run to compare with: its directory, or those of several runs with commas between."`
	New       string `arg:"" help:"The run that may be worse, or several."`
	Format    string `help:"text, md or json." default:"text"`
	Out       string `short:"o" help:"Write to a file instead of standard output; in the environment TOKENLOAD_REPORT_OUT." placeholder:"FILE"`
	MinChange string `help:"The least change that matters, such as 5%." default:"5%" placeholder:"SHARE"`
	Drift     string `help:"How far two runs of the same thing drift apart (one standard deviation), such as 11%; 0 for a target that does not. Unset: as published, or 0 on the simulator inside." placeholder:"SHARE"`
}

// Help is the long help.
func (*compareCommand) Help() string {
	return "Exit codes: 0, or 99 where NEW is worse. \"cannot decide\" is 0.\n" +
		"With several runs on each side, made in turn, the drift between runs falls out: compare b1,b2,b3,b4,b5 n1,n2,n3,n4,n5."
}

// Run carries out the command.
func (c *compareCommand) Run(e *env) error {
	write, err := comparisonFormat(c.Format)
	if err != nil {
		return usageError{err}
	}
	config, err := c.config()
	if err != nil {
		return usageError{err}
	}
	base, err := e.runsOf(c.Base)
	if err != nil {
		return err
	}
	newer, err := e.runsOf(c.New)
	if err != nil {
		return err
	}
	result, err := compare.Of(base, newer, config)
	if err != nil {
		return err
	}
	if result.Verdict == compare.Worse {
		e.code = exitWorse
	}
	if c.Out == "" {
		return write(e.stdout, result)
	}
	return writeFile(c.Out, func(w io.Writer) error { return write(w, result) })
}

func comparisonFormat(name string) (func(io.Writer, *compare.Comparison) error, error) {
	switch name {
	case "text":
		return compare.Text, nil
	case "md":
		return compare.Markdown, nil
	case "json":
		return compare.JSON, nil
	}
	return nil, fmt.Errorf("unknown format %q (one of text, md, json)", name)
}

// config reads the flags; what they set to nothing is none, not the default.
func (c *compareCommand) config() (compare.Config, error) {
	least, err := shareFlag("--min-change", c.MinChange)
	if err != nil {
		return compare.Config{}, err
	}
	drift := 0.0
	if c.Drift != "" {
		if drift, err = shareFlag("--drift", c.Drift); err != nil {
			return compare.Config{}, err
		}
		drift = noDefault(drift)
	}
	return compare.Config{MinChange: noDefault(least), Drift: drift}, nil
}

// noDefault turns a share of 0 into one below: what a Config reads as none.
func noDefault(share float64) float64 {
	if share == 0 {
		return -1
	}
	return share
}

// shareFlag reads 5% or 0.05.
func shareFlag(flag, text string) (float64, error) {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if isPercent {
		v /= 100
	}
	if err != nil || math.IsNaN(v) || v < 0 || v >= 1 {
		return 0, fmt.Errorf("%s %q is not a share from 0%% to under 100%%, such as 5%%", flag, text)
	}
	return v, nil
}

// runsOf opens the runs of one side.
func (e *env) runsOf(list string) ([]compare.Run, error) {
	var out []compare.Run
	seen := map[string]bool{}
	for dir := range strings.SplitSeq(list, ",") {
		stored, err := store.Open(strings.TrimSpace(dir))
		if err != nil {
			return nil, notExist(err, "give the folder that tokenload run named at its end; several with commas between")
		}
		if seen[stored.Manifest.ID] {
			return nil, usageError{fmt.Errorf("run %q is named twice on one side", stored.Manifest.ID)}
		}
		seen[stored.Manifest.ID] = true
		r, err := comparedRun(stored)
		if err != nil {
			return nil, err
		}
		for _, w := range stored.Warnings() {
			e.say("warning: %s: %s", stored.Manifest.ID, w)
		}
		out = append(out, r)
	}
	return out, nil
}

// comparedRun reads a run as a comparison needs it.
func comparedRun(stored *store.Run) (compare.Run, error) {
	rep, err := report.Build(stored)
	if err != nil {
		return compare.Run{}, err
	}
	m := stored.Manifest
	out := compare.Run{
		ID: m.ID, Started: m.Started.UTC(), Length: time.Duration(rep.Run.DurationS * float64(time.Second)), Plan: m.PlanSHA256,
		Changes: m.Overrides, Tool: m.ToolVersion, Target: m.Target, Seed: m.Seed, Models: rep.Run.Models,
		Valid: rep.Generator.Valid, Partial: rep.Run.Partial, Headers: len(rep.Limits) > 0, Table: new(metrics.Table),
	}
	for r, err := range stored.Results() {
		if err != nil {
			return compare.Run{}, fmt.Errorf("compare %q: %w", m.ID, err)
		}
		out.Table.Add(r)
	}
	return out, nil
}
