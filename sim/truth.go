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

// truth keeps the latest records in a ring and the sums of all.
type truth struct {
	mu     sync.Mutex
	size   int
	ring   []Record // record n is at (n−1) mod size
	open   int      // requests being answered
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
	s := &t.totals
	r.Seq = int64(s.Requests) + 1
	if len(t.ring) < t.size {
		t.ring = append(t.ring, r)
	} else {
		t.ring[int(r.Seq-1)%t.size] = r
	}
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

// after copies the records that follow a number into buf, the oldest kept first,
// and returns what there is of them.
func (t *truth) after(seq int64, buf []Record) []Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := int64(t.totals.Requests)
	seq = max(seq, last-int64(len(t.ring)))
	n := 0
	for ; n < len(buf) && seq < last; n++ {
		buf[n] = t.ring[int(seq)%t.size]
		seq++
	}
	return buf[:n]
}

// Truth returns the records kept, in the order in which requests ended. A record
// is there shortly after the client has the whole answer, and certainly after
// [Running.Close].
func (s *Server) Truth() []Record {
	s.truth.mu.Lock()
	n := len(s.truth.ring)
	s.truth.mu.Unlock()
	return s.truth.after(0, make([]Record, n))
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
	sum.LatenessMax = time.Duration(t.late.worst.Load())
	sum.LatenessMedian, sum.LatenessP99 = min(t.late.quantile(0.5), sum.LatenessMax), min(t.late.quantile(0.99), sum.LatenessMax)
	return sum
}

// serveTruth streams the records that follow the number ?since, and then the
// totals, as JSON lines. Records that end meanwhile are not waited for; of those
// that are there it holds a few at a time.
func (s *Server) serveTruth(w http.ResponseWriter, r *http.Request) {
	since, err := int64(0), error(nil)
	if text := r.URL.Query().Get("since"); text != "" {
		since, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil || since < 0 {
		refuseSim(w, http.StatusBadRequest, "invalid_request_error", "since: want the number of a record, 0 or more", nil)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	enc := json.NewEncoder(w)
	sum := s.Totals()
	buf := make([]Record, 256)
	for since < int64(sum.Requests) {
		some := s.truth.after(since, buf)
		for _, r := range some {
			if since = r.Seq; since > int64(sum.Requests) {
				break
			}
			if enc.Encode(r) != nil {
				return
			}
		}
	}
	_ = enc.Encode(sum)
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
