package report

import (
	"cmp"
	"slices"

	"github.com/tokenload/tokenload/internal/call"
)

const (
	maxErrors = 5   // kinds of failure that a report names
	maxWords  = 500 // kinds of failure that are told apart: messages may hold ids
)

// failures counts failed attempts by class and words.
type failures struct{ counts map[ErrorCount]int }

func (f *failures) add(r call.Result) {
	if r.Err == nil {
		return
	}
	if f.counts == nil {
		f.counts = map[ErrorCount]int{}
	}
	kind := ErrorCount{Class: r.Class, Message: cmp.Or(r.Err.Message, r.Err.Type)}
	if _, seen := f.counts[kind]; !seen && len(f.counts) >= maxWords {
		kind.Message = "(other words)"
	}
	f.counts[kind]++
}

// top returns the most frequent ones, at most maxErrors.
func (f *failures) top() []ErrorCount {
	out := make([]ErrorCount, 0, len(f.counts))
	for e, n := range f.counts {
		e.Count = n
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Message, b.Message))
	})
	return out[:min(len(out), maxErrors)]
}
