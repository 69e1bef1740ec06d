package sim

import (
	"net/http"
	"strconv"
	"time"
)

// countTokens answers POST /v1/messages/count_tokens, from its own pool of
// requests.
func (x *exchange) countTokens() {
	if e := x.readBody(true); e != nil {
		x.fail(e)
		return
	}
	g, now := x.s.gates[countTokens], time.Now()
	if r := g.admit(0, now); r != nil {
		e := limited(r, x.req.model.id)
		x.rec.Levels = g.headers(x.w.Header(), now)
		x.rec.LimitedBy, x.rec.RetryAfter = r.kind, e.retryAfter
		x.fail(e)
		return
	}
	x.rec.Levels = g.headers(x.w.Header(), now)
	x.answer(http.StatusOK, "application/json", append(appendField([]byte("{"), "input_tokens", x.req.total.tokens(x.req.model)), '}'))
}

// listModels answers GET /v1/models, newest first, in pages.
func (x *exchange) listModels() {
	if e := x.admitCaller(); e != nil {
		x.fail(e)
		return
	}
	list, q := x.s.models.all, x.r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if q.Get("limit") == "" {
		limit, err = 20, nil
	}
	if err != nil || limit < 1 || limit > 1000 {
		x.fail(invalid("limit: Input should be between 1 and 1000"))
		return
	}
	for i, m := range list {
		if m.id == q.Get("after_id") {
			list = list[i+1:]
			break
		}
	}
	page := list[:min(limit, len(list))]
	b := []byte(`{"data":[`)
	for i, m := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = m.append(b)
	}
	b = append(b, `],"has_more":`...)
	b = strconv.AppendBool(b, len(page) < len(list))
	if len(page) == 0 {
		b = append(b, `,"first_id":null,"last_id":null}`...)
	} else {
		b = appendQuoted(append(b, `,"first_id":`...), page[0].id)
		b = append(appendQuoted(append(b, `,"last_id":`...), page[len(page)-1].id), '}')
	}
	x.answer(http.StatusOK, "application/json", b)
}

// oneModel answers GET /v1/models/{id}; aliases resolve.
func (x *exchange) oneModel(name string) {
	if e := x.admitCaller(); e != nil {
		x.fail(e)
		return
	}
	m := x.s.models.find(name)
	if m == nil {
		x.fail(notFound("model: %s", name))
		return
	}
	x.rec.Model = m.id
	x.answer(http.StatusOK, "application/json", m.append(nil))
}

// append renders a model.
func (m *model) append(b []byte) []byte {
	b = appendQuoted(append(b, `{"type":"model","id":`...), m.id)
	b = appendQuoted(append(b, `,"display_name":`...), m.display)
	b = appendQuoted(append(b, `,"created_at":`...), m.created+"T00:00:00Z")
	b = append(appendField(append(b, ','), "max_input_tokens", m.context), ',')
	b = appendField(b, "max_tokens", m.maxTokens)
	return append(b, `,"lifecycle":"active"}`...)
}
