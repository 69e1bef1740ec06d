package client

import (
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// manyEvents is a stream of n content events of the shapes that come by the thousand.
func manyEvents(n int) string {
	var b strings.Builder
	b.WriteString(evStart)
	for i := range n {
		switch i % 4 {
		case 0:
			b.WriteString("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" of the river\\n\\\"x\\\"\"}}\n\n")
		case 1:
			b.WriteString("event: content_block_delta\ndata: {\"delta\":{\"thinking\":\"hm, well\",\"type\":\"thinking_delta\"},\"index\":0,\"type\":\"content_block_delta\"}   \n\n")
		case 2:
			b.WriteString("event: content_block_delta\r\ndata: {\"type\": \"content_block_delta\", \"index\": 1, \"delta\": {\"type\": \"input_json_delta\", \"partial_json\": \"{\\\"a\\\":\"}}\r\n\r\n")
		case 3:
			b.WriteString(": comment\ndata: {\"type\":\"content_block_delta\",\ndata: \"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"é\"}}\n\n")
		}
	}
	b.WriteString(evEnd + evStop)
	return b.String()
}

// pieces yields a stream in reads of n bytes.
type pieces struct {
	strings.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(p.n, len(b))]) }

// readMemory runs a stream from memory through the client's own loop, against a
// clock that goes on by 20 ms a read.
func readMemory(c *Client, s *scratch, stream string, piece int) call.Result {
	ctx, at := c.begin(context.Background(), 1)
	defer at.end()
	var now time.Duration
	at.shared, at.now = true, func() time.Duration { now += 20 * time.Millisecond; return now }
	res := call.Result{Class: call.OK}
	a := &answer{res: &res, gaps: s.gaps[:0]}
	s.sse.reset(DefaultMaxEvent)
	e := &exchange{Client: c, attempt: at, answer: a, ctx: ctx, sse: &s.sse}
	body := &pieces{n: piece}
	body.Reset(stream)
	e.stream(body)
	s.gaps = a.gaps
	return res
}

// TestNoAllocation: a stream ten times as long allocates not once more.
func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := newClient(t, Config{})
	for _, piece := range []int{100, 1000, 32 << 10} {
		var s scratch
		perRun := func(n int) float64 {
			stream := manyEvents(n)
			return testing.AllocsPerRun(20, func() {
				if r := readMemory(c, &s, stream, piece); r.Events != n || r.Class != call.OK || r.GapMax < 20*ms {
					t.Fatalf("%d events, class %s, gap %v", r.Events, r.Class, r.GapMax)
				}
			})
		}
		if few, many := perRun(1000), perRun(10_000); many > few {
			t.Errorf("pieces of %d: %.0f allocations for 1,000 events, %.0f for 10,000", piece, few, many)
		}
	}
}

// TestAllocationsOfARequest: a whole short call, the test's own server included,
// stays under a ceiling; one of a thousand events more takes not one more.
func TestAllocationsOfARequest(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const most = 165
	answer := events(evStart, evText, evEnd, evStop) + lastChunk
	c := piped(t, Config{}, func(w *wire) {
		for w.next() {
			w.say(answer)
		}
	})
	req := ask()
	n := testing.AllocsPerRun(200, func() {
		if r := c.Send(t.Context(), req); r.Class != call.OK {
			t.Fatalf("class %s: %+v", r.Class, r.Err)
		}
	})
	t.Logf("%.0f allocations a request", n)
	if n > most {
		t.Errorf("%.0f allocations a request; want at most %d", n, most)
	}
}

func BenchmarkEvents(b *testing.B) {
	const n = 1000
	c, err := New(Config{BaseURL: "http://api.test"})
	if err != nil {
		b.Fatal(err)
	}
	stream := manyEvents(n)
	var s scratch
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		readMemory(c, &s, stream, 200)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkSend is a whole short call over a kept-alive pipe, the test's server included.
func BenchmarkSend(b *testing.B) {
	answer := events(evStart, evText, evEnd, evStop) + lastChunk
	c := piped(b, Config{}, func(w *wire) {
		for w.next() {
			w.say(answer)
		}
	})
	req := ask()
	b.ReportAllocs()
	for b.Loop() {
		if r := c.Send(b.Context(), req); r.Class != call.OK {
			b.Fatalf("class %s: %+v", r.Class, r.Err)
		}
	}
}

func BenchmarkOutline(b *testing.B) {
	data := []byte(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" of the river Elbe"}}`)
	b.ReportAllocs()
	for b.Loop() {
		outlineOf(data)
	}
}

// TestMemoryOfOpenStreams: what one open stream costs, the test server's share included.
func TestMemoryOfOpenStreams(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector needs memory of its own")
	}
	const n, most = 200, 64 << 10
	release := make(chan struct{})
	var open, closed sync.WaitGroup
	open.Add(n)
	c := piped(t, Config{}, func(w *wire) {
		w.next()
		w.say(events(evStart, evText))
		open.Done()
		<-release
		w.chunk(evEnd + evStop)
		w.say(lastChunk)
		_, _ = io.Copy(io.Discard, w.r)
	})
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	before := memory()
	for range n {
		closed.Go(func() {
			if r := c.Send(t.Context(), ask()); r.Class != call.OK {
				t.Errorf("class %s: %+v", r.Class, r.Err)
			}
		})
	}
	open.Wait()
	each := (memory() - before) / n
	close(release)
	closed.Wait()
	t.Logf("%d bytes a stream", each)
	if each > most {
		t.Errorf("%d bytes a stream; want at most %d", each, most)
	}
}

func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
