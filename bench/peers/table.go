package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
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
	machine, err := os.ReadFile(filepath.Join(dir, machineFile))
	if err != nil {
		return err
	}
	rows := medians(all)
	fmt.Fprintf(w, "%s\n\n", machine)
	tables(w, rows)
	goals(w, rows)
	versions(w, rows)
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
		tool          string
		streams, rate int
	}
	byKey := map[key][]figures{}
	var order []key
	for _, f := range all {
		k := key{f.Tool, f.Streams, f.Rate}
		if byKey[k] == nil {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], f)
	}
	slices.SortStableFunc(order, func(a, b key) int { return cmp.Or(cmp.Compare(a.streams, b.streams), cmp.Compare(a.rate, b.rate)) })
	var rows []row
	for _, k := range order {
		rows = append(rows, medianOf(byKey[k]))
	}
	return rows
}

func medianOf(runs []figures) row {
	last := runs[len(runs)-1]
	r := row{runs: len(runs), figures: figures{Tool: last.Tool, Version: last.Version, Streams: last.Streams, Rate: last.Rate}}
	broken := 0
	for _, f := range runs {
		if why := f.broke(); why != "" {
			broken++
			r.broken = cmp.Or(r.broken, why)
		}
	}
	if broken > 0 && broken < len(runs) {
		r.broken = fmt.Sprintf("%s (%d of %d runs)", r.broken, broken, len(runs))
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
	r.ServerLate, r.Known = optional(func(f figures) *float64 { return f.ServerLate }), optional(func(f figures) *float64 { return f.Known })
	r.Starts = always(func(f figures) float64 { return f.Starts })
	r.Open, r.Events = always(func(f figures) float64 { return f.Open }), always(func(f figures) float64 { return f.Events })
	r.AskedRate, r.PerCPU = always(func(f figures) float64 { return f.AskedRate }), optional(func(f figures) *float64 { return f.PerCPU })
	r.Cores, r.ServerCore = always(func(f figures) float64 { return f.Cores }), always(func(f figures) float64 { return f.ServerCore })
	r.Busy, r.PeakMiB = always(func(f figures) float64 { return f.Busy }), always(func(f figures) float64 { return f.PeakMiB })
	return r
}

// tables are three: what was true and what was said, what it cost, and what
// became of requests asked for by the second.
func tables(w io.Writer, rows []row) {
	var closed, open []row
	for _, r := range rows {
		if r.Rate > 0 {
			open = append(open, r)
		} else {
			closed = append(closed, r)
		}
	}
	if len(closed) > 0 {
		fmt.Fprint(w, "| streams asked | tool | open | true TTFT p50 / p99, ms | reported | off by | broke |\n|--:|---|--:|--:|--:|--:|---|\n")
		for _, r := range closed {
			fmt.Fprintf(w, "| %s | %s | %.1f | %s | %s | %s | %s |\n", thousands(r.Streams), r.Tool, r.Open,
				pair(r.TrueP50, r.TrueP99), pair(r.SaidP50, r.SaidP99), pair(r.WrongP50, r.WrongP99), r.broken)
		}
		fmt.Fprint(w, "\n| streams asked | tool | events/s of asked | events per CPU-second | peak MiB | KiB a stream | cores: tool | server | all | server late p99, ms | truth known to, p99 |\n"+
			"|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
		for _, r := range closed {
			fmt.Fprintf(w, "| %s | %s | %s of %s | %s | %.1f | %s | %.2f | %.2f | %.2f | %s | %s |\n", thousands(r.Streams), r.Tool, thousands(int(math.Round(r.Events))),
				thousands(int(math.Round(r.AskedRate))), whole(r.PerCPU), r.PeakMiB, whole(perStream(rows, r)), r.Cores, r.ServerCore, r.Busy, number(r.ServerLate), number(r.Known))
		}
	}
	if len(open) > 0 {
		fmt.Fprint(w, "\n| requests/s asked | tool | delivered | TTFT off by p50 / p99, ms | cores: tool | server | all | broke |\n|--:|---|--:|--:|--:|--:|--:|---|\n")
		for _, r := range open {
			fmt.Fprintf(w, "| %s | %s | %.1f | %s | %.2f | %.2f | %.2f | %s |\n", thousands(r.Rate), r.Tool, r.Starts,
				pair(r.WrongP50, r.WrongP99), r.Cores, r.ServerCore, r.Busy, r.broken)
		}
	}
}

// versions names the tools, and how many runs stand behind a figure at least.
func versions(w io.Writer, rows []row) {
	fmt.Fprintln(w)
	for _, name := range toolNames() {
		version, runs := "", 0
		for _, r := range rows {
			if r.Tool == name && (runs == 0 || r.runs < runs) {
				runs = r.runs
			}
			if r.Tool == name {
				version = r.Version
			}
		}
		if runs > 0 {
			fmt.Fprintf(w, "- %s: %s; medians of at least %d\n", name, version, runs)
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
	return thousands(int(math.Round(*v)))
}

// pair is a median and its p99.
func pair(p50, p99 *float64) string { return number(p50) + " / " + number(p99) }

// number has as many digits as a reader needs; a dash for what there is not.
func number(v *float64) string {
	switch {
	case v == nil:
		return "—"
	case math.Abs(*v) < 10:
		return fmt.Sprintf("%.3f", *v)
	case math.Abs(*v) < 1000:
		return fmt.Sprintf("%.1f", *v)
	}
	return thousands(int(math.Round(*v)))
}

// thousands has commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// machineFile says in the results folder where they were measured.
const machineFile = "machine.txt"

// machine names the processor, its cores and the system.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, %s %s, %s, %s", model, runtime.NumCPU(), runtime.GOOS, strings.TrimSpace(string(kernel)),
		runtime.Version(), time.Now().UTC().Format(time.DateOnly))
}
