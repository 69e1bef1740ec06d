// Command peers runs tokenload and other load generators against one timed
// server, one after the other, and holds what each reported against what the
// server knows to be true. bench/peers/run starts it; docs/benchmarks.md has
// its tables and says how each figure was read.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	var o options
	names := flag.String("tools", "", "comma-separated, of "+strings.Join(toolNames(), ", ")+"; empty: all")
	levels := flag.String("streams", "1,10,100,300,600,1000,2000", "comma-separated streams at once")
	rates := flag.String("rates", "", "comma-separated requests a second, as well; with -streams '' alone")
	flag.IntVar(&o.repeats, "repeats", 3, "runs of each tool at each level")
	flag.DurationVar(&o.shape.measured, "measured", 8*time.Second, "the part of each run that counts, after ramp and one stream")
	flag.StringVar(&o.build, "build", "bench/peers/.build", "folder for what is installed")
	flag.StringVar(&o.results, "results", "bench/peers/.build/results", "folder for what was measured; it may hold earlier runs")
	report := flag.Bool("report", false, "run nothing, print what the results folder has")
	smoke := flag.Bool("smoke", false, "tokenload and the bare reader, one stream, once")
	flag.Parse()
	o.shape.ttft, o.shape.gap, o.shape.events = 50*time.Millisecond, 10*time.Millisecond, 300
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := o.choose(*names, *levels, *rates)
	switch {
	case err != nil:
	case *smoke:
		err = o.smoke(ctx)
	case *report:
		err = printReport(os.Stdout, o.results)
	default:
		if err = o.run(ctx); err == nil {
			err = printReport(os.Stdout, o.results)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// shape is the stream that every tool gets, and how long it gets them.
type shape struct {
	ttft, gap time.Duration
	events    int
	measured  time.Duration
}

// stream is how long one stream lasts.
func (s shape) stream() time.Duration { return s.ttft + time.Duration(s.events-1)*s.gap }

// ramp spreads the starts over one stream, so that the streams do not all begin
// and end together ever after.
func (s shape) ramp() time.Duration { return max(time.Second, s.stream().Round(time.Second)) }

// load is how long a tool is told to run: the last streams to start in the ramp
// have ended when the measured part begins, wherever in a stream the load ends.
func (s shape) load() time.Duration { return s.ramp() + s.ramp() + s.measured }

// at measures longer where few streams start, so that 100 of them have a p99.
// Where requests are asked for by the second their answers are short.
func (s shape) at(l level) shape {
	switch {
	case l.rate > 0:
		s.events = 20
	case l.streams <= 100:
		s.measured += s.measured / 2
	}
	return s
}

type options struct {
	tools   []tool
	levels  []level
	repeats int
	shape   shape
	build   string // folders
	results string
}

func (o *options) choose(names, streams, rates string) error {
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(tools, func(t tool) bool { return t.name == name })
		if i < 0 && names != "" {
			return fmt.Errorf("no tool %q: want some of %s", name, strings.Join(toolNames(), ", "))
		}
		if i >= 0 {
			o.tools = append(o.tools, tools[i])
		}
	}
	if names == "" {
		o.tools = tools
	}
	at, err := numbers(streams)
	if err != nil {
		return fmt.Errorf("streams %w", err)
	}
	for _, n := range at {
		o.levels = append(o.levels, level{streams: n})
	}
	if at, err = numbers(rates); err != nil {
		return fmt.Errorf("rates %w", err)
	}
	for _, n := range at {
		o.levels = append(o.levels, level{rate: n})
	}
	return nil
}

// numbers reads a comma-separated list; an empty one is none.
func numbers(list string) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if list != "" && (err != nil || n < 1) {
			return nil, fmt.Errorf("%q: want a number from 1", s)
		}
		if list != "" {
			all = append(all, n)
		}
	}
	return all, nil
}

// run measures each tool at each level. A tool that is not to be had is passed
// over; one that broke at a level is not taken above 600 streams, where the goals are.
func (o *options) run(ctx context.Context) error {
	b, err := newBuild(ctx, o.build)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.results, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.results, machineFile), []byte(machine()), 0o644); err != nil {
		return err
	}
	for _, t := range o.tools {
		version, err := t.prepare(ctx, b)
		if err != nil {
			fmt.Fprintf(os.Stderr, "peers: %s is left out: %v\n", t.name, err)
			continue
		}
		if err := o.levelsOf(ctx, b, t, version); err != nil {
			return err
		}
	}
	return nil
}

// levelsOf runs one tool at every level.
func (o *options) levelsOf(ctx context.Context, b build, t tool, version string) error {
	broke := false // every run at the level before
	for _, l := range o.levels {
		if l.rate > 0 && !t.paced || l.streams > 600 && broke {
			continue
		}
		broke = true
		for range o.repeats {
			f := once(ctx, b, t, job{level: l, shape: o.shape.at(l)})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f.Tool, f.Version, f.Streams, f.Rate = t.name, version, l.streams, l.rate
			broke = broke && f.broke() != ""
			fmt.Fprintln(os.Stderr, f)
			if err := f.save(o.results); err != nil {
				return err
			}
		}
	}
	return nil
}

// smoke judges that the machinery works, not how fast or how true on a machine
// that does other things: every stream is whole and reported.
func (o *options) smoke(ctx context.Context) error {
	o.shape.events, o.shape.measured = 30, time.Second
	dir, err := os.MkdirTemp("", "tokenload-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBuild(ctx, filepath.Join(dir, "build"))
	if err != nil {
		return err
	}
	for _, t := range tools[:2] {
		if _, err := t.prepare(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		f := once(ctx, b, t, job{level: level{streams: 1}, shape: o.shape})
		fmt.Printf("%s: %d streams reported, TTFT off by %s ms at the median\n", t.name, f.Samples, number(f.WrongP50))
		if f.Failure != "" || f.Samples == 0 || f.Failed > 0 || f.Unreported > 0 {
			return fmt.Errorf("%s: %d streams reported, %d failed, %d unreported; %s", t.name, f.Samples, f.Failed, f.Unreported, f.Failure)
		}
	}
	return nil
}
