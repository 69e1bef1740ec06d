package threshold

import "math"

// Source knows the values of metrics.
type Source interface {
	// Value returns one aggregate of a metric over the part of the run that tags
	// pick, in the metric's unit, and from how many values it was made. agg is one
	// of avg, min, max, med, p, count, rate, value, sum; q is the quantile for p.
	// ok is false where there is no such value. The value may be +Inf.
	Value(metric string, tags map[string]string, agg string, q float64) (value float64, n int, ok bool)
}

// Verdict is how a threshold came out.
type Verdict string

// The verdicts. NoData fails a run as Failed does: a metric that was never
// measured was not kept.
const (
	Passed Verdict = "passed"
	Failed Verdict = "failed"
	NoData Verdict = "no data"
)

// OK reports whether the verdict lets the run pass.
func (v Verdict) OK() bool { return v == Passed }

// Result is a threshold and how it came out.
type Result struct {
	Expr
	Value   float64 // in the unit of Expr.Unit; may be +Inf; 0 with NoData
	N       int     // how many values it was made from
	Verdict Verdict
	LowN    bool // judged on fewer values than the percentile needs for a 95 % interval
}

// Judge compares the expression with what s knows now.
func (e Expr) Judge(s Source) Result {
	v, n, ok := s.Value(e.Metric, e.Selector, e.Agg.Name, e.Agg.Q())
	if !ok || n <= 0 || math.IsNaN(v) {
		return Result{Expr: e, Verdict: NoData}
	}
	r := Result{Expr: e, Value: v, N: n, Verdict: Failed, LowN: n < e.Agg.least()}
	if e.holds(v) {
		r.Verdict = Passed
	}
	return r
}

func (e Expr) holds(v float64) bool {
	switch e.Op {
	case "<":
		return v < e.Bound
	case "<=":
		return v <= e.Bound
	case ">":
		return v > e.Bound
	case ">=":
		return v >= e.Bound
	case "==":
		return v == e.Bound
	case "!=":
		return v != e.Bound
	}
	return false
}

// least returns the least number of values on which the aggregate stands firm;
// only percentiles need more than one.
func (a Aggregate) least() int {
	if a.P == 0 {
		return 1
	}
	return LeastN(a.Q())
}

// LeastN is the least number of values at which the quantile q has a finite
// two-sided 95 % interval from order statistics: ⌈ln 0.025 / ln q⌉, with 1−q for
// the lower half. p50 6, p90 36, p95 72, p99 368. It is 1 for a q outside (0, 1).
func LeastN(q float64) int {
	q = max(q, 1-q)
	if !(q < 1) {
		return 1
	}
	return int(min(math.Ceil(math.Log(0.025)/math.Log(q)), math.MaxInt32))
}
