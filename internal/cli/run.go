package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/alarm"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/run"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/sim"
)

type runCommand struct {
	Plan string `arg:"" optional:"" help:"The plan, a YAML file."`

	Target string   `help:"Where to send: an address without /v1, or sim." placeholder:"URL"`
	API    string   `name:"api" help:"The API's dialect: messages, or chat for OpenAI-style chat completions." placeholder:"NAME"`
	Out    string   `help:"Run directory to create (default runs/<time>-<name>)." placeholder:"DIR"`
	Seed   string   `help:"Seed of every draw (default: drawn, and kept in the manifest)." placeholder:"N"`
	Budget string   `help:"Hard limit in dollars." placeholder:"USD"`
	Set    []string `help:"Override a field of the plan: load.users.count=5." placeholder:"PATH=VALUE" sep:"none"`
	Tier   string   `help:"Rate limits of the simulator: start, build, scale, tier1 to tier4." placeholder:"NAME"`
	Quiet  bool     `short:"q" help:"No progress."`
	JSON   bool     `name:"json" help:"Print the summary as JSON instead of the report."`

	Model     string        `help:"Without a plan: the model." group:"load"`
	Prompt    string        `help:"Without a plan: the prompt." group:"load"`
	MaxTokens int           `help:"Without a plan: most tokens of an answer." group:"load" placeholder:"N"`
	Users     int           `help:"Without a plan: users that send one request after the other." group:"load" placeholder:"N"`
	Rate      string        `help:"Without a plan: requests per time, such as 5/s." group:"load" placeholder:"RATE"`
	Duration  time.Duration `help:"Without a plan: how long." group:"load" placeholder:"TIME"`
	Requests  int           `help:"Without a plan: how many requests in all." group:"load" placeholder:"N"`
}

// Run carries out the command.
func (c *runCommand) Run(e *env) error {
	l, err := c.load(e)
	if err != nil {
		return err
	}
	if l.target.why != "" {
		e.say("%s", l.target.why)
	}
	url := l.target.url
	if l.target.sim() {
		s, err := startSim(l.plan, c.Tier)
		if err != nil {
			return err
		}
		defer s.Close() //nolint:errcheck // nothing is lost with it
		url = s.URL
	} else if c.Tier != "" {
		return usageError{errors.New("--tier is for the simulator; this run's target is " + l.target.name())}
	}
	dir, err := c.dir(l.plan.Name)
	if err != nil {
		return err
	}
	runErr := c.execute(e, l, url, dir)
	if errors.Is(runErr, fs.ErrExist) {
		return runErr // somebody else's run
	}
	if _, err := os.Stat(filepath.Join(dir, store.ManifestFile)); err != nil {
		if c.Out == "" {
			os.Remove(dir) //nolint:errcheck // claimed by us; kept if it is not empty
		}
		return cmp.Or(runErr, err)
	}
	err = c.conclude(e, dir)
	if runErr != nil {
		return runErr
	}
	return err
}

// load makes the plan: the file, the load of the flags, or the quickstart.
func (c *runCommand) load(e *env) (loaded, error) {
	set := c.Set
	if c.API != "" {
		set = append(set, "target.api="+c.API)
	}
	if c.Seed != "" {
		set = append(set, "seed="+c.Seed)
	}
	if c.Budget != "" {
		set = append(set, "budget.usd="+strings.TrimPrefix(c.Budget, "$"))
	}
	flags := plan.FlagLoad{
		Model: c.Model, Prompt: c.Prompt, MaxTokens: c.MaxTokens, Users: c.Users,
		Rate: c.Rate, Duration: c.Duration, Requests: c.Requests,
	}
	switch {
	case c.Plan != "" && flags != plan.FlagLoad{}:
		return loaded{}, usageError{hinted{errors.New("a plan and load flags (or their variables, such as TOKENLOAD_USERS) at once"), "change the plan's fields with --set instead"}}
	case c.Plan != "":
		return e.load(c.Plan, nil, c.Target, set)
	case flags != plan.FlagLoad{}:
		return e.load("", plan.FromFlags(flags), c.Target, set)
	case c.Target != "" && c.Target != plan.SimURL:
		return loaded{}, usageError{hinted{errors.New("--target without a plan or a load"), "give a PLAN, or --model, --prompt, --users and --requests; the quickstart is for the simulator"}}
	default:
		return e.load("", plan.Quickstart(), c.Target, set)
	}
}

// startSim starts the embedded simulator as the plan wants it.
func startSim(p *plan.Plan, tier string) (*sim.Running, error) {
	s, err := sim.Start(simConfig(p, tier))
	if err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	return s, nil
}

// dir is the run directory: --out, or a new one below runs. Making it here
// claims the name: two runs that start in the same second do not meet.
func (c *runCommand) dir(name string) (string, error) {
	if c.Out != "" {
		return c.Out, nil
	}
	if err := os.MkdirAll("runs", 0o755); err != nil {
		return "", fmt.Errorf("create run directory: %w", err)
	}
	base := filepath.Join("runs", time.Now().UTC().Format("20060102T150405Z")+"-"+name)
	for n := 1; n < 100; n++ {
		dir := base
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", base, n)
		}
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("create run directory: %w", err)
		}
	}
	return "", fmt.Errorf("no free name for a run directory like %q", base)
}

func (c *runCommand) execute(e *env, l loaded, url, dir string) error {
	grace := l.plan.GracefulStop
	stop, ctx, done := e.interrupts(fmt.Sprintf("stopping: running requests may take %v; Ctrl-C again cancels them", grace))
	defer done()
	bar := newProgress(e, c.Quiet)
	defer bar.end()
	exact := alarm.New()
	defer exact.Close()
	err := run.Execute(ctx, run.Config{
		Plan: l.plan, Dir: dir, ID: filepath.Base(dir), Target: l.target.name(), Overrides: l.overrides, ToolVersion: Version,
		Client: l.client(url), Alarm: exact.Set,
		Stop: stop, Progress: bar.show, Warn: bar.say,
	})
	if errors.Is(err, fs.ErrExist) {
		return hinted{err, "choose another folder with --out"}
	}
	return err
}

// conclude reads the run back, writes its reports and prints one of them.
func (c *runCommand) conclude(e *env, dir string) error {
	stored, err := store.Open(dir)
	if err != nil {
		return err
	}
	rep, err := report.Build(stored)
	if err != nil {
		return err
	}
	if err := stored.SetVerdict(rep.Run.Outcome, rep.Run.ExitCode); err != nil {
		e.say("error: %v", err) // the report below is worth more than stopping here
	}
	for name, format := range map[string]report.Format{
		store.SummaryFile: report.JSON, "report.txt": report.Text, "report.md": report.Markdown, "report.xml": report.JUnit,
	} {
		var b strings.Builder
		if err := report.Write(&b, format, rep, report.Options{}); err != nil {
			return err
		}
		if err := store.WriteFile(dir, name, []byte(b.String())); err != nil {
			e.say("error: %v", err)
		}
	}
	format := report.Text
	if c.JSON {
		format = report.JSON
	}
	if err := report.Write(e.stdout, format, rep, report.Options{Color: e.color(e.stdout)}); err != nil {
		return err
	}
	e.say("run stored in %s", dir)
	e.code = rep.Run.ExitCode
	return nil
}
