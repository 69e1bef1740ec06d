package stats

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Difference is the mean by which one side is above the other, with what a
// t-test says of it.
type Difference struct {
	Estimate
	P     float64 // two-sided; NaN where it cannot be tested
	Error float64 // standard error of the value
	DF    int     // degrees of freedom; 0 where it cannot be tested
}

// PairedT is the mean of b−a over pairs. The test takes the differences to be
// about normal, as those of medians are; with a handful of pairs no test on
// ranks can be significant. Least is the least spread of one difference that is
// believed: what is known of the noise of each. Under two pairs there is no test.
func PairedT(a, b []float64, least, level float64) Difference {
	n := min(len(a), len(b))
	d := make([]float64, n)
	for i := range d {
		d[i] = b[i] - a[i]
	}
	if n < 2 {
		return untested(stat.Mean(d, nil), n)
	}
	mean, sd := stat.MeanStdDev(d, nil)
	return student(mean, max(sd, least)/math.Sqrt(float64(n)), n-1, n, level)
}

// TwoSampleT is the mean of b less that of a, taking both to have one spread,
// which at least one side with two values must show. Least is the least spread
// of one value that is believed.
func TwoSampleT(a, b []float64, least, level float64) Difference {
	n, m := len(a), len(b)
	value := stat.Mean(b, nil) - stat.Mean(a, nil)
	df := n + m - 2
	if n == 0 || m == 0 || df < 1 {
		return untested(value, min(n, m))
	}
	squares := 0.0
	for _, side := range [][]float64{a, b} {
		mean := stat.Mean(side, nil)
		for _, x := range side {
			squares += (x - mean) * (x - mean)
		}
	}
	sd := max(math.Sqrt(squares/float64(df)), least)
	return student(value, sd*math.Sqrt(1/float64(n)+1/float64(m)), df, min(n, m), level)
}

func untested(value float64, n int) Difference {
	return Difference{withheld(value, n, "n too small: a spread takes two on a side"), math.NaN(), math.NaN(), 0}
}

func student(value, err float64, df, n int, level float64) Difference {
	t := distuv.StudentsT{Sigma: 1, Nu: float64(df)}
	half := Critical(1-level, df) * err
	d := Difference{Estimate{Value: value, Low: value - half, High: value + half, N: n}, 1, err, df}
	if value != 0 {
		d.P = min(2*t.Survival(math.Abs(value)/err), 1)
	}
	return d
}

// Critical is how many standard errors from nothing are significant at the
// two-sided level alpha: of a t-test with df degrees of freedom, or for 0 of the
// normal distribution.
func Critical(alpha float64, df int) float64 {
	if df <= 0 {
		return normal(1 - alpha/2)
	}
	return distuv.StudentsT{Sigma: 1, Nu: float64(df)}.Quantile(1 - alpha/2)
}

// PairsFor is how many pairs a [PairedT] at the level of error alpha takes to
// find an effect with the given power, where the difference of a pair has the
// spread sd; 0 where it takes more than most.
func PairsFor(effect, sd, alpha, power float64, most int) int {
	for n := 2; n <= most; n++ {
		t := distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}
		if effect >= (t.Quantile(1-alpha/2)+t.Quantile(power))*sd/math.Sqrt(float64(n)) {
			return n
		}
	}
	return 0
}
