package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// Queueing is a finding from here on.
const (
	queueRatio  = 1.5  // service_ttft with many in flight to that with few
	queueSurely = 1.25 // and that at the lower end of its interval
	queueLeast  = 20.0 // ms
	ofArrivals  = 0.25 // of what the time grows by for each in flight, for each that was sent shortly before
	lasting     = 3.0  // times as many in flight, where nothing else tells a queue from slowness
	withTime    = 0.8  // from here on, what was in flight grew as time went on
	queueBands  = 3    // in which rates are told
	mostSteps   = 8    // in which few and many are told apart,
	perStep     = 20   // of so many answers each
)

// queue looks for a time to the first content that grows with what is under way
// at prompts of the same length.
func (e *Evidence) queue(s metrics.Summary) outcome {
	m, f := e.speeds.best(queuePart)
	if m == nil {
		return lacks("%d streamed answers of one model", minFitted)
	}
	if !f.has(queuePart) {
		return lacks("%s", f.gaps[queuePart])
	}
	for _, m := range e.speeds.byAnswers() {
		if q := e.queueOf(m); q.found {
			return one(q.finding(e, s), true)
		}
	}
	return outcome{}
}

// queued is a model whose answers wait for each other.
type queued struct {
	model    string
	found    bool
	f        *slopes
	all      []look // by what was in flight
	steps    steps
	samples  []steps        // drawn with replacement
	ratio    stats.Estimate // of the highest step to the lowest
	arrivals stats.Estimate // ms for each request that was sent shortly before; N 0 where it cannot be told
}

// steps are medians over equal parts of the answers, by what was in flight: of
// that, and of service_ttft in ms at prompts of the middle length. The latter may
// not fall (isotonic regression), since more under way makes nothing faster.
type steps struct{ at, ms []float64 }

func (s steps) low() float64    { return s.at[0] }
func (s steps) high() float64   { return s.at[len(s.at)-1] }
func (s steps) before() float64 { return s.ms[0] }
func (s steps) after() float64  { return s.ms[len(s.ms)-1] }

// doubles is how many are in flight where the time is twice what it is at the
// first step; +∞ where it does not double.
func (s steps) doubles() float64 {
	twice := 2 * s.before()
	for i := 1; i < len(s.ms); i++ {
		if s.ms[i] >= twice {
			return s.at[i-1] + (s.at[i]-s.at[i-1])*(twice-s.ms[i-1])/(s.ms[i]-s.ms[i-1])
		}
	}
	return math.Inf(1)
}

// queueOf looks at one model.
func (e *Evidence) queueOf(m *modelLoad) *queued {
	f := e.speeds.slopes(m, false)
	if m.queued == nil {
		m.queued = &queued{model: m.name, f: f}
		m.queued.found = f.has(queuePart) && m.queued.look(e.speeds.slopes(m, true), e.OpenLoop)
	}
	return m.queued
}

// look compares the steps with few and with many in flight. Slow answers too keep
// more in flight: where requests are sent whatever becomes of those before, the
// time must grow with what was sent shortly before, too, which slowness does not
// change; and elsewhere it must not fall with it.
func (q *queued) look(sent *slopes, openLoop bool) bool {
	slope := q.f.coef
	q.all = slices.SortedFunc(slices.Values(q.f.of), func(a, b look) int {
		return cmp.Or(cmp.Compare(a.inFlight, b.inFlight), cmp.Compare(a.draw, b.draw))
	})
	q.steps = q.stepsOf(everywhere(len(q.all)))
	if q.steps.after() < queueRatio*q.steps.before() || q.steps.after()-q.steps.before() < queueLeast || slope(queuePart).Low <= 0 {
		return false
	}
	if q.ratio = q.of(func(s steps) float64 { return s.after() / s.before() }); !(q.ratio.Low >= queueSurely) {
		return false
	}
	if !sent.has(queuePart) { // sent evenly: a queue that only grows, or slowness that lasts
		return !openLoop || q.steps.high() >= lasting*max(q.steps.low(), 1)
	}
	q.arrivals = sent.coef(queuePart)
	if openLoop {
		return q.arrivals.Low > 0 && q.arrivals.Value >= ofArrivals*slope(queuePart).Value
	}
	return q.arrivals.High >= 0
}

// queueSize is the logarithm of by how many times the time grows in the queue that
// was found; 0 is none.
func (e *Evidence) queueSize() float64 {
	for _, m := range e.speeds.byAnswers() {
		if q := e.queueOf(m); q.found {
			return math.Log(q.ratio.Value)
		}
	}
	return 0
}

func everywhere(n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	return places
}

// of is a figure of the steps, with its interval. Each figure is of the same
// samples, which are made once.
func (q *queued) of(what func(steps) float64) stats.Estimate {
	drawn := 0
	return stats.Bootstrap(len(q.all), level, fitSeed, func(places []int) float64 {
		if drawn == len(q.samples) {
			slices.Sort(places)
			q.samples = append(q.samples, q.stepsOf(places))
		}
		drawn++
		return what(q.samples[drawn-1])
	})
}

func (q *queued) stepsOf(places []int) steps {
	n := min(len(places)/perStep, mostSteps)
	s := steps{make([]float64, n), make([]float64, n)}
	var weights []float64
	for b := range n {
		part := places[b*len(places)/n : (b+1)*len(places)/n]
		var at, ms []float64
		for _, i := range part {
			at, ms = append(at, q.all[i].inFlight), append(ms, q.level(q.all[i]))
		}
		s.at[b], s.ms[b] = stats.Median(at), stats.Median(ms)
		weights = append(weights, float64(len(part)))
	}
	s.ms = stats.Isotonic(s.ms, weights)
	return s
}

func (q *queued) finding(e *Evidence, s metrics.Summary) Finding {
	slope := q.f.coef(queuePart)
	f := Finding{
		ID: "queue", Severity: Medium,
		Title: fmt.Sprintf("requests wait for each other: service_ttft of %s is %s with %s in flight and %s with %s",
			q.model, millis(q.steps.before()), whole(q.steps.low()), millis(q.steps.after()), whole(q.steps.high())),
		Effect: fmt.Sprintf("%s more service_ttft for each request in flight (95%% interval %s)", millis(slope.Value), between(slope)),
		Evidence: []string{fmt.Sprintf("over %s answers, at prompts of the same length: with %s in flight %s times the time with %s (95%% interval %s)",
			count(int64(len(q.all))), whole(q.steps.high()), number(q.ratio.Value), whole(q.steps.low()), interval(q.ratio))},
		Recommendations: []string{
			"Hold requests back on your side, where they can be ordered and given up: a bound on what the application has in flight, in a plan fewer users or a smaller load.arrivals.max_in_flight.",
			"Shorter prompts and answers leave sooner, and make room.",
			"If the server or gateway is yours, add replicas or places; of a hosted API, ask for capacity of your own.",
		},
		Disproof: fmt.Sprintf("with %s in flight throughout, service_ttft is as long as with %s", whole(q.steps.low()), whole(q.steps.high())),
		Next:     ladderTrial + ": service_ttft must grow with the users, and fall back with the last step",
	}
	if q.ratio.Value > severeRatio {
		f.Severity = High
	}
	f.Evidence = append(f.Evidence, q.bands()...)
	if at := q.of(steps.doubles); math.IsInf(at.Value, 1) {
		f.Effect += fmt.Sprintf("; it does not double up to %s in flight", whole(q.steps.high()))
	} else {
		f.Effect += fmt.Sprintf("; it doubles at about %s in flight (95%% interval %s)", number(at.Value), interval(at))
		f.Recommendations[0] += fmt.Sprintf(" Below %s in flight service_ttft stays under twice its least.", whole(math.Floor(at.Value)))
	}
	f.Remain = q.rivals(e, s, &f)
	f.Weight = weakest(over(q.slower()), counted(q.beyond()))
	return f
}

func interval(e stats.Estimate) string {
	if math.IsInf(e.High, 1) {
		return number(e.Low) + " or more"
	}
	return number(e.Low) + " to " + number(e.High)
}

// rivals adds the other explanations to a finding, and counts those that remain.
func (q *queued) rivals(e *Evidence, s metrics.Summary, f *Finding) (remain int) {
	if q.f.columns[uncachedPart]+q.f.columns[cachedPart] == 0 {
		f.Rivals = append(f.Rivals, "the length of the prompts: all were of one length")
	} else {
		f.Rivals = append(f.Rivals, "the length of the prompts: the fit compares prompts of the same length")
	}
	f.Rivals = append(f.Rivals, "a limit of the account: these are answers that were let through, timed from their send")
	if s.Generator.Valid {
		f.Rivals = append(f.Rivals, "our own machine: the run is valid, and our lag lies before the send")
	} else {
		remain++
		f.Evidence = append(f.Evidence, "rival explanation: our own machine could not keep up")
	}
	switch {
	case q.arrivals.N == 0 && e.OpenLoop:
		remain++
		f.Evidence = append(f.Evidence, "rival explanation: slow answers of another cause keep more in flight, too; what was sent varied too little to tell")
	case e.OpenLoop:
		f.Rivals = append(f.Rivals, fmt.Sprintf("slow answers that keep more in flight: the time also grows with what was sent shortly before, by %s for each (95%% interval %s)",
			millis(q.arrivals.Value), between(q.arrivals)))
	}
	var at, inFlight []float64
	for _, k := range q.f.of {
		at, inFlight = append(at, k.sent.Seconds()), append(inFlight, k.inFlight)
	}
	if r := stats.Correlation(at, inFlight); math.Abs(r) > withTime {
		remain++
		f.Evidence = append(f.Evidence, fmt.Sprintf("rival explanation: what was in flight went with the time of the run (correlation %.2f), and so may have the API's speed", r))
	} else {
		f.Rivals = append(f.Rivals, fmt.Sprintf("an API that changed in the course of the run: what was in flight did not go with time (correlation %.2f)", r))
	}
	return remain
}

// slower counts, of the answers that met much in flight, those that took longer
// than is usual with little.
func (q *queued) slower() (k, n int, half float64) {
	for _, a := range q.all {
		if a.inFlight < (q.steps.low()+q.steps.high())/2 {
			continue
		}
		n++
		if q.level(a) > q.steps.before() {
			k++
		}
	}
	return k, n, 0.5
}

// beyond counts, of the samples, those in which the time grows by more than is a finding.
func (q *queued) beyond() (k, n int) {
	for _, s := range q.samples {
		if s.after() > queueRatio*s.before() {
			k++
		}
	}
	return k, len(q.samples)
}

// level is the ms that an answer would have taken with a prompt of the middle length.
func (q *queued) level(a look) float64 {
	at := [parts]float64{float64(a.uncached), float64(a.cached), q.f.middle[queuePart]}
	return float64(a.ttft)/milliseconds - q.f.predicted(q.f.fit.Coefs, at) + q.f.predicted(q.f.fit.Coefs, q.f.middle)
}

// bands says what came through with few, some and many in flight: by Little's
// law the rate is what is under way over the time that each takes.
func (q *queued) bands() []string {
	all := q.all
	var out []string
	var rates []float64
	for b := range queueBands {
		band := all[b*len(all)/queueBands : (b+1)*len(all)/queueBands]
		var ttft, under []float64
		took := 0.0
		for _, a := range band {
			ttft, under = append(ttft, float64(a.ttft)/milliseconds), append(under, a.inFlight+1)
			took += (a.ttft + a.generation).Seconds() / float64(len(band))
		}
		in := stats.Median(under)
		rates = append(rates, in/took)
		out = append(out, fmt.Sprintf("%s under way (median): service_ttft %s, service_e2e %s (mean), so by Little's law %s answers/s",
			whole(in), millis(stats.Median(ttft)), millis(took*1000), number(in/took)))
	}
	if rates[queueBands-1] < 1.1*rates[queueBands-2] {
		out = append(out, "more in flight brings no more answers: the capacity is reached")
	}
	if grows := q.scaling(); grows != "" {
		out = append(out, grows)
	}
	return out
}
