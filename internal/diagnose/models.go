package diagnose

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// Figure is a figure with a 95 % interval. Each of the three is withheld where
// it cannot be stood behind.
type Figure struct {
	Value metrics.Number `json:"value"`
	Low   metrics.Number `json:"low"`
	High  metrics.Number `json:"high"`
}

// Known reports whether there is a value.
func (f Figure) Known() bool { return f.Value.Known() }

// Model is what one model did in the main phase, to be held beside the others.
// Medians are of the answers that ended ok. Quality is not measured.
type Model struct {
	Model       string `json:"model"`
	Answers     int    `json:"answers"` // that ended ok
	ServiceTTFT Figure `json:"service_ttft_ms"`
	ServiceE2E  Figure `json:"service_e2e_ms"`
	OutputRate  Figure `json:"output_rate"`        // tokens/s
	Cost        Figure `json:"usd_per_1k_answers"` // the mean
	Uncached    Figure `json:"ms_per_1k_uncached"` // service_ttft for 1,000 more uncached input tokens
	Cached      Figure `json:"ms_per_1k_cached"`   // and for cached ones
	InFlight    Figure `json:"ms_per_in_flight"`   // and for one more request in flight, where that shows
	// Headroom is the share of the tightest limit that was never used, as the headers tell.
	Headroom metrics.Number `json:"headroom"`
	Limit    string         `json:"limit"`    // that limit; "" is not known
	NotTold  []string       `json:"not_told"` // which of the slopes cannot be told, what that needs, and the experiment
}

// medianOf is a median with its interval, withheld below the least values that have one.
func medianOf(v []float64) Figure {
	if len(v) < minGroup {
		return withheldFigure()
	}
	return figureOf(stats.Quantile(v, 0.5, level, 0), 1)
}

func withheldFigure() Figure {
	return Figure{metrics.Withheld(), metrics.Withheld(), metrics.Withheld()}
}

func figureOf(e stats.Estimate, times float64) Figure {
	return Figure{metrics.Number(e.Value * times), metrics.Number(e.Low * times), metrics.Number(e.High * times)}
}

// mean is the mean of what was added, with the interval of a t-test.
func (s sum) mean() stats.Estimate {
	e := stats.Estimate{Value: s.total / s.n, Low: math.NaN(), High: math.NaN(), N: int(s.n)}
	if s.n >= minGroup {
		half := stats.Critical(1-level, int(s.n)-1) * s.deviation()
		e.Low, e.High = e.Value-half, e.Value+half
	}
	return e
}

// deviation is the standard error of the mean.
func (s sum) deviation() float64 {
	mean := s.total / s.n
	return math.Sqrt(max(s.squares/s.n-mean*mean, 0) / (s.n - 1))
}

func (s *sum) join(t sum) { s.n, s.total, s.squares = s.n+t.n, s.total+t.total, s.squares+t.squares }

// whole is all answers of a model, whatever the task.
func (m *modelLoad) whole() taskLoad {
	var all taskLoad
	for _, name := range slices.Sorted(maps.Keys(m.tasks)) {
		t := m.tasks[name]
		all.prompt, all.output = append(all.prompt, t.prompt...), append(all.output, t.output...)
		all.ttft, all.e2e, all.rates = append(all.ttft, t.ttft...), append(all.e2e, t.e2e...), append(all.rates, t.rates...)
		all.cost.join(t.cost)
	}
	return all
}

// models are the models side by side, by name.
func (e *Evidence) models(s metrics.Summary) []Model {
	out := []Model{}
	for _, m := range e.speeds.byAnswers() {
		all, f := m.whole(), e.speeds.slopes(m, false)
		row := Model{Model: m.name, Answers: m.looks.n, ServiceTTFT: medianOf(all.ttft), ServiceE2E: medianOf(all.e2e), OutputRate: medianOf(all.rates),
			Cost: figureOf(all.cost.mean(), 1000), Uncached: f.figure(uncachedPart), Cached: f.figure(cachedPart), InFlight: withheldFigure(),
			NotTold: f.notTold()}
		if q := e.queueOf(m); q.found {
			row.InFlight = q.f.figure(queuePart)
		}
		row.Headroom, row.Limit = headroom(s, m.name)
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b Model) int { return cmp.Compare(a.Model, b.Model) })
	return out
}

// figure is a slope in ms: per 1,000 tokens, or per request in flight.
func (s *slopes) figure(part int) Figure {
	switch {
	case !s.has(part):
		return withheldFigure()
	case part == queuePart:
		return figureOf(s.coef(part), 1)
	}
	return figureOf(s.coef(part), perThousand)
}

// notTold says of the slopes by length that are missing what they need. Without a
// cached token there is none to tell.
func (s *slopes) notTold() []string {
	out := []string{}
	for _, part := range [...]int{uncachedPart, cachedPart} {
		if !s.has(part) && (part == uncachedPart || s.columns[cachedPart] > 0) {
			out = append(out, s.words(part))
		}
	}
	return out
}

// headroom is the share of the tightest limit of a model's class that was never used.
func headroom(s metrics.Summary, model string) (left metrics.Number, limit string) {
	left = metrics.Withheld()
	for _, k := range [...]call.LimitKind{call.LimitRequests, call.LimitTokens, call.LimitInputTokens, call.LimitOutputTokens} {
		use := limitUse(s, call.ModelClass(model), k)
		if use == nil || !use.PeakUtilization.Known() {
			continue
		}
		if free := max(1-use.PeakUtilization, 0); !left.Known() || free < left {
			left, limit = free, string(k)
		}
	}
	return left, limit
}
