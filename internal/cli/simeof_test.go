package cli

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
)

// The simulator runs while its standard input is open, and no longer.
func TestSimUntilEOF(t *testing.T) {
	in, close := io.Pipe()
	ready := make(chan struct{})
	out := &announced{ready: ready}
	code := make(chan int, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		code <- Run(context.Background(), []string{"sim", "--addr", "127.0.0.1:0", "--until-eof"}, nil, in, io.Discard, out)
	})
	<-ready
	select {
	case c := <-code:
		t.Fatalf("ended with %d while its input was open: %s", c, out.text())
	default:
	}
	if _, err := close.Write([]byte("what comes in does not matter\n")); err != nil {
		t.Fatal(err)
	}
	close.Close()
	wg.Wait()
	if c := <-code; c != 0 || !strings.Contains(out.text(), "served 0 requests") {
		t.Errorf("exit %d: %s", c, out.text())
	}
}

// announced tells when the simulator says that it is ready.
type announced struct {
	mu    sync.Mutex
	said  strings.Builder
	ready chan struct{}
	once  sync.Once
}

func (a *announced) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said.Write(b)
	if strings.Contains(a.said.String(), "ready on ") {
		a.once.Do(func() { close(a.ready) })
	}
	return len(b), nil
}

func (a *announced) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.said.String()
}
