// Command bench measures the generator against the simulator, each in a process
// of its own on this machine, and prints what it cost next to the goal:
//
//	go run ./bench          # 500 streams of 50 events a second, half a minute, three times
//	go run ./bench -smoke   # once, for a few seconds: does it hold at all?
//
// Absolute figures vary between machines; the goals are for two shared cores.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What the generator may use at 500 streams of 50 events a second.
const (
	streams    = 500
	perSecond  = 50 // events, the simulator's steady profile
	goalCores  = 0.6
	goalMemory = 80.0 // MiB
)

func main() {
	smoke := flag.Bool("smoke", false, "one short run")
	flag.Parse()
	seconds, runs := 30, 3
	if *smoke {
		seconds, runs = 6, 1
	}
	if err := bench(seconds, runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(seconds, runs int) error {
	dir, err := os.MkdirTemp("", "tokenload-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "tokenload")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/tokenload").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	server := exec.Command(bin, "sim", "--addr", "127.0.0.1:0", "--profile", "steady", "--answer", "1")
	url, err := ready(server)
	if err != nil {
		return err
	}
	defer server.Wait()         //nolint:errcheck // killed
	defer server.Process.Kill() //nolint:errcheck // ours, started above
	var all []figures
	for i := range runs {
		f, err := once(bin, url, filepath.Join(dir, fmt.Sprint("run", i)), seconds)
		if err != nil {
			return err
		}
		fmt.Println(f)
		all = append(all, f)
	}
	cores, memory := median(all, func(f figures) float64 { return f.cores }), median(all, func(f figures) float64 { return f.memory })
	fmt.Printf("median: %.2f cores (goal < %.1f), %.0f MiB (goal < %.0f)\n", cores, goalCores, memory, goalMemory)
	if all[0].events == 0 {
		return errors.New("no event arrived")
	}
	return nil
}

// ready starts a simulator and returns its address.
func ready(server *exec.Cmd) (string, error) {
	stderr, err := server.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := server.Start(); err != nil {
		return "", err
	}
	in := bufio.NewScanner(stderr)
	for in.Scan() {
		if _, url, ok := strings.Cut(in.Text(), "ready on "); ok {
			return url, nil
		}
	}
	return "", errors.New("the simulator did not become ready")
}

// figures are one run's.
type figures struct {
	cores, memory float64 // of the generator process: mean cores over the run, peak MiB
	events        int
	seconds       float64
	lagP99        *float64
	valid         bool
}

func (f figures) String() string {
	lag := "—"
	if f.lagP99 != nil {
		lag = fmt.Sprintf("%.2f ms", *f.lagP99)
	}
	return fmt.Sprintf("%d streams: %.0f content events/s, %.2f cores, %.0f events per CPU-second, %.0f MiB peak, lag p99 %s, valid %v",
		streams, float64(f.events)/f.seconds, f.cores, float64(f.events)/(f.cores*f.seconds), f.memory, lag, f.valid)
}

// plan has every stream last five seconds, and the next follow at once.
const plan = `version: 1
name: bench
tasks: [{name: count, model: claude-haiku-4-5, max_tokens: 1000, prompts: [count]}]
load:
  users:
    stages: [{duration: 2s, target: %d}, {duration: %ds, target: %d}]
budget: {usd: 1000}
`

// once runs the generator.
func once(bin, url, out string, seconds int) (figures, error) {
	file := out + ".yaml"
	if err := os.WriteFile(file, fmt.Appendf(nil, plan, streams, seconds, streams), 0o600); err != nil {
		return figures{}, err
	}
	run := exec.Command(bin, "run", file, "--target", url, "--out", out, "--quiet", "--json")
	var stdout, stderr bytes.Buffer
	run.Stdout, run.Stderr = &stdout, &stderr
	began := time.Now()
	err := run.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return figures{}, err
	}
	var s struct {
		Generator struct {
			Valid  bool     `json:"valid"`
			LagP99 *float64 `json:"lag_p99_ms"`
		} `json:"generator"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
		return figures{}, fmt.Errorf("%w: %s", err, stderr.String())
	}
	f := figures{seconds: time.Since(began).Seconds(), lagP99: s.Generator.LagP99, valid: s.Generator.Valid}
	f.cores = (run.ProcessState.UserTime() + run.ProcessState.SystemTime()).Seconds() / f.seconds
	f.memory = peakMiB(run.ProcessState)
	f.events, err = countEvents(filepath.Join(out, "requests.jsonl"))
	return f, err
}

func countEvents(path string) (int, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	n := 0
	dec := json.NewDecoder(file)
	for dec.More() {
		var r struct {
			Events int `json:"events"`
		}
		if err := dec.Decode(&r); err != nil {
			return 0, err
		}
		n += r.Events
	}
	return n, nil
}

func median(all []figures, of func(figures) float64) float64 {
	values := make([]float64, len(all))
	for i, f := range all {
		values[i] = of(f)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
