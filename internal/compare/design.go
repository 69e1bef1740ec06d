package compare

import (
	"math"
	"slices"
	"time"
)

// Design is how the runs of two sides lie in time, which decides what can be
// told from them.
type Design string

// The designs.
const (
	// OneEach is one run against one: drift between them is assumed, not seen.
	OneEach Design = "one run each"
	// Pairs are as many runs on each side, made in turn: what drifts slowly is the
	// same for both runs of a pair, and falls out of their difference.
	Pairs Design = "interleaved pairs"
	// Spread are runs so far apart that each has its own drift, which is then seen
	// in their spread.
	Spread Design = "runs at different hours"
	// Blocks are runs of one side close together, then those of the other: the
	// drift between the blocks is not seen in the spread within them.
	Blocks Design = "blocks"
)

// driftTime is the time in which drift forgets itself, an assumption.
const driftTime = time.Hour

// leastPairs is the least number of pairs worth recommending.
const leastPairs = 5

func designOf(base, newer []Run) Design {
	switch {
	case len(base) == 1 && len(newer) == 1:
		return OneEach
	case len(base) == len(newer) && interleaved(base, newer):
		return Pairs
	case apart(base) && apart(newer):
		return Spread
	}
	return Blocks
}

// interleaved reports whether, in order of start, each two runs are one of each
// side. Both are sorted by start.
func interleaved(base, newer []Run) bool {
	for i := range base[:len(base)-1] {
		first := base[i].Started
		if newer[i].Started.After(first) {
			first = newer[i].Started // the later of this pair
		}
		if !base[i+1].Started.After(first) || !newer[i+1].Started.After(first) {
			return false
		}
	}
	return true
}

// apart reports whether neighbouring runs of a side are at least an hour apart.
func apart(runs []Run) bool {
	for i := range runs[:len(runs)-1] {
		if runs[i+1].Started.Sub(runs[i].Started) < driftTime {
			return false
		}
	}
	return true
}

// pairDrift is the spread of the difference of two runs made one right after
// the other, of an hour's drift of that spread.
func pairDrift(drift float64, length time.Duration) float64 {
	return drift * math.Sqrt(2*(1-math.Exp(-length.Seconds()/driftTime.Seconds())))
}

// lengthOf is the usual length of a run.
func lengthOf(base, newer []Run) time.Duration {
	var all []time.Duration
	for _, r := range slices.Concat(base, newer) {
		all = append(all, r.Length)
	}
	slices.Sort(all)
	return all[len(all)/2]
}
