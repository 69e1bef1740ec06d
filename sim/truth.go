package sim

import (
	"encoding/json"
	"math/bits"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Record is what truly happened to one request. Times are since Received; 0 is
// never. It holds no prompt, no answer and no key.
type Record struct {
	RequestID  string
	Path       string
	Version    string // anthropic-version; "" if it was none we know
	Auth       string // the header that carried the key: x-api-key or authorization; "" is none
	RetryCount int    // how many attempts an SDK says went before (x-stainless-retry-count)
	Model      string // as answered
	Class      string // of limits
	Stream     bool
	Status     int    // 0: the connection was closed before an answer
	Error      string // error.type, also of an error event inside a stream
	Received   time.Time

	Start        time.Duration // the body was read, and a place in the queue was free
	FirstByte    time.Duration // each: when it was about to be handed to the kernel
	FirstContent time.Duration // first shown delta
	LastContent  time.Duration
	LastByte     time.Duration // the last one had been handed to the kernel
	DrawnFirst   time.Duration // since Start: when the first event was due
	DrawnContent time.Duration // since Start: when the first delta was due, shown or not
	DrawnSpeed   float64       // tokens per second; 0 is no delay
	Lateness     time.Duration // the worst of its writes against what was due

	MaxTokens      int
	InputTokens    int
	CacheWrite5m   int
	CacheWrite1h   int
	CacheRead      int
	OutputTokens   int // generated so far, thinking included
	ThinkingTokens int
	StopReason     string // as sent; "" if none was
	Events         int
	Billed         Pico // for what was read and generated, once the answer had begun

	Levels     Levels // of the limits, as the headers were written
	LimitedBy  string // requests, input_tokens, output_tokens, ramp or spend
	RetryAfter int    // seconds, before any fault took it away
	Faults     []string
	Canceled   bool // the client left
}

// MarshalJSON gives times in milliseconds.
func (r Record) MarshalJSON() ([]byte, error) {
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return json.Marshal(map[string]any{
		"type": "request", "request_id": r.RequestID, "path": r.Path, "version": r.Version,
		"auth": r.Auth, "retry_count": r.RetryCount, "model": r.Model, "class": r.Class, "stream": r.Stream,
		"status": r.Status, "error": r.Error, "received": r.Received.UTC().Format(time.RFC3339Nano),
		"start_ms": ms(r.Start), "first_byte_ms": ms(r.FirstByte), "first_content_ms": ms(r.FirstContent),
		"last_content_ms": ms(r.LastContent), "last_byte_ms": ms(r.LastByte), "drawn_first_ms": ms(r.DrawnFirst),
		"drawn_content_ms": ms(r.DrawnContent), "drawn_tokens_per_s": r.DrawnSpeed, "lateness_ms": ms(r.Lateness),
		"max_tokens": r.MaxTokens, "input_tokens": r.InputTokens, "cache_write_5m_tokens": r.CacheWrite5m,
		"cache_write_1h_tokens": r.CacheWrite1h, "cache_read_tokens": r.CacheRead, "output_tokens": r.OutputTokens,
		"thinking_tokens": r.ThinkingTokens, "billed_usd": r.Billed.Dollars(), "stop_reason": r.StopReason, "events": r.Events, "levels": r.Levels,
		"limited_by": r.LimitedBy, "retry_after_s": r.RetryAfter, "faults": r.Faults, "canceled": r.Canceled,
	})
}

// Totals sums up every request since the server was made, those whose records
// are no longer kept included.
type Totals struct {
	Requests       int
	ByStatus       map[int]int // 0: closed before an answer
	InputTokens    int
	CacheWrite5m   int
	CacheWrite1h   int
	CacheRead      int
	OutputTokens   int
	Events         int
	Billed         Pico
	TurnedAway     int // connections, by the faults refuse (by chance or count) and tls-fail
	Faulted        int
	Canceled       int
	LatenessMedian time.Duration // of writes against what was due: the simulator's own error
	LatenessP99    time.Duration // both are upper bounds of buckets at most 25 % wide
	LatenessMax    time.Duration
}

// MarshalJSON gives times in milliseconds.
func (t Totals) MarshalJSON() ([]byte, error) {
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return json.Marshal(map[string]any{
		"type": "totals", "requests": t.Requests, "by_status": t.ByStatus, "input_tokens": t.InputTokens,
		"cache_write_5m_tokens": t.CacheWrite5m, "cache_write_1h_tokens": t.CacheWrite1h, "cache_read_tokens": t.CacheRead,
		"output_tokens": t.OutputTokens, "billed_usd": t.Billed.Dollars(), "events": t.Events, "turned_away": t.TurnedAway, "faulted": t.Faulted, "canceled": t.Canceled,
		"lateness_p50_ms": ms(t.LatenessMedian), "lateness_p99_ms": ms(t.LatenessP99), "lateness_max_ms": ms(t.LatenessMax),
	})
}

// truth keeps the latest records in a ring and the sums of all.
type truth struct {
	mu     sync.Mutex
	size   int
	ring   []Record
	next   int // where the next record goes once the ring is full
	open   int // requests being answered
	closed *sync.Cond
	totals Totals
	late   lateness
}

func (t *truth) begin() {
	t.mu.Lock()
	t.open++
	t.mu.Unlock()
}

// wait returns once no request is being answered.
func (t *truth) wait() {
	t.mu.Lock()
	for t.open > 0 {
		t.closed.Wait()
	}
	t.mu.Unlock()
}

func (t *truth) add(r Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open--; t.open == 0 {
		t.closed.Broadcast()
	}
	if len(t.ring) < t.size {
		t.ring = append(t.ring, r)
	} else {
		t.ring[t.next] = r
		t.next = (t.next + 1) % t.size
	}
	s := &t.totals
	if s.ByStatus == nil {
		s.ByStatus = make(map[int]int)
	}
	s.Requests++
	s.ByStatus[r.Status]++
	s.InputTokens += r.InputTokens
	s.CacheWrite5m += r.CacheWrite5m
	s.CacheWrite1h += r.CacheWrite1h
	s.CacheRead += r.CacheRead
	s.OutputTokens += r.OutputTokens
	s.Events += r.Events
	s.Billed += r.Billed
	if len(r.Faults) > 0 {
		s.Faulted++
	}
	if r.Canceled {
		s.Canceled++
	}
}

// Truth returns the records kept, in the order in which requests ended. A record
// is there shortly after the client has the whole answer, and certainly after
// [Running.Close].
func (s *Server) Truth() []Record {
	t := &s.truth
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Record, 0, len(t.ring))
	return append(append(all, t.ring[t.next:]...), t.ring[:t.next]...)
}

// Totals returns the sums of everything so far.
func (s *Server) Totals() Totals {
	t := &s.truth
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := t.totals
	sum.ByStatus = make(map[int]int, len(t.totals.ByStatus))
	for status, n := range t.totals.ByStatus {
		sum.ByStatus[status] = n
	}
	sum.TurnedAway = int(s.turned.Load())
	sum.LatenessMedian, sum.LatenessP99 = t.late.quantile(0.5), t.late.quantile(0.99)
	sum.LatenessMax = time.Duration(t.late.worst.Load())
	return sum
}

// serveTruth streams the records and then the totals as JSON lines.
func (s *Server) serveTruth(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/jsonl")
	enc := json.NewEncoder(w)
	for _, r := range s.Truth() {
		if enc.Encode(r) != nil {
			return
		}
	}
	_ = enc.Encode(s.Totals())
}

// lateness is a histogram of microseconds in buckets of a quarter of an octave;
// it is written on every event and so has no lock.
type lateness struct {
	buckets [160]atomic.Int64
	worst   atomic.Int64
}

func (l *lateness) add(d time.Duration) {
	us := uint64(max(0, d) / time.Microsecond)
	i := int(us)
	if us >= 4 {
		e := bits.Len64(us) - 3
		i = e*4 + int(us>>e)
	}
	l.buckets[min(i, len(l.buckets)-1)].Add(1)
	for {
		old := l.worst.Load()
		if int64(d) <= old || l.worst.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// quantile is the upper bound of the bucket that holds it; 0 without any.
func (l *lateness) quantile(q float64) time.Duration {
	total := int64(0)
	for i := range l.buckets {
		total += l.buckets[i].Load()
	}
	sum := int64(0)
	for i := range l.buckets {
		sum += l.buckets[i].Load()
		if sum > 0 && float64(sum) >= q*float64(total) {
			us := i + 1
			if i >= 4 {
				e := (i - 4) / 4
				us = (i - e*4 + 1) << e
			}
			return time.Duration(us) * time.Microsecond
		}
	}
	return 0
}

func (r *Record) tokens(u usage) {
	r.InputTokens, r.CacheWrite5m, r.CacheWrite1h, r.CacheRead = u.input, u.write5m, u.write1h, u.read
}

func itoa(n int) string { return strconv.Itoa(n) }
