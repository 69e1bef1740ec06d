package sim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// version is what the anthropic-version header asks for.
type version string

const (
	version2023 version = "2023-06-01"
	version2026 version = "2026-10-21"
)

// request is a Messages body that has passed every check.
type request struct {
	model     *model
	maxTokens int
	stream    bool
	blocks    []block // tools, system, messages: the order of the cache prefix
	before    int     // how many of them stand before the messages
	total     amount
	digest    digest // of everything that decides the draws
	echo      string // words of the last user message

	think     thinking
	effort    string
	tools     []tool
	choice    string          // tool_choice; "" is the default
	tool      *tool           // the tool that is called, if any
	schema    json.RawMessage // output_config.format: the answer is JSON of this shape
	stops     []string
	speed     string // as served: standard or fast
	geo       string
	autoCache time.Duration // top-level cache_control; 0 is none
	images    int
	asked     string // what the user says last; kept until it is known whether that names a tool
	lastUsage bool   // chat: usage is wanted at the end of a stream
}

// thinking says whether the answer begins with a thinking block, and whether
// its text is shown.
type thinking struct {
	on, shown bool
	budget    int // 0 is none
}

// body is a request body, field by field, still undecoded.
type body map[string]json.RawMessage

// fieldsKnown lists the fields of a Messages body; those of the second list
// need some anthropic-beta header.
func fieldsKnown() (always, beta []string) {
	return []string{"model", "messages", "max_tokens", "system", "stream", "stop_sequences", "metadata", "tools", "tool_choice",
			"thinking", "output_config", "cache_control", "service_tier", "inference_geo", "container", "diagnostics"},
		[]string{"context_management", "mcp_servers", "compaction", "fallbacks", "billing_policy", "thread", "output_format"}
}

// head is what the headers say about a body.
type head struct {
	version  version
	beta     string
	counting bool // count_tokens: no max_tokens, no stream
}

// parse decodes and checks a body. The order of its checks, and the wording
// where no text is published, are our own.
func parse(raw []byte, h head, models catalogue) (*request, *apiError) {
	var b body
	if err := json.Unmarshal(raw, &b); err != nil || b == nil {
		return nil, invalid("The request body is not valid JSON.")
	}
	if e := b.checkFields(h); e != nil {
		return nil, e
	}
	return b.read(h, models)
}

// read checks a decoded body.
func (b body) read(h head, models catalogue) (*request, *apiError) {
	req := &request{geo: "global"}
	for _, step := range []func(*request, head, catalogue) *apiError{
		b.readModel, b.readLength, b.readOptions, b.readThinking, b.readTools, b.readSystem, b.readMessages, b.readToolChoice,
	} {
		if e := step(req, h, models); e != nil {
			return nil, e
		}
	}
	return req, req.finish(h)
}

// checkFields refuses unknown fields, and known ones where they do not belong.
func (b body) checkFields(h head) *apiError {
	always, beta := fieldsKnown()
	sampling := []string{"temperature", "top_p", "top_k"}
	for _, name := range sortedKeys(b) {
		switch {
		case h.counting && (name == "max_tokens" || name == "stream"):
			return extraField(name)
		case known(always, name), h.beta != "" && known(beta, name):
		case known(sampling, name) && h.version == version2023:
		case name == "speed" && strings.Contains(h.beta, "fast-mode-"):
		default:
			return extraField(name)
		}
	}
	for _, name := range []string{"model", "messages", "max_tokens"} {
		if _, ok := b[name]; !ok && !(h.counting && name == "max_tokens") {
			return invalid("%s: Field required", name)
		}
	}
	return nil
}

func sortedKeys(b body) []string {
	names := make([]string, 0, len(b))
	for name := range b {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// only refuses fields that are not known. A beta may bring some that are not
// ours to know, and nil knows all.
func (b body) only(at string, h head, known []string) *apiError {
	if h.beta != "" || known == nil {
		return nil
	}
	for name := range b {
		if !slices.Contains(known, name) {
			return extraField(at + "." + name)
		}
	}
	return nil
}

// object decodes a JSON object that has none but the known fields.
func (h head) object(at string, raw json.RawMessage, known ...string) (body, *apiError) {
	var b body
	if json.Unmarshal(raw, &b) != nil || b == nil {
		return nil, invalid("%s: Input should be an object", at)
	}
	return b, b.only(at, h, known)
}

// text is a field that is text, else "".
func (b body) text(name string) string {
	if len(b[name]) == 0 {
		return "" // and no error made to be thrown away
	}
	var s string
	_ = json.Unmarshal(b[name], &s)
	return s
}

// field decodes one field; absent and null leave into as it is.
func (b body) field(name string, into any, kind string) *apiError {
	raw, ok := b[name]
	if !ok || string(raw) == "null" {
		return nil
	}
	if json.Unmarshal(raw, into) != nil {
		return invalid("%s: Input should be %s", name, kind)
	}
	return nil
}

func (b body) readModel(req *request, _ head, models catalogue) *apiError {
	var name string
	if e := b.field("model", &name, "a valid string"); e != nil {
		return e
	}
	if req.model = models.find(name); req.model == nil {
		return notFound("model: %s", name)
	}
	return nil
}

func (b body) readLength(req *request, h head, _ catalogue) *apiError {
	if e := b.field("stream", &req.stream, "a valid boolean"); e != nil {
		return e
	}
	if h.counting {
		return nil
	}
	if e := b.field("max_tokens", &req.maxTokens, "a valid integer"); e != nil {
		return e
	}
	if string(bytes.TrimSpace(b["max_tokens"])) == "null" || req.maxTokens < 0 {
		return invalid("max_tokens: Input should be a valid integer, 0 or more")
	}
	if req.maxTokens > req.model.maxTokens {
		return invalid("max_tokens: %d > %d, which is the maximum allowed number of output tokens for %s",
			req.maxTokens, req.model.maxTokens, req.model.id)
	}
	if req.maxTokens == 0 && req.stream {
		return invalid("max_tokens: 0 cannot be combined with stream")
	}
	return nil
}

func (b body) readOptions(req *request, h head, _ catalogue) *apiError {
	if e := b.checkSampling(req.model); e != nil {
		return e
	}
	if e := b.field("stop_sequences", &req.stops, "a list of strings"); e != nil {
		return e
	}
	if e := b.readSpeed(req); e != nil {
		return e
	}
	if _, ok := b["inference_geo"]; ok && req.model.generation < 46 {
		return invalid("inference_geo: not supported by %s", req.model.id)
	}
	if e := b.field("inference_geo", &req.geo, "a valid string"); e != nil {
		return e
	}
	if !b.absent("metadata") {
		if _, e := h.object("metadata", b["metadata"], "user_id"); e != nil {
			return e
		}
	}
	var tier string
	if e := b.field("service_tier", &tier, "a valid string"); e != nil {
		return e
	}
	if tier != "" && tier != "auto" && tier != "standard_only" {
		return invalid("service_tier: Input should be 'auto' or 'standard_only'")
	}
	ttl, e := readCacheControl("cache_control", b["cache_control"], h)
	req.autoCache = ttl
	return e
}

// readSpeed reads the speed. A model without a fast mode is served at its
// standard speed, except one that says so.
func (b body) readSpeed(req *request) *apiError {
	if e := b.field("speed", &req.speed, "standard or fast"); e != nil {
		return e
	}
	switch req.speed {
	case "", "standard":
	case "fast":
		if req.model.fast() {
			return nil
		}
		if req.model.family == "opus" && req.model.generation == 47 {
			return invalid("speed: 'fast' is not supported by %s", req.model.id)
		}
	default:
		return invalid("speed: Input should be 'standard' or 'fast'")
	}
	req.speed = "standard"
	return nil
}

// checkSampling: before version 2026-10-21 sampling fields are allowed, but
// the 4.7 generation and later take only their defaults.
func (b body) checkSampling(m *model) *apiError {
	for _, name := range []string{"temperature", "top_p", "top_k"} {
		raw, ok := b[name]
		if !ok {
			continue
		}
		var v float64
		if json.Unmarshal(raw, &v) != nil {
			return invalid("%s: Input should be a valid number", name)
		}
		if m.generation >= 47 && (v != 1 || name == "top_k") {
			return invalid("%s: not supported by %s", name, m.id)
		}
		if v < 0 || name != "top_k" && v > 1 {
			return invalid("%s: out of range", name)
		}
	}
	return nil
}

// finish settles what depends on the whole body.
func (req *request) finish(h head) *apiError {
	for _, b := range req.blocks {
		req.total = req.total.plus(b.size)
	}
	if e := req.placeBreakpoints(); e != nil {
		return e
	}
	req.seal()
	n := req.total.tokens(req.model)
	if n > req.model.context {
		return invalid("prompt is too long: %d tokens > %d maximum", n, req.model.context)
	}
	if most := req.model.mostImages(); req.images > most {
		return invalid("messages: at most %d images are allowed, found %d", most, req.images)
	}
	req.asked = ""
	if !h.counting && req.maxTokens == 0 && (req.tool != nil || req.schema != nil) {
		return invalid("max_tokens: 0 cannot be combined with a forced tool or an output format")
	}
	return nil
}

// room is how many tokens an answer can have: max_tokens, or what the context
// window leaves.
func (req *request) room() int {
	return min(req.maxTokens, req.model.context-req.total.tokens(req.model))
}
