// Package sim is a Claude API on loopback: an [http.Handler] that answers the
// Messages API and OpenAI-style chat completions, streamed and plain, closely
// enough that official SDKs work against it unchanged, with a latency model,
// rate limits, a prompt cache and faults. It costs nothing and can be started in
// any Go test:
//
//	api, err := sim.Start(sim.Config{Profile: sim.Instant})
//	// ... point a client at api.URL ...
//	api.Close()
//
// What comes in: a [Config] and HTTP requests. What goes out: HTTP answers, and
// [Record]s of what truly happened to each request, against which measurements
// can be scored. It refuses to think: answers are made-up prose that begins
// with words of the prompt, token counts are estimates from bytes, and neither
// prompts nor answers are kept.
//
// # Repeatable
//
// Every draw (length, latency, faults by probability) comes from [Config.Seed],
// the digest of what was asked (resolved model, max_tokens, tools, system and
// messages) and how often the same was asked before. A repeated run draws the
// same at any concurrency and in any order; streamed and plain calls of the
// same prompt draw the same too, and so do Messages and chat. Two identical
// requests in flight at once get the same two sets of draws, in order of
// arrival. Load, limits and cache state act on top of the draws. Faults that
// strike before it is known what is asked (refuse, tls-fail, slow-read) draw from
// the number of the connection or request instead.
//
// # Tokens
//
// The tokenizer is not public. Input tokens are estimated as one per 4 bytes of
// text, times 1.3 for the 4.7 generation and later, plus fixed amounts for
// messages, images, document pages and tools (see tokens.go).
//
// # Paths
//
//	POST /v1/messages                 plain, or Server-Sent Events with "stream": true
//	POST /v1/messages/count_tokens
//	GET  /v1/models, /v1/models/{id}
//	POST /v1/chat/completions         the same answers in OpenAI's shape
//	GET  /sim/truth                   JSON lines: a record per request, then the totals; ?since=N
//	GET  /sim/config                  what is in force; POST changes it
package sim
