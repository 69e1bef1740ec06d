package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tokenload/tokenload/internal/cli"
	"github.com/tokenload/tokenload/sim"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tokenload": func() {
			os.Exit(cli.Run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// Scripts are one behaviour of the command line each. $SIM is the address of a
// simulator without delays, $CODE the exit code that `code` saw.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			s, err := sim.Start(sim.Config{Profile: sim.Instant, Keys: []string{"good", "none"}})
			if err != nil {
				return err
			}
			e.Defer(func() { s.Close() }) //nolint:errcheck // nothing is lost with it
			e.Setenv("SIM", s.URL)
			e.Setenv("EXAMPLES", examples)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": code, "serve": serve, "get": get},
	})
}

// code runs tokenload and wants its exit code, or one of several:
// code 104 check plan.yaml. Where a run should pass, 0,121 also takes a machine
// that was too busy to trust, which is what 121 says and no fault of the program.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N args...")
	}
	err := ts.Exec("tokenload", args[1:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if !slices.Contains(strings.Split(args[0], ","), got) {
		ts.Fatalf("exit %s; want %s", got, args[0])
	}
}

// serve starts tokenload sim on a free port, until the script ends. $SERVED is
// its host and port.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || args[0] != "sim" {
		ts.Fatalf("usage: serve sim args...")
	}
	addr, stop, err := served(ts.Getenv("WORK"), append(args, "--addr", "127.0.0.1:0"))
	if err != nil {
		ts.Fatalf("%v: %v", args, err)
	}
	ts.Defer(stop)
	ts.Setenv("SERVED", addr)
}

// served starts a command that says when it is ready and where.
func served(dir string, args []string) (addr string, stop func(), err error) {
	c := exec.Command(os.Args[0], args...)
	c.Args[0], c.Dir = "tokenload", dir // testscript's Main goes by the name
	out, err := c.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if _, url, ok := strings.Cut(lines.Text(), "ready on "); ok {
			_, addr, _ = strings.Cut(url, "://")
			go io.Copy(io.Discard, out) //nolint:errcheck // ends with the process
			return addr, stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("it is not ready: %s", said.String())
}

// get prints what the server last started answers to a GET.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: get PATH")
	}
	res, err := http.Get("http://" + ts.Getenv("SERVED") + args[0])
	if err != nil {
		ts.Fatalf("%v", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(ts.Stdout(), res.Body); err != nil {
		ts.Fatalf("%v", err)
	}
}

// Every example is checked, and run against the simulator: it must end in 0, or
// in the code that its first line names: "# exit 99: …".
func TestExamples(t *testing.T) {
	plans, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(plans) < 5 {
		t.Fatalf("%d examples, %v", len(plans), err)
	}
	for _, plan := range plans {
		t.Run(filepath.Base(plan), func(t *testing.T) {
			t.Parallel()
			want := 0
			if b, err := os.ReadFile(plan); err != nil {
				t.Fatal(err)
			} else if strings.HasPrefix(string(b), "# exit 99") {
				want = 99
			}
			for _, args := range [][]string{{"check", plan}, {"run", plan, "--seed", "5", "--quiet", "--target", "sim", "--out", filepath.Join(t.TempDir(), "run")}} {
				var stdout, stderr strings.Builder
				got := cli.Run(t.Context(), args, nil, strings.NewReader(""), &stdout, &stderr)
				const tooBusy = 121 // this machine, not the example
				if args[0] == "check" && got != 0 || args[0] == "run" && got != want && got != tooBusy {
					t.Errorf("%v: exit %d; want %d\n%s%s", args, got, want, stdout.String(), stderr.String())
				}
				if args[0] == "run" && got == want {
					checkPredicted(t, plan, filepath.Join(args[len(args)-1], "summary.json"))
				}
				if args[0] == "run" && (!strings.Contains(stdout.String(), "ttft") || !strings.Contains(stdout.String(), "$")) {
					t.Errorf("no report:\n%s", stdout.String())
				}
			}
		})
	}
}

// checkPredicted holds what check says of an example against a run of it on this
// machine: tokens and dollars within 10 %. A run that was not valid is no measure.
func checkPredicted(t *testing.T, plan, summary string) {
	t.Helper()
	var stdout, stderr strings.Builder
	if code := cli.Run(t.Context(), []string{"check", plan, "--set", "seed=5", "--target", "sim", "--json"}, nil, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("check: exit %d: %s", code, stderr.String())
	}
	var said struct {
		Tokens struct {
			Input  float64 `json:"input_tokens"`
			Output float64 `json:"output_tokens"`
		} `json:"tokens"`
		Cost float64 `json:"cost_usd"`
	}
	var was struct {
		Tokens struct{ Input, Output float64 }
		Cost   struct{ USD float64 }
	}
	b, err := os.ReadFile(summary)
	if err := errors.Join(err, json.Unmarshal([]byte(stdout.String()), &said), json.Unmarshal(b, &was)); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name      string
		said, was float64
	}{{"input tokens", said.Tokens.Input, was.Tokens.Input}, {"output tokens", said.Tokens.Output, was.Tokens.Output}, {"dollars", said.Cost, was.Cost.USD}} {
		if math.Abs(f.said-f.was) > 0.1*f.was || f.was == 0 {
			t.Errorf("check says %v %s; the run had %v", f.said, f.name, f.was)
		}
	}
}
