package sim

import (
	"net/http"
	"time"
)

// flush hands what is rendered to the kernel, as one write, and returns when.
func (x *exchange) flush() time.Time {
	now := time.Now()
	if x.err != nil {
		return now
	}
	if len(x.buf) == 0 || x.fx.buffer && x.pinging { // held back until the stream is closed
		x.wrote = now
		return now
	}
	if x.rec.FirstByte == 0 {
		x.rec.FirstByte = now.Sub(x.rec.Received)
	}
	if x.fx.bytesPerSec > 0 {
		x.drip()
	} else {
		x.write(x.buf)
	}
	x.buf, x.event = x.buf[:0], 0
	x.wrote = time.Now()
	x.rec.LastByte = x.wrote.Sub(x.rec.Received)
	return now
}

// write sends bytes at once, unless the answer has ended.
func (x *exchange) write(b []byte) {
	if x.err != nil || len(b) == 0 {
		return
	}
	cut := x.fx.cutBytes > 0 && x.sent+len(b) >= x.fx.cutBytes
	if cut {
		b = b[:x.fx.cutBytes-x.sent]
	}
	if _, err := x.w.Write(b); err != nil {
		x.err = errGone
		return
	}
	x.sent += len(b)
	if f, ok := x.w.(http.Flusher); ok {
		f.Flush()
	}
	if cut {
		x.err = x.fx.cutWhy
	}
}

// drip sends the bytes ten times a second, so many of them.
func (x *exchange) drip() {
	step := max(1, x.fx.bytesPerSec/10)
	every := time.Second * time.Duration(step) / time.Duration(x.fx.bytesPerSec)
	due := time.Now()
	for b := x.buf; len(b) > 0 && x.err == nil; {
		n := min(step, len(b))
		x.write(b[:n])
		b = b[n:]
		due = due.Add(every)
		x.until(due, false)
	}
}

// sleep waits for an offset of the script, as the load and a slow fault stretch
// it, and notes how late it woke.
func (x *exchange) sleep(at time.Duration) {
	factor := x.set.service.factor()
	if x.fx.factor > 0 {
		factor *= x.fx.factor
	}
	x.due = x.due.Add(scale(at-x.at, factor))
	x.at = at
	x.until(x.due, true)
	if x.err == nil && x.set.config.Profile != Instant {
		late := time.Since(x.due)
		x.s.truth.late.add(late)
		x.rec.Lateness = max(x.rec.Lateness, late)
	}
	if x.set.service.steps != nil {
		x.sleepSteps(x.script.drawn)
	}
}

// sleepSteps waits until the steps have made n tokens of the answer; it joins
// them the first time, when the floor of its latency has passed.
func (x *exchange) sleepSteps(n int) {
	b := x.set.service.steps
	if x.job == nil && x.err == nil {
		x.job = b.join(x.use.uncached(), x.script.output)
	}
	if x.err != nil || b.ready(x.job, n) {
		return
	}
	x.untilWoken(x.job.wake)
}

// until waits for an absolute moment, so that delays never add up. An open
// stream is kept alive with pings unless they are not wanted.
func (x *exchange) until(due time.Time, pings bool) {
	for x.err == nil {
		now := time.Now()
		wait := due.Sub(now)
		if wait <= 0 {
			return
		}
		if silence := x.wrote.Add(x.set.config.PingEvery).Sub(now); pings && x.pinging && silence < wait {
			x.nap(silence, nil)
			x.ping()
			x.flush()
			continue
		}
		x.nap(wait, nil)
	}
}

// untilWoken waits for a channel, with pings meanwhile if the stream is open.
func (x *exchange) untilWoken(wake <-chan struct{}) {
	for x.err == nil {
		silence := time.Hour
		if x.pinging {
			silence = time.Until(x.wrote.Add(x.set.config.PingEvery))
		}
		if x.nap(silence, wake) {
			return
		}
		if x.pinging && x.err == nil {
			x.ping()
			x.flush()
		}
	}
}

// nap waits, or is woken, or finds that the client has left or that the moment
// of a cut has come. It says whether it was woken.
func (x *exchange) nap(d time.Duration, wake <-chan struct{}) bool {
	if x.err != nil || d <= 0 {
		return false
	}
	cut := false
	if !x.fx.cutAt.IsZero() {
		left := max(0, time.Until(x.fx.cutAt))
		cut, d = left <= d, min(d, left)
	}
	if x.timer == nil {
		x.timer = time.NewTimer(d)
	} else {
		x.timer.Reset(d)
	}
	select {
	case <-x.timer.C:
		if cut {
			x.err = x.fx.cutWhy
		}
	case <-wake:
		return true
	case <-x.r.Context().Done():
		x.err = errGone
	}
	return false
}

// spend waits for an offset while n tokens are generated evenly, debiting them
// each second: for answers that show nothing meanwhile.
func (x *exchange) spend(n int, from, to time.Duration) {
	done := 0
	for x.set.service.steps != nil && done < n && x.err == nil { // the last of the n is the last drawn
		k := min(16, n-done)
		x.sleepSteps(x.script.drawn - n + done + k)
		if x.err == nil {
			x.generated(k)
			done += k
		}
	}
	for at := from; at < to && x.err == nil; {
		at = min(to, at+time.Second)
		x.sleep(at)
		part := int(float64(n)*float64(at-from)/float64(to-from)) - done
		if x.err == nil {
			x.generated(part)
			done += part
		}
	}
	if x.err == nil {
		x.generated(n - done)
	}
}

// generated debits output tokens that now exist.
func (x *exchange) generated(n int) {
	if n > 0 {
		x.gate.generated(n, time.Now())
		x.rec.OutputTokens += n
	}
}
