package plan

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// readFile reads a file that the plan names: below the plan's folder from
// Options.FS, elsewhere with Options.ReadFile.
func (d *decoder) readFile(n *yaml.Node, name string) ([]byte, bool) {
	var b []byte
	var err error
	clean := path.Clean(filepath.ToSlash(name))
	switch inside := fs.ValidPath(clean); {
	case inside && d.o.FS != nil:
		b, err = fs.ReadFile(d.o.FS, clean)
	case inside:
		err = fs.ErrNotExist
	case d.o.ReadFile == nil:
		d.mistakef(n, "file %q lies outside the plan's folder", name)
		return nil, false
	case filepath.IsAbs(name):
		b, err = d.o.ReadFile(name)
	default:
		b, err = d.o.ReadFile(filepath.Join(d.o.Dir, name))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.mistakef(n, "file %q does not exist (paths start at the plan's folder)", name)
	case err != nil:
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		d.mistakef(n, "file %q cannot be read: %v", name, err)
	default:
		return bytes.TrimPrefix(b, []byte("\ufeff")), true
	}
	return nil, false
}

// mostPerFile bounds how many mistakes of one prompt file are told.
const mostPerFile = 20

// promptFile gathers the prompts of one file, and what is wrong in it.
type promptFile struct {
	name     string
	prompts  []string
	mistakes Mistakes
}

func (f *promptFile) mistakef(line, column int, format string, args ...any) {
	f.mistakes = append(f.mistakes, Mistake{f.name, line, max(column, 1), fmt.Sprintf(format, args...)})
}

// promptFile reads a file of prompts by the form that its name's end says.
func (d *decoder) promptFile(n *yaml.Node, name string) []string {
	read := promptReader(name)
	if read == nil {
		d.mistakef(n, "file %q: want .jsonl (a JSON string, or an object with \"prompt\", a line), .txt (one a line) or .csv (a column \"prompt\")", name)
		return nil
	}
	b, ok := d.readFile(n, name)
	if !ok {
		return nil
	}
	f := &promptFile{name: name}
	read(f, b)
	if more := len(f.mistakes) - mostPerFile; more > 0 {
		f.mistakes = f.mistakes[:mostPerFile]
		d.mistakef(n, "file %q has %d more mistakes", name, more)
	}
	d.mistakes = append(d.mistakes, f.mistakes...)
	if len(f.prompts)+len(f.mistakes) == 0 {
		d.mistakef(n, "file %q has no prompts", name)
	}
	return f.prompts
}

func promptReader(name string) func(*promptFile, []byte) {
	switch strings.ToLower(path.Ext(name)) {
	case ".jsonl", ".ndjson":
		return eachLine((*promptFile).jsonLine)
	case ".txt":
		return eachLine(func(f *promptFile, _ int, s []byte) { f.prompts = append(f.prompts, string(s)) })
	case ".csv":
		return (*promptFile).csv
	}
	return nil
}

// eachLine calls read for every line that is not blank, numbered from 1.
func eachLine(read func(f *promptFile, line int, s []byte)) func(*promptFile, []byte) {
	return func(f *promptFile, b []byte) {
		line := 0
		for s := range bytes.Lines(b) {
			line++
			s = bytes.TrimRight(s, "\r\n")
			switch {
			case len(bytes.TrimSpace(s)) == 0:
			case !utf8.Valid(s):
				f.mistakef(line, 1, "not UTF-8 text")
			default:
				read(f, line, s)
			}
		}
	}
}

func (f *promptFile) jsonLine(line int, s []byte) {
	const want = `want a JSON string, or an object with "prompt"`
	var v any
	if err := json.Unmarshal(s, &v); err != nil {
		column := 1
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			column = utf8.RuneCount(s[:min(max(int(e.Offset)-1, 0), len(s))]) + 1
		}
		f.mistakef(line, column, "not JSON (%v): %s", err, want)
		return
	}
	if o, ok := v.(map[string]any); ok {
		if v, ok = o["prompt"]; !ok {
			f.mistakef(line, 1, `an object without "prompt": %s`, want)
			return
		}
	}
	prompt, ok := v.(string)
	switch {
	case !ok:
		f.mistakef(line, 1, "the prompt is no text: %s", want)
	case strings.TrimSpace(prompt) == "":
		f.mistakef(line, 1, "the prompt is empty")
	default:
		f.prompts = append(f.prompts, prompt)
	}
}

// csv reads the column that the first line calls "prompt".
func (f *promptFile) csv(b []byte) {
	r := csv.NewReader(bytes.NewReader(b))
	column := -1
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			f.mistakef(e.Line, e.Column, "not CSV: %v", e.Err)
			if errors.Is(err, csv.ErrFieldCount) {
				continue
			}
			return
		}
		if column < 0 {
			if column = promptColumn(row); column < 0 {
				f.mistakef(1, 1, `the first line names no column "prompt" (it has %s)`, excerpt(strings.Join(row, ", ")))
				return
			}
			continue
		}
		f.cell(r, row[column], column)
	}
}

func (f *promptFile) cell(r *csv.Reader, prompt string, column int) {
	line, at := r.FieldPos(column)
	switch {
	case strings.TrimSpace(prompt) == "":
		f.mistakef(line, at, "the prompt is empty")
	case !utf8.ValidString(prompt):
		f.mistakef(line, at, "not UTF-8 text")
	default:
		f.prompts = append(f.prompts, prompt)
	}
}

func promptColumn(header []string) int {
	for i, h := range header {
		if strings.EqualFold(strings.TrimSpace(h), "prompt") {
			return i
		}
	}
	return -1
}
