package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// once runs a tool once against a server of its own. What goes wrong is part of
// the figures: a tool that crashes has broken at this level.
func once(ctx context.Context, b build, t tool, j job) figures {
	f, err := measure(ctx, b, t, j)
	switch {
	case errors.Is(err, errNotValid):
		f.NotValid, f.Why = true, err.Error()
	case err != nil:
		f.Failure = err.Error()
	}
	return f
}

// measure has figures as well where the tool ended with an error.
func measure(ctx context.Context, b build, t tool, j job) (figures, error) {
	dir, err := os.MkdirTemp("", "tokenload-peers-run-")
	if err != nil {
		return figures{}, err
	}
	defer os.RemoveAll(dir)
	j.dir = filepath.Join(dir, "tool")
	if err := os.Mkdir(j.dir, 0o755); err != nil {
		return figures{}, err
	}
	log := filepath.Join(dir, "truth.jsonl")
	s, err := startServer(ctx, b, j.shape, log)
	if err != nil {
		return figures{}, err
	}
	j.url = s.url
	tool, failure := runTool(ctx, b, t, j)
	time.Sleep(200 * time.Millisecond) // the server sees that its streams were cut
	if err := s.end(); err != nil {
		return figures{}, err
	}
	all, err := readTruth(log)
	if err != nil {
		return figures{}, err
	}
	reports, err := t.read(j)
	f := figure(j, all, reports)
	f.usage(tool, s.watched, windowOf(all, j.measured))
	return f, cmp.Or(failure, err)
}

// server is a timed server under way.
type server struct {
	cmd *exec.Cmd
	url string
	*watched
}

func startServer(ctx context.Context, b build, s shape, log string) (*server, error) {
	cmd := exec.CommandContext(ctx, b.server, "-ttft", s.ttft.String(), "-events", strconv.Itoa(s.events),
		"-rate", fmt.Sprint(float64(time.Second)/float64(s.gap)), "-log", log)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	in := bufio.NewScanner(stderr)
	for in.Scan() {
		if _, url, ok := strings.Cut(in.Text(), "ready on "); ok {
			return &server{cmd, url, startWatch(cmd.Process.Pid)}, nil
		}
	}
	_ = cmd.Process.Kill()
	return nil, errors.Join(errors.New("the server did not become ready"), cmd.Wait())
}

// end asks the server to stop, upon which it has written its log.
func (s *server) end() error {
	s.watched.end()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// patience is what a tool may need beyond its load: to start, to end and to report.
const patience = 2 * time.Minute

var errNotValid = errors.New("the tool says that its run is not valid")

// runTool runs a tool to its end, or kills it and all it started.
func runTool(ctx context.Context, b build, t tool, j job) (*watched, error) {
	cmd, err := t.command(b, j)
	if err != nil {
		return &watched{}, err
	}
	cmd.Dir = j.dir
	output, err := os.Create(filepath.Join(j.dir, "output.txt"))
	if err != nil {
		return &watched{}, err
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return &watched{}, err
	}
	w := startWatch(cmd.Process.Pid)
	timeout, stop := context.WithTimeout(ctx, j.load()+patience)
	defer stop()
	context.AfterFunc(timeout, func() { kill(cmd.Process.Pid) })
	err = cmd.Wait()
	w.end()
	if timeout.Err() != nil {
		return w, fmt.Errorf("did not end within %v after its load", patience)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && t.notValid != 0 && exit.ExitCode() == t.notValid {
		text, _ := os.ReadFile(output.Name())
		return w, fmt.Errorf("%w: %s", errNotValid, firstParagraph(text))
	}
	if err != nil {
		text, _ := os.ReadFile(output.Name())
		return w, fmt.Errorf("%w: %s", err, lastLine(text))
	}
	return w, nil
}

func firstParagraph(text []byte) string {
	paragraph, _, _ := strings.Cut(string(text), "\n\n")
	return strings.Join(strings.Fields(paragraph), " ")
}

func kill(pid int) {
	for _, s := range tree(pid) {
		n, err := strconv.Atoi(s)
		if err != nil {
			continue
		}
		if p, err := os.FindProcess(n); err == nil {
			_ = p.Kill()
		}
	}
}
