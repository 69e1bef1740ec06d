package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// connection serves one connection, request after request.
func (s *server) connection(c net.Conn) {
	defer c.Close()
	in := newStamped(c)
	r := bufio.NewReaderSize(in, 4<<10)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		at := truth{Arrived: in.at, Read: time.Now().UnixNano(), ClientID: req.Header.Get("x-request-id")}
		if !s.route(c, req, body, at) {
			return
		}
	}
}

// route answers one request; it is false when the connection is of no more use.
func (s *server) route(c net.Conn, req *http.Request, body []byte, at truth) bool {
	switch {
	case req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/v1/messages"):
		at.API = "messages"
		return s.answer(c, messages, body, at)
	case req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/v1/chat/completions"):
		at.API = "chat"
		return s.answer(c, chat, body, at)
	case strings.HasSuffix(req.URL.Path, "/v1/models"):
		return say(c, "200 OK", `{"object":"list","data":[{"id":"timed","object":"model","created":0,"owned_by":"bench"}]}`)
	case req.URL.Path == "/" || req.URL.Path == "/health":
		return say(c, "200 OK", `{"status":"ok"}`)
	}
	return say(c, "404 Not Found", `{"error":{"type":"not_found_error","message":"not served here"}}`)
}

func say(c net.Conn, status, body string) bool {
	_, err := fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	return err == nil
}

// asked is what of a request decides its answer.
type asked struct {
	Model      string `json:"model"`
	Stream     bool   `json:"stream"`
	MaxTokens  int    `json:"max_tokens"`
	MaxCompl   int    `json:"max_completion_tokens"`
	StreamOpts struct {
		Usage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// events is how many content events the answer has.
func (s *server) eventsOf(a asked) int {
	if s.events > 0 {
		return s.events
	}
	return max(a.MaxTokens, a.MaxCompl, 1)
}

// answer writes one answer and logs the truth about it.
func (s *server) answer(c net.Conn, d dialect, body []byte, at truth) bool {
	number, open := s.enter()
	defer s.open.Add(-1)
	at.ID, at.Open = fmt.Sprintf("req_%08d", number), open
	var a asked
	if err := json.Unmarshal(body, &a); err != nil {
		return say(c, "400 Bad Request", `{"type":"error","error":{"type":"invalid_request_error","message":"not JSON"}}`)
	}
	w := &writer{c: c, truth: &at, from: time.Unix(0, at.Read)}
	n := s.eventsOf(a)
	if a.Stream {
		s.stream(w, d, a, n)
	} else {
		s.whole(w, d, a, n)
	}
	at.Whole = w.err == nil
	s.log.add(at)
	return w.err == nil
}

// stream writes the events at their times. The head of the answer goes with the first.
func (s *server) stream(w *writer, d dialect, a asked, n int) {
	event := chunk(d.event)
	first := head(w.truth.ID) + chunk(d.start(w.truth.ID, a)) + event
	last := chunk(d.end(w.truth.ID, a, n)) + "0\r\n\r\n"
	if s.gap == 0 {
		w.at(s.ttft, first+strings.Repeat(event, n-1)+last, n)
		return
	}
	w.at(s.ttft, first, 1)
	for i := 1; i < n && w.err == nil; i++ {
		w.at(s.ttft+time.Duration(i)*s.gap, event, 1)
	}
	w.finish(last)
}

// whole writes an answer that is not a stream, when the stream would have ended.
func (s *server) whole(w *writer, d dialect, a asked, n int) {
	body := d.whole(w.truth.ID, a, n)
	w.at(s.ttft+time.Duration(n-1)*s.gap, fmt.Sprintf(
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nrequest-id: %s\r\nContent-Length: %d\r\n\r\n%s", w.truth.ID, len(body), body), n)
}

func head(id string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nrequest-id: " +
		id + "\r\nTransfer-Encoding: chunked\r\n\r\n"
}

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// writer writes to a connection at given times and notes when it did.
type writer struct {
	c     net.Conn
	truth *truth
	from  time.Time // the request was read
	buf   bytes.Buffer
	err   error
}

// at writes n events at an offset from the request.
func (w *writer) at(offset time.Duration, s string, n int) {
	if w.err != nil {
		return
	}
	w.buf.Reset()
	w.buf.WriteString(s)
	time.Sleep(time.Until(w.from.Add(offset)))
	before := time.Now().UnixNano()
	_, w.err = w.c.Write(w.buf.Bytes())
	after := time.Now().UnixNano()
	if w.err != nil {
		return
	}
	if w.truth.Events == 0 {
		w.truth.FirstBefore, w.truth.FirstAfter = before, after
	}
	w.truth.LastBefore, w.truth.LastAfter = before, after
	w.truth.Events += n
}

// finish writes what is not content.
func (w *writer) finish(s string) {
	if w.err == nil {
		_, w.err = io.WriteString(w.c, s)
	}
}
