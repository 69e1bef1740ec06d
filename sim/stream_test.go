package sim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// grammar is the order of events of a whole stream; pings may stand anywhere
// after message_start.
var grammar = regexp.MustCompile(`^message_start( content_block_start( content_block_delta)* content_block_stop)+ message_delta message_stop$`)

func TestEventOrder(t *testing.T) {
	more := map[string]string{
		"plain":      "",
		"shown":      `,"thinking":{"type":"adaptive","display":"summarized"}`,
		"tool":       `,"tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}],"tool_choice":{"type":"any"}`,
		"json":       `,"output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object","properties":{"ok":{"type":"boolean"}}}}}`,
		"tools auto": `,"tools":[{"name":"weather","input_schema":{"type":"object"}}]`,
	}
	bubble(t, Config{Seed: 5}, func(t *testing.T, a *api) {
		for _, m := range models() {
			for name, fields := range more {
				for _, n := range []int{1, 2, 50, 3000} {
					body := ask(m.id, n, "What is machine learning?", `,"stream":true`+fields)
					ans := a.post("/v1/messages", body)
					if ans.status == 400 && (name == "shown" && m.generation == 45 || name == "tool" && m.noForcedTools()) {
						continue
					}
					if ans.status != 200 || ans.err != nil {
						t.Fatalf("%s %s %d: status %d, %v, %s", m.id, name, n, ans.status, ans.err, ans.body)
					}
					checkStream(t, a, m, n, ans)
				}
			}
		}
	})
}

// checkStream checks what holds for every whole stream.
func checkStream(t *testing.T, a *api, m model, n int, ans answer) {
	t.Helper()
	order := strings.ReplaceAll(ans.names(), " ping", "")
	if !grammar.MatchString(order) {
		t.Fatalf("%s: events %s", m.id, order)
	}
	if ans.events[2].name != "ping" {
		t.Errorf("%s: third event is %s, want ping", m.id, ans.events[2].name)
	}
	for _, e := range ans.events {
		if got := e.json(t)["type"]; got != e.name {
			t.Fatalf("event %q has type %v", e.name, got)
		}
	}
	r, use := a.last(), ans.final(t)
	if int(use["output_tokens"]) != r.OutputTokens || r.OutputTokens < 1 || r.OutputTokens > n {
		t.Errorf("%s: output %v, truth %d, max_tokens %d", m.id, use["output_tokens"], r.OutputTokens, n)
	}
	if int(use["thinking_tokens"]) != r.ThinkingTokens || int(use["input_tokens"]) != r.InputTokens {
		t.Errorf("%s: usage %v, truth %+v", m.id, use, r)
	}
	if len(ans.events) != r.Events {
		t.Errorf("%s: %d events, truth %d", m.id, len(ans.events), r.Events)
	}
	start := ans.events[0].json(t)["message"].(map[string]any)
	if start["model"] != m.id || !regexp.MustCompile(`^msg_01[0-9A-Za-z]{22}$`).MatchString(start["id"].(string)) {
		t.Errorf("message_start: %v", start)
	}
	if id := ans.header.Get("Request-Id"); id != r.RequestID || !regexp.MustCompile(`^req_01[0-9A-Za-z]{22}$`).MatchString(id) {
		t.Errorf("request-id %q, truth %q", id, r.RequestID)
	}
}

func TestToolInputAndFormatAreJSON(t *testing.T) {
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		tool := `,"stream":true,"tools":[{"name":"other","input_schema":{}},{"name":"weather","input_schema":{"type":"object","properties":{
			"city":{"type":"string"},"unit":{"enum":["K","C"]},"days":{"type":["integer","null"]},"tags":{"type":"array","items":{"type":"boolean"}}}}}],
			"tool_choice":{"type":"tool","name":"weather"}`
		ans := a.post("/v1/messages", ask("claude-haiku-4-5", 500, `Say "hi" to Łódź`, tool))
		want := map[string]any{"unit": "K", "days": 7.0, "tags": []any{true}}
		var got map[string]any
		if err := json.Unmarshal([]byte(ans.text(t, "partial_json")), &got); err != nil {
			t.Fatalf("%v in %q", err, ans.text(t, "partial_json"))
		}
		if city := got["city"].(string); !strings.HasPrefix(city, `Say "hi" to Łódź `) {
			t.Errorf("city = %q", city)
		}
		delete(got, "city")
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("input = %v, want %v", got, want)
		}
		if r := a.last(); r.StopReason != "tool_use" || r.Events < 8 {
			t.Errorf("record %+v", r)
		}
		plain := a.post("/v1/messages", strings.Replace(ask("claude-haiku-4-5", 500, "Hi", tool), `"stream":true`, `"stream":false`, 1))
		var msg struct {
			Content []struct {
				Type, Name string
				Input      map[string]any
			}
		}
		if err := json.Unmarshal([]byte(plain.body), &msg); err != nil || msg.Content[0].Name != "weather" || msg.Content[0].Input["unit"] != "K" {
			t.Errorf("plain tool answer %s: %v", plain.body, err)
		}
	})
}

func TestAnswerTextAndStops(t *testing.T) {
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		ans := a.post("/v1/messages", ask("claude-haiku-4-5", 400, "What is machine learning?", `,"stream":true`))
		text, use := ans.text(t, "text"), ans.final(t)
		if !strings.HasPrefix(text, "What is machine learning? ") {
			t.Errorf("answer begins %q", text[:40])
		}
		if got, want := len(text), 4*int(use["output_tokens"]); got != want {
			t.Errorf("answer of %d bytes, want %d", got, want)
		}
		ans = a.post("/v1/messages", ask("claude-haiku-4-5", 400, "What is machine learning?", `,"stream":true,"stop_sequences":["zzz"," learning"]`))
		if got := ans.text(t, "text"); got != "What is machine" {
			t.Errorf("stopped answer is %q", got)
		}
		if got := a.last(); got.StopReason != "stop_sequence" || got.OutputTokens != 4 || !strings.Contains(ans.body, `"stop_sequence":" learning"`) {
			t.Errorf("record %+v, body %s", got, ans.body)
		}
		long := strings.Repeat("and so on it goes ", 40) + "Explain the backpropagation algorithm with an example."
		ans = a.post("/v1/messages", ask("claude-haiku-4-5", 400, long, `,"stream":true`))
		if got := ans.text(t, "text"); !strings.Contains(got[:80], "backpropagation") {
			t.Errorf("answer %q lacks the prompt's word", got[:80])
		}
	})
}

func TestMaxTokensAndPrewarm(t *testing.T) {
	bubble(t, Config{Answer: 100, AnswerCap: -1}, func(t *testing.T, a *api) {
		ans := a.post("/v1/messages", ask("claude-haiku-4-5", 10, "Hi", ""))
		if r := a.last(); r.OutputTokens != 10 || r.StopReason != "max_tokens" || ans.final(t)["output_tokens"] != 10 {
			t.Errorf("record %+v, body %s", r, ans.body)
		}
		ans = a.post("/v1/messages", ask("claude-haiku-4-5", 0, "Hi", ""))
		if r := a.last(); r.OutputTokens != 0 || r.StopReason != "max_tokens" || !strings.Contains(ans.body, `"content":[]`) {
			t.Errorf("pre-warm: record %+v, body %s", r, ans.body)
		}
	})
}

func TestHiddenThinkingIsSilentButForPings(t *testing.T) {
	row := Latency{Floor: time.Second, Speed: 10, TokensPerEvent: 4}
	c := Config{Latency: map[string]Latency{"haiku": row}, AnswerCap: -1, Answer: 1, PingEvery: 5 * time.Second}
	bubble(t, c, func(t *testing.T, a *api) {
		ans := a.post("/v1/messages", ask("claude-haiku-5-5", 900, "Hi", `,"stream":true`))
		r := a.last()
		if r.ThinkingTokens < 100 {
			t.Fatalf("thinking tokens %d", r.ThinkingTokens)
		}
		think, pings := time.Duration(r.ThinkingTokens)*100*time.Millisecond, 0
		var signed, text time.Duration
		for _, e := range ans.events {
			switch {
			case e.name == "ping":
				pings++
			case strings.Contains(e.data, "signature_delta"):
				signed = e.at
			case strings.Contains(e.data, "text_delta") && text == 0:
				text = e.at
			}
		}
		if near := time.Second + think; signed-near > time.Microsecond || near-signed > time.Microsecond {
			t.Errorf("signature after %v, want %v", signed, near)
		}
		if text < signed || r.FirstContent != text {
			t.Errorf("first text after %v, truth %v", text, r.FirstContent)
		}
		if want := 1 + int((think+time.Second-r.DrawnFirst)/(5*time.Second)); pings != want {
			t.Errorf("%d pings, want %d", pings, want)
		}
		if got := ans.text(t, "thinking"); got != "" {
			t.Errorf("hidden thinking shows %q", got)
		}
	})
}

func TestPlainTakesAsLongAsStreamed(t *testing.T) {
	for _, model := range []string{"claude-haiku-4-5", "claude-opus-5-5", "claude-sonnet-4-6"} {
		var took [2]time.Duration
		var out [2]int
		for i, more := range []string{"", `,"stream":true`} {
			bubble(t, Config{Seed: 3}, func(t *testing.T, a *api) {
				a.post("/v1/messages", ask(model, 2000, "Hello there", more))
				r := a.last()
				took[i], out[i] = r.LastByte, r.OutputTokens
			})
		}
		if took[0] != took[1] || out[0] != out[1] {
			t.Errorf("%s: plain %v %d tokens, streamed %v %d tokens", model, took[0], out[0], took[1], out[1])
		}
	}
}

func TestSteady(t *testing.T) {
	c := Config{Profile: Steady, EventsPerSecond: 20, TokensPerEvent: 5, TTFT: 300 * time.Millisecond, Answer: 1}
	bubble(t, c, func(t *testing.T, a *api) {
		ans := a.post("/v1/messages", ask("claude-haiku-4-5", 100, "Hi", `,"stream":true`))
		n := 0
		for _, e := range ans.events {
			if e.name == "content_block_delta" {
				if want := 300*time.Millisecond + time.Duration(n)*50*time.Millisecond; e.at != want {
					t.Errorf("delta %d after %v, want %v", n, e.at, want)
				}
				n++
			}
		}
		if r := a.last(); n != 20 || r.OutputTokens != 100 || r.StopReason != "end_turn" {
			t.Errorf("%d deltas, record %+v", n, r)
		}
	})
}
