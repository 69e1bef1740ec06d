package metrics

import (
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// gaps is a histogram of times between content events, in the log buckets of
// call.GapBucket: every percentile is within 1 % of the true one.
type gaps struct {
	counts []int64 // by bucket; as long as its highest bucket needs
	n      int64
	max    time.Duration // exact
}

// addAll adds the gaps of one attempt. Buckets and counts that cannot be, as a
// damaged log may have them, are left out.
func (g *gaps) addAll(list [][2]int, longest time.Duration) {
	for _, bucket := range list {
		g.add(bucket[0], int64(bucket[1]))
	}
	if len(list) > 0 {
		g.max = max(g.max, longest)
	}
}

func (g *gaps) add(bucket int, count int64) {
	if bucket < 0 || bucket > call.MaxGapBucket || count <= 0 {
		return
	}
	if short := bucket + 1 - len(g.counts); short > 0 {
		g.counts = append(g.counts, make([]int64, short)...)
	}
	g.counts[bucket] += count
	g.n += count
}

func (g *gaps) merge(o *gaps) {
	for bucket, count := range o.counts {
		g.add(bucket, count)
	}
	g.max = max(g.max, o.max)
}

// at returns the gap of a rank from 1 to n, in ms.
func (g *gaps) at(rank int64) float64 {
	for bucket, count := range g.counts {
		if rank -= count; rank <= 0 {
			return g.value(bucket)
		}
	}
	return math.NaN()
}

// value is the estimate for a bucket in ms, never over the longest gap.
func (g *gaps) value(bucket int) float64 {
	v := call.GapValue(bucket)
	if g.max > 0 {
		v = min(v, g.max)
	}
	return ms(v)
}

func (g *gaps) mean() float64 {
	sum := 0.0
	for bucket, count := range g.counts {
		if count > 0 {
			sum += float64(count) * g.value(bucket)
		}
	}
	return sum / float64(g.n)
}

// aggregate returns one of avg, min, max, p; NaN for any other and where there is no gap.
func (g *gaps) aggregate(agg string, q float64) float64 {
	switch {
	case g.n == 0:
	case agg == "avg":
		return g.mean()
	case agg == "min":
		return g.at(1)
	case agg == "max":
		if g.max > 0 {
			return ms(g.max)
		}
		return g.at(g.n)
	case agg == "p":
		return g.at(int64(rank(q, int(g.n))))
	}
	return math.NaN()
}

func (g *gaps) dist() Dist {
	n := int(g.n)
	p := func(q float64) Number {
		if n < LeastN(q) {
			return Withheld()
		}
		return Number(g.aggregate("p", q))
	}
	return Dist{
		Count: n, Mean: Number(g.aggregate("avg", 0)), Min: Number(g.aggregate("min", 0)), Max: Number(g.aggregate("max", 0)),
		P50: p(0.50), P90: p(0.90), P95: p(0.95), P99: p(0.99),
	}
}
