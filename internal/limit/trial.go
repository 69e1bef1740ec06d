package limit

import (
	"math"
	"time"
)

// How a rate is learned from 429s alone; see trial.estimate.
const (
	settleTime = 15 * time.Second // after a 429 the rate stays for so long
	growth     = math.Ln2 / 60    // a second: doubles in a minute, while the rate is not sure
	fastGrowth = math.Ln2 / 5     // a second: doubles in five, while nothing is known
	slowGrowth = 0.04 / 60        // a second: 4 % a minute, when it is: an estimate may be low, a limit raised
	guessShare = 0.25             // of the rate so far, as the least of the first guesses
	halve      = 0.5              // the most one 429 takes off the rate
	shave      = 0.9              // what one leaves of it at most
	agree      = 0.1              // how near two estimates must be to confirm each other
)

// trial is a rate on trial: the refill of a limit as 429s show it.
type trial struct {
	on      bool
	sure    bool // two 429s in a row said the same
	blind   bool // the only 429 came before there was use to learn from
	share   float64
	rate    float64 // units a second that the API is thought to allow
	bucket  bucket  // paces at share of it, with a second's worth of burst
	grownAt time.Duration

	// The last 429 that counted: when, the rate it left, what had been used by
	// then, and how much of that was open.
	cutAt          time.Duration
	guess          float64
	used, openThen float64
}

// refusal is a 429 and what had been used of the limit by then.
type refusal struct {
	sent, began time.Duration // when the refused request left, and when the first of all did
	units       float64       // what it needed
	charged     float64       // what was used so far, without it
	open        float64       // the part of charged that is still to be generated
	after       float64       // seconds to the next try, as the server said; at least 1
}

// cut takes in a 429 at now. Those of requests that were under way at the last
// cut belong to that one. What is under way goes on using the limit, so nothing
// leaves until the refill has caught up with it.
func (t *trial) cut(now time.Duration, r refusal) {
	if t.on && r.sent <= t.cutAt {
		return
	}
	used, elapsed := r.charged-r.open, (now - r.began).Seconds()
	whole := used / (60 + elapsed)
	if t.on {
		rate := t.estimate(now, used, whole, r)
		t.sure = math.Abs(rate-t.guess) < agree*t.guess
		t.rate, t.blind = rate, false
	} else {
		t.on = true
		t.rate = max(whole, guessShare*used/max(elapsed, 1))
		if least := r.units / r.after; t.rate < least {
			t.rate, t.blind = least, true
		}
	}
	t.cutAt, t.grownAt, t.guess, t.used, t.openThen = now, now, t.rate, used, r.open
	t.pace()
	t.bucket.level, t.bucket.at = -r.open, now+time.Duration(r.after*float64(time.Second))
}

// estimate returns the rate after a further 429.
//
// The API's buckets hold a minute. If this one was full at the beginning and is
// empty now, it has refilled, in a minute and the time since, the whole that was
// used. Between two 429s such a bucket was never full, so the limit refilled what
// was used between them, too; that is uncertain by what a request needs and by
// what is under way at either end. Where the two figures agree, the first is the
// limit, for it is the surer one. Where they do not, the bucket is smaller, or was
// not full when we began; then the rate that brought the 429 was a little too
// high. A rate that is refused before it has grown was too high all along, so the
// limit is not over what was used since the last 429.
func (t *trial) estimate(now time.Duration, used, whole float64, r refusal) float64 {
	span := (now - t.cutAt).Seconds()
	between := (used - t.used) / span
	doubt := 2 * (max(r.open, t.openThen) + r.units) / span
	rate := shave * t.rate
	if math.Abs(whole-between) <= doubt+agree*between {
		rate = min(rate, whole)
	}
	rate = max(rate, halve*t.rate)
	if now-t.cutAt < settleTime {
		rate = min(rate, max(between+doubt, r.units/60))
	}
	return rate
}

// refund gives back n units of a request that left at sent: to the bucket, or to
// the use up to the last 429 if it left before.
func (t *trial) refund(now, sent time.Duration, n float64) {
	switch {
	case !t.on:
	case sent > t.cutAt:
		t.bucket.shift(now, n)
	default:
		t.used -= n
	}
}

// pace sets the bucket to the rate.
func (t *trial) pace() {
	t.bucket.rate = min(1, t.share+overShare) * t.rate
	t.bucket.capacity = t.bucket.rate
}

// grow raises the rate for the time since it was last asked, if somebody waited
// in it: a rate that holds nobody back proves nothing.
func (t *trial) grow(now time.Duration, waited bool) {
	from, g := max(t.grownAt, t.cutAt+settleTime), growth
	switch {
	case t.blind:
		from, g = t.grownAt, fastGrowth
	case t.sure:
		g = slowGrowth
	}
	t.grownAt = max(t.grownAt, now)
	if !t.on || !waited || now <= from {
		return
	}
	t.bucket.advance(now)
	t.rate *= math.Exp(g * (now - from).Seconds())
	t.pace()
}
