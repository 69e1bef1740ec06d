package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// The dialects that a Client speaks.
const (
	APIMessages = "messages"
	APIChat     = "chat"
)

// What zero means in a Config.
const (
	DefaultVersion        = "2023-06-01"
	DefaultTimeout        = 600 * time.Second
	DefaultConnectTimeout = 5 * time.Second
	DefaultStallTimeout   = 90 * time.Second
	DefaultMaxEvent       = 16 << 20
	DefaultUserAgent      = "tokenload"
)

// Config says where a Client sends and how long it waits. Only BaseURL must be set.
type Config struct {
	API     string            // "messages" or "chat"; "" is messages
	BaseURL string            // the address without /v1, http or https
	Key     Key               // "" sends no credential
	Bearer  bool              // send the key as Authorization: Bearer instead of x-api-key; chat always does
	Version string            // anthropic-version; "" is DefaultVersion; chat has none
	Beta    []string          // anthropic-beta; chat has none
	Headers map[string]string // more headers, none of them a credential
	HTTP    string            // "", "auto" and "1.1" are HTTP/1.1; "2" is HTTP/2 and nothing else
	CAFile  string            // PEM certificates to trust besides the system's; "" is none

	Timeout        time.Duration // whole request; 0 is DefaultTimeout
	ConnectTimeout time.Duration // from the start to a usable connection; 0 is DefaultConnectTimeout
	StallTimeout   time.Duration // without one byte once the request is out; 0 is DefaultStallTimeout

	Start     time.Time // of the run; every instant is an offset from it. Zero is the moment of New
	UserClock bool      // stamp arrivals by our own clock even where the kernel could be asked
	MaxEvent  int       // bytes of one event, or of a plain answer; 0 is DefaultMaxEvent
	UserAgent string    // "" is DefaultUserAgent

	Dial  func(ctx context.Context, network, addr string) (net.Conn, error) // nil is the network
	Proxy func(*http.Request) (*url.URL, error)                             // nil is no proxy
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.API = or(c.API, APIMessages)
	c.Version = or(c.Version, DefaultVersion)
	c.HTTP = or(c.HTTP, "auto")
	c.UserAgent = or(c.UserAgent, DefaultUserAgent)
	c.Timeout = or(c.Timeout, DefaultTimeout)
	c.ConnectTimeout = or(c.ConnectTimeout, DefaultConnectTimeout)
	c.StallTimeout = or(c.StallTimeout, DefaultStallTimeout)
	c.MaxEvent = or(c.MaxEvent, DefaultMaxEvent)
	if c.Start.IsZero() {
		c.Start = time.Now().Add(-time.Nanosecond) // an instant is never 0
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	return c
}

func or[T comparable](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}

// check reports the first thing that is wrong. Its errors never show the key.
func (c Config) check() error {
	if dialectOf(c.API) == nil {
		return fmt.Errorf("api %q is not one of messages, chat", c.API)
	}
	if c.API == APIChat && len(c.Beta) > 0 {
		return errors.New("api chat has no beta header")
	}
	if !slices.Contains([]string{"auto", "1.1", "2"}, c.HTTP) {
		return fmt.Errorf(`http %q is not one of "auto", "1.1", "2"`, c.HTTP)
	}
	if c.Timeout < 0 || c.ConnectTimeout < 0 || c.StallTimeout < 0 {
		return errors.New("a time-out is negative")
	}
	if c.MaxEvent < 0 {
		return fmt.Errorf("max event %d is negative", c.MaxEvent)
	}
	return c.Key.check()
}

// endpoint returns the base address in normal form, without a slash at its end.
func endpoint(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil {
		// The parser's error repeats the address, which may hold a password.
		return nil, errors.New("base URL: not an address, such as https://api.anthropic.com")
	}
	switch {
	case u.User != nil:
		return nil, errors.New("base URL: a name or password in an address is not accepted: use the key")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, fmt.Errorf("base URL %q: want http:// or https:// and a host", base)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, fmt.Errorf("base URL %q: leave out everything from the ? or # on", base)
	}
	path := strings.TrimRight(u.Path, "/")
	if strings.HasSuffix(path, "/v1") || strings.HasSuffix(path, messages{}.path()) || strings.HasSuffix(path, chat{}.path()) {
		return nil, fmt.Errorf("base URL %q: leave out /v1, it is added", base)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}

// Headers that a plan may not bring: some would carry a credential past the
// redaction, the others belong to HTTP or to this client.
var (
	credentialHeaders = []string{"Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "Cookie",
		"X-Auth-Token", "X-Goog-Api-Key", "X-Amz-Security-Token"}
	ownHeaders = []string{"Host", "Connection", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding",
		"Accept", "Accept-Encoding", "Upgrade", "Te", "Trailer", "Expect", "Keep-Alive", "Proxy-Connection"}
)

// header builds the one header map that every request of a client shares;
// the transport only reads it.
func (c Config) header() (http.Header, error) {
	h := http.Header{
		"Content-Type":    {"application/json"},
		"Accept":          {"text/event-stream, application/json"},
		"Accept-Encoding": {"identity"},
		"User-Agent":      {c.UserAgent},
	}
	if c.API == APIMessages {
		h.Set("Anthropic-Version", c.Version)
	}
	if len(c.Beta) > 0 {
		h.Set("Anthropic-Beta", strings.Join(c.Beta, ","))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case slices.Contains(credentialHeaders, canonical):
			return nil, fmt.Errorf("header %q is a credential: give it as the key", name)
		case slices.Contains(ownHeaders, canonical):
			return nil, fmt.Errorf("header %q is set by the client: leave it out", name)
		case canonical == "Anthropic-Beta" && len(c.Beta) > 0:
			h.Set(canonical, h.Get(canonical)+","+c.Headers[name])
		default:
			h[canonical] = []string{c.Headers[name]}
		}
	}
	for name, values := range h {
		if !isToken(name) {
			return nil, fmt.Errorf("header %q: not a header's name", name)
		}
		if !isFieldValue(values[0]) {
			return nil, fmt.Errorf("header %q: its value has a line break or another control character", name)
		}
	}
	if c.Key != "" && (c.Bearer || c.API == APIChat) {
		h["Authorization"] = []string{"Bearer " + string(c.Key)}
	} else if c.Key != "" {
		h["X-Api-Key"] = []string{string(c.Key)}
	}
	return h, nil
}

// isToken reports whether s may be a header's name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isAlphanumeric(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isFieldValue reports whether s may be a header's value (RFC 9110, 5.5).
func isFieldValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// roots returns the system's certificates and those of file; nil is the system's alone.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %q: holds no PEM certificate", file)
	}
	return pool, nil
}

// transport builds the one transport of a client.
func (c Config) transport(stamp clock, kernel *kernelClock) (*http.Transport, error) {
	pool, err := roots(c.CAFile)
	if err != nil {
		return nil, err
	}
	var protocols http.Protocols
	protocols.SetHTTP1(c.HTTP != "2")
	protocols.SetHTTP2(c.HTTP == "2")
	protocols.SetUnencryptedHTTP2(c.HTTP == "2")
	d := dialer{dial: c.Dial, within: c.ConnectTimeout, now: stamp, kernel: kernel}
	return &http.Transport{
		Proxy:                  c.Proxy,
		DialContext:            d.dialContext,
		TLSClientConfig:        c.tls(pool),
		TLSHandshakeTimeout:    c.ConnectTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1 << 20, // a burst of n keeps its n connections
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		ReadBufferSize:         4 << 10,
		WriteBufferSize:        4 << 10,
		Protocols:              &protocols,
	}, nil
}

var errNoHTTP2 = errors.New("HTTP/2 is not offered")

// tls configures the handshake. A server that ignores the question which
// protocol to speak would be spoken to in HTTP/1.1; asked for HTTP/2, we refuse.
func (c Config) tls(pool *x509.CertPool) *tls.Config {
	t := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if c.HTTP == "2" {
		t.VerifyConnection = func(s tls.ConnectionState) error {
			if s.NegotiatedProtocol != "h2" {
				return errNoHTTP2
			}
			return nil
		}
	}
	return t
}
