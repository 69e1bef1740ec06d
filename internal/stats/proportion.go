package stats

import (
	"math"
	"strconv"

	"gonum.org/v1/gonum/mathext"
)

// Wilson is the share k of n with Wilson's interval, which stays within 0 and 1
// and is honest for shares near either end. Of nothing there is no share.
func Wilson(k, n int, level float64) Estimate {
	if n <= 0 {
		return withheld(math.NaN(), 0, "no values: a share of nothing is unknown")
	}
	z := normal(1 - (1-level)/2)
	m, p := float64(n), float64(k)/float64(n)
	center := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Estimate{Value: p, Low: max(center-half, 0), High: min(center+half, 1), N: n}
}

// ClopperPearsonUpper is the exact upper bound, at the level and one-sided, of
// the share of which k in n were seen: for verdicts. It is 1 where nothing was seen.
func ClopperPearsonUpper(k, n int, level float64) float64 {
	if n <= 0 || k >= n {
		return 1
	}
	return mathext.InvRegIncBeta(float64(k+1), float64(n-k), level)
}

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e6)/1e4, 'f', -1, 64)
}
