package sim

import (
	"net/http"
	"strconv"
	"time"
)

// stream answers with Server-Sent Events.
func (x *exchange) stream() {
	x.sleep(x.script.first)
	if x.err != nil {
		return
	}
	x.answering()
	x.head("text/event-stream; charset=utf-8")
	x.messageStart()
	if x.req.think.on {
		x.think()
	}
	x.speak()
	x.closeStream()
	if x.err == errEnd {
		x.err = nil
	}
}

// answering is the moment the answer begins: what it writes to the cache can be
// read, and the estimate of its input is corrected.
func (x *exchange) answering() {
	x.s.cache.commit(x.found, x.found.at)
	x.gate.correct(x.estimate, x.use.uncached(), time.Now())
}

// head sets the headers of an answer that is about to begin.
func (x *exchange) head(contentType string) {
	h := x.w.Header()
	h.Set("Content-Type", x.contentType(contentType))
	h.Set("Cache-Control", "no-cache")
	x.connectionHeader()
	x.rec.Levels = x.limitHeaders(time.Now())
	x.skewResets()
	x.rec.Status = http.StatusOK
	x.pinging = x.req.stream
}

func (x *exchange) messageStart() {
	if x.chat != nil {
		x.chatStart()
		return
	}
	b := append(x.buf, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":"...)
	b = appendQuoted(b, x.req.model.id)
	b = append(b, `,"id":`...)
	b = appendQuoted(b, x.s.id("msg_"))
	b = append(b, `,"type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null`...)
	if !x.fx.noUsage {
		u := x.use
		u.output = min(1+int(x.script.offset%8), x.script.output) // a placeholder, as the API sends
		b = append(b, `,"usage":`...)
		b = u.appendFull(b, x.req)
	}
	x.buf = append(b, "}}\n\n"...)
	x.mark()
}

// blockStart opens the next content block; inner is its empty form. The first
// one is followed by a ping.
func (x *exchange) blockStart(inner string) {
	if x.chat != nil {
		return // it has no blocks
	}
	b := append(x.buf, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"...)
	b = strconv.AppendInt(b, int64(x.block), 10)
	b = append(b, `,"content_block":`...)
	b = append(b, inner...)
	x.buf = append(b, "}\n\n"...)
	x.mark()
	if x.block == 0 {
		x.ping()
	}
}

func (x *exchange) blockStop() {
	if x.chat != nil {
		return
	}
	b := append(x.buf, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"...)
	b = strconv.AppendInt(b, int64(x.block), 10)
	x.buf = append(b, "}\n\n"...)
	x.mark()
	x.block++
}

func (x *exchange) ping() {
	if x.chat != nil {
		x.buf = append(x.buf, ": ping\n\n"...) // a comment, which clients skip
		return
	}
	x.buf = append(x.buf, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
	x.mark()
}

// deltaStart begins a delta of a kind, up to the inside of its string.
func (x *exchange) deltaStart(kind, field string) {
	if x.chat != nil {
		x.chatDelta(kind, field)
		return
	}
	b := append(x.buf, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
	b = strconv.AppendInt(b, int64(x.block), 10)
	b = append(append(b, `,"delta":{"type":"`...), kind...)
	b = append(append(b, `","`...), field...)
	x.buf = append(b, `":"`...)
}

func (x *exchange) deltaEnd() {
	x.deltaClose()
	x.mark()
}

// deltaClose ends what deltaStart began.
func (x *exchange) deltaClose() {
	if x.chat != nil {
		x.chatDeltaClose()
		return
	}
	x.buf = append(x.buf, "\"}}\n\n"...)
}

// think sends the thinking block: its text if that is shown, else silence.
func (x *exchange) think() {
	x.blockStart(`{"type":"thinking","thinking":"","signature":""}`)
	x.flush()
	if n := x.script.thinking; x.req.think.shown {
		per := bytesPerToken(x.req.model)
		t := newProse("", x.s.corpus, x.script.offset>>1, n*per)
		x.deltas("thinking_delta", "thinking", n, &t)
	} else {
		x.script.skip(n)
		x.spend(n, x.script.content, x.script.at)
	}
	if x.chat == nil {
		x.deltaStart("signature_delta", "signature")
		x.buf = append(x.buf, signature(x.script.offset)...)
		x.deltaEnd()
	}
	x.blockStop()
}

// speak sends the block one sees: text, or a tool's input.
func (x *exchange) speak() {
	n := x.script.output - x.script.thinking
	if x.req.tool == nil {
		x.blockStart(`{"type":"text","text":""}`)
		x.flush()
		x.deltas("text_delta", "text", n, &x.text)
		return
	}
	x.callTool()
	x.flush()
	x.deltas("input_json_delta", "partial_json", n, &x.text)
}

// callTool opens the block of a tool's input.
func (x *exchange) callTool() {
	if x.chat != nil {
		x.chatTool()
		return
	}
	b := append([]byte(`{"type":"tool_use","id":"`), x.s.id("toolu_")...)
	b = appendQuoted(append(b, `","name":`...), x.req.tool.Name)
	x.blockStart(string(append(b, `,"input":{},"caller":{"type":"direct"}}`...)))
	x.deltaStart("input_json_delta", "partial_json")
	x.deltaEnd()
}

// deltas sends n tokens of text, each event when it is due, in one write.
func (x *exchange) deltas(kind, field string, n int, t *prose) {
	per := bytesPerToken(x.req.model)
	x.script.begin(n)
	for pos := 0; x.err == nil; {
		k, at, ok := x.script.next()
		if !ok {
			return
		}
		x.sleep(at)
		if x.err != nil {
			return
		}
		to := t.boundary(min(t.n, pos+k*per))
		if x.script.left == 0 {
			to = t.n
		}
		x.deltaStart(kind, field)
		x.buf = t.appendJSON(x.buf, pos, to)
		x.deltaEnd()
		pos = to
		wrote := x.flush().Sub(x.rec.Received)
		if x.rec.FirstContent == 0 {
			x.rec.FirstContent = wrote
		}
		x.rec.LastContent = wrote
		x.generated(k)
	}
}

// closeStream sends what ends a whole stream, in one write.
func (x *exchange) closeStream() {
	x.blockStop()
	x.messageDelta()
	x.mark()
	x.strikeRest()
	if x.err == nil {
		x.rec.StopReason = x.stop
		x.rec.ThinkingTokens = x.script.thinking
	}
	if x.chat != nil {
		x.chatStop()
	} else {
		x.buf = append(x.buf, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
	}
	x.mark()
	x.pinging = false
	x.flush()
}

// final is the usage of a whole answer.
func (x *exchange) final() usage {
	u := x.use
	u.output, u.thinking = x.script.output, x.script.thinking
	return u
}

// messageDelta says why the answer ends, and what it used.
func (x *exchange) messageDelta() {
	if x.chat != nil {
		x.chatFinish()
		return
	}
	b := append(x.buf, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"...)
	b = append(x.appendStop(b), '}')
	if !x.fx.noUsage {
		b = x.final().appendFinal(append(b, `,"usage":`...))
	}
	x.buf = append(b, "}\n\n"...)
}

// appendStop appends stop_reason and stop_sequence.
func (x *exchange) appendStop(b []byte) []byte {
	b = appendQuoted(append(b, `"stop_reason":`...), x.stop)
	b = append(b, `,"stop_sequence":`...)
	if x.stopAt == "" {
		return append(b, "null"...)
	}
	return appendQuoted(b, x.stopAt)
}

// signature looks like the opaque signature of a thinking block.
func signature(n uint64) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := []byte("EqQBCgIYAhIM")
	for range 84 {
		n = n*6364136223846793005 + 1442695040888963407
		b = append(b, alphabet[n>>58])
	}
	return string(b)
}
