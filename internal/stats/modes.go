package stats

import "math"

// Modes says whether positive values, such as times, come in two kinds.
type Modes struct {
	Dip, P  float64 // Hartigan's, and how likely one as large is by chance
	Mixture         // of the logarithms
	// Bimodal asks for a dip with p below 5 %, two kinds of at least 5 % each that
	// fit better by more than 10 in BIC, and a separation over 2. A long tail
	// alone is not a mode.
	Bimodal  bool
	Warnings []string
}

// FindModes looks for two kinds among the values; those that are not positive
// and finite are left out.
func FindModes(values []float64, seed uint64) Modes {
	var logs []float64
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 1) {
			logs = append(logs, math.Log(v))
		}
	}
	m := Modes{Dip: math.NaN(), P: math.NaN()}
	mix, ok := TwoNormals(logs, seed)
	if !ok {
		m.Warnings = []string{"n too small: two modes take at least 20 different positive values"}
		return m
	}
	m.Mixture = mix
	m.Dip, m.P = DipTest(logs, seed)
	m.Bimodal = m.P < 0.05 && m.Gain > 10 && m.Separation > 2 && min(m.Weights[0], m.Weights[1]) >= 0.05
	return m
}
