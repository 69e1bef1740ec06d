package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokenload/tokenload/sim"
)

const (
	chatTask = "tasks: [{name: chat, model: claude-haiku-4-5, max_tokens: 512, prompts: [\"question {{index}}\", why?, how so?]}]\n"
	steady   = "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 2/s}, {duration: 100s, target: 2/s}]}}\n"
)

const (
	steady4    = "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 4/s}, {duration: 110s, target: 4/s}]}}\n"
	mixedTasks = "tasks: [{name: short, model: claude-haiku-4-5, max_tokens: 128, prompts: [\"question {{index}}\"]}, " +
		"{name: long, model: claude-sonnet-4-6, max_tokens: 128, synthetic: {input_tokens: {p50: 2000, p95: 5000}}}]\n"
)

// ladder is users that come, and go again.
const ladder = "load: {users: {stages: [{duration: 60s, target: 2}, {duration: 0s, target: 12}, {duration: 40s, target: 12}, {duration: 0s, target: 24}, {duration: 40s, target: 24}, {duration: 0s, target: 3}, {duration: 60s, target: 3}]}}\n"

func slowed(l sim.Load) func(*sim.Config) { return func(c *sim.Config) { c.Load = l } }

func chatTasks(maxTokens int) string {
	return strings.Replace(chatTask, "512", fmt.Sprint(maxTokens), 1)
}

// words is a text of n words.
func words(n int) string { return strings.TrimSpace(strings.Repeat("word ", n)) }

func cachedTask(n int) string {
	return "tasks: [{name: support, model: claude-haiku-5-5, max_tokens: 256, system: {text: \"" + words(n) + "\", cache: 5m}, prompts: [How?, \"Why {{index}}?\"]}]\n"
}

func limitTo(l sim.Limits) func(*sim.Config) {
	return func(c *sim.Config) { c.Limits = map[string]sim.Limits{"haiku-4.5": l} }
}

func faulty(f sim.Fault) func(*sim.Config) {
	return func(c *sim.Config) { c.Faults = []sim.Fault{f} }
}

// tuned are the scenarios that the tests of the catalogue were made with.
func tuned() []labelled {
	thinking := "body: {thinking: {type: enabled, budget_tokens: 2048}}, prompts: [Prove it.]"
	return []labelled{
		{"healthy, at random", "the plainest load", chatTask + steady, nil, ""},
		{"healthy, users", "a closed loop that thinks", chatTask + "load: {users: {count: 8, requests: 400, think_time: {min: 1s, max: 3s}}}\n", nil, ""},
		{"healthy, bursts and a limit that is far", "headers that tell of plenty", chatTask + "load: {arrivals: {process: gamma, cv: 3, rate: 1/s, duration: 200s}}\n", func(c *sim.Config) { c.Tier = "tier4" }, ""},
		{"healthy, a cached prefix", "one write, then reads", cachedTask(1500) + steady, nil, ""},
		{"healthy, no delays", "an instant server looks buffered at first sight", chatTask + steady, func(c *sim.Config) { c.Profile = sim.Instant }, ""},
		{"healthy, few of much overloaded", "two in a hundred are no finding", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.02}), ""},
		{"healthy, users that come and go", "more in flight, and no slower for it", chatTask + ladder, nil, ""},
		{"a limit on requests", "twice what refills", chatTask + steady, limitTo(sim.Limits{Requests: 60}), "limit.requests"},
		{"a limit on input tokens", "the limit that long prompts meet first", "tasks: [{name: long, model: claude-haiku-4-5, max_tokens: 128, synthetic: {input_tokens: {p50: 800, p95: 2000}}}]\n" + steady, limitTo(sim.Limits{InputTokens: 50_000}), "limit.input_tokens"},
		{"a limit on output tokens", "admitted at any level, counted as it comes", chatTask + steady, limitTo(sim.Limits{OutputTokens: 5_000}), "limit.output_tokens"},
		{"one limit on tokens", "input and output together, as a workspace may have it", chatTask + steady, limitTo(sim.Limits{OutputTokens: 5_000}), "limit.tokens"},
		{"a limit on growth", "six times the rate within seconds", chatTask + "load: {arrivals: {stages: [{duration: 0s, target: 1/s}, {duration: 60s, target: 1/s}, {duration: 10s, target: 6/s}, {duration: 60s, target: 6/s}]}}\n",
			func(c *sim.Config) { c.Ramp = sim.Ramp{Growth: 2, Free: 20} }, "limit.ramp"},
		{"a spend cap", "no wait clears it", chatTask + steady, func(c *sim.Config) { c.SpendCap = 0.02 }, "limit.spend"},
		{"overloaded", "shared capacity, not one's own limit", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.2}), "overload.529"},
		{"healthy, a few refusals that are retried", "two in a hundred, cleared by waiting", chatTask + steady + "on_limit: obey\n", faulty(sim.Fault{Kind: sim.FaultStatus, Status: 429, For: time.Second, Probability: 0.02}), ""},
		{"no keep-alive", "each answer costs a connection", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultNoKeepAlive}), "conn.churn"},
		{"a proxy's time-out", "all cuts at one time", "tasks: [{name: essay, model: claude-sonnet-4-6, max_tokens: 2048, prompts: [Write an essay.]}]\n" + steady, faulty(sim.Fault{Kind: sim.FaultCut, At: 5 * time.Second}), "stream.cut"},
		{"cuts at random", "cuts at no particular time", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultCut, After: 9, Probability: 0.1}), "stream.cut"},
		{"stalls", "pings go on, content does not", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultStall, After: 8, For: 25 * time.Second, Pings: true, Probability: 0.1}), "stream.stall"},
		{"a proxy that buffers", "whole at once, at the end", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultBuffer}), "stream.buffered"},
		{"a prefix too short to be cached", "160 tokens where 512 are the least", cachedTask(100) + steady, nil, "cache.never"},
		{"pauses longer than the cache", "ten minutes between calls", cachedTask(1500) + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 6/h}, {duration: 12h, target: 6/h}]}}\n", nil, "cache.expiry"},
		{"all at once with a cold cache", "forty write what one could have", cachedTask(1500) + "load: {users: {count: 40, requests: 160}}\n", nil, "cache.cold_stampede"},
		{"a cache that loses what it holds", "neither expired nor under way, and gone", cachedTask(1500) + steady, faulty(sim.Fault{Kind: sim.FaultEvict, Probability: 0.15}), "cache.evicted"},
		{"somebody else on the account", "our own rate fits the limit", chatTask + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 30/m}, {duration: 200s, target: 30/m}]}}\n",
			func(c *sim.Config) {
				limitTo(sim.Limits{Requests: 60})(c)
				c.Tenant = sim.Tenant{Requests: 45}
			}, "other.tenant"},
		{"somebody else with long prompts", "it shows in the tokens alone, and no 429 tells", chatTask + steady, func(c *sim.Config) {
			limitTo(sim.Limits{Requests: 200, InputTokens: 40_000, OutputTokens: 40_000})(c)
			c.Tenant = sim.Tenant{Requests: 20, InputTokens: 2500}
		}, "other.tenant"},
		{"answers cut off", "max_tokens is about the usual length", chatTask + steady, func(c *sim.Config) { c.Answer, c.AnswerCap = 0.9, -1 }, "out.truncated"},
		{"long prompts", "thirty thousand tokens beside a few", "tasks: [{name: short, model: claude-haiku-4-5, max_tokens: 128, prompts: [Why?]}, {name: long, model: claude-haiku-4-5, max_tokens: 128, synthetic: {input_tokens: 30000}}]\nload: {users: {count: 1, requests: 60}}\n", nil, "context.length"},
		{"a slow replica", "three of ten requests go there", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultSlow, Factor: 4, Probability: 0.3}), "mode.bi"},
		{"a slow replica, tasks of many lengths", "two tasks have two times by themselves", mixedTasks + steady4, faulty(sim.Fault{Kind: sim.FaultSlow, Factor: 6, Probability: 0.2}), "mode.bi"},
		{"a few very late", "four of a hundred, and no second kind", chatTask + steady4, faulty(sim.Fault{Kind: sim.FaultSlow, Factor: 20, Probability: 0.04}), "tail.heavy"},
		{"healthy, tasks of many lengths", "a mixture is not two kinds", mixedTasks + steady4, nil, ""},
		{"healthy, the heavier tail of another model", "a tail that the model has by itself", "tasks: [{name: chat, model: claude-sonnet-4-6, max_tokens: 128, prompts: [\"question {{index}}\"]}]\n" + steady4, nil, ""},
		{"a queue before eight places", "in service, or waiting", chatTask + ladder, slowed(sim.Load{Model: sim.LoadQueue, Slots: 8}), "queue"},
		{"a queue, whatever the answers take", "an open loop near what eight places carry", chatTask + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 3.5/s}, {duration: 120s, target: 3.5/s}]}}\n", slowed(sim.Load{Model: sim.LoadQueue, Slots: 8}), "queue"},
		{"a server that slows with its load", "no queue, each only slower", chatTask + ladder, slowed(sim.Load{Model: sim.LoadLinear, Slots: 32, Factor: 10}), "queue"},
		{"a scheduler with few places", "fixed steps, as an inference server has them", chatTask + ladder, slowed(sim.Load{Model: sim.LoadStep, Slots: 8, Step: 10 * time.Millisecond}), "queue"},
		{"two models for one kind of work", "the same prompts, and one outdoes the other", "tasks: [{name: now, model: claude-haiku-4-5, max_tokens: 256, synthetic: {input_tokens: 800}}, {name: before, model: claude-sonnet-4-6, max_tokens: 256, synthetic: {input_tokens: 800}}]\n" + steady, nil, "model.choice"},
		{"slower from a moment on", "a step", chatTask + steady, faulty(sim.Fault{Kind: sim.FaultSlow, Factor: 1.8, From: 40 * time.Second}), "drift"},
		{"slower and slower", "a trend", chatTask + steady4, func(c *sim.Config) {
			for i := range 10 {
				c.Faults = append(c.Faults, sim.Fault{Kind: sim.FaultSlow, Factor: 1 + 0.1*float64(i), From: time.Duration(i) * 11 * time.Second})
			}
		}, "drift"},
		{"another hour", "hours that differ more than measured ones", chatTask + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 4/m}, {duration: 4h, target: 4/m}]}}\n", func(c *sim.Config) { c.Drift = 0.8 }, "drift"},
		{"healthy, drift as measured", "what a real API does by itself", chatTask + steady4, func(c *sim.Config) { c.Drift = 0.09 }, ""},
		{"healthy, stages", "the load changes, the times do not", mixedTasks + "load: {arrivals: {process: poisson, stages: [{duration: 40s, target: 4/s}, {duration: 40s, target: 4/s}, {duration: 40s, target: 1/s}]}}\n", nil, ""},
		{"answers too long for the slo", "the output's time is what misses it", chatTasks(2048) + "slo: {e2e: 5s}\n" + steady, nil, "out.length"},
		{"answers too long for a threshold", "the bound is the threshold's", "tasks: [{name: write, model: claude-sonnet-4-6, max_tokens: 1024, prompts: [Write., Tell.]}]\nthresholds: {e2e: [\"p(95)<8s\"]}\n" + steady, nil, "out.length"},
		{"answers that take half a minute", "the plan asks nothing", "tasks: [{name: write, model: claude-sonnet-4-6, max_tokens: 6000, prompts: [Write., Tell.]}]\n" + steady, func(c *sim.Config) { c.AnswerCap = -1 }, "out.length"},
		{"healthy, answers of many lengths", "long ones, within what is asked", chatTasks(2048) + "slo: {e2e: 20s}\nthresholds: {e2e: [\"p(95)<15s\"]}\n" + steady, nil, ""},
		{"thinking", "the wait is thinking", "tasks: [{name: hard, model: claude-sonnet-4-6, max_tokens: 4096, prompts: [Prove it.], body: {thinking: {type: enabled, budget_tokens: 2048}}}]\n" + steady, nil, "thinking.silence"},

		{"far connections that are closed", "one in eight, and a new one takes longer than another needs to come free", chatTask + arrivals("process: poisson", "6/s", "100s"), also(sim.Fault{Kind: sim.FaultNoKeepAlive, Probability: 0.12}), "conn.pool_wait conn.churn?"},
		{"healthy, far connections", "kept, they cost once", chatTask + steady, nil, ""},
		{"a gateway's own limit", "by chance, and it names nothing", chatTask + steady, also(sim.Fault{Kind: sim.FaultStatus, Status: 429, Probability: 0.2}), "limit.unknown"},
		{"each call writes the cache", "what is cached begins with a number", fmt.Sprintf("tasks: [{name: ask, model: claude-haiku-5-5, max_tokens: 128, body: {cache_control: {type: ephemeral}}, prompts: [\"{{index}} %s\"]}]\n", words(1500)) + steady, nil, "cache.always_write"},
		{"given up after a silence", "the client's stall_timeout ends it", "target: {base_url: sim, stall_timeout: 30s}\n" + chatTask + steady, also(sim.Fault{Kind: sim.FaultStall, After: 8, Probability: 0.1}), "stream.stall"},

		{"a limit, and cuts", "what comes through is cut", chatTask + steady, all(limitTo(sim.Limits{Requests: 60}), also(sim.Fault{Kind: sim.FaultCut, After: 9, Probability: 0.15})), "limit.requests stream.cut"},
		{"a limit that is retried", "retries are its consequence", chatTask + steady + "on_limit: obey\n", limitTo(sim.Limits{Requests: 60}), "limit.requests retry.amplification"},
		{"overloaded, with silences", "two of the API's own", chatTask + steady, all(also(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.15}), also(sim.Fault{Kind: sim.FaultStall, After: 8, For: 25 * time.Second, Pings: true, Probability: 0.1})), "overload.529 stream.stall"},
		{"a proxy that closes and buffers", "two of one proxy", chatTask + steady, all(also(sim.Fault{Kind: sim.FaultNoKeepAlive}), also(sim.Fault{Kind: sim.FaultBuffer})), "conn.churn stream.buffered"},
		{"input against a limit, uncached", "the cache that is asked for would lift the limit", cachedTask(250) + steady, limitsOf("haiku-5.5", sim.Limits{InputTokens: 25_000}), "limit.input_tokens cache.never"},
		{"thinking against a limit on output", "the thinking is most of the output", tasks(task("hard", "claude-sonnet-4-6", 4096, thinking)) + steady, limitsOf("sonnet-4.x", sim.Limits{OutputTokens: 15_000}), "limit.output_tokens thinking.silence"},
		{"long prompts, cut answers", "both of the caller", "tasks: [{name: short, model: claude-haiku-4-5, max_tokens: 128, prompts: [Why?]}, {name: long, model: claude-haiku-4-5, max_tokens: 128, synthetic: {input_tokens: 30000}}]\nload: {users: {count: 1, requests: 80}}\n", answers(0.8, -1), "context.length out.truncated"},
		{"a cold burst against a limit", "the burst meets both", cachedTask(1500) + "load: {users: {count: 40, requests: 160}}\n", limitsOf("haiku-5.5", sim.Limits{Requests: 80}), "limit.requests cache.cold_stampede"},
		{"cuts, and a cache that expires", "far apart in the catalogue", cachedTask(1500) + "load: {arrivals: {process: poisson, stages: [{duration: 0s, target: 8/h}, {duration: 12h, target: 8/h}]}}\n", also(sim.Fault{Kind: sim.FaultCut, After: 9, Probability: 0.15}), "stream.cut cache.expiry"},
		{"growth, and answers cut off", "a limit and the caller", chatTask + "load: {arrivals: {stages: [{duration: 0s, target: 1/s}, {duration: 60s, target: 1/s}, {duration: 10s, target: 6/s}, {duration: 60s, target: 6/s}]}}\n",
			all(func(c *sim.Config) { c.Ramp = sim.Ramp{Growth: 2, Free: 20} }, answers(0.9, -1)), "limit.ramp out.truncated"},
		{"cut, and slower from a moment on", "before the change and after it are no two kinds; held out until it showed that they were taken for it", tasks(task("ask", "claude-haiku-4-5", 256, "")) + arrivals("process: poisson", "3/s", "120s"), all(also(sim.Fault{Kind: sim.FaultCut, After: 10, Probability: 0.06}), also(sim.Fault{Kind: sim.FaultSlow, Factor: 2, From: 70 * time.Second})), "stream.cut drift"},
		{"four places for bursts", "an open loop, another model; held out until the test for queues was mended", tasks(task("ask", "claude-sonnet-4-6", 300, "")) + arrivals("process: gamma, cv: 2", "84/m", "150s"), slowed(sim.Load{Model: sim.LoadQueue, Slots: 4}), "queue"},
	}
}
