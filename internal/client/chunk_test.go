package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/call"
)

// chunkSlowly reads a chunk by encoding/json alone, values and not bytes.
func chunkSlowly(data []byte) string {
	var event map[string]any
	if json.Unmarshal(data, &event) != nil || event == nil {
		return "none"
	}
	var text, finish string
	var visible, thinking, refusal bool
	choices, _ := event["choices"].([]any)
	for i, c := range choices {
		choice, _ := c.(map[string]any)
		d, _ := choice["delta"].(map[string]any)
		content := str(d["content"])
		for _, part := range anyList(d["content"]) {
			p, _ := part.(map[string]any)
			if texts(p["type"]) == "thinking" {
				thinking = thinking || texts(p["thinking"]) != ""
				continue
			}
			content += texts(p["text"])
		}
		if i == 0 {
			text = content
		}
		if f := str(choice["finish_reason"]); f != "" {
			finish = f
		}
		tool := d["function_call"]
		visible = visible || content != "" || str(d["refusal"]) != "" || arguments(tool)
		for _, call := range objects(d["tool_calls"]) {
			visible = visible || arguments(call["function"])
		}
		thinking = thinking || str(d["reasoning"]) != "" || str(d["reasoning_content"]) != ""
		refusal = refusal || str(d["refusal"]) != ""
	}
	return fmt.Sprintf("%q %v %v %q %q %v %v %v", str(event["object"]), event["error"] != nil, event["usage"] != nil, finish, text, visible, thinking, refusal)
}

func anyList(v any) []any {
	l, _ := v.([]any)
	return l
}

// objects returns a list of objects; what is anything else is an empty one.
func objects(v any) []map[string]any {
	var list []map[string]any
	for _, e := range anyList(v) {
		o, _ := e.(map[string]any)
		list = append(list, o)
	}
	return list
}

// texts is a text, or the texts of a list.
func texts(v any) string {
	s := str(v)
	for _, part := range objects(v) {
		s += str(part["text"])
	}
	return s
}

func arguments(function any) bool {
	f, _ := function.(map[string]any)
	return str(f["arguments"]) != ""
}

func checkChunk(t *testing.T, data []byte) {
	t.Helper()
	before := bytes.Clone(data)
	got := "none"
	if c, ok := chunkOf(data); ok {
		got = fmt.Sprintf("%q %v %v %q %q %v %v %v", valid(c.object), c.err != nil, c.usage != nil, valid(c.finish), unquote(c.text), c.visible, c.thinking, c.refusal)
	}
	if want := chunkSlowly(data); got != want {
		t.Fatalf("chunk of %q:\n got %s\nwant %s", data, got, want)
	}
	if !bytes.Equal(before, data) {
		t.Fatalf("chunkOf changed %q to %q", before, data)
	}
}

var chunks = []string{
	chunkOfDelta(`{"content":"a\n\"b\" \u00e9 é"}`), chunkOfDelta(`{"role":"assistant","content":null,"refusal":null}`),
	chunkOfDelta(`{"reasoning":"a","reasoning_content":"b"}`), chunkOfDelta(`{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{"}}]}`),
	chunkOfDelta(`{"tool_calls":[{"function":null},{"function":{"arguments":5}}]}`), chunkOfDelta(`{"tool_calls":[7,{"function":{"arguments":"x"}}]}`),
	chunkOfDelta(`{"tool_calls":[{"function":{"arguments":"x"},"function":{}}]}`), chunkOfDelta(`{"tool_calls":[{"function":{"arguments":"x"}}],"tool_calls":[]}`),
	chunkOfDelta(`{"tool_calls":null,"function_call":{"arguments":"x"}}`), chunkOfDelta(`{"content":"a","content":null}`),
	`{"choices":[{"delta":{"content":"a"},"delta":{}}],"choices":[{"delta":{"refusal":"b"},"finish_reason":"stop"}]}`,
	`{"choices":[{"delta":{"content":"a"}}],"choices":null}`, `{"choices":[null,{"delta":{"content":"a"}}]}`, `{"choices":[7,{"delta":{"content":"a"}}]}`,
	`{"choices":{"delta":{"content":"a"}}}`, `{"choices":[{"finish_reason":"st\u006fp"},{"finish_reason":""}]}`, `{"choices":[{"finish_reason":5}]}`,
	`{"object":"\u0065rror","error":null,"usage":{}}`, `{"error":"x","usage":null}`, `{"error": {} , "usage" : null }`, `{"usage":{"a":1},"usage":null}`,
	`{"x":-0.5e+3,"y":[1.25,-0,1E9],"choices":[]}`, `{"x":-}`, `{"x":1.}`, `{"x":.5}`, `{"x":01}`, `{"x":1e}`, `{"x":-01}`, `{"x":1e+}`,
	`{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"b"}]}}]}`, `{"choices":[{"delta":{"content":[5]}}]}`,
	`{"choices":[{"delta":{"content":[{"type":"thinking","thinking":"a"},{"type":"thinking","thinking":null},{"text":null}]}}]}`,
	`{"choices":[}`, `{"choices":[{}`, `{"choices":[{}]}}`, `[DONE]`, `null`, `{}`, ``, "{\"object\":\"a\xff\"}", `{"choices":[{"delta":{"content":"\ud83d"}}]}`,
}

func TestChunk(t *testing.T) {
	for _, s := range chunks {
		checkChunk(t, []byte(s))
	}
}

// FuzzChunk: the scanner and encoding/json agree on every input, and the whole
// dialect takes whatever comes.
func FuzzChunk(f *testing.F) {
	for _, s := range chunks {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func(a *answer){
			func(a *answer) { (chat{}).event(a, nil, data) }, func(a *answer) { (chat{}).plain(a, data) },
		} {
			res := call.Result{Class: call.OK}
			read(&answer{res: &res, keep: true, most: 100})
			u := res.Usage
			if u.Input < 0 || u.CacheRead < 0 || u.CacheWrite5m < 0 || u.CacheWrite1h < 0 || u.Output < u.Thinking || u.Thinking < 0 {
				t.Errorf("usage %+v of %q", u, data)
			}
		}
		checkChunk(t, data)
	})
}

// TestChunkScannerSuffices: the shapes that come by the thousand never take the slow way.
func TestChunkScannerSuffices(t *testing.T) {
	for name, s := range map[string]string{
		"OpenAI":    chunkOfDelta(`{"content":" a\n\"b\" \u00e9 é"}`),
		"tool":      chunkOfDelta(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}`),
		"vLLM":      `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763000000,"model":"m","choices":[{"index":0,"delta":{"content":"a","reasoning_content":null},"logprobs":null,"finish_reason":null,"token_ids":null}]}`,
		"llama.cpp": `{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"a"}}],"created":1750271648,"id":"chatcmpl-1","model":"m","system_fingerprint":"b1","object":"chat.completion.chunk","timings":{"prompt_ms":1.5,"predicted_per_second":-0.25e-3}}`,
		"Ollama":    `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"a"},"finish_reason":null}]}`,
		"LiteLLM":   `{"id":"chatcmpl-1","created":1,"model":"m","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a","role":"assistant","provider_specific_fields":null}}],"citations":null}`,
		"logprobs":  `{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-0.0012,"top_logprobs":[]}]}}]}`,
	} {
		sc := scanner{b: []byte(s)}
		if _, ok := sc.chunk(); !ok {
			t.Errorf("%s: the scanner gives up on %s", name, s)
		}
	}
}

// manyChunks is a stream of n content events of the shapes that come by the thousand.
func manyChunks(n int) string {
	shapes := []string{
		data(chunkOfDelta(`{"content":" of the river\n\"x\""}`)), data(chunkOfDelta(`{"reasoning_content":"hm, well"}`)),
		data(chunkOfDelta(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}`)),
		"data: {\"choices\":[{\"delta\":\r\ndata: {\"content\":\"é\",\"reasoning\":null}}],\"x\":-1.5}\r\n\r\n",
	}
	var b strings.Builder
	b.WriteString(ckRole)
	for i := range n {
		b.WriteString(shapes[i%len(shapes)])
	}
	b.WriteString(ckStop + ckUsage + ckDone)
	return b.String()
}

// TestChatNoAllocation: a stream ten times as long allocates not once more.
func TestChatNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := newClient(t, Config{API: APIChat})
	for _, piece := range []int{100, 1000, 32 << 10} {
		var s scratch
		perRun := func(n int) float64 {
			stream := manyChunks(n)
			return testing.AllocsPerRun(20, func() {
				if r := readMemory(c, &s, stream, piece); r.Events != n || r.Class != call.OK || r.Known != call.UsageFinal {
					t.Fatalf("%d events, class %s, known %d", r.Events, r.Class, r.Known)
				}
			})
		}
		if few, many := perRun(1000), perRun(10_000); many > few {
			t.Errorf("pieces of %d: %.0f allocations for 1,000 events, %.0f for 10,000", piece, few, many)
		}
	}
}

func BenchmarkChunks(b *testing.B) {
	const n = 1000
	c := newClient(b, Config{API: APIChat})
	stream := manyChunks(n)
	var s scratch
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		readMemory(c, &s, stream, 200)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
}
