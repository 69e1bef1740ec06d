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
	if x.fx.buffer && x.pinging { // held back until the stream is closed
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
	if _, err := x.w.Write(b); err != nil {
		x.err = errGone
		return
	}
	if f, ok := x.w.(http.Flusher); ok {
		f.Flush()
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

// sleep waits for an offset of the script, and notes how late it woke.
func (x *exchange) sleep(at time.Duration) {
	if x.fx.factor > 0 {
		at = scale(at, x.fx.factor)
	}
	due := x.start.Add(at)
	x.until(due, true)
	if x.err == nil && x.s.config.Profile != Instant {
		late := time.Since(due)
		x.s.truth.late.add(late)
		x.rec.Lateness = max(x.rec.Lateness, late)
	}
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
		if silence := x.wrote.Add(x.s.config.PingEvery).Sub(now); pings && x.pinging && silence < wait {
			x.nap(silence)
			x.ping()
			x.flush()
			continue
		}
		x.nap(wait)
	}
}

// nap waits, or finds that the client has left.
func (x *exchange) nap(d time.Duration) {
	if x.err != nil || d <= 0 {
		return
	}
	if x.timer == nil {
		x.timer = time.NewTimer(d)
	} else {
		x.timer.Reset(d)
	}
	select {
	case <-x.timer.C:
	case <-x.r.Context().Done():
		x.err = errGone
	}
}

// spend waits for an offset while n tokens are generated evenly, debiting them
// each second: for answers that show nothing meanwhile.
func (x *exchange) spend(n int, from, to time.Duration) {
	done := 0
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
