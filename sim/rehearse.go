package sim

import (
	"container/heap"
	"fmt"
	"time"
)

// Rehearsal is a simulated API that is asked in the caller's own time: nothing
// is sent, nothing waits, and a plan of an hour is gone through in moments. It
// draws what a [Server] of the same configuration draws for the same questions
// in the same order, so a rehearsal tells what a run is going to see. Limits,
// faults and a queue of its own are left out: those are for whoever asks.
//
// One goroutine may use it.
type Rehearsal struct {
	s     *Server
	warm  commits // what answers that have not begun will write to the cache
	order int
}

// Rehearse checks a configuration as [New] does and returns a rehearsal of it.
func Rehearse(c Config) (*Rehearsal, error) {
	s, err := New(c)
	if err != nil {
		return nil, err
	}
	return &Rehearsal{s: s}, nil
}

// Rehearsed is the answer to one question.
type Rehearsed struct {
	Model string // as answered
	Class string // of limits
	Fast  bool   // served in fast mode
	Geo   string

	InputTokens, CacheWrite5m, CacheWrite1h, CacheRead int
	OutputTokens, ThinkingTokens                       int

	Begins time.Duration // since the question: the first token is generated, shown or not
	Ends   time.Duration // since the question: the last content

	accept func()
}

// Accept says that the request was admitted: from its answer on, others can read
// the prefix it caches. One that a limit refused caches nothing.
func (r Rehearsed) Accept() { r.accept() }

// Ask answers the body of a POST /v1/messages that arrives at an offset from the
// start. Offsets must not fall. The error is what the API would answer instead,
// a status of 400 or above, with its words.
func (r *Rehearsal) Ask(at time.Duration, body []byte) (Rehearsed, error) {
	req, fail := parse(body, head{version: version2023}, r.s.set().models)
	if fail != nil {
		return Rehearsed{}, fmt.Errorf("%d %s: %s", fail.status, fail.kind, fail.message)
	}
	return r.answer(at, req), nil
}

// AskChat is Ask for the body of a POST /v1/chat/completions.
func (r *Rehearsal) AskChat(at time.Duration, body []byte) (Rehearsed, error) {
	req, fail := parseChat(body, r.s.set().models)
	if fail != nil {
		return Rehearsed{}, fmt.Errorf("%d %s: %s", fail.status, fail.kind, fail.message)
	}
	return r.answer(at, req), nil
}

func (r *Rehearsal) answer(at time.Duration, req *request) Rehearsed {
	s, now := r.s, r.s.started.Add(at)
	r.settle(now)
	rng, _ := s.draws.of(s.set().config.Seed, req.digest)
	x := &exchange{s: s, set: s.set(), req: req, start: now}
	x.found = s.cache.lookup(req, 0, now)
	x.use = x.found.usage
	x.prepare(rng)
	out := Rehearsed{
		Model: req.model.id, Class: req.model.class, Fast: req.speed == "fast" && req.model.fast(), Geo: req.geo,
		InputTokens: x.use.input, CacheWrite5m: x.use.write5m, CacheWrite1h: x.use.write1h, CacheRead: x.use.read,
		OutputTokens: x.script.output, ThinkingTokens: x.script.thinking,
		Begins: x.script.content, Ends: x.lastDue(),
	}
	out.accept = func() {
		s.cache.refresh(x.found, now)
		if len(x.found.store) > 0 {
			r.order++
			heap.Push(&r.warm, commit{at: now.Add(x.script.first), order: r.order, start: now, found: x.found})
		}
	}
	return out
}

// settle writes to the cache what the answers that have begun by now bring.
func (r *Rehearsal) settle(now time.Time) {
	for len(r.warm) > 0 && !r.warm[0].at.After(now) {
		c := heap.Pop(&r.warm).(commit)
		r.s.cache.commit(c.found, c.start)
	}
}

// commit is a write to the cache that takes effect when its answer begins.
type commit struct {
	at    time.Time
	order int
	start time.Time
	found lookup
}

// commits is a heap of commits, the earliest first.
type commits []commit

func (h commits) Len() int { return len(h) }
func (h commits) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].order < h[j].order
	}
	return h[i].at.Before(h[j].at)
}
func (h commits) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is part of heap.Interface.
func (h *commits) Push(c any) { *h = append(*h, c.(commit)) }

// Pop is part of heap.Interface.
func (h *commits) Pop() any {
	old := *h
	c := old[len(old)-1]
	*h = old[:len(old)-1]
	return c
}
