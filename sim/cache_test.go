package sim

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// words makes a text of n tokens by the older estimate.
func words(n int, last string) string { return strings.Repeat("abc ", n-1) + last }

// prompt makes a body for Sonnet 4.6, which caches from 1,024 tokens on. Each
// part is a system block of 600 tokens named by its letter; upper case carries a
// breakpoint of 5 minutes, a following * makes it an hour.
func prompt(parts string) string {
	var blocks []string
	for i := 0; i < len(parts); i++ {
		c, mark := parts[i], ""
		switch {
		case i+1 < len(parts) && parts[i+1] == '*':
			mark, i = `,"cache_control":{"type":"ephemeral","ttl":"1h"}`, i+1
		case c >= 'A' && c <= 'Z':
			mark = `,"cache_control":{"type":"ephemeral"}`
		}
		blocks = append(blocks, fmt.Sprintf(`{"type":"text","text":%q%s}`, words(600, strings.Repeat(strings.ToLower(string(c)), 4)), mark))
	}
	return `{"model":"claude-sonnet-4-6","max_tokens":10,"stream":true,"system":[` + strings.Join(blocks, ",") +
		`],"messages":[{"role":"user","content":"12345678"}]}`
}

func TestCacheUsage(t *testing.T) {
	type use struct{ input, write5m, write1h, read int }
	const ask = 3 + 2 // the user message
	steps := []struct {
		wait   time.Duration
		parts  string
		header []string
		want   use
	}{
		{0, "ab", nil, use{input: 1200 + ask}},
		{0, "A", nil, use{input: 600 + ask}}, // too short
		{0, "aB", nil, use{input: ask, write5m: 1200}},
		{0, "aB", nil, use{input: ask, read: 1200}},
		{0, "aB", []string{"X-Api-Key", "other"}, use{input: ask, write5m: 1200}},
		{0, "aX", nil, use{input: ask, write5m: 1200}}, // an edit misses
		{0, "abC", nil, use{input: ask, write5m: 600, read: 1200}},
		{0, "abcd", nil, use{input: 2400 + ask}},                     // nothing is read without a breakpoint
		{0, "aB*cD", nil, use{input: ask, write5m: 600, read: 1800}}, // the longest hit counts, whatever its ttl
		{0, "pQ*rS", nil, use{input: ask, write5m: 1200, write1h: 1200}},
		{290 * time.Second, "aB", nil, use{input: ask, read: 1200}}, // refreshed
		{290 * time.Second, "aB", nil, use{input: ask, read: 1200}},
		{0, "aX", nil, use{input: ask, write5m: 1200}}, // not refreshed
		{301 * time.Second, "aB", nil, use{input: ask, write5m: 1200}},
		{2600 * time.Second, "pQ*rS", nil, use{input: ask, read: 1200, write5m: 1200}},
		{3599 * time.Second, "pQ*rS", nil, use{input: ask, read: 1200, write5m: 1200}},
		{3601 * time.Second, "pQ*rS", nil, use{input: ask, write1h: 1200, write5m: 1200}},
	}
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		for i, s := range steps {
			time.Sleep(s.wait)
			ans := a.post("/v1/messages", prompt(s.parts), s.header...)
			u, r := ans.final(t), a.last()
			got := use{int(u["input_tokens"]), r.CacheWrite5m, r.CacheWrite1h, int(u["cache_read_input_tokens"])}
			if got != s.want || int(u["cache_creation_input_tokens"]) != s.want.write5m+s.want.write1h {
				t.Errorf("step %d %s: %+v, want %+v (%s)", i, s.parts, got, s.want, ans.body)
			}
			start := ans.events[0].json(t)["message"].(map[string]any)["usage"].(map[string]any)["cache_creation"].(map[string]any)
			if start["ephemeral_5m_input_tokens"] != float64(s.want.write5m) || start["ephemeral_1h_input_tokens"] != float64(s.want.write1h) {
				t.Errorf("step %d %s: cache_creation %v, want %+v", i, s.parts, start, s.want)
			}
		}
	})
}

func TestCacheLooksBackTwentyBlocks(t *testing.T) {
	body := func(turns int, auto string) string {
		b := strings.Builder{}
		for i := range turns {
			fmt.Fprintf(&b, `{"type":"text","text":"turn %03d"},`, i)
		}
		return `{"model":"claude-sonnet-4-6","max_tokens":10,"system":"` + words(1100, "xxxx") + `","messages":[{"role":"user","content":[` +
			strings.TrimSuffix(b.String(), ",") + `]}]` + auto + `}`
	}
	const auto = `,"cache_control":{"type":"ephemeral"}`
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		a.post("/v1/messages", body(1, auto))
		for _, tt := range []struct {
			turns int
			hit   bool
		}{{20, true}, {40, false}} { // 19 back is the twentieth position; a step of 20 is one too far
			a.post("/v1/messages", body(tt.turns, auto))
			if r := a.last(); (r.CacheRead > 0) != tt.hit || r.InputTokens != 0 {
				t.Errorf("%d turns: %+v", tt.turns, r)
			}
		}
		a.post("/v1/messages", body(40, ""))
		if r := a.last(); r.CacheRead+r.CacheWrite5m != 0 {
			t.Errorf("without a breakpoint: %+v", r)
		}
	})
}

func TestCacheIsReadyWhenTheFirstAnswerBegins(t *testing.T) {
	row := Latency{Floor: 2 * time.Second, Speed: 10, TokensPerEvent: 1}
	bubble(t, Config{Latency: map[string]Latency{"sonnet": row}}, func(t *testing.T, a *api) {
		var wg sync.WaitGroup
		reads := make([]float64, 4)
		for i, at := range []time.Duration{0, time.Second, 1900 * time.Millisecond, 2010 * time.Millisecond} {
			wg.Go(func() {
				time.Sleep(at)
				reads[i] = a.post("/v1/messages", prompt("aB")).final(t)["cache_read_input_tokens"]
			})
		}
		wg.Wait()
		if fmt.Sprint(reads) != "[0 0 0 1200]" {
			t.Errorf("cache reads %v: an entry is to be read once the first answer has begun", reads)
		}
	})
}

func TestRefusedRequestsLeaveTheCacheAlone(t *testing.T) {
	c := Config{Profile: Instant, Limits: map[string]Limits{"sonnet-4.x": {Requests: 2, Depth: time.Minute}}}
	bubble(t, c, func(t *testing.T, a *api) {
		a.post("/v1/messages", prompt("aB"))
		a.post("/v1/messages", prompt("ab"))
		if s := a.post("/v1/messages", prompt("xY")).status; s != 429 {
			t.Fatalf("status %d", s)
		}
		time.Sleep(time.Minute)
		if got := a.post("/v1/messages", prompt("xY")).final(t)["cache_read_input_tokens"]; got != 0 {
			t.Errorf("a refused request wrote %v tokens to the cache", got)
		}
	})
}

// A byte of difference anywhere before the breakpoint misses; one after it does
// not. Least lengths are exact.
func TestCacheIsExact(t *testing.T) {
	body := func(model string, tokens int, edit int, after string) string {
		text := []byte(strings.Repeat("word", tokens))
		if edit >= 0 {
			text[edit] ^= 1
		}
		return `{"model":"` + model + `","max_tokens":1,"system":[{"type":"text","text":"` + string(text) +
			`","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"` + after + `"}]}`
	}
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		const n = 4096 // Haiku 4.5's least
		a.post("/v1/messages", body("claude-haiku-4-5", n, -1, "first"))
		if r := a.last(); r.CacheWrite5m != n {
			t.Fatalf("%d tokens written, want %d", r.CacheWrite5m, n)
		}
		for _, edit := range []int{0, 1, 2 * n, 4*n - 1} {
			a.post("/v1/messages", body("claude-haiku-4-5", n, edit, "first"))
			if r := a.last(); r.CacheRead != 0 || r.CacheWrite5m != n {
				t.Errorf("byte %d edited: %d read, %d written", edit, r.CacheRead, r.CacheWrite5m)
			}
		}
		a.post("/v1/messages", body("claude-haiku-4-5", n, -1, "second"))
		if r := a.last(); r.CacheRead != n {
			t.Errorf("edited after the breakpoint: %d read, want %d", r.CacheRead, n)
		}
		for _, m := range models() {
			least := m.minCache
			if m.newTokenizer() {
				least = (least-1)*10/13 + 1 // "word" is 1.3 tokens there, rounded up
			}
			for _, tt := range []struct {
				tokens int
				cached bool
			}{{least - 1, false}, {least, true}} {
				a.post("/v1/messages", body(m.id, tt.tokens, 3, "least"))
				if r := a.last(); (r.CacheWrite5m > 0) != tt.cached || r.CacheWrite5m+r.InputTokens < tt.tokens {
					t.Errorf("%s: %d written of a prefix of %d words", m.id, r.CacheWrite5m, tt.tokens)
				}
			}
		}
	})
}

// What is changed outside the blocks invalidates the levels that the
// documentation names, and no others.
func TestCacheLevels(t *testing.T) {
	const tools, system, messages = 1, 2, 3
	body := func(more string) string {
		mark := `,"cache_control":{"type":"ephemeral"}`
		return `{"model":"claude-opus-5","max_tokens":2000,` +
			`"tools":[{"name":"look","input_schema":{"type":"object"},"description":"` + words(1000, "tool") + `"` + mark + `}],` +
			`"system":[{"type":"text","text":"` + words(1000, "sys.") + `"` + mark + `}],` +
			`"messages":[{"role":"user","content":[{"type":"text","text":"` + words(1000, "user") + `"` + mark + `}]}]` + more + `}`
	}
	image := `,{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]}]`
	withImage := strings.Replace(body(""), "]}]", image, 1)
	for _, tt := range []struct {
		name, body string
		hits       int
	}{
		{"the same", body(""), messages},
		{"default choice", body(`,"tool_choice":{"type":"auto"}`), messages},
		{"default effort", body(`,"output_config":{"effort":"high"}`), messages},
		{"other choice", body(`,"tool_choice":{"type":"none"}`), system},
		{"no parallel tools", body(`,"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`), system},
		{"thinking", body(`,"thinking":{"type":"adaptive"}`), system},
		{"effort", body(`,"output_config":{"effort":"low"}`), system},
		{"an image", withImage, system},
		{"fast", body(`,"speed":"fast"`), tools},
		{"another tool", strings.Replace(body(""), "look", "find", 1), 0},
		{"another system", strings.Replace(body(""), "sys.", "sys!", 1), tools},
	} {
		bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
			a.post("/v1/messages", body(""), "Anthropic-Beta", "fast-mode-2026-02-01")
			first := a.last()
			ans := a.post("/v1/messages", tt.body, "Anthropic-Beta", "fast-mode-2026-02-01")
			r := a.last()
			if ans.status != 200 || first.CacheWrite5m == 0 {
				t.Fatalf("%s: status %d, %s, %+v", tt.name, ans.status, ans.body, first)
			}
			if got := int(float64(r.CacheRead)/float64(first.CacheWrite5m)*3 + 0.5); got != tt.hits {
				t.Errorf("%s: %d of %d tokens read: %d levels, want %d", tt.name, r.CacheRead, first.CacheWrite5m, got, tt.hits)
			}
		})
	}
}

// The ttl counts from the start of the request, its wait for a place included.
func TestCacheCountsFromTheRequestsStart(t *testing.T) {
	for _, tt := range []struct {
		again time.Duration // since the start of the request that writes
		hit   bool
	}{{300 * time.Second, true}, {301 * time.Second, false}} {
		c := Config{Profile: Steady, EventsPerSecond: 1, TokensPerEvent: 1, Answer: 1, Load: Load{Model: LoadQueue, Slots: 1}}
		bubble(t, c, func(t *testing.T, a *api) {
			start := time.Now()
			go a.post("/v1/messages", ask("claude-haiku-4-5", 101, "Hi", "")) // for 100 s
			time.Sleep(time.Second)
			a.post("/v1/messages", prompt("aB"))
			if r := a.last(); r.Start != 99*time.Second || r.CacheWrite5m != 1200 {
				t.Fatalf("record %+v", r)
			}
			time.Sleep(time.Until(start.Add(time.Second + tt.again)))
			a.post("/v1/messages", prompt("aB"))
			if r := a.last(); (r.CacheRead > 0) != tt.hit {
				t.Errorf("%v after the start: %d read, want a hit: %v", tt.again, r.CacheRead, tt.hit)
			}
		})
	}
}

// What a fault evicts is written again, and others keep what they have.
func TestEvicted(t *testing.T) {
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		for i, step := range []struct {
			parts         string
			evict         bool
			written, read int
		}{{"aB", false, 1200, 0}, {"cD", false, 1200, 0}, {"aB", false, 0, 1200}, {"aB", true, 1200, 0}, {"aB", false, 0, 1200}, {"cD", false, 0, 1200}} {
			var header []string
			if step.evict {
				header = []string{"X-Sim-Fault", "evict"}
			}
			a.post("/v1/messages", prompt(step.parts), header...)
			if r := a.last(); r.CacheWrite5m != step.written || r.CacheRead != step.read {
				t.Errorf("step %d: %d written, %d read; want %d and %d", i, r.CacheWrite5m, r.CacheRead, step.written, step.read)
			}
		}
	})
}
