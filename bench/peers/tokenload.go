package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func prepareTokenload(ctx context.Context, b build) (string, error) {
	if err := b.goBuild(ctx, filepath.Join(b.dir, "tokenload"), "./cmd/tokenload"); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "without git", nil
	}
	return strings.TrimSpace(string(out)), nil
}

// tokenloadPlan is what a user would write: no setting is there for speed.
const tokenloadPlan = `version: 1
name: peers
tasks: [{name: count, model: claude-haiku-4-5, max_tokens: 1000, prompts: [count]}]
load:
%s
graceful_stop: %v
budget: {usd: 100000}
`

func commandTokenload(b build, j job) (*exec.Cmd, error) {
	load := fmt.Sprintf("  users:\n    stages: [{duration: %v, target: %d}, {duration: %v, target: %d}]", j.ramp(), j.streams, j.load()-j.ramp(), j.streams)
	if j.rate > 0 {
		load = fmt.Sprintf("  arrivals: {rate: %d/s, duration: %v}", j.rate, j.load())
	}
	plan := fmt.Sprintf(tokenloadPlan, load, j.ramp())
	path := filepath.Join(j.dir, "plan.yaml")
	if err := os.WriteFile(path, []byte(plan), 0o600); err != nil {
		return nil, err
	}
	return exec.Command(filepath.Join(b.dir, "tokenload"), "run", path, "--target", j.url, "--out", filepath.Join(j.dir, "run"), "--quiet"), nil
}

// readTokenload takes service_ttft: from the request's last byte to the first content.
func readTokenload(j job) ([]reported, error) {
	type record struct {
		Class        string `json:"class"`
		RequestID    string `json:"request_id"`
		Sent         int64  `json:"sent"`
		FirstContent int64  `json:"first_content"`
	}
	var all []reported
	err := eachJSON(filepath.Join(j.dir, "run", "requests.jsonl"), func(r record) {
		if r.FirstContent != 0 {
			all = append(all, reported{r.RequestID, time.Duration(r.FirstContent - r.Sent)})
		}
	})
	return all, err
}
