package sim

import (
	"net/http"
	"time"
)

// countTokens answers POST /v1/messages/count_tokens, from its own pool of
// requests.
func (x *exchange) countTokens() {
	if e := x.readBody(true); e != nil {
		x.fail(e)
		return
	}
	g, now := x.set.gates[countTokens], time.Now()
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
