package load

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Open sends one request at each due time, whether or not those before it have
// been answered. Where Slots requests are in flight already, the arrival is
// emitted at once as call.Dropped and not sent. Late arrivals are sent or
// dropped at once and keep their due time. Arrivals that Stop, End or a
// cancelled ctx keeps from their turn are not emitted: who made the schedule
// knows how many there were.
//
// It returns when every goroutine has ended: nil, or the cause of ctx when that
// was cancelled.
func Open(ctx context.Context, arrivals iter.Seq2[int, time.Duration], c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Slots == 0 {
		c.Slots = DefaultSlots
	}
	w := newCrew(ctx, c)
	var inFlight atomic.Int64
	send := func(a arrival) {
		defer inFlight.Add(-1)
		c.Send(w.ctx, w.request(a.index, a.due), c.Emit)
	}
	idle := make(chan arrival) // to goroutines that have sent and wait for the next
	for index, due := range arrivals {
		if w.tooLate(due) || !w.sleep(due) {
			break
		}
		if int(inFlight.Load()) >= c.Slots {
			c.Emit(w.request(index, due).Result(call.Dropped))
			continue
		}
		inFlight.Add(1)
		select {
		case idle <- arrival{index, due}:
		default:
			w.wg.Go(func() {
				send(arrival{index, due})
				for a := range idle {
					send(a)
				}
			})
		}
	}
	close(idle)
	return w.wait(ctx)
}

// arrival is a place in the schedule. A goroutine that has sent one request is
// kept for the next, since its stack is as large as a request needs: a new one
// would have to grow, and at 10,000 a second that was a sixteenth of all work.
type arrival struct {
	index int
	due   time.Duration
}

// sleep waits until an instant, not at all if it has passed. It returns false
// when no more requests may start.
func (w *crew) sleep(until time.Duration) bool {
	for w.now() < until && !w.stopped() {
		alarm := w.wake(until)
		select {
		case <-w.timer.C:
		case <-alarm:
		case <-w.Stop:
		case <-w.ctx.Done():
		}
		w.timer.Stop()
	}
	// Asked again, since select chooses at random where the timer is ready too.
	return !w.stopped()
}
