package cli

import (
	"fmt"
	"time"

	"github.com/tokenload/tokenload/sim"
)

// heldOut are scenarios that no threshold was set on: each was written before it
// was run for the first time. One that showed a defect of a test has moved to
// tuned, and another took its place.
func heldOut() []labelled {
	long := "synthetic: {input_tokens: {p50: 3000, p95: 9000}}"
	return []labelled{
		{"healthy, a slow model and people who think", "the slowest model, few in flight", tasks(task("ask", "claude-opus-5", 1024, "")) + users(5, 150, "{min: 3s, max: 10s}"), nil, ""},
		{"healthy, documents under a published tier", "prompts of two length classes, limits that are far", tasks(task("read", "claude-sonnet-5", 256, "synthetic: {input_tokens: {p50: 2000, p95: 6000}}")) + arrivals("process: poisson", "3/s", "120s"), func(c *sim.Config) { c.Tier = "build" }, ""},
		{"healthy, a load that grows", "a ramp is no drift", tasks(task("ask", "claude-haiku-4-5", 300, "")) + "load: {arrivals: {process: poisson, stages: [{duration: 120s, target: 4/s}]}}\n", func(c *sim.Config) { c.Tier = "tier4" }, ""},
		{"healthy, a prefix for an hour", "calls a minute apart, all within the hour", tasks(task("ask", "claude-opus-4-8", 200, cachedSystem(2000, "1h"))) + arrivals("process: poisson", "60/h", "4h"), nil, ""},
		{"healthy, the other dialect", "chat completions, in bursts", "target: {api: chat, base_url: sim}\n" + tasks(task("ask", "claude-haiku-4-5", 256, "")) + arrivals("process: gamma, cv: 2", "2/s", "120s"), nil, ""},
		{"healthy, one in a hundred overloaded", "a fifth of what is a finding", tasks(task("ask", "claude-sonnet-4-6", 256, "")) + arrivals("process: constant", "2/s", "150s"), also(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.01}), ""},
		{"healthy, labels of a few tokens", "answers too short for gaps and rates", tasks(task("label", "claude-sonnet-5", 32, "")) + users(10, 500, "100ms"), nil, ""},
		{"healthy, whole answers", "nothing is streamed", tasks(task("ask", "claude-haiku-4-5", 400, "stream: false, prompts: [Why?]")) + users(6, 300, "{min: 500ms, max: 1500ms}"), nil, ""},
		{"healthy, users of a slow model who come and go", "more in flight, and no slower for it", tasks(task("ask", "claude-opus-4-8", 200, "")) + ladder, nil, ""},
		{"healthy, alone near the limit", "bursts up to the limit, and nobody else", tasks(task("ask", "claude-sonnet-4-6", 256, "")) + arrivals("process: gamma, cv: 1.5", "40/m", "240s"), limitsOf("sonnet-4.x", sim.Limits{Requests: 60, InputTokens: 100_000, OutputTokens: 60_000}), ""},
		{"healthy, essays within what is asked", "long, and the slo allows it", tasks(task("essay", "claude-opus-4-8", 2048, "")) + users(6, 160, "1s") + "slo: {e2e: 60s}\n", nil, ""},
		{"healthy, an API that wanders as measured", "two hours of the drift that a real one has", tasks(task("ask", "claude-haiku-4-5", 128, "")) + arrivals("process: poisson", "6/m", "2h"), func(c *sim.Config) { c.Drift = 0.09 }, ""},

		{"users against a limit on requests", "a closed loop that comes back at once", tasks(task("ask", "claude-sonnet-4-6", 400, "")) + users(6, 300, "1s"), limitsOf("sonnet-4.x", sim.Limits{Requests: 40}), "limit.requests"},
		{"documents against a limit on input", "on a grid, another class", tasks(task("read", "claude-opus-4-8", 200, long)) + arrivals("process: constant", "1/s", "150s"), limitsOf("opus-4.x", sim.Limits{InputTokens: 120_000}), "limit.input_tokens"},
		{"bursts against a limit on output", "clusters of answers", tasks(task("write", "claude-haiku-5-5", 1024, "body: {thinking: {type: disabled}}, prompts: [\"Write about {{index}}.\"]")) + arrivals("process: gamma, cv: 2", "90/m", "200s"), limitsOf("haiku-5.5", sim.Limits{OutputTokens: 8000}), "limit.output_tokens"},
		{"ten times the users within seconds", "growth, of a closed loop", tasks(task("ask", "claude-sonnet-4-6", 256, "")) + "load: {users: {stages: [{duration: 0s, target: 2}, {duration: 60s, target: 2}, {duration: 5s, target: 20}, {duration: 60s, target: 20}], think_time: 1s}}\n",
			func(c *sim.Config) { c.Ramp = sim.Ramp{Growth: 1.5, Free: 60} }, "limit.ramp"},
		{"a chat server with one limit on tokens", "in another API's words, of users", "target: {base_url: sim, api: chat}\n" + tasks(task("ask", "claude-sonnet-4-6", 512, "")) + users(12, 300, "1s"), limitsOf("sonnet-4.x", sim.Limits{OutputTokens: 8_000}), "limit.tokens"},
		{"one limit on tokens, long prompts", "the input is most of it", tasks(task("read", "claude-opus-4-8", 200, long)) + arrivals("process: constant", "1/s", "150s"), limitsOf("opus-4.x", sim.Limits{InputTokens: 60_000}), "limit.tokens"},
		{"far connections that are closed, many users", "a closed loop, farther away", tasks(task("ask", "claude-haiku-4-5", 256, "")) + users(20, 600, "{min: 500ms, max: 3s}"), also(sim.Fault{Kind: sim.FaultNoKeepAlive, Every: 8}), "conn.pool_wait conn.churn?"},
		{"the month's money is spent", "a dear model", tasks(task("ask", "claude-opus-5", 512, "")) + users(3, 100, "2s"), func(c *sim.Config) { c.SpendCap = 0.05 }, "limit.spend"},
		{"a gateway that refuses without a word", "no header, no retry-after, by chance", tasks(task("ask", "claude-sonnet-5", 256, "")) + users(5, 250, "1s"), all(also(sim.Fault{Kind: sim.FaultStatus, Status: 429, Probability: 0.3}), also(sim.Fault{Kind: sim.FaultNoRetryAfter})), "limit.unknown"},
		{"overloaded for half a minute", "all at once rather than now and then", tasks(task("ask", "claude-opus-4-8", 256, "")) + arrivals("process: constant", "2/s", "120s"), also(sim.Fault{Kind: sim.FaultStatus, Status: 529, From: 40 * time.Second, To: 70 * time.Second}), "overload.529"},
		{"every second connection is closed", "half a fault", tasks(task("ask", "claude-sonnet-4-6", 256, "")) + users(3, 240, "500ms"), also(sim.Fault{Kind: sim.FaultNoKeepAlive, Every: 2}), "conn.churn"},
		{"cut after some bytes", "a reset, one in twenty", tasks(task("ask", "claude-haiku-4-5", 512, "")) + arrivals("process: poisson", "3/s", "100s"), also(sim.Fault{Kind: sim.FaultCut, Bytes: 1500, RST: true, Probability: 0.05}), "stream.cut"},
		{"streams that end in good order too soon", "no reset, no last event", tasks(task("ask", "claude-opus-4-8", 400, "")) + users(8, 240, "1s"), also(sim.Fault{Kind: sim.FaultTruncate, After: 12, Probability: 0.08}), "stream.cut"},
		{"silences without pings", "the connection is quiet too", tasks(task("ask", "claude-sonnet-4-6", 512, "")) + arrivals("process: poisson", "2/s", "100s"), also(sim.Fault{Kind: sim.FaultStall, After: 6, For: 30 * time.Second, Probability: 0.05}), "stream.stall"},
		{"streams that never go on", "given up by stall_timeout", "target: {base_url: sim, stall_timeout: 25s}\n" + tasks(task("ask", "claude-haiku-4-5", 512, "")) + arrivals("process: poisson", "2/s", "100s"), also(sim.Fault{Kind: sim.FaultStall, After: 10, Probability: 0.06}), "stream.stall"},
		{"four of five streams held back", "most, not all", tasks(task("ask", "claude-opus-4-8", 512, "")) + users(6, 180, "1s"), also(sim.Fault{Kind: sim.FaultBuffer, Probability: 0.8}), "stream.buffered"},
		{"a prefix under a large minimum", "1,900 tokens where 4,096 are the least", tasks(task("ask", "claude-opus-4-6", 200, cachedSystem(1500, "1h"))) + arrivals("process: poisson", "1/s", "100s"), nil, "cache.never"},
		{"a caller now and then", "pauses around the five minutes", tasks(task("ask", "claude-sonnet-5", 200, cachedSystem(1500, "5m"))) + arrivals("process: poisson", "10/h", "15h"), nil, "cache.expiry"},
		{"eighty calls in two seconds", "an open loop, cold", tasks(task("ask", "claude-opus-4-8", 200, cachedSystem(1500, "5m"))) + arrivals("process: constant", "40/s", "2s"), nil, "cache.cold_stampede"},
		{"a number before what is cached", "each call writes a prefix of its own", tasks(task("ask", "claude-sonnet-5", 200, fmt.Sprintf("body: {cache_control: {type: ephemeral}}, prompts: [\"{{index}} %s\"]", words(1500)))) + arrivals("process: poisson", "1/s", "120s"), nil, "cache.always_write"},
		{"a tight max_tokens", "a third are cut off, not most", tasks(task("ask", "claude-sonnet-4-6", 64, "")) + arrivals("process: poisson", "2/s", "100s"), answers(0.6, -1), "out.truncated"},
		{"whole books beside questions", "60,000 tokens, a slow model", tasks(task("ask", "claude-opus-4-8", 128, ""), task("read", "claude-opus-4-8", 128, "synthetic: {input_tokens: 60000}")) + users(2, 80, "1s"), nil, "context.length"},
		{"hidden thinking", "only its tokens are told", tasks(task("prove", "claude-opus-5-5", 2048, "prompts: [\"Prove {{index}}.\"]")) + users(6, 150, "1s"), nil, "thinking.silence"},
		{"bursts before a small server", "an open loop, the slowest model", tasks(task("ask", "claude-opus-4-8", 300, "")) + arrivals("process: gamma, cv: 2.5", "1/s", "180s"), slowed(sim.Load{Model: sim.LoadQueue, Slots: 4}), "queue"},
		{"a server that slows, users step by step", "no queue, only ever slower", tasks(task("ask", "claude-opus-4-8", 200, "")) + "load: {users: {stages: [{duration: 0s, target: 2}, {duration: 90s, target: 2}, {duration: 0s, target: 16}, {duration: 60s, target: 16}, {duration: 0s, target: 32}, {duration: 60s, target: 32}, {duration: 0s, target: 2}, {duration: 60s, target: 2}]}}\n", slowed(sim.Load{Model: sim.LoadLinear, Slots: 40, Factor: 8}), "queue"},
		{"one in thirty is thirty times as late", "a tail that no model has", tasks(task("ask", "claude-sonnet-4-6", 128, "")) + arrivals("process: poisson", "5/s", "120s"), also(sim.Fault{Kind: sim.FaultSlow, Factor: 30, Probability: 0.033}), "tail.heavy"},
		{"two of five meet a slow machine", "two kinds of the slowest model", tasks(task("ask", "claude-opus-4-8", 200, "")) + arrivals("process: constant", "3/s", "100s"), also(sim.Fault{Kind: sim.FaultSlow, Factor: 4, Probability: 0.4}), "mode.bi"},
		{"twice as slow in the last third", "a step of the slowest model, users of a fixed number", tasks(task("ask", "claude-opus-4-8", 200, "")) + "load: {users: {count: 6, duration: 240s, think_time: {min: 1s, max: 2s}}}\n", also(sim.Fault{Kind: sim.FaultSlow, Factor: 2, From: 160 * time.Second}), "drift"},
		{"slower by halves", "two steps, an open loop on a grid", tasks(task("ask", "claude-sonnet-4-6", 200, "")) + arrivals("process: constant", "2/s", "180s"), all(also(sim.Fault{Kind: sim.FaultSlow, Factor: 1.5, From: 60 * time.Second, To: 120 * time.Second}), also(sim.Fault{Kind: sim.FaultSlow, Factor: 2, From: 120 * time.Second})), "drift"},
		{"a neighbour of a large account", "a third of a limit that we hardly use", tasks(task("ask", "claude-opus-4-8", 200, "")) + users(6, 260, "1s"), func(c *sim.Config) {
			limitsOf("opus-4.x", sim.Limits{Requests: 400, InputTokens: 400_000, OutputTokens: 80_000})(c)
			c.Tenant = sim.Tenant{Requests: 140, InputTokens: 500, OutputTokens: 100}
		}, "other.tenant"},
		{"essays that users wait for", "a slow model writes what the slo does not allow", tasks(task("essay", "claude-opus-4-8", 1500, "")) + users(5, 150, "1s") + "slo: {e2e: 8s}\n", nil, "out.length"},
		{"a dear model for what another does", "the same documents, by turns", tasks(task("now", "claude-opus-5", 256, "synthetic: {input_tokens: 2000}"), task("then", "claude-sonnet-5", 256, "synthetic: {input_tokens: 2000}")) + users(8, 240, "1s"), nil, "model.choice"},
		{"a gateway that forgets", "one in twelve, of a cache for an hour", tasks(task("ask", "claude-sonnet-5", 200, cachedSystem(1500, "1h"))) + users(6, 250, "2s"), also(sim.Fault{Kind: sim.FaultEvict, Probability: 0.08}), "cache.evicted"},

		{"a limit and silences", "two unlike faults", tasks(task("ask", "claude-sonnet-4-6", 400, "")) + arrivals("process: poisson", "2/s", "120s"), all(limitsOf("sonnet-4.x", sim.Limits{Requests: 60}), also(sim.Fault{Kind: sim.FaultStall, After: 6, For: 40 * time.Second, Pings: true, Probability: 0.08})), "limit.requests stream.stall"},
		{"long prompts and the limit they meet", "one causes the other, and both are slow", tasks(task("ask", "claude-haiku-4-5", 128, ""), task("read", "claude-haiku-4-5", 128, "synthetic: {input_tokens: 30000}")) + users(4, 300, "500ms"), limitsOf("haiku-4.5", sim.Limits{InputTokens: 400_000}), "limit.input_tokens context.length"},
		{"overloaded, and a tight max_tokens", "of the API and of the caller", tasks(task("ask", "claude-sonnet-5", 128, "")) + arrivals("process: poisson", "2/s", "120s"), all(answers(0.7, -1), also(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.12})), "overload.529 out.truncated"},
		{"a proxy that does all badly", "connections closed, streams cut at 8 s", tasks(task("essay", "claude-opus-4-8", 2048, "")) + arrivals("process: poisson", "1/s", "150s"), all(also(sim.Fault{Kind: sim.FaultNoKeepAlive}), also(sim.Fault{Kind: sim.FaultCut, At: 8 * time.Second})), "conn.churn stream.cut"},
		{"thinking, and a prefix that is too short", "the last of the catalogue", tasks(task("prove", "claude-sonnet-4-6", 4096, "body: {thinking: {type: enabled, budget_tokens: 2048}}, "+cachedSystem(200, "5m"))) + users(8, 200, "1s"), nil, "cache.never thinking.silence"},
		{"long prompts, short answers", "both of the caller", tasks(task("ask", "claude-sonnet-5", 96, ""), task("read", "claude-sonnet-5", 96, "synthetic: {input_tokens: 50000}")) + users(2, 100, "1s"), answers(0.8, -1), "context.length out.truncated"},
		{"a burst through a proxy that buffers", "the burst would write the cache anyway", tasks(task("ask", "claude-opus-4-8", 400, cachedSystem(1500, "5m"))) + arrivals("process: constant", "30/s", "2s"), also(sim.Fault{Kind: sim.FaultBuffer}), "stream.buffered cache.cold_stampede"},
		{"users who come back after a refusal", "retries of a closed loop", tasks(task("ask", "claude-opus-4-8", 256, "")) + users(8, 200, "1s") + "on_limit: {mode: obey, max_attempts: 3}\n", limitsOf("opus-4.x", sim.Limits{Requests: 40}), "limit.requests retry.amplification"},
		{"overloaded, and cut, in the other dialect", "chat completions", "target: {api: chat, base_url: sim}\n" + tasks(task("ask", "claude-haiku-4-5", 512, "")) + arrivals("process: poisson", "2/s", "120s"), all(also(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.15}), also(sim.Fault{Kind: sim.FaultCut, After: 12, Probability: 0.1})), "overload.529 stream.cut"},
		{"a limit on output, and no keep-alive", "the connection closes after refusals too", tasks(task("write", "claude-sonnet-4-6", 1024, "")) + arrivals("process: poisson", "2/s", "120s"), all(limitsOf("sonnet-4.x", sim.Limits{OutputTokens: 10_000}), also(sim.Fault{Kind: sim.FaultNoKeepAlive})), "limit.output_tokens conn.churn"},
		{"a queue, and no keep-alive", "a small server of one's own", tasks(task("ask", "claude-haiku-4-5", 300, "")) + ladder, all(slowed(sim.Load{Model: sim.LoadQueue, Slots: 6}), also(sim.Fault{Kind: sim.FaultNoKeepAlive})), "queue conn.churn"},
		{"a dear model, and its limit", "the limit binds one of two", tasks(task("now", "claude-opus-4-8", 200, "synthetic: {input_tokens: 1500}"), task("then", "claude-haiku-5-5", 200, "synthetic: {input_tokens: 1500}")) + arrivals("process: poisson", "2/s", "150s"), limitsOf("opus-4.x", sim.Limits{Requests: 30}), "limit.requests model.choice"},
		{"silences, and slower from half-time on", "the first and the last of the catalogue's rest", tasks(task("ask", "claude-sonnet-4-6", 200, "")) + arrivals("process: poisson", "3/s", "130s"), all(also(sim.Fault{Kind: sim.FaultStall, After: 7, For: 30 * time.Second, Pings: true, Probability: 0.06}), also(sim.Fault{Kind: sim.FaultSlow, Factor: 2.2, From: 65 * time.Second})), "stream.stall drift"},
		{"our share of a limit, and a neighbour's", "what refuses us is the limit; that it is half as large, the neighbour", tasks(task("ask", "claude-sonnet-4-6", 256, "")) + arrivals("process: poisson", "80/m", "240s"), func(c *sim.Config) {
			limitsOf("sonnet-4.x", sim.Limits{Requests: 100})(c)
			c.Tenant = sim.Tenant{Requests: 60}
		}, "limit.requests other.tenant"},
		{"long answers, some cut", "of the caller and of a proxy", tasks(task("essay", "claude-sonnet-4-6", 1600, "")) + arrivals("process: poisson", "1/s", "180s") + "slo: {e2e: 5s}\n", also(sim.Fault{Kind: sim.FaultCut, After: 14, Probability: 0.08}), "stream.cut out.length"},
		{"overloaded, and a slow machine", "two of the API's own", tasks(task("ask", "claude-haiku-4-5", 128, "")) + arrivals("process: poisson", "4/s", "100s"), all(also(sim.Fault{Kind: sim.FaultStatus, Status: 529, Probability: 0.12}), also(sim.Fault{Kind: sim.FaultSlow, Factor: 5, Probability: 0.3})), "overload.529 mode.bi"},
		{"a gateway that forgets, and a tight max_tokens", "of the cache and of the caller", tasks(task("ask", "claude-opus-4-8", 100, cachedSystem(2000, "5m"))) + arrivals("process: poisson", "2/s", "120s"), all(answers(0.8, -1), also(sim.Fault{Kind: sim.FaultEvict, Probability: 0.12})), "cache.evicted out.truncated"},
	}
}
