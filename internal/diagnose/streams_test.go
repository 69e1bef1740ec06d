package diagnose

import (
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

func TestStreamCut(t *testing.T) {
	at := func(after time.Duration, events func(i int) int) func(int, *call.Result) {
		return func(i int, r *call.Result) {
			r.Class, r.Done, r.Events = call.Cut, r.Sent+after+time.Duration(i)*time.Millisecond, events(i)
		}
	}
	some := func(i int) int { return 40 + i }
	same := func(int) int { return 12 }
	fires(t, "stream.cut", "a time-out", changed(100, 10, at(30*time.Second, some)), true,
		"cut at 30.0 s: something between has a time-out", "10 of the cuts came within 600ms", "no stream that ended well took longer than 0.5 s")
	fires(t, "stream.cut", "always after as many events", changed(100, 10, at(30*time.Second, same)), true, "10.0% of streams were cut before their end")
	scattered := changed(100, 10, func(i int, r *call.Result) {
		r.Class, r.Done, r.Events = call.Cut, r.Sent+time.Duration(i+1)*3*time.Second, i
	})
	fires(t, "stream.cut", "scattered", scattered, true, "10.0% of streams were cut before their end")
	outlived := changed(100, 10, at(30*time.Second, some))
	outlived[50].Done = outlived[50].Sent + time.Minute
	fires(t, "stream.cut", "one good answer took longer", outlived, true, "10.0% of streams were cut before their end")
	fires(t, "stream.cut", "two", changed(100, 2, at(30*time.Second, some)), false)
	fires(t, "stream.cut", "one in a hundred", changed(400, 4, at(30*time.Second, some)), false)
}

func TestStreamStall(t *testing.T) {
	gap := func(d time.Duration) func(int, *call.Result) {
		return func(_ int, r *call.Result) { r.GapMax = d }
	}
	fires(t, "stream.stall", "long gaps", changed(100, 3, gap(25*time.Second)), true, "3 of 100 streams had a gap of over 20.0 s", "up to 25.0 s without content")
	fires(t, "stream.stall", "just not", changed(100, 50, gap(20*time.Second)), false)
	fires(t, "stream.stall", "rare ones", changed(100, 2, gap(time.Minute)), false)
	fires(t, "stream.stall", "given up", changed(100, 5, func(_ int, r *call.Result) { r.Class = call.Stalled }), true, "5 streams never went on")
}

func TestStreamBuffered(t *testing.T) {
	shape := func(gap, ttft, rest time.Duration) func(int, *call.Result) {
		return func(_ int, r *call.Result) {
			r.Gaps = [][2]int{{call.GapBucket(gap), 9}, {call.GapBucket(100 * time.Millisecond), 1}}
			r.FirstContent, r.LastContent = r.Sent+ttft, r.Sent+ttft+rest
		}
	}
	held := shape(time.Millisecond, 3*time.Second, 100*time.Millisecond)
	fires(t, "stream.buffered", "held back", changed(40, 40, held), true, "100.0% of streams came all at once", "at 3.00s (median)", "our own reader: it kept up")
	half := changed(40, 40, func(i int, r *call.Result) {
		if held(i, r); i%2 == 0 {
			r.Gaps = [][2]int{{call.GapBucket(30 * time.Millisecond), 10}}
		}
	})
	fires(t, "stream.buffered", "half of them", half, false)
	fires(t, "stream.buffered", "events apart", changed(40, 40, shape(3*time.Millisecond, 3*time.Second, 100*time.Millisecond)), false)
	fires(t, "stream.buffered", "first content in good time", changed(40, 40, shape(time.Millisecond, 300*time.Millisecond, 100*time.Millisecond)), false)
	fires(t, "stream.buffered", "too quick to tell", changed(40, 40, shape(time.Millisecond, 200*time.Millisecond, time.Millisecond)), false)
}
