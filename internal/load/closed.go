package load

import (
	"cmp"
	"container/heap"
	"context"
	"iter"
	"math"
	"sync/atomic"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Closed lets users send requests, each user one after the other. How many
// users there are follows changes: at each instant, the number from then on;
// where changes ends, the last number stays.
//
// A user's first request is due when the user starts. Each further one is due
// at the Done of the last Result emitted for the one before, plus Think: the
// scheduled end of the pause, not the moment of waking up. (Where no Done was
// recorded, the pause begins when Send returned.) When the number falls, the
// users who came last leave: at once while they pause, else when their request
// has ended, unless the number has risen again by then. So never more requests
// are in flight than there were users at the peak.
//
// Indexes are given out in the order of due times. With Requests, exactly that
// many are started, and Closed returns when they have ended; else it returns at
// End, after Stop, or when all users have left for good. It waits for every
// goroutine, and returns nil or the cause of ctx when that was cancelled.
func Closed(ctx context.Context, changes iter.Seq2[time.Duration, int], c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	s := &users{crew: newCrew(ctx, c), ended: make(chan turn)}
	for at, n := range changes {
		if !s.run(at) {
			break
		}
		s.set(at, max(n, 0))
	}
	s.run(forever)
	for s.running > 0 {
		<-s.ended
		s.running--
	}
	return s.wait(ctx)
}

const forever = time.Duration(math.MaxInt64)

// users is the state of the closed loop; one goroutine owns it. A pausing user
// is an entry in a heap, so that only running requests cost a goroutine.
type users struct {
	*crew
	here    []bool // by user: pausing or waiting for an answer
	wanted  int    // users with a number below it stay
	pausing turns
	running int
	next    int       // next index to give out
	ended   chan turn // users whose request has ended, with the next due time
}

// run lets the users work until an instant has come. False: no more requests
// are to be started at all.
func (s *users) run(until time.Duration) bool {
	for {
		s.collect()
		if s.over(until) {
			return false
		}
		next := until
		if len(s.pausing) > 0 {
			next = min(next, s.pausing[0].due)
		}
		if s.tooLate(next) {
			next = s.End
		}
		if s.now() < next {
			s.await(next)
			continue
		}
		if s.tooLate(next) {
			return false
		}
		if next == until {
			return true
		}
		s.start(heap.Pop(&s.pausing).(turn))
	}
}

// over reports whether nothing is left to start: stopped, all requests given
// out, or everyone gone and nobody to come.
func (s *users) over(until time.Duration) bool {
	return s.stopped() ||
		s.Requests > 0 && s.next == s.Requests ||
		until == forever && s.running == 0 && len(s.pausing) == 0
}

// await waits for an instant, or until something has happened before it.
func (s *users) await(until time.Duration) {
	alarm := s.wake(until)
	defer s.timer.Stop()
	select {
	case <-s.timer.C:
	case <-alarm:
	case t := <-s.ended:
		s.pause(t)
	case <-s.Stop:
	case <-s.ctx.Done():
	}
}

// collect takes in the requests that have ended, so that whoever is due first
// goes first.
func (s *users) collect() {
	for {
		select {
		case t := <-s.ended:
			s.pause(t)
		default:
			return
		}
	}
}

// pause lets a user whose request has ended think, or leave.
func (s *users) pause(t turn) {
	s.running--
	s.here[t.user] = t.user < s.wanted
	if s.here[t.user] {
		heap.Push(&s.pausing, t)
	}
}

// set changes the number of users.
func (s *users) set(at time.Duration, n int) {
	for len(s.here) < n {
		s.here = append(s.here, false)
	}
	for user := s.wanted; user < n; user++ {
		if !s.here[user] { // else still waiting for an answer, and stays
			s.here[user] = true
			heap.Push(&s.pausing, turn{due: at, user: user})
		}
	}
	if n < s.wanted {
		s.dismiss(n)
	}
	s.wanted = n
}

// dismiss lets the pausing users with a number from n on leave.
func (s *users) dismiss(n int) {
	stay := s.pausing[:0]
	for _, t := range s.pausing {
		if t.user < n {
			stay = append(stay, t)
		} else {
			s.here[t.user] = false
		}
	}
	s.pausing = stay
	heap.Init(&s.pausing)
}

// start sends a user's request.
func (s *users) start(t turn) {
	index := s.next
	s.next++
	s.running++
	s.wg.Go(func() {
		t.due = s.send(index, t.due)
		s.ended <- t
	})
}

// send makes and sends one request and returns when its user's next is due.
func (s *users) send(index int, due time.Duration) time.Duration {
	var last atomic.Int64 // Send may emit from any goroutine
	s.Send(s.ctx, s.request(index, due), func(r call.Result) {
		last.Store(int64(r.Done))
		s.Emit(r)
	})
	done := time.Duration(last.Load())
	if done == 0 {
		done = s.now()
	}
	if s.Think == nil {
		return done
	}
	return done + max(s.Think(index), 0)
}

// turn is a user and when the user's next request is due.
type turn struct {
	due  time.Duration
	user int
}

// turns is a heap of turns, the earliest first and lower users first among equals.
type turns []turn

func (h turns) Len() int { return len(h) }
func (h turns) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].due, h[j].due), cmp.Compare(h[i].user, h[j].user)) < 0
}
func (h turns) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is part of heap.Interface.
func (h *turns) Push(t any) { *h = append(*h, t.(turn)) }

// Pop is part of heap.Interface.
func (h *turns) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	return t
}
