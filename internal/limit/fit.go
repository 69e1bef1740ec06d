package limit

import (
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/stats"
)

// Demand is what one attempt wanted of a limit, and whether it got it. An answer
// whose tokens are counted while they come is several demands, one a part.
type Demand struct {
	At      time.Duration
	Units   float64 // what it took, or of a refused one what it would have taken
	Refused bool    // by this limit
}

// Said is what the headers of one answer said of a limit, and when.
type Said struct {
	At               time.Duration // when the answer's head arrived
	Limit, Remaining float64
	Full             time.Duration // when the bucket is full again: the header's reset
}

// Fit is a token bucket as it shows from outside.
type Fit struct {
	PerMinute stats.Estimate // refill
	Capacity  float64        // the most it holds; NaN where nothing tells
	From      string         // FromHeaders or FromRefusals
}

// Where a fit comes from.
const (
	FromHeaders  = "headers"
	FromRefusals = "429s"
)

// The least that a fit needs.
const (
	fitRefusals = 30          // 429s,
	fitSpan     = time.Minute // over so long
	fitSaid     = 30          // headers,
	fitParts    = 40          // in equal parts of the limit,
	fitLeast    = 8           // so many of them
)

// FitHeaders fits a bucket to what headers said: the time until it is full again
// rises with what is gone, by 1 ÷ refill. That time is rounded to whole seconds,
// which is much where the bucket is nearly always empty, so answers are averaged
// over equal parts of the limit before a line is laid through them, by Theil and
// Sen. A clock that differs from ours shifts the line and leaves its slope. The
// capacity is the limit. False: too few headers, or all of one state.
func FitHeaders(said []Said, level float64) (Fit, bool) {
	limit, n := math.NaN(), 0
	var gone, until, count [fitParts]float64
	for _, s := range said {
		if s.Limit <= 0 || s.Remaining >= s.Limit {
			continue // full: the time says nothing
		}
		limit = s.Limit
		n++
		i := min(int((s.Limit-s.Remaining)/s.Limit*fitParts), fitParts-1)
		gone[i], until[i], count[i] = gone[i]+s.Limit-s.Remaining, until[i]+(s.Full-s.At).Seconds(), count[i]+1
	}
	var x, y []float64
	for i, c := range count {
		if c > 0 {
			x, y = append(x, gone[i]/c), append(y, until[i]/c)
		}
	}
	if n < fitSaid || len(x) < fitLeast {
		return Fit{}, false
	}
	seconds, _ := stats.TheilSen(x, y, level, 1)
	rate := stats.Estimate{Value: 60 / seconds.Value, Low: 60 / seconds.High, High: 60 / seconds.Low, N: n}
	return Fit{PerMinute: rate, Capacity: limit, From: FromHeaders}, seconds.Value > 0
}

// FitRefusals fits a bucket to when it refused, with no header at all. Between
// the first and the last refusal a bucket is never full, so what it let through
// there is what it refilled. What it let through beyond that, at the most, over
// any stretch is what it had stored:
//
//	R = admitted ÷ span,  Z(t) = admitted up to t − R·t,  B = max over t of Z(t) − min over s ≤ t of Z(s)
//
// Demands must be in order. False: too few refusals, or too close together.
func FitRefusals(demands []Demand) (Fit, bool) {
	first, last, refused := time.Duration(-1), time.Duration(-1), 0
	for _, d := range demands {
		if d.Refused {
			if refused == 0 {
				first = d.At
			}
			last = d.At
			refused++
		}
	}
	if refused < fitRefusals || last-first < fitSpan {
		return Fit{}, false
	}
	between := 0.0
	for _, d := range demands {
		if !d.Refused && d.At > first && d.At <= last {
			between += d.Units
		}
	}
	rate := between / (last - first).Seconds()
	return Fit{PerMinute: stats.Estimate{Value: rate * 60, Low: math.NaN(), High: math.NaN(), N: refused}, Capacity: Stored(demands, rate), From: FromRefusals}, rate > 0
}

// Stored is the most that was let through over any stretch beyond what a refill
// of so many units a second brings: what the bucket had stored at the least, and
// all it holds where it was full before and refused afterwards.
func Stored(demands []Demand, perSecond float64) float64 {
	admitted, least, most := 0.0, math.Inf(1), 0.0
	for _, d := range demands {
		if d.Refused {
			continue
		}
		before := admitted - perSecond*d.At.Seconds()
		least = min(least, before)
		admitted += d.Units
		most = max(most, before+d.Units-least)
	}
	return most
}

// Conforms is how well the bucket explains what was admitted and what was
// refused: Matthews' correlation of what it would have done with what was done,
// 1 for all of it, 0 for no better than chance. Each step is foretold from what
// was done before it, so that a small error of the refill does not add up over a
// run. A bucket that does not explain
// the refusals (under 0.8) is not their cause, or not alone: a shorter window, a
// ramp limit, another tenant. Demands must be in order; NaN where all were
// admitted or all refused.
func (f Fit) Conforms(demands []Demand) float64 {
	b := bucket{level: f.Capacity, capacity: f.Capacity, rate: f.PerMinute.Value / 60}
	var table [2][2]float64 // by what the bucket would do, by what was done
	for _, d := range demands {
		b.advance(d.At)
		would, did := 0, 0
		if b.level+grace < d.Units {
			would = 1
		}
		if d.Refused {
			did = 1
			b.level = min(b.level, d.Units) // there was less
		} else {
			b.level = max(b.level, d.Units) // there was enough
			b.shift(d.At, -d.Units)
		}
		table[would][did]++
	}
	return matthews(table)
}

func matthews(t [2][2]float64) float64 {
	tn, fn, fp, tp := t[0][0], t[0][1], t[1][0], t[1][1]
	d := math.Sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
	if tp+fn == 0 || tn+fp == 0 {
		return math.NaN()
	}
	if d == 0 {
		return 0
	}
	return (tp*tn - fp*fn) / d
}

// InOrder sorts demands by when they came, keeping those of one instant in order.
func InOrder(demands []Demand) []Demand {
	slices.SortStableFunc(demands, func(a, b Demand) int { return int(max(-1, min(1, a.At-b.At))) })
	return demands
}
