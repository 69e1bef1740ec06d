package capacity

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// told makes the steps of a search against a bucket until it is over, or until a
// kind of step is asked for.
func told(s *Search, until Kind, level *float64, at *time.Duration, perSecond, capacity float64) (kinds []Kind) {
	for range 20 {
		step, more := s.Next(-1)
		if !more || step.Kind == until {
			break
		}
		kinds = append(kinds, step.Kind)
		s.Took(step, stepOf(step, level, at, perSecond, capacity), Outcome{Length: step.Most})
	}
	return kinds
}

// What a bucket lets through that was not full is not what it can hold.
func TestBurstOfABucketThatWasNotFull(t *testing.T) {
	for _, c := range []struct {
		name  string
		level float64
		want  float64
	}{{"full", 300, 300}, {"as good as full", 290, 300}, {"half full", 150, math.NaN()}, {"empty", 0, math.NaN()}} {
		s := New(Config{Tasks: oneTask()})
		at := time.Duration(0)
		told(s, "", &c.level, &at, 5, 300)
		a := s.Answer()
		got := a.Ceilings[0].Burst()
		if got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: burst %v; want %v", c.name, got, c.want)
		}
		noted := slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, "how much a full bucket") })
		if noted != math.IsNaN(c.want) {
			t.Errorf("%s: notes %q", c.name, a.Notes)
		}
		if math.Abs(a.Load.Value-5) > 1e-9 {
			t.Errorf("%s: %v requests/s; want 5", c.name, a.Load.Value)
		}
	}
}

// A search that is taken up again before it held its answer empties the bucket once
// more: it filled in the meantime.
func TestResumedBeforeTheConfirmation(t *testing.T) {
	s := New(Config{Tasks: oneTask()})
	level, at := 300.0, time.Duration(0)
	if kinds := told(s, Confirm, &level, &at, 5, 300); !slices.Equal(kinds, []Kind{WarmUp, Drain}) {
		t.Fatalf("steps %q", kinds)
	}
	s.Stop(ByUser, "")
	if step, more := s.Next(-1); more {
		t.Fatalf("stopped, and then %+v", step)
	}
	level, at = 300, at+10*time.Minute
	s.Again()
	if kinds := told(s, "", &level, &at, 5, 300); !slices.Equal(kinds, []Kind{Drain, Confirm}) {
		t.Errorf("after it was taken up: %q; want a drain and a confirmation", kinds)
	}
	if a := s.Answer(); a.Confirmed == nil || !a.Confirmed.Empty || a.Stopped != "" {
		t.Errorf("stopped %q, confirmed %+v", a.Stopped, a.Confirmed)
	}
	s.Again()
	if step, more := s.Next(-1); more {
		t.Errorf("after its answer was held: %+v", step)
	}
}

// An answer that was held long after the bucket was emptied was not held with an
// empty one.
func TestEmptyIsRecent(t *testing.T) {
	for _, c := range []struct {
		pause time.Duration
		empty bool
	}{{0, true}, {time.Second, true}, {5 * time.Second, false}, {10 * time.Minute, false}} {
		s := New(Config{Tasks: oneTask()})
		level, at := 300.0, time.Duration(0)
		told(s, Confirm, &level, &at, 5, 300)
		level, at = min(300, level+5*c.pause.Seconds()), at+c.pause
		told(s, "", &level, &at, 5, 300)
		if k := s.Answer().Confirmed; k == nil || k.Empty != c.empty {
			t.Errorf("%v after it was emptied: confirmed %+v; want empty %v", c.pause, k, c.empty)
		}
	}
}
