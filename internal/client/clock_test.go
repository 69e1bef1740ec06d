package client

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// TestKernelClock: stamps become instants of the run, unless the clock was set.
func TestKernelClock(t *testing.T) {
	const s = time.Second
	type reading struct{ at, wall time.Duration } // both since the start
	type want struct{ at, lag time.Duration }
	for name, tt := range map[string]struct {
		reads []reading
		stamp []time.Duration // on the wall clock, since the start; 0 is none
		want  []want
		steps int64
	}{
		"waited":            {[]reading{{s, s}}, []time.Duration{s - 3*ms}, []want{{s - 3*ms, 3 * ms}}, 0},
		"not at all":        {[]reading{{s, s}}, []time.Duration{s}, []want{{s - 1, 1}}, 0},
		"a trifle early":    {[]reading{{s, s}}, []time.Duration{s + 20*time.Microsecond}, []want{{s - 1, 1}}, 0},
		"from the future":   {[]reading{{s, s}}, []time.Duration{s + ms}, []want{{s, 0}}, 0},
		"before the run":    {[]reading{{s, s}}, []time.Duration{-ms}, []want{{s, 0}}, 0},
		"no stamp":          {[]reading{{s, s}}, []time.Duration{0}, []want{{s, 0}}, 0},
		"slewed":            {[]reading{{s, s}, {2 * s, 2*s + 90*time.Microsecond}}, []time.Duration{s, 2 * s}, []want{{s - 1, 1}, {2*s - 90*time.Microsecond, 90 * time.Microsecond}}, 0},
		"interrupted look":  {[]reading{{s, s}, {2 * s, 2*s - 5*ms}, {2*s + ms, 2*s + ms}}, []time.Duration{s, 2 * s}, []want{{s - 1, 1}, {2 * s, ms}}, 0},
		"set, then quiet":   {[]reading{{s, s}, {2 * s, 9 * s}, {2 * s, 9 * s}, {2 * s, 9 * s}, {3*s - 1, 10*s - 1}, {3 * s, 10 * s}}, []time.Duration{s, 9 * s, 10*s - 2, 10*s - 2*ms}, []want{{s - 1, 1}, {2 * s, 0}, {3*s - 1, 0}, {3*s - 2*ms, 2 * ms}}, 1},
		"set back":          {[]reading{{9 * s, 9 * s}, {10 * s, 2 * s}, {10 * s, 2 * s}, {10 * s, 2 * s}}, []time.Duration{9 * s, 9*s + ms}, []want{{9*s - 1, 1}, {10 * s, 0}}, 1},
		"before set, later": {[]reading{{s, s}, {2 * s, 9 * s}, {2 * s, 9 * s}, {2 * s, 9 * s}, {2*s + ms, 9*s + ms}}, []time.Duration{s, 9 * s, 2 * s}, []want{{s - 1, 1}, {2 * s, 0}, {2*s + ms, 0}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			const start = 1_700_000_000_000_000_000 // on the wall
			next := 0
			k := &kernelClock{now: func() (time.Duration, int64) {
				r := tt.reads[min(next, len(tt.reads)-1)]
				next++
				return r.at, start + int64(r.wall)
			}}
			for i, offset := range tt.stamp {
				stamp := start + int64(offset)
				if offset == 0 {
					stamp = 0
				}
				if at, lag := k.arrival(stamp); (want{at, lag}) != tt.want[i] {
					t.Errorf("arrival %d: %v, lag %v; want %v", i, at, lag, tt.want[i])
				}
			}
			if got := k.steps.Load(); got != tt.steps {
				t.Errorf("%d steps; want %d", got, tt.steps)
			}
		})
	}
}

// TestLongestLag: the sample of a second has that second's longest, and no older one.
func TestLongestLag(t *testing.T) {
	c := newClient(t, Config{})
	if c.kernel == nil {
		if got := c.ReadLag(); got != 0 {
			t.Errorf("ReadLag() = %v without a kernel's clock; want 0", got)
		}
		return
	}
	for _, lag := range []time.Duration{2 * ms, 7 * ms, 3 * ms} {
		c.kernel.late(lag)
	}
	if first, second := c.ReadLag(), c.ReadLag(); first != 7*ms || second != 0 {
		t.Errorf("ReadLag() = %v, then %v; want 7ms, 0s", first, second)
	}
}

// TestPulse: a process that runs is never late; one that stands still is, for as long as it did.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		now := func() time.Duration { return time.Since(start) }
		var p pulse
		p.begin(now)
		time.Sleep(time.Second)
		if got := p.still(0, now()); got != 0 {
			t.Errorf("stood still for %v in a second of fake time; want 0", got)
		}
		p.end()
		p.end()
		p.begin(now) // ended for good: this starts nothing, as the bubble's end proves
	})
}

func TestStill(t *testing.T) {
	var p pulse
	p.saw(100*ms, 101*ms) // as late as timers are
	if got := p.still(0, 200*ms); got != 0 {
		t.Errorf("still(0) = %v after a timer's lateness; want 0", got)
	}
	p.saw(200*ms, 250*ms)
	p.saw(300*ms, 320*ms)
	for _, tt := range []struct{ since, now, want time.Duration }{
		{0, 400 * ms, 50 * ms},
		{200 * ms, 400 * ms, 50 * ms},
		{210 * ms, 400 * ms, 40 * ms}, // only what came after the last read
		{240 * ms, 400 * ms, 20 * ms},
		{315 * ms, 400 * ms, 5 * ms},
		{320 * ms, 400 * ms, 0},
	} {
		if got := p.still(tt.since, tt.now); got != tt.want {
			t.Errorf("still(%v, %v) = %v; want %v", tt.since, tt.now, got, tt.want)
		}
	}
	p.due.Store(int64(400 * ms)) // overdue, and not noticed yet
	for _, tt := range []struct{ since, now, want time.Duration }{
		{350 * ms, 401 * ms, 0},
		{350 * ms, 430 * ms, 30 * ms},
		{410 * ms, 430 * ms, 20 * ms},
	} {
		if got := p.still(tt.since, tt.now); got != tt.want {
			t.Errorf("overdue: still(%v, %v) = %v; want %v", tt.since, tt.now, got, tt.want)
		}
	}
}

// TestStillForgets: what is older than the ring is gone, the longest of the rest is not.
func TestStillForgets(t *testing.T) {
	var p pulse
	p.saw(0, time.Second)
	for i := range len(p.ring) {
		at := time.Duration(2+i) * time.Second
		p.saw(at, at+10*ms)
	}
	if got := p.still(0, time.Hour); got != 10*ms {
		t.Errorf("still(0) = %v; want 10ms", got)
	}
}

// TestClockNames: what is expected before the first answer, and what stamped them after it.
func TestClockNames(t *testing.T) {
	answer := func(lag time.Duration) call.Result { return call.Result{FirstByte: 1, ReadLagMax: lag} }
	for _, tt := range []struct {
		kernel  bool
		answers []call.Result
		want    string
	}{
		{true, nil, KernelClock},
		{true, []call.Result{{}}, KernelClock}, // no answer
		{true, []call.Result{answer(1), answer(9)}, KernelClock},
		{true, []call.Result{answer(1), answer(0)}, MixedClock},
		{true, []call.Result{answer(0)}, UserClock},
		{false, nil, UserClock},
		{false, []call.Result{answer(0)}, UserClock},
	} {
		var c Client
		if tt.kernel {
			c.kernel = &kernelClock{}
		}
		for _, r := range tt.answers {
			c.count(r)
		}
		if got := c.Clock(); got != tt.want {
			t.Errorf("Clock() after %v = %q; want %q", tt.answers, got, tt.want)
		}
	}
}

// TestJoinedRead: a read that joins events has waited as long as the process is
// known to have stood still since the read before, whatever its stamp says.
func TestJoinedRead(t *testing.T) {
	k := &kernelClock{now: func() (time.Duration, int64) { return 400 * ms, 0 }}
	k.pulse.saw(200*ms, 260*ms)
	c := &conn{kernel: k}
	for since, want := range map[time.Duration]time.Duration{190 * ms: 60 * ms, 240 * ms: 20 * ms, 300 * ms: 3 * ms} {
		a := &attempt{conn: c}
		a.arrived(399*ms, 3*ms)
		if a.joined(since); a.readLag() != want {
			t.Errorf("read lag %v after a read at %v; want %v", a.readLag(), since, want)
		}
	}
	if got := k.worst.Load(); got != int64(60*ms) {
		t.Errorf("the second's longest is %v; want 60ms", time.Duration(got))
	}
}
