package capacity

import (
	"fmt"
	"math"

	"github.com/tokenload/tokenload/internal/limit"
)

// qualify says what the answer does not.
func (s *Search) qualify(a Answer) []string {
	notes := []string{}
	if len(a.Ceilings) == 0 && s.ended > 0 {
		notes = append(notes, fmt.Sprintf("no limit was seen: one below %.3g requests/s would have been, if its bucket holds a minute of it; a higher one may be there", s.unhidden()))
	}
	if k := a.Limit; k != nil && k.From == limit.FromHeaders && math.IsNaN(k.Capacity) {
		notes = append(notes, fmt.Sprintf("how much a full bucket of this limit holds is not known: it was not seen full before it was empty, or it holds less than the minute that is usual, %.3g", k.Said))
	}
	if k := a.Limit; k != nil && k.From == limit.FromRefusals && !math.IsNaN(k.Capacity) {
		notes = append(notes, "the burst is what the bucket held at the most in this search: no header tells whether it was full")
	}
	for i, c := range s.Criteria {
		if s.neverJudged(i) {
			notes = append(notes, c.Name+" was not judged: no request of these steps has it")
		}
	}
	if a.Criterion >= 0 && a.Criteria[a.Criterion].ByQueue {
		q, _ := s.queue()
		notes = append(notes, fmt.Sprintf("the answer is that of a queue fitted to how many requests were in flight: it gets %.3g requests/s done and explains %.0f %% of what the steps showed", q.capacity(), 100*q.explains))
	}
	if k := a.Confirmed; k != nil && k.Held {
		n := k.Asked - k.Refused
		if out := 2 / math.Sqrt(float64(max(n, 1))); out > feeble {
			notes = append(notes, fmt.Sprintf("%d requests came through while the answer was held: a shortfall of less than about %.0f %% would not have shown; holding it for longer shows more", n, 100*out))
		}
	}
	return notes
}

// feeble is the shortfall that a confirmation is expected to show.
const feeble = 0.10

// neverJudged reports whether steps were made that a criterion is for, and none had
// anything of it.
func (s *Search) neverJudged(at int) bool {
	steps := 0
	for i := range s.done {
		if d := &s.done[i]; s.judges(d) && len(d.Calls) > 0 {
			if d.Shown[at].N > 0 {
				return false
			}
			steps++
		}
	}
	return steps > 0
}
