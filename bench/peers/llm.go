package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func prepareGuideLLM(ctx context.Context, b build) (string, error) {
	bin, err := b.venv(ctx, "guidellm")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "guidellm"), "--version").Output()
	if err != nil {
		return "", err
	}
	return strings.Replace(lastLine(out), " version:", "", 1), b.tokenizer(ctx, bin)
}

// commandGuideLLM speaks chat completions: GuideLLM does not know the Messages API.
func commandGuideLLM(b build, j job) (*exec.Cmd, error) {
	profile := fmt.Sprintf("kind=concurrent,streams=%d,rampup_duration=%s", j.streams, seconds(j.ramp()))
	if j.rate > 0 {
		profile = fmt.Sprintf("kind=constant,rate=%d", j.rate)
	}
	cmd := exec.Command(filepath.Join(b.dir, "guidellm", "bin", "guidellm"), "run",
		"--backend", "kind=openai_http,model=timed,request_format=/v1/chat/completions,target="+j.url,
		"--profile", profile,
		"--constraint", "kind=max_duration,seconds="+seconds(j.load()),
		"--data", fmt.Sprintf("kind=synthetic_text,prompt_tokens=20,output_tokens=%d", j.events),
		"--tokenizer", "kind=huggingface_auto,model="+filepath.Join(b.dir, "guidellm", "tokenizer"),
		"--metrics", "kind=generative,sample_size=0",
		"--output", "kind=json,path="+filepath.Join(j.dir, "report.json"), "--disable-console")
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1")
	return cmd, nil
}

func readGuideLLM(j job) ([]reported, error) {
	text, err := os.ReadFile(filepath.Join(j.dir, "report.json"))
	if err != nil {
		return nil, err
	}
	type request struct {
		ID   string   `json:"response_id"`
		TTFT *float64 `json:"time_to_first_token_ms"`
	}
	var report struct {
		Benchmarks []struct {
			Requests struct {
				Successful []request `json:"successful"`
				Incomplete []request `json:"incomplete"` // cut by the end of the run
			} `json:"requests"`
		} `json:"benchmarks"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, err
	}
	var all []reported
	for _, b := range report.Benchmarks {
		for _, r := range append(b.Requests.Successful, b.Requests.Incomplete...) {
			if r.TTFT != nil {
				all = append(all, reported{strings.TrimPrefix(r.ID, "chatcmpl-"), millis(*r.TTFT)})
			}
		}
	}
	return all, nil
}

func prepareAIPerf(ctx context.Context, b build) (string, error) {
	bin, err := b.venv(ctx, "aiperf")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "aiperf"), "--version").Output()
	if err != nil {
		return "", err
	}
	return "aiperf " + strings.TrimPrefix(lastLine(out), "aiperf "), b.tokenizer(ctx, bin)
}

// commandAIPerf leaves the number of workers to AIPerf, and counts tokens by the
// server's word rather than by tokenizing answers.
func commandAIPerf(b build, j job) (*exec.Cmd, error) {
	cmd := exec.Command(filepath.Join(b.dir, "aiperf", "bin", "aiperf"), "profile", "--model", "timed", "--url", j.url,
		"--endpoint-type", "messages", "--streaming", "--use-server-token-count", "--tokenizer", filepath.Join(b.dir, "aiperf", "tokenizer"),
		"--benchmark-duration", seconds(j.load()), "--benchmark-grace-period", seconds(j.ramp()),
		"--isl", "20", "--num-prompts", "100", "--ui", "none", "--no-gpu-telemetry", "--no-server-metrics",
		"--artifact-dir", filepath.Join(j.dir, "artifacts"))
	if j.rate > 0 {
		cmd.Args = append(cmd.Args, "--request-rate", fmt.Sprint(j.rate), "--arrival-pattern", "constant")
	} else {
		cmd.Args = append(cmd.Args, "--concurrency", fmt.Sprint(j.streams), "--concurrency-ramp-duration", seconds(j.ramp()))
	}
	return cmd, nil
}

func readAIPerf(j job) ([]reported, error) {
	type record struct {
		Metadata struct {
			ID string `json:"x_request_id"`
		} `json:"metadata"`
		Metrics struct {
			TTFT *struct {
				Value float64 `json:"value"`
			} `json:"time_to_first_token"`
		} `json:"metrics"`
	}
	var all []reported
	err := eachJSON(filepath.Join(j.dir, "artifacts", "profile_export.jsonl"), func(r record) {
		if r.Metrics.TTFT != nil {
			all = append(all, reported{r.Metadata.ID, millis(r.Metrics.TTFT.Value)})
		}
	})
	return all, err
}
