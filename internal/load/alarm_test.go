package load

import (
	"testing"
	"testing/synctest"
	"time"
)

// An alarm that rings early wakes the loop, which looks at the clock and sleeps
// again: nothing is sent before it is due.
func TestAlarmRingsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ms)
		c := b.config()
		set := 0
		rang := make(chan struct{}, 1)
		c.Alarm = func(d time.Duration) <-chan struct{} {
			set++
			if d == s {
				time.AfterFunc(d/2, func() { rang <- struct{}{} })
			}
			return rang
		}
		if err := Open(t.Context(), every(s, 5), c); err != nil {
			t.Fatal(err)
		}
		for i, r := range b.sorted() {
			if want := time.Duration(i) * s; r.Started != want {
				t.Errorf("request %d started at %v; want %v", i, r.Started, want)
			}
		}
		if set != 2*4 {
			t.Errorf("the alarm was set %d times for four waits that it cut short; want twice each", set)
		}
	})
}

// The closed loop asks it, too.
func TestAlarmOfUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, s)
		c := b.config()
		c.Requests, c.Think = 3, func(int) time.Duration { return 2 * s }
		set := 0
		c.Alarm = func(time.Duration) <-chan struct{} { set++; return nil }
		if err := Closed(t.Context(), func(yield func(time.Duration, int) bool) { yield(0, 1) }, c); err != nil {
			t.Fatal(err)
		}
		if len(b.results) != 3 || set == 0 {
			t.Errorf("%d requests, the alarm set %d times; want 3, and some", len(b.results), set)
		}
	})
}
