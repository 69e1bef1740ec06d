package limit

import (
	"context"
	"sync"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// avoider holds requests back, in one lane for each model class.
type avoider struct {
	c     Config
	send  call.Sender
	base  time.Time
	lanes sync.Map // of *lane, by model

	mu      sync.Mutex
	classes map[string]*lane // by model class
}

// avoid holds requests so that each limit is used to the share. It never retries:
// a 429 that comes all the same is the request's class.
func avoid(send call.Sender, c Config) call.Sender {
	a := &avoider{c: c, send: send, base: time.Now().Add(-1), classes: map[string]*lane{}}
	return a.do
}

func (a *avoider) do(ctx context.Context, req call.Request, emit func(call.Result)) {
	l := a.lane(req.Model)
	t := new(ticket)
	if w := l.enter(req, t); w != nil {
		class := a.wait(ctx, l, w)
		req.Held += min(w.held, a.c.MaxHold)
		if class != call.OK {
			r := req.Result(class)
			if class == call.Dropped {
				r.Reason = "limit"
			}
			emit(r)
			return
		}
		t = &w.ticket
	}
	a.send(ctx, req, func(r call.Result) {
		l.settle(t, req, r)
		emit(r)
	})
	l.abandon(t)
}

// wait returns when w may leave (ok), was held for too long (dropped) or must not
// leave any more because the run is over (canceled).
func (a *avoider) wait(ctx context.Context, l *lane, w *waiter) call.Class {
	most := time.NewTimer(a.c.MaxHold)
	defer most.Stop()
	class := call.Canceled
	select {
	case <-w.done:
		return call.OK
	case <-most.C:
		class = call.Dropped
	case <-ctx.Done():
	case <-a.c.Stop:
	}
	if l.leave(w) {
		return call.OK
	}
	return class
}

// lane returns the lane of a model's class.
func (a *avoider) lane(model string) *lane {
	if l, ok := a.lanes.Load(model); ok {
		return l.(*lane)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	name := call.ModelClass(model)
	l := a.classes[name]
	if l == nil {
		l = newLane(a.c.Share, a.base)
		a.classes[name] = l
	}
	a.lanes.Store(model, l)
	return l
}
