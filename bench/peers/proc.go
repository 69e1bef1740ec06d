package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sample is what a process and all it started have used up to an instant.
type sample struct {
	at   int64   // nanoseconds since 1970
	cpu  float64 // seconds
	busy float64 // CPU seconds of the whole machine
}

// watch reads /proc until stop is closed: CPU ten times a second; memory, and
// which processes there are, once, since to look at every process of the machine
// takes it milliseconds from what is being measured. Memory is the proportional
// share, so that what forked processes have in common counts once.
func watch(pid int, stop <-chan struct{}) (samples []sample, peakMiB float64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var pids []string
	for i := 0; ; i++ {
		if i%10 == 0 {
			pids = tree(pid)
		}
		samples = append(samples, sample{at: time.Now().UnixNano(), cpu: cpuOf(pids), busy: machineBusy()})
		if i%10 == 0 {
			peakMiB = max(peakMiB, memoryOf(pids))
		}
		select {
		case <-stop:
			return samples, peakMiB
		case <-tick.C:
		}
	}
}

// between is how much was used in a window, by the process tree and by the machine.
func between(samples []sample, w window) (cpu, busy float64) {
	at := func(ns int64) (float64, float64) {
		for i := 1; i < len(samples); i++ {
			a, b := samples[i-1], samples[i]
			if b.at < ns {
				continue
			}
			part := min(1, max(0, float64(ns-a.at)/float64(b.at-a.at)))
			return a.cpu + part*(b.cpu-a.cpu), a.busy + part*(b.busy-a.busy)
		}
		if len(samples) == 0 {
			return 0, 0
		}
		last := samples[len(samples)-1]
		return last.cpu, last.busy
	}
	cpuTo, busyTo := at(w.to)
	cpuFrom, busyFrom := at(w.from)
	return cpuTo - cpuFrom, busyTo - busyFrom
}

// hertz is the unit of CPU time in /proc, the same on every Linux.
const hertz = 100

// stat is the part of /proc/PID/stat behind the command's name: state first.
func stat(pid string) []string {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return nil
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 15 {
		return nil
	}
	return f
}

// tree is a process and all below it.
func tree(root int) []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[string][]string{}
	for _, e := range entries {
		if e.Name()[0] < '0' || e.Name()[0] > '9' {
			continue
		}
		if f := stat(e.Name()); f != nil {
			children[f[1]] = append(children[f[1]], e.Name())
		}
	}
	all := []string{strconv.Itoa(root)}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// cpuOf is what processes used, and those they started that have ended.
func cpuOf(pids []string) float64 {
	var ticks float64
	for _, pid := range pids {
		f := stat(pid)
		if f == nil {
			continue
		}
		for _, s := range f[11:15] { // user and system time, then the same of ended children
			n, _ := strconv.ParseFloat(s, 64)
			ticks += n
		}
	}
	return ticks / hertz
}

func machineBusy() float64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	var ticks float64
	for i, s := range strings.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 8 { // the name, idle, waiting for I/O, and guests, which user has
			continue
		}
		n, _ := strconv.ParseFloat(s, 64)
		ticks += n
	}
	return ticks / hertz
}

func memoryOf(pids []string) float64 {
	var kib float64
	for _, pid := range pids {
		b, err := os.ReadFile(filepath.Join("/proc", pid, "smaps_rollup"))
		if err != nil {
			continue
		}
		in := bufio.NewScanner(bytes.NewReader(b))
		for in.Scan() {
			if value, ok := strings.CutPrefix(in.Text(), "Pss:"); ok {
				n, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
				kib += n
			}
		}
	}
	return kib / 1024
}

// watched runs watch beside a process.
type watched struct {
	stop    chan struct{}
	done    sync.WaitGroup
	samples []sample
	peakMiB float64
}

func startWatch(pid int) *watched {
	w := &watched{stop: make(chan struct{})}
	w.done.Go(func() { w.samples, w.peakMiB = watch(pid, w.stop) })
	return w
}

func (w *watched) end() {
	close(w.stop)
	w.done.Wait()
}
