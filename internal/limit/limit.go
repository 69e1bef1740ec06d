// Package limit is what the API allows. Rate-limit headers and 429s come in;
// out come what is left of each limit and when it will be gone ([Monitor]), and
// a wrapper around a [call.Sender] that obeys the limits or stays clear of them
// ([Wrap]).
//
// It refuses to guess what no answer said: a limit that was never mentioned has
// no headroom and holds nothing back. It does no I/O, knows no price and
// reserves no money; it stands outside the budget guard, so that nothing is
// reserved while a request waits here.
package limit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// The modes of [Config]: the plan's words for on_limit.
const (
	Measure = "measure" // a 429 is a failed request; the run goes on
	Obey    = "obey"    // a 429 is retried when the server says so
	Avoid   = "avoid"   // requests are held so that 429s hardly happen
)

// Config says what to do about limits. The zero value measures.
type Config struct {
	Mode string // Measure, Obey or Avoid; "" is Measure

	MaxAttempts int           // Obey: attempts of one request in all; 0 is 5
	MaxWait     time.Duration // Obey: longest wait of one request, all its waits together; 0 is 60 s

	// Share is the part of each limit that Avoid uses, over 0 and up to 1; 0 is 0.9.
	// It bounds our pace, to within one percent of the limit, and how much of a
	// bucket may be gone, others' use included. Where no header tells the limit it
	// is a share of a rate learned from 429s, which grows until the next one.
	Share   float64
	MaxHold time.Duration // Avoid: longest hold of one request; 0 is 30 s

	Seed    uint64          // of the jitter; with the request's index it decides every wait
	Stop    <-chan struct{} // closed: no retry and no held request starts any more; nil never is
	Monitor *Monitor        // is told of every answer, in every mode; nil: none
}

// validate reports what is wrong with c.
func (c Config) validate() error {
	switch c.Mode {
	case "", Measure, Obey, Avoid:
	default:
		return fmt.Errorf("limit mode %q: want measure, obey or avoid", c.Mode)
	}
	switch {
	case c.MaxAttempts < 0:
		return fmt.Errorf("limit max attempts %d: want 1 or more", c.MaxAttempts)
	case c.MaxWait < 0:
		return fmt.Errorf("limit max wait %v: want more than 0", c.MaxWait)
	case c.MaxHold < 0:
		return fmt.Errorf("limit max hold %v: want more than 0", c.MaxHold)
	case c.Share < 0 || c.Share > 1 || math.IsNaN(c.Share):
		return fmt.Errorf("limit share %v: want over 0 and up to 1", c.Share)
	}
	return nil
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.MaxAttempts = cmp.Or(c.MaxAttempts, 5)
	c.MaxWait = cmp.Or(c.MaxWait, time.Minute)
	c.MaxHold = cmp.Or(c.MaxHold, 30*time.Second)
	c.Share = cmp.Or(c.Share, 0.9)
	return c
}

// Wrap returns a sender that makes calls through send and treats limits as c
// says; the error is about c. One wrapper serves the whole run, from any number
// of goroutines, since what it learns is kept in it.
func Wrap(send call.Sender, c Config) (call.Sender, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if c.Monitor != nil {
		send = observed(send, c.Monitor)
	}
	switch c.Mode {
	case Obey:
		return obey(send, c), nil
	case Avoid:
		return avoid(send, c), nil
	}
	return send, nil
}

// observed tells m of every answer.
func observed(send call.Sender, m *Monitor) call.Sender {
	return func(ctx context.Context, req call.Request, emit func(call.Result)) {
		send(ctx, req, func(r call.Result) {
			m.Add(r, headersAt(r, time.Now()))
			emit(r)
		})
	}
}

// headersAt returns when the headers of r arrived, given that r is over now: a
// stream's headers are as old as its first byte by the time it ends.
func headersAt(r call.Result, now time.Time) time.Time {
	if r.FirstByte == 0 || r.Done < r.FirstByte {
		return now
	}
	return now.Add(r.FirstByte - r.Done)
}

// closed reports whether stop is closed; a nil one never is.
func closed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}
