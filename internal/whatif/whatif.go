// Package whatif prices the calls of a measured run another way: with the prompt
// cache, in batches, on another model, and with all of these together. Records,
// prices and what the user declares come in; a [Report] goes out, in which what
// was measured, what was given and what was assumed stand side by side.
//
// It refuses to assume a benefit that nobody has shown: no request is routable
// or eligible for a batch unless the user says so, and nothing is cached whose
// shared length is not known. It does no I/O and knows no clock.
package whatif

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/stats"
)

// Lever is a way to pay less; levers add up to a set of them.
type Lever uint8

// The levers.
const (
	Cache Lever = 1 << iota
	Batch
	Route
	levers = 3
	all    = Cache | Batch | Route
)

func (l Lever) String() string {
	if l == 0 {
		return "as measured"
	}
	name := ""
	for i, n := range [levers]string{"cache", "batch", "routing"} {
		if l&(1<<i) != 0 {
			name += " + " + n
		}
	}
	return name[len(" + "):]
}

// Config is a run and what is declared of it. Calls and Catalog must be set.
type Config struct {
	Calls   []call.Result // attempts; those without a final bill are counted and passed over
	Catalog *cost.Catalog
	Tasks   map[string]Task // what is declared of each task; a task may be missing
	// TTL is the life of cache entries: "5m", "1h", or "" for whichever is cheaper.
	TTL string
	// BatchHits is the share of batch requests that find their prefix cached; 0 is
	// 0.3, the low end of what the API's documentation reports (30 % to 98 %).
	BatchHits float64
	// Volume is requests a month, all tasks together; 0 gives no months.
	Volume float64
}

// Task is what is declared of one task.
type Task struct {
	// Prefix is how many tokens all prompts of the task begin with, alike to the
	// byte; 0 is none, or not known. Measured says that the API counted it.
	Prefix         int64
	PrefixMeasured bool
	// PrefixPart is the beginning as a part of the mean prompt, for a Prefix that is
	// not given: the text's own proportion. 0 is not known.
	PrefixPart float64
	// Prefixes is how many different such beginnings there are, in equal parts; 0
	// is 1.
	Prefixes float64
	// Batch is the share of requests that can wait for a batch; 0 is none.
	Batch float64
	// Model is where routable requests go, Share how many are routable, 0 to 1.
	Model string
	Share float64
	// Quality is the share of routed answers that are good enough; the others are
	// asked again of the task's own model. 0 is 1: not assessed.
	Quality float64
	// Ratio is how many tokens Model counts for one of the task's own; 0 is 1, or by
	// the generations of the tokenizer where they differ.
	Ratio float64
}

// Report is what the levers do.
type Report struct {
	Calls   int `json:"calls"`
	Unknown int `json:"calls_without_a_bill"` // not in any figure
	// Combinations are the sums over all tasks, by set of levers; 0 is as measured.
	Combinations []Combination `json:"combinations"`
	// Cheapest is each task under its own best set of levers: a lever that loses on
	// a task is left out there.
	Cheapest Combination  `json:"cheapest"`
	Tasks    []TaskReport `json:"tasks"`
	Shares   []Share      `json:"attribution"` // of the saving of all levers together
	Monthly  bool         `json:"monthly"`     // whether the months' columns are filled
	Assumed  []string     `json:"assumed"`
	Given    []string     `json:"given"`
	Measured []string     `json:"measured"`
}

// Combination is one set of levers, on the run itself and in a month.
type Combination struct {
	Levers   Lever   `json:"-"`
	Name     string  `json:"levers"`
	RunUSD   float64 `json:"run_usd"`
	MonthUSD float64 `json:"month_usd"`
}

// Share is what one lever saves: alone, as the last of all, and its Shapley
// value, of which the shares add up to the whole saving. Dollars of the run, or
// of a month where there is a volume.
type Share struct {
	Lever   string  `json:"lever"`
	Alone   float64 `json:"alone_usd"`
	Last    float64 `json:"last_usd"`
	Shapley float64 `json:"shapley_usd"`
}

// TaskReport is one task under every set of levers.
type TaskReport struct {
	Name         string        `json:"task"`
	Model        string        `json:"model"`
	Calls        int           `json:"calls"`
	Prefix       int64         `json:"prefix_tokens"`
	Combinations []Combination `json:"combinations"`
	Best         string        `json:"best"` // the cheapest set: of a month, else of the run
	TTL          string        `json:"ttl"`  // that pays best with the cache alone; "" where none does
	// HitRate is what the run's own arrivals would have found cached; MonthHitRate
	// what independent arrivals at the month's rate would.
	HitRate      float64 `json:"hit_rate"`
	MonthHitRate float64 `json:"month_hit_rate"`
	// BreakEven is the hit rate from which on the cache pays, with TTL.
	BreakEven float64 `json:"break_even_hit_rate"`
	// Counted is the mean input that counts against rate limits, as measured and
	// with the cache.
	Counted       float64 `json:"counted_input"`
	CountedCached float64 `json:"counted_input_cached"`
	Why           string  `json:"why"` // why a lever has no effect here; "" where all have
}

// Saving is by how much the cheapest sets of levers are cheaper, and on what base:
// of a month where there is a volume, else of the run.
func (r Report) Saving() (saving, base float64) {
	base = r.Combinations[0].figure(r.Monthly)
	return base - r.Cheapest.figure(r.Monthly), base
}

func (c Combination) figure(monthly bool) float64 {
	if monthly {
		return c.MonthUSD
	}
	return c.RunUSD
}

// month is what a month is in this package, as in the API's own examples.
const month = 30 * 24 * time.Hour

// Of prices a run another way. The error is that there is nothing to price, or
// a declaration that cannot be.
func Of(c Config) (Report, error) {
	c.BatchHits = cmp.Or(c.BatchHits, 0.3)
	tasks, unknown := c.split()
	if len(tasks) == 0 {
		return Report{}, fmt.Errorf("no call of the run has a final bill (%d have none)", unknown)
	}
	if err := c.check(tasks); err != nil {
		return Report{}, err
	}
	r := Report{Unknown: unknown, Monthly: c.Volume > 0, Combinations: combinations()}
	cold := 0
	for _, t := range tasks {
		r.Calls += len(t.calls)
		cold += t.cold
	}
	for _, t := range tasks {
		t.perMonth = c.Volume * float64(len(t.calls)+t.cold) / float64(r.Calls+cold)
		tr := t.report()
		for i := range tr.Combinations {
			r.Combinations[i].RunUSD += tr.Combinations[i].RunUSD
			r.Combinations[i].MonthUSD += tr.Combinations[i].MonthUSD
		}
		best := tr.best(r.Monthly)
		r.Cheapest.RunUSD += best.RunUSD
		r.Cheapest.MonthUSD += best.MonthUSD
		r.Tasks = append(r.Tasks, tr)
	}
	r.Cheapest.Name = "cheapest for each task"
	r.Shares = attribute(r.Combinations, r.Monthly)
	r.words(c, tasks)
	return r, nil
}

// best is the task's cheapest set; the fewest levers of equals.
func (t TaskReport) best(monthly bool) Combination {
	return slices.MinFunc(t.Combinations, func(a, b Combination) int {
		return cmp.Or(cmp.Compare(math.Round(1e9*a.figure(monthly)), math.Round(1e9*b.figure(monthly))),
			cmp.Compare(bits.OnesCount8(uint8(a.Levers)), bits.OnesCount8(uint8(b.Levers))))
	})
}

func combinations() []Combination {
	out := make([]Combination, all+1)
	for l := range out {
		out[l] = Combination{Levers: Lever(l), Name: Lever(l).String()}
	}
	return out
}

// attribute deals the whole saving out to the levers.
func attribute(cs []Combination, monthly bool) []Share {
	saved := make([]float64, len(cs))
	for i, c := range cs {
		saved[i] = cs[0].figure(monthly) - c.figure(monthly)
	}
	phi := stats.Shapley(levers, func(set uint) float64 { return saved[set] })
	var out []Share
	for i := range levers {
		one := Lever(1 << i)
		out = append(out, Share{Lever: one.String(), Alone: saved[one], Last: saved[all] - saved[all&^one], Shapley: phi[i]})
	}
	return out
}

// split sorts the calls that have a final bill by task and model, in the order
// in which they left. Those that were made to miss the prompt cache are counted
// and passed over: only an experiment has such calls.
func (c *Config) split() (tasks []*traffic, unknown int) {
	by, cold := map[[2]string]*traffic{}, map[[2]string]int{}
	for _, r := range c.Calls {
		if !r.Class.Sent() || r.Status >= 300 {
			continue // cost nothing
		}
		if r.CostBound || r.Class != call.OK && r.Class != call.Refused {
			unknown++
			continue
		}
		k := [2]string{r.Task, r.Model}
		if r.Cold {
			cold[k]++
			continue
		}
		t := by[k]
		if t == nil {
			t = &traffic{Config: c, name: r.Task, model: r.Model, Task: c.Tasks[r.Task]}
			by[k] = t
			tasks = append(tasks, t)
		}
		t.calls = append(t.calls, r)
	}
	slices.SortFunc(tasks, func(a, b *traffic) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.model, b.model)) })
	for _, t := range tasks {
		t.cold = cold[[2]string{t.name, t.model}]
		slices.SortFunc(t.calls, func(a, b call.Result) int { return cmp.Compare(a.Started, b.Started) })
		t.learnPrefix()
	}
	return tasks, unknown
}

// check refuses what cannot be priced.
func (c *Config) check(tasks []*traffic) error {
	known := map[string]bool{}
	for _, t := range tasks {
		known[t.name] = true
		if !c.Catalog.Known(t.model) {
			return fmt.Errorf("model %q has no price", t.model)
		}
	}
	for name, t := range c.Tasks {
		switch {
		case !known[name]:
			return fmt.Errorf("the run has no answers of a task %q", name)
		case t.Model != "" && !c.Catalog.Known(t.Model):
			return fmt.Errorf("model %q has no price", t.Model)
		case !share(t.Batch) || !share(t.PrefixPart) || !share(t.Share) || !share(t.Quality):
			return fmt.Errorf("task %q: a share is not between 0 and 1", name)
		case t.Prefix < 0 || t.Prefixes < 0 || t.Ratio < 0:
			return fmt.Errorf("task %q: a figure is below 0", name)
		}
	}
	if c.TTL != "" && c.TTL != "5m" && c.TTL != "1h" {
		return fmt.Errorf("ttl %q is not 5m or 1h", c.TTL)
	}
	if !share(c.BatchHits) || c.Volume < 0 || math.IsNaN(c.Volume) {
		return fmt.Errorf("batch hits %v or volume %v is out of range", c.BatchHits, c.Volume)
	}
	return nil
}

func share(f float64) bool { return f >= 0 && f <= 1 }
