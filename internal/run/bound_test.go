package run_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/workload"
)

// drawTask draws a task with a body of what costs money without being text: tools,
// cache markers at any depth, fast mode, regions, formats.
func drawTask(t *rapid.T) workload.Task {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab \"\\\n\t<é漢🌊\u2028")), 1, 400, -1)
	body := map[string]any{}
	maybe := func(key string, v func() any) {
		if rapid.Bool().Draw(t, "has "+key) {
			body[key] = v()
		}
	}
	marker := func() map[string]any {
		m := map[string]any{"type": "ephemeral"}
		if ttl := rapid.SampledFrom([]string{"", "5m", "1h"}).Draw(t, "ttl"); ttl != "" {
			m["ttl"] = ttl
		}
		return m
	}
	maybe("speed", func() any { return rapid.SampledFrom([]string{"standard", "fast"}).Draw(t, "speed") })
	maybe("inference_geo", func() any { return rapid.SampledFrom([]string{"global", "us"}).Draw(t, "geo") })
	maybe("cache_control", func() any { return marker() })
	maybe("thinking", func() any { return map[string]any{"type": "adaptive"} })
	maybe("output_config", func() any {
		return map[string]any{"format": map[string]any{"type": "json_schema", "schema": map[string]any{}}}
	})
	maybe("tools", func() any {
		var tools []any
		for i := range rapid.IntRange(0, 3).Draw(t, "tools") {
			tool := map[string]any{"name": fmt.Sprintf("t%d", i), "description": text.Draw(t, "description"), "input_schema": map[string]any{"type": "object"}}
			if kind := rapid.SampledFrom([]string{"", "custom", "bash_20250124", "computer_20251124"}).Draw(t, "kind"); kind != "" {
				tool["type"] = kind
			}
			if rapid.Bool().Draw(t, "cached") {
				tool["cache_control"] = marker()
			}
			tools = append(tools, tool)
		}
		return tools
	})
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	task := workload.Task{Name: "a", Weight: 1, Model: "m", MaxTokens: rapid.IntRange(1, 4000).Draw(t, "max tokens"),
		Prompts: []string{text.Draw(t, "prompt")}, Stream: rapid.Bool().Draw(t, "stream"), Body: raw}
	if rapid.Bool().Draw(t, "has system") {
		task.System = workload.System{Text: text.Draw(t, "system"), Cache: rapid.SampledFrom([]string{"", "5m", "1h"}).Draw(t, "system cache")}
	}
	return task
}

// dearestBill is the most that an API may bill for a body: every byte of every text
// in it a token, the published instructions for tools (804 tokens at most) and for
// each tool that it knows by type (1,250), as much again for a format, and a few
// for the frame, all of it written to the cache for as long as any marker asks, in
// the region and at the speed that the body leaves open.
func dearestBill(c *cost.Catalog, body []byte, maxTokens int) call.USD {
	var b map[string]any
	if err := json.Unmarshal(body, &b); err != nil {
		panic(err)
	}
	tokens := int64(16)
	hour := false
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			tokens += int64(len(v))
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			hour = hour || v["ttl"] == "1h"
			for k, e := range v {
				tokens += int64(len(k))
				walk(e)
			}
		}
	}
	walk(b)
	if tools, _ := b["tools"].([]any); len(tools) > 0 {
		tokens += 804
		for _, tool := range tools {
			if kind, _ := tool.(map[string]any)["type"].(string); strings.Contains(kind, "_") {
				tokens += 1250
			}
		}
	}
	if b["output_config"] != nil {
		tokens += 804
	}
	u := call.Usage{CacheWrite5m: tokens, Output: int64(maxTokens)}
	if hour {
		u.CacheWrite5m, u.CacheWrite1h = 0, tokens
	}
	if b["inference_geo"] != "global" {
		u.Geo = "us"
	}
	if b["speed"] == "fast" {
		u.Speed = "fast"
	}
	return c.Of("m", u)
}

// TestNoBodyCostsMoreThanItsReservation goes the whole way from a task to the
// reservation of its request, and holds it against the bytes that are sent.
func TestNoBodyCostsMoreThanItsReservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		price := rapid.Map(rapid.Int64Range(1, 100_000_000), func(n int64) call.USD { return call.USD(n * 1e6) })
		p := cost.Prices{Input: price.Draw(t, "input"), Output: price.Draw(t, "output"), CacheWrite1h: price.Draw(t, "1h"), USGeo: 1_100_000,
			Fast:  &cost.Fast{Input: price.Draw(t, "fast input"), Output: price.Draw(t, "fast output")},
			Bands: []cost.Band{{Over: rapid.Int64Range(1, 4000).Draw(t, "over"), Input: price.Draw(t, "long input"), Output: price.Draw(t, "long output")}}}
		c, err := cost.Builtin().With(map[string]cost.Prices{"m": p})
		if err != nil {
			t.Fatal(err)
		}
		task := drawTask(t)
		if why := workload.Unbounded(task); why != "" {
			t.Fatalf("cannot be bounded: %s", why)
		}
		mix, err := workload.New(1, []workload.Task{task}, nil)
		if err != nil {
			t.Fatal(err)
		}
		req := mix.Request(0)
		if bill, bound := dearestBill(c, req.Body, req.MaxTokens), c.Bound(req); bill > bound {
			t.Fatalf("a bill of %s; reserved %s for\n%s", bill.Decimal(), bound.Decimal(), req.Body)
		}
	})
}
