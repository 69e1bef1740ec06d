package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/whatif"
	"github.com/tokenload/tokenload/internal/workload"
)

type whatifCommand struct {
	Run_   string `arg:"" name:"run" help:"The run directory." placeholder:"RUN"`
	Format string `help:"text, md or json." default:"text" enum:"text,md,json"`
	Out    string `short:"o" help:"Write to a file instead of standard output; in the environment TOKENLOAD_REPORT_OUT." placeholder:"FILE"`

	Prefix    map[string]int64   `help:"Tokens that all prompts of a task begin with: support=5000." placeholder:"TASK=TOKENS"`
	Prefixes  map[string]float64 `help:"How many different beginnings a task has, such as one for each customer: support=200." placeholder:"TASK=N"`
	TTL       string             `name:"ttl" help:"Life of cache entries: 5m or 1h (default: whichever is cheaper)." placeholder:"TTL"`
	Batch     map[string]float64 `help:"Share of a task's requests that can wait for a batch: nightly=1." placeholder:"TASK=SHARE"`
	BatchHits float64            `help:"Share of batched requests that find their prefix cached." default:"0.3" placeholder:"SHARE"`
	Route     map[string]string  `help:"Where a share of a task's requests can go, and the share of their answers that is good enough: simple=claude-haiku-4-5:0.6:0.97." placeholder:"TASK=MODEL:SHARE[:QUALITY]" mapsep:"none"`
	Ratio     map[string]float64 `help:"Tokens that the other model counts for one of the task's own: simple=1.3." placeholder:"TASK=RATIO"`

	Volume   float64 `help:"Requests a month, all tasks together." placeholder:"N"`
	Spread   float64 `help:"How far volume and shares may be off, for the low and the high case." default:"0.2" placeholder:"SHARE"`
	Invest   float64 `help:"What the change costs once, in dollars." placeholder:"USD"`
	Running  float64 `help:"What the change costs a month, in dollars." placeholder:"USD"`
	Months   int     `help:"Months to look at." default:"12" placeholder:"N"`
	Discount float64 `help:"Discount a year, as a share: 0.1." placeholder:"SHARE"`
}

// outcome is a what-if with its low and high case.
type outcome struct {
	Version int    `json:"version"`
	RunID   string `json:"run"`
	Partial bool   `json:"partial"`
	whatif.Report
	Investment *whatif.Investment `json:"investment"`
	Returns    *returns           `json:"returns"` // null without a volume
}

// returns are what an investment brings in three cases.
type returns struct {
	Low      whatif.Return `json:"low"`
	Expected whatif.Return `json:"expected"`
	High     whatif.Return `json:"high"`
}

// Run carries out the command.
func (c *whatifCommand) Run(e *env) error {
	stored, err := store.Open(c.Run_)
	if err != nil {
		return notExist(err, "give the folder that tokenload run named at its end")
	}
	conf, err := c.config(stored)
	if err != nil {
		return err
	}
	o, err := c.outcome(stored.Manifest, conf)
	if err != nil {
		return err
	}
	for _, w := range stored.Warnings() {
		e.say("warning: %s", w)
	}
	write := func(w io.Writer) error { return writeWhatif(w, c.Format, o) }
	if c.Out == "" {
		return write(e.stdout)
	}
	return writeFile(c.Out, write)
}

// config reads the run and what is declared of its tasks.
func (c *whatifCommand) config(r *store.Run) (whatif.Config, error) {
	catalog, err := cost.Builtin().WithStored(r.Manifest.Prices)
	if err != nil {
		return whatif.Config{}, fmt.Errorf("manifest of %q: %w", r.Manifest.ID, err)
	}
	conf := whatif.Config{Catalog: catalog, TTL: c.TTL, BatchHits: c.BatchHits, Volume: c.Volume}
	for res, err := range r.Results() {
		if err != nil {
			return conf, err
		}
		conf.Calls = append(conf.Calls, res)
	}
	conf.Tasks, err = c.tasks(r.Manifest)
	return conf, err
}

// tasks joins what the plan and the flags say of each task.
func (c *whatifCommand) tasks(m store.Manifest) (map[string]whatif.Task, error) {
	tasks := map[string]whatif.Task{}
	for _, t := range m.Tasks {
		tasks[t.Name] = whatif.Task{Prefix: workload.Tokens(t.Model, t.SystemBytes)}
		if t.SystemBytes > 0 && t.PromptBytes > 0 {
			// Better than by bytes alone: the part of what the API counted.
			tasks[t.Name] = whatif.Task{PrefixPart: float64(t.SystemBytes) / (float64(t.SystemBytes) + t.PromptBytes)}
		}
	}
	var unknown []string
	set := func(name string, change func(*whatif.Task)) {
		t, ok := tasks[name]
		if !ok {
			unknown = append(unknown, name)
		}
		change(&t)
		tasks[name] = t
	}
	for name, n := range c.Prefix {
		set(name, func(t *whatif.Task) { t.Prefix, t.PrefixPart = n, 0 })
	}
	for name, n := range c.Prefixes {
		set(name, func(t *whatif.Task) { t.Prefixes = n })
	}
	for name, share := range c.Batch {
		set(name, func(t *whatif.Task) { t.Batch = share })
	}
	for name, k := range c.Ratio {
		set(name, func(t *whatif.Task) { t.Ratio = k })
	}
	for name, text := range c.Route {
		model, share, quality, err := parseRoute(text)
		if err != nil {
			return nil, usageError{fmt.Errorf("--route %s=%s: %w", name, text, err)}
		}
		set(name, func(t *whatif.Task) { t.Model, t.Share, t.Quality = model, share, quality })
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, usageError{hinted{fmt.Errorf("the run has no task %q", unknown[0]), "its tasks are " + taskNames(m)}}
	}
	return used(tasks, m), nil
}

// used leaves out tasks that got nothing declared: a run need not have reached them.
func used(tasks map[string]whatif.Task, m store.Manifest) map[string]whatif.Task {
	for _, t := range m.Tasks {
		if tasks[t.Name] == (whatif.Task{}) {
			delete(tasks, t.Name)
		}
	}
	return tasks
}

func taskNames(m store.Manifest) string {
	var names []string
	for _, t := range m.Tasks {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// parseRoute reads MODEL:SHARE[:QUALITY].
func parseRoute(text string) (model string, share, quality float64, err error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" {
		return "", 0, 0, errors.New("want MODEL:SHARE or MODEL:SHARE:QUALITY, such as claude-haiku-4-5:0.6:0.97")
	}
	if share, err = strconv.ParseFloat(parts[1], 64); err != nil {
		return "", 0, 0, fmt.Errorf("share %q is not a number", parts[1])
	}
	if len(parts) == 3 {
		if quality, err = strconv.ParseFloat(parts[2], 64); err != nil || quality <= 0 {
			return "", 0, 0, fmt.Errorf("quality %q is not a number over 0", parts[2])
		}
	}
	return parts[0], share, quality, nil
}

// outcome prices the run, and the investment in three cases.
func (c *whatifCommand) outcome(m store.Manifest, conf whatif.Config) (outcome, error) {
	rep, err := whatif.Of(conf)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{Version: 1, RunID: m.ID, Partial: m.Ended == nil || m.Stop.Cause != "completed", Report: rep}
	if c.Volume == 0 {
		if c.Invest != 0 || c.Running != 0 {
			return outcome{}, usageError{errors.New("an investment needs a --volume: how many requests a month it is for")}
		}
		return o, nil
	}
	v := whatif.Investment{Once: c.Invest, Monthly: c.Running, Months: c.Months, Annual: c.Discount}
	o.Investment, o.Returns = &v, &returns{}
	for _, x := range []struct {
		to     *whatif.Return
		factor float64
		hits   float64
	}{{&o.Returns.Low, 1 - c.Spread, min(c.BatchHits, 0.3)}, {&o.Returns.Expected, 1, c.BatchHits}, {&o.Returns.High, 1 + c.Spread, max(c.BatchHits, 0.98)}} {
		r, err := whatif.Of(scaledConfig(conf, x.factor, x.hits))
		if err != nil {
			return outcome{}, err
		}
		saving, _ := r.Saving()
		if *x.to, err = whatif.Returns(v, saving); err != nil {
			return outcome{}, usageError{err}
		}
	}
	return o, nil
}

// scaledConfig is a case with more or less volume and larger or smaller shares.
func scaledConfig(c whatif.Config, factor, hits float64) whatif.Config {
	c.Volume *= factor
	c.BatchHits = cmp.Or(hits, 1e-9) // 0 would be the default
	tasks := map[string]whatif.Task{}
	for name, t := range c.Tasks {
		t.Batch, t.Share = min(t.Batch*factor, 1), min(t.Share*factor, 1)
		tasks[name] = t
	}
	c.Tasks = tasks
	return c
}

// dollars shows an amount that may be far above what a call costs.
func dollars(usd float64) string {
	switch {
	case usd < 0:
		return "-" + dollars(-usd)
	case usd >= 1000:
		return "$" + count(int64(usd+0.5))
	}
	return call.DollarsToUSD(usd).String()
}
