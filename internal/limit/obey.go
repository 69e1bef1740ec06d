package limit

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// The backoff where the server names no time: it doubles from backoffBase to
// backoffMost and loses up to a quarter at random, so that requests refused
// together do not come back together.
const (
	backoffBase   = 500 * time.Millisecond
	backoffMost   = 8 * time.Second
	backoffJitter = 0.25
)

// obey retries what was rate limited. Every attempt is emitted as it ends; the
// class of the last one is the request's.
func obey(send call.Sender, c Config) call.Sender {
	return func(ctx context.Context, req call.Request, emit func(call.Result)) {
		var waited time.Duration
		for n := 0; ; n++ {
			last, ok := attempt(ctx, send, req, emit)
			if !ok || !retryable(last) || last.Attempt >= c.MaxAttempts {
				return
			}
			d, ok := delay(last, c.Seed, n)
			if !ok || d > c.MaxWait-waited || !pause(ctx, d, c.Stop) {
				return
			}
			waited += d
			req = next(req, last, d)
		}
	}
}

// attempt makes one call and returns the last result it emitted; ok is false if
// there was none.
func attempt(ctx context.Context, send call.Sender, req call.Request, emit func(call.Result)) (last call.Result, ok bool) {
	send(ctx, req, func(r call.Result) {
		last, ok = r, true
		emit(r)
	})
	return last, ok
}

// next is the attempt after last. Its figures start from last, not from req,
// because a wrapper below may have held the request too.
func next(req call.Request, last call.Result, waited time.Duration) call.Request {
	req.Attempt = last.Attempt + 1
	req.Held = last.Held + waited
	req.Earlier = last.Earlier + max(0, last.Done-last.Started)
	return req
}

// retryable reports whether waiting can help: not against a cap on spending.
func retryable(r call.Result) bool {
	return r.Class == call.RateLimited && r.LimitedBy != call.LimitSpend
}

// delay is how long to wait after r, the n-th refusal from 0: what the server
// asked for, else the backoff. A retry-after of 0 names no time worth the name
// and is read as none; ok is false for one that is negative or not a number.
func delay(r call.Result, seed uint64, n int) (d time.Duration, ok bool) {
	if r.RetryAfter == nil || *r.RetryAfter == 0 {
		return backoff(seed, r.Index, n), true
	}
	return seconds(*r.RetryAfter)
}

// backoff is min(base·2ⁿ, most) × (1 − U(0, 0.25)), as the official SDKs have it.
func backoff(seed uint64, index, n int) time.Duration {
	d := backoffMost
	if n < 16 {
		d = min(backoffBase<<n, backoffMost)
	}
	u := rand.New(rand.NewPCG(seed, uint64(index)<<16|uint64(n&0xffff))).Float64()
	return time.Duration(float64(d) * (1 - backoffJitter*u))
}

// seconds turns a header's seconds into a duration, rounded up so that nobody is
// early; ok is false for what is not positive or does not fit.
func seconds(s float64) (time.Duration, bool) {
	ns := math.Ceil(s * float64(time.Second))
	if !(ns > 0) || ns >= math.MaxInt64 {
		return 0, false
	}
	return time.Duration(ns), true
}

// pause waits for d; it reports false if the request must not go on.
func pause(ctx context.Context, d time.Duration, stop <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil && !closed(stop)
	case <-ctx.Done():
	case <-stop:
	}
	return false
}
