package client

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
)

// answerWith serves one answer on each connection and then waits for the client to go.
func answerWith(bytes string) func(w *wire) {
	return func(w *wire) {
		if w.next() {
			w.say(bytes)
			w.gone()
		}
	}
}

// status is an answer with a body of that type.
func status(code int, kind, body string, headers ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", code, kind, len(body), strings.Join(headers, ""), body)
}

func apiError(code int, kind, message, details string, headers ...string) string {
	return status(code, "application/json",
		fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%q%s},"request_id":"req_body"}`, kind, message, details), headers...)
}

// events is a whole stream of chunks, without its last one.
func events(ev ...string) string {
	var b strings.Builder
	b.WriteString(streamHead)
	for _, e := range ev {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(e), e)
	}
	return b.String()
}

const (
	js   = "application/json"
	html = "<html><body>Gateway down, ask Bob</body></html>"
)

// outcome is what went wrong, for comparing at once.
type outcome struct {
	Class   call.Class
	Status  int
	ID      string
	Type    string
	Code    string
	Message string // a part of it
}

func outcomeOf(r call.Result, part string) outcome {
	o := outcome{Class: r.Class, Status: r.Status, ID: r.RequestID}
	if r.Err != nil {
		o.Type, o.Code, o.Message = r.Err.Type, r.Err.Code, r.Err.Message
		if strings.Contains(o.Message, part) {
			o.Message = part
		}
	}
	return o
}

func TestClasses(t *testing.T) {
	const B = call.BadResponse
	for name, tt := range map[string]struct {
		plain bool
		bytes string
		want  outcome
	}{
		"ok":                     {false, events(evStart, evText, evEnd, evStop), outcome{call.OK, 200, "req_1", "", "", ""}},
		"no type, no name":       {false, events("data:{\"type\":\"message_stop\"}\r\n\r\n"), outcome{call.OK, 200, "req_1", "", "", ""}},
		"unknown events":         {false, events("event: new\ndata: {\"type\":\"new\",\"x\":[1.5,{}]}\n\n", evStop), outcome{call.OK, 200, "req_1", "", "", ""}},
		"ping that is not JSON":  {false, events("event: ping\ndata: hello\n\n", evStop), outcome{call.OK, 200, "req_1", "", "", ""}},
		"type by event name":     {false, events("event: message_stop\ndata: {}\n\n"), outcome{call.OK, 200, "req_1", "", "", ""}},
		"plain, unnamed type":    {true, "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"type\":\"message\"}", outcome{call.OK, 200, "", "", "", ""}},
		"plain, with charset":    {true, status(200, js+"; charset=utf-8", `{"type":"message","stop_reason":"end_turn"}`), outcome{call.OK, 200, "", "", "", ""}},
		"refused":                {false, events(evStart, strings.Replace(evEnd, "end_turn", "refusal", 1), evStop), outcome{call.Refused, 200, "req_1", "refusal", "", "declined"}},
		"refused, plain":         {true, status(200, js, `{"type":"message","stop_reason":"refusal"}`), outcome{call.Refused, 200, "", "refusal", "", "declined"}},
		"rate limited":           {false, apiError(429, "rate_limit_error", "slow down", ""), outcome{call.RateLimited, 429, "req_body", "rate_limit_error", "", "slow down"}},
		"id of the header":       {false, apiError(429, "rate_limit_error", "slow down", "", "X-Request-Id: req_head\r\n"), outcome{call.RateLimited, 429, "req_head", "rate_limit_error", "", "slow down"}},
		"ramp":                   {false, apiError(429, "rate_limit_error", "too fast", `,"details":{"error_code":"ramp_limit_exceeded"}`), outcome{call.RateLimited, 429, "req_body", "rate_limit_error", "ramp_limit_exceeded", "too fast"}},
		"overloaded":             {false, apiError(529, "overloaded_error", "Overloaded", ""), outcome{call.Overloaded, 529, "req_body", "overloaded_error", "", "Overloaded"}},
		"server error":           {false, apiError(500, "api_error", "Internal", ""), outcome{call.ServerError, 500, "req_body", "api_error", "", "Internal"}},
		"gateway time-out":       {false, status(504, "text/html", html), outcome{call.ServerError, 504, "", "http_504", "", "an HTML page"}},
		"empty 503":              {false, "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", outcome{call.ServerError, 503, "", "http_503", "", "no content type"}},
		"own spend limit":        {false, apiError(400, "invalid_request_error", "You have reached your specified API usage limits.", ""), outcome{call.ClientError, 400, "req_body", "invalid_request_error", "", "You have reached your specified API usage limits."}},
		"not found, other form":  {false, status(404, js, `{"object":"error","message":"no such model","type":"NotFoundError","code":404}`), outcome{call.ClientError, 404, "", "NotFoundError", "", "no such model"}},
		"not found, framework":   {false, status(404, js, `{"detail":"Not Found"}`), outcome{call.ClientError, 404, "", "http_404", "", "Not Found"}},
		"error is a string":      {false, status(400, js, `{"error":"no model loaded"}`), outcome{call.ClientError, 400, "", "http_400", "", "no model loaded"}},
		"wrong key":              {false, apiError(401, "authentication_error", "invalid x-api-key", ""), outcome{call.Auth, 401, "req_body", "authentication_error", "", "invalid x-api-key"}},
		"forbidden by a page":    {false, status(403, "text/html", html), outcome{call.Auth, 403, "", "http_403", "", "is the key right"}},
		"redirect":               {false, status(307, "text/html", html, "Location: https://elsewhere.test/\r\n"), outcome{B, 307, "", "redirect", "", "not followed"}},
		"no content":             {false, "HTTP/1.1 204 No Content\r\n\r\n", outcome{B, 204, "", "http_204", "", "where the API answers 200"}},
		"odd status":             {false, status(699, js, `{}`), outcome{B, 699, "", "http_699", "", "where the API answers 200"}},
		"HTML":                   {false, status(200, "text/html; charset=utf-8", html), outcome{B, 200, "", "content_type", "", "the answer is an HTML page, not the API's"}},
		"HTML, plain":            {true, status(200, "text/html", html), outcome{B, 200, "", "content_type", "", "the answer is an HTML page"}},
		"not JSON":               {true, status(200, js, html), outcome{B, 200, "", "not_json", "", "not JSON"}},
		"JSON cut by the server": {true, status(200, js, `{"type":"mess`), outcome{B, 200, "", "not_json", "", "not JSON"}},
		"JSON of another API":    {true, status(200, js, `{"object":"chat.completion"}`), outcome{B, 200, "", "not_a_message", "", "not a message"}},
		"JSON array":             {true, status(200, js, `[]`), outcome{B, 200, "", "not_a_message", "", "not a message"}},
		"error under 200":        {true, status(200, js, `{"type":"error","error":{"type":"api_error","message":"oops"}}`), outcome{B, 200, "", "api_error", "", "oops"}},
		"not a stream":           {false, status(200, js, `{"type":"message"}`), outcome{B, 200, "", "not_a_stream", "", "plain JSON came"}},
		"no stream but an error": {false, status(200, js, `{"error":{"message":"oops"}}`), outcome{B, 200, "", "error", "", "oops"}},
		"stream not asked for":   {true, events(evStop), outcome{B, 200, "req_1", "content_type", "", "text/event-stream"}},
		"compressed":             {false, strings.Replace(events(evStop), "Request-Id", "Content-Encoding: gzip\r\nRequest-Id", 1), outcome{B, 200, "req_1", "content_encoding", "", "compressed"}},
		"garbage event":          {false, events(evStart, "data: }{ Bob\n\n"), outcome{B, 200, "req_1", "bad_event", "", "not a JSON object"}},
		"array event":            {false, events("data: []\n\n"), outcome{B, 200, "req_1", "bad_event", "", "not a JSON object"}},
		"not HTTP":               {false, "SSH-2.0-OpenSSH_9.9\r\n", outcome{B, 0, "", "not_http", "", "not HTTP/1.1"}},
		"endless head":           {false, "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10), outcome{B, 0, "", "not_http", "", "head too long"}},
		"bad chunk":              {false, events(evStart, evText) + "zz\r\n", outcome{B, 200, "req_1", "bad_body", "", "after 1 content event"}},
		"error event":            {false, events(evStart, evText, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"), outcome{call.StreamError, 200, "req_1", "overloaded_error", "", "Overloaded"}},
		"error event by type":    {false, events("data: {\"error\":{\"type\":\"api_error\",\"message\":\"oops\"},\"type\":\"error\"}\n\n"), outcome{call.StreamError, 200, "req_1", "api_error", "", "oops"}},
		"error event by name":    {false, events("event: error\ndata: Bob\n\n"), outcome{call.StreamError, 200, "req_1", "error", "", "an error event without a message, after no content event"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serving(t, Config{}, answerWith(tt.bytes))
				req := ask()
				req.Stream = !tt.plain
				r := c.Send(t.Context(), req)
				if d := cmp.Diff(tt.want, outcomeOf(r, tt.want.Message)); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				if !r.Written || r.Done == 0 || r.Index != 3 || r.Task != "chat" || r.Model != "claude-haiku-4-5" {
					t.Errorf("written %v, done %v, index %d, task %q, model %q", r.Written, r.Done, r.Index, r.Task, r.Model)
				}
				if r.Err != nil && (strings.Contains(r.Err.Message, "Bob") || strings.ContainsAny(r.Err.Message, "\n<")) {
					t.Errorf("the body is quoted: %q", r.Err.Message)
				}
			})
		})
	}
}

// TestEnds: answers that end, or break, at every stage.
func TestEnds(t *testing.T) {
	whole := events(evStart, evText, evText, evEnd, evStop)
	closing := func(bytes string) func(w *wire) {
		return func(w *wire) {
			if w.next() {
				w.say(bytes)
			}
		}
	}
	plain := status(200, js, `{"type":"message"}`)
	for name, tt := range map[string]struct {
		plain  bool
		handle func(w *wire)
		want   outcome
		events int
	}{
		"at once":                 {false, func(*wire) {}, outcome{call.Connection, 0, "", "connection_closed", "", "before it answered"}, 0},
		"without an answer":       {false, closing(""), outcome{call.Connection, 0, "", "connection_closed", "", "before it answered"}, 0},
		"inside the head":         {false, closing(whole[:20]), outcome{call.Connection, 0, "", "connection_closed", "", "before it answered"}, 0},
		"after the head":          {false, closing(streamHead), outcome{call.Cut, 200, "req_1", "cut", "", "after no content event"}, 0},
		"inside an event":         {false, closing(events(evStart, evText, evText[:50])), outcome{call.Cut, 200, "req_1", "cut", "", "after 1 content event"}, 1},
		"inside a chunk":          {false, closing(events(evStart, evText) + "ff\r\nda"), outcome{call.Cut, 200, "req_1", "cut", "", "after 1 content event"}, 1},
		"in good order":           {false, closing(events(evStart, evText, evText, evEnd) + lastChunk), outcome{call.Cut, 200, "req_1", "cut", "", "after 2 content events"}, 2},
		"one line feed early":     {false, closing(events(evStart, evText, evEnd, strings.TrimSuffix(evStop, "\n")) + lastChunk), outcome{call.Cut, 200, "req_1", "cut", "", "after 1 content event"}, 1},
		"after the stop":          {false, closing(whole), outcome{call.OK, 200, "req_1", "", "", ""}, 2},
		"plain, inside the body":  {true, closing(plain[:len(plain)-3]), outcome{call.Cut, 200, "", "cut", "", "ended before"}, 0},
		"plain, without a length": {true, closing("HTTP/1.0 200 OK\r\n\r\n{\"type\":\"message\"}"), outcome{call.OK, 200, "", "", "", ""}, 0},
		"error, inside its body":  {false, closing("HTTP/1.1 500 X\r\nContent-Length: 99\r\n\r\n{"), outcome{call.ServerError, 500, "", "http_500", "", "no content type"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				req := ask()
				req.Stream = !tt.plain
				r := serving(t, Config{}, tt.handle).Send(t.Context(), req)
				if d := cmp.Diff(tt.want, outcomeOf(r, tt.want.Message)); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				if r.Events != tt.events || r.Done == 0 {
					t.Errorf("%d content events, done %v; want %d", r.Events, r.Done, tt.events)
				}
			})
		})
	}
}

// TestKeptAliveClosed: a server that closes a kept-alive connection after it has
// read the request may have acted on it. It is not sent again.
func TestKeptAliveClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		c := serving(t, Config{}, func(w *wire) {
			for w.next() {
				if requests++; requests == 2 {
					return
				}
				w.say(events(evStop) + lastChunk)
			}
		})
		c.Send(t.Context(), ask())
		r := c.Send(t.Context(), ask())
		part := "closed a kept-alive connection"
		if d := cmp.Diff(outcome{call.Connection, 0, "", "connection_closed", "", part}, outcomeOf(r, part)); d != "" || requests != 2 || !r.Written || r.Sent == 0 {
			t.Errorf("%d requests, written %v, sent %v (-want +got):\n%s", requests, r.Written, r.Sent, d)
		}
	})
}

// TestHeaders: what an answer's head brings into the record, with the class.
func TestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{}, func(w *wire) {
			limits := "anthropic-ratelimit-requests-limit: 50\r\nanthropic-ratelimit-requests-remaining: 0\r\nRetry-After: 2.5\r\n"
			w.next()
			w.say(apiError(429, "rate_limit_error", "slow down", "", limits))
			w.next()
			w.say(strings.Replace(events(evStart, evText, evEnd, evStop), "Request-Id: req_1", "Apim-Request-Id: abc-1\r\n"+limits[:len(limits)-2], 1) + lastChunk)
		})
		r := c.Send(t.Context(), ask())
		if r.RetryAfter == nil || *r.RetryAfter != 2.5 || r.LimitedBy != call.LimitRequests || *r.Limits.Requests.Limit != 50 {
			t.Errorf("retry after %v, limited by %s, limits %+v", r.RetryAfter, r.LimitedBy, r.Limits)
		}
		r = c.Send(t.Context(), ask())
		if r.Class != call.OK || r.RequestID != "abc-1" || r.RetryAfter != nil || r.LimitedBy != "" || *r.Limits.Requests.Remaining != 0 {
			t.Errorf("class %s, id %q, retry after %v, limited by %s", r.Class, r.RequestID, r.RetryAfter, r.LimitedBy)
		}
	})
}

// TestUsage: what is known of the usage, and what it is.
func TestUsage(t *testing.T) {
	start := call.Usage{Input: 7, CacheWrite5m: 10, CacheWrite1h: 20, CacheRead: 5, Output: 1, Geo: "us", Speed: "fast"}
	final := start
	final.Output, final.Thinking = 43, 36
	delta := func(usage string) string {
		return `data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":` + usage + "}\n\n"
	}
	begin := func(usage string) string {
		return `data: {"type":"message_start","message":{"usage":` + usage + "}}\n\n"
	}
	for name, tt := range map[string]struct {
		events []string
		known  call.UsageKnown
		want   call.Usage
	}{
		"whole":                       {[]string{evStart, evText, evEnd, evStop}, call.UsageFinal, final},
		"cut after the start":         {[]string{evStart, evText}, call.UsageInput, start},
		"cut before the stop":         {[]string{evStart, evText, evEnd}, call.UsageInput, final},
		"nothing said":                {[]string{evText, evStop}, call.UsageNone, call.Usage{}},
		"no final figure":             {[]string{evStart, evText, evStop}, call.UsageInput, start},
		"final figure only":           {[]string{evText, evEnd, evStop}, call.UsageFinal, call.Usage{Output: 43, Thinking: 36}},
		"null":                        {[]string{begin("null"), delta("null"), evStop}, call.UsageNone, call.Usage{}},
		"null parts":                  {[]string{evStart, delta(`{"input_tokens":null,"cache_read_input_tokens":null,"cache_creation":null,"output_tokens":9,"output_tokens_details":null,"server_tool_use":null,"speed":null,"inference_geo":null}`), evStop}, call.UsageFinal, call.Usage{Input: 7, CacheWrite5m: 10, CacheWrite1h: 20, CacheRead: 5, Output: 9, Geo: "us", Speed: "fast"}},
		"writes without a split":      {[]string{begin(`{"input_tokens":1,"cache_creation_input_tokens":50,"cache_creation":null}`)}, call.UsageInput, call.Usage{Input: 1, CacheWrite5m: 50}},
		"total repeated, no split":    {[]string{evStart, delta(`{"cache_creation_input_tokens":30,"output_tokens":2}`), evStop}, call.UsageFinal, call.Usage{Input: 7, CacheWrite5m: 10, CacheWrite1h: 20, CacheRead: 5, Output: 2, Geo: "us", Speed: "fast"}},
		"more written by tools":       {[]string{evStart, delta(`{"cache_creation_input_tokens":45,"output_tokens":2}`), evStop}, call.UsageFinal, call.Usage{Input: 7, CacheWrite5m: 25, CacheWrite1h: 20, CacheRead: 5, Output: 2, Geo: "us", Speed: "fast"}},
		"less written than said":      {[]string{evStart, delta(`{"cache_creation_input_tokens":15,"output_tokens":2}`), evStop}, call.UsageFinal, call.Usage{Input: 7, CacheWrite1h: 15, CacheRead: 5, Output: 2, Geo: "us", Speed: "fast"}},
		"output only, cut":            {[]string{evText, evEnd}, call.UsageNone, call.Usage{Output: 43, Thinking: 36}},
		"input in the end, cut":       {[]string{evText, delta(`{"input_tokens":4,"output_tokens":2}`)}, call.UsageInput, call.Usage{Input: 4, Output: 2}},
		"output said, then not":       {[]string{evStart, evEnd, delta(`{"cache_read_input_tokens":5}`), evStop}, call.UsageFinal, final},
		"later figures count":         {[]string{evStart, delta(`{"input_tokens":70,"cache_read_input_tokens":50,"output_tokens":3}`), delta(`{"output_tokens":8,"server_tool_use":{"web_search_requests":2}}`), evStop}, call.UsageFinal, call.Usage{Input: 70, CacheWrite5m: 10, CacheWrite1h: 20, CacheRead: 50, Output: 8, WebSearches: 2, Geo: "us", Speed: "fast"}},
		"standard, global":            {[]string{begin(`{"input_tokens":1,"speed":"standard","inference_geo":"global"}`)}, call.UsageInput, call.Usage{Input: 1}},
		"not available":               {[]string{begin(`{"input_tokens":1,"inference_geo":"not_available"}`)}, call.UsageInput, call.Usage{Input: 1}},
		"odd types are passed over":   {[]string{begin(`{"input_tokens":"many","output_tokens":-4,"cache_read_input_tokens":6}`)}, call.UsageInput, call.Usage{CacheRead: 6}},
		"split without a total":       {[]string{begin(`{"cache_creation":{"ephemeral_1h_input_tokens":4,"ephemeral_5m_input_tokens":2}}`)}, call.UsageInput, call.Usage{CacheWrite5m: 2, CacheWrite1h: 4}},
		"error after the start":       {[]string{evStart, "data: {\"type\":\"error\"}\n\n"}, call.UsageInput, start},
		"prompt cache warmed, no end": {[]string{begin(`{"input_tokens":3,"output_tokens":0}`), delta(`{"output_tokens":0}`), evStop}, call.UsageFinal, call.Usage{Input: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := serving(t, Config{}, func(w *wire) {
					w.next()
					w.say(events(tt.events...) + lastChunk)
				}).Send(t.Context(), ask())
				if d := cmp.Diff(tt.want, r.Usage); d != "" || r.Known != tt.known {
					t.Errorf("known %d; want %d; usage (-want +got):\n%s", r.Known, tt.known, d)
				}
			})
		})
	}
}

// TestWritesWithoutASplit: what a server does not split is the dearest write that
// the request asks for, so that no bill is above what was charged.
func TestWritesWithoutASplit(t *testing.T) {
	for _, tt := range []struct {
		ttl   string
		usage string
		want  call.Usage
	}{
		{"", `{"cache_creation_input_tokens":50}`, call.Usage{CacheWrite5m: 50}},
		{"5m", `{"cache_creation_input_tokens":50}`, call.Usage{CacheWrite5m: 50}},
		{"1h", `{"cache_creation_input_tokens":50}`, call.Usage{CacheWrite1h: 50}},
		{"1h", `{"cache_creation_input_tokens":50,"cache_creation":null}`, call.Usage{CacheWrite1h: 50}},
		{"1h", `{"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":50}}`, call.Usage{CacheWrite5m: 50}},
		{"1h", `{"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30}}`, call.Usage{CacheWrite5m: 20, CacheWrite1h: 30}},
	} {
		var u usage
		if err := json.Unmarshal([]byte(tt.usage), &u); err != nil {
			t.Fatal(err)
		}
		var got call.Usage
		u.apply(&got, tt.ttl)
		u.apply(&got, tt.ttl) // said again at the end
		if got != tt.want {
			t.Errorf("asked for %q, told %s: %+v; want %+v", tt.ttl, tt.usage, got, tt.want)
		}
	}
}

// TestDropped: after an answer that is not the API's the connection is closed at once, and a good one is kept.
func TestDropped(t *testing.T) {
	for name, tt := range map[string]struct {
		bytes string
		kept  bool
	}{
		"ok":          {events(evStart, evText, evEnd, evStop) + lastChunk, true},
		"error":       {apiError(529, "overloaded_error", "x", ""), true},
		"error event": {events("event: error\ndata: {}\n\n") + lastChunk, true},
		"bad event":   {events("data: x\n\n"), false},
		"HTML":        {status(200, "text/html", html), false},
		"too big":     {events("data: " + strings.Repeat("x", 2000)), false},
		"big error":   {status(500, "text/plain", strings.Repeat("x", 100<<10)), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				closed := time.Duration(-1)
				c := serving(t, Config{MaxEvent: 1000}, func(w *wire) {
					w.next()
					w.say(tt.bytes)
					closed = w.gone()
				})
				c.Send(t.Context(), ask())
				synctest.Wait()
				if got := closed != 0; got != tt.kept {
					t.Errorf("kept %v; want %v", got, tt.kept)
				}
			})
		})
	}
}

// TestHuge: an event of 100 MB ends the attempt at the cap, and no more is read than that.
func TestHuge(t *testing.T) {
	const piece, most = 64 << 10, 1 << 20
	for name, head := range map[string]string{"event": streamHead, "plain": strings.Replace(streamHead, "text/event-stream", js, 1)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				read := 0
				c := serving(t, Config{MaxEvent: most}, func(w *wire) {
					w.next()
					w.say(head)
					w.say(fmt.Sprintf("%x\r\ndata: ", 100_000_000))
					for text := strings.Repeat("x", piece); ; read += piece {
						if _, err := io.WriteString(w, text); err != nil {
							return
						}
					}
				})
				req := ask()
				req.Stream = name == "event"
				r := c.Send(t.Context(), req)
				synctest.Wait()
				if r.Class != call.BadResponse || r.Err.Type != "too_big" || read > most+piece {
					t.Errorf("class %s, %+v, %d bytes read", r.Class, r.Err, read)
				}
			})
		})
	}
}
