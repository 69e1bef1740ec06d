package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	soakStreams = 500
	soakRamp    = 5 * time.Second
	// soakSettle is how long all streams run before it counts. A heap grows to
	// about twice what lives before it is collected: by then it has been, and
	// what it takes from the system is as much as it needs.
	soakSettle = 15 * time.Second
	// What may be more at the end than at the beginning: memory, since a heap
	// breathes, and what belongs to the second in which it was counted.
	memoryBreath = 1.15
	countBreath  = 1.05
)

// sample is what is read of a line of samples.jsonl.
type sample struct {
	T          int64   `json:"t"`
	Memory     float64 `json:"memory_bytes"`
	Goroutines float64 `json:"goroutines"`
}

// soak keeps 500 streams going and compares the last third of the time with the
// first: memory, goroutines and descriptors must not have grown.
func (l *lab) soak(length time.Duration) error {
	if length < 20*time.Second {
		return errors.New("a soak takes 20s at least")
	}
	url, _, end, err := l.timed("-rate", "20", "-events", "60")
	if err != nil {
		return err
	}
	defer end()
	files := make(chan []float64, 1)
	stop := make(chan struct{})
	o, err := l.generate(users(soakStreams, soakRamp, soakSettle+length), url, func(pid int) { go func() { files <- descriptors(pid, stop) }() })
	close(stop)
	if err != nil {
		return err
	}
	samples, err := lines[sample](filepath.Join(o.dir, "samples.jsonl"))
	if err != nil {
		return err
	}
	var memory, goroutines []float64
	for _, s := range samples {
		if at := time.Duration(s.T); at > soakRamp+soakSettle && at < soakRamp+soakSettle+length {
			memory, goroutines = append(memory, s.Memory/(1<<20)), append(goroutines, s.Goroutines)
		}
	}
	fmt.Printf("soak: %d streams, %v, %d requests, %d events, %.2f cores, valid %v\n", soakStreams, length, len(o.records), o.events, o.cpu/o.seconds, o.valid)
	open := <-files
	if n := int((soakRamp + soakSettle).Seconds()); len(open) > n {
		open = open[n:]
	}
	return errors.Join(
		flat("memory, MiB", memory, memoryBreath),
		flat("goroutines", goroutines, countBreath),
		flat("descriptors", open, countBreath))
}

// flat compares the median of the last third with that of the first.
func flat(what string, v []float64, breath float64) error {
	if len(v) < 9 {
		fmt.Printf("  %s: not known here\n", what)
		return nil
	}
	first, last := median(v[:len(v)/3]), median(v[len(v)-len(v)/3:])
	fmt.Printf("  %s: %.1f in the first third, %.1f in the last\n", what, first, last)
	if last > first*breath+1 {
		return fmt.Errorf("%s grew from %.1f to %.1f", what, first, last)
	}
	return nil
}

// descriptors counts a process's open files once a second, while load is made
// (its end is not counted); nothing where the system does not tell.
func descriptors(pid int, stop <-chan struct{}) []float64 {
	var counts []float64
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return counts
		case <-tick.C:
		}
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			continue
		}
		counts = append(counts, float64(len(entries)))
	}
}
