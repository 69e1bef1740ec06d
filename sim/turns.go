package sim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

func (b body) readSystem(req *request, h head, _ catalogue) *apiError {
	raw, ok := b["system"]
	if !ok || string(raw) == "null" || string(raw) == `""` || string(raw) == "[]" {
		return nil
	}
	_, e := req.readContent("system", "system", raw, h)
	return e
}

func (b body) readMessages(req *request, h head, _ catalogue) *apiError {
	var list []json.RawMessage
	if e := b.field("messages", &list, "a list of messages"); e != nil {
		return e
	}
	if len(list) == 0 || len(list) > 100_000 {
		return invalid("messages: between 1 and 100000 messages are required")
	}
	before := ""
	req.before = len(req.blocks)
	for i, raw := range list {
		m, e := h.object(at("messages", i), raw, "role", "content")
		if e != nil {
			return e
		}
		role := m.text("role")
		if e := checkRole(role, i, req.model); e != nil {
			return e
		}
		if req.asked, e = req.readTurn(role, before, at("messages", i)+".content", m["content"], h); e != nil {
			return e
		}
		before = role
	}
	if before == "assistant" && req.model.generation >= 46 {
		return invalid("This model does not support assistant message prefill. The conversation must end with a user message.")
	}
	return nil
}

func checkRole(role string, i int, m *model) *apiError {
	switch {
	case role == "user", role == "assistant" && i > 0, role == "system" && i > 0 && m.generation >= 50:
		return nil
	case role == "assistant":
		return invalid("messages: first message must use the user role")
	}
	return invalid("%s.role: Input should be 'user' or 'assistant'", at("messages", i))
}

// readTurn reads a message and returns what a user says last in it.
// Consecutive messages of a role are one turn.
func (req *request) readTurn(role, before, where string, raw json.RawMessage, h head) (string, *apiError) {
	first := len(req.blocks)
	text, e := req.readContent(role, where, raw, h)
	if e != nil || role != "user" {
		text = ""
	}
	if text != "" {
		req.echo = echoOf(text)
	}
	if e == nil && role != before {
		req.blocks[first].size.fixed += perMessage
	}
	return text, e
}

// echoOf picks the words an answer begins with: all of a short text's end, or
// the longest words of a longer one, in their order. Checks such as "contains:
// learning" then hold against the simulator when the prompt has the word.
func echoOf(text string) string {
	const window, short, most = 400, 12, 8
	if len(text) > window {
		text = strings.ToValidUTF8(text[len(text)-window:], "")
	}
	words := strings.Fields(text)
	if len(words) > short {
		words = longest(words, most)
	}
	return strings.Join(words, " ")
}

// longest keeps the n longest words, in their order, without punctuation.
func longest(words []string, n int) []string {
	order := make([]int, len(words))
	for i, w := range words {
		words[i] = strings.Trim(w, `.,;:!?()[]{}"'*`)
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(words[b]), len(words[a])) })
	order = order[:min(n, len(order))]
	slices.Sort(order)
	var kept []string
	for _, i := range order {
		if w := words[i]; w != "" {
			kept = append(kept, w)
		}
	}
	return kept
}
