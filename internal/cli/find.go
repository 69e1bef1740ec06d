package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/store"
)

type findCommand struct {
	Plan      string        `arg:"" help:"The plan, a YAML file: its requests, its thresholds, and whether load is users or arrivals."`
	Target    string        `help:"Where to send: an address without /v1, or sim." placeholder:"URL"`
	API       string        `name:"api" help:"The API's dialect: messages, or chat for OpenAI-style chat completions." placeholder:"NAME"`
	Out       string        `help:"Directory of the search (default runs/<time>-<name>-find); one that holds a search is gone on with." placeholder:"DIR"`
	Resume    string        `help:"Go on with the search in this directory." placeholder:"DIR"`
	Seed      string        `help:"Seed of every draw (default: drawn, and kept)." placeholder:"N"`
	Budget    string        `help:"Hard limit in dollars, for all steps together." placeholder:"USD"`
	Set       []string      `help:"Override a field of the plan: tasks.0.max_tokens=64." placeholder:"PATH=VALUE" sep:"none"`
	Tier      string        `help:"Rate limits of the simulator: start, build, scale, tier1 to tier4." placeholder:"NAME"`
	Min       float64       `help:"Least load to try, users or arrivals a second." placeholder:"LOAD"`
	Max       float64       `help:"Highest load to try." placeholder:"LOAD"`
	Precision string        `help:"How near the load that keeps the thresholds and the one that does not must come." default:"6%" placeholder:"SHARE"`
	Confirm   time.Duration `help:"How long the answer is held with an empty bucket." default:"1m" placeholder:"TIME"`
	Format    string        `help:"text, md or json." default:"text" enum:"text,md,json"`
	Quiet     bool          `short:"q" help:"No progress."`
}

// Help is the long help.
func (*findCommand) Help() string {
	return "Exit codes: 0 for an answer, 99 where not even the least load keeps the thresholds, or less than one user is carried, 105 interrupted, 120 where the budget ended the " +
		"search before its answer, 121 where our own machine did, 1 where nothing was learned."
}

// Run carries out the command.
func (c *findCommand) Run(e *env) error {
	l, err := c.load(e)
	if err != nil {
		return err
	}
	dir, err := c.folder(l.plan.Name)
	if err != nil {
		return err
	}
	lock, err := holdSearch(dir)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // the process ends, and with it the lock
	record, l, err := c.record(dir, l)
	if err != nil {
		return err
	}
	if l.target.why != "" {
		e.say("%s", l.target.why)
	}
	if p, err := shareFlag("--precision", c.Precision); err == nil && (p != record.Precision || c.Confirm.Seconds() != record.ConfirmS) {
		e.say("the search goes on with --precision %g%% and --confirm %gs, as it began", 100*record.Precision, record.ConfirmS)
	}
	f, err := newFinder(l.plan, capacity.Config{Min: record.Min, Max: record.Max, Precision: record.Precision, Confirm: time.Duration(record.ConfirmS * float64(time.Second))})
	if err != nil {
		return err
	}
	f.dir, f.target = dir, l.target.name()
	for _, note := range planNotes(l.plan, f) {
		e.say("%s", note)
	}
	if err := f.replay(); err != nil {
		return err
	}
	if err := c.search(e, f, l); err != nil {
		return err
	}
	return c.conclude(e, f, record)
}

// load reads the plan.
func (c *findCommand) load(e *env) (loaded, error) {
	for _, v := range []float64{c.Min, c.Max} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return loaded{}, usageError{hinted{fmt.Errorf("--min %g and --max %g are not both numbers", c.Min, c.Max), "leave --max out to search as far as the target goes"}}
		}
	}
	if c.Min < 0 || c.Max < 0 || c.Max > 0 && c.Max < c.Min {
		return loaded{}, usageError{fmt.Errorf("--min %g and --max %g are no range of loads", c.Min, c.Max)}
	}
	if c.Confirm < 10*time.Second {
		return loaded{}, usageError{fmt.Errorf("--confirm %v: the shortest that shows anything is 10s", c.Confirm)}
	}
	if _, err := c.precision(); err != nil {
		return loaded{}, err
	}
	r := runCommand{Plan: c.Plan, Target: c.Target, API: c.API, Seed: c.Seed, Budget: c.Budget, Set: c.Set}
	l, err := r.load(e)
	if err == nil && !l.target.sim() && c.Tier != "" {
		err = usageError{errors.New("--tier is for the simulator; this target is " + l.target.name())}
	}
	return l, err
}

// folder is the directory of the search.
func (c *findCommand) folder(name string) (string, error) {
	switch {
	case c.Resume != "" && c.Out != "" && c.Out != c.Resume:
		return "", usageError{errors.New("--resume and --out name two directories: give one of them")}
	case c.Resume != "":
		if _, err := os.Stat(filepath.Join(c.Resume, searchFile)); err != nil {
			return "", notExist(fmt.Errorf("resume %q: %w", c.Resume, err), "give the directory of a search, as tokenload find named it at its end")
		}
		return c.Resume, nil
	case c.Out != "":
		return c.Out, nil
	}
	return (&runCommand{}).dir(name + "-find")
}

// search makes what steps are missing.
func (c *findCommand) search(e *env, f *finder, l loaded) error {
	if finished(f.dir) {
		return nil
	}
	if _, more := f.search.Next(f.left()); !more {
		return nil
	}
	url := l.target.url
	if l.target.sim() {
		s, err := startSim(l.plan, c.Tier)
		if err != nil {
			return err
		}
		defer s.Close() //nolint:errcheck // nothing is lost with it
		url = s.URL
	}
	f.client = l.client(url)
	stop, ctx, done := e.interrupts(fmt.Sprintf("stopping: running requests may take %v; Ctrl-C again cancels them", l.plan.GracefulStop))
	defer done()
	bar := newProgress(e, c.Quiet)
	defer bar.end()
	f.show, f.say = bar.show, bar.say
	if c.Quiet {
		f.say = func(string) {}
	}
	f.say(f.promise())
	return f.run(ctx, stop)
}

// conclude writes the answer into the directory, prints it, and decides the exit code.
func (c *findCommand) conclude(e *env, f *finder, r searchRecord) error {
	found := f.found(r)
	for name, format := range map[string]string{"find.txt": "text", "find.md": "md", "find.json": "json"} {
		var b strings.Builder
		if err := writeFound(&b, format, found); err != nil {
			return err
		}
		if err := store.WriteFile(f.dir, name, []byte(b.String())); err != nil {
			e.say("error: %v", err)
		}
	}
	if err := writeFound(e.stdout, c.Format, found); err != nil {
		return err
	}
	e.say("search stored in %s", f.dir)
	if found.Stopped != "" {
		e.say("hint: go on with %s", c.again(f.dir, found.Stopped))
	}
	e.code = found.ExitCode
	return nil
}

// again is the command that goes on with a search in a directory. A prompt is not
// repeated: it would be on the screen, and in what keeps that.
func (c *findCommand) again(dir, stopped string) string {
	words := []string{"tokenload find", shellWord(c.Plan), "--resume", shellWord(dir)}
	add := func(name, value string) {
		if value != "" && value != "0" {
			words = append(words, name, shellWord(value))
		}
	}
	add("--target", c.Target)
	add("--api", c.API)
	add("--tier", c.Tier)
	add("--seed", c.Seed)
	if c.Confirm != time.Minute {
		add("--confirm", c.Confirm.String())
	}
	if c.Precision != "6%" {
		add("--precision", c.Precision)
	}
	if stopped == capacity.ByBudget {
		words = append(words, "--budget MORE")
	} else {
		add("--budget", c.Budget)
	}
	for i, s := range plan.Redacted(c.Set) {
		if s != c.Set[i] {
			path, _, _ := strings.Cut(s, "=")
			s = path + "=…"
		}
		add("--set", s)
	}
	add("--min", strconv.FormatFloat(c.Min, 'g', -1, 64))
	add("--max", strconv.FormatFloat(c.Max, 'g', -1, 64))
	return strings.Join(words, " ")
}

// shellWord is a text as a shell takes it for one word.
func shellWord(s string) string {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-+=:,./@%", r))
	}
	if s != "" && !strings.ContainsFunc(s, odd) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// planNotes are what a user should know of how the plan is read.
func planNotes(p *plan.Plan, f *finder) []string {
	var notes []string
	if staged(p) {
		notes = append(notes, "the plan's stages are not used: find makes its own load, of the same kind")
	}
	if p.Load.ThinkMax > 0 {
		notes = append(notes, fmt.Sprintf("users pause for %v to %v: the answer is for users who do", p.Load.ThinkMin, p.Load.ThinkMax))
	}
	if len(f.demands) == 0 {
		notes = append(notes, "no threshold of the plan can be looked for: the answer is about limits alone")
	}
	if p.OnLimit.Mode != "measure" {
		notes = append(notes, "on_limit: "+p.OnLimit.Mode+" is not used: the answer is a load that is not refused")
	}
	return notes
}

// staged reports whether a plan has stages of its own, not the short form.
func staged(p *plan.Plan) bool {
	for _, s := range p.Load.Profile.Stages {
		if s.Name != "" {
			return true
		}
	}
	return false
}

// promise says what the search may cost before it costs anything.
func (f *finder) promise() string {
	if !f.plan.Budget.Given {
		return "no budget: the target is simulated, and its dollars are not real"
	}
	text := fmt.Sprintf("all steps together cost at most the budget of %v", f.plan.Budget.Guard.Budget)
	if f.spent > 0 {
		text += fmt.Sprintf(", of which %v is spent", f.spent)
	}
	return text
}

// forecast says what the rest of the search may cost, once its first calls have
// told the limits.
func (f *finder) forecast() string {
	c, ok := f.search.Forecast()
	if !ok {
		return "no header tells a limit: how far the search must go shows on the way"
	}
	words := func(n float64) string {
		return fmt.Sprintf("%s requests, %s tokens and $%.2f", count(int64(n)), count(int64(n*(c.Input+c.Output))), n*c.Dollars)
	}
	text := "the search will take about " + words(c.Requests) + "; at most " + words(c.Most)
	if left := f.left(); left >= 0 && left.Dollars() < c.Most*c.Dollars {
		text += fmt.Sprintf("; %v is left, and it stops there", left)
	}
	return text
}

// exitOf decides the exit code of a search.
func exitOf(a capacity.Answer, users bool) int {
	switch {
	case a.Stopped == capacity.ByTarget:
		return exitFailed
	case a.Stopped == capacity.ByUser:
		return 105
	case a.Stopped == capacity.ByBudget && (a.AtLeast || !(a.Load.Value > 0)):
		return 120
	case a.Load.Value == 0, users && a.Load.Value < 1 && !a.AtLeast:
		return exitWorse
	case a.Bound == capacity.ByMachine:
		return 121
	case !(a.Load.Value > 0):
		return exitFailed
	}
	return 0
}
