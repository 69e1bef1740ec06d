// Package pace is a load profile as numbers: how many users there should be at
// any instant, and when each request of an arrival process is due. A [Profile]
// and a seed go in; user counts, the instants at which they change and absolute
// due times come out. It is arithmetic: it has no clock, never sleeps, and
// refuses to know what a request is.
//
// All instants are offsets from the start of the run.
package pace

import (
	"iter"
	"math"
	"sort"
	"time"
)

// Stage is one part of a profile: a linear ramp from the target of the stage
// before it (0 before the first) to its own.
type Stage struct {
	Name     string
	Duration time.Duration // 0 jumps to Target; below 0 is read as 0
	Target   float64       // users, or arrivals per second; read as the nearest number from 0 to 1e9, NaN as 0
}

// Profile is a load over time. The zero Profile has no length and no load.
type Profile struct {
	Stages  []Stage
	Process Process // how arrivals are spread; "" is Constant. Users ignore it
	CV      float64 // coefficient of variation of the gaps, for Gamma only; 0 is 1
}

// maxTarget keeps every target finite and countable: a billion a second is one
// arrival a nanosecond, the resolution of an instant.
const maxTarget = 1e9

// segment is a stage with its place in time.
type segment struct {
	start, end time.Duration
	from, to   float64 // target at start and end
}

// segments lays the stages end to end. Stages of no length are among them, so
// that the indexes are those of Stages.
func (p Profile) segments() []segment {
	segs := make([]segment, len(p.Stages))
	var at time.Duration
	var from float64
	for i, s := range p.Stages {
		to := 0.0
		if s.Target > 0 {
			to = min(s.Target, maxTarget)
		}
		segs[i] = segment{start: at, end: at + max(s.Duration, 0), from: from, to: to}
		at, from = segs[i].end, to
	}
	return segs
}

// target interpolates between the ends of the segment. Every step of it is
// rounded correctly and so keeps order: target never falls where the stage
// rises, which the search in changes relies on. The conversion around the
// product keeps compilers from fusing it with the sum, so that all machines
// agree to the last bit.
func (s segment) target(at time.Duration) float64 {
	share := float64(at-s.start) / float64(s.end-s.start)
	v := s.from + float64((s.to-s.from)*share)
	return min(max(v, min(s.from, s.to)), max(s.from, s.to))
}

func (s segment) users(at time.Duration) int { return int(math.Floor(s.target(at) + 0.5)) }

// Duration returns the length of all stages together.
func (p Profile) Duration() time.Duration {
	var d time.Duration
	for _, s := range p.Stages {
		d += max(s.Duration, 0)
	}
	return d
}

// Peak returns the highest target of any stage.
func (p Profile) Peak() float64 {
	peak := 0.0
	for _, s := range p.Stages {
		peak = max(peak, s.Target)
	}
	return peak
}

// StageAt returns the index of the stage in force at an instant: the one with
// start ≤ at < end. A stage of 0s never is, unless it is the last and at is not
// before it. After the end it is the last stage, before the start the first
// that has a length; -1 without stages.
func (p Profile) StageAt(at time.Duration) int {
	return stageAt(p.segments(), at)
}

func stageAt(segs []segment, at time.Duration) int {
	at = max(at, 0)
	for i, s := range segs {
		if at < s.end {
			return i
		}
	}
	return len(segs) - 1
}

// Target returns the wanted users, or arrivals per second, at an instant. Where
// a stage of 0s jumps it is the new value. Before the start and from Duration
// on it is 0: there is no load outside the stages.
func (p Profile) Target(at time.Duration) float64 {
	segs := p.segments()
	if at < 0 || at >= p.Duration() {
		return 0
	}
	return segs[stageAt(segs, at)].target(at)
}

// Users returns the wanted number of users at an instant: Target, halves
// rounded up.
func (p Profile) Users(at time.Duration) int {
	return int(math.Floor(p.Target(at) + 0.5))
}

// Changes yields every instant at which Users changes, in order, and the number
// from then on; it agrees with Users to the nanosecond. The number before the
// first change is 0. The last pair is always (Duration, 0), also where no user
// is left by then.
func (p Profile) Changes() iter.Seq2[time.Duration, int] {
	return func(yield func(time.Duration, int) bool) {
		users := 0
		for _, s := range p.segments() {
			for at := s.start; at < s.end; at = nextChange(s, at) {
				n := s.users(at)
				if n != users && !yield(at, n) {
					return
				}
				users = n
			}
		}
		yield(p.Duration(), 0)
	}
}

// nextChange returns the first instant after at whose users differ from those
// at at, or the segment's end. It asks the very function that Users asks, by
// bisection, because an inverse would be off by a nanosecond here and there.
func nextChange(s segment, at time.Duration) time.Duration {
	n, base := s.users(at), at+1
	return base + time.Duration(sort.Search(int(s.end-base), func(i int) bool {
		return s.users(base+time.Duration(i)) != n
	}))
}

// Fixed yields one change: n users from the start on, without an end, for a
// load that ends after a number of requests.
func Fixed(n int) iter.Seq2[time.Duration, int] {
	return func(yield func(time.Duration, int) bool) { yield(0, n) }
}
