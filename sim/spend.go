package sim

import (
	"sync"
	"time"
)

// spend is what the present month has cost. Its methods may be called from any
// goroutine.
type spend struct {
	mu    sync.Mutex
	month int // since year 0, UTC
	spent Pico
}

// turn forgets the last month once a new one has begun.
func (s *spend) turn(now time.Time) {
	now = now.UTC()
	if m := now.Year()*12 + int(now.Month()); m != s.month {
		s.month, s.spent = m, 0
	}
}

// refuse says whether the month's cap, in dollars, has been reached; a cap of 0
// or less is none.
func (s *spend) refuse(limit float64, now time.Time) *refusal {
	if limit <= 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn(now); s.spent.Dollars() < limit {
		return nil
	}
	return &refusal{kind: "spend"}
}

func (s *spend) add(p Pico, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	s.spent += p
}
