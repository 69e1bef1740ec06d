// Package load is the two loops that make load: [Open] sends a request at each
// due time of a schedule, [Closed] lets users send one after the other. Due
// times or user counts, a function that makes requests and a sender go in;
// every Result goes out through Emit. It knows no plan, price, file or screen,
// and never retries.
//
// A request that is due while the process is held up is sent as soon as it runs
// again, with the due time it always had. There is no limit to that: after a
// stall of two seconds at 100 a second, 200 requests leave at once (as far as
// Slots allows). Moving the schedule instead, or leaving requests out, would
// hide the stall; this way it shows as lag in each record.
package load

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// ErrGrace is the cause with which a running request's context is cancelled
// when it has not ended within Grace.
var ErrGrace = errors.New("graceful stop is over")

// DefaultSlots is the most requests Open has in flight where Slots is 0.
const DefaultSlots = 1000

// Config is what both loops need. Start, Next, Send and Emit must be set.
type Config struct {
	Start time.Time // instant 0 of all offsets; must carry a monotonic reading to survive clock steps

	// Next makes the request with an index. It is called once for each index, in
	// the goroutine that sends it, so several calls may run at once. Index and Due
	// of what it returns are set by the loop.
	Next func(index int, due time.Duration) call.Request
	Send call.Sender       // runs in a goroutine of its own for each request
	Emit func(call.Result) // called from many goroutines; while it blocks for a Dropped, nothing is sent

	// Alarm is asked, with Go's own timer, to wake the loop after a time: what it
	// returns may receive then, early, or never. Nil is the timer alone.
	Alarm func(time.Duration) <-chan struct{}

	Slots    int                           // Open: most requests in flight; 0 = DefaultSlots
	Requests int                           // Closed: how many to start in all; 0 = no bound
	Think    func(index int) time.Duration // Closed: a user's pause after the request with that index; nil = none

	Stop  <-chan struct{} // when closed, no further request starts; nil = never
	End   time.Duration   // no request that is due at or after it is started; 0 = no end
	Grace time.Duration   // how long running requests may take after End or Stop, whichever is first; 0 = not at all
}

func (c Config) check() error {
	switch {
	case c.Start.IsZero():
		return errors.New("load: no start time")
	case c.Next == nil || c.Send == nil || c.Emit == nil:
		return errors.New("load: Next, Send and Emit must be set")
	case c.Slots < 0 || c.Requests < 0 || c.End < 0:
		return errors.New("load: Slots, Requests and End must not be negative")
	}
	return nil
}

func (c Config) now() time.Duration { return time.Since(c.Start) }

// crew is the requests in flight. Its context is theirs: it is cancelled with
// the run's, and with cause ErrGrace when Grace is over.
type crew struct {
	Config
	ctx      context.Context
	cancel   context.CancelCauseFunc
	wg       sync.WaitGroup
	watching sync.WaitGroup
	idle     chan struct{} // closed when all work is done
	timer    *time.Timer   // of the loop; one, re-used
}

func newCrew(ctx context.Context, c Config) *crew {
	w := &crew{Config: c, idle: make(chan struct{}), timer: time.NewTimer(0)}
	w.timer.Stop()
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.watching.Go(w.watch)
	return w
}

// watch cancels what still runs when Grace has passed since End or Stop.
func (w *crew) watch() {
	var end <-chan time.Time
	if w.End > 0 {
		t := time.NewTimer(w.End - w.now())
		defer t.Stop()
		end = t.C
	}
	select {
	case <-end:
	case <-w.Stop:
	case <-w.idle:
		return
	}
	t := time.NewTimer(w.Grace)
	defer t.Stop()
	select {
	case <-t.C:
		w.cancel(ErrGrace)
	case <-w.idle:
	}
}

// wake sets what wakes the loop when an instant has come.
func (w *crew) wake(at time.Duration) (alarm <-chan struct{}) {
	d := at - w.now()
	w.timer.Reset(d)
	if w.Alarm != nil && d > 0 {
		alarm = w.Alarm(d)
	}
	return alarm
}

// stopped reports whether no more requests may start.
func (w *crew) stopped() bool {
	select {
	case <-w.Stop:
		return true
	case <-w.ctx.Done():
		return true
	default:
		return false
	}
}

// tooLate reports whether a request due then must not be started any more.
func (w *crew) tooLate(due time.Duration) bool { return w.End > 0 && due >= w.End }

// wait waits for the running requests and for the crew's own goroutines, and
// returns why ctx was cancelled, if it was.
func (w *crew) wait(ctx context.Context) error {
	w.wg.Wait()
	close(w.idle)
	w.watching.Wait()
	w.cancel(nil)
	return context.Cause(ctx)
}

// request makes the request with an index.
func (w *crew) request(index int, due time.Duration) call.Request {
	req := w.Next(index, due)
	req.Index, req.Due = index, due
	return req
}
