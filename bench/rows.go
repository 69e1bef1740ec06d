package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// row is one goal: what is measured, and how many runs its figure is the median of.
type row struct {
	name, goal string
	once       bool // one run is long enough
	measure    func(*lab) (figure, error)
	k6         func(plain float64) string // how a goal that is held against k6 stands; nil: there is none
}

// figure is what one run of a row came to. Value is judged, the rest is told.
type figure struct {
	value float64
	plain float64 // what is held against k6; 0: nothing
	unit  string
	told  string
	good  func(value float64) bool
}

func rows() []row {
	return []row{
		{"truth", "TTFT error p99 ≤ 0.1 ms, 600 streams × 100 events/s", false, truthRow, k6Truth},
		{"cpu", "content events per CPU-second ≥ 0.9 × a bare reader that takes kernel stamps and counts", false, cpuRow, k6CPU},
		{"memory", "≤ 64 KiB an open stream", false, memoryRow, k6Memory},
		{"streams", "10,000 streams × 1 event/s with a valid verdict", true, streamsRow, nil},
		{"arrivals", "10,000 requests/s, open loop, p99 of lag < 5 ms", false, arrivalsRow, nil},
		{"schedule", "1,000 arrivals/s on an idle machine, p99 of lag ≤ 2 ms", false, scheduleRow, nil},
		{"cost", "500 streams × 50 events/s of the simulator: < 0.6 cores", false, costRow, nil},
	}
}

func rowNames() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

// rows measures the rows with these names, all without any.
func (l *lab) rows(names string) error {
	wanted := strings.Split(names, ",")
	for _, r := range rows() {
		if names != "" && !slices.Contains(wanted, r.name) {
			continue
		}
		fmt.Printf("%s: %s\n", r.name, r.goal)
		var values, plain []float64
		var last figure
		for i := range l.runs {
			f, err := r.measure(l)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			fmt.Printf("  run %d: %.3f %s; %s\n", i+1, f.value, f.unit, f.told)
			values, plain, last = append(values, f.value), append(plain, f.plain), f
			if r.once {
				break
			}
		}
		reached := "not reached"
		if last.good(median(values)) {
			reached = "reached"
		}
		fmt.Printf("  median %.3f %s (%.3f to %.3f): %s\n", median(values), last.unit, slices.Min(values), slices.Max(values), reached)
		if r.k6 != nil {
			fmt.Printf("  %s\n", r.k6(median(plain)))
		}
	}
	return nil
}

// serverTruth is what the timed server says of one request: see bench/server.
type serverTruth struct {
	ID      string `json:"id"`
	Arrived int64  `json:"arrived"`
	Read    int64  `json:"read"`
	Before  int64  `json:"first_before"`
	After   int64  `json:"first_after"`
}

const sixHundred = 600 // streams of 100 events a second

// truthRow compares the recorded TTFT with the server's own.
func truthRow(l *lab) (figure, error) {
	url, path, end, err := l.timed("-rate", "100", "-events", "500")
	if err != nil {
		return figure{}, err
	}
	o, err := l.generate(users(sixHundred, 3*time.Second, 12*time.Second), url, nil)
	end()
	if err != nil {
		return figure{}, err
	}
	truths, err := lines[serverTruth](path)
	if err != nil {
		return figure{}, err
	}
	byID := map[string]serverTruth{}
	for _, t := range truths {
		byID[t.ID] = t
	}
	var off, late []float64
	joined := 0
	for _, r := range o.records {
		t, ok := byID[r.ID]
		if !ok || r.Class != "ok" {
			continue
		}
		off = append(off, outside(r.First-r.Sent, t.Before-t.Arrived, t.After-t.Arrived))
		late = append(late, float64(t.Before-t.Arrived)/1e6-50)
		joined += r.Merged
	}
	return figure{rank(off, 0.99), rank(off, 0.99), "ms", fmt.Sprintf("p50 %.4f ms, n %d, server late p99 %.2f ms, read lag p99 %.1f ms, joined reads %d, valid %v",
		rank(off, 0.5), len(off), rank(late, 0.99), o.readLagP99, joined, o.valid), func(v float64) bool { return v <= 0.1 }}, nil
}

// outside is how far a length lies outside its bounds, in ms.
func outside(v, least, most int64) float64 { return float64(max(least-v, v-most, 0)) / 1e6 }

// cpuRow runs the bare reader and the generator against one server.
func cpuRow(l *lab) (figure, error) {
	url, _, end, err := l.timed("-rate", "100", "-events", "500")
	if err != nil {
		return figure{}, err
	}
	defer end()
	log := filepath.Join(l.dir, "answers.jsonl")
	reader := exec.Command(l.bin("reader"), "-url", url, "-streams", fmt.Sprint(sixHundred), "-ramp", "3s", "-for", "15s", "-log", log)
	reader.Stderr = os.Stderr
	if err := reader.Run(); err != nil {
		return figure{}, err
	}
	answers, err := lines[struct{}](log)
	if err != nil {
		return figure{}, err
	}
	cpu := (reader.ProcessState.UserTime() + reader.ProcessState.SystemTime()).Seconds()
	bare := float64(500*len(answers)) / cpu
	o, err := l.generate(users(sixHundred, 3*time.Second, 12*time.Second), url, nil)
	if err != nil {
		return figure{}, err
	}
	ours := float64(o.events) / o.cpu
	return figure{ours / bare, ours, "× bare", fmt.Sprintf("ours %.0f events per CPU-second, bare %.0f", ours, bare), func(v float64) bool { return v >= 0.9 }}, nil
}

// memoryRow is what a thousand open streams take more than a hundred do.
func memoryRow(l *lab) (figure, error) {
	url, _, end, err := l.timed("-rate", "10", "-events", "60")
	if err != nil {
		return figure{}, err
	}
	defer end()
	few, err := l.generate(users(100, time.Second, 6*time.Second), url, nil)
	if err != nil {
		return figure{}, err
	}
	many, err := l.generate(users(1000, 3*time.Second, 6*time.Second), url, nil)
	if err != nil {
		return figure{}, err
	}
	each := (many.memory - few.memory) * 1024 / 900
	return figure{each, each, "KiB a stream", fmt.Sprintf("peak %.0f MiB with 1,000, %.0f MiB with 100", many.memory, few.memory),
		func(v float64) bool { return v <= 64 }}, nil
}

func streamsRow(l *lab) (figure, error) {
	url, _, end, err := l.timed("-ttft", "1s", "-rate", "1", "-events", "30")
	if err != nil {
		return figure{}, err
	}
	defer end()
	o, err := l.generate(users(10_000, 20*time.Second, 20*time.Second), url, nil)
	if err != nil {
		return figure{}, err
	}
	ok := 0
	for _, r := range o.records {
		if r.Class == "ok" {
			ok++
		}
	}
	return figure{float64(ok) / float64(len(o.records)), 0, "of the requests ended ok", fmt.Sprintf("%d requests, lag p99 %.1f ms, read lag p99 %.1f ms, %.0f MiB, valid %v %v",
		len(o.records), o.lagP99, o.readLagP99, o.memory, o.valid, o.reasons), func(v float64) bool { return v == 1 && o.valid }}, nil
}

func arrivalsRow(l *lab) (figure, error) {
	return arrivals(l, 10_000, 10*time.Second, 5)
}

func scheduleRow(l *lab) (figure, error) {
	return arrivals(l, 1000, 10*time.Second, 2)
}

// arrivals is the p99 of lag of an open loop against a server that answers at once.
func arrivals(l *lab, rate int, duration time.Duration, goal float64) (figure, error) {
	url, end, err := l.server("server", "-instant", "-events", "1")
	if err != nil {
		return figure{}, err
	}
	defer end()
	o, err := l.generate(fmt.Sprintf("{arrivals: {rate: %d/s, duration: %v, max_in_flight: 5000}}", rate, duration), url, nil)
	if err != nil {
		return figure{}, err
	}
	ok := 0
	for _, r := range o.records {
		if r.Class == "ok" {
			ok++
		}
	}
	due := rate * int(duration.Seconds())
	return figure{o.lagP99, 0, "ms", fmt.Sprintf("%d of %d due ended ok, %.0f µs CPU a request, read lag p99 %.2f ms, valid %v", ok, due, o.cpu*1e6/float64(len(o.records)), o.readLagP99, o.valid),
		func(v float64) bool { return !math.IsNaN(v) && v < goal && ok == due }}, nil
}

// costRow is what the generator uses against the simulator.
func costRow(l *lab) (figure, error) {
	url, end, err := l.server("tokenload", "sim", "--addr", "127.0.0.1:0", "--profile", "steady", "--answer", "1")
	if err != nil {
		return figure{}, err
	}
	defer end()
	o, err := l.generate(users(500, 2*time.Second, 20*time.Second), url, nil)
	if err != nil {
		return figure{}, err
	}
	return figure{o.cpu / o.seconds, 0, "cores", fmt.Sprintf("%.0f events/s, %.0f events per CPU-second, %.0f MiB peak, lag p99 %.2f ms, valid %v",
		float64(o.events)/o.seconds, float64(o.events)/o.cpu, o.memory, o.lagP99, o.valid), func(v float64) bool { return v < 0.6 }}, nil
}

// smoke is one short run, which judges nothing but that it works.
func (l *lab) smoke() error {
	url, _, end, err := l.timed("-rate", "50", "-events", "100")
	if err != nil {
		return err
	}
	defer end()
	o, err := l.generate(users(500, 2*time.Second, 6*time.Second), url, nil)
	if err != nil {
		return err
	}
	fmt.Printf("500 streams: %.0f events/s, %.2f cores, %.0f MiB, lag p99 %.2f ms, read lag p99 %.2f ms, valid %v\n",
		float64(o.events)/o.seconds, o.cpu/o.seconds, o.memory, o.lagP99, o.readLagP99, o.valid)
	return nil
}
