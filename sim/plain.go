package sim

import (
	"bytes"
	"net/http"
	"time"
)

// plain answers in one piece, when the streamed answer would have ended.
func (x *exchange) plain() {
	p := &x.script
	x.sleep(p.content)
	if x.err != nil {
		return
	}
	x.answering() // though nobody sees it yet
	x.spend(p.output, p.content, x.lastDue())
	if x.err != nil {
		return
	}
	if x.fx.find(FaultError) != nil {
		x.fail(errorOf(529))
		return
	}
	x.head("application/json")
	x.rec.StopReason, x.rec.ThinkingTokens = x.stop, p.thinking
	x.sendPlain(x.renderPlain())
}

// lastDue walks through the events of a streamed answer, so that both kinds of
// answer take the same time, and returns when the last is due.
func (x *exchange) lastDue() time.Duration {
	p := &x.script
	if p.thinking > 0 && !x.req.think.shown {
		p.skip(p.thinking)
	} else if p.thinking > 0 {
		p.begin(p.thinking)
		p.exhaust()
	}
	p.begin(p.output - p.thinking)
	p.exhaust()
	return p.at
}

func (p *script) exhaust() {
	for {
		if _, _, ok := p.next(); !ok {
			return
		}
	}
}

// renderPlain is the body of a plain answer.
func (x *exchange) renderPlain() []byte {
	if x.chat != nil {
		return x.renderChat()
	}
	b := appendQuoted([]byte(`{"model":`), x.req.model.id)
	b = append(b, `,"id":`...)
	b = appendQuoted(b, x.s.id("msg_"))
	b = append(b, `,"type":"message","role":"assistant","content":[`...)
	if x.req.maxTokens > 0 {
		b = x.appendContent(b)
	}
	b = x.appendStop(append(b, "],"...))
	b = append(b, `,"stop_details":null,"container":null`...)
	if !x.fx.noUsage {
		b = x.final().appendFull(append(b, `,"usage":`...), x.req)
	}
	return append(b, '}')
}

func (x *exchange) appendContent(b []byte) []byte {
	if x.req.think.on {
		b = append(b, `{"type":"thinking","thinking":"`...)
		if x.req.think.shown {
			b = x.appendThoughts(b)
		}
		b = append(b, `","signature":`...)
		b = append(appendQuoted(b, signature(x.script.offset)), "},"...)
	}
	if x.req.tool == nil {
		b = x.appendText(append(b, `{"type":"text","text":"`...))
		return append(b, `","citations":null}`...)
	}
	b = appendQuoted(append(b, `{"type":"tool_use","id":`...), x.s.id("toolu_"))
	b = appendQuoted(append(b, `,"name":`...), x.req.tool.Name)
	input := x.text.String()
	if x.script.capped {
		input = "{}" // cut JSON cannot stand in a JSON body
	}
	b = append(append(b, `,"input":`...), input...)
	return append(b, `,"caller":{"type":"direct"}}`...)
}

// appendText appends the text of a plain answer, without quotes.
func (x *exchange) appendText(b []byte) []byte {
	b = x.text.appendJSON(b, 0, x.text.n)
	if f := x.fx.find(FaultHuge); f != nil {
		b = append(b, bytes.Repeat([]byte("x"), f.Bytes)...)
	}
	return b
}

// appendThoughts appends the text of shown thinking, without quotes.
func (x *exchange) appendThoughts(b []byte) []byte {
	t := newProse("", x.s.corpus, x.script.offset>>1, x.script.thinking*bytesPerToken(x.req.model))
	return t.appendJSON(b, 0, t.n)
}

// sendPlain sends a plain body with the faults that concern one: cut and stall
// at half of it, malformed and truncate end it there in good order.
func (x *exchange) sendPlain(body []byte) {
	half := len(body) / 2
	if x.fx.find(FaultMalformed) != nil || x.fx.find(FaultTruncate) != nil {
		body = body[:half]
	}
	x.w.Header().Set("Content-Length", itoa(len(body)))
	x.w.WriteHeader(http.StatusOK)
	cut, stall := x.fx.find(FaultCut), x.fx.find(FaultStall)
	if cut != nil || stall != nil {
		x.buf = append(x.buf, body[:half]...)
		x.flush()
		body = body[half:]
	}
	if stall != nil {
		x.until(time.Now().Add(stall.For), false)
	}
	if cut != nil {
		x.end(errAbort)
		if cut.RST {
			x.err = errReset
		}
		return
	}
	x.buf = append(x.buf, body...)
	x.flush()
}
