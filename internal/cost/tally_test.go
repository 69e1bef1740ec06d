package cost

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

func TestPanicIsPaidFor(t *testing.T) {
	g := newGuard(t, GuardConfig{Budget: call.Dollar})
	broken := g.Wrap(func(_ context.Context, req call.Request, emit func(call.Result)) {
		emit(bill(req, 3)) // an attempt was seen, but not the last
		panic("boom")
	})
	func() {
		defer func() {
			if recover() != "boom" {
				t.Error("the panic was swallowed")
			}
		}()
		broken(t.Context(), cents(10), func(call.Result) {})
	}()
	if s := g.Spend(); s.Spent != 10*cent+framing || s.Uncertain != 7*cent+framing || s.InFlight != 0 || s.Reserved != 0 {
		t.Errorf("spend = %+v; want the whole reservation, 7 cents of it uncertain", s)
	}
}

func TestSilenceIsPaidFor(t *testing.T) {
	for name, g := range map[string]*Guard{"guard": newGuard(t, GuardConfig{Budget: call.Dollar}), "meter": NewMeter(plain(t))} {
		g.Wrap(func(context.Context, call.Request, func(call.Result)) {})(t.Context(), cents(10), nil)
		if s := g.Spend(); s.Spent != 10*cent+framing || s.Uncertain != s.Spent || s.InFlight != 0 {
			t.Errorf("%s: %+v; want the whole reservation as uncertain", name, s)
		}
	}
}

func TestOverrunIsTold(t *testing.T) {
	g := newGuard(t, GuardConfig{Budget: 20 * cent})
	r := only(t, g.Wrap(after(0, 30)), cents(10)) // three times what max_tokens allows
	s := g.Spend()
	if r.Cost != 30*cent || s.Spent != 30*cent || s.Overruns != 1 || s.Remaining != -10*cent || s.Utilization != 1.5 {
		t.Errorf("cost %s, spend %+v; want the truth and one overrun", r.Cost, s)
	}
	if r := only(t, g.Wrap(after(0, 1)), cents(0)); r.Class != call.OverBudget {
		t.Errorf("after an overrun: %s; want over_budget", r.Class)
	}
}

// A server that bills more than requests show is met once: from then on its
// factor is reserved, and taken for calls whose end nobody saw.
func TestReservationsLearnFromAnOverrun(t *testing.T) {
	type told struct{ Cost, Worst call.USD }
	var over []told
	g := newGuard(t, GuardConfig{Budget: call.Dollar, OnOverrun: func(cost, worst call.USD) { over = append(over, told{cost, worst}) }})
	only(t, g.Wrap(after(0, 10)), cents(10)) // no overrun: 10 cents of 10 and the framing
	only(t, g.Wrap(after(0, 15)), cents(10)) // half as much again
	worst := 10*cent + framing
	var during Spend
	lost := only(t, g.Wrap(func(_ context.Context, req call.Request, emit func(call.Result)) {
		during = g.Spend()
		r := req.Result(call.Cut)
		r.Written = true
		emit(r)
	}), cents(10))
	// 15 cents over a worst case of 10 and a little is 1.5, rounded up to thousandths.
	want := worst / 1000 * 1500
	if during.Reserved < want || during.Reserved > want+1000 || lost.Cost != during.Reserved || !lost.CostBound {
		t.Errorf("after an overrun of half: reserved %s, lost call charged %s; want %s", during.Reserved.Decimal(), lost.Cost.Decimal(), want.Decimal())
	}
	only(t, g.Wrap(after(0, 15)), cents(10)) // fits what is reserved now
	only(t, g.Wrap(after(0, 12)), cents(6))  // twice as much: told no more
	if s := g.Spend(); s.Overruns != 2 || s.Spent > s.Budget {
		t.Errorf("spend = %+v; want two overruns within the budget", s)
	}
	if diff := cmp.Diff([]told{{15 * cent, worst}}, over); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// An absurd bill leaves nothing to spend, and no sum turns negative.
func TestAbsurdOverrun(t *testing.T) {
	g := newGuard(t, GuardConfig{Budget: call.Dollar})
	only(t, g.Wrap(after(0, math.MaxInt64)), cents(1))
	if r := only(t, g.Wrap(after(0, 1)), cents(1)); r.Class != call.OverBudget {
		t.Errorf("after an absurd bill: %s; want over_budget", r.Class)
	}
	if s := g.Spend(); s.Spent != math.MaxInt64 || s.Reserved != 0 || s.Overruns != 1 {
		t.Errorf("spend = %+v", s)
	}
}

func TestSeveralAttempts(t *testing.T) {
	g := newGuard(t, GuardConfig{Budget: call.Dollar})
	var late func(call.Result)
	send := g.Wrap(func(_ context.Context, req call.Request, emit func(call.Result)) {
		emit(bill(req, 3))
		emit(bill(req, 4))
		late = emit
	})
	var costs []call.USD
	keep := func(r call.Result) { costs = append(costs, r.Cost) }
	send(t.Context(), cents(10), keep)
	if s := g.Spend(); s.Spent != 7*cent || s.Overruns != 0 {
		t.Errorf("two attempts: %+v; want 7 cents", s)
	}
	late(bill(cents(10), 5))
	if s := g.Spend(); s.Spent != 12*cent || s.Overruns != 1 || s.Reserved != 0 || g.committed.Load() != int64(12*cent) {
		t.Errorf("a late one: %+v; want 12 cents and an overrun", s)
	}
	if diff := cmp.Diff([]call.USD{3 * cent, 4 * cent, 5 * cent}, costs); diff != "" {
		t.Errorf("costs (-want +got):\n%s", diff)
	}
}

func TestMeterLimitsNothing(t *testing.T) {
	m := NewMeter(plain(t))
	for range 100 {
		if r := only(t, m.Wrap(after(0, 1000)), cents(1000)); r.Class != call.OK || r.Phase != call.Main || r.Cost != 1000*cent {
			t.Fatalf("result %s %s %s; want ok, main, $10", r.Class, r.Phase, r.Cost)
		}
	}
	if diff := cmp.Diff(Spend{Spent: 1000 * call.Dollar}, m.Spend()); diff != "" {
		t.Errorf("spend (-want +got):\n%s", diff)
	}
	// A server that claims absurd figures does not turn the sum negative.
	for range 3 {
		only(t, m.Wrap(after(0, math.MaxInt64)), cents(1))
	}
	if s := m.Spend(); s.Spent != math.MaxInt64 {
		t.Errorf("spent = %d; want the largest amount", s.Spent)
	}
	if NewMeter(nil).catalog.AsOf() == "" {
		t.Error("a meter without a catalogue does not use the built-in one")
	}
}

// What is known of a target from before is reserved from the first call on.
func TestGuardRaisedFromTheStart(t *testing.T) {
	g := newGuard(t, GuardConfig{Budget: 25 * cent, Raise: 1.5})
	if got := only(t, g.Wrap(after(0, 15)), cents(10)).Class; got != call.OK {
		t.Errorf("the first call of 15 cents: %s", got)
	}
	if s := g.Spend(); s.Overruns != 0 {
		t.Errorf("%d overruns; want none", s.Overruns)
	}
	if got := only(t, g.Wrap(after(0, 10)), cents(10)).Class; got != call.OverBudget {
		t.Errorf("the second call, of 15 cents with 10 left: %s; want over_budget", got)
	}
}
