package diagnose

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/stats"
)

// What the data must be like for the parts of service_ttft to be told apart.
const (
	minFitted    = 60  // answers
	minSizes     = 3   // prompt lengths,
	minPerSize   = 20  // of so many answers each,
	sizeRange    = 8.0 // the longest so many times the shortest
	together     = 0.8 // no closer may prompt length go with the number in flight,
	togetherN    = 0.9 // nor with the other kind of input tokens, or with the length of the answer
	flightRange  = 3.0 // requests in flight between the 5th and the 95th percentile,
	flightTimes  = 1.5 // and the one so many times the other
	fitSeed      = 11
	lengthTrial  = "one task at 500, 5,000, 20,000 and 60,000 prompt tokens with the same max_tokens, 60 requests each, one user"
	cachedTrial  = "a task whose cached prefix has 5,000, 20,000 and 60,000 tokens by turns, the rest of the prompt alike, one user"
	ladderTrial  = "the same prompts with 1, 2, 4, 8, 16 and 1 users for two minutes each"
	perThousand  = 1000
	milliseconds = float64(time.Millisecond)
)

// slopes is service_ttft of one model taken apart:
//
//	ttft = intercept + uncached·U + cached·C + queue·in flight + the rest
//
// by median regression, since its tail would carry least squares away. What does
// not change in a run is left out: it is in the intercept.
type slopes struct {
	of      []look    // those that were streamed
	waiting []float64 // with them, by the number that the fit uses
	fit     stats.Plane
	fitted  bool
	columns [parts]int // which coefficient of the fit is whose; 0 is none
	middle  [parts]float64
	gaps    [parts]gap
}

// The parts of service_ttft, beside the intercept.
const (
	uncachedPart = iota
	cachedPart
	queuePart
	parts
)

// gap is why a slope cannot be told, and the experiment that would tell it. The
// zero gap is none.
type gap struct{ needs, trial string }

func (g gap) String() string { return g.needs + "; for that, " + g.trial }

// slopesOf fits the answers of a model. Arrived has the numbers that were sent
// shortly before in place of those in flight.
func slopesOf(all []look, arrived bool) slopes {
	var s slopes
	for _, k := range all {
		if k.ttft > 0 {
			s.of = append(s.of, k)
		}
	}
	var columns [parts][]float64
	var y, output []float64
	for _, k := range s.of {
		waiting := k.inFlight
		if arrived {
			waiting = k.arrived
		}
		for p, v := range [parts]float64{float64(k.uncached), float64(k.cached), waiting} {
			columns[p] = append(columns[p], v)
		}
		y, output = append(y, float64(k.ttft)/milliseconds), append(output, float64(k.output))
	}
	s.waiting = columns[queuePart]
	s.look(columns, output)
	var x [][]float64
	for p, column := range columns {
		s.middle[p] = stats.Median(column)
		if len(column) > 0 && slices.Min(column) < slices.Max(column) {
			x = append(x, column)
			s.columns[p] = len(x)
		}
	}
	if !s.told() {
		return s
	}
	s.fit, s.fitted = stats.FitPlane(x, y, level, fitSeed)
	if !s.fitted {
		for p := range s.gaps {
			if s.gaps[p] != (gap{}) {
				continue
			}
			s.gaps[p] = gap{"prompt lengths, cached parts and numbers in flight that do not follow from each other", lengthTrial}
		}
	}
	return s
}

// told reports whether any slope can be told.
func (s *slopes) told() bool {
	return slices.ContainsFunc(s.gaps[:], func(g gap) bool { return g == gap{} })
}

// has reports whether a part's slope can be told.
func (s *slopes) has(part int) bool { return s.fitted && s.gaps[part] == gap{} }

// look says of each part why it cannot be told.
func (s *slopes) look(columns [parts][]float64, output []float64) {
	if n := len(s.of); n < minFitted {
		for p, trial := range [parts]string{lengthTrial, cachedTrial, ladderTrial} {
			s.gaps[p] = gap{fmt.Sprintf("%d streamed answers of one model, the most have %s", minFitted, count(int64(n))), trial}
		}
		return
	}
	u, c, q := columns[uncachedPart], columns[cachedPart], columns[queuePart]
	for part, g := range [...]struct{ name, trial string }{{"uncached", lengthTrial}, {"cached", cachedTrial}} {
		v := columns[part]
		s.gaps[part].trial = g.trial
		switch other := columns[1-part]; {
		case sizesGap(v, g.name) != "":
			s.gaps[part].needs = sizesGap(v, g.name)
		case goesWith(u, c) > togetherN && spreads(other):
			s.gaps[part].needs = fmt.Sprintf("cached and uncached input that do not go together (correlation %.2f)", stats.Correlation(u, c))
		case goesWith(v, output) > togetherN:
			s.gaps[part].needs = fmt.Sprintf("answers whose length does not go with that of the %s input (correlation %.2f)", g.name, stats.Correlation(v, output))
		case goesWith(v, q) > together:
			s.gaps[part].needs = fmt.Sprintf("numbers in flight that do not go with the length of the %s input (correlation %.2f)", g.name, stats.Correlation(v, q))
		default:
			s.gaps[part] = gap{}
		}
	}
	s.gaps[queuePart].trial = ladderTrial
	low, high := ends5(q)
	switch {
	case high-low < flightRange || high < flightTimes*low:
		s.gaps[queuePart].needs = fmt.Sprintf("numbers in flight that differ, they were %s to %s (p5, p95)", whole(low), whole(high))
	case goesWith(u, q) > together || goesWith(c, q) > together:
		s.gaps[queuePart].needs = fmt.Sprintf("prompt lengths that do not go with the number in flight (correlation %.2f)", stats.Correlation(u, q))
	default:
		s.gaps[queuePart] = gap{}
	}
}

func goesWith(a, b []float64) float64 { return math.Abs(stats.Correlation(a, b)) }

func spreads(v []float64) bool { return slices.Max(v) > slices.Min(v) }

// ends5 are the 5th and the 95th percentile.
func ends5(v []float64) (low, high float64) {
	return quantile(v, 0.05), quantile(v, 0.95)
}

// quantile is by nearest rank, as in the report.
func quantile(v []float64, q float64) float64 { return stats.Quantile(v, q, level, 0).Value }

func mid(v []float64) float64 { return quantile(v, 0.5) }

// sizesGap says why the lengths of a kind of input are too much alike for a slope; "" where they are not. A size is all lengths between two
// powers of two; none at all is a size, too.
func sizesGap(lengths []float64, kind string) string {
	bySize := map[int][]float64{}
	for _, v := range lengths {
		size := bits.Len64(uint64(v))
		bySize[size] = append(bySize[size], v)
	}
	n, shortest, longest := 0, math.Inf(1), 0.0
	for size, v := range bySize {
		if len(v) < minPerSize {
			continue
		}
		n++
		if m := stats.Median(v); size > 0 {
			shortest, longest = min(shortest, m), max(longest, m)
		}
	}
	switch {
	case n < minSizes:
		return fmt.Sprintf("%d lengths of %s input, each twice the one before or more, with %d answers each, the run has %d", minSizes, kind, minPerSize, n)
	case longest < sizeRange*shortest:
		return fmt.Sprintf("lengths of %s input up to %.0f times the shortest, the run has %s times", kind, sizeRange, number(longest/shortest))
	}
	return ""
}

// coef is the slope of a part in ms for each token, or for each request in flight.
func (s *slopes) coef(part int) stats.Estimate { return s.fit.Coef(s.columns[part]) }

// curve says whether service_ttft grows along a line with uncached input, cached input
// and the number in flight taken out, or bends; "" where that cannot be told.
func (s *slopes) curve() string {
	if !s.has(uncachedPart) {
		return ""
	}
	var x, y []float64
	slope := s.coef(uncachedPart).Value
	for i, k := range s.of {
		at := [parts]float64{float64(k.uncached), float64(k.cached), s.waiting[i]}
		rest := float64(k.ttft)/milliseconds - s.predicted(s.fit.Coefs, at)
		x, y = append(x, at[uncachedPart]), append(y, rest+slope*at[uncachedPart])
	}
	c, ok := stats.Bend(x, y)
	switch {
	case !ok:
		return "whether it grows along a line cannot be told from so few lengths"
	case c.Linear > -byAICc:
		return fmt.Sprintf("a line does, no parabola is clearly better (by AICc over %d bins)", c.Bins)
	}
	return fmt.Sprintf("it bends, one slope does not do: %s per 1,000 at the short end, %s at the long (a parabola is better by %.1f in AICc, over %d bins)",
		signed(c.Low*perThousand), signed(c.High*perThousand), -c.Linear, c.Bins)
}

// predicted is the ms that a fit expects.
func (s *slopes) predicted(coefs []float64, at [parts]float64) float64 {
	y := coefs[0]
	for p, c := range s.columns {
		if c > 0 {
			y += coefs[c] * at[p]
		}
	}
	return y
}

// words says what a slope is, or why it cannot be told.
func (s *slopes) words(part int) string {
	name := [parts]string{"per 1,000 uncached input tokens", "per 1,000 cached input tokens", "per request in flight"}[part]
	if !s.has(part) {
		return fmt.Sprintf("by how much service_ttft grows %s cannot be told: that needs %s", name, s.gaps[part])
	}
	c := s.coef(part)
	if part != queuePart {
		c.Value, c.Low, c.High = c.Value*perThousand, c.Low*perThousand, c.High*perThousand
	}
	return fmt.Sprintf("fitted: %s %s (95%% interval %s)", signed(c.Value), name, between(c))
}

func signed(ms float64) string {
	if ms < 0 {
		return "−" + millis(-ms)
	}
	return millis(ms)
}

func between(e stats.Estimate) string { return signed(e.Low) + " to " + signed(e.High) }

// whole shows a number of requests, which a median may put between two.
func whole(f float64) string {
	if f == math.Trunc(f) {
		return count(int64(f))
	}
	return fmt.Sprintf("%.1f", f)
}
