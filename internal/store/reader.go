package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/tokenload/tokenload/internal/call"
)

// Run is a stored run, finished or not. It may be read while it is written.
type Run struct {
	Dir      string
	Manifest Manifest

	warnings []string
}

// CorruptError says that a line in the middle of a log cannot be read. Lines
// before it are good. The last line of a log is never corrupt, only torn.
type CorruptError struct {
	Path   string
	Line   int   // from 1
	Offset int64 // of the line's first byte
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s:%d: bad line at byte %d: %v", e.Path, e.Line, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// Open reads the manifest of the run in dir. A folder without one is not a run;
// a version that is newer than FormatVersion is an error that says so.
func Open(dir string) (*Run, error) {
	b, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q is not a run directory: it has no %s: %w", dir, ManifestFile, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open run: %w", err)
	}
	r := &Run{Dir: dir}
	if err := json.Unmarshal(b, &r.Manifest); err != nil {
		return nil, fmt.Errorf("open run: %s of %q: %w", ManifestFile, dir, err)
	}
	if v := r.Manifest.Version; v < 1 || v > FormatVersion {
		return nil, fmt.Errorf("open run: %q has format version %d; this tokenload reads 1 to %d", dir, v, FormatVersion)
	}
	return r, nil
}

// Warnings are what reading the logs so far has found wrong but survivable.
func (r *Run) Warnings() []string { return r.warnings }

// Results yields every attempt in the order in which they ended. A torn last
// line is left out and becomes a warning. Any other error is yielded once, last.
func (r *Run) Results() iter.Seq2[call.Result, error] {
	return readLines[call.Result](r, RequestsFile)
}

// Samples yields every line of samples.jsonl, under the same rules as Results.
func Samples[T any](r *Run) iter.Seq2[T, error] { return readLines[T](r, SamplesFile) }

func readLines[T any](r *Run, name string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		path := filepath.Join(r.Dir, name)
		var zero T
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			r.warn(fmt.Sprintf("%s is missing", name))
			return
		}
		if err != nil {
			yield(zero, fmt.Errorf("open run log: %w", err))
			return
		}
		defer f.Close()
		in := bufio.NewReaderSize(f, 256<<10)
		var offset int64
		for n := 1; ; n++ {
			line, err := in.ReadBytes('\n')
			if err != nil && err != io.EOF {
				yield(zero, fmt.Errorf("read run log: %w", err))
				return
			}
			if err == io.EOF {
				if len(line) > 0 {
					r.warn(fmt.Sprintf("%s: torn last line at byte %d left out", name, offset))
				}
				return
			}
			if len(bytes.TrimSpace(line)) > 0 {
				var v T
				if err := json.Unmarshal(line, &v); err != nil {
					yield(zero, &CorruptError{Path: path, Line: n, Offset: offset, Err: err})
					return
				}
				if !yield(v, nil) {
					return
				}
			}
			offset += int64(len(line))
		}
	}
}

func (r *Run) warn(text string) {
	for _, w := range r.warnings {
		if w == text {
			return
		}
	}
	r.warnings = append(r.warnings, text)
}
