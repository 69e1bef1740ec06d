package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Running is a [Server] that listens.
type Running struct {
	*Server
	// URL is its base address, http://host:port, without a path: what SDKs take
	// as base URL.
	URL string

	http *http.Server
	done chan error
}

// Start makes a server and listens on Config.Addr, a free loopback port unless
// set. The error is a mistake in the configuration or an address in use. Close
// it when done.
func Start(c Config) (*Running, error) {
	s, err := New(c)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", s.set().config.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", s.set().config.Addr, err)
	}
	return s.Serve(ln), nil
}

// Serve answers what comes in on a listener of the caller's, which Close closes:
// HTTP/1.1, and HTTP/2 without TLS for clients that know.
func (s *Server) Serve(ln net.Listener) *Running {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	r := &Running{
		Server: s,
		URL:    "http://" + ln.Addr().String(),
		http: &http.Server{
			Handler:           s,
			Protocols:         &protocols,
			ReadHeaderTimeout: 30 * time.Second,
			IdleTimeout:       4 * time.Minute,
			ErrorLog:          log.New(io.Discard, "", 0), // clients that leave are no news
		},
		done: make(chan error, 1),
	}
	door := s.door(ln) // what is not to listen from the start on does not from here on
	go func() {
		r.done <- r.http.Serve(door)
		close(r.done)
	}()
	return r
}

// Close stops listening, closes every connection at once and waits until the
// truth about the answers that were under way is recorded.
func (r *Running) Close() error {
	err := r.http.Close()
	r.truth.wait()
	r.set().service.wait()
	return errors.Join(err, r.ended())
}

// Shutdown stops listening and lets open answers end, until ctx is done; then
// it closes what is left.
func (r *Running) Shutdown(ctx context.Context) error {
	if err := r.http.Shutdown(ctx); err != nil {
		return errors.Join(err, r.Close())
	}
	return r.ended()
}

// ended waits until the listener is no longer served. A second call finds
// nothing to wait for.
func (r *Running) ended() error {
	err, first := <-r.done
	if !first || errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}
