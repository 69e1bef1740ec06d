package sim

import "slices"

// readThinking applies the per-model rules of thinking and effort.
func (b body) readThinking(req *request, h head, _ catalogue) *apiError {
	if e := b.readOutput(req, h); e != nil {
		return e
	}
	t := body{}
	if !b.absent("thinking") {
		var e *apiError
		if t, e = h.object("thinking", b["thinking"], "type", "budget_tokens", "display"); e != nil {
			return e
		}
	}
	kind, display := t.text("type"), t.text("display")
	if kind == "" && !b.absent("thinking") {
		return invalid("thinking.type: Field required")
	}
	var budget *int
	if e := t.field("budget_tokens", &budget, "a valid integer"); e != nil {
		return e
	}
	if e := thinkingRules(req, kind, budget, h.counting); e != nil {
		return e
	}
	if display != "" && display != "summarized" && display != "omitted" {
		return invalid("thinking.display: Input should be 'summarized' or 'omitted'")
	}
	explicit := kind == "enabled" || kind == "adaptive" || kind == "between_tools"
	if explicit && req.maxTokens == 0 && !h.counting {
		return invalid("max_tokens: 0 cannot be combined with thinking")
	}
	req.think.on = (explicit || kind == "" && req.model.thinksByDefault()) && req.maxTokens > 0
	if budget != nil {
		req.think.budget = *budget
	}
	req.think.shown = display == "summarized" || display == "" && req.model.generation < 47
	return nil
}

// readOutput reads output_config.
func (b body) readOutput(req *request, h head) *apiError {
	if b.absent("output_config") {
		return nil
	}
	out, e := h.object("output_config", b["output_config"], "effort", "format")
	if e != nil {
		return e
	}
	req.effort = out.text("effort")
	if !out.absent("effort") && !slices.Contains([]string{"low", "medium", "high", "xhigh", "max"}, req.effort) {
		return invalid("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
	}
	if out.absent("format") {
		return nil
	}
	format, e := h.object("output_config.format", out["format"], "type", "schema")
	if e != nil {
		return e
	}
	if format.text("type") != "json_schema" {
		return invalid("output_config.format.type: Input should be 'json_schema'")
	}
	req.schema = format["schema"]
	if req.schema == nil {
		return invalid("output_config.format.schema: Field required")
	}
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
