package sim

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"time"
)

// exchange is one request and its answer. It belongs to the goroutine of its
// handler.
type exchange struct {
	s        *Server
	set      *setting // as it was when the request came
	w        http.ResponseWriter
	r        *http.Request
	rec      Record
	n        int64 // in order of arrival
	sent     int   // bytes of the body
	fx       effects
	req      *request
	chat     *chat // answered in OpenAI's shape; nil is the API's own
	gate     *gate
	found    lookup
	use      usage
	estimate int // of its input, as the limits took it
	script   script
	text     prose
	stop     string // stop_reason
	stopAt   string // stop_sequence

	start   time.Time     // what the script's times count from
	at      time.Duration // how far in the script the answer is
	due     time.Time     // when that was due
	job     *job          // its part in the steps of the step model, else nil
	timer   *time.Timer
	buf     []byte    // rendered and not yet written
	event   int       // where the last event begins in buf
	block   int       // index of the present content block
	wrote   time.Time // when bytes last went out; pings count from it
	pinging bool      // an open stream: silence is filled with pings
	err     error     // why the answer ended early
}

// Why an answer ends early.
var (
	errGone  = errors.New("client gone")
	errAbort = errors.New("connection to be closed")
	errReset = errors.New("connection to be reset")
	errEnd   = errors.New("stream ended on purpose")
)

// messages answers POST /v1/messages and POST /v1/chat/completions.
func (x *exchange) messages() {
	own, err := headerFaults(x.r.Header["X-Sim-Fault"])
	if err != nil {
		x.fail(invalid("x-sim-fault: %v", err))
		return
	}
	x.arrive(own)
	if e := x.readBody(false); e != nil {
		x.fail(e)
		return
	}
	answer, chance := x.s.draws.of(x.set.config.Seed, x.req.digest)
	x.pickFaults(chance, own)
	if x.fx.instead != nil {
		x.instead(x.fx.instead)
		return
	}
	now := time.Now()
	if x.fx.evict {
		x.s.cache.evict(x.req, x.workspace())
	}
	x.found = x.s.cache.lookup(x.req, x.workspace(), now)
	x.use = x.found.usage
	x.gate = x.set.gates[x.req.model.class]
	if e := x.admit(now); e != nil {
		x.fail(e)
		return
	}
	if !x.enter() {
		return
	}
	defer x.leave()
	x.prepare(answer)
	if x.req.stream {
		x.stream()
	} else {
		x.plain()
	}
}

// admit asks the limits. What the cache is expected to hold does not count.
func (x *exchange) admit(now time.Time) *apiError {
	x.estimate = int(math.Ceil(float64(x.use.uncached()) * x.set.config.InputEstimate))
	r := x.s.spend.refuse(x.set.config.SpendCap, now)
	if r == nil {
		r = x.gate.admit(x.estimate, now)
	}
	if r == nil {
		x.rec.tokens(x.use)
		x.s.cache.refresh(x.found, now)
		return nil
	}
	x.rec.Levels = x.limitHeaders(now)
	x.skewResets()
	e := limited(r, x.req.model.id)
	x.rec.LimitedBy, x.rec.RetryAfter = r.kind, e.retryAfter
	return e
}

// enter waits for a place; false is that the client left.
func (x *exchange) enter() bool {
	if !x.set.service.enter(x.r.Context().Done()) {
		x.err = errGone
		return false
	}
	x.begin(time.Now())
	return true
}

// begin is the moment the script's times count from.
func (x *exchange) begin(now time.Time) {
	x.start, x.due = now, now
	x.rec.Start = now.Sub(x.rec.Received)
}

func (x *exchange) leave() {
	if x.job != nil {
		x.set.service.steps.leave(x.job)
	}
	x.set.service.leave()
}

// instead answers something else than the request.
func (x *exchange) instead(f *Fault) {
	switch f.Kind {
	case FaultStatus:
		e := errorOf(f.Status)
		if f.For > 0 {
			e.retryAfter = int((f.For + time.Second - 1) / time.Second)
		}
		if f.Code != "" {
			e = e.withCode(f.Code)
		}
		x.rec.RetryAfter = e.retryAfter
		x.fail(e)
	case FaultHTML:
		status := f.Status
		if status == 0 {
			status = http.StatusOK
		}
		x.answer(status, "text/html; charset=utf-8", []byte("<!doctype html>\n<html><head><title>Gateway</title></head><body><h1>Gateway</h1></body></html>\n"))
	case FaultSilence:
		x.until(time.Now().Add(f.For), false)
		if x.err == nil {
			x.err = errAbort
		}
	default:
		x.err = errAbort
		if f.RST {
			x.err = errReset
		}
	}
}

// prepare draws the answer and lays out its text.
func (x *exchange) prepare(rng *rand.Rand) {
	s, req := x.s, x.req
	s.mu.Lock()
	drift := 1.0
	if sigma := x.set.config.Drift; sigma > 0 {
		drift = s.drift.factor(sigma, x.start.Sub(s.started))
	}
	s.mu.Unlock()
	p := x.set.config.draw(rng, x.set.latencyOf(req.model), req, x.use, drift)
	if x.set.service.steps != nil {
		p.stepped()
	}
	per := bytesPerToken(req.model)
	x.text = newProse(req.echo, s.corpus, p.offset, (p.output-p.thinking)*per)
	x.stop = "end_turn"
	switch {
	case req.maxTokens == 0:
		p.output, p.capped = 0, true
	case req.tool != nil || req.schema != nil:
		x.layOutJSON(&p, per)
	default:
		x.stopAt = x.text.stopAt(req.stops)
		if x.stopAt != "" {
			x.stop = "stop_sequence"
			p.output, p.capped = p.thinking+max(1, (x.text.n+per-1)/per), false
		}
	}
	if p.capped {
		x.stop = "max_tokens"
		if req.room() < req.maxTokens {
			x.stop = "model_context_window_exceeded"
		}
	}
	x.script = p
	x.rec.DrawnFirst, x.rec.DrawnContent, x.rec.DrawnSpeed = p.first, p.content, p.speed
}

// layOutJSON makes the answer a tool's input, or JSON of the format asked for.
func (x *exchange) layOutJSON(p *script, per int) {
	shape := x.req.schema
	if x.req.tool != nil {
		shape, x.stop = x.req.tool.InputSchema, "tool_use"
	}
	value := newProse(x.req.echo, x.s.corpus, p.offset, 48)
	value.n = value.boundary(value.n)
	made := string(example(nil, shape, value.String(), 8))
	want := (len(made) + per - 1) / per
	room := x.req.room() - p.thinking
	p.capped = want > room
	p.output = p.thinking + min(want, room)
	x.text = prose{head: made, n: min(len(made), room*per)}
	x.text.n = x.text.boundary(x.text.n)
}

// close ends the exchange: it writes the record, and ends the connection where
// that is what has to happen.
func (x *exchange) close() {
	if x.timer != nil {
		x.timer.Stop()
	}
	x.rec.Canceled = x.rec.Canceled || x.err == errGone
	if x.rec.Status == http.StatusOK && x.req != nil {
		u := x.use
		u.output = x.rec.OutputTokens
		if x.set.config.BillCut == BillFull {
			u.output = x.script.output
		}
		x.rec.Billed = bill(x.req, u)
		x.s.spend.add(x.rec.Billed, time.Now())
	}
	x.s.truth.add(x.rec)
	if log := x.set.config.Log; log != nil {
		log.Info("request", "id", x.rec.RequestID, "path", x.rec.Path, "model", x.rec.Model, "status", x.rec.Status,
			"output_tokens", x.rec.OutputTokens, "faults", x.rec.Faults)
	}
	switch x.err {
	case errReset:
		if conn, _, err := http.NewResponseController(x.w).Hijack(); err == nil {
			reset(conn)
			return
		}
		panic(http.ErrAbortHandler) // HTTP/2 has no connection to take: net/http resets the stream
	case errAbort:
		panic(http.ErrAbortHandler) // net/http's way to close without ending the answer
	}
}
