package plan

import (
	"math/rand/v2"
	"time"
)

// Think returns a user's pause after the request with an index: uniform between
// the load's bounds, decided by the seed and the index. Nil is no pause.
func (p *Plan) Think() func(index int) time.Duration {
	lo, hi := p.Load.ThinkMin, p.Load.ThinkMax
	if hi <= 0 {
		return nil
	}
	// Its own stream, so that think times and prompts do not repeat each other.
	const stream = 0x7468696e6b
	return func(index int) time.Duration {
		r := rand.New(rand.NewPCG(p.Seed^stream, uint64(index)))
		return lo + time.Duration(r.Int64N(int64(hi-lo)+1))
	}
}
