package stats

import (
	"math"

	"github.com/aclements/go-moremath/stats"
	"gonum.org/v1/gonum/mathext"
)

// LeastN is the least number of values at which the quantile q has a finite
// two-sided interval at the level: ⌈ln((1−level)/2) / ln q⌉, with 1−q for the
// lower half. At 95 %: p50 6, p90 36, p95 72, p99 368. It is 1 for q outside (0, 1).
func LeastN(q, level float64) int { return least(q, (1-level)/2) }

// LeastUpperN is the same for an upper bound alone. At 95 %: 5, 29, 59, 299.
func LeastUpperN(q, level float64) int { return least(q, 1-level) }

func least(q, tail float64) int {
	q = max(q, 1-q)
	if !(q < 1) {
		return 1
	}
	return int(min(math.Ceil(math.Log(tail)/math.Log(q)-1e-9), math.MaxInt32))
}

// Quantile is the quantile q by nearest rank, with an interval between two of
// the values, so that no shape is assumed. Effective is how many independent
// values they are worth, see [EffectiveN]; 0 is all of them.
func Quantile(values []float64, q, level, effective float64) Estimate {
	n := len(values)
	if effective <= 0 || effective > float64(n) {
		effective = float64(n)
	}
	s := sortedCopy(values)
	at := nearest(s, q)
	worth := int(effective)
	if need := LeastN(q, level); worth < need {
		return withheld(at, n, "n too small: an interval of p%s takes %d independent values, these are worth %d", percent(q), need, worth)
	}
	lo, hi, _ := Orders(worth, q, level)
	scale := float64(n) / float64(worth)
	low := int(math.Floor(float64(lo) * scale))
	high := int(math.Ceil(float64(hi) * scale))
	return Estimate{Value: at, Low: s[max(low, 1)-1], High: s[min(high, n)-1], N: n}
}

// Orders returns the places, from 1 to n, of the two sorted values between which
// the quantile q lies at the level, and how surely it does. A place below 1 or
// over n has no value: n is below [LeastN].
func Orders(n int, q, level float64) (low, high int, coverage float64) {
	ci := stats.QuantileCI(n, q, level)
	low, high = ci.LoOrder, ci.HiOrder
	// Note: from 31 values on the library approximates by a normal
	// distribution, which near the ends of the sample asks for values that are
	// not there although the exact interval has them.
	coverage = between(n, q, low, high)
	if low < 1 || high > n || coverage < level {
		low, high = exactOrders(n, q, (1-level)/2)
		coverage = between(n, q, low, high)
	}
	return low, high, coverage
}

// exactOrders leaves at most tail on either side.
func exactOrders(n int, q, tail float64) (low, high int) {
	low = sortedSearch(n+1, func(k int) bool { return atMost(n, q, k) > tail })
	high = sortedSearch(n+1, func(k int) bool { return 1-atMost(n, q, k-1) <= tail })
	return low, high
}

// sortedSearch returns the first k in [0, n) for which is holds, else n.
func sortedSearch(n int, is func(k int) bool) int {
	low, high := 0, n
	for low < high {
		mid := int(uint(low+high) / 2)
		if is(mid) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// between is the probability that from low to high−1 of n values are below the quantile.
func between(n int, q float64, low, high int) float64 {
	return atMost(n, q, high-1) - atMost(n, q, low-1)
}

// atMost is P(X ≤ k) of a binomial.
func atMost(n int, q float64, k int) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-q)
}
