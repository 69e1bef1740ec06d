package cli

import (
	"fmt"
	"time"

	"github.com/tokenload/tokenload/sim"
)

// edge is a fault whose true size is near the bound of its test: half of the
// sizes are under it, half over. Whether a run of a few hundred calls shows it is
// in part chance. A finding is right where the true size is over the bound; that
// is what confidence has to tell.
type edge struct {
	id    string
	bound float64
	sizes []float64
	plan  string
	api   func(size float64) func(*sim.Config)
}

func scenariosOf(edges []edge) (out []labelled) {
	for _, e := range edges {
		for _, size := range e.sizes {
			s := labelled{name: fmt.Sprintf("%s, %v of %v", e.id, size, e.bound), why: "near its bound", plan: e.plan, api: e.api(size)}
			if size > e.bound {
				s.want = e.id
			}
			out = append(out, s)
		}
	}
	return out
}

func chance(f sim.Fault) func(float64) func(*sim.Config) {
	return func(p float64) func(*sim.Config) {
		f.Probability = p
		return also(f)
	}
}

// tunedEdges are the ones that confidence is fitted on, with the tuned set.
func tunedEdges() []labelled {
	load := arrivals("process: poisson", "4/s", "100s")
	edges := []edge{
		{"overload.529", 0.05, []float64{0.03, 0.042, 0.058, 0.075}, chatTask + steady, chance(sim.Fault{Kind: sim.FaultStatus, Status: 529})},
		{"limit.unknown", 0.05, []float64{0.03, 0.042, 0.058, 0.075}, chatTask + steady, chance(sim.Fault{Kind: sim.FaultStatus, Status: 429})},
		{"stream.cut", 0.01, []float64{0.005, 0.008, 0.0125, 0.02}, chatTask + load, chance(sim.Fault{Kind: sim.FaultCut, After: 6})},
		{"stream.stall", 0.01, []float64{0.005, 0.008, 0.0125, 0.02}, chatTask + load, chance(sim.Fault{Kind: sim.FaultStall, After: 6, For: 25e9, Pings: true})},
		{"conn.churn", 0.2, []float64{0.14, 0.18, 0.22, 0.28}, chatTask + steady, chance(sim.Fault{Kind: sim.FaultNoKeepAlive})},
		{"stream.buffered", 0.5, []float64{0.42, 0.47, 0.53, 0.58}, chatTask + steady, chance(sim.Fault{Kind: sim.FaultBuffer})},
	}
	out := scenariosOf(edges)
	// Of lognormal lengths with a sigma of 0.5 around a share of max_tokens, so many are cut off.
	for share, cut := range map[float64]float64{0.33: 0.0133, 0.345: 0.0167, 0.38: 0.0265, 0.42: 0.0414} {
		out = append(out, scenariosOf([]edge{{"out.truncated", 0.02, []float64{cut}, chatTask + load, func(float64) func(*sim.Config) { return answers(share, -1) }}})...)
	}
	// Of Poisson arrivals, e^(−5λ) come after a pause of five minutes.
	for rate, expired := range map[string]float64{"34/h": 0.059, "30/h": 0.082, "25/h": 0.125, "22/h": 0.16} {
		out = append(out, scenariosOf([]edge{{"cache.expiry", 0.1, []float64{expired}, cachedTask(1500) + arrivals("process: poisson", rate, "7h"), func(float64) func(*sim.Config) { return all() }}})...)
	}
	// The median time to the first content of a short prompt is about 0.75 s, each token adds 0.055 ms.
	for prompt, ratio := range map[int]float64{21_000: 2.5, 25_000: 2.8, 30_000: 3.2, 36_000: 3.6} {
		out = append(out, scenariosOf([]edge{{"context.length", 3, []float64{ratio}, tasks(task("ask", "claude-haiku-4-5", 128, ""), task("read", "claude-haiku-4-5", 128, fmt.Sprintf("synthetic: {input_tokens: %d}", prompt))) + users(2, 80, "1s"), func(float64) func(*sim.Config) { return all() }}})...)
	}
	return append(out, confounded()...)
}

// grow is users that only come: what goes with time goes with their number.
const grow = "load: {users: {stages: [{duration: 0s, target: 2}, {duration: 60s, target: 2}, {duration: 0s, target: 10}, {duration: 60s, target: 10}, {duration: 0s, target: 20}, {duration: 60s, target: 20}], think_time: 2s}}\n"

// confounded are runs of which the records leave two explanations, each true once.
func confounded() []labelled {
	slower := also(sim.Fault{Kind: sim.FaultSlow, Factor: 2.5, From: 60 * time.Second})
	return []labelled{
		{"long prompts go to a slow model, which is why", "not the length", tasks(task("ask", "claude-haiku-4-5", 128, ""), task("read", "claude-fable-5", 128, "synthetic: {input_tokens: 1500}")) + users(3, 120, "1s"), nil, "model.choice?"},
		{"long prompts go to a slow model, and length is why", "the model hardly matters", tasks(task("ask", "claude-haiku-4-5", 128, ""), task("read", "claude-sonnet-4-6", 128, "synthetic: {input_tokens: 60000}")) + users(3, 120, "1s"), nil, "context.length model.choice?"},
		{"users come while the API slows, and it slows by itself", "not their number", chatTask + grow, slower, "drift? mode.bi?"},
		{"users come while the API slows, and they are why", "a queue that only grows", chatTask + grow, slowed(sim.Load{Model: sim.LoadQueue, Slots: 4}), "queue drift?"},
	}
}

// heldOutEdges are others, written before they were run.
func heldOutEdges() []labelled {
	sonnet, opus := tasks(task("ask", "claude-sonnet-4-6", 300, "")), tasks(task("ask", "claude-opus-4-8", 300, ""))
	short, long := arrivals("process: constant", "2/s", "150s"), arrivals("process: gamma, cv: 2", "5/s", "100s")
	edges := []edge{
		{"overload.529", 0.05, []float64{0.035, 0.065}, sonnet + short, chance(sim.Fault{Kind: sim.FaultStatus, Status: 529})},
		{"limit.unknown", 0.05, []float64{0.04, 0.062}, opus + users(8, 260, "1s"), chance(sim.Fault{Kind: sim.FaultStatus, Status: 429})},
		{"stream.cut", 0.01, []float64{0.006, 0.016}, sonnet + long, chance(sim.Fault{Kind: sim.FaultCut, Bytes: 1200, RST: true})},
		{"stream.stall", 0.01, []float64{0.006, 0.016}, opus + long, chance(sim.Fault{Kind: sim.FaultStall, After: 9, For: 40e9})},
		{"conn.churn", 0.2, []float64{0.17, 0.25}, opus + users(5, 250, "1s"), chance(sim.Fault{Kind: sim.FaultNoKeepAlive})},
		{"stream.buffered", 0.5, []float64{0.45, 0.56}, sonnet + users(6, 160, "500ms"), chance(sim.Fault{Kind: sim.FaultBuffer})},
	}
	out := scenariosOf(edges)
	for share, cut := range map[float64]float64{0.34: 0.0155, 0.40: 0.0334} {
		out = append(out, scenariosOf([]edge{{"out.truncated", 0.02, []float64{cut}, sonnet + long, func(float64) func(*sim.Config) { return answers(share, -1) }}})...)
	}
	for rate, expired := range map[string]float64{"32/h": 0.069, "24/h": 0.135} {
		out = append(out, scenariosOf([]edge{{"cache.expiry", 0.1, []float64{expired}, tasks(task("ask", "claude-sonnet-5", 200, cachedSystem(1200, "5m"))) + arrivals("process: poisson", rate, "6h"), func(float64) func(*sim.Config) { return all() }}})...)
	}
	// Opus: about 1.78 s, and 0.165 ms for each token.
	for prompt, ratio := range map[int]float64{18_000: 2.7, 26_000: 3.4} {
		out = append(out, scenariosOf([]edge{{"context.length", 3, []float64{ratio}, tasks(task("ask", "claude-opus-4-8", 128, ""), task("read", "claude-opus-4-8", 128, fmt.Sprintf("synthetic: {input_tokens: %d}", prompt))) + users(2, 60, "1s"), func(float64) func(*sim.Config) { return all() }}})...)
	}
	ask := tasks(task("ask", "claude-sonnet-4-6", 200, "")) + grow
	return append(out,
		labelled{"users of another model come while the API slows, and it slows by itself", "not their number", ask, also(sim.Fault{Kind: sim.FaultSlow, Factor: 2.2, From: 120 * time.Second}), "drift? mode.bi?"},
		labelled{"users of another model come while the API slows, and they are why", "a server that only gets slower", ask, slowed(sim.Load{Model: sim.LoadLinear, Slots: 24, Factor: 8}), "queue drift?"})
}
