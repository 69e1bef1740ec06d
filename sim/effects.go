package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// effects is what happens to one request, all its faults together.
type effects struct {
	kinds        []string
	instead      *Fault  // answered in place of the request: status, html, close, silence
	inside       []Fault // at an event of the stream
	factor       float64 // on delays; 0 is 1
	bytesPerSec  int     // 0 is no bound
	buffer       bool
	noUsage      bool
	noRetryAfter bool
	noKeepAlive  bool
	goAway       bool
	evict        bool
	contentType  string        // "" is the right one
	skew         time.Duration // of the clock in headers
	readPerSec   int           // of the request's body; 0 is no bound
	cutAt        time.Time     // zero is never
	cutBytes     int           // of the body; 0 is never
	cutWhy       error         // how both of these end the answer
}

// add takes a fault of a request received at a moment.
func (e *effects) add(f Fault, received time.Time) {
	f = f.withDefaults()
	e.kinds = append(e.kinds, f.Kind)
	switch f.Kind {
	case FaultStatus, FaultHTML, FaultClose, FaultSilence:
		if e.instead == nil {
			e.instead = &f
		}
	case FaultSlow:
		e.factor = f.Factor
	case FaultDrip:
		e.bytesPerSec = f.Bytes
	case FaultBuffer:
		e.buffer = true
	case FaultNoUsage:
		e.noUsage = true
	case FaultNoRetryAfter:
		e.noRetryAfter = true
	case FaultNoKeepAlive:
		e.noKeepAlive = true
	case FaultGoAway:
		e.goAway = true
	case FaultEvict:
		e.evict = true
	case FaultContentType:
		e.contentType = f.Type
	case FaultClockSkew:
		e.skew = f.For
	case FaultSlowRead:
		e.readPerSec = f.Bytes
	default:
		if f.Kind == FaultCut && (f.At > 0 || f.Bytes > 0) {
			e.cut(f, received)
			return
		}
		e.inside = append(e.inside, f)
	}
}

// cut is one by time or by bytes.
func (e *effects) cut(f Fault, received time.Time) {
	if f.At > 0 {
		e.cutAt = received.Add(f.At)
	}
	e.cutBytes, e.cutWhy = f.Bytes, errAbort
	if f.RST {
		e.cutWhy = errReset
	}
}

// find returns the first inside fault of a kind, or nil.
func (e *effects) find(kind string) *Fault {
	for i := range e.inside {
		if e.inside[i].Kind == kind {
			return &e.inside[i]
		}
	}
	return nil
}

// headerFaults reads the faults a request brings itself.
func headerFaults(values []string) (own []Fault, err error) {
	for _, v := range values {
		for text := range strings.SplitSeq(v, ",") {
			f, err := ParseFault(text)
			if err == nil && f.atTheDoor() {
				err = fmt.Errorf("fault %q: concerns connections, not requests", text)
			}
			if err != nil {
				return nil, err
			}
			own = append(own, f)
		}
	}
	return own, nil
}

// arrive numbers a request, and adds the rules that act before its body is read.
// What was asked is not known yet: their luck is drawn from the number.
func (x *exchange) arrive(own []Fault) {
	x.n = x.s.arrived.Add(1)
	since, chance := x.rec.Received.Sub(x.set.faultsSince), rand.New(rand.NewPCG(x.set.config.Seed^0x62656e, uint64(x.n)))
	for _, f := range slices.Concat(x.set.config.Faults, own) {
		if f.Kind == FaultSlowRead && f.applies(x.n, since, chance.Float64()) {
			x.fx.add(f, x.rec.Received)
		}
	}
	x.rec.Faults = x.fx.kinds
}

// pickFaults adds the rules that apply to this request. Every rule draws,
// whether or not it can apply: one rule's window does not change another's luck.
// Those the request brings itself come last, under the same rules.
func (x *exchange) pickFaults(chance *rand.Rand, own []Fault) {
	since := time.Since(x.set.faultsSince)
	for _, f := range slices.Concat(x.set.config.Faults, own) {
		luck := chance.Float64()
		if f.Kind == FaultSlowRead || f.atTheDoor() || !strings.HasPrefix(x.req.model.id, f.Model) {
			continue
		}
		if f.applies(x.n, since, luck) {
			x.fx.add(f, x.rec.Received)
		}
	}
	x.rec.Faults = x.fx.kinds
	if x.fx.skew != 0 {
		x.w.Header().Set("Date", time.Now().Add(x.fx.skew).UTC().Format(http.TimeFormat))
	}
}

// connectionHeader says that the connection ends with this answer. Over HTTP/2
// net/http turns it into a GOAWAY.
func (x *exchange) connectionHeader() {
	if x.fx.noKeepAlive || x.fx.goAway && x.r.ProtoMajor == 2 {
		x.w.Header().Set("Connection", "close")
	}
}

// contentType is the right one unless that is the fault.
func (x *exchange) contentType(right string) string {
	if x.fx.contentType != "" {
		return x.fx.contentType
	}
	return right
}

// skewResets moves the moments in the limit headers.
func (x *exchange) skewResets() {
	if x.fx.skew == 0 {
		return
	}
	h := x.w.Header()
	for _, name := range []string{"Requests", "Tokens", "Input-Tokens", "Output-Tokens"} {
		name = "Anthropic-Ratelimit-" + name + "-Reset"
		if at, err := time.Parse(time.RFC3339, h.Get(name)); err == nil {
			h.Set(name, at.Add(x.fx.skew).Format(time.RFC3339))
		}
	}
}

// pacedReader reads a body ten times a second, so many bytes.
type pacedReader struct {
	x    *exchange
	from io.Reader
	due  time.Time
}

func (p *pacedReader) Read(b []byte) (int, error) {
	perSec := p.x.fx.readPerSec
	n, err := p.from.Read(b[:min(max(1, perSec/10), len(b))])
	p.due = p.due.Add(time.Second * time.Duration(n) / time.Duration(perSec))
	p.x.until(p.due, false)
	if err == nil {
		err = p.x.err
	}
	return n, err
}
