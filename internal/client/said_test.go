package client

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sayings are events as they come and as they might; quick says whether the scanner must know them.
var sayings = []struct {
	data  string
	quick bool
}{
	{`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[],"stop_reason":null,` +
		`"stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":0,"cache_creation":` +
		`{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"output_tokens":1,"service_tier":"standard"}}}`, true},
	{`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":42}}`, true},
	{`{"type":"message_delta","delta":{"stop_reason":null},"usage":null,"context_management":{"applied_edits":[]}}`, true},
	{`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":null,"cache_creation":null,"server_tool_use":null,"speed":null,"output_tokens":0}}`, true},
	{`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`, true},
	{`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`, true},
	{`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"whole"}}`, false},
	{`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}}`, false},
	{`{"type":"message_delta","usage":{"output_tokens":1e3}}`, false},
	{`{"type":"message_delta","usage":{"output_tokens":-1}}`, false},
	{`{"type":"message_delta","usage":{"output_tokens":1.5}}`, false},
	{`{"type":"message_delta","usage":{"output_tokens":"7"}}`, false},
	{`{"type":"message_delta","usage":{"output_tokens":01}}`, false},
	{`{"type":"message_delta","usage":{"output_tokens":9999999999999999999}}`, false},
	{`{"type":"message_delta","usage":{"Output_Tokens":7}}`, false},
	{`{"type":"message_delta","usage":{"output_tokens_details":{"thinking_tokens":3}}}`, false},
	{`{"type":"message_delta","usage":{"speed":"fast","inference_geo":"us","server_tool_use":{"web_search_requests":2}}}`, false},
	{`{"type":"message_start","message":{"model":"a\u0062"}}`, false},
	{"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"\x8e\"},\"usage\":null}", false},
	{`{"type":"message_start","message":null}`, false},
	{`{"usage":{"output_tokens":1},"usage":null,"usage":{"input_tokens":2}}`, true},
	{`{"usage":{"output_tokens":1}}}`, false},
	{`[]`, false},
}

// TestSaid: whatever the scanner understands, encoding/json understands alike,
// and the scanner knows what comes every day.
func TestSaid(t *testing.T) {
	for _, tt := range sayings {
		if quick := sameSaid(t, tt.data); quick != tt.quick {
			t.Errorf("%s: read by the scanner %v; want %v", tt.data, quick, tt.quick)
		}
	}
}

func FuzzSaid(f *testing.F) {
	for _, tt := range sayings {
		f.Add(tt.data)
	}
	f.Fuzz(func(t *testing.T, data string) { sameSaid(t, data) })
}

// sameSaid compares both ways to read an event, and reports whether the scanner
// could where the event is of its kind.
func sameSaid(t *testing.T, data string) (quick bool) {
	t.Helper()
	b := []byte(data)
	same := func(what string, got, want any) {
		if d := cmp.Diff(want, got, cmp.AllowUnexported(said{})); d != "" {
			t.Errorf("%s of %s, encoding/json against the scanner:\n%s", what, data, d)
		}
	}
	if s, u, got := (scanner{b: b}), (usage{}), (said{}); s.start(&got, &u) {
		same("start", got, decodeStart(b))
		quick = quick || strings.Contains(data, "message_start")
	}
	if s, u, got := (scanner{b: b}), (usage{}), (said{}); s.messageDelta(&got, &u) {
		same("message_delta", got, decodeMessageDelta(b))
		quick = quick || strings.Contains(data, "usage") && !strings.Contains(data, "message_start")
	}
	if s, got := (scanner{b: b}), (block{}); s.emptyBlock(&got) {
		same("block", got, decodeBlock(b))
		quick = quick || strings.Contains(data, "content_block")
	}
	return quick
}
