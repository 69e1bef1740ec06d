package limit

import (
	"math"
	"time"
)

// rounding is the grain of the headers that count tokens.
const rounding = 1000

// grace is how much a bucket may lack and still give: float sums of refills
// come out a hair short of the whole.
const grace = 1e-6

// bucket is a token bucket in arithmetic only: it refills at rate units a second
// up to capacity. Its level may be below zero, for what was taken beyond it.
// Instants are offsets from any one origin.
type bucket struct {
	level, capacity, rate float64
	at                    time.Duration
}

// advance refills up to now; an earlier instant changes nothing.
func (b *bucket) advance(now time.Duration) {
	if now > b.at {
		b.level += b.rate * (now - b.at).Seconds()
		b.at = now
	}
	b.level = min(b.level, b.capacity)
}

// shift adds n, which may be negative, at now; what is over capacity is lost.
func (b *bucket) shift(now time.Duration, n float64) {
	b.advance(now)
	b.level = min(b.level+n, b.capacity)
}

// ready returns the first instant from now on at which n units are there. More
// than the capacity is given when the bucket is full: it would never be there.
func (b *bucket) ready(now time.Duration, n float64) time.Duration {
	b.advance(now)
	lack := min(n, b.capacity) - b.level
	if lack <= grace {
		return max(now, b.at)
	}
	wait := math.Ceil(lack / b.rate * float64(time.Second))
	if !(wait < float64(forever-b.at)) {
		return forever
	}
	return max(now, b.at) + time.Duration(wait)
}

// forever is an instant no run reaches, with room to add to it.
const forever = time.Duration(math.MaxInt64 / 2)
