package limit

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// refuser refuses the first calls of every request as f says, each after 30 ms,
// and then answers; the nth call of a request counts from 0.
type refuser struct {
	start time.Time
	times int
	f     func(n int, r *call.Result)
	calls map[int]int
}

func (s *refuser) send(_ context.Context, req call.Request, emit func(call.Result)) {
	n := s.calls[req.Index]
	s.calls[req.Index]++
	r := req.Result(call.OK)
	r.Started = time.Since(s.start)
	time.Sleep(30 * time.Millisecond)
	r.Done = time.Since(s.start)
	r.LastContent = r.Done
	if n < s.times {
		r.Class, r.LastContent = call.RateLimited, 0
		s.f(n, &r)
	}
	emit(r)
}

// retry sends one request, due 50 ms after the start, late by 7 ms, held a second by others.
func retry(t *testing.T, c Config, s *refuser) []call.Result {
	t.Helper()
	c.Mode = Obey
	s.start, s.calls = time.Now(), map[int]int{}
	send := wrapped(t, s.send, c)
	time.Sleep(1057 * time.Millisecond)
	var rs []call.Result
	send(t.Context(), call.Request{Index: 3, Due: 50 * time.Millisecond, Held: time.Second}, func(r call.Result) { rs = append(rs, r) })
	return rs
}

func after(s float64) func(int, *call.Result) {
	return func(_ int, r *call.Result) { r.RetryAfter, r.LimitedBy = &s, call.LimitRequests }
}

func unsaid(_ int, r *call.Result) { r.LimitedBy = call.LimitUnknown }

func TestObeyWaits(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		times  int
		f      func(int, *call.Result)
		want   []time.Duration // waits between the attempts
	}{
		{"retry-after", Config{}, 2, after(2), []time.Duration{2 * time.Second, 2 * time.Second}},
		{"a fraction", Config{}, 1, after(0.0005), []time.Duration{500 * time.Microsecond}},
		{"attempts run out", Config{}, 9, after(1), slices.Repeat([]time.Duration{time.Second}, 4)},
		{"two attempts", Config{MaxAttempts: 2}, 9, after(1), []time.Duration{time.Second}},
		{"one attempt", Config{MaxAttempts: 1}, 9, after(1), nil},
		{"the longest wait exactly", Config{}, 1, after(60), []time.Duration{time.Minute}},
		{"over the longest wait", Config{}, 1, after(60.000001), nil},
		{"over it together", Config{MaxWait: 5 * time.Second}, 9, after(2), []time.Duration{2 * time.Second, 2 * time.Second}},
		{"a year", Config{}, 1, after(365 * 86400), nil},
		{"beyond all time", Config{}, 1, after(1e300), nil},
		{"negative", Config{}, 1, after(-1), nil},
		{"not a number", Config{}, 1, after(math.NaN()), nil},
		{"infinite", Config{}, 1, after(math.Inf(1)), nil},
		{"a cap on spending", Config{}, 1, func(_ int, r *call.Result) { r.LimitedBy, r.RetryAfter = call.LimitSpend, new(1.0) }, nil},
		{"a ramp", Config{}, 1, func(_ int, r *call.Result) { r.LimitedBy, r.RetryAfter = call.LimitRamp, new(3.0) }, []time.Duration{3 * time.Second}},
		{"overloaded", Config{}, 1, func(_ int, r *call.Result) { r.Class, r.RetryAfter = call.Overloaded, new(1.0) }, nil},
		{"a refusal, then an error", Config{}, 2, func(n int, r *call.Result) {
			r.RetryAfter = new(1.0)
			if n == 1 {
				r.Class = call.ServerError
			}
		}, []time.Duration{time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &refuser{times: c.times, f: c.f}
				rs := retry(t, c.config, s)
				var got []time.Duration
				for i, r := range rs {
					if r.Attempt != i+1 || r.Lag() != 7*time.Millisecond {
						t.Errorf("attempt %d: number %d, lag %v; want %d, 7ms", i, r.Attempt, r.Lag(), i+1)
					}
					if i > 0 {
						got = append(got, r.Started-rs[i-1].Done)
						if held := r.Held - rs[i-1].Held; held != got[i-1] || r.Earlier != time.Duration(i)*30*time.Millisecond {
							t.Errorf("attempt %d: held %v more, %v in earlier ones; want %v and %d × 30ms", i+1, held, r.Earlier, got[i-1], i)
						}
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Started is due, lag, holds and earlier attempts, whatever the wrapper below added.
func TestObeyAddsToWhatIsBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &refuser{times: 3, f: after(1), start: time.Now(), calls: map[int]int{}}
		below := func(ctx context.Context, req call.Request, emit func(call.Result)) {
			time.Sleep(400 * time.Millisecond) // such as waiting for the budget
			req.Held += 400 * time.Millisecond
			s.send(ctx, req, emit)
		}
		var rs []call.Result
		send := wrapped(t, below, Config{Mode: Obey})
		time.Sleep(time.Second)
		send(t.Context(), call.Request{Due: time.Second}, func(r call.Result) { rs = append(rs, r) })
		if len(rs) != 4 || rs[3].Class != call.OK {
			t.Fatalf("%d attempts, last %v; want 4, ok", len(rs), rs[len(rs)-1].Class)
		}
		for i, r := range rs {
			if want := time.Duration(i)*time.Second + time.Duration(i+1)*400*time.Millisecond; r.Held != want || r.Lag() != 0 {
				t.Errorf("attempt %d: held %v, lag %v; want %v, none", i+1, r.Held, r.Lag(), want)
			}
		}
		if got := rs[3].E2E(); got != 4*430*time.Millisecond+3*time.Second {
			t.Errorf("e2e %v; want 4.72s", got)
		}
	})
}

// Without a retry-after the wait doubles from half a second to eight and loses
// up to a quarter, by seed and request alone.
func TestObeyBackoff(t *testing.T) {
	waits := func(seed uint64) (ds []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			rs := retry(t, Config{MaxAttempts: 8, Seed: seed}, &refuser{times: 9, f: unsaid})
			for i, r := range rs[1:] {
				ds = append(ds, r.Started-rs[i].Done)
			}
		})
		return ds
	}
	first := waits(1)
	most := []time.Duration{500, 1000, 2000, 4000, 8000, 8000, 8000}
	if len(first) != len(most) {
		t.Fatalf("%d waits %v; want %d", len(first), first, len(most))
	}
	for i, d := range first {
		if m := most[i] * time.Millisecond; d > m || d <= m*3/4 {
			t.Errorf("wait %d is %v; want over %v, up to %v", i, d, m*3/4, m)
		}
	}
	if !slices.Equal(first, waits(1)) || slices.Equal(first, waits(2)) {
		t.Error("waits do not depend on the seed alone")
	}
	var sum float64
	for i := range 1000 {
		sum += backoff(5, i, 4).Seconds()
	}
	if mean := sum / 1000; math.Abs(mean-7) > 0.1 {
		t.Errorf("mean of 1000 waits up to 8 s is %v; want 7", mean)
	}
}

func TestObeyStops(t *testing.T) {
	for _, c := range []struct {
		name string
		when time.Duration // after the first refusal; 0: before the first attempt
		stop bool          // by Stop, not by the context
	}{
		{"canceled in the wait", time.Second, false}, {"stopped in the wait", time.Second, true},
		{"canceled before", 0, false}, {"stopped before", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				stop := make(chan struct{})
				s := &refuser{times: 9, f: after(10), start: time.Now(), calls: map[int]int{}}
				send := wrapped(t, s.send, Config{Mode: Obey, Stop: stop})
				end := func() {
					if c.stop {
						close(stop)
					} else {
						cancel()
					}
				}
				if c.when == 0 {
					end()
				} else {
					time.AfterFunc(30*time.Millisecond+c.when, end)
				}
				var rs []call.Result
				send(ctx, call.Request{}, func(r call.Result) { rs = append(rs, r) })
				cancel()
				if len(rs) != 1 || rs[0].Class != call.RateLimited {
					t.Errorf("records %v; want the one real attempt", rs)
				}
				if took := time.Since(s.start); took != 30*time.Millisecond+c.when {
					t.Errorf("returned after %v; want %v", took, 30*time.Millisecond+c.when)
				}
			})
		})
	}
}

// Sixty requests a minute, three a second offered: every retry waits its time,
// every attempt is recorded, and the user's time contains the waits.
func TestObeyUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{limits: [3]float64{60, 0, 0}, ttfb: 200 * time.Millisecond}
		s.begin()
		var m Monitor
		rs := script{seed: 4}.open(t.Context(), s, wrapped(t, s.send, Config{Mode: Obey, Monitor: &m}), 3, 2*time.Minute)
		if len(rs) != len(s.log) {
			t.Errorf("%d records of %d attempts", len(rs), len(s.log))
		}
		byIndex := map[int][]call.Result{}
		for _, r := range rs {
			byIndex[r.Index] = append(byIndex[r.Index], r)
		}
		retried, refused := 0, 0
		for _, attempts := range byIndex {
			held, earlier := time.Duration(0), time.Duration(0)
			for i, r := range attempts {
				if i > 0 {
					last := attempts[i-1]
					wait := time.Duration(*last.RetryAfter * float64(time.Second))
					held, earlier = held+wait, earlier+last.Done-last.Started
					retried++
				}
				if r.Class == call.RateLimited {
					refused++
				}
				if r.Held != held || r.Earlier != earlier || r.Lag() != 0 {
					t.Fatalf("request %d, attempt %d: held %v, earlier %v, lag %v; want %v, %v, 0", r.Index, i+1, r.Held, r.Earlier, r.Lag(), held, earlier)
				}
			}
		}
		if retried < 100 {
			t.Errorf("%d retries; want over 100", retried)
		}
		c := m.Classes()[0]
		if c.Binding != call.LimitRequests || c.RateLimited[call.LimitRequests] != refused {
			t.Errorf("monitor: bound by %q with %v refusals; want requests with %d", c.Binding, c.RateLimited, refused)
		}
	})
}

func TestMeasureIsTransparent(t *testing.T) {
	for _, mode := range []string{"", Measure} {
		var m Monitor
		calls := 0
		send := wrapped(t, answer(func(r *call.Result) {
			calls++
			r.Class, r.LimitedBy, r.RetryAfter = call.RateLimited, call.LimitRequests, new(1.0)
		}), Config{Mode: mode, Monitor: &m})
		var rs []call.Result
		send(t.Context(), call.Request{Index: 4, Model: "m"}, func(r call.Result) { rs = append(rs, r) })
		if calls != 1 || len(rs) != 1 || rs[0].Index != 4 || rs[0].Held != 0 {
			t.Errorf("mode %q: %d calls, records %v; want one of each, unchanged", mode, calls, rs)
		}
		if n := m.Classes()[0].RateLimited[call.LimitRequests]; n != 1 {
			t.Errorf("mode %q: the monitor saw %d refusals; want 1", mode, n)
		}
	}
}

// The monitor dates headers by the first byte, not by the end of the answer.
func TestObservedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Monitor
		send := wrapped(t, answer(func(r *call.Result) {
			r.FirstByte, r.Done = time.Second, 5*time.Second
			r.Limits.Requests = said(100, 60)
		}), Config{Monitor: &m})
		send(t.Context(), call.Request{Model: "m"}, func(call.Result) {})
		if got := m.Classes()[0].Limits[0].At; time.Since(got) != 4*time.Second {
			t.Errorf("headers observed %v ago; want 4s", time.Since(got))
		}
	})
}

func TestWrapRefuses(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Mode: "retry"}, `limit mode "retry": want measure, obey or avoid`},
		{Config{Mode: Obey, MaxAttempts: -1}, "limit max attempts -1: want 1 or more"},
		{Config{Mode: Obey, MaxWait: -time.Second}, "limit max wait -1s: want more than 0"},
		{Config{Mode: Avoid, MaxHold: -time.Second}, "limit max hold -1s: want more than 0"},
		{Config{Mode: Avoid, Share: 1.01}, "limit share 1.01: want over 0 and up to 1"},
		{Config{Mode: Avoid, Share: -0.1}, "limit share -0.1: want over 0 and up to 1"},
		{Config{Mode: Avoid, Share: math.NaN()}, "limit share NaN: want over 0 and up to 1"},
	} {
		send, err := Wrap(nil, c.config)
		if send != nil || fmt.Sprint(err) != c.want {
			t.Errorf("Wrap(%+v) = %v; want %s", c.config, err, c.want)
		}
	}
}
