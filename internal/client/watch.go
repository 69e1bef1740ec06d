package client

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

type tlsState = tls.ConnectionState

// Why an attempt's context was canceled by us and not by the caller.
var (
	errConnectTimeout = errors.New("connect time-out")
	errRequestTimeout = errors.New("request time-out")
	errStalled        = errors.New("stall time-out")
	errDrained        = errors.New("waited long enough for the end of the body")
)

// bounds are the time-outs of an attempt.
type bounds struct{ whole, connect, stall time.Duration }

// watch is one timer for all time-outs of an attempt. It is set to the first
// instant at which any of them could run out; only when it fires does it look
// at what has happened meanwhile, and is set anew. A read costs it nothing.
//
// Its fields are guarded by the attempt's mutex.
type watch struct {
	timer   *time.Timer
	cancel  context.CancelCauseFunc
	bounds  bounds
	drainBy time.Duration // 0: not draining
	ended   bool
}

func (a *attempt) startWatch(cancel context.CancelCauseFunc, b bounds) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancel, a.bounds = cancel, b
	a.timer = time.AfterFunc(a.started+min(b.whole, b.connect, b.stall)-a.now(), a.expire)
}

func (a *attempt) stopWatch() {
	a.mu.Lock()
	a.ended = true
	a.timer.Stop()
	a.mu.Unlock()
	a.cancel(nil)
}

// drain gives the rest of the body so much time from now on.
func (a *attempt) drain(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drainBy = a.now() + d
	a.timer.Reset(d)
}

func (a *attempt) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return
	}
	now := a.now()
	at, cause := a.deadline(now)
	if at <= now {
		a.cancel(cause)
		return
	}
	a.timer.Reset(at - now)
}

// deadline returns the first time-out that can run out, as things stand.
func (a *attempt) deadline(now time.Duration) (time.Duration, error) {
	if a.drainBy != 0 {
		return a.drainBy, errDrained
	}
	at, cause := a.started+a.bounds.whole, errRequestTimeout
	if c := a.started + a.bounds.connect; a.got == 0 && c <= at {
		at, cause = c, errConnectTimeout
	}
	quiet := now // a request that is not out yet cannot stall before now + stall
	if sent := a.sent(); sent != 0 {
		quiet = max(sent, time.Duration(a.read.Load()))
	}
	if s := quiet + a.bounds.stall; s < at {
		at, cause = s, errStalled
	}
	return at, cause
}
