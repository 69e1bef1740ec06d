package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tokenload/tokenload/internal/stats"
)

// judge makes the rows of two sides and decides them.
type judge struct {
	base, newer []Run
	design      Design
	least       float64 // relative change that matters
	drift       float64
}

// rows returns a row for each metric that either side has values of.
func (j judge) rows(tags map[string]string) []Row {
	out := []Row{}
	for _, m := range metricsShown() {
		base, newer := samplesOf(j.base, m, tags), samplesOf(j.newer, m, tags)
		if len(base)+len(newer) == 0 {
			continue
		}
		if m.name == "dropped" && len(base)+len(newer) > 0 && constant(slices.Concat(base, newer)) {
			continue // closed loops drop nothing
		}
		out = append(out, j.row(m, base, newer))
	}
	return out
}

// samplesOf are the runs' samples; none unless every run has values.
func samplesOf(runs []Run, m metric, tags map[string]string) []sample {
	var out []sample
	for _, r := range runs {
		if v := r.Table.Values(m.name, m.of(tags)); len(v) > 0 {
			out = append(out, newSample(v))
		}
	}
	return out
}

func (j judge) row(m metric, base, newer []sample) Row {
	r := Row{Metric: m.name, Unit: m.kind.unit(), Better: better(m.good), metric: m, P: math.NaN(), Adjusted: math.NaN(), Delta: math.NaN(),
		Base: sideOf(base, m.kind), New: sideOf(newer, m.kind)}
	switch {
	case len(base) < len(j.base) || len(newer) < len(j.newer):
		r.Shift, r.Ratio = unknown(), unknown()
		r.Verdict, r.Why = NotJudged, "not every run has values of it"
		return r
	case m.drifts() && slices.ContainsFunc(slices.Concat(j.base, j.newer), func(r Run) bool { return !r.Valid }):
		r.Shift, r.Ratio = unknown(), unknown()
		r.Base, r.New = r.Base.withheld(), r.New.withheld()
		r.Verdict, r.Why = NotJudged, "a run is not valid"
		return r
	case constant(base, newer):
		v := base[0].values[0]
		r.Shift = stats.Estimate{N: r.Base.N}
		r.Ratio = unknown()
		if v > 0 && m.kind != share {
			r.Ratio = stats.Estimate{Value: 1, Low: 1, High: 1, N: r.Base.N}
		}
		r.Delta, r.Verdict, r.Why = 0, Same, "every value is the same"
		return r
	}
	if j.design == OneEach {
		r.ofRequests(base[0], newer[0])
	} else {
		r.ofRuns(base, newer, j.design == Pairs)
	}
	if m.kind != share {
		r.tails(base, newer)
	}
	return r
}

func unknown() stats.Estimate {
	return stats.Estimate{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
}

// seed of the bootstrap: the same runs give the same page.
const seed = 1

// ofRequests compares the requests of one run with those of one other.
func (r *Row) ofRequests(base, newer sample) {
	a, b := base.values, newer.values
	widen := stats.Widening(len(a), len(b), base.effective, newer.effective)
	t := stats.MannWhitney(a, b, widen)
	r.P, r.Test, r.alone = t.P, "Mann-Whitney, normal", stats.MannWhitney(a, b, 1).P
	if t.Exact {
		r.Test = "Mann-Whitney, exact"
	}
	r.Delta = stats.CliffDelta(a, b)
	r.within = math.Hypot(base.margin(r.kind), newer.margin(r.kind))
	r.spread = r.within
	if r.kind == share {
		r.Shift, r.Ratio = newcombe(base, newer), unknown()
		return
	}
	r.Shift = stats.HodgesLehmann(a, b, level, widen)
	r.Ratio = stats.QuantileRatio(base.draw(), newer.draw(), 0.5, level, seed)
}

// newcombe is the difference of two shares, from their Wilson intervals.
func newcombe(base, newer sample) stats.Estimate {
	wilson := func(s sample) stats.Estimate {
		n := max(s.effective, 1)
		return stats.Wilson(int(math.Round(mean(s.values)*n)), int(math.Round(n)), level)
	}
	p, q, a, b := mean(base.values), mean(newer.values), wilson(base), wilson(newer)
	return stats.Estimate{
		Value: q - p, N: min(len(base.values), len(newer.values)),
		Low:  q - p - math.Hypot(q-min(b.Low, q), max(a.High, p)-p),
		High: q - p + math.Hypot(max(b.High, q)-q, p-min(a.Low, p)),
	}
}

// ofRuns compares runs by their medians: by pairs, or side by side.
func (r *Row) ofRuns(base, newer []sample, paired bool) {
	x, y := r.Base.Runs, r.New.Runs
	r.Delta = stats.CliffDelta(x, y)
	r.Shift = stats.HodgesLehmann(x, y, level, 1)
	r.Ratio = unknown()
	r.within = math.Hypot(margins(base, r.kind), margins(newer, r.kind))
	u, v, ok := x, y, true
	if r.kind != share {
		u, v, ok = logs(x), logs(y), positive(x) && positive(y)
	}
	if !ok || math.IsNaN(r.within) {
		r.Why = "the runs' medians cannot be told apart from noise: too few values, or calls that never ended"
		return
	}
	var d stats.Difference
	if paired {
		d, r.Test = stats.PairedT(u, v, r.within, level), "t of pairs"
	} else {
		d, r.Test = stats.TwoSampleT(u, v, r.within/math.Sqrt2, level), "t of runs"
	}
	r.P, r.spread, r.df = d.P, d.Error, d.DF
	if r.kind == share {
		r.Shift = d.Estimate
		return
	}
	r.Ratio = d.Estimate
	r.Ratio.Value, r.Ratio.Low, r.Ratio.High = math.Exp(d.Value), math.Exp(d.Low), math.Exp(d.High)
}

// margins is the usual standard error of one run's center.
func margins(samples []sample, k kind) float64 {
	sum := 0.0
	for _, s := range samples {
		sum += s.margin(k) * s.margin(k)
	}
	return math.Sqrt(sum / float64(len(samples)))
}

func logs(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = math.Log(x)
	}
	return out
}

func positive(v []float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return !(x > 0) || math.IsInf(x, 1) })
}

// tails fills in the high percentiles that have enough values in every run.
func (r *Row) tails(base, newer []sample) {
	for _, q := range []float64{0.90, 0.95, 0.99} {
		if worth(base, newer) < stats.LeastN(q, level) {
			return
		}
		var t Tail
		if len(base) == 1 && len(newer) == 1 {
			t = Tail{q, quantile(base[0], q), quantile(newer[0], q), stats.QuantileDifference(base[0].draw(), newer[0].draw(), q, level, seed)}
		} else {
			x, y := quantiles(base, q), quantiles(newer, q)
			t = Tail{q, stats.Median(x), stats.Median(y), stats.HodgesLehmann(x, y, level, 1)}
		}
		r.Tails = append(r.Tails, t)
	}
}

func worth(sides ...[]sample) int {
	least := math.Inf(1)
	for _, s := range slices.Concat(sides...) {
		least = min(least, s.effective)
	}
	return int(least)
}

func quantile(s sample, q float64) float64 { return stats.Quantile(s.values, q, level, 0).Value }

func quantiles(samples []sample, q float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = quantile(s, q)
	}
	return out
}

// holm adjusts the p-values of one family of rows, of so many, and returns for
// how many tests.
func holm(rows []*Row, families int) (tests int) {
	p := make([]float64, len(rows))
	for i, r := range rows {
		p[i] = r.P
		if !math.IsNaN(r.P) {
			tests += families
		}
	}
	for i, adjusted := range stats.Holm(p) {
		rows[i].Adjusted = min(adjusted*float64(families), 1) // NaN stays
	}
	return tests
}

// decide gives the verdict of a row, whose p is adjusted for so many tests.
func (j judge) decide(r *Row, tests int) {
	if r.Verdict != "" {
		return
	}
	significant := r.Adjusted < 1-level
	switch {
	case math.IsNaN(r.Adjusted):
		r.Verdict = NotJudged
		r.Shift, r.Ratio, r.Delta, r.Tails = unknown(), unknown(), math.NaN(), nil
	case !significant && r.kind != share && !r.Ratio.Bounded():
		r.Verdict, r.Why = NotJudged, strings.Join(r.Ratio.Warnings, "; ")
		r.Shift, r.Ratio, r.Delta, r.Tails = unknown(), unknown(), math.NaN(), nil
	case !significant && r.together(tests) && j.matters(r):
		r.Verdict, r.Why = Undecided, "they came together, so one event may have made them all; another run would tell"
	case !significant:
		r.Verdict, r.Why = Same, j.unseen(r, tests)
	case !j.matters(r):
		r.Verdict, r.Why = Small, "significant, but under the least change that matters"
	case j.driftCould(r):
		r.Verdict = Undecided
		r.Pairs = j.pairsFor(r, tests)
		r.Why = j.undecided(r)
	case r.good == 0:
		r.Verdict = Changed
	case r.up() == (r.good > 0):
		r.Verdict = Better
	default:
		r.Verdict = Worse
	}
}

// together reports whether a share would differ significantly if its cases had
// not come one after another.
func (r *Row) together(tests int) bool {
	return r.kind == share && r.Test != "" && r.df == 0 && r.alone*float64(tests) < 1-level
}

func (r *Row) up() bool {
	if r.kind == share || math.IsNaN(r.Ratio.Value) {
		return r.Shift.Value > 0
	}
	return r.Ratio.Value > 1
}

// matters reports whether the change is large enough to matter.
func (j judge) matters(r *Row) bool {
	if r.kind == share {
		return math.Abs(r.Shift.Value) >= min(shareMatters, j.least) // no least change means none
	}
	ratio := r.Ratio.Value
	return math.IsNaN(ratio) || math.Abs(ratio-1) >= j.least-1e-12
}

// driftCould reports whether two runs of the same thing could differ as much for
// the hour in which they were made.
func (j judge) driftCould(r *Row) bool {
	if !r.drifts() || j.drift == 0 || j.design == Pairs || j.design == Spread {
		return false
	}
	effect := math.Abs(math.Log(r.Ratio.Value))
	return !(effect > z*math.Hypot(r.spread, math.Sqrt2*j.drift))
}

func (j judge) undecided(r *Row) string {
	could := math.Exp(z*math.Hypot(r.spread, math.Sqrt2*j.drift)) - 1
	why := fmt.Sprintf("the hour alone may make %.0f %% of difference", 100*could)
	if r.Pairs > 0 {
		return fmt.Sprintf("%s; %d interleaved pairs would decide", why, r.Pairs)
	}
	return why + "; so small a change takes longer runs"
}

// unseen says how large a change would have been seen, where none was: one that
// is significant were it the only one, and that no drift could have made.
func (j judge) unseen(r *Row, tests int) string {
	if math.IsNaN(r.spread) || r.spread == 0 {
		return ""
	}
	limit := stats.Critical((1-level)/float64(max(tests, 1)), r.df) * r.spread
	if r.drifts() && (j.design == OneEach || j.design == Blocks) {
		limit = max(limit, z*math.Hypot(r.spread, math.Sqrt2*j.drift))
	}
	if r.kind == share {
		return fmt.Sprintf("would show from about %.1f points on", 100*limit)
	}
	return fmt.Sprintf("would show from about %.0f %% on", 100*(math.Exp(limit)-1))
}

// mostPairs is from where on more pairs are no advice.
const mostPairs = 100

// pairsFor is how many pairs of runs like these, made in turn, would find a
// change of this size nine times in ten; 0 for more than anyone would make.
func (j judge) pairsFor(r *Row, tests int) int {
	effect := math.Abs(math.Log(r.Ratio.Value))
	sd := math.Hypot(r.within, pairDrift(j.drift, lengthOf(j.base, j.newer)))
	n := stats.PairsFor(effect, sd, (1-level)/float64(tests), 0.9, mostPairs)
	if n == 0 {
		return 0
	}
	return max(n, leastPairs)
}

func (k kind) unit() string {
	switch k {
	case timing:
		return "ms"
	case speed:
		return "tokens/s"
	case money:
		return "USD"
	case tokens:
		return "tokens"
	}
	return "share"
}

func better(good int) string {
	switch {
	case good < 0:
		return "lower"
	case good > 0:
		return "higher"
	}
	return ""
}
