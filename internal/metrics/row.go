package metrics

import (
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// row is one attempt, packed: what the metrics need of a call.Result, in 160
// bytes. Everything that repeats (names, class) is in its label.
type row struct {
	due, held, earlier, started, connect, sent time.Duration
	firstByte, firstContent, firstText         time.Duration
	lastContent, done, readLag, connWait       time.Duration

	cost       call.USD
	saved      call.USD // by the prompt cache; below 0 where it cost more
	outputRate float64  // tokens/s; 0 where withheld

	input, write5m, write1h, read, output, thinking uint32

	label uint32 // place in Table.labels
	phase phase
	last  bool // the last attempt of its request, as far as is known
	bound bool // cost is a bound
	again bool // earlier attempts of the request cost something: see Table.spent
}

type phase uint8

const (
	inMain phase = iota
	inWarmUp
	inTail
)

func phaseOf(p call.Phase) phase {
	switch p {
	case call.WarmUp:
		return inWarmUp
	case call.BudgetTail:
		return inTail
	}
	return inMain
}

func newRow(r *call.Result) row {
	rate, ok := r.OutputRate()
	if !ok {
		rate = 0
	}
	return row{
		due: r.Due, held: r.Held, earlier: r.Earlier, started: r.Started, connect: r.ConnectTime(), connWait: r.ConnWait, sent: r.Sent,
		firstByte: r.FirstByte, firstContent: r.FirstContent, firstText: r.FirstText,
		lastContent: r.LastContent, done: r.Done, readLag: r.ReadLagMax,
		cost: r.Cost, outputRate: rate,
		input: narrow(r.Input), write5m: narrow(r.CacheWrite5m), write1h: narrow(r.CacheWrite1h),
		read: narrow(r.CacheRead), output: narrow(r.Output), thinking: narrow(r.Thinking),
		phase: phaseOf(r.Phase), last: true, bound: r.CostBound,
	}
}

// narrow fits a token count into 32 bits; no call has 4 billion tokens, but a
// damaged log may say so.
func narrow(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

func (r *row) prompt() int64 {
	return int64(r.input) + int64(r.write5m) + int64(r.write1h) + int64(r.read)
}

func (r *row) lag() time.Duration { return r.started - r.due - r.held - r.earlier }

// label is what rows have in common: where a request belongs and how the
// attempt ended, and the sums that are kept by that alone.
type label struct {
	key
	gaps   gaps
	checks map[string]*CheckCount
	shape  *shape // of the task's answers

	// Places in Table.tasks, models and stages.
	taskAt, modelAt, stageAt uint32
}

type key struct {
	task, model, stage string
	class              call.Class
}

func keyOf(r *call.Result) key { return key{r.Task, r.Model, r.Stage, r.Class} }

// matches reports whether the key has every value that tags ask for. A tag that
// does not exist matches nothing.
func (k key) matches(tags map[string]string) bool {
	for tag, want := range tags {
		got, ok := k.tag(tag)
		if !ok || got != want {
			return false
		}
	}
	return true
}

func (k key) tag(name string) (string, bool) {
	switch name {
	case "task":
		return k.task, true
	case "model":
		return k.model, true
	case "stage":
		return k.stage, true
	case "class":
		return string(k.class), true
	}
	return "", false
}

// timedOut reports whether the class means that an answer was waited for in
// vain: such a request counts as +∞ in latency.
func timedOut(c call.Class) bool { return c == call.Timeout || c == call.Stalled }

// final reports whether an attempt of the class ended with its final usage.
func final(c call.Class) bool { return c == call.OK || c == call.Refused }

// mayRetry reports whether another attempt of the same request may follow one
// of this class.
func mayRetry(c call.Class) bool { return c.Sent() && !final(c) && c != call.Canceled }

// shape is what is known of a task's answers: a plain (not streamed) answer has
// no first content, so that a plain request that timed out must not count as
// +∞ in it. Records do not say what was asked for; the answers do.
type shape struct{ streamed, plain bool }

func (s *shape) see(r *call.Result) {
	switch {
	case r.FirstEvent > 0 || r.FirstContent > 0:
		s.streamed = true
	case r.Class == call.OK:
		s.plain = true
	}
}

func (s shape) isPlain() bool { return s.plain && !s.streamed }
