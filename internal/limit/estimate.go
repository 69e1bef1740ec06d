package limit

import "github.com/tokenload/tokenload/internal/call"

// memory is how many of a task's latest requests its estimates rest on, about.
const memory = 32

// cost is what one request takes from each limit, by index.
type cost [numKinds]float64

// newCost is the cost of one request with these tokens.
func newCost(input, output float64) cost {
	return cost{requests: 1, inputTokens: input, outputTokens: output, tokens: input + output}
}

// taskKind is what requests have in common that cost about the same: limits count all
// of a prompt that misses the cache, and hardly anything of one that hits.
type taskKind struct {
	task string
	cold bool
}

// estimate learns what one kind's requests cost.
type estimate struct {
	inputs, outputs float64 // how many were learned, up to memory
	perByte         float64 // counted input tokens by byte of the body, mean
	output          float64 // output tokens, mean
}

// of estimates req before it is sent: a token every four bytes and half of
// max_tokens until an answer has told better.
func (e *estimate) of(req call.Request) cost {
	in, out := float64(len(req.Body))/4, float64(req.MaxTokens)/2
	if e.inputs > 0 {
		in = e.perByte * float64(max(1, len(req.Body)))
	}
	if e.outputs > 0 {
		out = min(e.output, float64(max(0, req.MaxTokens)))
	}
	return newCost(in, out)
}

// learn takes in a bill.
func (e *estimate) learn(req call.Request, r call.Result) {
	if r.Known < call.UsageInput && r.Class != call.OK {
		return
	}
	e.inputs = min(e.inputs+1, memory)
	e.perByte += (counted(r.Usage)/float64(max(1, len(req.Body))) - e.perByte) / e.inputs
	if r.Known == call.UsageFinal || r.Class == call.OK {
		e.outputs = min(e.outputs+1, memory)
		e.output += (float64(r.Output) - e.output) / e.outputs
	}
}

// counted is the input that limits count: cache reads are free of them.
func counted(u call.Usage) float64 {
	return float64(u.Input + u.CacheWrite5m + u.CacheWrite1h)
}

// actual is what r took from the limits in the end, as far as it is known; where
// it is not, the estimate stands.
func actual(guess cost, r call.Result) cost {
	switch {
	case !r.Class.Sent(), r.Class == call.RateLimited, r.Class == call.Connection && !r.Written:
		return cost{}
	case r.Known == call.UsageFinal, r.Class == call.OK:
		return newCost(counted(r.Usage), float64(r.Output))
	case r.Known == call.UsageInput:
		return newCost(counted(r.Usage), max(guess[outputTokens], float64(r.Output)))
	case r.Status >= 400:
		return newCost(0, 0)
	}
	return guess
}
