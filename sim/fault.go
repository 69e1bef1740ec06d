package sim

import (
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
	FaultContentType  = "content-type"   // the right answer under a wrong content type, Type
	FaultRefuse       = "refuse"         // nothing listens; by chance or by count, connections are reset once they are made
	FaultTLS          = "tls-fail"       // connections are closed with a TLS alert instead of a handshake
	FaultSlowRead     = "slow-read"      // the request's body is read at Bytes per second
	FaultCut          = "cut"            // the connection is closed at event After (halfway a plain answer), after Bytes, or at At; RST
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
	FaultGoAway       = "goaway"         // HTTP/2: with the answer's head comes GOAWAY; streams that are open go on
	FaultEvict        = "evict"          // what the cache holds of the prompt is forgotten before it is looked up
	FaultClockSkew    = "clock-skew"     // date and reset headers are off by For, which may be negative
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
// (slow), Bytes (huge, drip, slow-read), For (silence, clock-skew), Type
// (content-type), After (the others). Several faults in one header are separated
// by commas.
//
// Faults concern POST /v1/messages and POST /v1/chat/completions; of a chat
// stream the chunks are counted. But refuse and tls-fail concern connections: no
// header can ask for them, Every counts connections, and Model cannot be set. Nor
// can it for slow-read, which begins before the model is known.
type Fault struct {
	Kind string `yaml:"kind"`

	Probability float64       `yaml:"probability" most:"1"` // drawn per request from the seed; 0 is not by chance
	Every       int           `yaml:"every"`                // every n-th request in order of arrival; 0 is not by count
	From        time.Duration `yaml:"from"`                 // since the server was made, or its faults were changed
	To          time.Duration `yaml:"to"`                   // 0 has no end
	Model       string        `yaml:"model"`                // only models whose id begins with this

	Status int           `yaml:"status"`        // HTTP status; 0 is the kind's own
	Code   string        `yaml:"code"`          // error.details.error_code
	Type   string        `yaml:"type"`          // of the error; "" is overloaded_error. content-type: "" is text/plain
	After  int           `yaml:"after"`         // events; 0 is 4, the first delta of a plain text answer
	For    time.Duration `yaml:"for" least:"-"` // how long; 0 is 10 minutes, an hour for clock-skew
	At     time.Duration `yaml:"at"`            // cut: since the request came, 0 is not by time; what ends before is not cut
	Bytes  int           `yaml:"bytes"`         // 0 is 100 MiB for huge, 100 a second for drip and slow-read; cut: of the answer's body, 0 is not by bytes
	Factor float64       `yaml:"factor"`        // 0 is 10
	Pings  bool          `yaml:"pings"`         // a stall during which pings go on
	RST    bool          `yaml:"rst"`           // close by reset rather than in order
}

func faultKinds() []string {
	return []string{FaultStatus, FaultClose, FaultSilence, FaultHTML, FaultContentType, FaultRefuse, FaultTLS, FaultSlowRead, FaultCut,
		FaultStall, FaultError, FaultTruncate, FaultMalformed, FaultDuplicate, FaultUnknown, FaultHuge, FaultSplit, FaultSlow, FaultDrip,
		FaultBuffer, FaultNoUsage, FaultNoRetryAfter, FaultNoKeepAlive, FaultGoAway, FaultClockSkew, FaultEvict}
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
	if ps := f.problems(""); len(ps) > 0 {
		return f, fmt.Errorf("fault %q: %s", text, ps[0])
	}
	return f, nil
}

func (f *Fault) mainParameter() string {
	switch f.Kind {
	case FaultStatus, FaultHTML:
		return "status"
	case FaultSlow:
		return "factor"
	case FaultHuge, FaultDrip, FaultSlowRead:
		return "bytes"
	case FaultSilence, FaultClockSkew:
		return "for"
	case FaultContentType:
		return "type"
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
	case "at":
		f.At, err = time.ParseDuration(value)
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

// withDefaults fills in what zero stands for.
func (f Fault) withDefaults() Fault {
	if f.After == 0 && f.Kind != FaultTruncate {
		f.After = 4
	}
	if f.For == 0 && f.Kind != FaultStatus {
		f.For = 10 * time.Minute
		if f.Kind == FaultClockSkew {
			f.For = time.Hour
		}
	}
	if f.Bytes == 0 && f.Kind != FaultCut {
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
		if f.Kind == FaultContentType {
			f.Type = "text/plain; charset=utf-8"
		}
	}
	return f
}

// atTheDoor says whether a fault concerns connections rather than requests.
func (f Fault) atTheDoor() bool { return f.Kind == FaultRefuse || f.Kind == FaultTLS }

// applies says whether a rule strikes: its n-th chance, so long after the start.
func (f Fault) applies(n int64, since time.Duration, luck float64) bool {
	return (f.Probability == 0 || luck < f.Probability) && (f.Every == 0 || n%int64(f.Every) == 0) && f.open(since)
}

// open says whether a moment is in a rule's window.
func (f Fault) open(since time.Duration) bool { return since >= f.From && (f.To == 0 || since < f.To) }
