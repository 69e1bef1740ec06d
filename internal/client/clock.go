package client

import (
	"os"
	"sync/atomic"
	"time"
)

// kernelClock turns the kernel's receive stamps, which are of the wall clock,
// into instants of the run, which are of the monotonic one. Both clocks are
// looked at when a read returns: what lies between the stamp and that moment is
// the read lag, and the arrival is so much before it. A clock that is set
// (stepped) can therefore spoil only what was waiting to be read at that
// moment; it shows as a change of the distance between the two clocks, since
// the kernel slews both alike.
//
// Any number of goroutines may use it at once.
type kernelClock struct {
	now func() (at time.Duration, wall int64) // both clocks: since the run's start, and since 1970

	distance atomic.Int64 // wall clock less monotonic clock, as last seen; 0 is not yet
	distrust atomic.Int64 // until this instant stamps are not used, since the clock was set
	steps    atomic.Int64 // how often it was set
	worst    atomic.Int64 // read lag since it was last asked for

	stamping *os.File // keeps the kernel stamping; nil: it refused
	pulse    pulse
}

const (
	// stepTolerance is well above what two looks at the clocks differ by, and
	// below what an instant may be off.
	stepTolerance = 100 * time.Microsecond
	// stepQuiet is how long stamps are not used after a step: bytes that came
	// before it may still be waiting to be read.
	stepQuiet = time.Second
)

// newKernelClock returns a clock of a run that began at start.
func newKernelClock(start time.Time) *kernelClock {
	return &kernelClock{
		now: func() (time.Duration, int64) {
			now := time.Now() // reads both at once
			return max(now.Sub(start), 1), now.UnixNano()
		},
		stamping: stamping(),
	}
}

// close ends what the clock has started.
func (k *kernelClock) close() {
	k.pulse.end()
	k.stamping.Close() //nolint:errcheck // nil, or a second time, is all that can go wrong
}

// arrival returns when the bytes came that the read which has just returned
// brought, and how long they had waited. Stamp is the kernel's, in nanoseconds
// since 1970, and 0 for none. A lag of 0 means that the instant is our own
// clock's; the kernel's lag is never 0.
func (k *kernelClock) arrival(stamp int64) (at, lag time.Duration) {
	at, wall := k.look()
	if stamp == 0 || int64(at) < k.distrust.Load() {
		return at, 0
	}
	lag = time.Duration(wall - stamp)
	if lag < -stepTolerance || lag >= at {
		return at, 0 // in the future, or from before the run: not of this clock
	}
	lag = max(lag, 1)
	k.late(lag)
	return at - lag, lag
}

// stood returns how long a read that joined several events may have left them
// waiting: the longest standstill since the read before.
func (k *kernelClock) stood(since time.Duration) time.Duration {
	now, _ := k.now()
	lag := k.pulse.still(since, now)
	k.late(lag)
	return lag
}

func (k *kernelClock) late(lag time.Duration) {
	for w := k.worst.Load(); int64(lag) > w; w = k.worst.Load() {
		if k.worst.CompareAndSwap(w, int64(lag)) {
			return
		}
	}
}

// look reads both clocks and notices a step. A look that was interrupted
// between the two is taken again.
func (k *kernelClock) look() (at time.Duration, wall int64) {
	var distance int64
	for range 3 {
		at, wall = k.now()
		distance = wall - int64(at)
		known := k.distance.Load()
		if known == 0 && k.distance.CompareAndSwap(0, distance) || within(distance-known, stepTolerance) {
			return at, wall
		}
	}
	k.distance.Store(distance)
	k.distrust.Store(int64(at + stepQuiet))
	k.steps.Add(1)
	return at, wall
}

func within(d int64, most time.Duration) bool { return -int64(most) <= d && d <= int64(most) }
