package limit

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// server is an API with a token bucket for each limit, as a sender: buckets hold
// `window` of their limit and refill continuously; requests and the input
// estimate are charged at admission, output as it is generated, down to below
// zero; an answer's headers speak of the moment of admission, tokens rounded to
// 1,000. It is used inside a synctest bubble only.
type server struct {
	limits   [3]float64    // requests, input, output tokens a minute; 0: no limit
	window   time.Duration // what a bucket holds; 0 is a minute
	silent   bool          // no headers at all
	nameless bool          // 429s do not say which limit
	noRetry  bool          // no retry-after
	ttfb     time.Duration
	speed    float64             // output tokens a second
	output   func(index int) int // output tokens of a request
	perByte  float64             // input tokens a byte; 0 is 0.25
	plain    bool                // the first byte comes when all is generated
	burst    time.Duration       // requests also have a bucket that holds so much and is not told of; 0: none
	drained  bool                // the buckets are empty at the start
	others   float64             // share of each limit that somebody else uses
	edit     func(*call.Limits)  // changes the headers; nil: leaves them

	start time.Time
	mu    sync.Mutex
	level [3]float64
	short float64
	at    time.Time
	used  [3]float64
	log   []served
	empty time.Duration // when a 429 first came, or a bucket first fell under a fifth
}

// served is one answer, with the limit that refused it.
type served struct {
	at, done      time.Duration
	ok            bool
	by            int
	input, output float64
}

func (s *server) begin() {
	s.start = time.Now().Add(-1)
	s.at = time.Now()
	if s.window == 0 {
		s.window = time.Minute
	}
	if s.perByte == 0 {
		s.perByte = 0.25
	}
	for i := range s.level {
		if !s.drained {
			s.level[i] = s.capacity(i)
		}
	}
	s.short = s.brief()
}

func (s *server) brief() float64 { return s.limits[0] * s.burst.Minutes() }

func (s *server) capacity(i int) float64 { return s.limits[i] * s.window.Minutes() }

func (s *server) refill() {
	dt := time.Since(s.at).Minutes()
	s.at = time.Now()
	for i := range s.level {
		s.level[i] = min(s.capacity(i), s.level[i]+s.limits[i]*(1-s.others)*dt)
	}
	s.short = min(s.brief(), s.short+s.limits[0]*dt)
}

func (s *server) take(i int, n float64) {
	s.level[i] -= n
	s.used[i] += n
}

// admit charges what is charged at the start, or names the limit in the way and
// the seconds until it will not be.
func (s *server) admit(in float64) (by int, wait float64, l call.Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refill()
	by = -1
	for i, need := range [3]float64{1, in, 1} {
		if s.limits[i] > 0 && s.level[i] < min(need, s.capacity(i))-1e-9 {
			if w := math.Ceil((need - s.level[i]) / (s.limits[i] / 60)); w > wait {
				by, wait = i, w
			}
		}
	}
	if by < 0 && s.burst > 0 && s.short < 1-1e-9 {
		by, wait = 0, 1
	}
	if by < 0 {
		s.take(0, 1)
		s.take(1, in)
		s.short--
	}
	if s.empty == 0 && by >= 0 {
		s.empty = time.Since(s.start)
	}
	return by, wait, s.headers()
}

func (s *server) headers() call.Limits {
	if s.silent {
		return call.Limits{}
	}
	var hs [3]*call.Limit
	for i := range hs {
		if s.limits[i] == 0 {
			continue
		}
		left := math.Max(0, s.level[i])
		if i > 0 {
			left = math.Round(left/1000) * 1000
		}
		full := time.Duration((s.capacity(i) - s.level[i]) / s.limits[i] * float64(time.Minute))
		hs[i] = &call.Limit{Limit: new(int64(s.limits[i])), Remaining: new(int64(left)), Reset: time.Now().Add(full)}
	}
	l := call.Limits{Requests: hs[0], InputTokens: hs[1], OutputTokens: hs[2]}
	if s.edit != nil {
		s.edit(&l)
	}
	return l
}

// send is the call.Sender.
func (s *server) send(ctx context.Context, req call.Request, emit func(call.Result)) {
	r := req.Result(call.OK)
	r.Started = time.Since(s.start)
	time.Sleep(10 * time.Millisecond)
	r.Sent = time.Since(s.start)
	in := float64(int(float64(len(req.Body)) * s.perByte))
	by, wait, limits := s.admit(in)
	r.Limits = limits
	entry := served{at: r.Sent, by: by, ok: by < 0, input: in}
	if by >= 0 {
		time.Sleep(10 * time.Millisecond)
		r.Class, r.Status, r.LimitedBy = call.RateLimited, 429, kinds[by]
		if s.nameless {
			r.LimitedBy = call.LimitUnknown
		}
		if !s.noRetry {
			r.RetryAfter = &wait
		}
		r.FirstByte = time.Since(s.start)
	} else {
		time.Sleep(s.ttfb)
		r.FirstByte = time.Since(s.start)
		r.Status, r.Known, r.Input, r.Output = 200, call.UsageFinal, int64(in), s.generate(req.Index)
		entry.output = float64(r.Output)
		if s.plain {
			r.FirstByte = time.Since(s.start)
		}
	}
	r.Done = time.Since(s.start)
	entry.done = r.Done
	s.mu.Lock()
	s.log = append(s.log, entry)
	s.mu.Unlock()
	emit(r)
}

// generate charges the output of a request in steps of half a second.
func (s *server) generate(index int) int64 {
	total := 0
	if s.output != nil {
		total = s.output(index)
	}
	for left := float64(total); left > 0; {
		n := min(left, s.speed/2)
		time.Sleep(time.Duration(n / s.speed * float64(time.Second)))
		left -= n
		s.mu.Lock()
		s.refill()
		s.take(2, n)
		s.mu.Unlock()
	}
	return int64(total)
}

// figures is how a run went from one instant on.
type figures struct {
	share   [3]float64 // of the limit that was used, by limit
	refused float64    // share of attempts
	n       int
}

func (f figures) String() string {
	return fmt.Sprintf("used %.3f of requests, %.3f of input, %.3f of output; %.2f %% of %d refused",
		f.share[0], f.share[1], f.share[2], 100*f.refused, f.n)
}

// between measures what was admitted and refused from one instant to another.
// Output counts when its request ends.
func (s *server) between(from, to time.Duration) figures {
	var f figures
	var used [3]float64
	refused := 0
	for _, e := range s.log {
		if e.at >= from && e.at < to {
			f.n++
			if e.ok {
				used[0]++
				used[1] += e.input
			} else {
				refused++
			}
		}
		if e.done >= from && e.done < to {
			used[2] += e.output
		}
	}
	for i := range used {
		if s.limits[i] > 0 {
			f.share[i] = used[i] / (s.limits[i] * (to - from).Minutes())
		}
	}
	f.refused = float64(refused) / float64(max(1, f.n))
	return f
}

// lognormal draws the same value for the same index: mean as given, sigma 0.5.
func lognormal(seed uint64, mean float64) func(index int) int {
	const sigma = 0.5
	return func(index int) int {
		z := rand.New(rand.NewPCG(seed, uint64(index))).NormFloat64()
		return max(1, int(mean*math.Exp(sigma*z-sigma*sigma/2)))
	}
}

// script is what the drivers send.
type script struct {
	body      func(index int) int // bytes
	maxTokens int
	seed      uint64
}

func (p script) request(index int, due time.Duration) call.Request {
	n := 100
	if p.body != nil {
		n = p.body(index)
	}
	return call.Request{Index: index, Task: "t", Model: "claude-haiku-4-5", MaxTokens: p.maxTokens, Body: zeros[:min(n, len(zeros))], Due: due}
}

var zeros = make([]byte, 1<<20)

// open sends at Poisson arrivals of rate a second until end and waits for all.
func (p script) open(ctx context.Context, s *server, send call.Sender, rate float64, end time.Duration) []call.Result {
	var c collector
	var wg sync.WaitGroup
	rng := rand.New(rand.NewPCG(p.seed, 1))
	due := time.Duration(1)
	for i := 0; due < end; i++ {
		time.Sleep(due - time.Since(s.start))
		req := p.request(i, due)
		wg.Go(func() { send(ctx, req, c.emit) })
		due += time.Duration(rng.ExpFloat64() / rate * float64(time.Second))
	}
	wg.Wait()
	return c.results
}

// closed keeps users busy without a pause until end.
func (p script) closed(ctx context.Context, s *server, send call.Sender, users int, end time.Duration) []call.Result {
	var c collector
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			for i := u; time.Since(s.start) < end; i += users {
				send(ctx, p.request(i, time.Since(s.start)), c.emit)
			}
		})
	}
	wg.Wait()
	return c.results
}

// collector takes results from any goroutine.
type collector struct {
	mu      sync.Mutex
	results []call.Result
}

func (c *collector) emit(r call.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results = append(c.results, r)
}

// firstHold is when the limiter first held or lost something: its bucket was empty.
func firstHold(t *testing.T, s *server, rs []call.Result) time.Duration {
	t.Helper()
	first := s.empty
	for _, r := range rs {
		if r.Held > 0 && (first == 0 || r.Due < first) {
			first = r.Due
		}
	}
	if first == 0 {
		t.Fatal("nothing was held and nothing refused")
	}
	return first
}
