// Command server is a timed server for measuring load generators, and nothing
// else: it is not the simulator, and shares no code with it or with the client.
//
//	go run ./bench/server -ttft 50ms -rate 100 -events 500 -log truth.jsonl
//
// It answers POST /v1/messages (Claude) and POST /v1/chat/completions (OpenAI)
// with a stream whose first content is due -ttft after the request was read and
// whose further events follow -rate a second, each written by one system call.
// Where the body has no "stream": true the whole answer comes as one JSON
// document when the stream would have ended. Each event carries one token.
//
// For every request it logs the truth as one line of JSON: when the kernel had
// the request's last bytes, and the instants right before and right after the
// write of the first and the last content. All are nanoseconds since 1970 on
// this machine's clock, so a generator on the same machine is judged without
// trust in its own clock: the true TTFT lies between first_before − arrived and
// first_after − arrived.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// settings are what every stream has in common.
type settings struct {
	ttft   time.Duration
	gap    time.Duration // between events; 0: all of them with the first
	events int           // content events a stream; 0: as many as max_tokens says
}

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	ttft := flag.Duration("ttft", 50*time.Millisecond, "from the request to the first content")
	rate := flag.Float64("rate", 100, "events a second in each stream; 0: all at once")
	events := flag.Int("events", 500, "content events a stream; 0: as many as the request's max_tokens")
	truth := flag.String("log", "", "write the truth about each request to this file")
	instant := flag.Bool("instant", false, "answer every request at once with the same -events, look at nothing and log nothing, on one core")
	flag.Parse()
	if *instant {
		if err := serveInstant(*addr, *events); err != nil {
			fmt.Fprintln(os.Stderr, "server:", err)
			os.Exit(1)
		}
		return
	}
	s := settings{ttft: *ttft, events: *events}
	if *rate > 0 {
		s.gap = time.Duration(float64(time.Second) / *rate)
	}
	if err := serve(*addr, *truth, s); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// serve runs until it is interrupted, and says how much it served.
func serve(addr, path string, s settings) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log, err := newTruthLog(path)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	fmt.Fprintf(os.Stderr, "server: ready on http://%s\n", l.Addr())
	srv := &server{settings: s, log: log}
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		go srv.connection(c)
	}
	fmt.Fprintf(os.Stderr, "server: %d requests, at most %d at once\n", srv.requests.Load(), srv.most.Load())
	return log.close()
}

// server is what connections share.
type server struct {
	settings
	log      *truthLog
	requests atomic.Int64
	open     atomic.Int64
	most     atomic.Int64
}

// enter counts a request in, and returns its number and how many are open.
func (s *server) enter() (number, open int64) {
	open = s.open.Add(1)
	for {
		most := s.most.Load()
		if open <= most || s.most.CompareAndSwap(most, open) {
			return s.requests.Add(1), open
		}
	}
}

// truth is one line of the log. Instants are nanoseconds since 1970; before and
// after stand around the one system call that writes the event.
type truth struct {
	ID          string `json:"id"`                  // the header request-id
	ClientID    string `json:"client_id,omitempty"` // the request's header x-request-id
	API         string `json:"api"`                 // messages or chat
	Open        int64  `json:"open"`                // requests under way when this one began, itself included
	Arrived     int64  `json:"arrived"`             // the kernel had the request's last bytes
	Read        int64  `json:"read"`                // we had them
	FirstBefore int64  `json:"first_before"`
	FirstAfter  int64  `json:"first_after"`
	LastBefore  int64  `json:"last_before"`
	LastAfter   int64  `json:"last_after"`
	Events      int    `json:"events"` // written
	Whole       bool   `json:"whole"`  // to its end
}

// truthLog writes lines to a file; with no file it writes nothing.
type truthLog struct {
	mu   sync.Mutex
	file *os.File
	buf  *bufio.Writer
	enc  *json.Encoder
}

func newTruthLog(path string) (*truthLog, error) {
	if path == "" {
		return &truthLog{}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(f, 1<<20)
	return &truthLog{file: f, buf: buf, enc: json.NewEncoder(buf)}, nil
}

func (l *truthLog) add(t truth) {
	if l.file == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.enc.Encode(t) // close says what is wrong with the file
}

// close gives what is written to the kernel; streams that still run are not in it.
func (l *truthLog) close() error {
	if l.file == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.buf.Flush(); err != nil {
		return err
	}
	return l.file.Close()
}
