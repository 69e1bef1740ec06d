package load

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

const (
	ms = time.Millisecond
	s  = time.Second
)

// bench is a load under test: a start, a sender that takes a fixed time, and
// everything that was made and emitted.
type bench struct {
	t     *testing.T
	start time.Time
	took  func(index int) time.Duration // how long the sender takes; ends early with its context

	mu       sync.Mutex
	results  []call.Result
	made     map[int]int // calls of Next by index
	causes   []error     // of the contexts that ended a request early
	inFlight int
	most     int // requests in flight at the peak
}

func newBench(t *testing.T, took time.Duration) *bench {
	return &bench{t: t, start: time.Now(), made: map[int]int{}, took: func(int) time.Duration { return took }}
}

func (b *bench) config() Config {
	return Config{Start: b.start, Next: b.next, Send: b.send, Emit: b.emit}
}

func (b *bench) now() time.Duration { return time.Since(b.start) }

func (b *bench) next(index int, due time.Duration) call.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made[index]++
	return call.Request{Task: "t"}
}

func (b *bench) emit(r call.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results = append(b.results, r)
}

func (b *bench) send(ctx context.Context, req call.Request, emit func(call.Result)) {
	b.count(1)
	defer b.count(-1)
	r := req.Result(call.OK)
	r.Started = b.now()
	select {
	case <-time.After(b.took(req.Index)):
	case <-ctx.Done():
		r.Class = call.Canceled
		b.mu.Lock()
		b.causes = append(b.causes, context.Cause(ctx))
		b.mu.Unlock()
	}
	r.Done = b.now()
	emit(r)
}

func (b *bench) count(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight += n
	b.most = max(b.most, b.inFlight)
}

// sorted returns the results by index and checks what always holds: each index
// from 0 on was made once and has one result.
func (b *bench) sorted() []call.Result {
	b.t.Helper()
	slices.SortStableFunc(b.results, func(x, y call.Result) int { return x.Index - y.Index })
	for i, r := range b.results {
		if r.Index != i || b.made[i] != 1 || r.Task != "t" {
			b.t.Fatalf("result %d has index %d, task %q; Next was called %d times", i, r.Index, r.Task, b.made[i])
		}
	}
	if len(b.made) != len(b.results) {
		b.t.Fatalf("%d requests made, %d results", len(b.made), len(b.results))
	}
	return b.results
}

func (b *bench) classes() map[call.Class]int {
	n := map[call.Class]int{}
	for _, r := range b.results {
		n[r.Class]++
	}
	return n
}

// every yields n arrivals at an even distance, from 0.
func every(gap time.Duration, n int) iter.Seq2[int, time.Duration] {
	return func(yield func(int, time.Duration) bool) {
		for i := range n {
			if !yield(i, time.Duration(i)*gap) {
				return
			}
		}
	}
}

// steps yields changes from pairs of an instant and a number of users.
func steps(pairs ...time.Duration) iter.Seq2[time.Duration, int] {
	return func(yield func(time.Duration, int) bool) {
		for pair := range slices.Chunk(pairs, 2) {
			if !yield(pair[0], int(pair[1])) {
				return
			}
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := newBench(t, 0).config()
	tests := []struct {
		name  string
		spoil func(*Config)
	}{
		{"no start", func(c *Config) { c.Start = time.Time{} }},
		{"no next", func(c *Config) { c.Next = nil }},
		{"no send", func(c *Config) { c.Send = nil }},
		{"no emit", func(c *Config) { c.Emit = nil }},
		{"slots", func(c *Config) { c.Slots = -1 }},
		{"requests", func(c *Config) { c.Requests = -1 }},
		{"end", func(c *Config) { c.End = -1 }},
	}
	for _, test := range tests {
		c := good
		test.spoil(&c)
		if err := Open(t.Context(), every(s, 1), c); err == nil {
			t.Errorf("%s: Open returned no error", test.name)
		}
		if err := Closed(t.Context(), steps(0, 1, s, 0), c); err == nil {
			t.Errorf("%s: Closed returned no error", test.name)
		}
	}
	if err := Open(t.Context(), every(s, 1), good); err != nil {
		t.Errorf("Open with a good config: %v", err)
	}
}

// stopping is how a load is ended early, and what becomes of requests that take
// ten seconds and were started every second.
var stopping = []struct {
	name     string
	end      time.Duration
	stopAt   time.Duration // 0: never
	cancelAt time.Duration
	grace    time.Duration
	returns  time.Duration
	started  int
	ok       int
	cause    error // of the requests that were cut
	err      error // of the loop
}{
	{name: "end, time enough", end: 5 * s, grace: 30 * s, returns: 14 * s, started: 5, ok: 5},
	{name: "end, some too slow", end: 5 * s, grace: 7500 * ms, returns: 12500 * ms, started: 5, ok: 3, cause: ErrGrace},
	{name: "end, no grace", end: 5 * s, returns: 5 * s, started: 5, cause: ErrGrace},
	{name: "stop, time enough", end: 60 * s, stopAt: 2500 * ms, grace: 30 * s, returns: 12 * s, started: 3, ok: 3},
	{name: "stop, some too slow", end: 60 * s, stopAt: 2500 * ms, grace: 8 * s, returns: 10500 * ms, started: 3, ok: 1, cause: ErrGrace},
	{name: "stop after the end changes nothing", end: 5 * s, stopAt: 7 * s, grace: 6500 * ms, returns: 11500 * ms, started: 5, ok: 2, cause: ErrGrace},
	{name: "cancel", end: 60 * s, cancelAt: 2500 * ms, grace: 30 * s, returns: 2500 * ms, started: 3, cause: errKilled, err: errKilled},
	{name: "cancel after stop", end: 60 * s, stopAt: 2500 * ms, cancelAt: 10500 * ms, grace: 30 * s, returns: 10500 * ms, started: 3, ok: 1, cause: errKilled, err: errKilled},
	{name: "cancel after the end", end: 5 * s, cancelAt: 10500 * ms, grace: 30 * s, returns: 10500 * ms, started: 5, ok: 1, cause: errKilled, err: errKilled},
}

var errKilled = errors.New("killed")

func TestStopping(t *testing.T) {
	loops := map[string]func(ctx context.Context, c Config) error{
		"open": func(ctx context.Context, c Config) error { return Open(ctx, every(s, 1000), c) },
		// A user more each second, none of whom has a second request in time.
		"closed": func(ctx context.Context, c Config) error {
			return Closed(ctx, func(yield func(time.Duration, int) bool) {
				for i := range 1000 {
					if !yield(time.Duration(i)*s, i+1) {
						return
					}
				}
			}, c)
		},
	}
	for name, loop := range loops {
		for _, test := range stopping {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t, 10*s)
					c := b.config()
					stop := make(chan struct{})
					c.Stop, c.End, c.Grace = stop, test.end, test.grace
					if test.stopAt > 0 {
						time.AfterFunc(test.stopAt, func() { close(stop) })
					}
					ctx, cancel := context.WithCancelCause(t.Context())
					if test.cancelAt > 0 {
						time.AfterFunc(test.cancelAt, func() { cancel(errKilled) })
					}
					if name == "closed" {
						c.Think = func(int) time.Duration { return time.Hour }
					}
					if err := loop(ctx, c); err != test.err {
						t.Errorf("error %v; want %v", err, test.err)
					}
					cancel(nil)
					if b.now() != test.returns {
						t.Errorf("returned at %v; want %v", b.now(), test.returns)
					}
					if n := len(b.sorted()); n != test.started || b.classes()[call.OK] != test.ok {
						t.Errorf("%d started, %d ok; want %d, %d", n, b.classes()[call.OK], test.started, test.ok)
					}
					for _, cause := range b.causes {
						if cause != test.cause {
							t.Errorf("cut with cause %v; want %v", cause, test.cause)
						}
					}
					if len(b.causes) != test.started-test.ok {
						t.Errorf("%d cut; want %d", len(b.causes), test.started-test.ok)
					}
				})
			})
		}
	}
}
