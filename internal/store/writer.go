// Package store keeps runs on disk: a manifest, the plan, and two append-only
// logs of JSON lines, requests.jsonl (one line an attempt) and samples.jsonl
// (one line a second). A [Writer] creates a run, a [Run] reads one, finished or
// not. What a killed process had flushed is there: a torn last line is dropped
// on reading, with a warning that says at which byte.
//
// The package does not interpret what it stores and never changes a stored line.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tokenload/tokenload/internal/call"
)

// FormatVersion is the version of the run directory that this package writes.
const FormatVersion = 1

// The files of a run directory.
const (
	ManifestFile = "manifest.json"
	PlanFile     = "plan.yaml"
	RequestsFile = "requests.jsonl"
	SamplesFile  = "samples.jsonl"
	SummaryFile  = "summary.json"
)

// maxBuffer is how many bytes of lines wait in memory at most between flushes.
const maxBuffer = 64 << 10

// Writer writes one run. It belongs to one goroutine.
type Writer struct {
	dir      string
	requests lines
	samples  lines
}

// lines appends whole lines to a file: each write to the kernel holds complete
// lines only, so that a kill between writes tears nothing.
type lines struct {
	path string
	file io.WriteCloser
	buf  []byte
}

// Create makes the run directory dir and writes the manifest and the plan into
// it. A folder that exists and is not empty is an error: a run is never
// overwritten. Folders above dir are made as needed.
func Create(dir string, m Manifest, plan []byte) (*Writer, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	w := &Writer{dir: dir}
	if err := w.WriteManifest(m); err != nil {
		return nil, err
	}
	// The plan may hold prompts: for its owner only.
	if err := os.WriteFile(filepath.Join(dir, PlanFile), plan, 0o600); err != nil {
		return nil, fmt.Errorf("write plan: %w", err)
	}
	for name, l := range map[string]*lines{RequestsFile: &w.requests, SamplesFile: &w.samples} {
		path := filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("create run log: %w", err), w.Close())
		}
		*l = lines{path: path, file: f}
	}
	return w, nil
}

func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("create run directory: %w", err)
	}
	err := os.Mkdir(dir, 0o755)
	if !errors.Is(err, fs.ErrExist) {
		if err != nil {
			return fmt.Errorf("create run directory: %w", err)
		}
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("create run directory: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("run directory %q: %w and is not empty", dir, fs.ErrExist)
	}
	return nil
}

// Dir returns the run directory.
func (w *Writer) Dir() string { return w.dir }

// Append adds one attempt to the log. It reaches the disk with the next Flush at the latest.
func (w *Writer) Append(r call.Result) error { return w.requests.append(r) }

// Sample adds one line to samples.jsonl; v is any value that encodes to one JSON object.
func (w *Writer) Sample(v any) error { return w.samples.append(v) }

// Flush hands all lines to the kernel: after it, killing the process loses none of them.
func (w *Writer) Flush() error { return errors.Join(w.requests.flush(), w.samples.flush()) }

// WriteManifest replaces the manifest in one step: a reader sees the old one or the new one.
func (w *Writer) WriteManifest(m Manifest) error { return writeManifest(w.dir, m) }

func writeManifest(dir string, m Manifest) error {
	m.Version = FormatVersion
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	return WriteFile(dir, ManifestFile, append(b, '\n'))
}

// Close flushes and closes the logs. The run can be read before and after.
func (w *Writer) Close() error {
	err := w.Flush()
	for _, l := range []*lines{&w.requests, &w.samples} {
		if l.file != nil {
			err = errors.Join(err, l.file.Close())
			l.file = nil
		}
	}
	return err
}

// WriteFile writes one file of a run directory in one step, by way of a
// temporary file beside it.
func WriteFile(dir, name string, data []byte) error {
	tmp, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, werr := tmp.Write(data)
	err = errors.Join(werr, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		os.Remove(tmp.Name()) //nolint:errcheck // the first error is the one to tell
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (l *lines) append(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a line of %q: %w", l.path, err)
	}
	l.buf = append(append(l.buf, b...), '\n')
	if len(l.buf) >= maxBuffer {
		return l.flush()
	}
	return nil
}

// flush writes what is buffered. After an error the lines that did not fit stay
// buffered, cut at what was written, so that a later flush completes the log.
func (l *lines) flush() error {
	if len(l.buf) == 0 || l.file == nil {
		return nil
	}
	n, err := l.file.Write(l.buf)
	l.buf = l.buf[:copy(l.buf, l.buf[n:])]
	if err != nil {
		return fmt.Errorf("write run log: %w", err)
	}
	return nil
}

// SetVerdict completes the manifest of a stored run with its outcome and exit code.
func (r *Run) SetVerdict(outcome string, exitCode int) error {
	r.Manifest.Outcome, r.Manifest.ExitCode = outcome, &exitCode
	return writeManifest(r.Dir, r.Manifest)
}
