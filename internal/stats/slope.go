package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// mostSlopes is how many pairs of points a Theil–Sen line looks at. Of more,
// as many are drawn: their median is then off by less than its interval.
const mostSlopes = 1_000_000

// TheilSen is the rise of y for one more of x: the median slope of all pairs of
// points whose x differ, which a quarter of wild points cannot move. The
// interval is Sen's, from Kendall's tau. The intercept is the median of y−slope·x.
func TheilSen(x, y []float64, level float64, seed uint64) (slope Estimate, intercept float64) {
	n := min(len(x), len(y))
	slopes := slopesOf(x[:n], y[:n], seed)
	if len(slopes) == 0 {
		return withheld(math.NaN(), n, "no two points differ in x"), math.NaN()
	}
	slices.Sort(slopes)
	value := median(slopes)
	rest := make([]float64, n)
	for i := range rest {
		rest[i] = y[i] - value*x[i]
	}
	intercept = Median(rest)
	// The rank of the bound as a share of all pairs, which holds for drawn ones too.
	all := float64(n) * float64(n-1) / 2
	out := normal(1-(1-level)/2) * kendallSD(x[:n]) / all
	low := int(math.Floor(float64(len(slopes))*(1-out)/2)) - 1
	high := int(math.Ceil(float64(len(slopes)) * (1 + out) / 2))
	if low < 0 || high >= len(slopes) {
		return withheld(value, n, "n too small: %d points have no interval of the slope", n), intercept
	}
	return Estimate{Value: value, Low: slopes[low], High: slopes[high], N: n}, intercept
}

func slopesOf(x, y []float64, seed uint64) []float64 {
	n := len(x)
	var out []float64
	add := func(i, j int) {
		if x[i] != x[j] {
			out = append(out, (y[j]-y[i])/(x[j]-x[i]))
		}
	}
	if n*(n-1)/2 <= mostSlopes {
		for i := range n {
			for j := range i {
				add(i, j)
			}
		}
		return out
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	for range mostSlopes {
		i, j := rng.IntN(n), rng.IntN(n)
		add(i, j)
	}
	return out
}

// kendallSD is the spread of Kendall's score where y does not depend on x.
func kendallSD(x []float64) float64 {
	n := float64(len(x))
	v := n * (n - 1) * (2*n + 5)
	s := sortedCopy(x)
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j] == s[i] {
			j++
		}
		t := float64(j - i)
		v -= t * (t - 1) * (2*t + 5)
		i = j
	}
	return math.Sqrt(v / 18)
}

// Spearman is how well one order follows the other, from −1 to 1, and the
// probability of so much where they have nothing to do with each other. Below 5
// pairs the probability is NaN; below 3, or where one side is all equal, both are.
func Spearman(x, y []float64) (rho, p float64) {
	n := min(len(x), len(y))
	if n < 3 {
		return math.NaN(), math.NaN()
	}
	rho = stat.Correlation(Ranks(x[:n]), Ranks(y[:n]), nil)
	if n < 5 || math.IsNaN(rho) {
		return rho, math.NaN()
	}
	if math.Abs(rho) >= 1 {
		return rho, 0
	}
	df := float64(n - 2)
	t := rho * math.Sqrt(df/(1-rho*rho))
	return rho, 2 * distuv.StudentsT{Sigma: 1, Nu: df}.Survival(math.Abs(t))
}
