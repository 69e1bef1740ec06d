// Code generated from go2 by "go test . -update"; DO NOT EDIT.

package referee_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/tokenload/tokenload/referee/simulator"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	m, err := client(s).Messages.New(t.Context(), ask(haiku, "What is a quaternion?"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Model != "claude-haiku-4-5-20251001" || m.Role != "assistant" || m.StopReason != "end_turn" || !strings.HasPrefix(m.ID, "msg_01") {
		t.Errorf("message %s", m.RawJSON())
	}
	if len(m.Content) != 1 || !strings.Contains(m.Content[0].AsText().Text, "quaternion") {
		t.Errorf("content %+v", m.Content)
	}
	sameUsage(t, m.Usage, s.Last(t, 1))
}

func TestStreamed(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	got, err := receive(t, client(s), ask(haiku, "What is a quaternion?"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.message.Content) != 1 || got.text == "" || got.message.Content[0].Text != got.text || got.deltas < 2 {
		t.Errorf("deltas %q, message %+v", got.text, got.message.Content)
	}
	truth := s.Last(t, 1)
	if !truth.Stream || got.message.StopReason != "end_turn" || truth.StopReason != "end_turn" {
		t.Errorf("stop_reason %q, truth %+v", got.message.StopReason, truth)
	}
	sameUsage(t, got.message.Usage, truth)
}

// weather is a tool with a field of each kind.
var weather = anthropic.ToolInputSchemaParam{
	Properties: map[string]any{
		"city":  map[string]any{"type": "string"},
		"unit":  map[string]any{"type": "string", "enum": []string{"celsius", "fahrenheit"}},
		"days":  map[string]any{"type": "integer"},
		"hours": map[string]any{"type": "array", "items": map[string]any{"type": "number"}},
	},
	Required: []string{"city", "unit", "days", "hours"},
}

func TestTools(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		model  anthropic.Model
		text   string
		choice anthropic.ToolChoiceUnionParam
	}{
		{"forced", haiku, "How warm is it in Graz?", anthropic.ToolChoiceParamOfTool("get_weather")},
		{"chosen, since it is named", opus, "Call get_weather for Graz.", anthropic.ToolChoiceUnionParam{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := simulator.Start(t)
			params := ask(tt.model, tt.text)
			params.Tools = []anthropic.ToolUnionParam{anthropic.ToolUnionParamOfTool(weather, "get_weather")}
			params.ToolChoice = tt.choice

			plain, err := client(s).Messages.New(t.Context(), params)
			if err != nil {
				t.Fatal(err)
			}
			toolInput(t, *plain)
			stream, err := receive(t, client(s), params)
			if err != nil {
				t.Fatal(err)
			}
			var sent map[string]any
			if err := json.Unmarshal([]byte(stream.toolInput), &sent); err != nil {
				t.Fatalf("fragments %q: %v", stream.toolInput, err)
			}
			id, got := toolInput(t, stream.message)
			if !reflect.DeepEqual(got, sent) || stream.deltas < 3 {
				t.Errorf("input %v, streamed %v in %d fragments", got, sent, stream.deltas)
			}
			sameUsage(t, stream.message.Usage, s.Last(t, 2))

			// The result goes back, as an agent's loop does it.
			params.Messages = append(params.Messages, stream.message.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(id, "31 °C", false)))
			params.ToolChoice = anthropic.ToolChoiceUnionParam{}
			last, err := client(s).Messages.New(t.Context(), params)
			if err != nil || last.StopReason != "end_turn" {
				t.Errorf("after the tool's result: %v, %+v", err, last)
			}
		})
	}
}

// toolInput returns the id and the input of the one tool called, checked against
// its schema.
func toolInput(t *testing.T, m anthropic.Message) (id string, input map[string]any) {
	t.Helper()
	if m.StopReason != "tool_use" || len(m.Content) == 0 || m.Content[len(m.Content)-1].Type != "tool_use" {
		t.Fatalf("stop_reason %q, content %+v; want a tool_use at the end", m.StopReason, m.Content)
	}
	use := m.Content[len(m.Content)-1].AsToolUse()
	if use.Name != "get_weather" || !strings.HasPrefix(use.ID, "toolu_01") {
		t.Errorf("tool %q, id %q", use.Name, use.ID)
	}
	var fields struct {
		City  string    `json:"city"`
		Unit  string    `json:"unit"`
		Days  *int      `json:"days"`
		Hours []float64 `json:"hours"`
	}
	if err := json.Unmarshal(use.Input, &fields); err != nil || fields.City == "" || fields.Unit != "celsius" && fields.Unit != "fahrenheit" || fields.Days == nil || fields.Hours == nil {
		t.Errorf("input %s: %v", use.Input, err)
	}
	if err := json.Unmarshal(use.Input, &input); err != nil {
		t.Errorf("input %s: %v", use.Input, err)
	}
	return use.ID, input
}

// Thinking is hidden unless asked for on the newer models, and shown on the
// older ones.
func TestThinking(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		model anthropic.Model
		think anthropic.ThinkingConfigParamUnion
		shown bool
	}{
		{"by default", opus, anthropic.ThinkingConfigParamUnion{}, false},
		{"summarized", opus, anthropic.ThinkingConfigParamUnion{OfAdaptive: &anthropic.ThinkingConfigAdaptiveParam{Display: "summarized"}}, true},
		{"omitted", opus, anthropic.ThinkingConfigParamUnion{OfAdaptive: &anthropic.ThinkingConfigAdaptiveParam{Display: "omitted"}}, false},
		{"enabled", haiku, anthropic.ThinkingConfigParamOfEnabled(1024), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := simulator.Start(t)
			params := ask(tt.model, "Is 1,000,003 prime?")
			params.MaxTokens, params.Thinking = 2000, tt.think
			got, err := receive(t, client(s), params)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.message.Content) != 2 {
				t.Fatalf("content %+v, want thinking and text", got.message.Content)
			}
			block := got.message.Content[0].AsThinking()
			if (block.Thinking != "") != tt.shown || block.Thinking != got.thinking || block.Signature == "" {
				t.Errorf("thinking %q, streamed %q, signature %q; shown should be %v", block.Thinking, got.thinking, block.Signature, tt.shown)
			}
			if got.message.Content[1].Text != got.text || got.text == "" || got.message.Usage.OutputTokensDetails.ThinkingTokens == 0 {
				t.Errorf("text %q, usage %s", got.message.Content[1].Text, got.message.Usage.RawJSON())
			}
			sameUsage(t, got.message.Usage, s.Last(t, 1))

			params.Messages = append(params.Messages, got.message.ToParam(), anthropic.NewUserMessage(anthropic.NewTextBlock("Sure?")))
			plain, err := client(s).Messages.New(t.Context(), params)
			if err != nil {
				t.Fatalf("next turn: %v", err)
			}
			if (plain.Content[0].AsThinking().Thinking != "") != tt.shown {
				t.Errorf("next turn: thinking %q; shown should be %v", plain.Content[0].AsThinking().Thinking, tt.shown)
			}
			sameUsage(t, plain.Usage, s.Last(t, 2))
		})
	}
}

func TestPromptCache(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("The handbook says that every pallet is counted twice. ", 600)
	for _, ttl := range []anthropic.CacheControlEphemeralTTL{"5m", "1h"} {
		t.Run(string(ttl), func(t *testing.T) {
			s := simulator.Start(t)
			params := ask(haiku, "Who counts?")
			params.System = []anthropic.TextBlockParam{{Text: long, CacheControl: anthropic.CacheControlEphemeralParam{TTL: ttl}}}
			first, err := client(s).Messages.New(t.Context(), params)
			if err != nil {
				t.Fatal(err)
			}
			sameUsage(t, first.Usage, s.Last(t, 1))
			second, err := receive(t, client(s), params)
			if err != nil {
				t.Fatal(err)
			}
			sameUsage(t, second.message.Usage, s.Last(t, 2))
			a, b := first.Usage, second.message.Usage
			if a.CacheCreationInputTokens < 4096 || a.CacheReadInputTokens != 0 || b.CacheReadInputTokens != a.CacheCreationInputTokens || b.CacheCreationInputTokens != 0 || b.InputTokens != a.InputTokens {
				t.Errorf("first %s, then %s", a.RawJSON(), b.RawJSON())
			}
			written := map[anthropic.CacheControlEphemeralTTL]int64{"5m": a.CacheCreation.Ephemeral5mInputTokens, "1h": a.CacheCreation.Ephemeral1hInputTokens}
			if written[ttl] != a.CacheCreationInputTokens {
				t.Errorf("ttl %s: usage %s", ttl, a.RawJSON())
			}
		})
	}
}

func TestCountTokens(t *testing.T) {
	t.Parallel()
	s := simulator.Start(t)
	params := ask(haiku, "How many tokens is this, with a system prompt?")
	params.System = []anthropic.TextBlockParam{{Text: "Count."}}
	count, err := client(s).Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{
		Model: params.Model, Messages: params.Messages, System: anthropic.MessageCountTokensParamsSystemUnion{OfTextBlockArray: params.System},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := client(s).Messages.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if count.InputTokens == 0 || count.InputTokens != m.Usage.InputTokens {
		t.Errorf("counted %d tokens, then billed %d", count.InputTokens, m.Usage.InputTokens)
	}
}
