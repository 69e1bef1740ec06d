package diagnose

import (
	"fmt"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// Answers are a finding from here on.
const (
	truncatedBound = 0.02
	truncatedAll   = 0.95 // as many as this look intended
	silenceShare   = 0.5  // of the time to the first visible output
	silenceLeast   = time.Second
)

// answerLoad is what the answers were like that ended ok.
type answerLoad struct {
	ok, stopped, truncated int
	visible                int // streamed ones with output to see
	silences               []silence
}

// silence is the time in which a model thinks and shows nothing.
type silence struct {
	length, before time.Duration // of it, and of all the time to the first visible output
	estimated      bool          // from thinking tokens and the speed of the rest
}

func (l *answerLoad) add(r call.Result) {
	if r.Class != call.OK {
		return
	}
	l.ok++
	if r.Stop != "" {
		l.stopped++
	}
	if r.Stop == "max_tokens" {
		l.truncated++
	}
	if r.FirstText == 0 || r.FirstContent == 0 {
		return
	}
	l.visible++
	if s, ok := silenceOf(r); ok {
		l.silences = append(l.silences, s)
	}
}

// silenceOf measures thinking that is shown as such. Of hidden thinking it takes
// the tokens over the speed of what came after, and believes it only where that
// fits into the time there was.
func silenceOf(r call.Result) (silence, bool) {
	s := silence{length: r.FirstText - r.FirstContent, before: r.FirstText - r.Sent}
	if r.Thinking == 0 || s.before <= 0 {
		return s, false
	}
	if s.length > 0 {
		return s, true
	}
	rate, ok := r.OutputRate()
	if !ok || rate <= 0 {
		return s, false
	}
	s.length, s.estimated = time.Duration(float64(r.Thinking)/rate*float64(time.Second)), true
	return s, s.length <= s.before
}

// thinkingSilence looks for thinking that makes most of the wait.
func (e *Evidence) thinkingSilence(metrics.Summary) outcome {
	l := &e.answers
	if needs := enough(l.visible, "streamed answers with visible output"); needs != "" {
		return lacks("%s", needs)
	}
	n := len(l.silences)
	if n < minAttempts {
		return outcome{}
	}
	var lengths []time.Duration
	most, estimated := 0, 0
	for _, s := range l.silences {
		lengths = append(lengths, s.length)
		if float64(s.length) > silenceShare*float64(s.before) {
			most++
		}
		if s.estimated {
			estimated++
		}
	}
	mid := median(lengths)
	if 2*most <= n || mid < silenceLeast {
		return outcome{}
	}
	f := Finding{
		ID: "thinking.silence", Severity: Low,
		Title:  fmt.Sprintf("users wait for thinking: median %s before anything can be seen", millis(float64(mid)/1e6)),
		Effect: fmt.Sprintf("%s of the time to the first visible output (median)", millis(float64(mid)/1e6)),
		Evidence: []string{fmt.Sprintf("%s of %s answers thought; in %s of those thinking took over %s of the time to the first visible output",
			count(int64(n)), count(int64(l.visible)), count(int64(most)), percent(silenceShare))},
		Weight: weakest(over(most, n, 0.5)),
		Recommendations: []string{
			"Show that the model thinks, or stream its thinking, so that the wait has a face.",
			"Lower the effort or the thinking budget for tasks that do not need it.",
		},
		Disproof: "with thinking off, the first visible output comes no sooner",
		Next:     "the same plan and seed with thinking off for half of the tasks",
	}
	if estimated > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("of %s the thinking was hidden: its length is estimated from its tokens and the speed of the rest", count(int64(estimated))))
	}
	return one(f, true)
}

// outTruncated looks for answers that max_tokens cut off.
func (e *Evidence) outTruncated(metrics.Summary) outcome {
	l := &e.answers
	if needs := enough(l.stopped, "answers with a stop reason"); needs != "" {
		return lacks("%s", needs)
	}
	share := stats.Wilson(l.truncated, l.stopped, 0.95)
	if share.Low <= truncatedBound {
		return outcome{}
	}
	f := Finding{
		ID: "out.truncated", Severity: Low,
		Title:    fmt.Sprintf("%s of answers were cut off by max_tokens", percent(share.Value)),
		Effect:   fmt.Sprintf("%s of answers are not whole (95%% interval %s to %s)", percent(share.Value), percent(share.Low), percent(share.High)),
		Evidence: []string{fmt.Sprintf("%s of %s answers stopped for max_tokens", count(int64(l.truncated)), count(int64(l.stopped)))},
		Recommendations: []string{
			"Raise max_tokens where the answer is meant to be whole: it costs nothing until it is used.",
			"Else ask for the length in words: a model that knows it ends in time.",
		},
		Disproof: "with twice the max_tokens, as large a share is cut off",
		Next:     "the same plan and seed with twice the max_tokens",
	}
	rivals := 0
	if share.Value > truncatedAll {
		rivals++
		f.Evidence = append(f.Evidence, "rival explanation: a low max_tokens may be meant, to fix the length of the answers")
	}
	f.Weight, f.Remain = weakest(over(l.truncated, l.stopped, truncatedBound)), rivals
	return one(f, true)
}
