package cost

import (
	"cmp"
	"math"

	"github.com/tokenload/tokenload/internal/call"
)

// framing is an allowance in tokens for what the API adds to a prompt: a few a
// message. The JSON around each message is longer than that, so the allowance is
// for the request as a whole.
const framing = 64

// InputBound returns the most input tokens a request can have: a byte of its body
// is at most one token (a token is one byte of text or more, and JSON makes text
// longer, not shorter), plus ExtraTokens for what the body does not spell out and
// an allowance of 64 for the API's own framing.
func InputBound(r call.Request) int64 {
	return add(add(int64(len(r.Body)), max(int64(r.ExtraTokens), 0)), framing)
}

// Of returns the price of a usage, to the nearest pico-dollar: every token at the
// rates of the band that the whole prompt falls in and of the speed the usage
// names, times the multiplier of its geo, plus web searches. A model that is not
// Known costs 0: ask first.
func (c *Catalog) Of(model string, u call.Usage) call.USD {
	m := c.find(model)
	if m == nil {
		return 0
	}
	return c.bill(m, clean(u), one)
}

// OfBatch returns the price of a usage in the Batch API, where fast mode does not exist.
func (c *Catalog) OfBatch(model string, u call.Usage) call.USD {
	m := c.find(model)
	if m == nil {
		return 0
	}
	u.Speed = ""
	return c.bill(m, clean(u), m.batch)
}

func (c *Catalog) bill(m *model, u call.Usage, batch Multiplier) call.USD {
	geo := one
	if u.Geo == geoUS {
		geo = m.geo
	}
	tokens := scale(m.tokens(u), uint64(geo)*uint64(batch), uint64(one)*uint64(one), false)
	return call.USD(add(tokens, mul(u.WebSearches, c.webSearch)))
}

// Bound returns the most a request can cost, rounded up: in the dearest band it
// can reach, InputBound tokens of input, each at the dearest of input, cache read
// and the cache writes that may happen (five minutes always, an hour if the body
// asks for it), plus MaxTokens of output. Fast prices count where the request is
// not standard, the geo multiplier unless it says "global", since an account's own
// default may be "us". Web searches are not in it; a plan that lets the model
// search cannot be bounded. A model that is not Known can cost anything.
func (c *Catalog) Bound(r call.Request) call.USD {
	m := c.find(r.Model)
	if m == nil {
		return math.MaxInt64
	}
	return m.bound(r, m.worst(InputBound(r), max(int64(r.MaxTokens), 0), r.CacheTTL, dearSpeed(r.Speed)), "")
}

// dearSpeed returns the speed whose rates bound a request: a request for fast may
// be served, and billed, as standard.
func dearSpeed(speed string) string {
	if speed == "" || speed == speedStandard {
		return speedStandard
	}
	return "any"
}

// bound applies the geo multiplier that a request may meet: that of the geo the
// server named, else the dearest the request allows.
func (m *model) bound(r call.Request, tokens int64, served string) call.USD {
	geo := m.geo
	if served == "" && r.Geo == geoGlobal || served != "" && served != geoUS {
		geo = one
	}
	return call.USD(scale(tokens, uint64(max(geo, one)), uint64(one), true))
}

// Charge returns what an attempt cost, and whether that is an upper bound and not
// a bill:
//
//   - never sent, never written, or answered with any status but success: 0;
//   - final usage: its price, by the speed and geo the server names, and by those
//     of the request where it names none;
//   - only the input figures (cut, timed out, cancelled or failed in the middle of
//     a stream): these, and MaxTokens of output, as a bound;
//   - written, and nothing known: Bound, as a bound.
//
// It is never more than Bound for a usage that the request allows.
func (c *Catalog) Charge(req call.Request, res call.Result) (usd call.USD, bound bool) {
	m := c.find(req.Model)
	switch {
	case m == nil || !res.Class.Sent() || res.Status >= 300:
		return 0, false
	case res.Known == call.UsageFinal:
		u := clean(res.Usage)
		u.Speed, u.Geo = cmp.Or(u.Speed, req.Speed), cmp.Or(said(u.Geo), req.Geo)
		return c.bill(m, u, one), false
	case res.Known == call.UsageInput:
		return c.started(m, req, clean(res.Usage)), true
	case res.Written:
		return c.Bound(req), true
	}
	return 0, false
}

// started bounds an attempt whose input figures are known and whose output is not.
func (c *Catalog) started(m *model, req call.Request, u call.Usage) call.USD {
	u.Output = max(u.Output, int64(req.MaxTokens))
	if u.Speed == "" {
		u.Speed = dearSpeed(req.Speed)
	}
	return call.USD(add(int64(m.bound(req, m.tokens(u), said(u.Geo))), mul(u.WebSearches, c.webSearch)))
}

// said returns the geo that the server named, "" where it says only that it has
// no geo to name.
func said(geo string) string {
	if geo == "not_available" {
		return ""
	}
	return geo
}
