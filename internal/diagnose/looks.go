package diagnose

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// mostLooks is how many answers of a model the regressions go by. Of more, as
// many are drawn: a slope is then off by less than its interval, and the fits
// stay within a second.
const mostLooks = 800

// look is what the regressions need to know of one answer.
type look struct {
	draw              uint64 // those with the smallest are kept
	sent              time.Duration
	ttft, e2e         time.Duration // service_ttft, 0 where it was not streamed; e2e
	generation        time.Duration // from the first content to the last
	uncached, cached  int64         // input tokens
	output, thinking  int64
	events            int
	lag, earlier      time.Duration
	fresh             bool // on a new connection
	retries           int
	inFlight, arrived float64 // see flight
}

// looks is a sample of the answers of one model that does not depend on their order.
type looks struct {
	kept  []look
	n     int    // answers it stands for
	bound uint64 // those that draw more are not kept; 0 is no bound
}

func (l *looks) add(k look) {
	l.n++
	if l.bound > 0 && k.draw > l.bound {
		return
	}
	l.kept = append(l.kept, k)
	if len(l.kept) >= 2*mostLooks {
		l.cut()
		l.bound = l.kept[mostLooks-1].draw
	}
}

func (l *looks) cut() {
	slices.SortFunc(l.kept, func(a, b look) int {
		return cmp.Or(cmp.Compare(a.draw, b.draw), cmp.Compare(a.sent, b.sent), cmp.Compare(a.ttft, b.ttft), cmp.Compare(a.e2e, b.e2e),
			cmp.Compare(a.uncached, b.uncached), cmp.Compare(a.output, b.output))
	})
	l.kept = l.kept[:min(len(l.kept), mostLooks)]
}

// lookAt takes what is needed of an answer.
func lookAt(r call.Result) look {
	k := look{sent: r.Sent, ttft: r.ServiceTTFT(), e2e: r.E2E(), uncached: r.Input + r.CacheWrite5m + r.CacheWrite1h, cached: r.CacheRead,
		output: r.Output, thinking: r.Thinking, events: r.Events, lag: r.Lag(), earlier: r.Earlier, fresh: r.NewConn, retries: max(r.Attempt-1, 0)}
	if r.FirstContent > 0 {
		k.generation = r.LastContent - r.FirstContent
	}
	for _, v := range [...]int64{int64(r.Index), int64(r.Attempt), int64(r.Due), int64(r.Sent), int64(r.Done), r.Prompt(), r.Output} {
		k.draw = mix64(k.draw ^ uint64(v))
	}
	return k
}

// flight is when attempts were under way, of all phases: a server knows of no warm-up.
type flight struct {
	sent, done []time.Duration
	sorted     bool
}

func (f *flight) add(r call.Result) {
	if r.Sent == 0 {
		return
	}
	f.sent, f.done, f.sorted = append(f.sent, r.Sent), append(f.done, max(r.Done, r.Sent)), false
}

func (f *flight) sort() {
	if f.sorted {
		return
	}
	slices.Sort(f.sent)
	slices.Sort(f.done)
	f.sorted = true
}

// at is how many other requests were under way when one was sent. Those that
// were sent at the same moment count half, as their order is not known.
func (f *flight) at(sent time.Duration) float64 {
	before, with := upTo(f.sent, sent-1), upTo(f.sent, sent)
	return max(float64(before+with-1)/2-float64(upTo(f.done, sent)), 0)
}

// arrived is how many other requests were sent in so long before one: what would
// be under way had each taken just that long. Unlike what was under way it does
// not grow where the answers get slow.
func (f *flight) arrived(sent, long time.Duration) float64 {
	before, with := upTo(f.sent, sent-1), upTo(f.sent, sent)
	return max(float64(before+with-1)/2-float64(upTo(f.sent, sent-long-1)), 0)
}

func upTo(sorted []time.Duration, at time.Duration) int {
	return sort.Search(len(sorted), func(i int) bool { return sorted[i] > at })
}
