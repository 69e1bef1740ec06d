package client

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/tokenload/tokenload/internal/call"
)

const secret = "sk-ant-api03-Zq8xW2vT5rN7mK4jH1gF9dS6aP3oI0uY"

func TestWords(t *testing.T) {
	const prompt = "The quick brown fox\\njumps over \\\"the\\\" lazy d\\u00f6g 12345"
	q := quoter{key: secret, model: "claude-haiku-4-5-20251001-with-a-long-name",
		body: []byte(`{"model":"claude-haiku-4-5-20251001-with-a-long-name","messages":[{"role":"user","content":"` + prompt + `"}]}`)}
	const withheld = "withheld: it repeats the request"
	for name, tt := range map[string]struct{ in, want string }{
		"as it is":          {"max_tokens: 5 is too few", "max_tokens: 5 is too few"},
		"empty":             {" \n\t", "otherwise"},
		"one line":          {"a\r\n\tb\x00c\u2028d\x1b[31m", "a b c d [31m"},
		"not UTF-8":         {"a\xff\xfeb", "a b"},
		"the key":           {"bad key " + secret + "!", "bad key redacted!"},
		"part of the key":   {"bad key " + secret[:25] + "…", "withheld: it repeats the key"},
		"the key's scheme":  {"a key begins with sk-ant-api03-", "a key begins with sk-ant-api03-"},
		"the model":         {"no such model: claude-haiku-4-5-20251001-with-a-long-name", "no such model: claude-haiku-4-5-20251001-with-a-long-name"},
		"the prompt":        {"cannot parse: The quick brown fox jumps", withheld},
		"over a line break": {"at: brown fox\njumps over \"th", withheld},
		"as JSON":           {`at: fox\njumps over \"the\" lazy`, withheld},
		"with an umlaut":    {"at: over \"the\" lazy dög 12", withheld},
		"23 bytes of it":    {"at: The quick brown fox jum!", "at: The quick brown fox jum!"},
		"24 bytes of it":    {"at: The quick brown fox jump!", withheld},
		"of the JSON":       {`unexpected "messages":[{"role":"user"`, withheld},
		"short parts":       {"fox, jumps, lazy, user, content", "fox, jumps, lazy, user, content"},
	} {
		if got := q.words(tt.in, "otherwise"); got != tt.want {
			t.Errorf("%s: words(%q) = %q; want %q", name, tt.in, got, tt.want)
		}
	}
	for _, s := range []string{strings.Repeat("x", 5000), strings.Repeat("é", 5000), strings.Repeat("😀 ", 1000), strings.Repeat("a😀", 60)} {
		if got := q.words(s, ""); len(got) > 300 || len(got) < 290 || !utf8.ValidString(got) {
			t.Errorf("%d bytes, valid %v: %q", len(got), utf8.ValidString(got), got)
		}
	}
}

// TestRepeats compares with the plain way, on short alphabets where runs are common.
func TestRepeats(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab"[rng.IntN(2)]
		}
		return string(b)
	}
	found := 0
	for range 3000 {
		m, s, run := text(rng.IntN(60)), text(rng.IntN(200)), 10+2*rng.IntN(4)
		want := false
		for i := 0; i+run <= len(m); i++ {
			want = want || strings.Contains(s, m[i:i+run])
		}
		if want {
			found++
		}
		if got := repeats(m, s, run); got != want {
			t.Fatalf("repeats(%q, %q, %d) = %v; want %v", m, s, run, got, want)
		}
	}
	if found < 100 || found > 2900 {
		t.Errorf("%d of 3000 pairs have a common run: the test shows little", found)
	}
}

// TestKeyNeverLeaves: a server that repeats the key everywhere, and every way of printing what holds it.
func TestKeyNeverLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var auth []string
		c := serving(t, Config{Key: Key(secret), Beta: []string{"a-1", "b-2"}, Headers: map[string]string{"x-team": "blue"}}, func(w *wire) {
			w.next()
			auth = append(auth, w.header("X-Api-Key"), w.header("Authorization"))
			switch w.n {
			case 1:
				w.say(apiError(401, secret, "wrong "+secret, `,"details":{"error_code":"`+secret+`"}`, "Request-Id: "+secret+"\r\n"))
			case 2:
				w.say(strings.Replace(events(strings.ReplaceAll(evStart, `"us"`, `"`+secret+`"`), strings.ReplaceAll(evEnd, "end_turn", secret), evStop), "req_1", secret, 1))
			case 3:
				w.say(events("data: {\"type\":\"error\",\"error\":{\"type\":\"" + secret + "\",\"message\":\"" + secret + "\"}}\n\n"))
			case 4:
				w.say(secret)
			}
		})
		for range 4 {
			r := c.Send(t.Context(), ask())
			line, err := json.Marshal(r)
			if err != nil || strings.Contains(fmt.Sprintf("%s %+v %+v", line, r, r.Err), secret) {
				t.Errorf("class %s: %v, the record holds the key: %s", r.Class, err, line)
			}
		}
		if len(auth) != 8 || auth[0] != secret || auth[1] != "" {
			t.Errorf("sent as %q", auth)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, v := range []any{c, struct{ C *Client }{c}, Key(secret), Config{Key: Key(secret)}, []Key{Key(secret)}, map[Key]int{Key(secret): 1}, &Config{Key: Key(secret)}} {
				if s := fmt.Sprintf(verb, v); strings.Contains(s, secret) || strings.Contains(s, fmt.Sprintf("%x", secret)) {
					t.Errorf("%s of %T shows the key", verb, v)
				}
			}
		}
	})
}

func TestKeyForms(t *testing.T) {
	k := Key(secret)
	j, err := json.Marshal(map[string]any{"key": k, "config": Config{Key: k}.Key})
	if err != nil || string(j) != `{"config":"redacted","key":"redacted"}` {
		t.Errorf("JSON: %s, %v", j, err)
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "key", k, "keys", []Key{k})
	text, _ := k.MarshalText()
	for form, s := range map[string]string{"slog": b.String(), "text": string(text), "%v": fmt.Sprint(k), "%#v": fmt.Sprintf("%#v", k), "%q": fmt.Sprintf("%q", k), "String": k.String(), "GoString": k.GoString()} {
		if !strings.Contains(s, "redacted") || strings.Contains(s, secret[:10]) {
			t.Errorf("%s: %s", form, s)
		}
	}
}

// TestPromptNotQuoted: a server that repeats the prompt in its error does not put it into the record.
func TestPromptNotQuoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serving(t, Config{}, func(w *wire) {
			w.next()
			w.say(apiError(400, "invalid_request_error", "content: Tell me about the river Elbe", ""))
		}).Send(t.Context(), ask())
		if r.Class != call.ClientError || r.Err.Message != "withheld: it repeats the request" {
			t.Errorf("%s: %+v", r.Class, r.Err)
		}
	})
}
