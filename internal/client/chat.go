package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tokenload/tokenload/internal/call"
)

// chat is OpenAI's Chat Completions, as its many imitators speak it: vLLM,
// llama.cpp, Ollama, LiteLLM and others. What they leave out is not missed, but
// for the end: a finish reason, and in a stream [DONE].
type chat struct{}

func (chat) path() string { return "/v1/chat/completions" }

var done = []byte("[DONE]")

// event reads one chunk. An event's name counts for nothing, unless it is error.
func (d chat) event(a *answer, name, data []byte) bool {
	if bytes.Equal(bytes.TrimSpace(data), done) {
		d.finish(a, "[DONE] came")
		return false
	}
	c, ok := chunkOf(data)
	if string(name) == "error" || c.err != nil || string(c.object) == "error" {
		a.fail(streamError(a, data))
		return false
	}
	if !ok {
		a.fail(badEvent)
		return false
	}
	if c.visible || c.thinking {
		a.content(c.visible)
		a.addRaw(c.text)
	}
	d.stop(a, c.refusal, c.finish)
	if c.usage != nil {
		d.usage(a, c.usage)
	}
	return true
}

// stop notes why the model stopped, in the Messages API's words. A refusal is
// told by a text of its own, and the finish reason after it does not say so.
func (chat) stop(a *answer, refusal bool, finish []byte) {
	if refusal {
		a.res.Stop = "refusal"
	}
	if len(finish) == 0 {
		return
	}
	a.finished = true
	if a.res.Stop != "refusal" {
		a.res.Stop = label(stopReason(string(finish)))
	}
}

// stopReason translates a finish reason; those that only one server has stay as they are.
func stopReason(finish string) string {
	switch finish {
	case "stop":
		return "end_turn"
	case "length":
		return "max_tokens"
	case "tool_calls", "function_call":
		return "tool_use"
	case "content_filter":
		return "refusal"
	}
	return finish
}

// usage takes in what was counted so far: some servers say it once at the end,
// some with every chunk.
func (chat) usage(a *answer, raw []byte) {
	var u chatUsage
	if decode(raw, &u) && u.apply(&a.res.Usage, a.cacheTTL) {
		a.res.Known = call.UsageInput
		a.outputSaid = u.Completion != nil
	}
}

// finish ends the answer, which is whole if a reason to finish was named.
func (chat) finish(a *answer, what string) {
	if !a.finished {
		a.fail(failure{call.Cut, "cut", "",
			fmt.Sprintf("%s without a finish reason, after %s: did the server give up?", what, contentEvents(a.res.Events))})
		return
	}
	a.complete()
}

// plain reads an answer that came in one piece.
func (d chat) plain(a *answer, body []byte) {
	var m struct {
		Model   string          `json:"model"`
		Error   json.RawMessage `json:"error"`
		Choices []chatChoice    `json:"choices"`
		Usage   json.RawMessage `json:"usage"`
	}
	if !decode(body, &m) {
		a.fail(notJSON)
		return
	}
	if e := errorOf(body); notNull(m.Error) != nil || len(m.Choices) == 0 && e.found {
		a.fail(failure{call.BadResponse, e.kind("error"), e.code(), a.quote.words(e.message, "an error under status 200")})
		return
	}
	if len(m.Choices) == 0 {
		a.fail(failure{call.BadResponse, "not_a_completion", "",
			"the answer is JSON but not a chat completion: does base_url serve " + d.path() + "?"})
		return
	}
	if a.res.Model == "" {
		a.res.Model = label(m.Model)
	}
	for i, c := range m.Choices {
		if i == 0 {
			text, _ := partsOf(c.Message.Content)
			a.addText(text)
		}
		d.stop(a, c.Message.Refusal != "", []byte(c.Finish))
	}
	if len(m.Usage) > 0 {
		d.usage(a, m.Usage)
	}
	d.finish(a, "the answer came")
}

type chatChoice struct {
	Message struct {
		Content json.RawMessage `json:"content"`
		Refusal string          `json:"refusal"`
	} `json:"message"`
	Finish string `json:"finish_reason"`
}

// partsOf reads a content: a text, or as some servers send it a list of typed
// parts, in which Mistral's models think. What is neither is empty.
func partsOf(raw json.RawMessage) (text, thinking string) {
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &text) == nil || !decode(raw, &list) {
		return text, ""
	}
	var said, thought strings.Builder
	for _, part := range list {
		if textOf(part["type"]) == "thinking" {
			thought.WriteString(textOf(part["thinking"]))
			continue
		}
		said.WriteString(textOf(part["text"]))
	}
	return said.String(), thought.String()
}

// textOf reads a text, or the texts of a list of parts.
func textOf(raw json.RawMessage) (text string) {
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &text) == nil || !decode(raw, &list) {
		return text
	}
	var all strings.Builder
	for _, part := range list {
		var s string
		_ = json.Unmarshal(part["text"], &s) // not a text: none
		all.WriteString(s)
	}
	return all.String()
}
