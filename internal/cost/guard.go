package cost

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// GuardConfig says what a Guard allows and whom it tells.
type GuardConfig struct {
	Catalog *Catalog // nil is Builtin
	Budget  call.USD // must be over 0; for no budget at all see NewMeter
	// WarnAt is the share of the budget at which OnWarn is called; 0 is 0.8.
	WarnAt float64
	// Raise is what a call is known to have cost as a multiple of its worst case,
	// from before: reservations are raised by it from the first. Up to 1 is none.
	Raise float64
	// Wait lets a request whose worst case does not fit wait for others to settle
	// (users); without it such a request becomes over_budget at once (arrivals).
	Wait bool
	// Stop, once closed, ends every wait: who waits is canceled, since no request
	// may start any more. Nil never is.
	Stop <-chan struct{}
	// OnWarn is called once, when WarnAt of the budget is spent.
	OnWarn func(Spend)
	// OnExhausted is called once, when nothing is in flight and what asks for
	// money still does not fit: it is told the least of these worst cases, and what
	// is left. From then on every request is over_budget.
	OnExhausted func(worst, left call.USD)
	// OnOverrun is called once, when a call has cost more than its worst case: the
	// server bills what the request does not show. Later reservations are larger
	// by the same factor.
	OnOverrun func(cost, worst call.USD)
	// All are called from the goroutine of a request, and hold it up while they run.
}

// Guard is a Sender's purse: it reserves the worst case of a request before it is
// sent and settles with what it really cost, so that what is spent and what may
// still be spent never pass the budget together. It also fills in the cost of
// every result. Any number of goroutines may use it.
//
// Should a call cost more than its reservation all the same, because the server
// adds to prompts or has prices of its own, what it cost is spent, and the
// reservations after it are raised by as much: such a server is met once.
//
// Reservations take no lock until the first one does not fit. The load is then no
// longer the plan's: that request and all after it are phase budget_tail.
type Guard struct {
	catalog *Catalog
	budget  call.USD // 0: a meter
	warnAt  call.USD
	wait    bool
	stop    <-chan struct{}
	onWarn  func(Spend)
	onDone  func(worst, left call.USD)
	onOver  func(cost, worst call.USD)

	committed atomic.Int64  // spent and reserved, pico-dollars
	spent     atomic.Int64  // settled, pico-dollars
	uncertain atomic.Int64  // the part of spent that is bounds
	flight    atomic.Uint64 // low half: in flight; high half: how many ever started
	overruns  atomic.Int64
	excess    atomic.Int64 // thousandths that the dearest overrun was of its worst case; 0 is none
	refused   atomic.Int64
	warned    atomic.Bool
	tail      atomic.Bool
	exhausted atomic.Bool

	wanted  int64         // least worst case that did not fit; set before exhausted
	telling atomic.Bool   // someone has begun to call onDone
	told    chan struct{} // closed when onDone has returned

	waiting atomic.Int64 // length of queue
	mu      sync.Mutex
	queue   []*waiter // who waits for money, in order of arrival
}

// NewGuard returns a Guard. A budget that is not over 0, and a WarnAt that is not
// a share, are errors.
func NewGuard(c GuardConfig) (*Guard, error) {
	if c.Budget <= 0 {
		return nil, fmt.Errorf("budget %s is not over 0", c.Budget.Decimal())
	}
	if c.WarnAt == 0 {
		c.WarnAt = 0.8
	}
	if !(c.WarnAt > 0 && c.WarnAt <= 1) {
		return nil, errors.New("warn_at is not a share between 0 and 1")
	}
	g := NewMeter(c.Catalog)
	g.budget, g.wait, g.stop = c.Budget, c.Wait, c.Stop
	g.onWarn, g.onDone, g.onOver = c.OnWarn, c.OnExhausted, c.OnOverrun
	g.warnAt = call.USD(math.Ceil(c.WarnAt * float64(c.Budget)))
	if c.Raise > 1 {
		g.excess.Store(int64(min(math.Ceil(1000*c.Raise), 1<<62)))
	}
	return g, nil
}

// NewMeter returns a Guard that fills in costs and adds them up, and limits
// nothing. A nil catalogue is Builtin.
func NewMeter(c *Catalog) *Guard {
	if c == nil {
		c = Builtin()
	}
	return &Guard{catalog: c, told: make(chan struct{})}
}

// Spend is the state of a Guard's money. Of a running guard the figures are read
// one after the other, so they may be a call apart; none of them is ever negative
// but Remaining after an overrun.
type Spend struct {
	Budget      call.USD // 0: a meter
	Spent       call.USD // settled, bounds included
	Uncertain   call.USD // the part of Spent that is bounds, not bills
	Reserved    call.USD // worst cases of what is in flight
	Remaining   call.USD // Budget − Spent
	Utilization float64  // Spent ÷ Budget; 0 for a meter
	Refused     int64    // requests that did not fit when they came
	InFlight    int64
	Overruns    int64 // calls that cost more than their reservation
	Tail        bool  // a request was refused: what follows is budget_tail
	Exhausted   bool  // the budget stopped the run
}

// Spend returns the state of the money now.
func (g *Guard) Spend() Spend {
	spent := g.spent.Load() // before committed, which it is part of
	s := Spend{
		Budget: g.budget, Spent: call.USD(spent), Uncertain: call.USD(min(g.uncertain.Load(), spent)),
		Refused: g.refused.Load(), InFlight: inFlight(g.flight.Load()), Overruns: g.overruns.Load(),
		Tail: g.tail.Load(), Exhausted: g.exhausted.Load(),
	}
	if g.budget > 0 {
		s.Reserved = call.USD(max(g.committed.Load()-spent, 0))
		s.Remaining = g.budget - s.Spent
		s.Utilization = float64(s.Spent) / float64(g.budget)
	}
	return s
}

// Wrap returns a sender that stands inside retries and outside the client: one
// reservation a call. It fills Cost and CostBound into every result before it
// passes it on. A request that may not be sent is emitted as over_budget; a user
// who is cancelled while waiting, as canceled with no Started: nothing was sent.
//
// A call that panics, or that emits nothing, is settled at its whole reservation.
func (g *Guard) Wrap(send call.Sender) call.Sender {
	return func(ctx context.Context, req call.Request, emit func(call.Result)) {
		worst := int64(g.catalog.Bound(req))
		t := tally{guard: g, worst: worst, reserved: g.raise(worst)}
		class := g.admit(ctx, &req, t.reserved)
		if g.tail.Load() {
			req.Phase = call.BudgetTail
		}
		if class != call.OK {
			emit(req.Result(class))
			return
		}
		defer t.settle()
		send(ctx, req, func(res call.Result) {
			usd, bound := g.catalog.Charge(req, res)
			if bound { // nobody has said what it cost: as much as others may have
				usd = max(usd, call.USD(min(g.raise(int64(usd)), t.reserved)))
			}
			res.Cost, res.CostBound = usd, bound
			t.add(int64(usd), bound)
			emit(res)
		})
		t.returned()
	}
}

// admit reserves money for a request: OK, or the class of a request that is not
// to be sent. Waiting is added to req.Held.
func (g *Guard) admit(ctx context.Context, req *call.Request, amount int64) call.Class {
	if g.reserve(amount) {
		return call.OK
	}
	w, start := g.refuse(amount), time.Now()
	select {
	case <-w.done:
	case <-ctx.Done():
		g.leave(w)
	case <-g.stop:
		g.leave(w)
		if <-w.done; w.class == call.OK { // its turn came in the same moment
			g.settle(amount, 0, 0)
			req.Held += time.Since(start)
			return call.Canceled
		}
	}
	req.Held += time.Since(start)
	if w.class == call.OverBudget && g.exhausted.Load() {
		g.tell()
	}
	return w.class
}

// tell calls OnExhausted once. Whoever else is refused waits until it returns: a
// user must not come back for more before the run knows that it is over.
func (g *Guard) tell() {
	if !g.telling.CompareAndSwap(false, true) {
		<-g.told
		return
	}
	defer close(g.told)
	if g.onDone != nil {
		g.onDone(call.USD(g.wanted), g.Spend().Remaining)
	}
}

// reserve takes an amount from the budget if it fits and nobody waits. The call
// counts as in flight before the money is taken, so that no one can see neither.
func (g *Guard) reserve(amount int64) bool {
	if g.waiting.Load() > 0 || g.exhausted.Load() {
		return false
	}
	g.flight.Add(takeOff)
	if g.take(amount) {
		return true
	}
	g.flight.Add(landing)
	return false
}

const (
	takeOff = 1<<32 + 1
	landing = ^uint64(0) // one less in flight
)

func inFlight(flight uint64) int64 { return int64(uint32(flight)) }

// take moves an amount into committed, unless that would pass the budget.
func (g *Guard) take(amount int64) bool {
	if g.budget == 0 {
		return true
	}
	for {
		c := g.committed.Load()
		if amount > int64(g.budget)-c {
			return false
		}
		if g.committed.CompareAndSwap(c, c+amount) {
			return true
		}
	}
}

// raise makes a worst case larger by what the dearest overrun was over its own.
func (g *Guard) raise(worst int64) int64 {
	if e := g.excess.Load(); e > 0 {
		return scale(worst, uint64(e), 1000, true)
	}
	return worst
}

// overrun notes a call that cost more than its worst case.
func (g *Guard) overrun(cost, worst int64) {
	ratio := int64(math.MaxInt64)
	if worst > 0 {
		ratio = scale(cost, 1000, uint64(worst), true)
	}
	for old := g.excess.Load(); ratio > old; old = g.excess.Load() {
		if g.excess.CompareAndSwap(old, ratio) {
			break
		}
	}
	if g.overruns.Add(1) == 1 && g.onOver != nil {
		g.onOver(call.USD(cost), call.USD(worst))
	}
}

// settle turns a reservation into what was spent. The money is back before the
// call stops counting as in flight: with nothing in flight, nothing is reserved.
func (g *Guard) settle(reserved, cost, uncertain int64) {
	g.spend(cost, uncertain)
	if g.budget > 0 {
		addTo(&g.committed, cost-reserved)
	}
	g.flight.Add(landing)
	if g.waiting.Load() > 0 {
		g.wake()
	}
}

// late spends what was reported after its reservation was settled.
func (g *Guard) late(cost, uncertain int64) {
	g.spend(cost, uncertain)
	g.overruns.Add(1)
	if g.budget > 0 {
		addTo(&g.committed, cost)
	}
}

func (g *Guard) spend(cost, uncertain int64) {
	addTo(&g.uncertain, uncertain)
	addTo(&g.spent, cost)
	if g.warnAt > 0 && g.spent.Load() >= int64(g.warnAt) && g.warned.CompareAndSwap(false, true) && g.onWarn != nil {
		g.onWarn(g.Spend())
	}
}

// addTo adds to a sum that stays at MaxInt64 rather than turn negative: a server
// may claim any number of tokens.
func addTo(sum *atomic.Int64, n int64) {
	if n == 0 {
		return
	}
	for {
		old := sum.Load()
		next := old + n
		if n > 0 && old > math.MaxInt64-n {
			next = math.MaxInt64
		}
		if sum.CompareAndSwap(old, next) {
			return
		}
	}
}
