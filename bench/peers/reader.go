package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
)

func prepareReader(ctx context.Context, b build) (string, error) {
	return "net/http of " + runtime.Version(), b.goBuild(ctx, filepath.Join(b.dir, "reader"), "./bench/reader")
}

func commandReader(b build, j job) (*exec.Cmd, error) {
	return exec.Command(filepath.Join(b.dir, "reader"), "-url", j.url, "-streams", strconv.Itoa(j.streams),
		"-ramp", j.ramp().String(), "-for", j.load().String(), "-log", filepath.Join(j.dir, "answers.jsonl")), nil
}
