package stats

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat"
)

// Mixture is two normal distributions that values come from, the lower first.
type Mixture struct {
	Weights, Means, SDs [2]float64 // the weights add up to 1
	// Gain is by how much two fit better than one, in BIC; over 10 is plain.
	Gain float64
	// Separation is Ashman's D, the distance of the means in units of the
	// spreads; over 2 the two can be told apart.
	Separation float64

	logLikelihood float64
}

const (
	leastMixture = 20   // values; of fewer, two distributions say nothing
	restarts     = 5    // beginnings, of which the likeliest end is kept
	mostSteps    = 500  // of one beginning
	closeEnough  = 1e-8 // gain in likelihood per value at which to stop
	leastSpread  = 0.02 // of a component's spread to that of all: one value repeated is no mode
)

// TwoNormals fits two normal distributions to the values, which must be finite,
// by expectation and maximisation. Of times, pass the logarithms. ok is false
// for fewer than 20 values and where all are equal.
func TwoNormals(values []float64, seed uint64) (m Mixture, ok bool) {
	_, sd := stat.PopMeanStdDev(values, nil)
	if len(values) < leastMixture || sd == 0 {
		return Mixture{}, false
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	s := sortedCopy(values)
	for try := range restarts {
		cut := 0.5 // first in the middle, then anywhere
		if try > 0 {
			cut = 0.1 + 0.8*rng.Float64()
		}
		at := nearest(s, cut)
		start := Mixture{
			Weights: [2]float64{cut, 1 - cut}, SDs: [2]float64{sd / 2, sd / 2},
			Means: [2]float64{at - sd/2, at + sd/2},
		}
		if got := start.climb(values, leastSpread*sd); try == 0 || got.logLikelihood > m.logLikelihood {
			m = got
		}
	}
	if m.Means[0] > m.Means[1] {
		m.swap()
	}
	n := float64(len(values))
	one := -n / 2 * (math.Log(2*math.Pi*sd*sd) + 1)
	m.Gain = 2*(m.logLikelihood-one) - 3*math.Log(n) // five parameters against two
	m.Separation = math.Sqrt2 * (m.Means[1] - m.Means[0]) / math.Hypot(m.SDs[0], m.SDs[1])
	return m, true
}

// Upper is the probability that a value came from the upper of the two.
func (m Mixture) Upper(x float64) float64 {
	a, b := m.density(0, x), m.density(1, x)
	if a+b == 0 {
		return math.Round(float64(m.nearer(x)))
	}
	return b / (a + b)
}

func (m Mixture) nearer(x float64) int {
	if math.Abs(x-m.Means[1])/m.SDs[1] < math.Abs(x-m.Means[0])/m.SDs[0] {
		return 1
	}
	return 0
}

func (m Mixture) density(i int, x float64) float64 {
	z := (x - m.Means[i]) / m.SDs[i]
	return m.Weights[i] / m.SDs[i] * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
}

// climb improves the fit until it gets no better.
func (m Mixture) climb(values []float64, floor float64) Mixture {
	before := math.Inf(-1)
	for range mostSteps {
		next := m.step(values, floor)
		m = next
		if m.logLikelihood-before < closeEnough*float64(len(values)) {
			break
		}
		before = m.logLikelihood
	}
	return m
}

// step deals each value out to the two, then fits each to its part. The
// likelihood it returns is that of the mixture it was given.
func (m Mixture) step(values []float64, floor float64) Mixture {
	var next Mixture
	var sum, squares [2]float64
	for _, x := range values {
		up := m.Upper(x)
		next.logLikelihood += math.Log(max(m.density(0, x)+m.density(1, x), math.SmallestNonzeroFloat64))
		for i, w := range [2]float64{1 - up, up} {
			next.Weights[i] += w
			sum[i] += w * x
			squares[i] += w * x * x
		}
	}
	for i, w := range next.Weights {
		if w < 1e-9 {
			m.logLikelihood = next.logLikelihood
			return m // one of the two has died out
		}
		next.Means[i] = sum[i] / w
		next.SDs[i] = max(math.Sqrt(max(squares[i]/w-next.Means[i]*next.Means[i], 0)), floor)
		next.Weights[i] = w / float64(len(values))
	}
	return next
}

func (m *Mixture) swap() {
	for _, v := range []*[2]float64{&m.Weights, &m.Means, &m.SDs} {
		v[0], v[1] = v[1], v[0]
	}
}
