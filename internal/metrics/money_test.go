package metrics

import (
	"math"
	"testing"

	"github.com/tokenload/tokenload/internal/call"
)

// Savings are against the same answers without a cache, bills only; the burn
// rate is over the time to the last end, of a task's part too.
func TestMoney(t *testing.T) {
	price := func(_ string, u call.Usage) call.USD { // $10 a token, cache reads $1, writes $12
		return call.USD(10*u.Input+u.CacheRead+12*u.CacheWrite5m) * call.Dollar
	}
	read := answered(0, 0, milli, second) // 300 of 400 tokens read: $4,000 − $1,300
	write := answered(1, second, milli, second)
	write.Task, write.Usage = "long", call.Usage{Input: 100, CacheWrite5m: 200}
	bound := answered(2, second, milli, second)
	bound.Class, bound.CostBound = call.Cut, true
	last := answered(3, 0, milli, 3600*second)
	last.Usage = call.Usage{Input: 5}
	tab := Table{Price: price}
	for _, r := range []call.Result{read, write, bound, last} {
		tab.Add(r)
	}
	s := tab.Summary(Meta{})
	if got, want := s.Cost.CacheSavings, call.USD(2700-400)*call.Dollar; got != want {
		t.Errorf("saved %v; want %v", got, want)
	}
	if got, want := s.Tasks["long"].Cost.CacheSavings, -400*call.Dollar; got != want {
		t.Errorf("task long saved %v; want %v", got, want)
	}
	over := last.Done.Hours()
	if got, want := float64(s.Cost.BurnPerHour), 0.04/over; math.Abs(got-want) > 1e-12 {
		t.Errorf("burn rate %v; want %v", got, want)
	}
	if got, want := float64(s.Tasks["long"].Cost.BurnPerHour), 0.01/over; math.Abs(got-want) > 1e-12 {
		t.Errorf("burn rate of task long %v; want %v", got, want)
	}
	if s := tableOf(read, write).Summary(Meta{}); s.Cost.CacheSavings != 0 {
		t.Errorf("without prices saved %v; want 0", s.Cost.CacheSavings)
	}
	if s := new(Table).Summary(Meta{}); s.Cost.BurnPerHour.Known() {
		t.Error("nothing burns at a known rate")
	}
}
