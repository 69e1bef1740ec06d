package cost

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// plain has a model "m" whose bound is easy to state: an input token costs
// nothing to speak of, an output token a cent.
func plain(t testing.TB) *Catalog {
	t.Helper()
	c, err := new(Catalog).With(map[string]Prices{"m": {Input: 1e6, CacheWrite5m: 1e6, Output: 10_000 * call.Dollar}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cents is a request that reserves n cents and 64 pico-dollars of framing.
func cents(n int) call.Request { return call.Request{Model: "m", MaxTokens: n} }

const cent = call.Dollar / 100

// bill is a final answer that costs n cents.
func bill(req call.Request, n int64) call.Result {
	r := req.Result(call.OK)
	r.Status, r.Written, r.Known, r.Output = 200, true, call.UsageFinal, n
	return r
}

// after answers with a bill of n cents after d.
func after(d time.Duration, n int64) call.Sender {
	return func(ctx context.Context, req call.Request, emit func(call.Result)) {
		select {
		case <-time.After(d):
			emit(bill(req, n))
		case <-ctx.Done():
			r := req.Result(call.Canceled)
			r.Written = true
			emit(r)
		}
	}
}

func newGuard(t testing.TB, c GuardConfig) *Guard {
	t.Helper()
	if c.Catalog == nil {
		c.Catalog = plain(t)
	}
	g, err := NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// only makes one call and returns what it emitted last.
func only(t *testing.T, send call.Sender, req call.Request) call.Result {
	t.Helper()
	var got []call.Result
	send(t.Context(), req, func(r call.Result) { got = append(got, r) })
	if len(got) != 1 {
		t.Fatalf("%d results; want 1", len(got))
	}
	return got[0]
}

func TestNewGuardRefuses(t *testing.T) {
	for _, tt := range []struct {
		c    GuardConfig
		want string
	}{
		{GuardConfig{}, "budget 0 is not over 0"},
		{GuardConfig{Budget: -call.Dollar}, "budget -1 is not over 0"},
		{GuardConfig{Budget: 1, WarnAt: -0.1}, "warn_at is not a share"},
		{GuardConfig{Budget: 1, WarnAt: 1.1}, "warn_at is not a share"},
		{GuardConfig{Budget: 1, WarnAt: math.NaN()}, "warn_at is not a share"},
	} {
		if g, err := NewGuard(tt.c); g != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("NewGuard(%+v) = %v, %v; want %q", tt.c, g, err, tt.want)
		}
	}
}

func TestGuardFillsInCosts(t *testing.T) {
	g := newGuard(t, GuardConfig{Budget: call.Dollar})
	r := only(t, g.Wrap(after(0, 7)), cents(10))
	if r.Cost != 7*cent || r.CostBound || r.Phase != call.Main || r.Held != 0 {
		t.Errorf("result = %s bound %v phase %s held %v; want 7 cents, a bill, main, 0", r.Cost, r.CostBound, r.Phase, r.Held)
	}
	want := Spend{Budget: call.Dollar, Spent: 7 * cent, Remaining: 93 * cent, Utilization: 0.07}
	if diff := cmp.Diff(want, g.Spend()); diff != "" {
		t.Errorf("spend (-want +got):\n%s", diff)
	}
	r = only(t, g.Wrap(func(_ context.Context, req call.Request, emit func(call.Result)) {
		r := req.Result(call.Cut)
		r.Written, r.Status = true, 200
		emit(r)
	}), cents(10))
	if r.Cost != 10*cent+framing || !r.CostBound {
		t.Errorf("cut = %s, bound %v; want the whole reservation as a bound", r.Cost.Decimal(), r.CostBound)
	}
	if s := g.Spend(); s.Spent != 17*cent+framing || s.Uncertain != 10*cent+framing || s.Reserved != 0 || s.Overruns != 0 {
		t.Errorf("spend = %+v; want 17 cents spent, 10 of them uncertain", s)
	}
}

func TestTheLastPicoDollarIsUsed(t *testing.T) {
	for budget, want := range map[call.USD]call.Class{10*cent + framing: call.OK, 10*cent + framing - 1: call.OverBudget} {
		if r := only(t, newGuard(t, GuardConfig{Budget: budget}).Wrap(after(0, 1)), cents(10)); r.Class != want {
			t.Errorf("budget %d: %s; want %s", budget, r.Class, want)
		}
	}
}

func TestGuardShowsReservations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, GuardConfig{Budget: call.Dollar})
		send := g.Wrap(after(time.Second, 1))
		for range 3 {
			go send(t.Context(), cents(20), func(call.Result) {})
		}
		synctest.Wait()
		if s := g.Spend(); s.Reserved != 60*cent+3*framing || s.InFlight != 3 || s.Spent != 0 {
			t.Errorf("in flight: %+v; want 60 cents reserved by 3", s)
		}
		time.Sleep(2 * time.Second)
		if s := g.Spend(); s.Reserved != 0 || s.InFlight != 0 || s.Spent != 3*cent {
			t.Errorf("after: %+v; want 3 cents spent and nothing reserved", s)
		}
	})
}

// got collects results from many goroutines.
type got struct {
	mu sync.Mutex
	r  []call.Result
}

func (g *got) add(r call.Result) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.r = append(g.r, r)
}

// all returns what was collected so far.
func (g *got) all() []call.Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.r)
}

func TestUserWaitsForMoney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, GuardConfig{Budget: 15 * cent, Wait: true})
		send := g.Wrap(after(3*time.Second, 1))
		var seen got
		for i := range 3 {
			req := cents(10)
			req.Index, req.Phase, req.Held = i, call.WarmUp, time.Second
			go send(t.Context(), req, seen.add)
			synctest.Wait()
		}
		if s := g.Spend(); s.InFlight != 1 || s.Refused != 2 || !s.Tail {
			t.Errorf("while two wait: %+v", s)
		}
		time.Sleep(time.Minute)
		type row struct {
			Index int
			Class call.Class
			Phase call.Phase
			Held  time.Duration
		}
		var rows []row
		for _, r := range seen.all() {
			rows = append(rows, row{r.Index, r.Class, r.Phase, r.Held})
		}
		want := []row{{0, call.OK, call.WarmUp, time.Second}, {1, call.OK, call.BudgetTail, 4 * time.Second}, {2, call.OK, call.BudgetTail, 7 * time.Second}}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
		if s := g.Spend(); s.Exhausted || s.Refused != 2 || s.Spent != 3*cent {
			t.Errorf("after: %+v; want 3 cents spent, not exhausted", s)
		}
		if r := only(t, send, cents(1)); r.Phase != call.BudgetTail || r.Held != 0 {
			t.Errorf("a later request that fits: phase %s, held %v; want budget_tail, 0", r.Phase, r.Held)
		}
	})
}

func TestSmallPassesLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, GuardConfig{Budget: 100*cent + 10*framing, Wait: true})
		var ends got
		start := func(index, reserve int, took time.Duration) {
			req := cents(reserve)
			req.Index = index
			go g.Wrap(after(took, 1))(t.Context(), req, ends.add)
			synctest.Wait()
		}
		start(0, 60, 5*time.Second) // 40 left
		start(1, 90, time.Second)   // waits for 0
		start(2, 30, time.Second)   // fits beside 0, at once
		time.Sleep(time.Minute)
		var order []int
		for _, r := range ends.all() {
			order = append(order, r.Index)
		}
		if diff := cmp.Diff([]int{2, 0, 1}, order); diff != "" {
			t.Errorf("order of ends (-want +got):\n%s", diff)
		}
	})
}

func TestWaiterIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, GuardConfig{Budget: 15 * cent, Wait: true, OnExhausted: func(_, _ call.USD) { t.Error("exhausted") }})
		go g.Wrap(after(10*time.Second, 1))(t.Context(), cents(10), func(call.Result) {})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var seen got
		g.Wrap(func(context.Context, call.Request, func(call.Result)) { t.Error("sent") })(ctx, cents(10), seen.add)
		if n := len(seen.all()); n != 1 {
			t.Fatalf("%d results; want 1", n)
		}
		if r := seen.all()[0]; r.Class != call.Canceled || r.Started != 0 || r.Held != 2*time.Second || r.Phase != call.BudgetTail || r.Cost != 0 {
			t.Errorf("result = %+v; want canceled, never started, held 2s, budget_tail, free", r)
		}
		if s := g.Spend(); s.InFlight != 1 {
			t.Errorf("in flight = %d; want the other", s.InFlight)
		}
		time.Sleep(time.Minute)
		if s := g.Spend(); s.InFlight != 0 || s.Spent != cent || g.waiting.Load() != 0 {
			t.Errorf("after: %+v, %d waiting", s, g.waiting.Load())
		}
	})
}

func TestExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g *Guard
		calls, sent := 0, 0
		g = newGuard(t, GuardConfig{Budget: 25 * cent, Wait: true, OnExhausted: func(_, _ call.USD) {
			calls++
			if s := g.Spend(); s.InFlight != 0 || s.Reserved != 0 || !s.Exhausted || s.Spent != 20*cent {
				t.Errorf("at the end: %+v; want nothing in flight and 20 cents spent", s)
			}
		}})
		send := g.Wrap(func(ctx context.Context, req call.Request, emit func(call.Result)) {
			sent++
			after(time.Second, 10)(ctx, req, emit)
		})
		var seen got
		for range 5 {
			go send(t.Context(), cents(10), seen.add)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		classes := map[call.Class]int{}
		for _, r := range seen.all() {
			classes[r.Class]++
			if r.Class == call.OverBudget && (r.Held != time.Second || r.Phase != call.BudgetTail) {
				t.Errorf("over budget: held %v, phase %s; want 1s, budget_tail", r.Held, r.Phase)
			}
		}
		if diff := cmp.Diff(map[call.Class]int{call.OK: 2, call.OverBudget: 3}, classes); diff != "" {
			t.Errorf("classes (-want +got):\n%s", diff)
		}
		// It is over for everyone, whoever would still fit.
		if r := only(t, send, cents(1)); r.Class != call.OverBudget || sent != 2 || calls != 1 {
			t.Errorf("after the end: %s, %d sent, %d calls; want over_budget, 2, 1", r.Class, sent, calls)
		}
	})
}

func TestLargerThanTheBudget(t *testing.T) {
	for _, wait := range []bool{true, false} {
		ended := 0
		var worst, left call.USD
		g := newGuard(t, GuardConfig{Budget: cent, Wait: wait, OnExhausted: func(w, l call.USD) { ended++; worst, left = w, l }})
		if r := only(t, g.Wrap(after(0, 1)), cents(2)); r.Class != call.OverBudget || ended != 1 {
			t.Errorf("wait %v: %s, ended %d; want over_budget, 1", wait, r.Class, ended)
		}
		if worst != 2*cent+framing || left != cent {
			t.Errorf("wait %v: told %s of %s left; want 2 cents and the framing of 1 cent", wait, worst.Decimal(), left.Decimal())
		}
		if r := only(t, g.Wrap(after(0, 1)), call.Request{Model: "unknown"}); r.Class != call.OverBudget {
			t.Errorf("wait %v: a model without a price was sent", wait)
		}
	}
}

func TestNobodyIsRefusedBeforeTheEndIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Bool
		g := newGuard(t, GuardConfig{Budget: 15 * cent, Wait: true, OnExhausted: func(_, _ call.USD) { time.Sleep(time.Second); told.Store(true) }})
		send := g.Wrap(after(time.Second, 10))
		for range 4 {
			go send(t.Context(), cents(10), func(r call.Result) {
				if r.Class == call.OverBudget && !told.Load() {
					t.Error("over budget before OnExhausted returned")
				}
			})
		}
		time.Sleep(time.Minute)
		if !told.Load() {
			t.Error("OnExhausted was not called")
		}
	})
}

func TestArrivalsAreOverBudgetAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := 0
		g := newGuard(t, GuardConfig{Budget: 25 * cent, OnExhausted: func(_, _ call.USD) { ended++ }})
		send := g.Wrap(after(time.Second, 1))
		var seen got
		for range 3 {
			go send(t.Context(), cents(10), seen.add)
			synctest.Wait()
		}
		if r := seen.all(); len(r) != 1 || r[0].Class != call.OverBudget || r[0].Phase != call.BudgetTail || r[0].Held != 0 || ended != 0 {
			t.Fatalf("with two in flight: %+v, ended %d; want one over budget at once", r, ended)
		}
		time.Sleep(2 * time.Second)
		if r := only(t, send, cents(20)); r.Class != call.OK || r.Phase != call.BudgetTail {
			t.Errorf("settled: %s %s; want ok, budget_tail", r.Class, r.Phase)
		}
		if r := only(t, send, cents(23)); r.Class != call.OverBudget || ended != 1 || !g.Spend().Exhausted {
			t.Errorf("nothing in flight and no room: %s, ended %d; want over_budget, 1", r.Class, ended)
		}
		if s := g.Spend(); s.Refused != 2 || s.Spent != 3*cent {
			t.Errorf("spend = %+v; want 2 refused, 3 cents", s)
		}
	})
}

func TestWarnsOnce(t *testing.T) {
	for _, tt := range []struct {
		at   float64
		want []call.USD
	}{{0, []call.USD{100 * cent}}, {0.4, []call.USD{50 * cent}}, {0.41, []call.USD{60 * cent}}, {1, nil}} {
		var warned []call.USD
		g := newGuard(t, GuardConfig{Budget: 125 * cent, WarnAt: tt.at, OnWarn: func(s Spend) { warned = append(warned, s.Spent) }})
		for range 11 {
			only(t, g.Wrap(after(0, 10)), cents(10))
		}
		if diff := cmp.Diff(tt.want, warned); diff != "" {
			t.Errorf("warn at %v (-want +got):\n%s", tt.at, diff)
		}
	}
}
