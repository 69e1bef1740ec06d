package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
)

// printReport renders what the results folder has, as Markdown.
func printReport(w io.Writer, dir string) error {
	var all []figures
	for _, name := range toolNames() {
		err := eachJSON(filepath.Join(dir, name+".jsonl"), func(f figures) { all = append(all, f) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("report %q: no runs in it", dir)
	}
	rows := medians(all)
	table(w, rows)
	goals(w, rows)
	return nil
}

// row is the median of the runs of one tool at one level.
type row struct {
	figures
	runs   int
	broken string // what the first broken run said
}

func medians(all []figures) []row {
	type key struct {
		tool    string
		streams int
	}
	byKey := map[key][]figures{}
	var order []key
	for _, f := range all {
		k := key{f.Tool, f.Streams}
		if byKey[k] == nil {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], f)
	}
	slices.SortStableFunc(order, func(a, b key) int { return cmp.Compare(a.streams, b.streams) })
	var rows []row
	for _, k := range order {
		rows = append(rows, medianOf(byKey[k]))
	}
	return rows
}

func medianOf(runs []figures) row {
	last := runs[len(runs)-1]
	r := row{runs: len(runs), figures: figures{Tool: last.Tool, Version: last.Version, Streams: last.Streams}}
	for _, f := range runs {
		if r.broken == "" {
			r.broken = f.broke()
		}
	}
	optional := func(of func(figures) *float64) *float64 {
		var values []float64
		for _, f := range runs {
			if v := of(f); v != nil {
				values = append(values, *v)
			}
		}
		if len(values) == 0 {
			return nil
		}
		v := percentile(values, 0.5)
		return &v
	}
	always := func(of func(figures) float64) float64 {
		return *optional(func(f figures) *float64 { v := of(f); return &v })
	}
	r.TrueP50, r.TrueP99 = optional(func(f figures) *float64 { return f.TrueP50 }), optional(func(f figures) *float64 { return f.TrueP99 })
	r.SaidP50, r.SaidP99 = optional(func(f figures) *float64 { return f.SaidP50 }), optional(func(f figures) *float64 { return f.SaidP99 })
	r.WrongP50, r.WrongP99 = optional(func(f figures) *float64 { return f.WrongP50 }), optional(func(f figures) *float64 { return f.WrongP99 })
	r.ServerLate = optional(func(f figures) *float64 { return f.ServerLate })
	r.Open, r.Events = always(func(f figures) float64 { return f.Open }), always(func(f figures) float64 { return f.Events })
	r.AskedRate, r.PerCPU = always(func(f figures) float64 { return f.AskedRate }), optional(func(f figures) *float64 { return f.PerCPU })
	r.Cores, r.ServerCore = always(func(f figures) float64 { return f.Cores }), always(func(f figures) float64 { return f.ServerCore })
	r.Busy, r.PeakMiB = always(func(f figures) float64 { return f.Busy }), always(func(f figures) float64 { return f.PeakMiB })
	return r
}

func table(w io.Writer, rows []row) {
	fmt.Fprintln(w, "| streams | tool | true TTFT p50 / p99 | reported p50 / p99 | off by p50 / p99 | open | events/s of asked | events per CPU-s | peak MiB | KiB a stream | server late p99 | cores: tool + server, of all | broke |")
	fmt.Fprintln(w, "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %d | %s | %s / %s | %s / %s | %s / %s | %.4g | %.0f of %.0f | %s | %.1f | %s | %s | %.2f + %.2f, %.2f | %s |\n",
			r.Streams, r.Tool, number(r.TrueP50), number(r.TrueP99), number(r.SaidP50), number(r.SaidP99), number(r.WrongP50), number(r.WrongP99),
			r.Open, r.Events, r.AskedRate, whole(r.PerCPU), r.PeakMiB, number(perStream(rows, r)), number(r.ServerLate), r.Cores, r.ServerCore, r.Busy, r.broken)
	}
	fmt.Fprintln(w)
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.Tool] {
			seen[r.Tool] = true
			fmt.Fprintf(w, "- %s: %s; the median of %d runs\n", r.Tool, r.Version, r.runs)
		}
	}
}

// perStream is the memory that each further stream takes, in KiB: what the tool
// needs for the first one is left out. Nil under 100 streams, where that is all
// there is to see, and without a level of one stream.
func perStream(rows []row, r row) *float64 {
	one := find(rows, r.Tool, 1)
	if one == nil || r.Streams < 100 {
		return nil
	}
	v := (r.PeakMiB - one.PeakMiB) * 1024 / float64(r.Streams-1)
	return &v
}

func find(rows []row, tool string, streams int) *row {
	i := slices.IndexFunc(rows, func(r row) bool { return r.Tool == tool && r.Streams == streams })
	if i < 0 {
		return nil
	}
	return &rows[i]
}

// goals prints each goal beside what was reached at 600 streams.
func goals(w io.Writer, rows []row) {
	const level = 600
	us, reader, k6 := find(rows, "tokenload", level), find(rows, "reader", level), find(rows, "k6", level)
	if us == nil {
		return
	}
	fmt.Fprintf(w, "\n| at %d streams × 100 events/s | goal | reached |\n|---|--:|--:|\n", level)
	goal := func(what, limit string, got float64, unit string) {
		reached := "—"
		if !math.IsNaN(got) {
			reached = fmt.Sprintf("%.3g%s", got, unit)
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", what, limit, reached)
	}
	goal("TTFT error p99", "≤ 0.1 ms", value(us.WrongP99), " ms")
	goal("TTFT error p99, part of k6's", "≤ 1/100", ratio(us, k6, func(r *row) float64 { return value(r.WrongP99) }), "")
	goal("events per CPU-second, against the bare reader", "≥ 0.9", ratio(us, reader, func(r *row) float64 { return value(r.PerCPU) }), "")
	goal("events per CPU-second, against k6", "≥ 2.5", ratio(us, k6, func(r *row) float64 { return value(r.PerCPU) }), "")
	goal("memory a stream, part of k6's", "≤ 1/6", ratio(us, k6, func(r *row) float64 { return value(perStream(rows, *r)) }), "")
	goal("memory a stream", "≤ 64 KiB", value(perStream(rows, *us)), " KiB")
}

func ratio(a, b *row, of func(*row) float64) float64 {
	if a == nil || b == nil {
		return math.NaN()
	}
	return of(a) / of(b)
}

func value(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// whole is a number without decimals; a dash for what there is not.
func whole(v *float64) string {
	if v == nil {
		return "—"
	}
	return fmt.Sprintf("%.0f", *v)
}

// number has as many digits as a reader needs; a dash for what there is not.
func number(v *float64) string {
	switch {
	case v == nil:
		return "—"
	case math.Abs(*v) < 10:
		return fmt.Sprintf("%.3f", *v)
	}
	return fmt.Sprintf("%.1f", *v)
}
