package client

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/tokenload/tokenload/internal/call"
)

// TestContent: what counts as content, what as visible, and what text is kept.
func TestContent(t *testing.T) {
	delta := func(d string) string {
		return `{"type":"content_block_delta","index":0,"delta":` + d + `}`
	}
	block := func(b string) string {
		return `{"type":"content_block_start","index":0,"content_block":` + b + `}`
	}
	for name, tt := range map[string]struct {
		event   string
		content bool
		visible bool
		text    string
	}{
		"text":                   {delta(`{"type":"text_delta","text":"Hi"}`), true, true, "Hi"},
		"text first, odd spaces": {` { "delta" : { "text" : "Hi" , "type" : "text_delta" } , "type" : "content_block_delta" } `, true, true, "Hi"},
		"escapes":                {delta(`{"type":"text_delta","text":"a\n\u00e9\"\ud83d\ude00 é"}`), true, true, "a\né\"😀 é"},
		"escaped type":           {delta(`{"type":"text\u005fdelta","text":"Hi"}`), true, true, "Hi"},
		"empty text":             {delta(`{"type":"text_delta","text":""}`), false, false, ""},
		"text of another type":   {delta(`{"type":"new_delta","text":"Hi"}`), false, false, ""},
		"text is null":           {delta(`{"type":"text_delta","text":null}`), false, false, ""},
		"no delta":               {delta(`null`), false, false, ""},
		"thinking":               {delta(`{"type":"thinking_delta","thinking":"hm"}`), true, false, ""},
		"thinking, empty":        {delta(`{"type":"thinking_delta","thinking":"","estimated_tokens":5}`), false, false, ""},
		"signature":              {delta(`{"type":"signature_delta","signature":"Epw"}`), false, false, ""},
		"citation":               {delta(`{"type":"citations_delta","citation":{"cited_text":"x"}}`), false, false, ""},
		"tool input":             {delta(`{"type":"input_json_delta","partial_json":"{\"a\""}`), true, true, ""},
		"tool input, empty":      {delta(`{"type":"input_json_delta","partial_json":""}`), false, false, ""},
		"block of text, empty":   {block(`{"type":"text","text":""}`), false, false, ""},
		"block of text":          {block(`{"type":"text","text":"Hi"}`), true, true, "Hi"},
		"block of thinking":      {block(`{"type":"thinking","thinking":"hm","signature":""}`), true, false, ""},
		"block to think in":      {block(`{"type":"thinking","thinking":"","signature":"x"}`), false, false, ""},
		"redacted thinking":      {block(`{"type":"redacted_thinking","data":"Eq"}`), true, false, ""},
		"tool use":               {block(`{"type":"tool_use","id":"t","name":"n","input":{}}`), false, false, ""},
		"tool use, whole":        {block(`{"type":"tool_use","id":"t","name":"n","input":{"a":1}}`), true, true, ""},
		"server tool's result":   {block(`{"type":"web_search_tool_result","tool_use_id":"t","content":[]}`), true, false, ""},
		"unknown block":          {block(`{"type":"fallback","text":"x"}`), false, false, ""},
		"block stop":             {`{"type":"content_block_stop","index":0}`, false, false, ""},
		"ping":                   {`{"type":"ping"}`, false, false, ""},
		"unknown":                {`{"type":"text_delta","text":"x","delta":{"type":"text_delta","text":"x"}}`, false, false, ""},
	} {
		for _, keep := range []bool{true, false} {
			res := call.Result{Class: call.OK}
			a := &answer{res: &res, at: 5, keep: keep, most: 100}
			if !(messages{}).event(a, nil, []byte(tt.event)) {
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

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestKeepText: the text of all blocks, only when it is wanted, and not without bound.
func TestKeepText(t *testing.T) {
	for _, tt := range []struct {
		keep bool
		max  int
		want string
	}{{true, 1 << 20, "HiHiHi"}, {false, 1 << 20, ""}} {
		synctest.Test(t, func(t *testing.T) {
			req := ask()
			req.KeepText = tt.keep
			r := serving(t, Config{}, func(w *wire) {
				w.next()
				w.say(events(evStart, evText, evThink, evText+evText, evEnd, evStop) + lastChunk)
			}).Send(t.Context(), req)
			if r.Text != tt.want || r.Events != 4 || r.Stop != "end_turn" {
				t.Errorf("keep %v: text %q, %d events, stop %q; want %q", tt.keep, r.Text, r.Events, r.Stop, tt.want)
			}
		})
	}
	a := answer{keep: true, most: 4, res: &call.Result{}}
	for range 10 {
		a.addRaw([]byte("abc"))
		a.addText("abc")
	}
	if len(a.text) != 6 {
		t.Errorf("%d bytes of text under a bound of 4", len(a.text))
	}
}

// TestFirstFailure: what failed first is what went wrong.
func TestFirstFailure(t *testing.T) {
	a := answer{res: &call.Result{Class: call.OK}}
	a.fail(failure{call.Stalled, "stalled", "", "one"})
	a.fail(failure{call.Cut, "cut", "", "two"})
	if a.res.Class != call.Stalled || a.res.Err.Message != "one" {
		t.Errorf("class %s, %+v", a.res.Class, a.res.Err)
	}
}
