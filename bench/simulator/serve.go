package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	"github.com/tokenload/tokenload/sim"
)

// perSecond is how many events each stream has.
const perSecond = 4

// serve is the server's process: it prints its address, and ends when its
// standard input does.
func serve(kind, profile string) error {
	c := sim.Config{Profile: sim.Instant}
	if kind == "streams" {
		c = sim.Config{Profile: sim.Steady, EventsPerSecond: perSecond, Answer: 1}
	}
	s, err := sim.Start(c)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // the process ends
	if profile != "" {
		f, err := os.Create(filepath.Join(profile, kind+".cpu"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Println(s.URL)
	_, err = io.Copy(io.Discard, os.Stdin)
	if profile != "" && err == nil {
		err = heap(filepath.Join(profile, kind+".heap"))
	}
	return err
}

// heap writes what is allocated, while the streams are still open.
func heap(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	runtime.GC()
	return pprof.WriteHeapProfile(f)
}
