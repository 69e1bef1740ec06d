package cli

import (
	"fmt"
	"time"

	"github.com/tokenload/tokenload/sim"
)

// tuned are the scenarios that the tests of the catalogue were made with.
func tuned() (out []labelled) {
	for _, s := range scenarios() {
		out = append(out, labelled{name: s.name, plan: s.plan, api: s.api, want: s.want})
	}
	thinking := "body: {thinking: {type: enabled, budget_tokens: 2048}}, prompts: [Prove it.]"
	return append(out, []labelled{
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
	}...)
}
