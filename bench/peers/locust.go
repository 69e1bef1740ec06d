package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func prepareLocust(ctx context.Context, b build) (string, error) {
	bin, err := b.venv(ctx, "locust")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "locust"), "--version").Output()
	version, _, _ := strings.Cut(lastLine(out), " from ")
	return version, err
}

// commandLocust runs one worker for each core, as Locust's manual says, and the
// master that comes with them.
func commandLocust(b build, j job) (*exec.Cmd, error) {
	users := j.streams + j.rate // one a second each
	args := []string{"--locustfile", b.source("locustfile.py"), "--headless", "--host", j.url, "--loglevel", "WARNING", "--only-summary",
		"--users", fmt.Sprint(users), "--spawn-rate", fmt.Sprint(float64(users) / j.ramp().Seconds()), "--run-time", seconds(j.load()) + "s", "--stop-timeout", seconds(2 * j.ramp())}
	if users > 1 {
		args = append(args, "--processes", "2")
	}
	cmd := exec.Command(filepath.Join(b.dir, "locust", "bin", "locust"), args...)
	cmd.Env = append(os.Environ(), "PEERS_DIR="+j.dir)
	if j.rate > 0 {
		cmd.Env = append(cmd.Env, "PEERS_PACED=1")
	}
	return cmd, nil
}
