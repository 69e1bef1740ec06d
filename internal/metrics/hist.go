package metrics

import "math"

// histBase is the ratio of neighbouring buckets: a value's estimate is within
// (γ−1)/(γ+1) = 0.99 % of it.
const histBase = 1.02

// The buckets reach from 10⁻¹² (a pico-dollar) to 10¹⁵.
const (
	lowBucket  = -1396
	highBucket = 1745
)

// hist counts positive numbers in log buckets, zeros and infinities apart. Its
// memory is bounded by its range, 25 kB; a value can be taken back.
type hist struct {
	counts   []int64 // counts[i] is bucket low+i
	low      int
	zeros    int64 // nothing, and less than nothing
	infinite int64
	n        int64
	sum      float64 // of the finite values, exact
}

// bucketOf returns ⌈ln v / ln γ⌉, within the range.
func bucketOf(v float64) int {
	return int(min(max(math.Ceil(math.Log(v)/math.Log(histBase)), lowBucket), highBucket))
}

// add counts v n times; a negative n takes it back.
func (h *hist) add(v float64, n int64) {
	h.n += n
	if math.IsInf(v, 1) {
		h.infinite += n
		return
	}
	h.sum += v * float64(n)
	if v <= 0 {
		h.zeros += n
		return
	}
	*h.at(bucketOf(v)) += n
}

// at returns the counter of a bucket and makes room for it.
func (h *hist) at(bucket int) *int64 {
	switch {
	case len(h.counts) == 0:
		h.counts, h.low = make([]int64, 1), bucket
	case bucket < h.low:
		h.counts = append(make([]int64, h.low-bucket), h.counts...)
		h.low = bucket
	case bucket >= h.low+len(h.counts):
		h.counts = append(h.counts, make([]int64, bucket+1-h.low-len(h.counts))...)
	}
	return &h.counts[bucket-h.low]
}

// aggregate returns one of avg (exact), min, max and p (within 1 %); NaN for any
// other and where there is no value.
func (h *hist) aggregate(agg string, q float64) float64 {
	switch {
	case h.n <= 0:
	case agg == "avg" && h.infinite > 0:
		return math.Inf(1)
	case agg == "avg":
		return h.sum / float64(h.n)
	case agg == "min":
		return h.rank(1)
	case agg == "max":
		return h.rank(h.n)
	case agg == "p":
		return h.rank(int64(rank(q, int(h.n))))
	}
	return math.NaN()
}

// rank returns the estimate for a place from 1 to n.
func (h *hist) rank(place int64) float64 {
	if place -= h.zeros; place <= 0 {
		return 0
	}
	for i, count := range h.counts {
		if place -= count; place <= 0 {
			return 2 * math.Pow(histBase, float64(h.low+i)) / (histBase + 1)
		}
	}
	return math.Inf(1)
}
