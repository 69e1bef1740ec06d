package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// prepareK6 looks for a k6 that can read streams and installs none: k6 itself
// cannot, and the extension comes only in a k6 that the user has built with it.
func prepareK6(ctx context.Context, b build) (string, error) {
	path := os.Getenv("K6")
	if path == "" {
		return "", errors.New("set K6 to a k6 built with the extension k6/x/sse")
	}
	out, err := exec.CommandContext(ctx, path, "version").Output()
	if err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(string(out)), " "), nil
}

func commandK6(b build, j job) (*exec.Cmd, error) {
	cmd := exec.Command(os.Getenv("K6"), "run", "--quiet", "--no-usage-report", "--no-thresholds", "--log-format", "raw",
		"--console-output", filepath.Join(j.dir, "answers.jsonl"), b.source("k6.js"))
	cmd.Env = append(os.Environ(), "PEERS_URL="+j.url, fmt.Sprint("PEERS_STREAMS=", j.streams), fmt.Sprint("PEERS_RATE=", j.rate),
		"PEERS_RAMP="+seconds(j.ramp())+"s", "PEERS_HOLD="+seconds(j.load()-j.ramp())+"s")
	return cmd, nil
}
