package alarm

import (
	"testing"
	"time"
)

// TestAlarm is about a kernel's timer, so it waits for real: it rings, never
// before its time, and again after it was set anew.
func TestAlarm(t *testing.T) {
	a := New()
	if a == nil {
		t.Fatal("no timerfd on Linux")
	}
	defer a.Close()
	for _, d := range []time.Duration{-1, 0, 100 * time.Microsecond, 3 * time.Millisecond} {
		began := time.Now()
		<-a.Set(d)
		if took := time.Since(began); took < d {
			t.Errorf("rang after %v; was set to %v", took, d)
		}
	}
}

// TestAlarmSetAnew: the last setting counts.
func TestAlarmSetAnew(t *testing.T) {
	a := New()
	defer a.Close()
	a.Set(time.Hour)
	<-a.Set(time.Millisecond)
	later := a.Set(time.Hour)
	select {
	case <-later:
		t.Error("rang at once; was set to an hour")
	default:
	}
}

// TestAlarmClosed: closing ends the wait of its own goroutine; a closed alarm and none ring never.
func TestAlarmClosed(t *testing.T) {
	a := New()
	a.Set(time.Hour)
	a.Close()
	if a.Set(1) != nil {
		t.Error("a closed alarm may ring")
	}
	var none *Alarm
	if none.Set(1) != nil {
		t.Error("no alarm may ring")
	}
	none.Close()
}

// TestAlarmAllocates nothing.
func TestAlarmAllocates(t *testing.T) {
	a := New()
	defer a.Close()
	if n := testing.AllocsPerRun(100, func() { a.Set(time.Hour) }); n > 0 {
		t.Errorf("%v allocations; want none", n)
	}
}
