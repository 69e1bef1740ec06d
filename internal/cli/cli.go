// Package cli is the command: arguments and environment in, output and an exit
// code out. Each subcommand is one file that turns flags into the values of the
// packages below. Nothing else in the program reads arguments or the
// environment, prints, or decides an exit code.
//
// Results go to standard output. Progress and everything that is said to the
// user goes to standard error, as "tokenload: …", lower case and without a full
// stop; errors as "tokenload: error: …", advice as "tokenload: hint: …".
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/sim"
)

// Version is the program's version; the manifest of every run names it.
const Version = "0.1.0-dev"

// The exit codes that do not come from a run's verdict.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitInvalid = 104
)

// commands are the subcommands and their flags.
type commands struct {
	Run      runCommand      `cmd:"" help:"Run a load test. Without PLAN and load flags: a quickstart against the built-in simulator, at no cost."`
	Check    checkCommand    `cmd:"" help:"Check a plan and say what it would do. Sends nothing."`
	Report   reportCommand   `cmd:"" help:"Render a stored run again."`
	Diagnose diagnoseCommand `cmd:"" help:"Say what held a run back: evidence, what it rules out, and what to try next."`
	Compare  compareCommand  `cmd:"" help:"Say whether one run is worse than another, or that it cannot be told."`
	Find     findCommand     `cmd:"" help:"Find the highest load that limits and thresholds carry, within a budget."`
	Limits   limitsCommand   `cmd:"" help:"Make one smallest call and print the rate limits it learned."`
	Prices   pricesCommand   `cmd:"" help:"List the prices, or import others."`
	Whatif   whatifCommand   `cmd:"" help:"Price a measured run another way: prompt cache, batch, routing, and what they return."`
	Sim      simCommand      `cmd:"" help:"Serve a simulated Claude API."`
	Bench    benchCommand    `cmd:"" help:"Say what this machine can generate, and how truly. Takes half a minute, costs nothing."`
	Init     initCommand     `cmd:"" help:"Write a commented plan and the JSON Schema of plans."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// env is what a command may use of the world.
type env struct {
	ctx            context.Context
	vars           map[string]string
	stdin          io.Reader
	stdout, stderr io.Writer
	code           int // exit code of a command that did its work
}

// usageError is a mistake in how the program was called.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// hinted is an error with advice.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Run carries out one command and returns its exit code. Args are without the
// program's name; environ is in the form of os.Environ.
func Run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// The standard library's HTTP client logs odd answers, and quotes them.
	log.SetOutput(io.Discard)
	e := &env{ctx: ctx, vars: map[string]string{}, stdin: stdin, stdout: stdout, stderr: stderr}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			e.vars[k] = v
		}
	}
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("tokenload"),
		kong.Description("Load testing, capacity planning and cost control for the Claude Messages API."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.Vars{"version": "tokenload " + Version}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Resolvers(kong.ResolverFunc(e.resolve)))
	if err != nil {
		return e.fail(err)
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // help or version
	}
	if err != nil {
		return e.fail(usageError{err})
	}
	if err := parsed.Run(e); err != nil {
		return e.fail(err)
	}
	return e.code
}

// resolve gives a flag the value of its environment variable: TOKENLOAD_OUT for --out.
func (e *env) resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	name := strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
	switch {
	case name == "HELP" || name == "VERSION":
		return nil, nil // TOKENLOAD_VERSION may well be somebody's own
	case name == "OUT" && flag.Short == 'o':
		name = "REPORT_OUT" // a file, where run's is a folder
	}
	v, ok := e.vars["TOKENLOAD_"+name]
	if !ok || v == "" {
		return nil, nil
	}
	return v, nil
}

// fail tells an error and returns the exit code for it.
func (e *env) fail(err error) int {
	if ms, ok := errors.AsType[plan.Mistakes](err); ok {
		fmt.Fprintf(e.stderr, "%v\ntokenload: error: the plan has %s; nothing was sent\n", ms, mistakes(len(ms)))
		return exitInvalid
	}
	if ms, ok := errors.AsType[sim.Mistakes](err); ok {
		fmt.Fprintf(e.stderr, "%v\ntokenload: error: the configuration has %s; nothing was served\n", ms, mistakes(len(ms)))
		return exitInvalid
	}
	fmt.Fprintf(e.stderr, "tokenload: error: %v\n", err)
	if h, ok := errors.AsType[hinted](err); ok {
		fmt.Fprintf(e.stderr, "tokenload: hint: %s\n", h.hint)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(e.stderr, "tokenload: hint: see tokenload --help, or --help after a command")
		return exitUsage
	}
	return exitFailed
}

func mistakes(n int) string {
	if n == 1 {
		return "1 mistake"
	}
	return fmt.Sprintf("%d mistakes", n)
}

// say tells the user something on standard error.
func (e *env) say(format string, args ...any) {
	fmt.Fprintf(e.stderr, "tokenload: "+format+"\n", args...)
}

// color reports whether w is a terminal that wants colours.
func (e *env) color(w io.Writer) bool { return e.vars["NO_COLOR"] == "" && isTerminal(w) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// interrupts returns a channel that a first Ctrl-C closes, and a context that a
// second one cancels. Done must be called.
func (e *env) interrupts(first string) (stop <-chan struct{}, ctx context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(e.ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	closed, over := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-signals:
			e.say("%s", first)
			close(closed)
		case <-over:
			return
		}
		select {
		case <-signals:
			cancel(errors.New("interrupted twice"))
		case <-over:
		}
	}()
	return closed, ctx, func() {
		signal.Stop(signals)
		close(over)
		cancel(nil)
	}
}

// notExist adds advice to the error of a file that is not there.
func notExist(err error, hint string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return hinted{err, hint}
	}
	return err
}
