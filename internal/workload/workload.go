// Package workload turns a seed and an index into the request with that index.
// Weighted tasks with their prompts go in once; bodies for the Messages API, or
// for chat completions, come out, byte for byte the same for the same seed and
// index, in any order and on any number of machines. It reads no file, keeps no
// state and sends nothing.
//
// It also says what a body's length does not show about its cost (see
// [Unbounded] and the fields of call.Request), and judges answers by the plan's
// checks.
package workload

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"

	"github.com/tokenload/tokenload/internal/call"
)

// Task is one kind of request and how often it is made. It has either Prompts
// or Synthetic.
type Task struct {
	Name      string
	Weight    float64 // its share of the sum of all weights; 0 is never chosen
	API       string  // "chat" for chat completions; else the Messages API
	Model     string
	MaxTokens int // most output tokens, at least 1; 0 only where Synthetic says it
	Stream    bool
	System    System
	Prompts   []string // one is drawn for each request; invalid UTF-8 is sent as U+FFFD
	Template  bool     // fill {{index}} and {{seed}} in Prompts
	Synthetic *Synthetic
	Body      json.RawMessage // an object; its keys are put into the request, values byte for byte; nil is none
}

// System is a system prompt. The zero System is none.
type System struct {
	Text  string
	Cache string // how long the API is to cache it: "5m", "1h", or "" for not at all
	// Cold is the share of requests that must not find it cached; 0 is none. Then
	// the text begins with a line of its own: see copyLine.
	Cold float64
}

// Synthetic is a prompt made up to a wanted length.
type Synthetic struct {
	P50, P95     int // input tokens: lognormal through both; P95 of 0 is always P50
	OutputTokens int // most output tokens where below the task's MaxTokens; 0 is MaxTokens
}

// Mix is a weighted set of tasks. It does not change, and any number of
// goroutines may use it.
type Mix struct {
	seed   uint64
	tasks  []rendered
	upTo   []float64 // running sum of the weights
	checks []Check
	regexp []*regexp.Regexp // of the check at the same place; nil where it has none
	keep   bool             // a check needs the answer's text
}

// New checks tasks and checks and prepares what all requests of a task share.
// The error joins every mistake.
func New(seed uint64, tasks []Task, checks []Check) (*Mix, error) {
	m := &Mix{seed: seed, checks: slices.Clone(checks)}
	var errs []error
	var sum float64
	for i, t := range tasks {
		if err := t.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("task %q: %w", cmp.Or(t.Name, fmt.Sprintf("#%d", i+1)), err))
			continue
		}
		sum += t.Weight
		m.upTo = append(m.upTo, sum)
		m.tasks = append(m.tasks, render(t))
	}
	if len(errs) == 0 && !(sum > 0 && sum <= math.MaxFloat64) {
		errs = append(errs, errors.New("no task has a weight over 0"))
	}
	for i, c := range checks {
		if err := c.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("check %d: %w", i+1, err))
		}
		var re *regexp.Regexp
		if c.Matches != "" {
			re, _ = regexp.Compile(c.Matches) // Validate has reported the error
		}
		m.regexp = append(m.regexp, re)
		m.keep = m.keep || c.NeedsText()
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

// Validate reports everything wrong with the task, joined; nil if nothing is.
func (t Task) Validate() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(!(t.Weight >= 0 && t.Weight <= maxWeight), "weight %v is not between 0 and 1e9", t.Weight)
	bad(t.Model == "", "no model")
	bad(len(t.Prompts) == 0 && t.Synthetic == nil, "no prompts")
	bad(len(t.Prompts) > 0 && t.Synthetic != nil, "both prompts and synthetic")
	bad(!slices.Contains([]string{"", "5m", "1h"}, t.System.Cache), "system cache %q is not 5m or 1h", t.System.Cache)
	bad(t.System.Cache != "" && t.System.Text == "", "a cached system prompt without text")
	bad(t.coldReason() != "", "%s", t.coldReason())
	if s := t.Synthetic; s != nil {
		bad(s.P50 < 1 || s.P50 > maxSynthetic, "synthetic p50 %d is not between 1 and %d tokens", s.P50, maxSynthetic)
		bad(s.P95 != 0 && (s.P95 < s.P50 || s.P95 > maxSynthetic), "synthetic p95 %d is not between p50 and %d tokens", s.P95, maxSynthetic)
		bad(s.OutputTokens < 0, "synthetic output tokens %d are below 0", s.OutputTokens)
	}
	bad(t.maxTokens() < 1, "max_tokens %d is below 1", t.MaxTokens)
	bad(!slices.Contains([]string{"", "messages", "chat"}, t.API), "api %q is not messages or chat", t.API)
	fields, err := readBody(t)
	bad(err != nil, "%w", err)
	if n := completionTokens(t, fields); n != 0 {
		bad(n != t.maxTokens(), "%s is %d in the body, and max_tokens %d", maxCompletion, n, t.maxTokens())
	}
	return errors.Join(errs...)
}

// maxWeight keeps sums of weights finite and fine enough to tell tasks apart.
const maxWeight = 1e9

// maxTokens returns the most output tokens a request of the task allows.
func (t Task) maxTokens() int {
	if t.Synthetic == nil || t.Synthetic.OutputTokens <= 0 {
		return t.MaxTokens
	}
	if t.MaxTokens == 0 {
		return t.Synthetic.OutputTokens
	}
	return min(t.MaxTokens, t.Synthetic.OutputTokens)
}

// Request returns the request with an index: a pure function of the seed and
// the index. Stage, phase and due time are the caller's to fill in.
func (m *Mix) Request(index int) call.Request {
	// A stream of its own for each index, so that no request depends on another.
	r := rand.New(rand.NewPCG(m.seed, uint64(index)))
	t := &m.tasks[m.choose(r.Float64())]
	req := t.request
	req.Index = index
	req.KeepText = m.keep
	req.Cold = t.cold(m.seed, index)
	req.Body = t.body(r, m.seed, index)
	if t.copy > 0 {
		number(req.Body[t.copy:], m.seed, index, req.Cold)
	}
	return req
}

// choose returns the task that a number from [0, 1) falls on.
func (m *Mix) choose(u float64) int {
	last := len(m.upTo) - 1
	u *= m.upTo[last]
	i, found := slices.BinarySearch(m.upTo, u)
	for found && i < last && m.upTo[i] <= u {
		i++ // a task owns the interval up to its sum, without the sum itself
	}
	return min(i, last)
}
