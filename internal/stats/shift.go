package stats

import (
	"math"

	"github.com/aclements/go-moremath/stats"
)

// HodgesLehmann is by how much the values of b lie above those of a: the median
// of all differences between a value of b and one of a. Its interval is the
// Mann–Whitney test turned round, exact for small samples. Widen is as for
// [MannWhitney].
//
// It takes time in proportion to n·log n and no memory for the n·m differences.
func HodgesLehmann(a, b []float64, level, widen float64) Estimate {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return withheld(math.NaN(), min(n, m), "no values on one side")
	}
	d := differences{sortedCopy(a), sortedCopy(b)}
	pairs := n * m
	value := d.at((pairs + 1) / 2)
	if pairs%2 == 0 {
		value = middle(value, d.at(pairs/2+1))
	}
	k := d.order((1-level)/2, widen)
	if k < 1 || !Comparable(n, m, level) {
		return withheld(value, min(n, m), "n too small: %d against %d values have no interval at %s %%", n, m, percent(level))
	}
	return Estimate{Value: value, Low: d.at(k), High: d.at(pairs + 1 - k), N: min(n, m)}
}

// Comparable reports whether n against m values can differ significantly at the
// level at all: whether the most extreme order of the two, of which there are
// (n+m)!/(n!·m!), is rare enough. At 95 %: 4 against 4, or 3 against 5.
func Comparable(n, m int, level float64) bool {
	all, _ := math.Lgamma(float64(n + m + 1))
	first, _ := math.Lgamma(float64(n + 1))
	second, _ := math.Lgamma(float64(m + 1))
	return math.Ln2-(all-first-second) <= math.Log(1-level)+1e-9
}

// differences are all b−a of two sorted samples.
type differences struct{ a, b []float64 }

// order is the place of the lower bound that leaves the tail below it; 0 is none.
func (d differences) order(tail, widen float64) int {
	n, m := len(d.a), len(d.b)
	pairs := n * m
	if n <= exactLimit && m <= exactLimit && widen <= 1 && !tied(d.a, d.b) {
		u := stats.UDist{N1: n, N2: m}
		return sortedSearch(pairs/2, func(k int) bool { return u.CDF(float64(k)) > tail })
	}
	sd := d.sd() * max(widen, 1)
	k := int(math.Floor(float64(pairs)/2 + normal(tail)*sd + 0.5))
	return min(k, (pairs+1)/2)
}

// sd is the spread of U where there is no difference, corrected for ties.
func (d differences) sd() float64 {
	n, m := float64(len(d.a)), float64(len(d.b))
	all := sortedCopy(append(append([]float64{}, d.a...), d.b...))
	ties := 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return math.Sqrt(n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1))))
}

// at is the k-th smallest difference, from 1. It halves the floats between the
// smallest and the largest until one is left: the count of differences up to a
// value rises with the value, and two pointers count it in n+m steps.
func (d differences) at(k int) float64 {
	low, high := position(d.minus(0, len(d.a)-1)), position(d.minus(len(d.b)-1, 0))
	for low < high {
		mid := low + int64(uint64(high-low)/2)
		if d.upTo(number(mid)) >= k {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return number(low)
}

func (d differences) upTo(x float64) int {
	count, j := 0, len(d.b)
	for i := len(d.a) - 1; i >= 0; i-- { // the highest a has the lowest differences
		for j > 0 && d.minus(j-1, i) > x {
			j--
		}
		count += j
	}
	return count
}

// minus is b[j]−a[i]. Two calls that never ended do not differ.
func (d differences) minus(j, i int) float64 {
	if d.b[j] == d.a[i] {
		return 0
	}
	return d.b[j] - d.a[i]
}

// position numbers the floats in their order; number is its inverse.
func position(x float64) int64 {
	bits := int64(math.Float64bits(x))
	if bits < 0 {
		return math.MinInt64 - bits
	}
	return bits
}

func number(at int64) float64 {
	if at < 0 {
		at = math.MinInt64 - at
	}
	return math.Float64frombits(uint64(at))
}
