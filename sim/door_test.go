package sim

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What only a kernel can show of faults that concern connections.

func start(t *testing.T, c Config) (api *Running, addr string) {
	t.Helper()
	api, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Close(); err != nil {
			t.Error(err)
		}
	})
	return api, strings.TrimPrefix(api.URL, "http://")
}

// ping asks for the models on a connection of its own and returns what came.
func ping(addr string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err = fmt.Fprint(conn, "GET /v1/models HTTP/1.1\r\nHost: sim\r\nX-Api-Key: k\r\nAnthropic-Version: 2023-06-01\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	b, err := io.ReadAll(conn)
	return string(b), err
}

// Nothing listens in the window, and the same port listens after it.
func TestRefused(t *testing.T) {
	_, addr := start(t, Config{Faults: []Fault{{Kind: FaultRefuse, To: 3 * time.Second}}})
	if _, err := ping(addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("in the window: %v, want a refusal", err)
	}
	for range 600 { // a minute at most
		got, err := ping(addr)
		if err == nil && strings.HasPrefix(got, "HTTP/1.1 200 ") {
			return
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("%v, %q", err, got)
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Error("the port stayed closed")
}

// A port that is taken while it is closed cannot be opened again: that ends the
// server, and is told.
func TestRefusedPortTaken(t *testing.T) {
	api, err := Start(Config{Faults: []Fault{{Kind: FaultRefuse, To: time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", strings.TrimPrefix(api.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	select {
	case <-api.Done():
	case <-time.After(time.Minute):
		t.Error("the server goes on without a port")
	}
	if err := api.Shutdown(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Shutdown() = %v, want an address in use", err)
	}
}

// The window opens later: it closes the port that was open.
func TestRefusedLater(t *testing.T) {
	api, addr := start(t, Config{Faults: []Fault{{Kind: FaultRefuse, From: time.Second}}})
	for range 600 {
		_, err := ping(addr)
		if errors.Is(err, syscall.ECONNREFUSED) {
			if got := time.Since(api.started); got < time.Second {
				t.Errorf("refused after %v, want a second", got)
			}
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Error("the port stayed open")
}

func TestRefusedByCount(t *testing.T) {
	api, addr := start(t, Config{Faults: []Fault{{Kind: FaultRefuse, Every: 3}}})
	for i := 1; i <= 9; i++ {
		got, err := ping(addr)
		if want := i%3 == 0; (err != nil) != want || want && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Errorf("connection %d: %v, %.20q; want a reset: %v", i, err, got, want)
		}
	}
	if got := api.Totals().TurnedAway; got != 3 {
		t.Errorf("%d turned away, want 3", got)
	}
}

func TestTLSFails(t *testing.T) {
	api, addr := start(t, Config{Faults: []Fault{{Kind: FaultTLS}}})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "\x16\x03\x01")
	if b, err := io.ReadAll(conn); string(b) != "\x15\x03\x01\x00\x02\x02\x28" || err != nil {
		t.Errorf("got %q, %v; want the alert and the end", b, err)
	}
	conn, err = net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = tls.Client(conn, &tls.Config{ServerName: "sim"}).HandshakeContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "handshake failure") {
		t.Errorf("handshake: %v, want the alert", err)
	}
	if got := api.Totals().TurnedAway; got != 2 {
		t.Errorf("%d turned away, want 2", got)
	}
}

// Frames of HTTP/2, by hand.
func frame(kind, flags byte, stream uint32, payload string) string {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(binary.BigEndian.AppendUint32(b, stream)) + payload
}

func field(name, value string) string {
	return "\x00" + string(rune(len(name))) + name + string(rune(len(value))) + value
}

// readFrame returns the type, flags and stream of the next frame.
func readFrame(r *bufio.Reader) (kind, flags byte, stream uint32, err error) {
	var h [9]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, 0, err
	}
	_, err = r.Discard(int(h[0])<<16 | int(h[1])<<8 | int(h[2]))
	return h[3], h[4], binary.BigEndian.Uint32(h[5:]), err
}

// How many streams a connection may have open is told in the server's first frame.
func TestMaxConcurrentStreams(t *testing.T) {
	const settings, maxConcurrentStreams = 4, 3
	for set, want := range map[int]uint32{0: 250, 2: 2} {
		_, addr := start(t, Config{MaxConcurrentStreams: set})
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(settings, 0, 0, ""))
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil || head[3] != settings {
			t.Fatalf("first frame %v, %v; want settings", head, err)
		}
		payload := make([]byte, int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(conn, payload); err != nil {
			t.Fatal(err)
		}
		told := map[uint16]uint32{}
		for ; len(payload) >= 6; payload = payload[6:] {
			told[binary.BigEndian.Uint16(payload)] = binary.BigEndian.Uint32(payload[2:])
		}
		if got := told[maxConcurrentStreams]; got != want {
			t.Errorf("set to %d: %d streams; want %d", set, got, want)
		}
	}
}

// Over HTTP/2 the head of the answer brings GOAWAY; the answer itself is whole.
func TestGoAway(t *testing.T) {
	const data, headers, settings, goAway = 0, 1, 4, 7
	_, addr := start(t, Config{Profile: Instant})
	for _, fault := range []string{"goaway", "unknown"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		body := ask("claude-haiku-4-5", 40, "Hi", `,"stream":true`)
		fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(settings, 0, 0, ""), frame(headers, 4, 1,
			field(":method", "POST")+field(":scheme", "http")+field(":path", "/v1/messages")+field(":authority", "sim")+
				field("x-api-key", "k")+field("anthropic-version", "2023-06-01")+field("x-sim-fault", fault)), frame(data, 1, 1, body))
		r, gone := bufio.NewReader(conn), false
		for ended := false; !ended; {
			kind, flags, stream, err := readFrame(r)
			if err != nil {
				t.Fatalf("%s: %v before the stream's end", fault, err)
			}
			gone = gone || kind == goAway
			ended = kind == data && flags&1 == 1 && stream == 1
		}
		if want := fault == "goaway"; gone != want {
			t.Errorf("%s: GOAWAY %v; want %v", fault, gone, want)
		}
		conn.Close()
	}
}

func TestConnectionFaultsAreNotForHeaders(t *testing.T) {
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		for _, fault := range []string{"refuse", "tls-fail;p=0.5"} {
			ans := a.post("/v1/messages", ask("claude-haiku-4-5", 10, "Hi", ""), "X-Sim-Fault", fault)
			checkError(t, fault, ans, http.StatusBadRequest, "invalid_request_error", "concerns connections, not requests")
		}
	})
}
