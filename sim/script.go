package sim

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// script is one answer as drawn: how long it is and when each part is due,
// counted from the moment the request was read.
type script struct {
	rng      *rand.Rand
	lat      Latency
	first    time.Duration // message_start, and with it the headers
	content  time.Duration // first delta, shown or not
	prefill  time.Duration // of that: what the prompt costs
	speed    float64       // tokens per second; 0 is no delay
	output   int           // tokens in all
	thinking int           // of them
	capped   bool          // more was drawn than max_tokens allows
	offset   uint64        // into the prose

	every time.Duration // Steady: between events
	per   int           // Steady: tokens per event

	left  int           // tokens still to come in the present block
	drawn int           // tokens of all blocks so far
	at    time.Duration // when the last event was due
	any   bool          // something has been generated
	fresh bool          // the present block has had no event
}

// draws numbers requests that ask the same, so that each gets its own draws.
type draws struct {
	mu   sync.Mutex
	seen map[uint64]uint32
}

// maxAsked bounds the memory of what was asked; what is new beyond it draws as
// if asked for the first time.
const maxAsked = 1 << 20

// of returns the generators of one request: for the answer, and for faults, so
// that a fault rule does not change the answers of others.
func (d *draws) of(seed uint64, asked digest) (answer, faults *rand.Rand) {
	a, b := binary.BigEndian.Uint64(asked[:8]), binary.BigEndian.Uint64(asked[8:16])
	d.mu.Lock()
	n, old := d.seen[a]
	if d.seen == nil {
		d.seen = make(map[uint64]uint32)
	}
	if old || len(d.seen) < maxAsked {
		d.seen[a] = n + 1
	}
	d.mu.Unlock()
	b += uint64(n) * 0x9e3779b97f4a7c15
	return rand.New(rand.NewPCG(seed^a, b)), rand.New(rand.NewPCG(seed^a, ^b))
}

// draw fixes an answer's length and delays. The order of the draws is fixed, and
// none depends on load or cache: those only enter the arithmetic.
func (c Config) draw(rng *rand.Rand, lat Latency, req *request, use usage, drift float64) script {
	p := script{rng: rng, lat: lat}
	p.drawLength(c, req)
	p.offset = rng.Uint64()
	excess, z, lead := lat.excess(rng), rng.NormFloat64(), logUniform(rng, time.Millisecond, 50*time.Millisecond)
	p.speed = lat.speed(rng)
	if req.speed == "fast" && req.model.fast() {
		p.speed *= fastFactor
	}
	switch c.Profile {
	case Steady:
		p.every, p.per = seconds(1/c.EventsPerSecond), c.TokensPerEvent
		p.speed = c.EventsPerSecond * float64(c.TokensPerEvent)
		p.first, p.content = c.TTFT, c.TTFT
	case Measured:
		p.prefill = lat.prefill(use.uncached(), use.read, z)
		p.content = scale(lat.Floor+excess, drift) + p.prefill
		p.first = max(0, p.content-lead) // generation has begun when message_start is sent
	}
	p.at = p.content
	return p
}

// Thinking as a share of the output, and the spread of both: assumptions.
const (
	lengthSigma   = 0.5
	thinkingSigma = 0.3
)

func thinkingShare(effort string) float64 {
	switch effort {
	case "low":
		return 0.2
	case "high":
		return 0.6
	case "xhigh":
		return 0.7
	case "max":
		return 0.8
	}
	return 0.4
}

// drawLength: lognormal around Answer × max_tokens, at least 4 tokens as asked
// of a model and never more than there is room for.
func (p *script) drawLength(c Config, req *request) {
	z, zThink := p.rng.NormFloat64(), p.rng.NormFloat64()
	median := c.Answer * float64(req.maxTokens)
	n := math.Round(median)
	if c.Profile != Steady {
		if c.AnswerCap > 0 {
			median = min(median, float64(c.AnswerCap))
		}
		n = math.Ceil(max(4, median) * math.Exp(lengthSigma*z))
	}
	p.output = max(1, int(min(n, float64(req.room()))))
	p.capped = n > float64(req.room())
	if req.think.on {
		share := thinkingShare(req.effort) * math.Exp(thinkingSigma*zThink)
		p.thinking = max(0, min(p.output-1, int(share*float64(p.output))))
	}
}

// begin starts a block of n tokens, the next in time.
func (p *script) begin(n int) { p.left, p.fresh = n, true }

// skip lets the time of n tokens pass without an event: hidden thinking.
func (p *script) skip(n int) {
	if p.speed > 0 {
		p.at += seconds(float64(n) / p.speed)
	}
	p.any = true
	p.drawn += n
}

// stepped leaves it to the steps of the load when tokens come: without a speed
// they are all due at once.
func (p *script) stepped() {
	p.speed, p.every = 0, 0
	p.content -= p.prefill
	p.first = max(0, p.first-p.prefill)
	p.at = p.content
}

// next returns the next event of the present block: its tokens, and when it is
// due. The first of all is due at p.content.
func (p *script) next() (k int, at time.Duration, ok bool) {
	if p.left <= 0 {
		return 0, 0, false
	}
	if p.per > 0 {
		k = min(p.per, p.left)
		if p.any {
			p.at += p.every
		}
	} else {
		k = min(p.lat.chunk(p.rng, p.fresh), p.left)
		if p.any {
			p.at += p.lat.gap(p.rng, k, p.speed)
		}
	}
	p.any, p.fresh = true, false
	p.left -= k
	p.drawn += k
	return k, p.at, true
}
