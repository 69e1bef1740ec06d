package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// tool is a tool as the request describes it.
type tool struct {
	Name         string          `json:"name"`
	InputSchema  json.RawMessage `json:"input_schema"`
	CacheControl json.RawMessage `json:"cache_control"`
}

// readTools reads the tools, each a block of the prefix.
func (b body) readTools(req *request, h head, _ catalogue) *apiError {
	var raws []json.RawMessage
	if e := b.field("tools", &raws, "a list"); e != nil {
		return e
	}
	req.tools = make([]tool, len(raws))
	for i, raw := range raws {
		if json.Unmarshal(raw, &req.tools[i]) != nil || req.tools[i].Name == "" {
			return invalid("tools.%d.name: Field required", i)
		}
		ttl, e := readCacheControl(at("tools", i)+".cache_control", req.tools[i].CacheControl, h)
		if e != nil {
			return e
		}
		blk := objectBlock("tools", raw)
		blk.ttl = ttl
		req.blocks = append(req.blocks, blk)
	}
	return nil
}

// readToolChoice settles which tool is called, and the hidden prompt that tools
// bring with them. Where the model is free to choose, it calls the tool that the
// user names in what he says last, and none otherwise: a test can have it either
// way, and models that refuse to be forced can call tools too.
func (b body) readToolChoice(req *request, h head, _ catalogue) *apiError {
	choice := body{}
	if !b.absent("tool_choice") {
		var e *apiError
		if choice, e = h.object("tool_choice", b["tool_choice"], "type", "name", "disable_parallel_tool_use"); e != nil {
			return e
		}
	}
	kind := choice.text("type")
	forced := kind == "any" || kind == "tool"
	if alone := string(choice["disable_parallel_tool_use"]) == "true"; alone || kind == "none" || forced {
		req.choice = fmt.Sprint(cmp.Or(kind, "auto"), " ", choice.text("name"), " ", alone)
	}
	switch {
	case forced && req.model.noForcedTools():
		return invalid("tool_choice: type %q is not supported by %s", kind, req.model.id)
	case kind == "" || kind == "auto":
		req.tool = named(req.tools, req.asked)
	case kind == "none":
	case !forced:
		return invalid("tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'")
	case len(req.tools) == 0:
		return invalid("tool_choice: may only be given together with tools")
	case kind == "any":
		req.tool = named(req.tools, req.asked)
		if req.tool == nil {
			req.tool = &req.tools[0]
		}
	default:
		i := slices.IndexFunc(req.tools, func(t tool) bool { return t.Name == choice.text("name") })
		if i < 0 {
			return invalid("tool_choice: no tool is called %q", choice.text("name"))
		}
		req.tool = &req.tools[i]
	}
	if len(req.tools) > 0 {
		req.blocks[0].size.fixed += req.model.toolPrompt(forced)
	}
	return nil
}

// named is the first tool whose name stands in a text, or nil.
func named(tools []tool, text string) *tool {
	if len(tools) == 0 || text == "" {
		return nil
	}
	words := strings.FieldsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-'
	})
	for i := range tools {
		if slices.Contains(words, tools[i].Name) {
			return &tools[i]
		}
	}
	return nil
}
