package sim

import (
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the simulated API. It is an [http.Handler]; [Start] also listens.
// Its methods may be called from any goroutine.
type Server struct {
	started time.Time
	corpus  string
	spend   spend
	cache   cache
	draws   draws
	truth   truth
	arrived atomic.Int64 // POST /v1/messages so far, for faults by count
	turned  atomic.Int64 // connections turned away by faults
	tls     *tls.Config  // nil without
	cert    []byte       // in PEM
	current atomic.Pointer[setting]
	change  sync.Mutex // one change of what is in force at a time

	mu    sync.Mutex // guards what follows
	ids   *rand.Rand
	drift drift
}

// New checks a configuration and returns a server for it. The error lists every
// mistake. Limits are full and the cache is empty; fault windows count from now.
func New(c Config) (*Server, error) {
	given := c
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Server{
		started: time.Now(),
		corpus:  newCorpus(c.Seed),
		ids:     rand.New(rand.NewPCG(c.Seed, 0x696473)),
		drift:   drift{rng: rand.New(rand.NewPCG(c.Seed, 0x6472696674))},
	}
	s.truth.size, s.truth.closed = c.TruthSize, sync.NewCond(&s.truth.mu)
	s.current.Store(newSetting(given, nil, s.started))
	if c.TLS {
		cert, inPEM, err := selfSigned(c.Addr)
		if err != nil {
			return nil, err
		}
		s.tls, s.cert = &tls.Config{Certificates: []tls.Certificate{cert}}, inPEM
	}
	return s, nil
}

// set is what is in force.
func (s *Server) set() *setting { return s.current.Load() }

// id makes an id of the API's form: a prefix, "01" and 22 letters and digits.
func (s *Server) id(prefix string) string {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	s.mu.Lock()
	a, b := s.ids.Uint64(), s.ids.Uint64()
	s.mu.Unlock()
	buf := append(make([]byte, 0, 40), prefix...)
	buf = append(buf, '0', '1')
	for range 11 {
		buf = append(buf, alphabet[a%uint64(len(alphabet))], alphabet[b%uint64(len(alphabet))])
		a, b = a/uint64(len(alphabet)), b/uint64(len(alphabet))
	}
	return string(buf)
}

// organization is whose API this is.
const organization = "00000000-0000-4000-8000-000000000000"

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sim/") {
		s.serveSim(w, r)
		return
	}
	s.truth.begin()
	x := &exchange{s: s, set: s.set(), w: w, r: r}
	x.rec = Record{RequestID: s.id("req_"), Path: r.URL.Path, Received: time.Now()}
	_, x.rec.Auth = x.key()
	x.rec.RetryCount, _ = strconv.Atoi(r.Header.Get("X-Stainless-Retry-Count"))
	w.Header().Set("Request-Id", x.rec.RequestID)
	if r.URL.Path == chatPath {
		x.chat = &chat{}
		w.Header().Set("X-Request-Id", x.rec.RequestID)
	}
	w.Header().Set("Anthropic-Organization-Id", organization)
	w.Header().Set("Anthropic-Workspace-Id", fmt.Sprintf("wrkspc_01%022d", x.workspace()))
	defer x.close()
	x.route()
}

// route finds the endpoint; faults concern only messages, in either dialect.
func (x *exchange) route() {
	switch path := x.r.URL.Path; path {
	case "/v1/messages", chatPath:
		x.only(http.MethodPost, x.messages)
	case "/v1/messages/count_tokens":
		x.only(http.MethodPost, x.countTokens)
	case "/v1/models":
		x.only(http.MethodGet, x.listModels)
	default:
		if name, ok := strings.CutPrefix(path, "/v1/models/"); ok && name != "" {
			x.only(http.MethodGet, func() { x.oneModel(name) })
			return
		}
		x.fail(notFound("Not found"))
	}
}

// only answers one method; where that is GET, HEAD as well.
func (x *exchange) only(method string, answer func()) {
	switch got := x.r.Method; {
	case got == method, got == http.MethodHead && method == http.MethodGet:
		answer()
	default:
		x.w.Header().Set("Allow", method)
		x.fail(&apiError{status: http.StatusMethodNotAllowed, kind: "invalid_request_error", message: "Method Not Allowed"})
	}
}

// key is what the request authenticates with, and the header it came in: either
// will do.
func (x *exchange) key() (key, header string) {
	if k := x.r.Header.Get("X-Api-Key"); k != "" {
		return k, "x-api-key"
	}
	scheme, token, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token != "" && strings.EqualFold(scheme, "Bearer") {
		return token, "authorization"
	}
	return "", ""
}

// admitCaller checks key and version.
func (x *exchange) admitCaller() *apiError {
	key, _ := x.key()
	if key == "" {
		e := errorOf(http.StatusUnauthorized)
		e.message = "x-api-key header is required"
		return e
	}
	if keys := x.set.config.Keys; len(keys) > 0 && !slices.Contains(keys, key) {
		return errorOf(http.StatusUnauthorized)
	}
	if x.chat != nil {
		return nil // it has no versions
	}
	switch v := version(x.r.Header.Get("Anthropic-Version")); v {
	case version2023, version2026:
		x.rec.Version = string(v)
		return nil
	case "":
		return invalid("anthropic-version: header is required")
	default:
		return invalid("anthropic-version: %q is not a valid version", v)
	}
}

// workspace separates the caches of different keys: each has one, and answers
// name it.
func (x *exchange) workspace() uint64 {
	h := fnv.New64a()
	key, _ := x.key()
	io.WriteString(h, key)
	return h.Sum64()
}

// readBody reads and parses the body.
func (x *exchange) readBody(counting bool) *apiError {
	if e := x.admitCaller(); e != nil {
		return e
	}
	if enc := x.r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return invalid("content-encoding %q is not supported", enc).withCode("request_body_encoding_unsupported")
	}
	raw, e := x.rawBody()
	if e != nil {
		return e
	}
	h := head{version(x.r.Header.Get("Anthropic-Version")), strings.Join(x.r.Header["Anthropic-Beta"], ","), counting}
	var req *request
	if x.chat != nil {
		req, e = parseChat(raw, x.set.models)
	} else {
		req, e = parse(raw, h, x.set.models)
	}
	if e != nil {
		return e
	}
	x.req = req
	x.rec.Model, x.rec.Class, x.rec.Stream, x.rec.MaxTokens = req.model.id, req.model.class, req.stream, req.maxTokens
	return nil
}

// limited is the 429 of a refusal.
func limited(r *refusal, model string) *apiError {
	if r.kind == "spend" {
		return errorOf(http.StatusTooManyRequests).withCode("enforced_spend_limit_reached")
	}
	what := map[string]string{"requests": "requests", "input_tokens": "input tokens", "output_tokens": "output tokens"}[r.kind]
	e := errorOf(http.StatusTooManyRequests)
	e.retryAfter = max(1, int((r.wait+time.Second-1)/time.Second))
	if r.kind == "ramp" {
		return e.withCode("ramp_limit_exceeded")
	}
	e.message = fmt.Sprintf("This request would exceed your organization's rate limit of %s %s per minute (org: %s, model: %s). "+
		"The response headers give the limits and when they reset; send less, or wait.", commas(r.limit), what, organization, model)
	return e
}

// commas writes 50000 as 50,000.
func commas(n int) string {
	s := itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
