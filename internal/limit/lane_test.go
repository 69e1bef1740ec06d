package limit

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// A late timer is our lag: each held request counts as held until the instant at
// which it could have left, and the rest is not told as held.
func TestLaneWakesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(1, time.Now().Add(-1))
		var first ticket
		l.enter(call.Request{}, &first)
		l.gauges[requests].shape(l.now(), 60)
		l.gauges[requests].server.level = 0 // one a second from here
		var ws []*waiter
		for range 3 {
			ws = append(ws, l.enter(call.Request{}, new(ticket)))
		}
		l.timer.Stop()
		time.Sleep(2500 * time.Millisecond)
		late := l.enter(call.Request{}, new(ticket))
		l.wake()
		l.mu.Lock()
		for i, w := range ws {
			want := time.Duration(i+1) * time.Second
			if through := w.place == nil; through != (i < 2) || through && w.held != want {
				t.Errorf("waiter %d: left %v, held %v; want the first two to leave, held %v", i, through, w.held, want)
			}
		}
		l.mu.Unlock()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		if late.place != nil || late.held != 1500*time.Millisecond {
			t.Errorf("the last waiter was held %v; want 1.5s", late.held)
		}
	})
}

// A tokens header that repeats the output limit does not count input against it.
func TestLaneIgnoresRestatedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range worlds(0) {
			if w.name != "little output" {
				continue
			}
			w.server.edit = func(l *call.Limits) { l.Tokens, l.InputTokens = l.OutputTokens, said(1_000_000, 1_000_000) }
			w.script.body = func(int) int { return 2000 }
			w.judge(t, firstHold(t, w.server, w.run(t, Config{}, "closed")), 0.9)
		}
	})
}

// A workspace's own limit on tokens comes without the others and counts both.
func TestLaneHeedsTokensAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range worlds(0) {
			if w.name != "little output" {
				continue
			}
			w.server.edit = func(l *call.Limits) { l.Tokens, l.OutputTokens = l.OutputTokens, nil }
			rs := w.run(t, Config{}, "closed")
			f := w.server.between(firstHold(t, w.server, rs), end)
			if f.share[outputTokens] < 0.6 || f.refused > 0.01 { // a quarter of the tokens is input
				t.Errorf("%v; want over 0.6 used and nothing refused", f)
			}
		}
	})
}

// refusedBy answers 429 with these headers.
func refusedBy(by call.LimitKind, after float64, l call.Limits) call.Result {
	return call.Result{Class: call.RateLimited, Status: 429, LimitedBy: by, RetryAfter: &after, Limits: l}
}

// A 429 that its headers explain holds for retry-after, and puts no rate on trial;
// one that they do not explain does.
func TestLaneRefused(t *testing.T) {
	empty, full := call.Limits{Requests: said(600, 0)}, call.Limits{Requests: said(600, 600)}
	for _, c := range []struct {
		name  string
		by    call.LimitKind
		l     call.Limits
		trial int // the limit on trial; -1: none
	}{
		{"named and empty", call.LimitRequests, empty, -1},
		{"named and full", call.LimitRequests, full, requests},
		{"unnamed and empty", call.LimitUnknown, empty, -1},
		{"unnamed and full", call.LimitUnknown, full, requests},
		{"unnamed, no headers", call.LimitUnknown, call.Limits{}, requests},
		{"input, no headers", call.LimitInputTokens, call.Limits{}, inputTokens},
		{"tokens, no headers", call.LimitTokens, call.Limits{}, tokens},
		{"a ramp, though empty", call.LimitRamp, empty, requests},
		{"a cap on spending", call.LimitSpend, call.Limits{}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLane(0.9, time.Now().Add(-1))
				var k ticket
				l.enter(call.Request{}, &k)
				l.settle(&k, call.Request{}, refusedBy(c.by, 30, c.l))
				for i := range l.gauges {
					if on := l.gauges[i].trial.on; on != (i == c.trial) {
						t.Errorf("%s on trial: %v", kinds[i], on)
					}
				}
				want := 30 * time.Second
				if c.by == call.LimitSpend {
					want = 0
				}
				if at := l.ready(l.now(), &cost{}) - l.now(); at != want {
					t.Errorf("the next may leave in %v; want %v", at, want)
				}
			})
		})
	}
}

// A 429 without headers says that what we thought was left is not.
func TestLaneRefusedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(0.9, time.Now().Add(-1))
		var first, second ticket
		l.enter(call.Request{}, &first)
		l.settle(&first, call.Request{}, call.Result{Class: call.OK, Limits: call.Limits{Requests: said(600, 500)}})
		time.Sleep(time.Second)
		l.enter(call.Request{}, &second)
		l.settle(&second, call.Request{}, refusedBy(call.LimitRequests, 1, call.Limits{}))
		// Up to one is left on the server and sixty are to stay there: at ten a second,
		// there is one for us in six seconds.
		if at := l.ready(l.now(), &cost{requests: 1}) - l.now(); at != 6*time.Second {
			t.Errorf("the next may leave in %v; want 6s", at)
		}
	})
}

// What a task's answers cost is what its next request is charged.
func TestLaneLearns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(0.9, time.Now().Add(-1))
		req := call.Request{Task: "a", Body: make([]byte, 400), MaxTokens: 1000}
		charge := func(req call.Request) cost {
			var k ticket
			l.enter(req, &k)
			l.settle(&k, req, call.Result{Class: call.OK, Usage: call.Usage{Input: 300, Output: 7}})
			return k.cost
		}
		if got := charge(req); got != (cost{1, 100, 500, 600}) {
			t.Errorf("the first is charged %v; want a guess", got)
		}
		if got := charge(req); got != (cost{1, 300, 7, 307}) {
			t.Errorf("the second is charged %v; want what the first cost", got)
		}
		req.Task = "b"
		if got := charge(req); got != (cost{1, 100, 500, 600}) {
			t.Errorf("another task is charged %v; want a guess", got)
		}
	})
}

// When a large request at the head gives up, a small one behind it goes at once.
func TestLaneHeadGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(1, time.Now().Add(-1))
		var first ticket
		l.enter(call.Request{}, &first)
		l.gauges[inputTokens].shape(l.now(), 60_000)
		l.gauges[inputTokens].server.level = 0
		large := l.enter(call.Request{Task: "a", Body: make([]byte, 160_000)}, new(ticket))
		small := l.enter(call.Request{Task: "b", Body: make([]byte, 4000)}, new(ticket))
		time.Sleep(2 * time.Second)
		l.leave(large)
		if small.place != nil || small.held != 2*time.Second {
			t.Errorf("the small one was held %v; want it to leave after 2s", small.held)
		}
	})
}

// Calls that were made to miss the prompt cache are charged for all of their
// prompt, and those beside them that hit it for what is not in it.
func TestLaneTellsColdFromWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(0.9, time.Now())
		charged := func(cold bool) float64 {
			var k ticket
			req := call.Request{Task: "t", Model: "m", Cold: cold, Body: make([]byte, 4000), MaxTokens: 10}
			if l.enter(req, &k) != nil {
				t.Fatal("held where no limit is known")
			}
			r := req.Result(call.OK)
			r.Usage, r.Known = call.Usage{Input: 10, CacheRead: 990, Output: 5}, call.UsageFinal
			if cold {
				r.CacheWrite5m, r.CacheRead = 990, 0
			}
			l.settle(&k, req, r)
			return k.cost[inputTokens]
		}
		for i := range 20 {
			for cold, want := range map[bool]float64{true: 1000, false: 10} {
				if got := charged(cold); i > 0 && math.Abs(got-want) > 1e-6 {
					t.Errorf("request %d, cold %v: charged %v; want %v", i, cold, got, want)
				}
			}
		}
	})
}
