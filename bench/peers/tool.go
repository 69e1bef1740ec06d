package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// tool is one load generator: how it is installed, started and read.
type tool struct {
	name    string
	prepare func(context.Context, build) (version string, err error)
	command func(build, job) (*exec.Cmd, error) // its folder is the job's
	read    func(job) ([]reported, error)

	paced    bool // it can send so many requests a second
	notValid int  // the exit status by which it says itself that a run is not valid; 0: it never does
}

// tools stand in the order of the tables. The first two need nothing but Go.
var tools = []tool{
	{"tokenload", prepareTokenload, commandTokenload, readTokenload, true, 121},
	{"reader", prepareReader, commandReader, readLines, false, 0},
	{"k6", prepareK6, commandK6, readLines, true, 0},
	{"locust", prepareLocust, commandLocust, readLines, true, 0},
	{"guidellm", prepareGuideLLM, commandGuideLLM, readGuideLLM, true, 0},
	{"aiperf", prepareAIPerf, commandAIPerf, readAIPerf, true, 0},
}

func toolNames() []string {
	var names []string
	for _, t := range tools {
		names = append(names, t.name)
	}
	return names
}

// job is one run of one tool.
type job struct {
	shape
	level
	url string
	dir string // empty, for the tool's files
}

// level is how much a tool is asked for: streams at once in a closed loop, or
// requests a second.
type level struct{ streams, rate int } // one of them is 0

// reported is what a tool says of one request. The server's truth has the same
// id, as its own or as the tool's.
type reported struct {
	id   string
	ttft time.Duration
}

// build is where tools are installed and where the sources are, both absolute.
type build struct{ dir, root, server string }

func newBuild(ctx context.Context, dir string) (build, error) {
	root, err := os.Getwd()
	if err != nil {
		return build{}, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return build{}, err
	}
	b := build{dir: dir, root: root, server: filepath.Join(dir, "server")}
	return b, b.goBuild(ctx, b.server, "./bench/server")
}

// source is a file of this folder.
func (b build) source(name string) string { return filepath.Join(b.root, "bench", "peers", name) }

func (b build) goBuild(ctx context.Context, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %q: %w\n%s", pkg, err, text)
	}
	return nil
}

// venv installs what a requirements file pins into a Python environment of its
// own, once, and returns the folder of its programs.
func (b build) venv(ctx context.Context, name string) (string, error) {
	venv := filepath.Join(b.dir, name)
	bin := filepath.Join(venv, "bin")
	requirements := b.source("requirements-" + name + ".txt")
	want, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	stamp := filepath.Join(venv, "installed")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == string(want) {
		return bin, nil
	}
	fmt.Fprintf(os.Stderr, "peers: installing %s into %s\n", strings.TrimSpace(string(want)), venv)
	for _, args := range [][]string{
		{"python3", "-m", "venv", venv},
		{filepath.Join(bin, "pip"), "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements},
	} {
		if text, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, lastLine(text))
		}
	}
	return bin, os.WriteFile(stamp, want, 0o644)
}

// tokenizer makes a tokenizer that needs no download: the LLM tools want one to
// make prompts, and every one of ours does.
func (b build) tokenizer(ctx context.Context, bin string) error {
	dir := filepath.Join(filepath.Dir(bin), "tokenizer")
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	text, err := exec.CommandContext(ctx, filepath.Join(bin, "python"), b.source("tokenizer.py"), dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make a tokenizer: %w: %s", err, lastLine(text))
	}
	return nil
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// eachJSON calls do with every document of a file, and stops at a torn last one,
// as a tool that was ended leaves it.
func eachJSON[T any](path string, do func(T)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	dec := json.NewDecoder(file)
	for {
		var v T
		switch err := dec.Decode(&v); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return fmt.Errorf("read %q: %w", path, err)
		}
		do(v)
	}
}

// line is what our scripts for the general tools write of each request.
type line struct {
	ID   string  `json:"id"`
	TTFT float64 `json:"ttft_ms"`
}

// readLines reads every *.jsonl of the job's folder.
func readLines(j job) ([]reported, error) {
	paths, err := filepath.Glob(filepath.Join(j.dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []reported
	for _, path := range paths {
		if err := eachJSON(path, func(l line) {
			all = append(all, reported{l.ID, millis(l.TTFT)})
		}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// seconds as the tools' flags want them: a whole number.
func seconds(d time.Duration) string { return fmt.Sprint(max(1, int(d.Round(time.Second).Seconds()))) }
