package sim

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// bucket is a token bucket: it holds up to size and refills continuously.
// A bucket without a limit lets everything through.
type bucket struct {
	limit int     // per minute, as announced; 0 is no limit
	size  float64 // what it holds when full
	rate  float64 // per second
	level float64 // may fall below zero: output is only known as it comes
	seen  time.Time

	announce string // the limit, as its header says it
}

// newBucket is full. depth is how much it holds, as time of its refill, but at
// least one, or nothing would ever pass.
func newBucket(limit int, depth time.Duration, now time.Time) bucket {
	rate := float64(limit) / 60
	size := max(1, rate*depth.Seconds())
	return bucket{limit: limit, size: size, rate: rate, level: size, seen: now, announce: strconv.Itoa(limit)}
}

func (b *bucket) refill(now time.Time) {
	if dt := now.Sub(b.seen).Seconds(); dt > 0 {
		b.level = min(b.size, b.level+dt*b.rate)
		b.seen = now
	}
}

// wait is how long until the bucket holds need; 0 is now. A need of more than
// the bucket holds waits for a full one and will be refused again.
func (b *bucket) wait(need float64) time.Duration {
	const rounding = 1e-9 // of float refills
	if b.limit == 0 || b.level+rounding >= need {
		return 0
	}
	return time.Duration(math.Ceil((need - b.level) / b.rate * float64(time.Second)))
}

func (b *bucket) take(n float64) {
	if b.limit > 0 {
		b.level -= n
	}
}

// full is when the bucket is full again, to the next whole second.
func (b *bucket) full(now time.Time) time.Time {
	at := now.Add(seconds((b.size - b.level) / b.rate)).UTC()
	if whole := at.Truncate(time.Second); whole.Before(at) {
		return whole.Add(time.Second)
	}
	return at
}

// gate holds the buckets of one class. A nil gate lets everything through. All
// methods may be called from any goroutine.
type gate struct {
	mu                              sync.Mutex
	requests, input, output, window bucket
	growth                          growth
	tenant                          tenant
}

// newGate returns nil where nothing is limited.
func newGate(l Limits, ramp Ramp, now time.Time) *gate {
	if l.Requests == 0 && l.InputTokens == 0 && l.OutputTokens == 0 && ramp.Growth == 0 {
		return nil
	}
	depth := l.Depth
	if depth == 0 {
		depth = time.Minute
	}
	g := &gate{
		requests: newBucket(l.Requests, depth, now),
		input:    newBucket(l.InputTokens, depth, now),
		output:   newBucket(l.OutputTokens, depth, now),
		growth:   growth{ramp: ramp, start: now},
	}
	if l.Window > 0 {
		g.window = newBucket(l.Requests, l.Window, now)
	}
	return g
}

// refusal is why a request was not admitted.
type refusal struct {
	kind  string        // requests, input_tokens, output_tokens, ramp, spend
	limit int           // per minute; 0 for ramp and spend
	wait  time.Duration // until the last of the buckets in its way has enough
}

// admit takes one request and its input tokens, or nothing. Output needs a level
// above zero; how much will be generated is not known yet.
func (g *gate) admit(input int, now time.Time) *refusal {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.catchUp(now)
	var r *refusal
	for _, c := range []struct {
		kind string
		b    *bucket
		need float64
	}{
		{"requests", &g.requests, 1}, {"requests", &g.window, 1},
		{"input_tokens", &g.input, float64(input)}, {"output_tokens", &g.output, 1},
	} {
		if w := c.b.wait(c.need); w > 0 && (r == nil || w > r.wait) {
			r = &refusal{c.kind, c.b.limit, w}
		}
	}
	if w := g.growth.wait(now); w > 0 && (r == nil || w > r.wait) {
		r = &refusal{kind: "ramp", wait: w}
	}
	if r == nil {
		g.growth.add()
		g.requests.take(1)
		g.window.take(1)
		g.input.take(float64(input))
	}
	return r
}

// correct gives back what the input was estimated too high, or takes what it was
// estimated too low: then the level may fall below zero.
func (g *gate) correct(estimate, input int, now time.Time) {
	if g == nil || estimate == input {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.catchUp(now)
	g.input.take(float64(input - estimate))
	g.input.level = min(g.input.level, g.input.size)
}

// generated debits output tokens as they come.
func (g *gate) generated(n int, now time.Time) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.catchUp(now)
	g.output.take(float64(n))
}

func (g *gate) refill(now time.Time) {
	g.requests.refill(now)
	g.input.refill(now)
	g.output.refill(now)
	g.window.refill(now)
}

// Levels are what the buckets of a class held, or would have held, at the
// moment the headers of an answer were written. Zero where there is no limit.
type Levels struct {
	Requests     float64 `json:"requests"`
	InputTokens  float64 `json:"input_tokens"`
	OutputTokens float64 `json:"output_tokens"`
}

// headers writes the rate-limit headers as the API does: requests exact, tokens
// rounded to the nearest 1,000, reset the moment the bucket is full again. The
// tokens-* set is input and output combined.
func (g *gate) headers(h http.Header, now time.Time) Levels {
	if g == nil {
		return Levels{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.catchUp(now)
	in, out := thousands(g.input.level), thousands(g.output.level)
	const p = "Anthropic-Ratelimit-"
	w := limitWriter{h: h, values: make([]string, 0, 12), now: now}
	w.bucket(limitHeader{p + "Requests-Limit", p + "Requests-Remaining", p + "Requests-Reset"}, &g.requests, max(0, int(g.requests.level+1e-9)))
	w.bucket(limitHeader{p + "Input-Tokens-Limit", p + "Input-Tokens-Remaining", p + "Input-Tokens-Reset"}, &g.input, in)
	w.bucket(limitHeader{p + "Output-Tokens-Limit", p + "Output-Tokens-Remaining", p + "Output-Tokens-Reset"}, &g.output, out)
	if g.input.limit > 0 && g.output.limit > 0 {
		limit := g.input.limit + g.output.limit
		w.set(limitHeader{p + "Tokens-Limit", p + "Tokens-Remaining", p + "Tokens-Reset"}, strconv.Itoa(limit), min(in+out, limit), later(g.input.full(now), g.output.full(now)))
	}
	return Levels{g.requests.announced(), g.input.announced(), g.output.announced()}
}

// announced is the level, or 0 where nothing is limited.
func (b *bucket) announced() float64 {
	if b.limit == 0 {
		return 0
	}
	return b.level
}

// thousands rounds to the nearest 1,000, never below zero.
func thousands(level float64) int { return max(0, int(math.Round(level/1000))*1000) }

// limitHeader is the names of one set of headers, as net/http spells them.
type limitHeader struct{ limit, remaining, reset string }

// limitWriter sets headers, all their values in one piece of memory: they go with
// every answer.
type limitWriter struct {
	h      http.Header
	values []string
	now    time.Time
}

func (w *limitWriter) bucket(name limitHeader, b *bucket, remaining int) {
	if b.limit > 0 {
		w.set(name, b.announce, min(remaining, b.limit), b.full(w.now))
	}
}

func (w *limitWriter) set(name limitHeader, limit string, remaining int, reset time.Time) {
	n := len(w.values)
	w.values = append(w.values, limit, strconv.Itoa(remaining), reset.Format(time.RFC3339))
	w.h[name.limit] = w.values[n : n+1 : n+1]
	w.h[name.remaining] = w.values[n+1 : n+2 : n+2]
	w.h[name.reset] = w.values[n+2 : n+3 : n+3]
}
