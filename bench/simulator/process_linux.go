package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// processTime is the CPU time of a process so far, this one's for 0; and 0 where it
// cannot be known.
func processTime(pid int) time.Duration {
	b, err := os.ReadFile(proc(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	const tick = 10 * time.Millisecond // USER_HZ is 100 wherever Go runs on Linux
	return time.Duration(user+system) * tick
}

// resident is the memory of a process, KiB.
func resident(pid int) (float64, error) {
	b, err := os.ReadFile(proc(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.ParseFloat(strings.Fields(v)[0], 64)
		}
	}
	return 0, fmt.Errorf("no VmRSS in the status of process %d", pid)
}

func proc(pid int) string {
	if pid == 0 {
		return "/proc/self"
	}
	return "/proc/" + strconv.Itoa(pid)
}
