// Command reader is the least a Go program can do to read streams: net/http, a
// goroutine for each, the kernel's receive stamps, and a count of events. It
// decodes nothing and keeps nothing but one line of JSON for each answer, so it
// is the mark that a real load generator is held against:
//
//	go run ./bench/reader -url http://127.0.0.1:8080 -streams 600 -ramp 3s -for 14s -log answers.jsonl
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	var l load
	flag.StringVar(&l.url, "url", "http://127.0.0.1:8080", "the server")
	flag.IntVar(&l.streams, "streams", 1, "streams at once")
	flag.DurationVar(&l.ramp, "ramp", 0, "the time in which they start")
	flag.DurationVar(&l.length, "for", 10*time.Second, "when no stream starts any more; open ones end")
	path := flag.String("log", "", "write a line of JSON for each whole answer to this file")
	flag.Parse()
	if err := l.run(*path); err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		os.Exit(1)
	}
	fmt.Printf("%d events\n", l.events.Load())
}

type load struct {
	url          string
	streams      int
	ramp, length time.Duration
	client       http.Client
	events       atomic.Int64
	mu           sync.Mutex // guards out
	out          *json.Encoder
}

func (l *load) run(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if path == "" {
		file, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	if err != nil {
		return err
	}
	buf := bufio.NewWriter(file)
	l.out = json.NewEncoder(buf)
	l.client.Transport = &http.Transport{
		DialContext:         dial,
		DisableCompression:  true,
		MaxIdleConnsPerHost: l.streams,
	}
	ctx, stop := context.WithTimeout(context.Background(), l.length)
	defer stop()
	var users sync.WaitGroup
	for i := range l.streams {
		users.Go(func() { l.user(ctx, l.ramp*time.Duration(i)/time.Duration(l.streams)) })
	}
	users.Wait()
	return errors.Join(buf.Flush(), file.Close())
}

// user sends one request after the other.
func (l *load) user(ctx context.Context, after time.Duration) {
	select {
	case <-time.After(after):
	case <-ctx.Done():
	}
	buf := make([]byte, 4<<10)
	for ctx.Err() == nil {
		if err := l.once(buf); err != nil {
			fmt.Fprintln(os.Stderr, "reader:", err)
			return
		}
	}
}

const body = `{"model":"claude-haiku-4-5","max_tokens":1000,"stream":true,"messages":[{"role":"user","content":"count"}]}`

var (
	content = []byte(`"content_block_delta"`)
	end     = []byte("\n\n")
)

func (l *load) once(buf []byte) error {
	var c *stamped
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { c, _ = i.Conn.(*stamped) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/v1/messages", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("content-type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var first int64
	var events counter
	for {
		n, err := resp.Body.Read(buf)
		if first == 0 && bytes.Contains(buf[:n], content) {
			first = c.at.Load()
		}
		l.events.Add(events.add(buf[:n]))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Encode(answer{resp.Header.Get("request-id"), float64(first-c.sent.Load()) / 1e6})
}

// counter counts the events of a stream, wherever its reads cut it.
type counter struct{ newline bool } // the last read ended with a newline that ended no event

func (c *counter) add(p []byte) int64 {
	if len(p) == 0 {
		return 0
	}
	n := bytes.Count(p, end)
	if c.newline && p[0] == '\n' {
		n++
	}
	c.newline = p[len(p)-1] == '\n' && !bytes.HasSuffix(p, end)
	return int64(n)
}

// answer is one line of the log.
type answer struct {
	ID   string  `json:"id"`
	TTFT float64 `json:"ttft_ms"`
}

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return newStamped(c), nil
}

// stamped is a connection that knows when its last bytes came and went, in
// nanoseconds since 1970.
type stamped struct {
	net.Conn
	receiver
	at, sent atomic.Int64
}

func (s *stamped) Write(p []byte) (int, error) {
	s.sent.Store(time.Now().UnixNano()) // before the call: it may wake the server and lose the processor to it
	return s.Conn.Write(p)
}
