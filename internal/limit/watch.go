package limit

import (
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// The recent course of remaining: one point a second for the last minute is
// enough for a slope, and few enough to compare each with each.
const (
	coursePoints = 64
	courseStep   = time.Second
	courseSpan   = time.Minute
	courseLeast  = 5 // points and seconds below which there is no slope
)

// point is what was left at one instant.
type point struct {
	at        time.Time
	remaining float64
}

// watch is one limit as its headers tell it; a nil number was never said.
type watch struct {
	limit, remaining *int64
	reset            time.Time
	at               time.Time // of the newest answer
	minHeadroom      *float64
	minRemaining     *int64
	course           []point // oldest first
}

// observe takes in one answer's headers.
func (w *watch) observe(h call.Limit, at time.Time) {
	limit, remaining := natural(h.Limit), natural(h.Remaining)
	if limit == nil && remaining == nil && h.Reset.IsZero() {
		return
	}
	newest := w.at.IsZero() || !at.Before(w.at)
	if limit != nil && (newest || w.limit == nil) {
		w.limit = limit
	}
	if remaining != nil {
		w.lowest(limit, remaining)
	}
	if !newest {
		return
	}
	if !h.Reset.IsZero() {
		w.reset = h.Reset
	}
	// Of two answers of one instant the fuller one is as good a guess as the
	// emptier, and the emptier one is the safer.
	if remaining != nil && (w.remaining == nil || at.After(w.at) || *remaining < *w.remaining) {
		w.remaining = remaining
		w.follow(point{at, float64(*remaining)})
	}
	w.at = at
}

// lowest keeps the least that was ever left, as a number and as a share of the
// limit that the same answer named, else of the one known.
func (w *watch) lowest(limit, remaining *int64) {
	if w.minRemaining == nil || *remaining < *w.minRemaining {
		w.minRemaining = remaining
	}
	if limit == nil {
		limit = w.limit
	}
	if h, ok := share(limit, remaining); ok && (w.minHeadroom == nil || h < *w.minHeadroom) {
		w.minHeadroom = &h
	}
}

// follow appends a point, or replaces the last one within the same step.
func (w *watch) follow(p point) {
	n := len(w.course)
	if n > 1 && p.at.Sub(w.course[n-2].at) < courseStep {
		w.course[n-1] = p
		return
	}
	if n == coursePoints {
		w.course = slices.Delete(w.course, 0, 1)
	}
	w.course = append(w.course, p)
}

func (w *watch) headroom(remaining *int64) (float64, bool) { return share(w.limit, remaining) }

// use is the watch as its readers get it; nothing in it is shared.
func (w *watch) use(kind call.LimitKind, limited int) Use {
	u := Use{Kind: kind, Limit: clone(w.limit), Remaining: clone(w.remaining), Reset: w.reset, At: w.at,
		MinHeadroom: clone(w.minHeadroom), MinRemaining: clone(w.minRemaining), RateLimited: limited}
	if h, ok := w.headroom(w.remaining); ok {
		used := 1 - h
		u.Utilization = &used
	}
	if kind == call.LimitRequests {
		u.Exhaustion = w.exhaustion(1)
	} else {
		u.Exhaustion = w.exhaustion(rounding)
	}
	return u
}

// exhaustion projects when nothing is left: remaining over the speed at which
// it fell lately, by the median of the slopes between all pairs of points
// (Theil–Sen), which single odd answers do not move. A fall of less than two
// steps of the header's grain is no fall.
func (w *watch) exhaustion(grain float64) *time.Duration {
	pts := w.course
	for len(pts) > 0 && w.at.Sub(pts[0].at) > courseSpan {
		pts = pts[1:]
	}
	if len(pts) < courseLeast || w.remaining == nil {
		return nil
	}
	span := pts[len(pts)-1].at.Sub(pts[0].at)
	slope := theilSen(pts)
	if span < courseLeast*time.Second || -slope*span.Seconds() < 2*grain {
		return nil
	}
	left := float64(*w.remaining) / -slope * float64(time.Second)
	if !(left < math.MaxInt64) {
		return nil
	}
	d := time.Duration(left)
	return &d
}

// theilSen returns the median slope of all pairs, in units a second; 0 without a pair.
func theilSen(pts []point) float64 {
	var slopes []float64
	for i, p := range pts {
		for _, q := range pts[i+1:] {
			if dt := q.at.Sub(p.at).Seconds(); dt > 0 {
				slopes = append(slopes, (q.remaining-p.remaining)/dt)
			}
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	slices.Sort(slopes)
	return slopes[len(slopes)/2]
}

// share is remaining/limit within 0 and 1; ok is false unless both are known and
// the limit is more than nothing.
func share(limit, remaining *int64) (float64, bool) {
	if limit == nil || remaining == nil || *limit <= 0 {
		return 0, false
	}
	return min(1, float64(*remaining)/float64(*limit)), true
}

// natural is n, or nil where it is negative: no header means that.
func natural(n *int64) *int64 {
	if n == nil || *n < 0 {
		return nil
	}
	return clone(n)
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
