package sim

import (
	"bytes"
	"time"
)

// mark notes that an event has been rendered, and lets the faults strike whose
// turn it is.
func (x *exchange) mark() {
	if x.err != nil {
		return
	}
	x.rec.Events++
	for i := range x.fx.inside {
		if f := &x.fx.inside[i]; f.After == x.rec.Events {
			x.strike(f)
		}
	}
	x.event = len(x.buf)
}

// strikeRest lets every fault strike that was meant for a later event than the
// stream has.
func (x *exchange) strikeRest() {
	for i := range x.fx.inside {
		if f := &x.fx.inside[i]; f.After >= 0 {
			x.strike(f)
		}
	}
}

// strike carries out a fault inside a stream, once.
func (x *exchange) strike(f *Fault) {
	if x.err != nil {
		return
	}
	f.After = -1
	switch f.Kind {
	case FaultCut:
		x.end(errAbort)
		if f.RST {
			x.err = errReset
		}
	case FaultTruncate:
		x.end(errEnd)
	case FaultStall:
		x.flush()
		x.until(time.Now().Add(f.For), f.Pings)
		x.due = x.due.Add(f.For) // the rest of the stream moves with it
	case FaultError:
		x.rec.Error = f.Type
		x.errorEvent(f)
		x.end(errEnd)
	case FaultMalformed:
		x.malformed()
	case FaultDuplicate:
		x.buf = append(x.buf, x.buf[min(x.event, len(x.buf)):]...)
	case FaultUnknown:
		x.buf = append(x.buf, "event: sim_unknown\ndata: {\"type\":\"sim_unknown\",\"value\":[1,{\"nested\":null}]}\n\n"...)
		x.deltaStart("sim_unknown_delta", "sim_value")
		x.deltaClose()
	case FaultHuge:
		x.huge(f.Bytes)
	case FaultSplit:
		x.deltaStart("text_delta", "text")
		x.buf = append(x.buf, "\xe6\xbc"...)
		x.flush()
		x.until(time.Now().Add(20*time.Millisecond), false)
		x.buf = append(x.buf, '\xa2')
		x.deltaClose()
	}
}

// end sends what there is and lets nothing follow.
func (x *exchange) end(why error) {
	x.pinging = false
	x.flush()
	if x.err == nil {
		x.err = why
	}
}

// huge sends one delta of n bytes of text, piece by piece.
func (x *exchange) huge(n int) {
	x.flush()
	x.deltaStart("text_delta", "text")
	x.write(x.buf)
	x.buf = x.buf[:0]
	piece := bytes.Repeat([]byte("tokens "), 9362) // just under 64 KiB
	for n > 0 && x.err == nil {
		k := min(n, len(piece))
		x.write(piece[:k])
		n -= k
	}
	x.deltaClose()
	x.flush()
}

// errorEvent renders an error inside a stream.
func (x *exchange) errorEvent(f *Fault) {
	e := &apiError{kind: f.Type, message: errorMessage(f.Type), code: f.Code}
	if x.chat != nil {
		x.buf = appendChatError(append(x.buf, "data: "...), e, "")
	} else {
		x.buf = appendError(append(x.buf, "event: error\ndata: "...), e.kind, e.message, e.code, "")
	}
	x.buf = append(x.buf, "\n\n"...)
}

// malformed renders an event whose data is not JSON.
func (x *exchange) malformed() {
	if x.chat != nil {
		x.buf = append(append(x.buf, x.chat.head...), "{\"index\":0,\"delta\":{\"cont\n\n"...)
		return
	}
	x.buf = append(x.buf, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_d\n\n"...)
}

func errorMessage(kind string) string {
	if kind == "overloaded_error" {
		return "Overloaded"
	}
	return "Internal server error"
}
