package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// request is the bytes of one call.
func request(body string) []byte {
	return fmt.Appendf(nil, "POST /v1/messages HTTP/1.1\r\nHost: sim\r\nX-Api-Key: k\r\nAnthropic-Version: 2023-06-01\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// streams opens many streams, evenly over some seconds so that their events do
// not fall together, and looks at the server while all are open.
func streams(s *server) error {
	const n, opening, open = 5000, 10 * time.Second, 15 * time.Second
	idle, err := settled(s)
	if err != nil {
		return err
	}
	tokens := int((opening+open+10*time.Second)/time.Second) * perSecond * 4
	call := request(fmt.Sprintf(`{"model":"claude-haiku-4-5","max_tokens":%d,"stream":true,"messages":[{"role":"user","content":"Count."}]}`, tokens))
	conns := make([]net.Conn, n)
	var bytesRead, ended atomic.Int64
	var readers sync.WaitGroup
	defer readers.Wait()
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	start := time.Now()
	for i := range conns {
		time.Sleep(time.Until(start.Add(opening * time.Duration(i) / n)))
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return err
		}
		conns[i] = c
		if _, err := c.Write(call); err != nil {
			return err
		}
		readers.Go(func() {
			swallow(c, &bytesRead)
			ended.Add(1)
		})
	}
	before, client, from := processTime(s.cmd.Process.Pid), processTime(0), time.Now()
	time.Sleep(open)
	if ended.Load() > 0 {
		return fmt.Errorf("%d streams ended early", ended.Load())
	}
	wall := time.Since(from).Seconds()
	cores, own := (processTime(s.cmd.Process.Pid)-before).Seconds()/wall, (processTime(0)-client).Seconds()/wall
	full, err := resident(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	late, err := lateness(s.addr)
	if err != nil {
		return err
	}
	fmt.Printf("%d streams of %d events/s: lateness p50 %.2f ms, p99 %.2f ms (goal < %v), max %.1f ms; %.1f KiB a stream (goal < %.0f); %.2f cores, client %.2f\n",
		n, perSecond, late.P50, late.P99, goalLateness, late.Max, (full-idle)/n, goalMemory, cores, own)
	return nil
}

// settled is the server's memory before the load, KiB: after a few calls, so
// that what it needs once is there.
func settled(s *server) (float64, error) {
	call := request(`{"model":"claude-haiku-4-5","max_tokens":4,"stream":true,"messages":[{"role":"user","content":"Count."}]}`)
	for range 20 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return 0, err
		}
		if _, err := c.Write(call); err != nil {
			return 0, err
		}
		_, err = c.Read(make([]byte, 1<<12))
		if err := errors.Join(err, c.Close()); err != nil {
			return 0, err
		}
	}
	return resident(s.cmd.Process.Pid)
}

func swallow(c net.Conn, n *atomic.Int64) {
	buf := make([]byte, 2048)
	for {
		k, err := c.Read(buf)
		n.Add(int64(k))
		if err != nil {
			return
		}
	}
}

// requests sends plain calls on some connections, each as soon as the last was
// answered, and counts them.
func requests(s *server) error {
	const conns, warm, measured = 64, 3 * time.Second, 15 * time.Second
	call := request(`{"model":"claude-haiku-4-5","max_tokens":40,"messages":[{"role":"user","content":"What is machine learning?"}]}`)
	var answers atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, conns)
	over := time.Now().Add(warm + measured)
	for range conns {
		wg.Go(func() { errs <- repeat(s.addr, call, over, &answers) })
	}
	time.Sleep(warm)
	from, before, client, count := time.Now(), processTime(s.cmd.Process.Pid), processTime(0), answers.Load()
	time.Sleep(time.Until(over))
	n, wall := float64(answers.Load()-count), time.Since(from).Seconds()
	cores, own := (processTime(s.cmd.Process.Pid)-before).Seconds()/wall, (processTime(0)-client).Seconds()/wall
	wg.Wait()
	for range conns {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Printf("plain, instant, %d connections: %.0f answers/s (goal %d); %.2f cores, client %.2f; %.1f µs of the server's CPU each\n",
		conns, n/wall, goalRate, cores, own, cores/(n/wall)*1e6)
	return nil
}

// repeat calls until a moment.
func repeat(addr string, call []byte, over time.Time, answers *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 1<<14)
	for time.Now().Before(over) {
		if _, err := c.Write(call); err != nil {
			return err
		}
		if err := skip(r); err != nil {
			return err
		}
		answers.Add(1)
	}
	return nil
}

// skip reads one answer of known length.
func skip(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("answer %q", line)
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
		if len(line) == 2 {
			break
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err := r.Discard(length)
	return err
}

// late is how far the server's writes were behind what it had drawn, by its own
// account; all streams since its start.
type late struct {
	P50 float64 `json:"lateness_p50_ms"`
	P99 float64 `json:"lateness_p99_ms"`
	Max float64 `json:"lateness_max_ms"`
}

// lateness asks the server for its totals, the last line of the truth.
func lateness(addr string) (late, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return late{}, err
	}
	defer c.Close()
	fmt.Fprint(c, "GET /sim/truth HTTP/1.0\r\n\r\n") //nolint:errcheck // reading tells
	all, err := io.ReadAll(c)
	if err != nil {
		return late{}, err
	}
	lines := bytes.Split(bytes.TrimSpace(all), []byte("\n"))
	var l late
	err = json.Unmarshal(lines[len(lines)-1], &l)
	return l, err
}
