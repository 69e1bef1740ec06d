package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTruth: an answer keeps its times, and the log says what was written when.
func TestTruth(t *testing.T) {
	for _, tt := range []struct {
		path, body string
		first      time.Duration // of the content, from the request
		last       time.Duration // of the answer
		contains   string
	}{
		{"/v1/messages", `{"model":"m","stream":true}`, 50 * time.Millisecond, 70 * time.Millisecond, `"output_tokens":3`},
		{"/v1/chat/completions", `{"stream":true}`, 50 * time.Millisecond, 70 * time.Millisecond, "[DONE]"},
		{"/v1/messages", `{"model":"m"}`, 70 * time.Millisecond, 70 * time.Millisecond, `"end_turn"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			log := &truthLog{}
			s := &server{settings: settings{ttft: 50 * time.Millisecond, gap: 10 * time.Millisecond, events: 3}, log: log}
			near, far := net.Pipe()
			go s.connection(far)
			defer near.Close()
			began := time.Now()
			if _, err := fmt.Fprintf(near, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", tt.path, len(tt.body), tt.body); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(near), nil)
			first := time.Since(began)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			last := time.Since(began)
			if err != nil || !strings.Contains(string(body), tt.contains) {
				t.Errorf("%s %s: %v, %q; want %q in it", tt.path, tt.body, err, body, tt.contains)
			}
			if first != tt.first || last != tt.last {
				t.Errorf("%s %s: first at %v, last at %v; want %v, %v", tt.path, tt.body, first, last, tt.first, tt.last)
			}
			if id := resp.Header.Get("request-id"); id != "req_00000001" {
				t.Errorf("request-id %q", id)
			}
		})
	}
}

// TestInstant: requests are told apart wherever reads cut them, and each is
// answered at once with a whole stream.
func TestInstant(t *testing.T) {
	const one = "POST /v1/messages HTTP/1.1\r\nHost: x\r\ncontent-Length: 7\r\n\r\n{\"a\":1}"
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go instant(far, instantAnswer(2))
		defer near.Close()
		go func() {
			for _, part := range []string{one[:10], one[10:60], one[60:] + one + one[:3], one[3:]} {
				if _, err := io.WriteString(near, part); err != nil {
					t.Error(err)
				}
			}
		}()
		in := bufio.NewReader(near)
		for i := range 3 {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			body, err := io.ReadAll(resp.Body)
			if n := strings.Count(string(body), "\"text_delta\""); err != nil || n != 2 || !strings.Contains(string(body), "message_stop") {
				t.Errorf("answer %d: %d content events, %v: %q", i, n, err, body)
			}
		}
	})
}

func TestRequestSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int
	}{
		{"", 0},
		{"POST / HTTP/1.1\r\nContent-Length: 5\r\n", 0},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", 52},
		{"POST / HTTP/1.1\r\nCONTENT-LENGTH:5\r\nHost: x\r\n\r\nabcde", 51},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", -1},
		{"POST / HTTP/1.1\r\nContent-Length: five\r\n\r\n", -1},
	} {
		if got := requestSize([]byte(tt.in)); got != tt.want {
			t.Errorf("requestSize(%q) = %d; want %d", tt.in, got, tt.want)
		}
	}
}
