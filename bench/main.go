// Command bench measures the generator on this machine, every part of it in a
// process of its own, and prints each figure next to its goal:
//
//	go run ./bench                       # every row; some minutes
//	go run ./bench -rows truth,arrivals  # some of them
//	go run ./bench -tokenload ./before   # another build, to hold it against this one
//	go run ./bench -soak 10m             # 500 streams: does anything grow?
//	go run ./bench -smoke                # one short run: does it hold at all?
//
// Absolute figures vary between machines; the goals are for two cores that
// generator and server share.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	var l lab
	names := flag.String("rows", "", "comma-separated, of "+strings.Join(rowNames(), ", ")+"; empty: all")
	flag.IntVar(&l.runs, "runs", 3, "runs of each row, whose median counts")
	soak := flag.Duration("soak", 0, "instead of rows: 500 streams for so long")
	smoke := flag.Bool("smoke", false, "instead of rows: 500 streams for six seconds, judging nothing")
	flag.StringVar(&l.generator, "tokenload", "", "the generator to measure, to hold two builds against each other; empty: the one built from here")
	flag.Parse()
	err := l.open()
	if err == nil {
		switch {
		case *soak > 0:
			err = l.soak(*soak)
		case *smoke:
			err = l.smoke()
		default:
			err = l.rows(*names)
		}
	}
	l.close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// lab is where things are measured: a folder, and the programs built into it.
type lab struct {
	dir       string
	runs      int
	generator string // a build of tokenload; empty: one made in dir
	n         int    // runs so far, for their names
}

func (l *lab) open() (err error) {
	if l.dir, err = os.MkdirTemp("", "tokenload-bench-"); err != nil {
		return err
	}
	for _, pkg := range []string{"cmd/tokenload", "bench/server", "bench/reader"} {
		if out, err := exec.Command("go", "build", "-o", l.bin(filepath.Base(pkg)), "./"+pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

func (l *lab) close() { os.RemoveAll(l.dir) }

func (l *lab) bin(name string) string { return filepath.Join(l.dir, name) }

// server starts a server and returns its address; end stops it.
func (l *lab) server(name string, args ...string) (url string, end func(), err error) {
	c := exec.Command(l.bin(name), args...)
	if url, err = ready(c); err != nil {
		return "", nil, err
	}
	return url, func() {
		c.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
		c.Wait()                       //nolint:errcheck // what it logged tells
	}, nil
}

// timed starts the timed server, whose truth is whole once end has returned.
func (l *lab) timed(args ...string) (url, truth string, end func(), err error) {
	truth = filepath.Join(l.dir, "truth.jsonl")
	url, end, err = l.server("server", append([]string{"-log", truth}, args...)...)
	return url, truth, end, err
}

// plan is one task under a load, in YAML.
const plan = `version: 1
name: bench
tasks: [{name: count, model: claude-haiku-4-5, max_tokens: 1000, prompts: [count]}]
load: %s
graceful_stop: 60s
budget: {usd: 1000000}
`

// users is a load that ramps to so many and stays there.
func users(n int, ramp, hold time.Duration) string {
	return fmt.Sprintf("{users: {stages: [{duration: %v, target: %d}, {duration: %v, target: %d}]}}", ramp, n, hold, n)
}
