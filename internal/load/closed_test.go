package load

import (
	cmp2 "cmp"
	"container/heap"
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tokenload/tokenload/internal/call"
)

// sends lists when requests were due and started, in milliseconds, by index.
func sends(results []call.Result) []string {
	var out []string
	for _, r := range results {
		out = append(out, fmt.Sprintf("%d→%d", r.Due/ms, r.Started/ms))
	}
	return out
}

func fixedThink(d time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d }
}

func TestClosedTurns(t *testing.T) {
	tests := []struct {
		name     string
		changes  iter.Seq2[time.Duration, int]
		requests int
		think    func(int) time.Duration
		want     []string // due→started
		returns  time.Duration
	}{
		{name: "nobody", changes: steps(0, 0), returns: 0},
		{name: "no changes", changes: steps(), returns: 0},
		{name: "one user, no think time", changes: steps(0, 1, 4*s, 0),
			want: []string{"0→0", "1000→1000", "2000→2000", "3000→3000"}, returns: 4 * s},
		{name: "think time", changes: steps(0, 1, 5*s, 0), think: fixedThink(500 * ms),
			want: []string{"0→0", "1500→1500", "3000→3000", "4500→4500"}, returns: 5500 * ms},
		{name: "think time by index", changes: steps(0, 1, 9*s, 0), think: func(i int) time.Duration { return time.Duration(i) * s },
			want: []string{"0→0", "1000→1000", "3000→3000", "6000→6000"}, returns: 9 * s},
		{name: "below 0 is none", changes: steps(0, 1, 2*s, 0), think: fixedThink(-s),
			want: []string{"0→0", "1000→1000"}, returns: 2 * s},
		{name: "users come", changes: steps(0, 1, 1500*ms, 2, 3*s, 0),
			want: []string{"0→0", "1000→1000", "1500→1500", "2000→2000", "2500→2500"}, returns: 3500 * ms},
		{name: "one leaves while thinking", changes: steps(0, 2, 1500*ms, 1, 5*s, 0), think: fixedThink(s),
			want: []string{"0→0", "0→0", "2000→2000", "4000→4000"}, returns: 5 * s},
		{name: "one leaves while waiting for its answer", changes: steps(0, 2, 500*ms, 1, 2*s, 0),
			want: []string{"0→0", "0→0", "1000→1000"}, returns: 2 * s},
		{name: "all leave at once while thinking", changes: steps(0, 3, 2*s, 0), think: fixedThink(time.Hour),
			want: []string{"0→0", "0→0", "0→0"}, returns: 2 * s},
		{name: "back while waiting for its answer: stays", changes: steps(0, 2, 300*ms, 0, 600*ms, 2, 1500*ms, 0),
			want: []string{"0→0", "0→0", "1000→1000", "1000→1000"}, returns: 2 * s},
		{name: "back after leaving: starts anew", changes: steps(0, 1, 1200*ms, 0, 1600*ms, 1, 2*s, 0), think: fixedThink(s),
			want: []string{"0→0", "1600→1600"}, returns: 2600 * ms},
		{name: "fewer than none is none", changes: steps(0, 2, 1200*ms, -3, 1600*ms, 1, 2*s, 0), think: fixedThink(s),
			want: []string{"0→0", "0→0", "1600→1600"}, returns: 2600 * ms},
		{name: "requests", changes: steps(0, 2), requests: 5,
			want: []string{"0→0", "0→0", "1000→1000", "1000→1000", "2000→2000"}, returns: 3 * s},
		{name: "fewer requests than users", changes: steps(0, 9), requests: 2,
			want: []string{"0→0", "0→0"}, returns: s},
		{name: "users gone before all requests", changes: steps(0, 1, 1500*ms, 0), requests: 9,
			want: []string{"0→0", "1000→1000"}, returns: 2 * s},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, s)
				c := b.config()
				c.Requests, c.Think = test.requests, test.think
				if err := Closed(t.Context(), test.changes, c); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(test.want, sends(b.sorted())); d != "" {
					t.Errorf("sent (-want +got):\n%s", d)
				}
				if b.now() != test.returns {
					t.Errorf("returned at %v; want %v", b.now(), test.returns)
				}
			})
		})
	}
}

// The next request is due by the Done that was recorded, not by when the loop
// heard of it; and by the last Result, where there are several.
func TestClosedDueComesFromTheRecord(t *testing.T) {
	tests := []struct {
		name  string
		dones []time.Duration // of the results emitted in the first second
		want  string
	}{
		{"recorded before it was known", []time.Duration{700 * ms}, "900→1000"},
		{"last of several", []time.Duration{200 * ms, 900 * ms}, "1100→1100"},
		{"never started", []time.Duration{0}, "1200→1200"},
		{"last never started", []time.Duration{200 * ms, 0}, "1200→1200"},
		{"nothing emitted", nil, "1200→1200"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 0)
				c := b.config()
				c.Requests, c.Think = 2, fixedThink(200*ms)
				c.Send = func(ctx context.Context, req call.Request, emit func(call.Result)) {
					if req.Index == 1 {
						b.send(ctx, req, emit)
						return
					}
					for _, done := range test.dones {
						r := req.Result(call.RateLimited)
						r.Done = done
						emit(r)
					}
					time.Sleep(s)
				}
				if err := Closed(t.Context(), steps(0, 1), c); err != nil {
					t.Fatal(err)
				}
				if n := len(b.results); n != len(test.dones)+1 {
					t.Fatalf("%d results; want %d", n, len(test.dones)+1)
				}
				if got := sends(b.results)[len(test.dones)]; got != test.want {
					t.Errorf("second request %s; want %s", got, test.want)
				}
			})
		})
	}
}

// A stall of the loop: users whose think time ended in it go at once, in the
// order in which they were due, with the due times they had.
func TestClosedAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100*ms)
		c := b.config()
		c.Requests = 8
		c.Think = func(index int) time.Duration { return s - time.Duration(index)*100*ms }
		stalled := func(yield func(time.Duration, int) bool) {
			if yield(0, 4) && yield(200*ms, 4) {
				time.Sleep(3 * s)
			}
		}
		if err := Closed(t.Context(), stalled, c); err != nil {
			t.Fatal(err)
		}
		// The first four end at 100 ms, so they are due 800 to 1100 ms, the last one first.
		want := []string{"0→0", "0→0", "0→0", "0→0", "800→3200", "900→3200", "1000→3200", "1100→3200"}
		if d := cmp.Diff(want, sends(b.sorted())); d != "" {
			t.Errorf("sent (-want +got):\n%s", d)
		}
	})
}

// A change that comes late takes effect where it stood in time: what was due
// before it is still sent, what was due after it is not, and who came and went
// in the meantime has had a turn.
func TestClosedLateChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100*ms)
		c := b.config()
		c.Think = func(index int) time.Duration { return 700*ms + time.Duration(index)*s }
		stalled := func(yield func(time.Duration, int) bool) {
			if !yield(0, 3) || !yield(200*ms, 3) {
				return
			}
			time.Sleep(4 * s)
			if yield(1900*ms, 0) && yield(3*s, 5) {
				yield(3500*ms, 0)
			}
		}
		if err := Closed(t.Context(), stalled, c); err != nil {
			t.Fatal(err)
		}
		// Due at 0.8, 1.8 and 2.8 s; the users leave at 1.9 s; the loop woke at 4.2 s.
		// By then two are waiting for answers, and are among the five of 3 s.
		want := []string{"0→0", "0→0", "0→0", "800→4200", "1800→4200", "3000→4200", "3000→4200", "3000→4200"}
		if d := cmp.Diff(want, sends(b.sorted())); d != "" {
			t.Errorf("sent (-want +got):\n%s", d)
		}
	})
}

func TestClosedNothingIsDueAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, s)
		c := b.config()
		c.End, c.Grace = 3*s, time.Minute
		if err := Closed(t.Context(), steps(0, 1, time.Hour, 0), c); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"0→0", "1000→1000", "2000→2000"}, sends(b.sorted())); d != "" {
			t.Errorf("sent (-want +got):\n%s", d)
		}
		if b.now() != 3*s {
			t.Errorf("returned at %v; want 3s: nobody was left", b.now())
		}
	})
}

// Thinkers leave at once when the run is stopped or cancelled.
func TestClosedStopWhileThinking(t *testing.T) {
	for _, cancels := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, s)
			c := b.config()
			stop := make(chan struct{})
			c.Stop, c.Grace, c.Think = stop, time.Hour, fixedThink(time.Hour)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(5*s, func() {
				if cancels {
					cancel()
				} else {
					close(stop)
				}
			})
			err := Closed(ctx, steps(0, 50), c)
			cancel()
			if n := len(b.sorted()); n != 50 || b.now() != 5*s || (err != nil) != cancels {
				t.Errorf("cancels %v: %d sent, returned %v at %v; want 50 at 5s", cancels, n, err, b.now())
			}
		})
	}
}

// Answers that came while the loop was held up are all taken in before the next
// request goes: whoever is due first goes first.
func TestClosedAnswersInAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0)
		b.took = func(index int) time.Duration { return time.Duration(index+1) * 100 * ms }
		c := b.config()
		c.Requests = 8
		c.Think = func(index int) time.Duration { return s - time.Duration(index)*300*ms }
		stalled := func(yield func(time.Duration, int) bool) {
			if yield(0, 4) && yield(50*ms, 4) {
				time.Sleep(3 * s)
				yield(60*ms, 4)
			}
		}
		if err := Closed(t.Context(), stalled, c); err != nil {
			t.Fatal(err)
		}
		want := []string{"0→0", "0→0", "0→0", "0→0", "500→3050", "700→3050", "900→3050", "1100→3050"}
		if d := cmp.Diff(want, sends(b.sorted())); d != "" {
			t.Errorf("sent (-want +got):\n%s", d)
		}
	})
}

// Those who stay are still in the order of their due times.
func TestDismissKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := &users{here: make([]bool, 20)}
		for user, due := range rapid.SliceOfN(rapid.IntRange(0, 9), 20, 20).Draw(t, "dues") {
			heap.Push(&u.pausing, turn{user: user, due: time.Duration(due)})
		}
		n := rapid.IntRange(0, 20).Draw(t, "stay")
		u.dismiss(n)
		var got turns
		for u.pausing.Len() > 0 {
			got = append(got, heap.Pop(&u.pausing).(turn))
		}
		if len(got) != n || !slices.IsSortedFunc(got, func(a, b turn) int {
			return cmp2.Or(cmp2.Compare(a.due, b.due), cmp2.Compare(a.user, b.user))
		}) {
			t.Fatalf("%d stay: %v", n, got)
		}
	})
}

func TestClosedRequestsAreExact(t *testing.T) {
	for _, n := range []int{1, 49, 50, 51, 5000} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, 0)
			b.took = func(index int) time.Duration { return time.Duration(index*7919%1000+1) * ms }
			c := b.config()
			c.Requests = n
			if err := Closed(t.Context(), steps(0, 50), c); err != nil {
				t.Fatal(err)
			}
			if got := len(b.sorted()); got != n || b.classes()[call.OK] != n {
				t.Errorf("%d requests, %v; want %d ok", got, b.classes(), n)
			}
			if b.most > 50 || n >= 50 && b.most != 50 {
				t.Errorf("%d in flight at the peak of %d requests", b.most, n)
			}
		})
	}
}

// The indexes are in the order of due times, and no more requests run than
// there are users, but for those that were running when the number fell.
func TestClosedUsersProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var pairs []time.Duration
		var at time.Duration
		peak := 0
		for range rapid.IntRange(1, 8).Draw(rt, "changes") {
			at += time.Duration(rapid.IntRange(1, 5000).Draw(rt, "gap"))*ms + 1
			n := rapid.IntRange(0, 12).Draw(rt, "users")
			peak = max(peak, n)
			pairs = append(pairs, at, time.Duration(n))
		}
		end := at + s
		pairs = append(pairs, end, 0)
		base := rapid.IntRange(1, 3000).Draw(rt, "took")
		think := rapid.IntRange(0, 3000).Draw(rt, "think")
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, 0)
			b.took = func(index int) time.Duration { return time.Duration(base+index*37%500) * ms }
			c := b.config()
			c.End, c.Grace = end, time.Minute
			c.Think = func(index int) time.Duration { return time.Duration(think*(index%3)) * ms }
			if err := Closed(t.Context(), steps(pairs...), c); err != nil {
				rt.Fatal(err)
			}
			results := b.sorted()
			if b.most > peak {
				rt.Fatalf("%d in flight with %d users at the peak", b.most, peak)
			}
			if !slices.IsSortedFunc(results, func(x, y call.Result) int { return int(x.Due - y.Due) }) {
				rt.Fatalf("indexes are not in order of due times: %v", sends(results))
			}
			for _, r := range results {
				if r.Started != r.Due || r.Due >= end || r.Class != call.OK {
					rt.Fatalf("request %d: %s, due %v, started %v; the end is %v", r.Index, r.Class, r.Due, r.Started, end)
				}
			}
		})
	})
}

// BenchmarkClosed is the cost of a turn with a sender that takes no time.
func BenchmarkClosed(b *testing.B) {
	c := Config{
		Start: time.Now(), Requests: b.N, Emit: func(call.Result) {},
		Next: func(int, time.Duration) call.Request { return call.Request{} },
		Send: func(_ context.Context, req call.Request, emit func(call.Result)) { emit(req.Result(call.OK)) },
	}
	b.ReportAllocs()
	if err := Closed(b.Context(), steps(0, 100), c); err != nil {
		b.Fatal(err)
	}
}
