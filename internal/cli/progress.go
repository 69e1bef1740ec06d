package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tokenload/tokenload/internal/run"
)

// plainEvery is how many frames go by between two lines where the progress
// cannot redraw its line.
const plainEvery = 5

// progress shows frames on standard error: one line that is redrawn on a
// terminal, a line every few seconds elsewhere.
type progress struct {
	e     *env
	quiet bool
	term  bool

	mu     sync.Mutex // frames come from the run, words from anywhere
	drawn  bool
	frames int
}

func newProgress(e *env, quiet bool) *progress {
	return &progress{e: e, quiet: quiet, term: isTerminal(e.stderr)}
}

// show takes one frame.
func (p *progress) show(f run.Frame) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frames++
	switch {
	case p.term:
		fmt.Fprintf(p.e.stderr, "\r\x1b[2K%s", line(f))
		p.drawn = true
	case p.frames%plainEvery == 1:
		fmt.Fprintln(p.e.stderr, line(f))
	}
}

// say prints words between frames.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.e.say("%s", text)
}

// end removes the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.e.stderr, "\r\x1b[2K")
		p.drawn = false
	}
}

// line renders a frame: stage, done, in flight, rates, 429s, dollars.
func line(f run.Frame) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	at := f.At.Truncate(time.Second)
	if f.End > 0 {
		add("%v/%v", at, f.End.Truncate(time.Second))
	} else {
		add("%v", at)
	}
	if f.Stage != "" {
		add("%s", f.Stage)
	}
	switch {
	case f.Rate > 0:
		add("%.3g/s asked", f.Rate)
	case !f.Open: // an open loop that has ended asks for nothing
		add("%d users", f.Users)
	}
	if f.Planned > 0 {
		add("%d/%d done", f.Done, f.Planned)
	} else {
		add("%d done", f.Done)
	}
	add("%d in flight", f.InFlight)
	add("%.1f req/s", f.RequestsPerS)
	add("%.0f tok/s", f.OutputTokensPerS)
	if f.TTFTP50.Known() {
		add("ttft %.0fms", float64(f.TTFTP50))
	}
	if f.RateLimited > 0 {
		add("%d 429s", f.RateLimited)
	}
	if other := f.Failed - f.RateLimited; other > 0 {
		add("%d failed", other)
	}
	if f.Dropped > 0 {
		add("%d dropped", f.Dropped)
	}
	if f.Spend.Budget > 0 {
		add("%v of %v", f.Spend.Spent, f.Spend.Budget)
	} else {
		add("%v", f.Spend.Spent)
	}
	return strings.Join(parts, " · ")
}
