package cli

import (
	"time"

	"github.com/tokenload/tokenload/sim"
)

// targetCase is a simulated API whose capacity is known.
type targetCase struct {
	class   string // of the table
	name    string
	plan    string
	api     sim.Config
	headers bool
	// truth is the capacity in the plan's unit, without the limits. It was measured
	// as checkTruth does; 0 is that only limits hold the target back.
	truth float64
}

const (
	poisson    = "load: {arrivals: {process: poisson, rate: 1/s, duration: 1m}}\n"
	someUsers  = "load: {users: {count: 1, duration: 1m}}\n"
	longTask   = "tasks: [{name: long, model: claude-haiku-4-5, max_tokens: 64, synthetic: {input_tokens: {p50: 800, p95: 2000}}}]\n"
	shortTask  = "tasks: [{name: short, model: claude-haiku-4-5, max_tokens: 64, prompts: [\"question {{index}}\", why?]}]\n"
	mediumTask = "tasks: [{name: medium, model: claude-haiku-4-5, max_tokens: 256, prompts: [\"question {{index}}\", why?]}]\n"
	quick      = "thresholds: {ttft: p(95)<3s}\n"
	median     = "thresholds: {ttft: med<2s}\n"
)

// slowing is the class of targets that get slower with each request in flight, so
// that a threshold is crossed at a flat angle. A minute of it tells less; the
// intervals say so.
const slowing = "latency, slowing"

func limited(l sim.Limits) sim.Config {
	return sim.Config{Limits: map[string]sim.Limits{"haiku-4.5": l}, NoStalls: true}
}

func loadedBy(l sim.Load, limits sim.Limits) sim.Config {
	c := limited(limits)
	c.Load = l
	return c
}

func targetCases() []targetCase {
	if !*full { // a race detector takes long over thousands of requests
		small := sim.Load{Model: sim.LoadQueue, Slots: 8}
		return []targetCase{
			{"limit, headers", "requests", chatTask + poisson, limited(sim.Limits{Requests: 90}), true, 0},
			{"limit, 429s alone", "requests", shortTask + poisson, limited(sim.Limits{Requests: 150}), false, 0},
			{"latency", "queue, users", shortTask + someUsers + median, loadedBy(small, sim.Limits{}), true, 17.7},
			{"mixed", "requests below queue", shortTask + poisson + quick, loadedBy(small, sim.Limits{Requests: 150}), true, 7},
		}
	}
	queue, step := sim.Load{Model: sim.LoadQueue, Slots: 64}, sim.Load{Model: sim.LoadStep, Slots: 64, Step: 20 * time.Millisecond}
	linear := sim.Load{Model: sim.LoadLinear, Slots: 64, Factor: 3}
	return []targetCase{
		{"limit, headers", "requests", chatTask + poisson, limited(sim.Limits{Requests: 300}), true, 0},
		{"limit, headers", "input tokens", longTask + poisson, limited(sim.Limits{InputTokens: 300_000}), true, 0},
		{"limit, headers", "output tokens", chatTask + poisson, limited(sim.Limits{OutputTokens: 50_000}), true, 0},
		{"limit, headers", "requests, users", shortTask + someUsers, limited(sim.Limits{Requests: 1200}), true, 0},
		{"limit, 429s alone", "requests", chatTask + poisson, limited(sim.Limits{Requests: 300}), false, 0},
		{"limit, 429s alone", "input tokens", longTask + poisson, limited(sim.Limits{InputTokens: 300_000}), false, 0},
		{"limit, 429s alone", "output tokens", chatTask + poisson, limited(sim.Limits{OutputTokens: 50_000}), false, 0},
		{"latency", "queue", shortTask + poisson + quick, loadedBy(queue, sim.Limits{}), true, 63.9},
		{"latency", "step", mediumTask + poisson + quick, loadedBy(step, sim.Limits{}), true, 43.5},
		{"latency", "queue, users", shortTask + someUsers + median, loadedBy(queue, sim.Limits{}), true, 145.8},
		{"latency", "step, users", mediumTask + someUsers + median, loadedBy(step, sim.Limits{}), true, 155},
		{"mixed", "queue below requests", shortTask + poisson + quick, loadedBy(queue, sim.Limits{Requests: 4800}), true, 63.9},
		{"mixed", "requests below queue", shortTask + poisson + quick, loadedBy(queue, sim.Limits{Requests: 2400}), true, 0},
		{"mixed", "output tokens below step", mediumTask + poisson + quick, loadedBy(step, sim.Limits{OutputTokens: 120_000}), true, 0},
		{slowing, "linear", mediumTask + poisson + quick, loadedBy(linear, sim.Limits{}), true, 10.9},
		{slowing, "linear, e2e", mediumTask + poisson + "thresholds: {e2e: p(90)<4s}\n", loadedBy(linear, sim.Limits{}), true, 11.4},
	}
}
