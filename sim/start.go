package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

// Running is a [Server] that listens.
type Running struct {
	*Server
	// URL is its base address, http://host:port, without a path: what SDKs take
	// as base URL.
	URL string
	// Cert is the certificate it serves under, in PEM; nil without TLS.
	Cert []byte

	http *http.Server
	done chan struct{} // closed when the listener is no longer served
	err  error         // why; to be read after done
}

// Start makes a server and listens on Config.Addr, a free loopback port unless
// set. The error is a mistake in the configuration, an address in use, or a
// certificate that cannot be written. Close it when done.
func Start(c Config) (*Running, error) {
	s, err := New(c)
	if err != nil {
		return nil, err
	}
	addr := s.set().config.Addr
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", addr, err)
	}
	if out := s.set().config.CertOut; out != "" {
		if err := os.WriteFile(out, s.cert, 0o644); err != nil {
			return nil, errors.Join(fmt.Errorf("write the certificate: %w", err), ln.Close())
		}
	}
	return s.Serve(ln), nil
}

// Serve answers what comes in on a listener of the caller's, which Close closes:
// HTTP/1.1 and HTTP/2, the latter without TLS for clients that know, unless the
// configuration asks for TLS.
func (s *Server) Serve(ln net.Listener) *Running {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	r := &Running{
		Server: s,
		URL:    "http://" + ln.Addr().String(),
		Cert:   s.cert,
		http: &http.Server{
			Handler:           s,
			Protocols:         &protocols,
			HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: s.set().config.MaxConcurrentStreams},
			TLSConfig:         s.tls,
			ReadHeaderTimeout: 30 * time.Second,
			IdleTimeout:       4 * time.Minute,
			ErrorLog:          log.New(io.Discard, "", 0), // clients that leave are no news
		},
		done: make(chan struct{}),
	}
	serve := r.http.Serve
	if s.tls != nil {
		r.URL = "https://" + ln.Addr().String()
		serve = func(ln net.Listener) error { return r.http.ServeTLS(ln, "", "") }
	}
	door := s.door(ln) // what is not to listen from the start on does not from here on
	go func() {
		r.err = serve(door)
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

// Done is closed when nothing is served any more: after Close or Shutdown, whose
// errors say why, or because the listener failed.
func (r *Running) Done() <-chan struct{} { return r.done }

// ended waits until the listener is no longer served, and says what ended it if
// nobody asked for it.
func (r *Running) ended() error {
	<-r.done
	if errors.Is(r.err, http.ErrServerClosed) {
		return nil
	}
	return r.err
}
