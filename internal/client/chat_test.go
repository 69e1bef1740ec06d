package client

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
)

// chunkOfDelta is a chunk as OpenAI sends it, with that delta.
func chunkOfDelta(delta string) string {
	return `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m-1","service_tier":"default","system_fingerprint":null,` +
		`"choices":[{"index":0,"delta":` + delta + `,"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x9"}`
}

func data(s string) string { return "data: " + s + "\n\n" }

func finished(reason string) string {
	return data(`{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}],"usage":null}`)
}

func lastChunkOf(usage string) string {
	return data(`{"object":"chat.completion.chunk","choices":[],"usage":` + usage + `}`)
}

var (
	ckRole  = data(chunkOfDelta(`{"role":"assistant","content":"","refusal":null}`))
	ckText  = data(chunkOfDelta(`{"content":"Hi"}`))
	ckStop  = finished("stop")
	ckUsage = lastChunkOf(`{"prompt_tokens":42,"completion_tokens":43,"total_tokens":85,"prompt_tokens_details":{"cached_tokens":5,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":36}}`)
	ckDone  = data("[DONE]")
)

// TestChatContent: what counts as content, what as visible, and what text is kept.
func TestChatContent(t *testing.T) {
	call1 := func(arguments string) string {
		return chunkOfDelta(`{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":` + arguments + `}}]}`)
	}
	for name, tt := range map[string]struct {
		event   string
		content bool
		visible bool
		text    string
	}{
		"text":                      {chunkOfDelta(`{"content":"Hi"}`), true, true, "Hi"},
		"escapes":                   {chunkOfDelta(`{"content":"a\n\u00e9\"\ud83d\ude00 é"}`), true, true, "a\né\"😀 é"},
		"role, empty text":          {chunkOfDelta(`{"role":"assistant","content":""}`), false, false, ""},
		"role, null":                {chunkOfDelta(`{"role":"assistant","content":null}`), false, false, ""},
		"empty delta":               {chunkOfDelta(`{}`), false, false, ""},
		"no delta":                  {chunkOfDelta(`null`), false, false, ""},
		"delta of another type":     {chunkOfDelta(`7`), false, false, ""},
		"reasoning_content":         {chunkOfDelta(`{"reasoning_content":"hm"}`), true, false, ""},
		"reasoning":                 {chunkOfDelta(`{"content":"","reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm"}]}`), true, false, ""},
		"reasoning, empty":          {chunkOfDelta(`{"reasoning":"","reasoning_content":null}`), false, false, ""},
		"text after thinking":       {chunkOfDelta(`{"content":"Hi","reasoning":"hm"}`), true, true, "Hi"},
		"tool, named":               {call1(`""`), false, false, ""},
		"tool input":                {call1(`"{\"a\""`), true, true, ""},
		"tool input, null":          {call1(`null`), false, false, ""},
		"tool calls, null":          {chunkOfDelta(`{"content":"Hi","tool_calls":null}`), true, true, "Hi"},
		"two tools":                 {chunkOfDelta(`{"tool_calls":[{"index":0,"function":{"arguments":""}},{"index":1,"function":{"arguments":"{}"}}]}`), true, true, ""},
		"a function of old":         {chunkOfDelta(`{"function_call":{"name":"f","arguments":"{}"}}`), true, true, ""},
		"refusal":                   {chunkOfDelta(`{"refusal":"I cannot"}`), true, true, ""},
		"parts":                     {chunkOfDelta(`{"content":[{"type":"text","text":"a\nb"},{"type":"text","text":"é"}]}`), true, true, "a\nbé"},
		"thinking in parts":         {chunkOfDelta(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}`), true, false, ""},
		"no parts":                  {chunkOfDelta(`{"content":[]}`), false, false, ""},
		"content of another type":   {chunkOfDelta(`{"content":{"a":1}}`), false, false, ""},
		"no choices":                {`{"choices":[],"usage":null}`, false, false, ""},
		"choices are null":          {`{"choices":null}`, false, false, ""},
		"prompt filter, no choices": {`{"choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}`, false, false, ""},
		"two choices":               {`{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}`, true, true, "a"},
		"error is null":             {`{"error":null,"choices":[{"delta":{"content":"Hi"}}]}`, true, true, "Hi"},
		"log probabilities":         {`{"choices":[{"delta":{"content":"Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-0.31,"bytes":[72,105],"top_logprobs":[]}]}}]}`, true, true, "Hi"},
		"another object":            {`{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}`, false, false, ""},
	} {
		for _, keep := range []bool{true, false} {
			res := call.Result{Class: call.OK}
			a := &answer{res: &res, at: 5, keep: keep, most: 100}
			if !(chat{}).event(a, nil, []byte(tt.event)) {
				t.Errorf("%s: the stream ends: %+v", name, res.Err)
			}
			want := tt.text
			if !keep {
				want = ""
			}
			got := fmt.Sprint(res.Events, int(res.FirstContent), int(res.LastContent), int(res.FirstText), " ", string(a.text))
			content, visible := one(tt.content), one(tt.visible)
			if exp := fmt.Sprint(content, 5*content, 5*content, 5*visible, " ", want); got != exp {
				t.Errorf("%s: events, first, last, first visible, text = %s; want %s", name, got, exp)
			}
		}
	}
}

// completion is a plain answer.
func completion(message, finish string) string {
	return status(200, js, `{"object":"chat.completion","choices":[{"index":0,"message":`+message+`,"finish_reason":`+finish+`}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}`)
}

func TestChatClasses(t *testing.T) {
	const B = call.BadResponse
	vllm := data(`{"error":{"message":"engine died","type":"InternalServerError","param":null,"code":500}}`)
	for name, tt := range map[string]struct {
		plain bool
		bytes string
		stop  string
		want  outcome
	}{
		"ok":                       {false, events(ckRole, ckText, ckStop, ckUsage, ckDone), "end_turn", outcome{call.OK, 200, "req_1", "", "", ""}},
		"no usage":                 {false, events(ckRole, ckText, ckStop, ckDone), "end_turn", outcome{call.OK, 200, "req_1", "", "", ""}},
		"finish with the content":  {false, events(data(`{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}`), ckDone), "end_turn", outcome{call.OK, 200, "req_1", "", "", ""}},
		"comments between":         {false, events(": OPENROUTER PROCESSING\n\n", ckText, ": ping\n\n", ckStop, ckDone), "end_turn", outcome{call.OK, 200, "req_1", "", "", ""}},
		"done, odd spaces":         {false, events(ckText, ckStop, "data:  [DONE] \r\n\r\n"), "end_turn", outcome{call.OK, 200, "req_1", "", "", ""}},
		"too long":                 {false, events(ckText, finished("length"), ckDone), "max_tokens", outcome{call.OK, 200, "req_1", "", "", ""}},
		"tools":                    {false, events(ckText, finished("tool_calls"), ckDone), "tool_use", outcome{call.OK, 200, "req_1", "", "", ""}},
		"a function of old":        {false, events(ckText, finished("function_call"), ckDone), "tool_use", outcome{call.OK, 200, "req_1", "", "", ""}},
		"a reason of one's own":    {false, events(ckText, finished("eos_token"), ckDone), "eos_token", outcome{call.OK, 200, "req_1", "", "", ""}},
		"filtered":                 {false, events(ckText, finished("content_filter"), ckDone), "refusal", outcome{call.Refused, 200, "req_1", "refusal", "", "declined"}},
		"refused in words":         {false, events(data(chunkOfDelta(`{"refusal":"No"}`)), ckStop, ckDone), "refusal", outcome{call.Refused, 200, "req_1", "refusal", "", "declined"}},
		"done without a reason":    {false, events(ckText, ckDone), "", outcome{call.Cut, 200, "req_1", "cut", "", "[DONE] came without a finish reason, after 1 content event"}},
		"error object":             {false, events(ckText, vllm, ckDone), "", outcome{call.StreamError, 200, "req_1", "InternalServerError", "", "engine died"}},
		"error of old":             {false, events(data(`{"object":"error","message":"too long","type":"BadRequestError","code":400}`), ckDone), "", outcome{call.StreamError, 200, "req_1", "BadRequestError", "", "too long"}},
		"error by name":            {false, events("event: error\ndata: {\"message\":\"oops\"}\n\n"), "", outcome{call.StreamError, 200, "req_1", "error", "", "oops"}},
		"error is a string":        {false, events(data(`{"error":"out of memory"}`)), "", outcome{call.StreamError, 200, "req_1", "error", "", "out of memory"}},
		"error beside a choice":    {false, events(ckText, data(`{"error":{"code":"server_error","message":"gone"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}`)), "", outcome{call.StreamError, 200, "req_1", "error", "server_error", "gone"}},
		"garbage":                  {false, events(ckText, "data: }{ Bob\n\n"), "", outcome{B, 200, "req_1", "bad_event", "", "not a JSON object"}},
		"array":                    {false, events("data: []\n\n"), "", outcome{B, 200, "req_1", "bad_event", "", "not a JSON object"}},
		"plain":                    {true, completion(`{"role":"assistant","content":"Hi"}`, `"stop"`), "end_turn", outcome{call.OK, 200, "", "", "", ""}},
		"plain, parts":             {true, completion(`{"content":[{"type":"text","text":"Hi"}]}`, `"length"`), "max_tokens", outcome{call.OK, 200, "", "", "", ""}},
		"plain, tools":             {true, completion(`{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}`, `"tool_calls"`), "tool_use", outcome{call.OK, 200, "", "", "", ""}},
		"plain, refused":           {true, completion(`{"content":null,"refusal":"No"}`, `"stop"`), "refusal", outcome{call.Refused, 200, "", "refusal", "", "declined"}},
		"plain, filtered":          {true, completion(`{"content":""}`, `"content_filter"`), "refusal", outcome{call.Refused, 200, "", "refusal", "", "declined"}},
		"plain, no reason":         {true, completion(`{"content":"Hi"}`, `null`), "", outcome{call.Cut, 200, "", "cut", "", "the answer came without a finish reason"}},
		"plain, not JSON":          {true, status(200, js, html), "", outcome{B, 200, "", "not_json", "", "not JSON"}},
		"plain, error":             {true, status(200, js, `{"error":{"message":"oops","type":"server_error"}}`), "", outcome{B, 200, "", "server_error", "", "oops"}},
		"plain, error and choices": {true, status(200, js, `{"error":{"message":"oops","code":"x"},"choices":[{"message":{"content":""},"finish_reason":"error"}]}`), "", outcome{B, 200, "", "error", "x", "oops"}},
		"plain, another API":       {true, status(200, js, `{"type":"message"}`), "", outcome{B, 200, "", "not_a_completion", "", "does base_url serve /v1/chat/completions?"}},
		"not found":                {false, status(404, "text/html", html), "", outcome{call.ClientError, 404, "", "http_404", "", "does base_url serve /v1/chat/completions?"}},
		"wrong key":                {false, status(401, js, `{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, "X-Request-Id: req_o\r\n"), "", outcome{call.Auth, 401, "req_o", "invalid_request_error", "invalid_api_key", "Incorrect API key provided"}},
		"rate limited":             {false, status(429, js, `{"error":{"message":"Rate limit reached","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`, "X-Litellm-Call-Id: call-1\r\n"), "", outcome{call.RateLimited, 429, "call-1", "tokens", "rate_limit_exceeded", "Rate limit reached"}},
		"no money":                 {false, status(429, js, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`), "", outcome{call.RateLimited, 429, "", "insufficient_quota", "insufficient_quota", "You exceeded your current quota"}},
		"overloaded":               {false, status(503, js, `{"error":{"message":"The engine is overloaded","type":"server_error","param":null,"code":null}}`), "", outcome{call.ServerError, 503, "", "server_error", "", "The engine is overloaded"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				req := ask()
				req.Stream = !tt.plain
				r := serving(t, Config{API: APIChat}, answerWith(tt.bytes)).Send(t.Context(), req)
				if d := cmp.Diff(tt.want, outcomeOf(r, tt.want.Message)); d != "" || r.Stop != tt.stop {
					t.Errorf("stop %q; want %q (-want +got):\n%s", r.Stop, tt.stop, d)
				}
				if r.Class == call.OK && (r.LastContent == 0 || r.Done < r.LastContent) {
					t.Errorf("last content %v, done %v", r.LastContent, r.Done)
				}
			})
		})
	}
}

// TestChatEnds: streams that end, or break, at every stage.
func TestChatEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		stream string
		class  call.Class
		events int
	}{
		"after the head":       {streamHead + lastChunk, call.Cut, 0},
		"after content":        {events(ckRole, ckText, ckText) + lastChunk, call.Cut, 2},
		"inside a chunk":       {events(ckText, ckText[:30]) + lastChunk, call.Cut, 1},
		"before done":          {events(ckText, ckStop, ckUsage) + lastChunk, call.Cut, 1},
		"inside done":          {events(ckText, ckStop, "data: [DON") + lastChunk, call.Cut, 1},
		"done, no blank line":  {events(ckText, ckStop, "data: [DONE]\n") + lastChunk, call.OK, 1},
		"done, no line end":    {events(ckText, ckStop, "data: [DONE]") + lastChunk, call.OK, 1},
		"done, carriage":       {events(ckText, ckStop, "data: [DONE]\r\n") + lastChunk, call.OK, 1},
		"done, in two chunks":  {events(ckText, ckStop, "data: [DO", "NE]\n\n") + lastChunk, call.OK, 1},
		"done, then more":      {events(ckText, ckStop, ckDone, ckText) + lastChunk, call.OK, 1},
		"done too early, alas": {events(ckText, "data: [DONE]") + lastChunk, call.Cut, 1},
		"reset after done":     {events(ckText, ckStop, ckDone), call.OK, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := serving(t, Config{API: APIChat}, func(w *wire) {
					if w.next() {
						w.say(tt.stream)
					}
				}).Send(t.Context(), ask())
				if r.Class != tt.class || r.Events != tt.events {
					t.Errorf("class %s, %d content events, %+v; want %s, %d", r.Class, r.Events, r.Err, tt.class, tt.events)
				}
			})
		})
	}
}

// TestChatUsage: what is known of the usage, and what it is.
func TestChatUsage(t *testing.T) {
	whole := call.Usage{Input: 37, CacheRead: 5, Output: 43, Thinking: 36}
	for name, tt := range map[string]struct {
		events []string
		known  call.UsageKnown
		want   call.Usage
	}{
		"whole":                      {[]string{ckText, ckStop, ckUsage, ckDone}, call.UsageFinal, whole},
		"with the finish reason":     {[]string{data(`{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":2}}`), ckDone}, call.UsageFinal, call.Usage{Input: 8, Output: 2}},
		"with every chunk, cut":      {[]string{data(`{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":8,"completion_tokens":1}}`), data(`{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":8,"completion_tokens":2}}`)}, call.UsageInput, call.Usage{Input: 8, Output: 2}},
		"cut before done":            {[]string{ckText, ckStop, ckUsage}, call.UsageInput, whole},
		"never said":                 {[]string{ckText, ckStop, ckDone}, call.UsageNone, call.Usage{}},
		"null":                       {[]string{ckText, ckStop, lastChunkOf("null"), ckDone}, call.UsageNone, call.Usage{}},
		"zeros":                      {[]string{ckText, ckStop, lastChunkOf(`{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`), ckDone}, call.UsageNone, call.Usage{}},
		"no prompt":                  {[]string{ckText, ckStop, lastChunkOf(`{"completion_tokens":7}`), ckDone}, call.UsageNone, call.Usage{}},
		"no completion":              {[]string{ckText, ckStop, lastChunkOf(`{"prompt_tokens":7,"total_tokens":9}`), ckDone}, call.UsageInput, call.Usage{Input: 7}},
		"null parts":                 {[]string{ckStop, lastChunkOf(`{"prompt_tokens":7,"completion_tokens":1,"total_tokens":null,"prompt_tokens_details":null,"completion_tokens_details":null,"cache_creation":null}`), ckDone}, call.UsageFinal, call.Usage{Input: 7, Output: 1}},
		"odd types are passed over":  {[]string{ckStop, lastChunkOf(`{"prompt_tokens":7,"completion_tokens":1,"total_tokens":"many","prompt_tokens_details":{"cached_tokens":-4}}`), ckDone}, call.UsageFinal, call.Usage{Input: 7, Output: 1}},
		"all cached":                 {[]string{ckStop, lastChunkOf(`{"prompt_tokens":7,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":7}}`), ckDone}, call.UsageFinal, call.Usage{CacheRead: 7, Output: 1}},
		"more cached than there was": {[]string{ckStop, lastChunkOf(`{"prompt_tokens":7,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}`), ckDone}, call.UsageFinal, call.Usage{CacheRead: 7, Output: 1}},
		"written, LiteLLM":           {[]string{ckStop, lastChunkOf(`{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":30,"cache_creation_tokens":50},"cache_creation_input_tokens":50,"cache_read_input_tokens":30}`), ckDone}, call.UsageFinal, call.Usage{Input: 20, CacheRead: 30, CacheWrite5m: 50, Output: 1}},
		"written, OpenRouter":        {[]string{ckStop, lastChunkOf(`{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":60}}`), ckDone}, call.UsageFinal, call.Usage{Input: 40, CacheWrite5m: 60, Output: 1}},
		"written for an hour":        {[]string{ckStop, lastChunkOf(`{"prompt_tokens":100,"completion_tokens":1,"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30}}`), ckDone}, call.UsageFinal, call.Usage{Input: 50, CacheWrite5m: 20, CacheWrite1h: 30, Output: 1}},
		"more written than left":     {[]string{ckStop, lastChunkOf(`{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":80},"cache_creation_input_tokens":50}`), ckDone}, call.UsageFinal, call.Usage{CacheRead: 80, CacheWrite5m: 20, Output: 1}},
		"hits, DeepSeek":             {[]string{ckStop, lastChunkOf(`{"prompt_tokens":100,"completion_tokens":1,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36}`), ckDone}, call.UsageFinal, call.Usage{Input: 36, CacheRead: 64, Output: 1}},
		"thinking beside, xAI":       {[]string{ckStop, lastChunkOf(`{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"completion_tokens_details":{"reasoning_tokens":94}}`), ckDone}, call.UsageFinal, call.Usage{Input: 32, Output: 103, Thinking: 94}},
		"thinking unsaid, Gemini":    {[]string{ckStop, lastChunkOf(`{"prompt_tokens":20,"completion_tokens":424,"total_tokens":1016}`), ckDone}, call.UsageFinal, call.Usage{Input: 20, Output: 996, Thinking: 572}},
		"more thinking than output":  {[]string{ckStop, lastChunkOf(`{"prompt_tokens":20,"completion_tokens":4,"completion_tokens_details":{"reasoning_tokens":9}}`), ckDone}, call.UsageFinal, call.Usage{Input: 20, Output: 4, Thinking: 4}},
		"absurd":                     {[]string{ckStop, lastChunkOf(`{"prompt_tokens":9223372036854775807,"completion_tokens":1}`), ckDone}, call.UsageNone, call.Usage{}},
		"error after the usage":      {[]string{ckUsage, data(`{"error":{}}`)}, call.UsageInput, whole},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := serving(t, Config{API: APIChat}, func(w *wire) {
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

// TestChatWritesOfAnHour: servers that say what was written, and not for how long.
func TestChatWritesOfAnHour(t *testing.T) {
	written := []byte(`{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cache_write_tokens":60}}`)
	for ttl, want := range map[string]call.Usage{
		"1h": {Input: 40, CacheWrite1h: 60, Output: 1}, "5m": {Input: 40, CacheWrite5m: 60, Output: 1}, "": {Input: 40, CacheWrite5m: 60, Output: 1},
	} {
		a := &answer{res: &call.Result{Class: call.OK}, cacheTTL: ttl}
		(chat{}).usage(a, written)
		if d := cmp.Diff(want, a.res.Usage); d != "" {
			t.Errorf("cache %q (-want +got):\n%s", ttl, d)
		}
	}
}

// TestChatWire: what is sent, and what the head of an answer brings.
func TestChatWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var head string
		c := serving(t, Config{API: APIChat, Key: secret, Version: "2026-10-21"}, func(w *wire) {
			w.next()
			head = w.head
			w.say(strings.Replace(events(ckText, ckStop, ckUsage, ckDone), "Request-Id", "X-Ratelimit-Limit-Tokens: 30000\r\nX-Ratelimit-Remaining-Tokens: 29000\r\nX-Ratelimit-Reset-Tokens: 2s\r\nX-Request-Id", 1) + lastChunk)
		})
		r := c.Send(t.Context(), ask())
		if !strings.HasPrefix(head, "POST /v1/chat/completions HTTP/1.1\r\n") || !strings.Contains(head, "\r\nAuthorization: Bearer "+secret+"\r\n") {
			t.Errorf("sent %q", head)
		}
		if low := strings.ToLower(head); strings.Contains(low, "anthropic") || strings.Contains(low, "x-api-key") {
			t.Errorf("a header of the Messages API is in %q", head)
		}
		l := r.Limits.Tokens
		if r.RequestID != "req_1" || l == nil || *l.Limit != 30000 || *l.Remaining != 29000 || l.Reset.IsZero() || r.Limits.Requests != nil {
			t.Errorf("id %q, limits %+v", r.RequestID, r.Limits)
		}
	})
	for name, c := range map[string]Config{
		`api "caht" is not one of messages, chat`: {BaseURL: "http://api.test", API: "caht"},
		"api chat has no beta header":             {BaseURL: "http://api.test", API: APIChat, Beta: []string{"a"}},
		"leave out /v1, it is added":              {BaseURL: "http://api.test/v1/chat/completions", API: APIChat},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("New: %v; want %s", err, name)
		}
	}
}

// TestChatKeyNeverLeaves: a server that repeats the key everywhere.
func TestChatKeyNeverLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, Config{API: APIChat, Key: secret}, func(w *wire) {
			w.next()
			w.say(strings.Replace(events(finished(secret), ckDone), "req_1", secret, 1))
		})
		if r := c.Send(t.Context(), ask()); r.Stop != "" || r.RequestID != "" {
			t.Errorf("stop %q, id %q", r.Stop, r.RequestID)
		}
	})
}
