package diagnose

import (
	"fmt"

	"github.com/tokenload/tokenload/internal/stats"
)

// ownShare is how much of the difference between two groups of prompt length
// the fit must lay to length, at the upper end of its interval.
const ownShare = 0.5

// ownLength adds to a finding what the fit says of it. It is false where the
// prompts of the groups differ in time, but at equal numbers in flight the time
// does not grow with the prompt: then something else slowed the long ones.
func (e *Evidence) ownLength(f *Finding) bool {
	m, s := e.speeds.best(uncachedPart)
	if m == nil {
		return true // not streamed: there is no time to the first content to fit
	}
	if !s.has(uncachedPart) && !s.has(cachedPart) {
		f.Evidence = append(f.Evidence, s.words(uncachedPart))
		return true
	}
	short, long, diff := s.apart()
	if diff > 0 {
		own := s.fit.Of(func(c []float64) float64 { return s.predicted(c, long) - s.predicted(c, short) })
		if own.High < ownShare*diff {
			return false
		}
		f.Rivals = append(f.Rivals, fmt.Sprintf("the number in flight: at equal numbers the fit still lays %s of the %s between short and long prompts of %s to their length (95%% interval %s)",
			millis(own.Value), millis(diff), m.name, between(own)))
	}
	f.Rivals = append(f.Rivals, "the length of the answers: the time to the first content ends before they are written")
	f.Evidence = append(f.Evidence, s.contextWords(m.name)...)
	f.Effect += "; " + s.effect()
	return true
}

// apart is the middle of the input of the shortest and of the longest group of
// prompts, at the middle number in flight, and what their medians differ by in ms.
func (s *slopes) apart() (short, long [parts]float64, diff float64) {
	var groups [len(groupNames)][]look
	for _, k := range s.of {
		g := groupOf(k.uncached + k.cached)
		groups[g] = append(groups[g], k)
	}
	first, last := -1, -1
	for g := range groups {
		if len(groups[g]) < minGroup {
			continue
		}
		if first < 0 {
			first = g
		}
		last = g
	}
	if first == last {
		return short, long, 0
	}
	middle := func(group []look) (at [parts]float64, ms float64) {
		var u, c, y []float64
		for _, k := range group {
			u, c, y = append(u, float64(k.uncached)), append(c, float64(k.cached)), append(y, float64(k.ttft)/milliseconds)
		}
		return [parts]float64{stats.Median(u), stats.Median(c), s.middle[queuePart]}, stats.Median(y)
	}
	short, before := middle(groups[first])
	long, after := middle(groups[last])
	return short, long, after - before
}

// contextWords are the slopes of a model, or why they cannot be told. Of cached
// input only where there was some.
func (s *slopes) contextWords(model string) []string {
	out := []string{model + ", " + s.words(uncachedPart)}
	if curve := s.curve(); curve != "" {
		out[0] += "; " + curve
	}
	if s.columns[cachedPart] > 0 {
		out = append(out, model+", "+s.words(cachedPart))
	}
	return out
}

// effect is the slopes that can be told, in short.
func (s *slopes) effect() string {
	out := ""
	for part, name := range [...]string{"uncached", "cached"} {
		if s.has(part) {
			out = joined(out, fmt.Sprintf("%s per 1,000 %s input tokens", signed(s.coef(part).Value*perThousand), name))
		}
	}
	return out
}

// fittedContext finds long prompts slow by the fit alone, where they all fall
// into one group: the time at the 95th percentile of length against that at the
// 5th.
func (e *Evidence) fittedContext() (Finding, bool) {
	if comparable(e.groups) {
		return Finding{}, false
	}
	m, s := e.speeds.best(uncachedPart)
	if m == nil || !s.has(uncachedPart) {
		return Finding{}, false
	}
	var lengths []float64
	for _, k := range s.of {
		lengths = append(lengths, float64(k.uncached))
	}
	few, many := s.middle, s.middle
	few[uncachedPart], many[uncachedPart] = ends5(lengths)
	before, after := s.predicted(s.fit.Coefs, few), s.predicted(s.fit.Coefs, many)
	slope := s.coef(uncachedPart)
	if before <= 0 || after <= slowRatio*before || slope.Low <= 0 {
		return Finding{}, false
	}
	f := Finding{ID: "context.length", Severity: Medium,
		Title: fmt.Sprintf("long prompts are slow: service_ttft of %s is %s at %s uncached input tokens and %s at %s", m.name,
			millis(before), whole(few[uncachedPart]), millis(after), whole(many[uncachedPart])),
		Effect:          s.effect(),
		Evidence:        s.contextWords(m.name),
		Rivals:          []string{"the number in flight: the fit compares prompts at equal numbers", "the length of the answers: the time to the first content ends before they are written"},
		Recommendations: contextAdvice(&e.groups[groupOf(int64(many[uncachedPart]))]),
		Disproof:        contextDisproof,
		Next:            lengthTrial,
		Weight:          weakest(over(s.longSlow(before, stats.Median(lengths)))),
	}
	if after > severeRatio*before {
		f.Severity = High
	}
	return f, true
}

// longSlow counts, of the prompts above a length, those slower than a time in ms.
func (s *slopes) longSlow(ms, length float64) (k, n int, half float64) {
	for _, a := range s.of {
		if float64(a.uncached) <= length {
			continue
		}
		n++
		if float64(a.ttft)/milliseconds > ms {
			k++
		}
	}
	return k, n, 0.5
}
