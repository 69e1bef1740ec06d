package workload

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
)

// copyLine is what a system prompt begins with where some requests must not
// find it cached. Its two numbers of ten digits are filled in for each request:
// those of a cold one occur once in a run, all others have the same. A cache
// goes by the exact beginning of a prompt, so that nothing behind a number of
// its own can be found in it; and as all requests have such a line, cold and
// warm ones are equally long.
const copyLine = "Copy 0000000000-0000000000 of these instructions.\n"

const (
	digits   = 10
	numberAt = len("Copy ")
	seedAt   = numberAt + digits + len("-")
)

// text is the system prompt as it is sent.
func (s System) text() string {
	if s.Cold == 0 {
		return s.Text
	}
	return copyLine + s.Text
}

// Bytes is the length of the system prompt as it is sent.
func (s System) Bytes() int { return len(s.text()) }

// coldStream sets the draws of what is cold apart from those of prompts and
// lengths: these must not depend on it.
const coldStream = 0x636f6c64

// cold draws whether the request with an index must miss the cache.
func (t *rendered) cold(seed uint64, index int) bool {
	return t.copy > 0 && rand.New(rand.NewPCG(seed^coldStream, uint64(index))).Float64() < t.System.Cold
}

// number fills in the numbers of a copyLine.
func number(line []byte, seed uint64, index int, cold bool) {
	const (
		most = 1e10 // what ten digits can tell apart
		step = 1_618_033_989
	)
	place := uint64(1)
	if cold {
		place = uint64(index) + 2
	}
	// The step has no factor in common with most, so that no two places get one
	// number; and the digits of near ones differ, as a tokenizer may count
	// 0000000001 otherwise than 4854101967.
	put(line[numberAt:], place*step%most)
	put(line[seedAt:], rand.New(rand.NewPCG(seed, coldStream)).Uint64N(most))
}

func put(to []byte, n uint64) {
	for i := digits - 1; i >= 0; i-- {
		to[i] = '0' + byte(n%10)
		n /= 10
	}
}

// coldReason says why a task cannot have cold requests; "" if it can, or asks for none.
func (t Task) coldReason() string {
	s := t.System
	switch {
	case s.Cold == 0:
	case !(s.Cold > 0 && s.Cold < 1):
		return "system cold is not between 0 and 1"
	case s.Text == "":
		return "cold requests without a system prompt"
	case s.Cache == "" && !t.chat():
		return "cold requests of a system prompt that is not cached"
	case t.cachesTools():
		return "cold requests of a task whose body caches its tools: they come before the system prompt and would be found; leave cache_control out there"
	}
	return ""
}

// cachesTools reports whether the body marks its tools for the prompt cache.
func (t Task) cachesTools() bool {
	fields, err := readBody(t)
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == "tools" })
	if err != nil || i < 0 {
		return false
	}
	var v any
	var w weight
	if json.Unmarshal(fields[i].value, &v) != nil {
		return false
	}
	w.walk("tools", v)
	return w.cacheTTL != ""
}
