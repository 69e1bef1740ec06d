package sim

import "encoding/json"

// How input tokens are estimated. The tokenizer is not public; what matters
// here is that the figure is a fixed function of the body, and adds up: the
// tokens of a prefix are those that caching it reports.
//
//	text      1 per 4 bytes, × 1.3 for the 4.7 generation and later
//	message   3 each, for the turn's frame (assumption)
//	image     1,500 each, near the top of what one image costs (assumption)
//	document  2,000 a page; a page is 50 KB of base64, at least one (assumption)
//	tools     their JSON as text, plus a hidden system prompt; see toolPrompt
const (
	perMessage = 3
	perImage   = 1500
	perPage    = 2000
	pageBytes  = 50_000
)

// toolPrompt is the hidden system prompt that comes with tools, as published
// for each generation; models without a figure have that of Opus 5.
func (m *model) toolPrompt(forced bool) int {
	free, must := 286, 406
	switch {
	case m.generation == 45:
		free, must = 496, 588
	case m.generation == 46:
		free, must = 497, 589
	case m.generation == 47:
		free, must = 675, 804
	case m.generation == 48:
		free, must = 290, 410
	case m.family == "sonnet" && m.generation == 50:
		free, must = 354, 474
	}
	if forced {
		return must
	}
	return free
}

// amount is a number of tokens that is still split by what a model makes of it.
type amount struct {
	bytes int // of text
	fixed int // tokens
}

func (a amount) plus(b amount) amount { return amount{a.bytes + b.bytes, a.fixed + b.fixed} }

// tokens is the estimate for a model, rounded up.
func (a amount) tokens(m *model) int {
	if m.newTokenizer() {
		return a.fixed + (a.bytes*13+39)/40
	}
	return a.fixed + (a.bytes+3)/4
}

// bytesPerToken is how much text one output token carries: the inverse of the
// input estimate, so that an answer sent back as input costs about the same.
func bytesPerToken(m *model) int {
	if m.newTokenizer() {
		return 3
	}
	return 4
}

// source is where an image or document comes from.
type source struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// documentAmount: text sources are counted as text, all others by pages.
func documentAmount(raw json.RawMessage) amount {
	var s source
	if json.Unmarshal(raw, &s) != nil {
		return amount{fixed: perPage}
	}
	if s.Type == "text" || s.Type == "content" {
		return amount{bytes: len(raw)}
	}
	return amount{fixed: perPage * max(1, len(s.Data)/pageBytes)}
}
