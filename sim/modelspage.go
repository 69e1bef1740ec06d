package sim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// listModels answers GET /v1/models, newest first, in pages.
func (x *exchange) listModels() {
	if e := x.admitCaller(); e != nil {
		x.fail(e)
		return
	}
	page, more, e := pageOf(x.set.models.all, x.r.URL.Query())
	if e != nil {
		x.fail(e)
		return
	}
	list := make([]any, len(page))
	for i, m := range page {
		list[i] = m.card()
	}
	out := map[string]any{"data": list, "has_more": more, "first_id": nil, "last_id": nil}
	if len(page) > 0 {
		out["first_id"], out["last_id"] = page[0].id, page[len(page)-1].id
	}
	x.answer(http.StatusOK, "application/json", marshal(out))
}

// pageOf is the page of a list that a query asks for. has_more is whether there
// are more in the direction it goes.
func pageOf(list []*model, q url.Values) (page []*model, more bool, e *apiError) {
	if stages := append(q["lifecycle[]"], q["lifecycle"]...); len(stages) > 0 {
		for _, s := range stages {
			if !slices.Contains([]string{"active", "deprecated", "retired"}, s) {
				return nil, false, invalid("lifecycle: Input should be 'active', 'deprecated' or 'retired'")
			}
		}
		list = slices.DeleteFunc(slices.Clone(list), func(m *model) bool { return !slices.Contains(stages, m.lifecycle()) })
	}
	limit, err := 20, error(nil)
	if text := q.Get("limit"); text != "" {
		limit, err = strconv.Atoi(text)
	}
	if err != nil || limit < 1 || limit > 1000 {
		return nil, false, invalid("limit: Input should be between 1 and 1000")
	}
	find := func(name string) int {
		return slices.IndexFunc(list, func(m *model) bool { return m.id == name || m.alias == name })
	}
	after, before := q.Get("after_id"), q.Get("before_id")
	switch {
	case after != "" && before != "":
		return nil, false, invalid("after_id: cannot be combined with before_id")
	case after != "":
		i := find(after)
		if i < 0 {
			return nil, false, invalid("after_id: no model %q in the list", after)
		}
		list = list[i+1:]
	case before != "":
		i := find(before)
		if i < 0 {
			return nil, false, invalid("before_id: no model %q in the list", before)
		}
		from := max(0, i-limit)
		return list[from:i], from > 0, nil
	}
	return list[:min(limit, len(list))], limit < len(list), nil
}

// oneModel answers GET /v1/models/{id}; aliases resolve.
func (x *exchange) oneModel(name string) {
	if e := x.admitCaller(); e != nil {
		x.fail(e)
		return
	}
	m := x.set.models.find(name)
	if m == nil {
		x.fail(notFound("model: %s", name))
		return
	}
	x.rec.Model = m.id
	x.answer(http.StatusOK, "application/json", marshal(m.card()))
}

// card is a model as the API describes it. Its capabilities are what this server
// takes.
func (m *model) card() map[string]any {
	type can = map[string]any
	is := func(yes bool) can { return can{"supported": yes} }
	yes := is(true)
	capabilities := can{
		"batch": is(false), "citations": yes, "code_execution": is(false), "image_input": yes, "pdf_input": yes, "structured_outputs": yes,
		"context_management": can{"supported": false, "clear_thinking_20251015": is(false), "clear_tool_uses_20250919": is(false), "compact_20260112": is(false)},
		"effort":             can{"supported": true, "low": yes, "medium": yes, "high": yes, "xhigh": yes, "max": yes},
		"server_tools":       can{"supported": false, "web_search": is(false), "code_execution": is(false)},
		"thinking": can{"supported": true, "types": can{"adaptive": is(m.generation > 45), "enabled": is(m.generation < 47),
			"between_tools": yes, "disabled": is(!m.alwaysThinks())}},
	}
	out := map[string]any{
		"type": "model", "id": m.id, "display_name": m.display, "created_at": m.created + "T00:00:00Z", "line": m.family,
		"max_input_tokens": m.context, "max_tokens": m.maxTokens, "capabilities": capabilities,
		"lifecycle": m.lifecycle(), "deprecated_at": nil, "retires_at": nil, // when it was deprecated is not published
	}
	if m.lifecycle() == "deprecated" {
		out["retires_at"] = m.retires() + "T00:00:00Z"
	}
	return out
}
