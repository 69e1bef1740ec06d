// Package cache compares, within one run, calls that had to miss the prompt
// cache with those that may hit it: what a hit is worth in time and in money.
//
// A run's records come in; for each task that asked for cold calls a
// [Comparison] goes out. Cold calls are drawn at random among the others, so
// that whatever else went on in the run met both alike. A call that did not do
// what it was made for (a cold one that hit, a warm one that missed) is named
// and belongs to neither side. The package does no I/O and knows no clock.
package cache

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

const level = 0.95 // of every interval

// Task is what the plan asked of a task's prompt cache.
type Task struct {
	Cold float64 // share of its calls that must miss; 0 is no comparison
	TTL  string  // "5m", "1h", or "" where the server caches by itself
}

// Calls are the calls of a run, as far as they say something of the prompt
// cache. The zero value with Tasks set is ready for use; it is for one goroutine.
type Calls struct {
	Tasks map[string]Task // by name
	// Price is what a usage costs. Nil is not known.
	Price func(model string, u call.Usage) call.USD

	by map[string]*task
}

type task struct {
	model      string
	cold, warm side
	ready      time.Duration // from when on the warm prefix could be read; 0 is never
}

// side is the calls of one kind.
type side struct {
	asked, answered int
	calls           []answer // as they were made to be
	astray          []answer
}

type answer struct {
	started time.Duration
	ttft    float64 // in ms; NaN where the answer was no stream
	cost    call.USD
	saved   call.USD // by what it read
	usage   call.Usage
}

// Add takes one record.
func (c *Calls) Add(r call.Result) {
	asked := c.Tasks[r.Task]
	if asked.Cold == 0 || !r.Class.Sent() {
		return
	}
	if c.by == nil {
		c.by = map[string]*task{}
	}
	t := c.by[r.Task]
	if t == nil {
		t = &task{model: r.Model}
		c.by[r.Task] = t
	}
	if !r.Cold && r.Class == call.OK {
		t.see(r)
	}
	if r.Phase != call.Main && r.Phase != "" {
		return
	}
	s := &t.warm
	if r.Cold {
		s = &t.cold
	}
	s.asked++
	if r.Class != call.OK || r.CostBound {
		return
	}
	s.answered++
	a := answer{started: r.Started, ttft: math.NaN(), cost: r.Cost, usage: r.Usage, saved: c.saved(r, asked.TTL)}
	if r.FirstContent > 0 {
		a.ttft = float64(r.ServiceTTFT()) / float64(time.Millisecond)
	}
	if r.Cold == (r.CacheRead == 0) {
		s.calls = append(s.calls, a)
	} else {
		s.astray = append(s.astray, a)
	}
}

// see learns from when on the warm prefix could be read: from the beginning of
// the first answer to one that has it, or earlier where that one found it.
func (t *task) see(r call.Result) {
	at := cmp.Or(r.FirstEvent, r.FirstByte, r.Done)
	if r.CacheRead > 0 {
		at = r.Started
	}
	if t.ready == 0 || at < t.ready {
		t.ready = at
	}
}

// saved is how much less a call cost than it would have, had it missed: then it
// had written what it read, or sent it as plain input where the server caches
// by itself.
func (c *Calls) saved(r call.Result, ttl string) call.USD {
	if c.Price == nil || r.CacheRead == 0 {
		return 0
	}
	u := r.Usage
	switch ttl {
	case "5m":
		u.CacheWrite5m += u.CacheRead
	case "1h":
		u.CacheWrite1h += u.CacheRead
	default:
		u.Input += u.CacheRead
	}
	u.CacheRead = 0
	return c.Price(r.Model, u) - c.Price(r.Model, r.Usage)
}

// Comparison is cold against warm calls of one task.
type Comparison struct {
	Task  string  `json:"task"`
	Model string  `json:"model"`
	Share float64 `json:"cold_share"` // as the plan asks
	Cold  Side    `json:"cold"`
	Warm  Side    `json:"warm"`
	// TTFT and Cost are warm less cold: below 0 is what a hit saves. TTFT is the
	// Hodges–Lehmann shift, in ms; Cost the difference of the means, in dollars.
	TTFT Estimate `json:"service_ttft_difference_ms"`
	Cost Estimate `json:"cost_difference_usd"`
	// Saved is how much less the warm calls cost together than if they had missed,
	// at the length of their own answers; null where prices are not known.
	Saved *call.USD `json:"saved_usd"`
	// Warnings name calls that belong to neither side, and what is withheld.
	Warnings []string `json:"warnings"`
}

// Side is the calls of one kind, of phase main.
type Side struct {
	Asked    int      `json:"asked"`           // attempts sent
	Answered int      `json:"answered"`        // of them, ended ok
	Calls    int      `json:"calls"`           // of them, did as they were made to: only these are in the figures
	TTFT     Estimate `json:"service_ttft_ms"` // median; of streams
	Cost     Estimate `json:"cost_usd"`        // mean
	Prompt   Prompt   `json:"mean_prompt"`     // in tokens
}

// Prompt is a mean prompt by how it was paid, in tokens.
type Prompt struct {
	Input metrics.Number `json:"input_tokens"` // neither written nor read
	Write metrics.Number `json:"cache_write_tokens"`
	Read  metrics.Number `json:"cache_read_tokens"`
}

// Estimate is a figure and its 95 % interval; null is withheld.
type Estimate struct {
	Value metrics.Number `json:"value"`
	Low   metrics.Number `json:"low"`
	High  metrics.Number `json:"high"`
	N     int            `json:"n"` // of a difference, on the smaller side
}

// Comparisons returns one for each task that asked for cold calls and had any
// call, by name. It is never nil.
func (c *Calls) Comparisons() []Comparison {
	out := []Comparison{}
	for name, t := range c.by {
		k := Comparison{
			Task: name, Model: t.model, Share: c.Tasks[name].Cold, Cold: t.cold.sum(), Warm: t.warm.sum(),
			TTFT: shift(t.cold.ttfts(), t.warm.ttfts()), Cost: estimate(stats.MeanDifference(t.cold.costs(), t.warm.costs(), level)),
		}
		if !k.Cost.Low.Known() {
			k.Cost.Value = metrics.Withheld() // what each side cost is a fact, that they differ is a claim
		}
		if c.Price != nil {
			saved := call.USD(0)
			for _, a := range t.warm.calls {
				saved += a.saved
			}
			k.Saved = &saved
		}
		k.Warnings = t.warnings(k, c.Tasks[name])
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b Comparison) int { return cmp.Compare(a.Task, b.Task) })
	return out
}

// sum adds up one side.
func (s *side) sum() Side {
	slices.SortStableFunc(s.calls, func(a, b answer) int { return cmp.Compare(a.started, b.started) })
	ttfts, costs := s.ttfts(), s.costs()
	out := Side{
		Asked: s.asked, Answered: s.answered, Calls: len(s.calls),
		TTFT: Estimate{metrics.Withheld(), metrics.Withheld(), metrics.Withheld(), len(ttfts)},
		Cost: estimate(stats.Mean(costs, level, worth(costs))),
	}
	if len(ttfts) >= stats.LeastN(0.5, level) {
		out.TTFT = estimate(stats.Quantile(ttfts, 0.5, level, worth(ttfts)))
	}
	mean := func(of func(call.Usage) int64) metrics.Number {
		sum := int64(0)
		for _, a := range s.calls {
			sum += of(a.usage)
		}
		return metrics.Number(float64(sum) / float64(len(s.calls))) // NaN of none is withheld
	}
	out.Prompt = Prompt{
		Input: mean(func(u call.Usage) int64 { return u.Input }),
		Write: mean(func(u call.Usage) int64 { return u.CacheWrite5m + u.CacheWrite1h }),
		Read:  mean(func(u call.Usage) int64 { return u.CacheRead }),
	}
	return out
}

// shift is by how much warm calls are slower than cold ones. Which call is cold
// was drawn at random, so the test needs no correction for what neighbours in
// time have in common.
func shift(cold, warm []float64) Estimate {
	if least := stats.LeastN(0.5, level); len(cold) < least || len(warm) < least {
		return Estimate{metrics.Withheld(), metrics.Withheld(), metrics.Withheld(), min(len(cold), len(warm))}
	}
	return estimate(stats.HodgesLehmann(cold, warm, level, 1))
}

// worth is how many independent values these are worth, in the order of time.
func worth(values []float64) float64 {
	return stats.EffectiveN(len(values), stats.Autocorrelation(values))
}

// ttfts are the times of the streams, in ms.
func (s *side) ttfts() []float64 {
	var out []float64
	for _, a := range s.calls {
		if !math.IsNaN(a.ttft) {
			out = append(out, a.ttft)
		}
	}
	return out
}

// costs are in dollars.
func (s *side) costs() []float64 {
	var out []float64
	for _, a := range s.calls {
		out = append(out, a.cost.Dollars())
	}
	return out
}

func estimate(e stats.Estimate) Estimate {
	return Estimate{metrics.Number(e.Value), metrics.Number(e.Low), metrics.Number(e.High), e.N}
}
