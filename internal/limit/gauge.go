package limit

import (
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// overShare is added to the share at which the pace aims: a timer that is late,
// a queue that runs dry and a request too large for what is there only ever
// lose, so that what is reached lies between the share and one percent over it.
const overShare = 0.01

// gauge is one limit of one model class as avoid sees it. A request is charged
// when it leaves, by estimate, and corrected when it ends. Three things may hold
// it back:
//
//   - server: what the API has left, above the part that is not ours to use;
//     refilled at the limit, corrected by headers (others may use the limit too);
//   - pace: our own use alone, which refills at the share of the limit, so that a
//     share of one half leaves half of the limit to others;
//   - trial: a rate learned from 429s, where no header explains them.
type gauge struct {
	share        float64
	began        time.Duration // when the first request of the class came
	limit        float64       // per minute, as headers say; 0: they have not
	server, pace bucket
	trial        trial

	charged float64       // everything we used so far, corrected
	shifted float64       // all corrections of server so far, for marks taken before them
	newest  time.Duration // when the request left whose header was used last
}

// mark is a gauge at the instant a request left, against which the header of its
// answer is held: that header speaks of this instant, however late it comes.
type mark struct {
	limit, level, shifted, charged float64
	open                           float64 // charged but perhaps not yet used by the server
}

// ready returns the first instant from now on at which n units may be used.
func (g *gauge) ready(now time.Duration, n float64) time.Duration {
	at := now
	if g.limit > 0 {
		at = max(g.server.ready(now, n), g.pace.ready(now, n))
	}
	if g.trial.on {
		at = max(at, g.trial.bucket.ready(now, n))
	}
	return at
}

// charge uses n units at now and marks the state after it.
func (g *gauge) charge(now time.Duration, n, open float64) mark {
	g.charged += n
	g.server.shift(now, -n)
	g.pace.shift(now, -n)
	g.trial.bucket.shift(now, -n)
	return mark{limit: g.limit, level: g.server.level, shifted: g.shifted, charged: g.charged, open: open}
}

// refund gives back n units (or takes them, if negative) of a request that left at sent.
func (g *gauge) refund(now, sent time.Duration, n float64) {
	if n == 0 {
		return
	}
	g.charged -= n
	g.correct(now, n)
	g.pace.shift(now, n)
	g.trial.refund(now, sent, n)
}

// reserve is the part of the server's bucket that is left alone.
func (g *gauge) reserve() float64 { return (1 - g.share) * g.limit }

// learn takes in what an answer's header says of this limit, given the mark of
// its request. Headers of a request that left before one already used are old
// news; a limit of 0 cannot be paced and is left to the server to enforce.
func (g *gauge) learn(now time.Duration, t *ticket, i int, h call.Limit) {
	limit := natural(h.Limit)
	if t.at < g.newest {
		return
	}
	if limit != nil && *limit > 0 && float64(*limit) != g.limit {
		g.shape(now, float64(*limit))
	}
	remaining := natural(h.Remaining)
	if g.limit == 0 || remaining == nil {
		return
	}
	g.newest = t.at
	left, half := float64(*remaining)-g.reserve(), 0.0
	if i != requests && *remaining%rounding == 0 {
		half = rounding / 2
	}
	m := t.marks[i]
	if m.limit != g.limit {
		// The mark knows nothing of this limit: take the header, and what we know of the time since.
		level := left - half + g.server.rate*(now-t.at).Seconds() - (g.charged - m.charged)
		g.correct(now, level-g.server.level)
		return
	}
	// What the level was then, with what has been put right since. The server
	// may not have counted all of it yet, and rounds.
	then := m.level + g.shifted - m.shifted
	switch {
	case left+half < then:
		g.correct(now, left+half-then)
	case left-half > then+m.open:
		g.correct(now, left-half-then-m.open)
	}
}

func (g *gauge) correct(now time.Duration, n float64) {
	g.server.shift(now, n)
	g.shifted += n
}

// shape fits both buckets to a limit: full at the beginning, less what we used since.
func (g *gauge) shape(now time.Duration, limit float64) {
	g.limit = limit
	full, elapsed := g.share*limit, (now - g.began).Seconds()
	g.server = bucket{capacity: full, rate: limit / 60, at: now}
	g.pace = bucket{capacity: full, rate: min(1, g.share+overShare) * limit / 60, at: now}
	for _, b := range []*bucket{&g.server, &g.pace} {
		b.level = full - min(max(0, g.charged-b.rate*elapsed), 2*full)
	}
}

// refused takes in a 429 that named this limit, the i-th: there was less on the
// server than the request needed. It reports false where that explains nothing,
// because no header ever told the limit or the header of the 429 tells of plenty.
func (g *gauge) refused(now time.Duration, t *ticket, i int, h *call.Limit) bool {
	if g.limit == 0 || h != nil && h.Remaining != nil && !emptied(h, i, t.cost[i]+g.reserve()) {
		return false
	}
	if most := t.cost[i] - g.reserve(); g.server.level > most && t.at >= g.newest {
		g.correct(now, most-g.server.level)
		g.newest = t.at
	}
	return true
}
