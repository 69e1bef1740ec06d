package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// The choice of a model is a finding from here on.
const (
	minChoice   = 20   // answers of each
	choiceLeast = 1.5  // times the time or the price, by the lower end of the interval,
	choiceNoMin = 0.9  // and the other of the two no less than this
	likeLength  = 1.35 // between prompts of one kind; tokenizers differ by 1.3
	tellsKind   = 100  // prompt tokens below which length says nothing of the kind
	likeOutput  = 1.5  // from here on longer answers are a rival explanation
	apartInTime = 0.2  // of the run, between the middles of when each was sent
)

// work is what one model did for one task.
type work struct {
	model, task string
	*taskLoad
}

// choice is two models for the same kind of work, of which one takes or costs more.
type choice struct {
	by, than  work           // the one that takes or costs more, and the other
	time, usd stats.Estimate // by how many times
}

// modelChoice looks for a model that another one outdoes at the same work.
func (e *Evidence) modelChoice(s metrics.Summary) outcome {
	all := e.speeds.works()
	found, comparable := map[string]choice{}, false
	for _, a := range all {
		for _, b := range all {
			if a.model == b.model || !sameWork(a, b) {
				continue
			}
			comparable = true
			c := choice{by: a, than: b, time: timesSlower(a, b), usd: timesDearer(a, b)}
			if before, ok := found[a.model]; c.outdone() && (!ok || c.over(before)) {
				found[a.model] = c
			}
		}
	}
	if !comparable {
		return lacks("two models with %d answers each to the same task, or to prompts of like length from %d tokens on%s", minChoice, tellsKind, e.speeds.onlyModel())
	}
	var out outcome
	for _, model := range slices.Sorted(maps.Keys(found)) {
		out.findings = append(out.findings, found[model].finding(e, s))
	}
	return out
}

// onlyModel names the model of a run that has but one.
func (l *speedLoad) onlyModel() string {
	switch names := slices.Sorted(maps.Keys(l.models)); len(names) {
	case 0:
		return ""
	case 1:
		return "; the run has one model only, " + names[0]
	default:
		return "; the models of the run do different work"
	}
}

// works lists what the models did that is enough to compare.
func (l *speedLoad) works() (out []work) {
	for _, m := range l.byAnswers() {
		for _, task := range slices.Sorted(maps.Keys(m.tasks)) {
			if t := m.tasks[task]; len(t.e2e) >= minChoice {
				out = append(out, work{m.name, task, t})
			}
		}
	}
	return out
}

// sameWork reports whether two models did the same kind of work, as far as the
// record tells: the same task, or prompts of like length.
func sameWork(a, b work) bool {
	if a.task == b.task {
		return true
	}
	for _, q := range [...]float64{0.25, 0.5, 0.75} {
		x, y := quantile(a.prompt, q), quantile(b.prompt, q)
		if min(x, y) < tellsKind || max(x, y) > likeLength*min(x, y) {
			return false
		}
	}
	return true
}

// timesSlower is the median service_e2e of one over that of the other.
func timesSlower(a, b work) stats.Estimate {
	return stats.QuantileRatio(stats.Draw{Values: b.e2e}, stats.Draw{Values: a.e2e}, 0.5, level, fitSeed)
}

// timesDearer is the mean price of an answer of one over that of the other; NaN
// where either was free. The interval takes the logarithm of a mean to be normal.
func timesDearer(a, b work) stats.Estimate {
	x, y := a.cost.mean().Value, b.cost.mean().Value
	if x <= 0 || y <= 0 {
		return stats.Estimate{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	half := stats.Critical(1-level, 0) * math.Hypot(a.cost.deviation()/x, b.cost.deviation()/y)
	return stats.Estimate{Value: x / y, Low: x / y * math.Exp(-half), High: x / y * math.Exp(half), N: int(min(a.cost.n, b.cost.n))}
}

// outdone reports whether the other takes and costs no more, and one of the two
// clearly less.
func (c choice) outdone() bool {
	return c.time.Low >= choiceNoMin && c.usd.Low >= choiceNoMin && max(c.time.Low, c.usd.Low) >= choiceLeast
}

// over prefers the same task, then the greater difference.
func (c choice) over(d choice) bool {
	if same := c.by.task == c.than.task; same != (d.by.task == d.than.task) {
		return same
	}
	return c.time.Value*c.usd.Value > d.time.Value*d.usd.Value
}

func (c choice) finding(e *Evidence, s metrics.Summary) Finding {
	a, b := c.by, c.than
	f := Finding{
		ID: "model.choice", Severity: Low,
		Title: c.title(),
		Effect: fmt.Sprintf("%s times the service_e2e (95%% interval %s) and %s times the price of an answer (95%% interval %s) of %s",
			number(c.time.Value), interval(c.time), number(c.usd.Value), interval(c.usd), b.model),
		Evidence: []string{e.side(a, s), e.side(b, s), "quality is not measured: whether the answers of one do for the work of the other, this run does not say"},
		Rivals:   []string{"a limit, or our own lag: these are answers that were let through, timed from their send"},
		Recommendations: []string{
			"Have both answer a sample of your own questions, and grade the answers without knowing whose they are, before anything is moved.",
			fmt.Sprintf("tokenload whatif RUN --route %s=%s:0.5:0.97 says what it would save to move half of the task, if 97%% of the answers do.", cmp.Or(a.task, "TASK"), b.model),
			"Move what is plain first, and keep the other model for what it is needed for.",
		},
		Disproof: fmt.Sprintf("on the same prompts, sent by turns, %s takes as long and costs as much; or its answers do not do", b.model),
		Next:     "the same prompts to both models in one plan, as two tasks of equal weight, 100 requests each, and the answers graded",
	}
	f.Remain = c.rivals(e, &f)
	f.Weight = weakest(counted(len(a.e2e), len(a.e2e)))
	if c.time.Low >= choiceLeast {
		f.Weight = weakest(over(c.slower(), len(a.e2e), 0.5))
	}
	return f
}

// slower counts the answers of the one that took longer than is usual with the other.
func (c choice) slower() (n int) {
	usual := mid(c.than.e2e)
	for _, v := range c.by.e2e {
		if v > usual {
			n++
		}
	}
	return n
}

func (c choice) title() string {
	var more []string
	if c.time.Low >= choiceLeast {
		more = append(more, fmt.Sprintf("takes %s times as long", number(c.time.Value)))
	}
	if c.usd.Low >= choiceLeast {
		more = append(more, fmt.Sprintf("costs %s times as much", number(c.usd.Value)))
	}
	return fmt.Sprintf("%s %s as %s for the same kind of work", c.by.model, strings.Join(more, " and "), c.than.model)
}

// side says what one of the two did.
func (e *Evidence) side(a work, s metrics.Summary) string {
	usd := a.cost.mean().Value * 1000 * float64(call.Dollar)
	out := fmt.Sprintf("%s, task %s: %s answers, median prompt %s and answer %s tokens, service_e2e %s (median), %s for 1,000 answers", a.model, cmp.Or(a.task, "(none)"),
		count(int64(len(a.e2e))), whole(mid(a.prompt)), whole(mid(a.output)), millis(mid(a.e2e)), call.USD(usd))
	if len(a.ttft) > 0 {
		out += ", service_ttft " + millis(mid(a.ttft))
	}
	if len(a.rates) > 0 {
		out += fmt.Sprintf(", %s output tokens/s", number(mid(a.rates)))
	}
	if left, limit := headroom(s, a.model); left.Known() {
		out += fmt.Sprintf(", %s of its limit on %s never used", percent(float64(left)), limit)
	}
	return out
}

// rivals adds the other explanations to a finding, and counts those that remain.
func (c choice) rivals(e *Evidence, f *Finding) (remain int) {
	add := func(left bool, words string) {
		if !left {
			f.Rivals = append(f.Rivals, words)
			return
		}
		remain++
		f.Evidence = append(f.Evidence, "rival explanation: "+words)
	}
	a, b := c.by, c.than
	if a.task == b.task {
		add(false, "other work: both answered the same task")
	} else {
		add(true, fmt.Sprintf("the tasks are not the same (%s and %s), though their prompts are of like length", a.task, b.task))
	}
	x, y := mid(a.output), mid(b.output)
	if x > likeOutput*y {
		add(true, fmt.Sprintf("the answers are longer (median %s output tokens against %s)", whole(x), whole(y)))
	} else {
		add(false, fmt.Sprintf("longer answers: median %s output tokens against %s", whole(x), whole(y)))
	}
	if by, than, span := e.speeds.middle(a.model), e.speeds.middle(b.model), e.speeds.span(); math.Abs(by-than) > apartInTime*span {
		add(true, "the two were not asked at the same time of the run")
	} else {
		add(false, "the hour: both were asked throughout the run")
	}
	return remain
}

// middle is the second of the run at which half of a model's answers were sent.
func (l *speedLoad) middle(model string) float64 {
	var at []float64
	for _, k := range l.answers(l.models[model]) {
		at = append(at, k.sent.Seconds())
	}
	return stats.Median(at)
}

// span is the seconds from the first send to the last.
func (l *speedLoad) span() float64 {
	l.flight.sort()
	return (l.flight.sent[len(l.flight.sent)-1] - l.flight.sent[0]).Seconds()
}
