package workload

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What a body's length does not bound, in tokens. Text is at most a token a
// byte, so these only stand for what the API adds to the text that was sent.
const (
	// toolTokens is more than the instructions the API puts before a prompt with
	// tools: 290 to 804 tokens by model and tool choice, and about as much for an
	// answer held to a JSON schema. Source: the API's pages on tool use and
	// pricing, autumn 2026.
	toolTokens = 1000
	// builtInToolTokens is more than the definition of one tool that a body names
	// by type only (bash, text editor, computer, memory): up to about 750 tokens,
	// and 500 more for the computer's own instructions.
	builtInToolTokens = 1500
	// imageTokens is more than one image can cost: it is scaled down until it has
	// at most 4,784 tokens on the models with the highest resolution, 1,600 on
	// others. Source: the API's page on vision.
	imageTokens = 5000
)

// clientTools are the types of tools that run on the caller's side, by prefix:
// all their results come from the caller. Every other type may run on the
// server and add what it finds to the prompt.
var clientTools = [...]string{"bash_", "text_editor_", "computer_", "memory_"}

// unboundedKeys are body keys with which the server adds input of its own.
var unboundedKeys = map[string]string{
	"mcp_servers":        "servers named in mcp_servers add tools and results of their own",
	"container":          "a container brings files and skills of its own",
	"context_management": "context_management may summarize in further calls",
	"compaction":         "compaction summarizes in further calls",
	"fallbacks":          "fallbacks may be billed for more than one model",
	"thread":             "a thread keeps earlier messages on the server",
}

// weight is what a body says about the cost of its requests.
type weight struct {
	extraTokens int
	answers     int // how many answers are asked for at once
	speed, geo  string
	cacheTTL    string
	unbounded   string // why the cost cannot be bounded; "" if it can
}

// Unbounded says why the cost of a task's requests cannot be bounded by the bytes
// of the body plus ExtraTokens, and MaxTokens; "" if it can, and for a body that
// is not valid. The reasons: what the API fetches (images and documents by address
// or file id), what it expands (PDF), and what runs on the server (web search
// and the like).
func Unbounded(t Task) string {
	fields, err := readBody(t)
	if err != nil {
		return ""
	}
	return t.weigh(fields).unbounded
}

// weigh adds up what the fields of a body mean for its cost.
func (t Task) weigh(fields []field) weight {
	w := weight{answers: 1}
	if t.chat() {
		w.extraTokens = templateTokens
	}
	for _, f := range fields {
		var v any
		if json.Unmarshal(f.value, &v) != nil {
			w.because(fmt.Sprintf("%q cannot be read", f.key))
			continue
		}
		w.field(f.key, v)
		if t.chat() {
			w.chatField(f.key, v)
		}
		w.walk(f.key, v)
	}
	return w
}

func (w *weight) because(reason string) {
	if w.unbounded == "" {
		w.unbounded = reason
	}
}

// field weighs one key at the top of the body.
func (w *weight) field(key string, v any) {
	if reason, ok := unboundedKeys[key]; ok && v != nil {
		w.because(reason)
	}
	switch key {
	case "speed":
		w.speed, _ = v.(string)
	case "inference_geo":
		w.geo, _ = v.(string)
	case "tools":
		w.tools(v)
	case "output_config":
		if o, _ := v.(map[string]any); o["format"] != nil {
			w.extraTokens += toolTokens
		}
	case "output_format":
		if v != nil {
			w.extraTokens += toolTokens
		}
	}
}

// tools weighs the list of tools.
func (w *weight) tools(v any) {
	list, _ := v.([]any)
	if len(list) > 0 {
		w.extraTokens += toolTokens
	}
	for _, tool := range list {
		o, _ := tool.(map[string]any)
		kind, _ := o["type"].(string)
		client := slices.ContainsFunc(clientTools[:], func(p string) bool { return strings.HasPrefix(kind, p) })
		switch {
		case kind == "" || kind == "custom" || kind == "function":
		case client:
			w.extraTokens += builtInToolTokens
		default:
			w.because(fmt.Sprintf("the tool %q runs on the server and adds what it finds", kind))
		}
	}
}

// schemas are keys whose values describe data and hold no content.
var schemas = [...]string{"input_schema", "input_examples", "schema", "parameters"}

// walk looks for cache markers and content blocks at any depth.
func (w *weight) walk(key string, v any) {
	if slices.Contains(schemas[:], key) {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			w.walk("", e)
		}
	case map[string]any:
		if key == "cache_control" {
			w.cacheTTL = dearest(w.cacheTTL, ttl(v))
			return
		}
		w.block(v)
		for _, k := range slices.Sorted(maps.Keys(v)) { // so that the first reason is always the same
			w.walk(k, v[k])
		}
	}
}

// block weighs one content block.
func (w *weight) block(v map[string]any) {
	source, _ := v["source"].(map[string]any)
	kind, _ := source["type"].(string)
	media, _ := source["media_type"].(string)
	switch v["type"] {
	case "image":
		if kind != "base64" {
			w.because("an image that is not in the body (" + cmp.Or(kind, "no type") + ")")
			return
		}
		w.extraTokens += imageTokens
	case "document":
		switch {
		case kind == "text" || kind == "content":
		case kind == "base64":
			w.because("a document that the API expands (" + cmp.Or(media, "no media type") + ")")
		default:
			w.because("a document that is not in the body (" + cmp.Or(kind, "no type") + ")")
		}
	case "container_upload":
		w.because("a file that is not in the body (container_upload)")
	}
}

// ttl returns how long a cache marker keeps: five minutes unless it says more.
// What is not known counts as the dearest.
func ttl(marker map[string]any) string {
	switch marker["ttl"] {
	case nil, "5m":
		return "5m"
	}
	return "1h"
}

// dearest returns the cache time that costs more to write.
func dearest(a, b string) string {
	if a == "" || b == "1h" {
		return b
	}
	return a
}
