package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
)

// serveInstant answers every request at once with the same bytes, until it is
// interrupted. It is for measuring how many requests a generator on the same
// machine can send: it looks at no more of a request than where it ends, logs
// nothing, and keeps to one core.
func serveInstant(addr string, events int) error {
	runtime.GOMAXPROCS(1)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	fmt.Fprintf(os.Stderr, "server: ready on http://%s\n", l.Addr())
	answer := instantAnswer(max(events, 1))
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go instant(c, answer)
	}
}

// instantAnswer is a whole stream of n content events.
func instantAnswer(n int) []byte {
	const id = "req_instant"
	b := []byte(head(id) + chunk(messages.start(id, asked{Model: "instant"})))
	for range n {
		b = append(b, chunk(messages.event)...)
	}
	return append(b, chunk(messages.end(id, asked{}, n))+"0\r\n\r\n"...)
}

// instant serves one connection until a request is not understood.
func instant(c net.Conn, answer []byte) {
	defer c.Close()
	buf := make([]byte, 0, 16<<10)
	for {
		n, err := c.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return
		}
		buf = buf[:len(buf)+n]
		size := requestSize(buf)
		for ; 0 < size && size <= len(buf); size = requestSize(buf) {
			if _, err := c.Write(answer); err != nil {
				return
			}
			buf = buf[:copy(buf, buf[size:])]
		}
		if size < 0 || size > cap(buf) || len(buf) == cap(buf) {
			return
		}
	}
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\ncontent-length:")
)

// requestSize is the length of the request that b begins with, head and body;
// 0 while its head is not whole, and -1 where its length is not said.
func requestSize(b []byte) int {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		return 0
	}
	for line := b[:end]; ; {
		i := bytes.Index(line, headEnd[:2])
		if i < 0 {
			return -1
		}
		line = line[i:]
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			value, _, _ := bytes.Cut(line[len(contentLength):], headEnd[:2])
			n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil || n < 0 {
				return -1
			}
			return end + len(headEnd) + n
		}
		line = line[2:]
	}
}
