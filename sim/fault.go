package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The kinds of [Fault]. "At event n" is after n events of a stream were written
// (message_start, content_block_start and the first ping are events); a stream
// that is shorter has it before message_stop.
const (
	FaultStatus       = "status"         // an HTTP error: Status, Code; For is the retry-after
	FaultClose        = "close"          // the connection is closed before any answer; RST
	FaultSilence      = "silence"        // nothing is answered for For, then the connection is closed
	FaultHTML         = "html"           // an HTML page; Status, 0 is 200
	FaultCut          = "cut"            // the connection is closed at event After, or halfway a plain answer; RST
	FaultStall        = "stall"          // nothing is sent for For, at event After; Pings keeps pings coming
	FaultError        = "error"          // an error event at event After, then the stream ends; Type
	FaultTruncate     = "truncate"       // the stream ends in good order at event After; 0 is before message_stop
	FaultMalformed    = "malformed"      // an event whose data is not JSON, at event After; a plain answer is cut short
	FaultDuplicate    = "duplicate"      // event After is sent twice
	FaultUnknown      = "unknown"        // an unknown event and an unknown kind of delta, at event After
	FaultHuge         = "huge"           // an event of Bytes bytes of text, at event After
	FaultSplit        = "split-utf8"     // a character's bytes arrive in two writes, at event After
	FaultSlow         = "slow"           // all delays times Factor
	FaultDrip         = "drip"           // the answer at Bytes per second
	FaultBuffer       = "buffer"         // a proxy that holds the stream back until it is whole
	FaultNoUsage      = "no-usage"       // no usage anywhere
	FaultNoRetryAfter = "no-retry-after" // a 429 or 529 without retry-after
	FaultNoKeepAlive  = "no-keepalive"   // the connection is closed after the answer
)

// Fault is one rule of what goes wrong, and when. Without Probability and Every
// it happens to every request in its window. In text, as [ParseFault] reads it
// and the header x-sim-fault carries it, a fault is its kind and its parameters:
//
//	status=529                      cut=3; rst
//	status=429; code=ramp_limit_exceeded; for=7s
//	stall=5; for=90s; pings         error=8; type=api_error
//	html=502                        slow=4; p=0.1; from=10s; to=20s
//
// The value after the kind is its main parameter: Status (status, html), Factor
// (slow), Bytes (huge, drip), For (silence), After (the others). Several faults
// in one header are separated by commas. Faults concern POST /v1/messages and
// POST /v1/chat/completions only; of a chat stream the chunks are counted.
type Fault struct {
	Kind string

	Probability float64       // drawn per request from the seed; 0 is not by chance
	Every       int           // every n-th request in order of arrival; 0 is not by count
	From, To    time.Duration // since the server was made; To 0 has no end
	Model       string        // only models whose id begins with this

	Status int           // HTTP status; 0 is the kind's own
	Code   string        // error.details.error_code
	Type   string        // error.type of FaultError; "" is overloaded_error
	After  int           // events; 0 is 4, the first delta of a plain text answer
	For    time.Duration // how long; 0 is 10 minutes
	Bytes  int           // 0 is 100 MiB for huge, 100 a second for drip
	Factor float64       // 0 is 10
	Pings  bool          // a stall during which pings go on
	RST    bool          // close by reset rather than in order
}

func faultKinds() []string {
	return []string{FaultStatus, FaultClose, FaultSilence, FaultHTML, FaultCut, FaultStall, FaultError, FaultTruncate, FaultMalformed,
		FaultDuplicate, FaultUnknown, FaultHuge, FaultSplit, FaultSlow, FaultDrip, FaultBuffer, FaultNoUsage, FaultNoRetryAfter, FaultNoKeepAlive}
}

// ParseFault reads one fault from its text.
func ParseFault(text string) (Fault, error) {
	var f Fault
	for i, part := range strings.Split(text, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if i == 0 {
			f.Kind = key
			if key = f.mainParameter(); value == "" {
				continue
			}
		}
		if err := f.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return f, fmt.Errorf("fault %q: %w", text, err)
		}
	}
	if err := f.check(); err != nil {
		return f, fmt.Errorf("fault %q: %w", text, err)
	}
	return f, nil
}

func (f *Fault) mainParameter() string {
	switch f.Kind {
	case FaultStatus, FaultHTML:
		return "status"
	case FaultSlow:
		return "factor"
	case FaultHuge, FaultDrip:
		return "bytes"
	case FaultSilence:
		return "for"
	}
	return "after"
}

func (f *Fault) set(key, value string) (err error) {
	switch key {
	case "p":
		f.Probability, err = strconv.ParseFloat(value, 64)
	case "every":
		f.Every, err = strconv.Atoi(value)
	case "from":
		f.From, err = time.ParseDuration(value)
	case "to":
		f.To, err = time.ParseDuration(value)
	case "model":
		f.Model = value
	case "status":
		f.Status, err = strconv.Atoi(value)
	case "code":
		f.Code = value
	case "type":
		f.Type = value
	case "after":
		f.After, err = strconv.Atoi(value)
	case "for":
		f.For, err = time.ParseDuration(value)
	case "bytes":
		f.Bytes, err = strconv.Atoi(value)
	case "factor":
		f.Factor, err = strconv.ParseFloat(value, 64)
	case "pings":
		f.Pings = true
	case "rst":
		f.RST = true
	default:
		return fmt.Errorf("unknown parameter %q", key)
	}
	if err != nil {
		return fmt.Errorf("parameter %s: bad value %q", key, value)
	}
	return nil
}

// check also holds for faults that were not parsed.
func (f Fault) check() error {
	switch {
	case !known(faultKinds(), f.Kind):
		return fmt.Errorf("unknown kind %q (one of %s)", f.Kind, strings.Join(faultKinds(), ", "))
	case !(f.Probability >= 0 && f.Probability <= 1):
		return errors.New("probability is not between 0 and 1")
	case f.Kind == FaultStatus && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status %d is not an error", f.Status)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is none", f.Status)
	case f.Every < 0 || f.After < 0 || f.Bytes < 0 || !(f.Factor >= 0) || min(f.From, f.To, f.For) < 0:
		return errors.New("a parameter is negative")
	}
	return nil
}

// withDefaults fills in what zero stands for.
func (f Fault) withDefaults() Fault {
	if f.After == 0 && f.Kind != FaultTruncate {
		f.After = 4
	}
	if f.For == 0 && f.Kind != FaultStatus {
		f.For = 10 * time.Minute
	}
	if f.Bytes == 0 {
		f.Bytes = 100
		if f.Kind == FaultHuge {
			f.Bytes = 100 << 20
		}
	}
	if f.Factor == 0 {
		f.Factor = 10
	}
	if f.Type == "" {
		f.Type = "overloaded_error"
	}
	return f
}

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
}

func (e *effects) add(f Fault) {
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
	default:
		e.inside = append(e.inside, f)
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
			if err != nil {
				return nil, err
			}
			own = append(own, f)
		}
	}
	return own, nil
}
