package sim

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A rehearsal tells what the server then does: the same questions at the same
// times have the same tokens, cache figures and times.
func TestRehearsalIsTheRun(t *testing.T) {
	c := Config{Seed: 7, Answer: 0.3}
	prefix := strings.Repeat("The handbook says what to do. ", 200)
	body := func(i int) string {
		switch i % 4 {
		case 0:
			return ask("claude-haiku-5-5", 200, fmt.Sprintf("question %d", i),
				`,"system":[{"type":"text","text":"`+prefix+`","cache_control":{"type":"ephemeral"}}],"stream":true`)
		case 1:
			return ask("claude-sonnet-4-6", 4000, "the same again", `,"stream":true`)
		case 2:
			return ask("claude-opus-5-5", 900, "think about it", `,"stream":true`)
		}
		return ask("claude-haiku-4-5", 100, "stop early", `,"stop_sequences":["e"]`)
	}
	bubble(t, c, func(t *testing.T, a *api) {
		r, err := Rehearse(c)
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		read := 0
		for i := range 40 {
			want, err := r.Ask(time.Since(started), []byte(body(i)))
			if err != nil {
				t.Fatal(err)
			}
			want.Accept()
			read += want.CacheRead
			at := time.Now()
			a.post("/v1/messages", body(i))
			took := time.Since(at)
			got := a.last()
			tokens := [...]int{got.InputTokens, got.CacheWrite5m, got.CacheRead, got.OutputTokens, got.ThinkingTokens}
			if w := [...]int{want.InputTokens, want.CacheWrite5m, want.CacheRead, want.OutputTokens, want.ThinkingTokens}; tokens != w {
				t.Fatalf("request %d: tokens %v; rehearsed %v", i, tokens, w)
			}
			if got.DrawnContent != want.Begins || took != want.Ends {
				t.Fatalf("request %d: begins %v, took %v; rehearsed %v and %v", i, got.DrawnContent, took, want.Begins, want.Ends)
			}
			time.Sleep(time.Duration(i) * time.Second)
			synctest.Wait()
		}
		if read == 0 {
			t.Error("nothing was ever read from the cache")
		}
	})
}

// A prefix can be read once its answer has begun, and only if it was admitted.
func TestRehearsalCaches(t *testing.T) {
	r, err := Rehearse(Config{Profile: Steady, TTFT: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(ask("claude-haiku-5-5", 10, "and?",
		`,"system":[{"type":"text","text":"`+strings.Repeat("word ", 2000)+`","cache_control":{"type":"ephemeral"}}]`))
	for _, q := range []struct {
		at       time.Duration
		accept   bool
		wantRead bool
	}{{0, false, false}, {2 * time.Second, true, false}, {2500 * time.Millisecond, true, false}, {3 * time.Second, true, true}} {
		a, err := r.Ask(q.at, body)
		if err != nil {
			t.Fatal(err)
		}
		if q.accept {
			a.Accept()
		}
		if got := a.CacheRead > 0; got != q.wantRead {
			t.Errorf("at %v: read %d tokens from the cache; want some: %v", q.at, a.CacheRead, q.wantRead)
		}
	}
}

// Either dialect is answered alike.
func TestRehearsalOfChat(t *testing.T) {
	r, err := Rehearse(Config{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	chat, err := r.AskChat(0, []byte(ask("claude-haiku-4-5", 200, "the same", `,"stream":true,"stream_options":{"include_usage":true}`)))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Rehearse(Config{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := again.Ask(0, []byte(ask("claude-haiku-4-5", 200, "the same", `,"stream":true`)))
	if err != nil {
		t.Fatal(err)
	}
	chat.accept, messages.accept = nil, nil
	if chat.InputTokens != messages.InputTokens || chat.OutputTokens != messages.OutputTokens || chat.Ends != messages.Ends || chat.OutputTokens == 0 {
		t.Errorf("chat %+v; messages %+v", chat, messages)
	}
	if _, err := r.AskChat(0, []byte(`{"model":"claude-haiku-4-5"}`)); err == nil {
		t.Error("a body without messages was taken")
	}
}

func TestRehearsalRefuses(t *testing.T) {
	r, err := Rehearse(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Ask(0, []byte(ask("claude-none", 10, "hi", ""))); err == nil || !strings.HasPrefix(err.Error(), "404 not_found_error: ") {
		t.Errorf("unknown model: %v", err)
	}
	if _, err := Rehearse(Config{Tier: "gold"}); err == nil {
		t.Error("an unknown tier was taken")
	}
}
