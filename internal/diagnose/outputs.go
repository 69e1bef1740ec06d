package diagnose

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// The length of answers is a finding from here on.
const (
	longE2E     = 30 * time.Second // where the plan asks nothing of e2e: many gateways and clients give up then
	overShare   = 0.05             // of the answers take longer than is asked
	outShare    = 0.5              // of the variance of e2e, by rank, follows from the output tokens,
	outSurely   = 0.35             // and that at the lower end of its interval
	rivalShare  = 0.2              // from here on another cause is a rival explanation
	outRange    = 1.5              // between output tokens at the 5th and the 95th percentile
	mostThought = 0.5              // of the output: where nothing is asked, its length is then not the answer's
	outputTrial = "the same prompts with max_tokens 100, 400 and 1,600 by turns, 60 requests each, one user"
)

// causes are what e2e is laid to, in the order of lengthy.shares.
var causes = [...]string{"the length of the answer", "uncached input", "cached input", "requests in flight", "our own lag", "new connections", "retries"}

// lengthy is a model whose answers take long, and why.
type lengthy struct {
	model     string
	all       []look
	bound     time.Duration
	stated    bool             // the plan asks for it
	over      int              // answers that take longer
	pushed    int              // those of them that are over it for the time of their output alone
	shares    []stats.Estimate // by causes
	explained stats.Estimate
	perToken  stats.Estimate // ms of e2e for one output token more
}

// outLength looks for answers that take too long because they are long. That e2e
// is mostly a matter of output tokens is how a language model works, so it is a
// finding only where it takes longer than it should.
func (e *Evidence) outLength(metrics.Summary) outcome {
	needs, judged := "", false
	for _, m := range e.speeds.byAnswers() {
		l := lengthy{model: m.name, bound: longE2E}
		if e.MaxE2E > 0 {
			l.bound, l.stated = e.MaxE2E, true
		}
		for _, k := range e.speeds.answers(m) {
			if k.output > 0 && k.e2e > 0 {
				l.all = append(l.all, k)
			}
		}
		if len(l.all) < minFitted {
			continue
		}
		judged = true
		if !l.long(e.E2EFailed) {
			continue
		}
		if gap := l.gap(); gap != "" {
			needs = gap
			continue
		}
		if l.decides() {
			return one(l.finding(), true)
		}
	}
	if !judged {
		return lacks("%d answers of one model with their output tokens", minFitted)
	}
	return outcome{needs: needs}
}

// long reports whether enough answers take longer than they should: any few,
// where a threshold failed on them.
func (l *lengthy) long(failed bool) bool {
	var output, thinking int64
	for _, k := range l.all {
		if k.e2e > l.bound {
			l.over++
		}
		output, thinking = output+k.output, thinking+k.thinking
	}
	if !l.stated && float64(thinking) > mostThought*float64(output) {
		return false
	}
	return l.over >= minGroup && (failed || float64(l.over) > overShare*float64(len(l.all)))
}

func (l *lengthy) column(of func(look) float64) []float64 {
	out := make([]float64, len(l.all))
	for i, k := range l.all {
		out[i] = of(k)
	}
	return out
}

func outputOf(k look) float64   { return float64(k.output) }
func uncachedOf(k look) float64 { return float64(k.uncached) }
func e2eOf(k look) float64      { return float64(k.e2e) / milliseconds }

// gap says why the part of the answer's length cannot be told.
func (l *lengthy) gap() string {
	n := l.column(outputOf)
	low, high := ends5(n)
	if high < outRange*max(low, 1) {
		return fmt.Sprintf("answers of different lengths, they were %s to %s tokens (p5, p95); for that, %s", whole(low), whole(high), outputTrial)
	}
	if r := stats.Correlation(n, l.column(uncachedOf)); math.Abs(r) > togetherN {
		return fmt.Sprintf("answers whose length does not go with that of the prompt (correlation %.2f); for that, %s", r, outputTrial)
	}
	return ""
}

// decides reports whether it is the length of the answers that makes them late.
// The variance is that of ranks: else one answer that stalled for a minute would
// count for more than a hundred that did not.
func (l *lengthy) decides() bool {
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	x := [][]float64{l.column(outputOf), l.column(uncachedOf), l.column(func(k look) float64 { return float64(k.cached) }),
		l.column(func(k look) float64 { return k.inFlight }), l.column(func(k look) float64 { return float64(k.lag) }),
		l.column(func(k look) float64 { return flag(k.fresh) }), l.column(func(k look) float64 { return float64(k.retries) })}
	y := l.column(e2eOf)
	ranked := make([][]float64, len(x))
	for j := range x {
		ranked[j] = stats.Ranks(x[j])
	}
	l.shares, l.explained = stats.Explained(ranked, stats.Ranks(y), level, fitSeed)
	if own := l.shares[0]; own.Value <= outShare || !(own.Low > outSurely) {
		return false
	}
	varies := slices.DeleteFunc(slices.Clone(x[:4]), func(v []float64) bool { return !spreads(v) })
	fit, ok := stats.FitPlane(varies, y, level, fitSeed)
	if !ok {
		if fit, ok = stats.FitPlane(x[:1], y, level, fitSeed); !ok {
			return false
		}
	}
	l.perToken = fit.Coef(1)
	for i, k := range l.all {
		if k.e2e > l.bound && y[i]-l.perToken.Value*float64(k.output) <= float64(l.bound)/milliseconds {
			l.pushed++
		}
	}
	return l.perToken.Low > 0 && 2*l.pushed > l.over
}

func (l *lengthy) finding() Finding {
	share := float64(l.over) / float64(len(l.all))
	n := l.column(outputOf)
	_, p95 := ends5(n)
	f := Finding{
		ID: "out.length", Severity: Low,
		Title: fmt.Sprintf("long answers are late: %s of those of %s take over %s, and their length decides which", percent(share), l.model, millis(float64(l.bound)/milliseconds)),
		Effect: fmt.Sprintf("%s for each output token more (95%% interval %s), and answers of %s tokens (median; p95 %s)",
			millis(l.perToken.Value), between(l.perToken), whole(mid(n)), whole(p95)),
		Evidence: []string{l.sharesWords(),
			fmt.Sprintf("%s of %s answers take over %s; without the time of their output tokens %s of them would not", count(int64(l.over)), count(int64(len(l.all))),
				millis(float64(l.bound)/milliseconds), count(int64(l.pushed)))},
		Recommendations: l.advice(),
		Disproof:        "the same prompts with answers half as long take as long",
		Next:            outputTrial,
		Weight:          weakest(over(l.pushed, l.over, 0.5)),
	}
	if l.stated {
		f.Severity = Medium
	} else {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the plan asks nothing of e2e: %s is where many gateways and clients give up", seconds(longE2E)))
	}
	var ruledOut []string
	for i, s := range l.shares[1:] {
		switch name := causes[i+1]; {
		case s.Value >= rivalShare:
			f.Remain++
			f.Evidence = append(f.Evidence, fmt.Sprintf("rival explanation: %s, which explains %s of it", name, percent(s.Value)))
		case s.High < rivalShare && s.High > 0:
			ruledOut = append(ruledOut, fmt.Sprintf("%s (%s)", name, percent(s.Value)))
		}
	}
	if len(ruledOut) > 0 {
		f.Rivals = append(f.Rivals, "other causes, by their share of that variance: "+strings.Join(ruledOut, ", "))
	}
	return f
}

// sharesWords says what it follows from which answers take long.
func (l *lengthy) sharesWords() string {
	own := l.shares[0]
	return fmt.Sprintf("of which answers take long, the number of output tokens explains %s (share of the variance of ranks; 95%% interval %s to %s), all that is known of a request %s",
		percent(own.Value), percent(own.Low), percent(own.High), percent(l.explained.Value))
}

func (l *lengthy) advice() []string {
	out := []string{"Ask for shorter answers: say how long in words, ask for fields or a list rather than prose. A lower max_tokens only cuts them off."}
	rest := mid(l.column(func(k look) float64 { return e2eOf(k) - l.perToken.Value*float64(k.output) }))
	if most := (float64(l.bound)/milliseconds - rest) / l.perToken.Value; most >= 1 {
		out[0] += fmt.Sprintf(" Up to about %s output tokens come within %s.", whole(math.Floor(most)), millis(float64(l.bound)/milliseconds))
	}
	if slices.ContainsFunc(l.all, func(k look) bool { return k.ttft > 0 }) {
		out = append(out, "The answers are streamed: show them as they come, and hold users to the time to the first content rather than to e2e.")
	} else {
		out = append(out, "Stream the answers, so that users read from the first content on.")
	}
	return append(out, "Have a model with a higher output rate write the long ones, or have parts written side by side where they do not need each other.")
}
