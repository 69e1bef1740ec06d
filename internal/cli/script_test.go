package cli_test

import (
	"context"
	"os"
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
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": code},
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
				if args[0] == "run" && (!strings.Contains(stdout.String(), "ttft") || !strings.Contains(stdout.String(), "$")) {
					t.Errorf("no report:\n%s", stdout.String())
				}
			}
		})
	}
}
