package load

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

func TestOpenStartsEachWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3*s)
		dues := []time.Duration{0, 0, 100 * ms, 100*ms + 1, 2 * s, time.Hour}
		if err := Open(t.Context(), slices.All(dues), b.config()); err != nil {
			t.Fatal(err)
		}
		for i, r := range b.sorted() {
			if r.Class != call.OK || r.Due != dues[i] || r.Started != dues[i] || r.Done != dues[i]+3*s {
				t.Errorf("request %d: %s, due %v, started %v, done %v; want ok at %v", i, r.Class, r.Due, r.Started, r.Done, dues[i])
			}
		}
		if b.now() != time.Hour+3*s {
			t.Errorf("returned at %v; want 1h0m3s", b.now())
		}
	})
}

func TestOpenWaitsForTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, s)
		b.start = b.start.Add(50 * ms)
		if err := Open(t.Context(), every(s, 2), b.config()); err != nil {
			t.Fatal(err)
		}
		for i, r := range b.sorted() {
			if want := time.Duration(i) * s; r.Started != want {
				t.Errorf("request %d started at %v; want %v", i, r.Started, want)
			}
		}
	})
}

// While the loop is held up for 2 s, requests fall due. They leave at once
// afterwards, with their own due times, and those after them are on time again.
func TestOpenAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 50*ms)
		stalled := func(yield func(int, time.Duration) bool) {
			for i, due := range every(100*ms, 100) {
				if i == 11 {
					time.Sleep(2*s + 30*ms) // from 1 s to 3.03 s
				}
				if !yield(i, due) {
					return
				}
			}
		}
		if err := Open(t.Context(), stalled, b.config()); err != nil {
			t.Fatal(err)
		}
		if n := len(b.sorted()); n != 100 {
			t.Fatalf("%d requests; want 100", n)
		}
		for i, r := range b.results {
			due := time.Duration(i) * 100 * ms
			started := due
			if i >= 11 && i <= 30 {
				started = 3*s + 30*ms
			}
			if r.Due != due || r.Started != started || r.Class != call.OK {
				t.Errorf("request %d: %s, due %v, started %v; want ok, %v, %v", i, r.Class, r.Due, r.Started, due, started)
			}
		}
	})
}

// A stall over the end loses nothing that was due before it.
func TestOpenLateOverTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10*ms)
		c := b.config()
		c.End, c.Grace = 5*s, 10*s
		first := true
		c.Next = func(index int, due time.Duration) call.Request { return b.next(index, due) }
		stalled := func(yield func(int, time.Duration) bool) {
			for i, due := range every(s, 20) {
				if due == 3*s && first {
					time.Sleep(4 * s) // from 2 s to 6 s
					first = false
				}
				if !yield(i, due) {
					return
				}
			}
		}
		if err := Open(t.Context(), stalled, c); err != nil {
			t.Fatal(err)
		}
		var started []time.Duration
		for _, r := range b.sorted() {
			started = append(started, r.Started)
		}
		if want := []time.Duration{0, s, 2 * s, 6 * s, 6 * s}; !slices.Equal(started, want) {
			t.Errorf("started at %v; want %v", started, want)
		}
	})
}

// Stop and cancel are heard while the loop waits for the next due time.
func TestOpenStopsWhileWaiting(t *testing.T) {
	for _, cancels := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, ms)
			c := b.config()
			stop := make(chan struct{})
			c.Stop, c.Grace = stop, time.Hour
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(5*s, func() {
				if cancels {
					cancel()
				} else {
					close(stop)
				}
			})
			err := Open(ctx, every(time.Hour, 3), c)
			cancel()
			if n := len(b.sorted()); n != 1 || b.now() != 5*s || (err != nil) != cancels {
				t.Errorf("cancels %v: %d sent, returned %v at %v; want 1 at 5s", cancels, n, err, b.now())
			}
		})
	}
}

func TestOpenDropsWithoutASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2500*ms)
		c := b.config()
		c.Slots = 2
		if err := Open(t.Context(), every(s, 9), c); err != nil {
			t.Fatal(err)
		}
		// Two run from 0 and 1 s to 2.5 and 3.5 s, so that of those at 2 to 4 s two fit, and so on.
		var got []call.Class
		for i, r := range b.sorted() {
			got = append(got, r.Class)
			if due := time.Duration(i) * s; r.Due != due {
				t.Errorf("request %d due %v; want %v", i, r.Due, due)
			}
			if r.Class == call.Dropped && (r.Started != 0 || r.Done != 0 || r.Reason != "") {
				t.Errorf("dropped request %d: started %v, done %v, reason %q", i, r.Started, r.Done, r.Reason)
			}
		}
		const o, d = call.OK, call.Dropped
		if want := []call.Class{o, o, d, o, o, d, o, o, d}; !slices.Equal(got, want) {
			t.Errorf("classes %v; want %v", got, want)
		}
		if b.most != 2 {
			t.Errorf("%d in flight; want at most 2", b.most)
		}
	})
}

func TestOpenDefaultSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Hour)
		if err := Open(t.Context(), every(0, 1003), b.config()); err != nil {
			t.Fatal(err)
		}
		if n := b.classes(); n[call.OK] != 1000 || n[call.Dropped] != 3 {
			t.Errorf("classes %v; want 1000 ok, 3 dropped", n)
		}
	})
}

// An hour against a server that is too slow for it: every arrival is accounted for.
func TestOpenHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0)
		b.took = func(index int) time.Duration { return 1500*ms + time.Duration(index%1000)*ms }
		c := b.config()
		c.Slots, c.End, c.Grace = 15, time.Hour, time.Minute
		if err := Open(t.Context(), every(100*ms, 36000), c); err != nil {
			t.Fatal(err)
		}
		b.sorted()
		n := b.classes()
		if n[call.OK]+n[call.Dropped] != 36000 || n[call.OK] < 25000 || n[call.Dropped] < 5000 {
			t.Errorf("classes %v; want 36000 in all, of which most ok", n)
		}
		if b.most != 15 {
			t.Errorf("%d in flight at the peak; want 15", b.most)
		}
	})
}

// Retries are results of their own, and a sender that emits nothing is none of
// the loop's business.
func TestOpenEmitsWhatTheSenderDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0)
		c := b.config()
		c.Send = func(ctx context.Context, req call.Request, emit func(call.Result)) {
			for attempt := range req.Index {
				req.Attempt = attempt + 1
				emit(req.Result(call.RateLimited))
			}
		}
		if err := Open(t.Context(), every(s, 4), c); err != nil {
			t.Fatal(err)
		}
		var got [][2]int
		for _, r := range b.results {
			got = append(got, [2]int{r.Index, r.Attempt})
		}
		if want := [][2]int{{1, 1}, {2, 1}, {2, 2}, {3, 1}, {3, 2}, {3, 3}}; !slices.Equal(got, want) {
			t.Errorf("results %v; want %v", got, want)
		}
	})
}

// BenchmarkOpenLag reports how late requests leave in real time at 1,000 a second.
func BenchmarkOpenLag(b *testing.B) {
	const n = 2000
	for b.Loop() {
		t := newBench(nil, 0)
		t.start = time.Now()
		if err := Open(b.Context(), every(ms, n), t.config()); err != nil {
			b.Fatal(err)
		}
		lags := make([]time.Duration, 0, n)
		for _, r := range t.results {
			lags = append(lags, r.Lag())
		}
		slices.Sort(lags)
		b.ReportMetric(float64(lags[len(lags)/2])/1e6, "ms-p50-lag")
		b.ReportMetric(float64(lags[len(lags)*99/100])/1e6, "ms-p99-lag")
	}
}

// Requests one after the other are sent by one goroutine; those at once by one each.
func TestOpenKeepsGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10*ms)
		c := b.config()
		before, most := runtime.NumGoroutine(), 0
		send := c.Send
		c.Send = func(ctx context.Context, req call.Request, emit func(call.Result)) {
			if req.Due < 100*s {
				most = max(most, runtime.NumGoroutine())
			}
			send(ctx, req, emit)
		}
		dues := slices.Collect(func(yield func(time.Duration) bool) {
			for i := range 100 {
				yield(time.Duration(i) * s)
			}
			for range 20 {
				yield(200 * s)
			}
		})
		if err := Open(t.Context(), slices.All(dues), c); err != nil {
			t.Fatal(err)
		}
		// The loop is ours; its watch and one sender came.
		if most > before+2 {
			t.Errorf("%d goroutines for one request at a time, %d before; want two more", most, before)
		}
		for i, r := range b.sorted() {
			if r.Class != call.OK || r.Started != dues[i] {
				t.Errorf("request %d: %s, started %v; want ok at %v", i, r.Class, r.Started, dues[i])
			}
		}
	})
}
