package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFigure: ids pair what was said with what was true, the tool's own name for
// a request too; what nobody reported and what did not end is counted.
func TestFigure(t *testing.T) {
	start := func(i int64, whole bool) truth {
		at := (1000 + 100*i) * ms
		return truth{ID: fmt.Sprint("req_", i), ClientID: fmt.Sprint("c", i), Arrived: at,
			FirstBefore: at + 51*ms, FirstAfter: at + 52*ms, LastAfter: at + 90*ms, Events: 4, Whole: whole}
	}
	all := []truth{start(0, true), start(1, true), start(2, true), start(3, false), start(10, true)}
	j := job{level: level{streams: 1}, shape: shape{ttft: 50 * time.Millisecond, gap: 10 * time.Millisecond, events: 4, measured: time.Second}}
	f := figure(j, all, []reported{{"req_0", 51 * time.Millisecond}, {"c1", 60 * time.Millisecond}, {"other", time.Second}})
	if f.Samples != 2 || f.Unreported != 1 || f.Failed != 1 {
		t.Errorf("samples, unreported, failed = %d, %d, %d; want 2, 1, 1", f.Samples, f.Unreported, f.Failed)
	}
	if *f.WrongP50 != 0 || *f.TrueP50 != 51 || *f.SaidP50 != 51 {
		t.Errorf("medians: wrong %v, true %v, said %v; want 0, 51, 51", *f.WrongP50, *f.TrueP50, *f.SaidP50)
	}
	if f.WrongP99 != nil || f.TrueP99 != nil {
		t.Errorf("a p99 of two samples: %v, %v", f.WrongP99, f.TrueP99)
	}
	if f.Events != 12 || f.AskedRate != 50 {
		t.Errorf("events/s %v of %v; want 12 of 50", f.Events, f.AskedRate)
	}
}

func TestUsage(t *testing.T) {
	tool := &watched{peakMiB: 9, samples: []sample{{at: 0}, {at: 2e9, cpu: 2, busy: 3}, {at: 4e9, cpu: 3, busy: 7}}}
	f := figures{Events: 100}
	f.usage(tool, &watched{}, window{from: 1e9, to: 3e9})
	if f.Cores != 0.75 || f.Busy != 1.75 || *f.PerCPU != 100/0.75 || f.PeakMiB != 9 || f.ServerCore != 0 {
		t.Errorf("usage = %+v; want 0.75 cores of 1.75, 133 events per CPU-second", f)
	}
}

func TestBroke(t *testing.T) {
	good := figures{Streams: 100, Samples: 300, Open: 99, TrueP50: ptr(50), WrongP50: ptr(1)}
	for _, tt := range []struct {
		change func(*figures)
		want   string
	}{
		{func(*figures) {}, ""},
		{func(f *figures) { f.Failure = "exit status 1" }, "exit status 1"},
		{func(f *figures) { f.NotValid = true }, "says itself that the run is not valid"},
		{func(f *figures) { f.Samples = 0 }, "nothing reported"},
		{func(f *figures) { f.Streams, f.Rate, f.Starts = 0, 1000, 940 }, "940 of 1000 requests/s"},
		{func(f *figures) { f.Open = 94 }, "94 of 100 streams open"},
		{func(f *figures) { f.Failed = 4 }, "4 of 304 streams failed"},
		{func(f *figures) { f.Unreported = 4 }, "4 of 304 streams not reported"},
		{func(f *figures) { f.WrongP50 = ptr(6) }, "median TTFT off by 12 %"},
	} {
		f := good
		tt.change(&f)
		if got := f.broke(); got != tt.want {
			t.Errorf("broke(%+v) = %q; want %q", f, got, tt.want)
		}
	}
}

func ptr(v float64) *float64 { return &v }

// TestReport: medians of the runs, each goal beside what was reached, and a dash
// where there is nothing to compare with.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []figures{
		{Tool: "tokenload", Version: "v1", Streams: 1, Samples: 9, Open: 1, PeakMiB: 10, TrueP50: ptr(50), WrongP50: ptr(0)},
		{Tool: "tokenload", Version: "v1", Streams: 600, Samples: 999, Open: 600, PeakMiB: 40, PerCPU: ptr(95), TrueP50: ptr(50), WrongP50: ptr(0), WrongP99: ptr(0.05)},
		{Tool: "tokenload", Version: "v1", Streams: 600, Samples: 999, Open: 500, PeakMiB: 45, PerCPU: ptr(90), TrueP50: ptr(50), WrongP50: ptr(0), WrongP99: ptr(0.09)},
		{Tool: "tokenload", Version: "v1", Streams: 600, Samples: 999, Open: 600, PeakMiB: 40, PerCPU: ptr(10), TrueP50: ptr(50), WrongP50: ptr(0), WrongP99: ptr(0.01)},
		{Tool: "tokenload", Version: "v1", Rate: 1000, Samples: 999, Starts: 999.5, TrueP50: ptr(50), WrongP50: ptr(0)},
		{Tool: "reader", Version: "v2", Streams: 600, Samples: 999, Open: 500, PerCPU: ptr(100), TrueP50: ptr(50), WrongP50: ptr(0)},
	} {
		if err := f.save(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, machineFile), []byte("a machine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printReport(&out, dir); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a machine\n\n| streams asked |",
		"| TTFT error p99 | ≤ 0.1 ms | 0.05 ms |\n",
		"| TTFT error p99, part of k6's | ≤ 1/100 | — |\n",
		"| events per CPU-second, against the bare reader | ≥ 0.9 | 0.9 |\n",
		"| memory a stream | ≤ 64 KiB | 51.3 KiB |\n",
		"| 500 of 600 streams open |\n",
		"| 500 of 600 streams open (1 of 3 runs) |\n",
		"| 1,000 | tokenload | 999.5 | 0.000 / — |",
		"- tokenload: v1; medians of at least 1\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("report lacks %q:\n%s", want, out.String())
		}
	}
	if err := printReport(&out, t.TempDir()); err == nil {
		t.Error("a report of nothing: no error")
	}
}

// TestDocs: the tables of docs/benchmarks.md are those of the results kept here:
// bench/peers/run -report -results bench/peers/results.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printReport(&out, "results"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), out.String()) {
		t.Errorf("docs/benchmarks.md lacks this report:\n%s", out.String())
	}
}

func TestChoose(t *testing.T) {
	var o options
	if err := o.choose("reader,aiperf", "1,600", "5"); err != nil || len(o.tools) != 2 || o.tools[1].name != "aiperf" || len(o.levels) != 3 || o.levels[1].streams != 600 || o.levels[2].rate != 5 {
		t.Errorf("choose = %v, %+v", err, o)
	}
	if err := new(options).choose("wrk", "1", ""); err == nil || !strings.Contains(err.Error(), `no tool "wrk"`) {
		t.Errorf("choose(wrk) = %v; want no such tool", err)
	}
	if err := new(options).choose("", "0", ""); err == nil || !strings.Contains(err.Error(), `streams "0"`) {
		t.Errorf("choose(0 streams) = %v; want a mistake", err)
	}
}
