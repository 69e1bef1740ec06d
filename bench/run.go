package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ready starts a server and returns its address.
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
			go io.Copy(io.Discard, stderr) //nolint:errcheck // nobody reads it
			return url, nil
		}
	}
	return "", errors.New("the server did not become ready")
}

// outcome is what one run of the generator came to.
type outcome struct {
	dir        string
	start      int64   // instant 0 of its records, nanoseconds since 1970
	seconds    float64 // wall
	cpu        float64 // seconds
	memory     float64 // peak, MiB
	events     int     // content events
	records    []record
	valid      bool
	reasons    []string
	lagP99     float64 // ms; NaN: withheld
	readLagP99 float64
}

// record is what is read of a line of requests.jsonl.
type record struct {
	ID     string `json:"request_id"`
	Class  string `json:"class"`
	Sent   int64  `json:"sent"`
	First  int64  `json:"first_content"`
	Events int    `json:"events"`
	Merged int    `json:"merged_reads"`
}

// generate runs the generator to its end; watch, if any, is called with its process.
func (l *lab) generate(load, url string, watch func(pid int)) (outcome, error) {
	l.n++
	o := outcome{dir: filepath.Join(l.dir, fmt.Sprint("run", l.n))}
	file := o.dir + ".yaml"
	if err := os.WriteFile(file, fmt.Appendf(nil, plan, load), 0o600); err != nil {
		return o, err
	}
	run := exec.Command(cmp.Or(l.generator, l.bin("tokenload")), "run", file, "--target", url, "--out", o.dir, "--quiet", "--json")
	var stdout, stderr bytes.Buffer
	run.Stdout, run.Stderr = &stdout, &stderr
	began := time.Now()
	if err := run.Start(); err != nil {
		return o, err
	}
	if watch != nil {
		watch(run.Process.Pid)
	}
	err := run.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return o, err
	}
	o.seconds = time.Since(began).Seconds()
	o.cpu = (run.ProcessState.UserTime() + run.ProcessState.SystemTime()).Seconds()
	o.memory = peakMiB(run.ProcessState)
	if err := o.read(stdout.Bytes()); err != nil {
		return o, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return o, nil
}

// read takes in the summary and the records.
func (o *outcome) read(summary []byte) error {
	var s struct {
		Generator struct {
			Valid      bool     `json:"valid"`
			Reasons    []string `json:"reasons"`
			LagP99     *float64 `json:"lag_p99_ms"`
			ReadLagP99 *float64 `json:"read_lag_p99_ms"`
		} `json:"generator"`
	}
	if err := json.Unmarshal(summary, &s); err != nil {
		return err
	}
	o.valid, o.reasons = s.Generator.Valid, s.Generator.Reasons
	o.lagP99, o.readLagP99 = or(s.Generator.LagP99), or(s.Generator.ReadLagP99)
	b, err := os.ReadFile(filepath.Join(o.dir, "manifest.json"))
	if err != nil {
		return err
	}
	var m struct {
		Start int64 `json:"start_unix_ns"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	o.start = m.Start
	o.records, err = lines[record](filepath.Join(o.dir, "requests.jsonl"))
	for _, r := range o.records {
		o.events += r.Events
	}
	if err == nil && o.events == 0 {
		err = errors.New("no event arrived")
	}
	return err
}

func or(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// lines reads a file of JSON lines.
func lines[T any](path string) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []T
	for dec := json.NewDecoder(bufio.NewReaderSize(f, 1<<20)); ; {
		var v T
		if err := dec.Decode(&v); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
}

// rank is a percentile by nearest rank; NaN of nothing.
func rank(v []float64, q float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Sorted(slices.Values(v))
	return v[max(int(math.Ceil(q*float64(len(v)))), 1)-1]
}

// median is the middle of several runs.
func median(v []float64) float64 { return rank(v, 0.5) }
