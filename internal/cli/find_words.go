package cli

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenload/tokenload/internal/capacity"
)

// words are the answer in one sentence.
func (out found) words() string {
	a := out.answer
	v := a.Load.Value
	switch {
	case math.IsNaN(v):
		return "nothing was learned" + out.because()
	case v == 0:
		return fmt.Sprintf("none: %s was not kept even at %s, the least that was tried", out.Answer.Threshold, load(a.Load.High, out.Unit))
	case a.AtLeast:
		return fmt.Sprintf("at least %s%s", load(v, out.Unit), out.because())
	}
	text := load(v, out.Unit)
	if out.Unit == "users" && v < 1 {
		text = "less than 1 user"
	} else if low, high := amount(a.Load.Low, out.Unit), amount(a.Load.High, out.Unit); a.Load.Bounded() && low != high {
		text += fmt.Sprintf(" (%s to %s)", low, high)
	}
	if out.Answer.Limit != "" {
		return text + ", held back by the limit on " + out.Answer.Limit
	}
	return text + ", held back by the threshold " + out.Answer.Threshold
}

// amount is a load without its unit. Users come whole: part of one is nobody.
func amount(v float64, unit string) string {
	if unit == "users" && v >= 1 && v < 1000 {
		return strconv.Itoa(int(v))
	}
	return figure(v)
}

// load is a load with its unit.
func load(v float64, unit string) string {
	n := amount(v, unit)
	if n == "1" && unit == "users" {
		return "1 user"
	}
	return n + " " + unit
}

// because says why an answer is no more than it is.
func (out found) because() string {
	switch out.Answer.Bound {
	case capacity.ByMachine:
		return "; above it our own machine cannot keep up"
	case capacity.ByBudget:
		return "; the budget ended the search"
	case capacity.ByUser:
		return "; the search was interrupted"
	case capacity.ByTarget:
		return ": the target could not be used: " + orWord(out.Detail, "no request was answered")
	case capacity.ByBound:
		return "; nothing higher was tried"
	case capacity.ByUnseen:
		return "; a limit above it may not have shown yet"
	}
	return ""
}

// figure is a load with three digits.
func figure(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "—"
	case v >= 1000:
		return count(int64(math.Round(v)))
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// ends is a figure with its interval, where that shows in three digits.
func ends(e capacity.Estimate) string {
	low, high := figure(e.Low), figure(e.High)
	if !e.Bounded() || low == high {
		return figure(e.Value)
	}
	return fmt.Sprintf("%s (%s to %s)", figure(e.Value), low, high)
}

// stopWords say why a search ended before its end, or with an answer that was not
// tried; "" is neither.
func stopWords(out found) string {
	var parts []string
	by := map[string]string{capacity.ByBudget: "by the budget", capacity.ByUser: "by an interruption", capacity.ByTarget: "by the target"}[out.Stopped]
	if by != "" {
		if out.Detail != "" {
			by += ": " + out.Detail
		}
		parts = append(parts, "ended early "+by)
	}
	if out.Answer.Bound == capacity.ByLimit && out.Confirmed == nil {
		text := "the answer was not held with an empty bucket"
		if slices.ContainsFunc(out.Steps, func(s foundStep) bool { return s.Kind == capacity.Confirm && s.Spoiled != "" }) {
			text += ": our own machine spoiled the steps that did"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// confirmWords say what came of holding the answer.
func confirmWords(out found, k foundConfirm) string {
	bucket := "an empty bucket"
	if !k.Empty {
		bucket = "a bucket that had not been emptied"
	}
	text := fmt.Sprintf("held at %s for %s with %s", load(k.Load, out.Unit), inSeconds(k.LengthS), bucket)
	switch {
	case len(out.Criteria) > 0 && k.Kept:
		text += ", all thresholds kept"
	case len(out.Criteria) > 0:
		text += ", not all thresholds kept"
	}
	refused := "none"
	if k.Refused > 0 {
		refused = count(k.Refused)
	}
	text += fmt.Sprintf("; %s of %s requests refused", refused, count(k.Asked))
	if n := refusedFirst(out, k); n > 0 {
		text += fmt.Sprintf(", and %d before the first that came through, when the bucket held nothing", n)
	}
	switch {
	case !k.Held:
		text += ": less comes through than the limit says, and the answer is what does"
	case k.Refused > 0:
		text += ", as happens to requests that come close together while the bucket holds next to nothing: what came through is not less than the limit says"
	}
	return text
}

// refusedFirst is how many requests of the step that held the answer were refused
// before the first that came through; they show that the bucket was empty, and
// nothing else.
func refusedFirst(out found, k foundConfirm) int {
	for _, s := range slices.Backward(out.Steps) {
		if s.Kind == capacity.Confirm && s.Spoiled == "" {
			return s.Refused - k.Refused
		}
	}
	return 0
}
