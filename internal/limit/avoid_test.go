package limit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// world is a server and what is thrown at it: twice what its limits allow.
type world struct {
	name   string
	server *server
	script script
	rate   float64 // open loop, a second
	users  int     // closed loop
	limit  int     // the one that is exceeded
	// refused is the share of attempts that may be refused: 1 %, for output 5 %.
	refused float64
	silent  float64 // least share to use when there are no headers; 0 is 0.9
}

func worlds(seed uint64) []world {
	return []world{
		{name: "requests", limit: requests, rate: 20, users: 20, refused: 0.01,
			server: &server{limits: [3]float64{600, 0, 0}, ttfb: 300 * time.Millisecond}},
		{name: "few requests", limit: requests, rate: 2, users: 20, refused: 0.01,
			server: &server{limits: [3]float64{60, 0, 0}, ttfb: 300 * time.Millisecond}},
		{name: "requests with long answers", limit: requests, rate: 10, users: 100, refused: 0.01,
			server: &server{limits: [3]float64{300, 1e6, 4e5}, ttfb: 500 * time.Millisecond, speed: 50, output: lognormal(seed, 400)},
			script: script{maxTokens: 1024}},
		{name: "input", limit: inputTokens, rate: 10, users: 20, refused: 0.01,
			server: &server{limits: [3]float64{2000, 300_000, 0}, ttfb: time.Second, perByte: 0.29},
			script: script{body: lognormal(seed+1, 1000/0.29)}},
		{name: "little input", limit: inputTokens, rate: 2, users: 20, refused: 0.01,
			server: &server{limits: [3]float64{2000, 30_000, 0}, ttfb: time.Second, perByte: 0.2},
			script: script{body: lognormal(seed+1, 500/0.2)}},
		{name: "output", limit: outputTokens, rate: 10, users: 100, refused: 0.05,
			server: &server{limits: [3]float64{2000, 0, 80_000}, ttfb: 500 * time.Millisecond, speed: 60, output: lognormal(seed, 267)},
			script: script{maxTokens: 2000}},
		{name: "output, plain answers", limit: outputTokens, rate: 10, users: 100, refused: 0.05,
			server: &server{limits: [3]float64{2000, 0, 80_000}, plain: true, speed: 60, output: lognormal(seed, 267)},
			script: script{maxTokens: 2000}},
		{name: "little output", limit: outputTokens, rate: 2, users: 20, refused: 0.05,
			server: &server{limits: [3]float64{2000, 0, 8_000}, ttfb: 500 * time.Millisecond, speed: 60, output: lognormal(seed, 133)},
			script: script{maxTokens: 256}},
		// What leaves now is generated for a minute to come, so a rate is learned slowly.
		{name: "long output", limit: outputTokens, rate: 4, users: 300, refused: 0.05, silent: 0.8,
			server: &server{limits: [3]float64{2000, 0, 400_000}, ttfb: 500 * time.Millisecond, speed: 60, output: lognormal(seed, 3333)},
			script: script{maxTokens: 8000}},
	}
}

// end of the runs: long enough to see what comes after the first minute's burst.
const end = 10 * time.Minute

// run throws w at its server through c, in open or closed loop.
func (w world) run(t *testing.T, c Config, loop string) []call.Result {
	t.Helper()
	c.Mode = Avoid
	w.server.begin()
	send := wrapped(t, w.server.send, c)
	if loop == "open" {
		return w.script.open(t.Context(), w.server, send, w.rate, end)
	}
	return w.script.closed(t.Context(), w.server, send, w.users, end)
}

func wrapped(t testing.TB, send call.Sender, c Config) call.Sender {
	t.Helper()
	s, err := Wrap(send, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// each runs f in a bubble for each world, loop and seed.
func each(t *testing.T, seeds uint64, f func(t *testing.T, w world, loop string)) {
	for seed := range seeds {
		for _, loop := range []string{"open", "closed"} {
			for _, w := range worlds(seed) {
				w.script.seed = seed
				t.Run(fmt.Sprintf("%s, %s loop, seed %d", w.name, loop, seed), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { f(t, w, loop) })
				})
			}
		}
	}
}

// The promise of the mode: once its bucket was empty, nine tenths of what the
// limit allows are used, and hardly anything is refused, in the burst before it
// neither.
func TestAvoidWithHeaders(t *testing.T) {
	each(t, 1, func(t *testing.T, w world, loop string) {
		rs := w.run(t, Config{}, loop)
		w.judge(t, firstHold(t, w.server, rs), 0.9)
		if f := w.server.between(0, end); f.refused > w.refused {
			t.Errorf("from the start: %v; want under %v refused", f, w.refused)
		}
	})
}

// Without headers the first refusals teach the rate. They hit whatever was under
// way at that moment, which nothing could have avoided; judged is what comes after.
func TestAvoidWithoutHeaders(t *testing.T) {
	each(t, 1, func(t *testing.T, w world, loop string) {
		w.server.silent = true
		w.run(t, Config{}, loop)
		w.judge(t, w.server.empty+10*time.Second, cmp.Or(w.silent, 0.9))
	})
}

func (w world) judge(t *testing.T, from time.Duration, least float64) {
	t.Helper()
	f := w.server.between(from, end)
	t.Logf("from %v: %v", from.Round(time.Second), f)
	if f.share[w.limit] < least || f.refused > w.refused {
		t.Errorf("from %v: %v; want %v or more of %s used and %v or less refused", from, f, least, kinds[w.limit], w.refused)
	}
}

// Servers that differ from the plain reading of the documentation.
func TestAvoidOddServers(t *testing.T) {
	base := func() world {
		return world{rate: 10, users: 10, server: &server{limits: [3]float64{300, 0, 0}, ttfb: 300 * time.Millisecond}, script: script{seed: 7}}
	}
	for _, c := range []struct {
		name    string
		config  Config
		change  func(w *world)
		from    time.Duration
		least   float64 // share of the limit
		most    float64
		refused float64
	}{
		{"share of one half", Config{Share: 0.5}, func(w *world) {}, time.Minute, 0.5, 0.52, 0},
		{"somebody else uses a third", Config{}, func(w *world) { w.server.others = 1. / 3 }, time.Minute, 0.64, 0.68, 0.001},
		{"429s that name no limit, no headers", Config{}, func(w *world) { w.server.silent, w.server.nameless = true, true }, 90 * time.Second, 0.9, 1.02, 0.01},
		{"429s without retry-after, no headers", Config{}, func(w *world) { w.server.silent, w.server.noRetry = true, true }, 90 * time.Second, 0.9, 1.02, 0.01},
		{"a window of a second behind the headers", Config{}, func(w *world) { w.server.burst = time.Second }, 30 * time.Second, 0.85, 1, 0.01},
		{"buckets of a second, no headers", Config{}, func(w *world) { w.server.window, w.server.silent = time.Second, true }, 30 * time.Second, 0.85, 1, 0.01},
		{"empty buckets at the start", Config{}, func(w *world) { w.server.drained = true }, time.Minute, 0.9, 1, 0.01},
		{"empty buckets at the start, no headers", Config{}, func(w *world) { w.server.drained, w.server.silent = true, true }, 90 * time.Second, 0.9, 1.12, 0.01},
		{"limit without remaining", Config{}, func(w *world) {
			w.server.edit = func(l *call.Limits) { l.Requests.Remaining = nil }
		}, time.Minute, 0.9, 0.92, 0},
	} {
		for _, loop := range []string{"open", "closed"} {
			t.Run(c.name+", "+loop+" loop", func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := base()
					c.change(&w)
					w.run(t, c.config, loop)
					f := w.server.between(c.from, end)
					t.Log(f)
					if f.share[0] < c.least || f.share[0] > c.most || f.refused > c.refused {
						t.Errorf("%v; want %v to %v used, %v or less refused", f, c.least, c.most, c.refused)
					}
				})
			})
		}
	}
}

// What every record of a run must keep: nothing lost, no lag of ours, holds
// within their bound, who came first left first.
func TestAvoidRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worlds(3)[0]
		rs := w.run(t, Config{MaxHold: 20 * time.Second}, "open")
		seen := map[int]bool{}
		left := make([]time.Duration, len(rs))
		dropped := 0
		for _, r := range rs {
			seen[r.Index] = true
			if r.Lag() != 0 || r.Held < 0 || r.Held > 20*time.Second || r.Attempt != 1 {
				t.Fatalf("request %d: lag %v, held %v, attempt %d; want no lag, 0 to 20s, 1", r.Index, r.Lag(), r.Held, r.Attempt)
			}
			switch r.Class {
			case call.OK:
				left[r.Index] = r.Started
			case call.Dropped:
				dropped++
				if r.Reason != "limit" || r.Held != 20*time.Second || r.Started != 0 {
					t.Fatalf("dropped request %d: reason %q, held %v, started %v; want limit, 20s, never", r.Index, r.Reason, r.Held, r.Started)
				}
			default:
				t.Fatalf("request %d is %s", r.Index, r.Class)
			}
		}
		if len(seen) != len(rs) || dropped < 1000 {
			t.Errorf("%d records of %d requests, %d dropped; want one each and over 1000 dropped", len(rs), len(seen), dropped)
		}
		last := time.Duration(0)
		for i, at := range left {
			if at == 0 {
				continue
			}
			if at < last {
				t.Fatalf("request %d left at %v, before an earlier one at %v", i, at, last)
			}
			last = at
		}
	})
}

// held puts one request in a queue that will not move and returns what comes of it.
func held(t *testing.T, c Config, act func(cancel context.CancelFunc)) []call.Result {
	t.Helper()
	c.Mode = Avoid
	var col collector
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	start := time.Now().Add(-1)
	calls := 0
	send := wrapped(t, func(_ context.Context, req call.Request, emit func(call.Result)) {
		calls++
		r := req.Result(call.RateLimited)
		r.Started, r.Status, r.RetryAfter = time.Since(start), 429, new(60.0)
		r.Done = r.Started
		emit(r)
	}, c)
	send(ctx, call.Request{Index: 0, Due: 1}, col.emit)
	done := make(chan struct{})
	go func() {
		defer close(done)
		send(ctx, call.Request{Index: 1, Due: time.Since(start), Held: time.Second}, col.emit)
	}()
	synctest.Wait()
	act(cancel)
	<-done
	if calls != 1 {
		t.Errorf("%d calls; want 1", calls)
	}
	return col.results[1:]
}

func TestAvoidEndsOfAHold(t *testing.T) {
	stop := make(chan struct{})
	for _, c := range []struct {
		name   string
		config Config
		act    func(cancel context.CancelFunc)
		want   call.Result
	}{
		{"held for too long", Config{MaxHold: 7 * time.Second}, func(context.CancelFunc) {},
			call.Result{Class: call.Dropped, Reason: "limit", Held: 8 * time.Second}},
		{"the run is canceled", Config{}, func(cancel context.CancelFunc) { time.Sleep(3 * time.Second); cancel() },
			call.Result{Class: call.Canceled, Held: 4 * time.Second}},
		{"the run stops", Config{Stop: stop}, func(context.CancelFunc) { time.Sleep(2 * time.Second); close(stop) },
			call.Result{Class: call.Canceled, Held: 3 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.want.Index, c.want.Attempt, c.want.Phase, c.want.Due = 1, 1, call.Main, 1
				if c.config.Stop != nil { // a channel belongs to the bubble that made it
					stop = make(chan struct{})
					c.config.Stop = stop
				}
				got := held(t, c.config, c.act)
				if diff := gocmp.Diff([]call.Result{c.want}, got); diff != "" {
					t.Errorf("record (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// answer is a sender that answers at once with what f says.
func answer(f func(r *call.Result)) call.Sender {
	return func(_ context.Context, req call.Request, emit func(call.Result)) {
		r := req.Result(call.OK)
		f(&r)
		emit(r)
	}
}

// A refusal stops its own class for as long as retry-after says, and no other.
func TestAvoidRetryAfter(t *testing.T) {
	for _, c := range []struct {
		after float64
		by    call.LimitKind
		want  time.Duration // when the next request of the class leaves
	}{
		{5, call.LimitRequests, 5 * time.Second},
		{0.25, call.LimitRequests, time.Second / 4},
		{86400 * 365, call.LimitInputTokens, time.Minute}, // no bucket takes longer to fill
		{5, call.LimitSpend, 0},                           // no rate: nothing to wait for
		{-5, call.LimitSpend, 0},
		{math.NaN(), call.LimitSpend, 0},
	} {
		t.Run(fmt.Sprintf("%v by %s", c.after, c.by), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				left := map[string]time.Duration{}
				refused := false
				send := wrapped(t, answer(func(r *call.Result) {
					if left[r.Model] = time.Since(start); !refused {
						refused = true
						r.Class, r.LimitedBy, r.RetryAfter = call.RateLimited, c.by, &c.after
						r.Limits.Requests = &call.Limit{Limit: new(int64(600)), Remaining: new(int64(600))}
					}
				}), Config{Mode: Avoid, MaxHold: time.Hour})
				ignore := func(call.Result) {}
				send(t.Context(), call.Request{Model: "claude-haiku-4-5"}, ignore)
				send(t.Context(), call.Request{Model: "claude-opus-4-8"}, ignore)
				send(t.Context(), call.Request{Model: "claude-haiku-4-5-20251001"}, ignore)
				if left["claude-opus-4-8"] != 0 {
					t.Errorf("the other class left at %v; want at once", left["claude-opus-4-8"])
				}
				got := left["claude-haiku-4-5-20251001"]
				if got < c.want || got > c.want+2*time.Second {
					t.Errorf("the class left at %v; want %v to 2s later", got, c.want)
				}
			})
		})
	}
}

// A reservation is given back when nothing was sent, or no answer ever came.
func TestAvoidGivesBack(t *testing.T) {
	for _, c := range []struct {
		name string
		send call.Sender
	}{
		{"over budget", answer(func(r *call.Result) { r.Class = call.OverBudget })},
		{"refused", answer(func(r *call.Result) { r.Class = call.RateLimited; r.LimitedBy = call.LimitSpend })},
		{"never connected", answer(func(r *call.Result) { r.Class = call.Connection })},
		{"no record", func(context.Context, call.Request, func(call.Result)) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLane(0.9, time.Now().Add(-1))
				a := &avoider{c: Config{MaxHold: time.Minute}, send: c.send, base: l.base, classes: map[string]*lane{"m": l}}
				for range 3 {
					a.do(t.Context(), call.Request{Model: "m", MaxTokens: 100, Body: make([]byte, 400)}, func(call.Result) {})
				}
				for i, g := range l.gauges {
					if g.charged != 0 {
						t.Errorf("%s: %v charged; want 0", kinds[i], g.charged)
					}
				}
				if l.open != 0 {
					t.Errorf("%v tokens open; want 0", l.open)
				}
			})
		})
	}
}
