package sim

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

const chatPath = "/v1/chat/completions"

// chat is what an answer in OpenAI's shape needs to know of itself.
type chat struct {
	head    []byte // what every chunk begins with, up to its choices
	tail    string // what every chunk ends with
	closing string // ends the delta that is open
}

// chatHead begins a completion object of a kind, up to its choices.
func (x *exchange) chatHead(b []byte, object string) []byte {
	b = appendQuoted(append(b, `{"id":`...), x.s.id("chatcmpl-"))
	b = appendQuoted(append(b, `,"object":`...), object)
	b = appendField(append(b, ','), "created", int(x.start.Unix()))
	b = appendQuoted(append(b, `,"model":`...), x.req.model.id)
	return append(b, `,"service_tier":"default","system_fingerprint":null,"choices":[`...)
}

// chatStart sends the first chunk: who speaks.
func (x *exchange) chatStart() {
	c := x.chat
	c.head, c.tail = x.chatHead([]byte("data: "), "chat.completion.chunk"), "]}\n\n"
	if x.req.lastUsage {
		c.tail = `],"usage":null}` + "\n\n"
	}
	x.chatChunk(`{"role":"assistant","content":"","refusal":null}`, "")
	x.mark()
}

// chatChunk renders a whole chunk; no finish is null.
func (x *exchange) chatChunk(delta, finish string) {
	b := append(append(x.buf, x.chat.head...), `{"index":0,"delta":`...)
	b = append(append(b, delta...), `,"logprobs":null,"finish_reason":`...)
	if finish == "" {
		b = append(b, "null"...)
	} else {
		b = appendQuoted(b, finish)
	}
	x.buf = append(append(b, '}'), x.chat.tail...)
}

// chatDelta begins a delta, up to the inside of its string. Shown thinking goes
// into reasoning_content, as gateways to Claude have it: OpenAI has no field.
func (x *exchange) chatDelta(kind, field string) {
	open := `{"` + field + `":"`
	x.chat.closing = `"}`
	switch kind {
	case "text_delta":
		open = `{"content":"`
	case "thinking_delta":
		open = `{"reasoning_content":"`
	case "input_json_delta":
		open, x.chat.closing = `{"tool_calls":[{"index":0,"function":{"arguments":"`, `"}}]}`
	}
	b := append(append(x.buf, x.chat.head...), `{"index":0,"delta":`...)
	x.buf = append(b, open...)
}

func (x *exchange) chatDeltaClose() {
	b := append(append(x.buf, x.chat.closing...), `,"logprobs":null,"finish_reason":null}`...)
	x.buf = append(b, x.chat.tail...)
}

// chatTool sends the chunk that names the tool.
func (x *exchange) chatTool() {
	b := appendQuoted([]byte(`{"tool_calls":[{"index":0,"id":`), x.s.id("call_"))
	b = appendQuoted(append(b, `,"type":"function","function":{"name":`...), x.req.tool.Name)
	x.chatChunk(string(append(b, `,"arguments":""}}]}`...)), "")
	x.mark()
}

// chatFinish sends the chunk that says why the answer ends.
func (x *exchange) chatFinish() { x.chatChunk("{}", x.chatReason()) }

// chatReason is the stop reason in OpenAI's words.
func (x *exchange) chatReason() string {
	switch x.stop {
	case "max_tokens", "model_context_window_exceeded":
		return "length"
	case "tool_use":
		return "tool_calls"
	case "refusal":
		return "content_filter"
	}
	return "stop"
}

// chatStop ends the stream, with the usage if it was asked for.
func (x *exchange) chatStop() {
	if x.req.lastUsage && !x.fx.noUsage {
		b := append(append(x.buf, x.chat.head...), `],"usage":`...)
		x.buf = append(x.final().appendChat(b), "}\n\n"...)
	}
	x.buf = append(x.buf, "data: [DONE]\n\n"...)
}

// renderChat is the body of a plain answer.
func (x *exchange) renderChat() []byte {
	b := x.chatHead(nil, "chat.completion")
	b = append(b, `{"index":0,"message":{"role":"assistant","content":`...)
	if x.req.tool == nil {
		b = x.appendText(append(b, '"'))
		b = append(b, `","refusal":null,"annotations":[]`...)
	} else {
		b = appendQuoted(append(b, `null,"refusal":null,"annotations":[],"tool_calls":[{"id":`...), x.s.id("call_"))
		b = appendQuoted(append(b, `,"type":"function","function":{"name":`...), x.req.tool.Name)
		b = append(appendQuoted(append(b, `,"arguments":`...), x.text.String()), "}}]"...)
	}
	if x.req.think.on && x.req.think.shown {
		b = append(x.appendThoughts(append(b, `,"reasoning_content":"`...)), '"')
	}
	b = appendQuoted(append(b, `},"logprobs":null,"finish_reason":`...), x.chatReason())
	b = append(b, "}]"...)
	if !x.fx.noUsage {
		b = x.final().appendChat(append(b, `,"usage":`...))
	}
	return append(b, '}')
}

// appendChat appends a usage object in OpenAI's words. There the prompt includes
// what was read from the cache and what was written to it.
func (u usage) appendChat(b []byte) []byte {
	b = append(appendField(append(b, '{'), "prompt_tokens", u.prompt()), ',')
	b = append(appendField(b, "completion_tokens", u.output), ',')
	b = append(appendField(b, "total_tokens", u.prompt()+u.output), `,"prompt_tokens_details":{`...)
	b = append(appendField(b, "cached_tokens", u.read), ',')
	b = append(appendField(b, "cache_write_tokens", u.write5m+u.write1h), `,"audio_tokens":0},"completion_tokens_details":{`...)
	b = appendField(b, "reasoning_tokens", u.thinking)
	return append(b, `,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`...)
}

// appendChatError appends an error in OpenAI's shape. Its types are fewer; where
// it has no word for a kind, the kind stays.
func appendChatError(b []byte, e *apiError, limitedBy string) []byte {
	kind, code := e.kind, e.code
	switch {
	case code == "enforced_spend_limit_reached" || code == "contract_spend_limit_reached":
		kind, code = "insufficient_quota", "insufficient_quota"
	case e.status == http.StatusTooManyRequests:
		kind = "tokens"
		if limitedBy == "requests" {
			kind = limitedBy
		}
		if code == "" {
			code = "rate_limit_exceeded"
		}
	case e.status == http.StatusUnauthorized:
		kind, code = "invalid_request_error", "invalid_api_key"
	case e.status == http.StatusNotFound:
		kind, code = "invalid_request_error", "model_not_found"
	case kind == "api_error":
		kind = "server_error"
	}
	b = appendQuoted(append(b, `{"error":{"message":`...), e.message)
	b = appendQuoted(append(b, `,"type":`...), kind)
	b = append(b, `,"param":null,"code":`...)
	if code == "" {
		return append(b, "null}}"...)
	}
	return append(appendQuoted(b, code), "}}"...)
}

// limitHeaders writes the rate-limit headers of the answer's dialect.
func (x *exchange) limitHeaders(now time.Time) Levels {
	if x.chat != nil {
		return x.gate.chatHeaders(x.w.Header(), now)
	}
	return x.gate.headers(x.w.Header(), now)
}

// chatHeaders writes them as OpenAI does: one pool of tokens, which is input and
// output together, counted exactly, and resets as the time that is left.
func (g *gate) chatHeaders(h http.Header, now time.Time) Levels {
	if g == nil {
		return Levels{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refill(now)
	setChatLimit(h, "Requests", now, &g.requests)
	setChatLimit(h, "Tokens", now, &g.input, &g.output)
	return Levels{g.requests.announced(), g.input.announced(), g.output.announced()}
}

func setChatLimit(h http.Header, name string, now time.Time, buckets ...*bucket) {
	limit, remaining, reset := 0, 0, time.Duration(0)
	for _, b := range buckets {
		if b.limit == 0 {
			continue
		}
		limit += b.limit
		remaining += min(b.limit, max(0, int(b.level+1e-9)))
		reset = max(reset, seconds((b.size-b.level)/b.rate))
	}
	if limit == 0 {
		return
	}
	reset = time.Duration(math.Ceil(float64(reset)/1e6)) * time.Millisecond
	h["X-Ratelimit-Limit-"+name] = []string{strconv.Itoa(limit)}
	h["X-Ratelimit-Remaining-"+name] = []string{strconv.Itoa(remaining)}
	h["X-Ratelimit-Reset-"+name] = []string{reset.String()}
}
