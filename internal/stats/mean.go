package stats

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// leastMean is the least number of values from which a mean has an interval:
// with fewer, a skewed sample's is too short.
const leastMean = 10

// Mean is the mean with Student's interval. Effective is how many independent
// values they are worth; 0 is all. Under 10 there is no interval.
func Mean(values []float64, level, effective float64) Estimate {
	n := len(values)
	worth := float64(n)
	if effective > 0 {
		worth = min(worth, effective)
	}
	value := stat.Mean(values, nil)
	if n == 0 {
		value = math.NaN()
	}
	if worth < leastMean {
		return withheld(value, n, "n too small: an interval of a mean takes %d independent values, these are worth %d", leastMean, int(worth))
	}
	half := quantileT(1-(1-level)/2, worth-1) * stat.StdDev(values, nil) / math.Sqrt(worth)
	return Estimate{Value: value, Low: value - half, High: value + half, N: n}
}

// MeanDifference is the mean of b less that of a with Welch's interval, which
// does not take the two to have one spread. Under 10 values on either side
// there is no interval.
func MeanDifference(a, b []float64, level float64) Estimate {
	n, m := float64(len(a)), float64(len(b))
	if n == 0 || m == 0 {
		return withheld(math.NaN(), 0, "no values on one side")
	}
	value := stat.Mean(b, nil) - stat.Mean(a, nil)
	if min(n, m) < leastMean {
		return withheld(value, int(min(n, m)), "n too small: an interval of a mean takes %d values on each side, the fewest are %d", leastMean, int(min(n, m)))
	}
	va, vb := stat.Variance(a, nil)/n, stat.Variance(b, nil)/m
	e := Estimate{Value: value, Low: value, High: value, N: int(min(n, m))}
	if va+vb > 0 {
		df := (va + vb) * (va + vb) / (va*va/(n-1) + vb*vb/(m-1))
		half := quantileT(1-(1-level)/2, df) * math.Sqrt(va+vb)
		e.Low, e.High = value-half, value+half
	}
	return e
}

func quantileT(p, df float64) float64 { return distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(p) }
