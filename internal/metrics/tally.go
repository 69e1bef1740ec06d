package metrics

import (
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// tally counts what can be counted one record at a time. Table and Live share
// it, so that a progress line and a report cannot mean different things.
type tally struct {
	requests Requests // Planned and Unsent are not known here
	records  int      // requests of any class, for a selector's "is there data at all"
	sentAll  int      // requests sent in any phase

	limited     int   // attempts answered 429
	ended       int   // requests that ended in the window
	endedCalls  int   // attempts that ended in the window
	endedOutput int64 // their output tokens
	good        int   // requests that were ok within the slo

	prompt, cacheRead int64 // of attempts that said their input
	prompted          int
	finals            int // attempts with final usage
	finalPrompt       int64
	finalOutput       int64

	checks, passes int
	tokens         Tokens
	calls          int // attempts in any phase
	usd, uncertain call.USD
	saved          call.USD
}

// rules is what a tally must know of the run: the window, and what a good
// answer keeps.
type rules struct {
	window
	ttft, e2e time.Duration // 0: not asked for
}

func (u rules) hasSLO() bool { return u.ttft > 0 || u.e2e > 0 }

// good reports whether an ok request kept the slo. A plain answer has its first
// content with its last.
func (u rules) good(r *row, class call.Class) bool {
	if class != call.OK || !u.hasSLO() || !u.holds(r.done) {
		return false
	}
	first := r.firstContent
	if first == 0 {
		first = r.lastContent
	}
	return (u.ttft == 0 || first-r.due <= u.ttft) && (u.e2e == 0 || r.lastContent-r.due <= u.e2e)
}

// attempt counts what belongs to each attempt.
func (t *tally) attempt(r *row, class call.Class, u rules) {
	if !class.Sent() {
		return
	}
	t.bill(r)
	if r.phase != inMain {
		return
	}
	t.requests.Attempts++
	if class == call.RateLimited {
		t.limited++
	}
	if u.holds(r.done) {
		t.endedCalls++
		t.endedOutput += int64(r.output)
	}
	if p := r.prompt(); p > 0 {
		t.prompted++
		t.prompt += p
		t.cacheRead += int64(r.read)
	}
	if final(class) {
		t.finals++
		t.finalPrompt += r.prompt()
		t.finalOutput += int64(r.output)
	}
}

// bill counts what is paid for, in every phase.
func (t *tally) bill(r *row) {
	t.calls++
	t.usd += r.cost
	t.saved += r.saved
	if r.bound {
		t.uncertain += r.cost
	}
	t.tokens.Input += int64(r.input)
	t.tokens.CacheWrite5m += int64(r.write5m)
	t.tokens.CacheWrite1h += int64(r.write1h)
	t.tokens.CacheRead += int64(r.read)
	t.tokens.Output += int64(r.output)
	t.tokens.Thinking += int64(r.thinking)
}

// request counts how a request ended, by its last attempt. n is 1, or −1 to
// take back an attempt that turned out not to be the last.
func (t *tally) request(r *row, class call.Class, u rules, n int) {
	if class.Sent() {
		t.sentAll += n
	}
	if class == call.OverBudget {
		t.requests.OverBudget += n
		t.records += n
		return
	}
	if r.phase == inTail && class.Sent() {
		t.requests.BudgetTail += n
	}
	if r.phase != inMain {
		return
	}
	t.records += n
	if class == call.Dropped {
		t.requests.Dropped += n
		return
	}
	t.requests.Sent += n
	t.outcome(class, n)
	if u.holds(r.done) && class != call.Canceled {
		t.ended += n
	}
	if u.good(r, class) {
		t.good += n
	}
}

func (t *tally) outcome(class call.Class, n int) {
	switch class {
	case call.OK:
		t.requests.OK += n
		return
	case call.Canceled:
		t.requests.Canceled += n
		return
	case call.RateLimited:
		t.requests.RateLimited += n
	case call.Overloaded:
		t.requests.Overloaded += n
	}
	t.requests.Failed += n
}

// planned is every request that should have been made.
func (t *tally) planned() int {
	r := t.requests
	return r.Sent + r.Dropped + r.OverBudget + r.Unsent
}

// rates returns the shares and speeds, over a window of so many seconds.
func (t *tally) rates(seconds float64, u rules) Rates {
	r := t.requests
	return Rates{
		Success: share(r.OK, r.Sent), RateLimited: share(t.limited, r.Attempts), Failed: share(r.Failed, r.Sent),
		Dropped: share(r.Dropped, t.planned()), CacheHit: share(t.cacheRead, t.prompt),
		RequestsPerS:     Number(float64(t.ended) / seconds),
		OutputTokensPerS: Number(float64(t.endedOutput) / seconds),
		Goodput:          t.goodput(seconds, u),
	}
}

func (t *tally) goodput(seconds float64, u rules) Number {
	if !u.hasSLO() {
		return Withheld()
	}
	return Number(float64(t.good) / seconds)
}

// share is part ÷ whole, and unknown where there is no whole.
func share[N int | int64](part, whole N) Number {
	if whole == 0 {
		return Withheld()
	}
	return Number(float64(part) / float64(whole))
}

func (t *tally) bills() Tokens {
	sum := t.tokens
	sum.MeanPrompt = share(t.finalPrompt, int64(t.finals))
	sum.MeanOutput = share(t.finalOutput, int64(t.finals))
	return sum
}

// cost returns the money, spent over a time; budget 0 is none.
func (t *tally) cost(budget call.USD, over time.Duration) Cost {
	c := Cost{USD: t.usd, UncertainUSD: t.uncertain, Utilization: Withheld(), Per1kRequests: perThousand(t.usd, t.sentAll),
		BurnPerHour: Withheld(), CacheSavings: t.saved}
	if over > 0 {
		c.BurnPerHour = Number(t.usd.Dollars() / over.Hours())
	}
	if budget > 0 {
		left := budget - t.usd
		c.BudgetUSD, c.RemainingUSD = &budget, &left
		c.Utilization = Number(float64(t.usd) / float64(budget))
	}
	return c
}

// perThousand is the price of a thousand requests, to the nearest pico-dollar.
// It divides first: a thousand times a large bill does not fit.
func perThousand(usd call.USD, requests int) call.USD {
	if requests <= 0 {
		return 0
	}
	n := call.USD(requests)
	each, rest := usd/n, usd%n
	if each > math.MaxInt64/1000 {
		return math.MaxInt64
	}
	return each*1000 + (rest*1000+n/2)/n
}
