package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tokenload/tokenload/internal/call"
)

// messages is Claude's Messages API.
type messages struct{}

func (messages) path() string { return "/v1/messages" }

// event reads the JSON's own type; an event without one is of the type its
// name says. Types and fields that are not known are passed over.
func (m messages) event(a *answer, name, data []byte) bool {
	if string(name) == "ping" {
		return true
	}
	o, ok := outlineOf(data)
	if string(name) == "error" || string(o.kind) == "error" {
		a.fail(streamError(a, data))
		return false
	}
	if !ok {
		a.fail(badEvent)
		return false
	}
	kind := o.kind
	if len(kind) == 0 {
		kind = name
	}
	switch string(kind) {
	case "content_block_delta":
		m.delta(a, o)
	case "content_block_start":
		m.blockStart(a, data)
	case "message_start":
		m.start(a, data)
	case "message_delta":
		m.messageDelta(a, data)
	case "message_stop":
		a.complete()
		return false
	}
	return true
}

// delta is the hot path: one call for each piece of the answer.
func (messages) delta(a *answer, o outline) {
	switch string(o.delta) {
	case "text_delta":
		if len(o.text) > 0 {
			a.content(true)
			a.addRaw(o.text)
		}
	case "thinking_delta":
		if len(o.thinking) > 0 {
			a.content(false)
		}
	case "input_json_delta":
		if len(o.partial) > 0 {
			a.content(true)
		}
	}
}

// block is a content block as it arrives: empty, to be filled by deltas, or whole.
type block struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	Thinking string          `json:"thinking"`
	Data     string          `json:"data"`
	Input    json.RawMessage `json:"input"`
}

// blockStart counts content that comes without deltas: redacted thinking, the
// results of the server's own tools, and whatever else a server sends whole.
func (messages) blockStart(a *answer, data []byte) {
	b := blockOf(data)
	switch {
	case b.Type == "text":
		if b.Text != "" {
			a.content(true)
			a.addText(b.Text)
		}
	case b.Type == "thinking":
		if b.Thinking != "" {
			a.content(false)
		}
	case b.Type == "redacted_thinking":
		if b.Data != "" {
			a.content(false)
		}
	case strings.HasSuffix(b.Type, "tool_use"):
		if hasMembers(b.Input) {
			a.content(true)
		}
	case strings.HasSuffix(b.Type, "_tool_result"):
		a.content(false)
	}
}

// hasMembers reports whether raw is an object with something in it.
func hasMembers(raw json.RawMessage) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(raw, &members) == nil && len(members) > 0
}

func (messages) start(a *answer, data []byte) {
	t := startOf(data)
	if a.res.Model == "" {
		a.res.Model = label(t.model)
	}
	if t.usage != nil {
		t.usage.apply(&a.res.Usage, a.cacheTTL)
		a.res.Known = call.UsageInput
	}
}

// messageDelta carries the stop reason and cumulative usage, which replaces what was said before.
func (messages) messageDelta(a *answer, data []byte) {
	t := messageDeltaOf(data)
	if t.stop != "" {
		a.res.Stop = label(t.stop)
	}
	if u := t.usage; u != nil {
		u.apply(&a.res.Usage, a.cacheTTL)
		a.outputSaid = a.outputSaid || u.Output != nil
		if u.Input != nil {
			a.res.Known = max(a.res.Known, call.UsageInput)
		}
	}
}

func (messages) plain(a *answer, body []byte) {
	var m struct {
		Type    string  `json:"type"`
		Model   string  `json:"model"`
		Stop    string  `json:"stop_reason"`
		Content []block `json:"content"`
		Usage   *usage  `json:"usage"`
	}
	if !decode(body, &m) {
		a.fail(notJSON)
		return
	}
	if m.Type == "error" {
		e := errorOf(body)
		a.fail(failure{call.BadResponse, e.kind("error"), e.code(), a.quote.words(e.message, "an error under status 200")})
		return
	}
	if m.Type != "message" {
		a.fail(failure{call.BadResponse, "not_a_message", "",
			"the answer is JSON but not a message: does base_url serve the Messages API?"})
		return
	}
	if a.res.Model == "" {
		a.res.Model = label(m.Model)
	}
	a.res.Stop = label(m.Stop)
	if m.Usage != nil {
		m.Usage.apply(&a.res.Usage, a.cacheTTL)
		a.res.Known = call.UsageInput
		a.outputSaid = m.Usage.Output != nil
	}
	for _, b := range m.Content {
		if b.Type == "text" {
			a.addText(b.Text)
		}
	}
	a.complete()
}

// streamError reads an error event: the status was 200 already.
func streamError(a *answer, data []byte) failure {
	e := errorOf(data)
	if a.res.RequestID == "" {
		a.res.RequestID = a.quote.id(e.requestID)
	}
	return failure{call.StreamError, e.kind("error"), e.code(),
		a.quote.words(e.message, fmt.Sprintf("an error event without a message, after %s", contentEvents(a.res.Events)))}
}

// decode reads JSON into v. A field of another type than expected is passed
// over; false is for what is not JSON.
func decode(data []byte, v any) bool {
	err := json.Unmarshal(data, v)
	if err == nil {
		return true
	}
	_, odd := errors.AsType[*json.UnmarshalTypeError](err)
	return odd
}
