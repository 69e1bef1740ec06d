package client

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// pulse notes when this process did not get to run. It wakes a few hundred
// times a second and looks how late it is.
//
// It is needed where reads fall behind: the kernel joins segments that wait and
// keeps the latest stamp, so the lag of such a read looks as short as the
// server's last pause, however long its first bytes have waited. Of a read that
// brings several events, therefore, all the time counts as lag that the process
// is known to have stood still since the read before.
type pulse struct {
	once sync.Once
	done chan struct{}
	wg   sync.WaitGroup

	due  atomic.Int64 // of the next beat; 0: there is none
	last atomic.Int64 // end of the latest standstill: before it nothing need be looked up
	mu   sync.Mutex
	ring [64]standstill
	next int
}

// standstill is a time in which the process was due to run and did not.
type standstill struct{ from, to time.Duration }

const (
	beat      = 5 * time.Millisecond
	leastLate = 2 * time.Millisecond // less is the granularity of timers
)

// begin starts the pulse, if it was not started before. End must follow.
func (p *pulse) begin(now clock) {
	p.once.Do(func() {
		p.done = make(chan struct{})
		done := p.done
		p.wg.Go(func() { p.run(now, done) })
	})
}

// end stops the pulse for good and waits for it.
func (p *pulse) end() {
	p.once.Do(func() {})
	p.mu.Lock()
	if p.done != nil {
		close(p.done)
		p.done = nil
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *pulse) run(now clock, done <-chan struct{}) {
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		due := now() + beat
		p.due.Store(int64(due))
		select {
		case <-timer.C:
		case <-done:
			return
		}
		// What a timer wakes runs at once; we want the place in the queue that a
		// stream has whose bytes have come.
		runtime.Gosched()
		p.saw(due, now())
		timer.Reset(beat)
	}
}

// saw notes that the process ran at an instant and should have at another.
func (p *pulse) saw(due, at time.Duration) {
	if at-due < leastLate {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring[p.next] = standstill{due, at}
	p.next = (p.next + 1) % len(p.ring)
	p.last.Store(int64(at))
}

// still returns the longest standstill between two instants, the second of which is now.
func (p *pulse) still(since, now time.Duration) time.Duration {
	var longest time.Duration
	if due := time.Duration(p.due.Load()); due != 0 && now-due >= leastLate {
		longest = now - max(due, since) // it is not over, or the pulse has not noticed yet
	}
	if time.Duration(p.last.Load()) <= since {
		return longest
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.ring {
		longest = max(longest, s.to-max(s.from, since))
	}
	return longest
}
