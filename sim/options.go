package sim

import (
	"encoding/json"
	"slices"
)

// readThinking applies the per-model rules of thinking and effort.
func (b body) readThinking(req *request, h head, _ catalogue) *apiError {
	var out struct {
		Effort string `json:"effort"`
		Format *struct {
			Type   string          `json:"type"`
			Schema json.RawMessage `json:"schema"`
		} `json:"format"`
	}
	if e := b.field("output_config", &out, "an object"); e != nil {
		return e
	}
	if out.Effort != "" && !slices.Contains([]string{"low", "medium", "high", "xhigh", "max"}, out.Effort) {
		return invalid("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
	}
	req.effort = out.Effort
	if out.Format != nil {
		if out.Format.Type != "json_schema" {
			return invalid("output_config.format.type: Input should be 'json_schema'")
		}
		req.schema = out.Format.Schema
	}
	var t struct {
		Type    string `json:"type"`
		Budget  *int   `json:"budget_tokens"`
		Display string `json:"display"`
	}
	if e := b.field("thinking", &t, "an object"); e != nil {
		return e
	}
	if e := thinkingRules(req, t.Type, t.Budget, h.counting); e != nil {
		return e
	}
	explicit := t.Type == "enabled" || t.Type == "adaptive" || t.Type == "between_tools"
	req.think.on = (explicit || t.Type == "" && req.model.thinksByDefault()) && req.maxTokens > 0
	req.think.shown = t.Display == "summarized" || t.Display == "" && req.model.generation < 47
	return nil
}

func thinkingRules(req *request, kind string, budget *int, counting bool) *apiError {
	m := req.model
	switch kind {
	case "", "between_tools":
	case "enabled":
		if m.generation >= 47 {
			return invalid(`"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".`)
		}
		if budget == nil {
			return invalid("thinking.enabled.budget_tokens: Field required")
		}
		if *budget < 1024 || !counting && *budget >= req.maxTokens {
			return invalid("thinking.enabled.budget_tokens: must be at least 1024 and less than max_tokens")
		}
	case "adaptive":
		if m.generation <= 45 {
			return invalid("adaptive thinking is not supported on this model")
		}
	case "disabled":
		high := req.effort == "xhigh" || req.effort == "max"
		if m.alwaysThinks() || m.family == "haiku" && m.generation >= 55 && high {
			return invalid(`"thinking.type.disabled" is not supported for this model`)
		}
	default:
		return invalid("thinking.type: Input should be 'adaptive', 'enabled', 'disabled' or 'between_tools'")
	}
	return nil
}

// readTools reads the tools, each a block of the prefix, and the choice of one.
func (b body) readTools(req *request, _ head, _ catalogue) *apiError {
	var raws []json.RawMessage
	if e := b.field("tools", &raws, "a list"); e != nil {
		return e
	}
	tools := make([]tool, len(raws))
	for i, raw := range raws {
		if json.Unmarshal(raw, &tools[i]) != nil || tools[i].Name == "" {
			return invalid("tools.%d.name: Field required", i)
		}
		ttl, e := readCacheControl(at("tools", i)+".cache_control", tools[i].CacheControl)
		if e != nil {
			return e
		}
		blk := objectBlock("tools", raw)
		blk.ttl = ttl
		req.blocks = append(req.blocks, blk)
	}
	return b.readToolChoice(req, tools)
}

// readToolChoice settles which tool is forced, and the hidden prompt that tools
// bring with them.
func (b body) readToolChoice(req *request, tools []tool) *apiError {
	var choice struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	if e := b.field("tool_choice", &choice, "an object"); e != nil {
		return e
	}
	forced := choice.Type == "any" || choice.Type == "tool"
	switch {
	case forced && req.model.noForcedTools():
		return invalid("tool_choice: type %q is not supported by %s", choice.Type, req.model.id)
	case choice.Type == "" || choice.Type == "auto" || choice.Type == "none":
	case !forced:
		return invalid("tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'")
	case len(tools) == 0:
		return invalid("tool_choice: may only be given together with tools")
	case choice.Type == "any":
		req.tool = &tools[0]
	default:
		i := slices.IndexFunc(tools, func(t tool) bool { return t.Name == choice.Name })
		if i < 0 {
			return invalid("tool_choice: no tool is called %q", choice.Name)
		}
		req.tool = &tools[i]
	}
	switch {
	case len(tools) == 0 || choice.Type == "none":
	case forced:
		req.blocks[0].size.fixed += toolPromptMust
	default:
		req.blocks[0].size.fixed += toolPrompt
	}
	return nil
}
