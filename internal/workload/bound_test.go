package workload

import (
	"encoding/json"
	"testing"
)

func TestBounds(t *testing.T) {
	tests := []struct {
		body  string
		extra int
		ttl   string
		why   string // why unbounded
	}{
		{`{}`, 0, "", ""},
		{`{"temperature":1,"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},"metadata":{"user_id":"u"}}`, 0, "", ""},

		{`{"tools":[]}`, 0, "", ""},
		{`{"tools":[{"name":"a","input_schema":{"type":"object"}},{"type":"custom","name":"b","input_schema":{}}]}`, 1000, "", ""},
		{`{"tools":[{"type":"bash_20250124","name":"bash"},{"type":"computer_20251124","name":"computer"},{"type":"text_editor_20250728"},{"type":"memory_20250818"}]}`, 7000, "", ""},
		{`{"tools":[{"type":"web_search_20260209","name":"web_search"}]}`, 1000, "", `the tool "web_search_20260209" runs on the server and adds what it finds`},
		{`{"tools":[{"type":"web_fetch_20260209"},{"type":"code_execution_20250825"}]}`, 1000, "", `the tool "web_fetch_20260209" runs on the server and adds what it finds`},
		{`{"tools":[{"type":"custom"},{"type":"not_yet_known"}]}`, 1000, "", `the tool "not_yet_known" runs on the server and adds what it finds`},
		{`{"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}`, 1000, "", ""},
		{`{"output_format":{"type":"json_schema"}}`, 1000, "", ""},

		{`{"mcp_servers":[{"url":"https://x"}]}`, 0, "", "servers named in mcp_servers add tools and results of their own"},
		{`{"container":"c_1"}`, 0, "", "a container brings files and skills of its own"},
		{`{"container":null}`, 0, "", ""},
		{`{"context_management":{"edits":[]}}`, 0, "", "context_management may summarize in further calls"},
		{`{"thread":"t_1"}`, 0, "", "a thread keeps earlier messages on the server"},
		{`{"fallbacks":["m"]}`, 0, "", "fallbacks may be billed for more than one model"},
		{`{"n":1e999}`, 0, "", `"n" cannot be read`},

		{`{"system":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}},{"type":"image","source":{"type":"base64"}}]}`, 10000, "", ""},
		{`{"system":[{"type":"image","source":{"type":"url","url":"https://x"}}]}`, 0, "", "an image that is not in the body (url)"},
		{`{"system":[{"type":"image","source":{"type":"file","file_id":"f"}}]}`, 0, "", "an image that is not in the body (file)"},
		{`{"system":[{"type":"image"}]}`, 0, "", "an image that is not in the body (no type)"},
		{`{"system":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"}}]}`, 0, "", ""},
		{`{"system":[{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"base64"}}]}}]}`, 5000, "", ""},
		{`{"system":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"x"}}]}`, 0, "", "a document that the API expands (application/pdf)"},
		{`{"system":[{"type":"document","source":{"type":"url","url":"https://x"}}]}`, 0, "", "a document that is not in the body (url)"},
		{`{"system":[{"type":"container_upload","file_id":"f"}]}`, 0, "", "a file that is not in the body (container_upload)"},
		// What a schema describes is not sent as content.
		{`{"tools":[{"name":"a","input_schema":{"type":"image","cache_control":{"ttl":"1h"}},"input_examples":[{"type":"document"}]}]}`, 1000, "", ""},

		{`{"cache_control":{"type":"ephemeral"}}`, 0, "5m", ""},
		{`{"cache_control":{"type":"ephemeral","ttl":"5m"}}`, 0, "5m", ""},
		{`{"cache_control":{"type":"ephemeral","ttl":"1h"}}`, 0, "1h", ""},
		{`{"cache_control":{"type":"ephemeral","ttl":"24h"}}`, 0, "1h", ""},
		{`{"cache_control":null}`, 0, "", ""},
		{`{"tools":[{"name":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}],"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}`, 1000, "1h", ""},
		{`{"tools":[{"name":"a","cache_control":{"type":"ephemeral"}}],"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]}`, 1000, "1h", ""},

		// The first reason in the order of the body, and inside a value by key.
		{`{"x":{"b":{"type":"container_upload"},"a":{"type":"image"}},"thread":"t"}`, 0, "", "an image that is not in the body (no type)"},
		{`{"tools":7,"output_config":7,"speed":7,"inference_geo":[],"system":7}`, 0, "", ""},
	}
	for _, test := range tests {
		task := with(func(t *Task) { t.Body = json.RawMessage(test.body) })
		if got := Unbounded(task); got != test.why {
			t.Errorf("Unbounded(%s) = %q; want %q", test.body, got, test.why)
		}
		r := newMix(t, 1, nil, task).Request(0)
		if r.ExtraTokens != test.extra || r.CacheTTL != test.ttl || r.Speed != "" || r.Geo != "" {
			t.Errorf("%s: extra %d, ttl %q, speed %q, geo %q; want %d, %q and none", test.body, r.ExtraTokens, r.CacheTTL, r.Speed, r.Geo, test.extra, test.ttl)
		}
	}
}

func TestUnboundedOfAnInvalidBody(t *testing.T) {
	if got := Unbounded(with(func(t *Task) { t.Body = json.RawMessage(`[`) })); got != "" {
		t.Errorf("Unbounded = %q; want none", got)
	}
}

func TestDearestCacheTime(t *testing.T) {
	for _, test := range []struct{ system, body, want string }{
		{"", "", ""}, {"5m", "", "5m"}, {"", "5m", "5m"}, {"5m", "1h", "1h"}, {"1h", "5m", "1h"},
	} {
		task := with(func(t *Task) {
			t.System = System{Text: "x", Cache: test.system}
			if test.body != "" {
				t.Body = json.RawMessage(`{"cache_control":{"type":"ephemeral","ttl":"` + test.body + `"}}`)
			}
		})
		if got := newMix(t, 1, nil, task).Request(0).CacheTTL; got != test.want {
			t.Errorf("system %q and body %q: CacheTTL %q; want %q", test.system, test.body, got, test.want)
		}
	}
}
