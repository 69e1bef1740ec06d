// Code generated from go2 by "go test . -update"; DO NOT EDIT.

package referee_test

import (
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/tokenload/tokenload/referee/simulator"
)

// Models of both generations: the older one takes forced tools and sampling
// fields, the newer one always thinks.
const (
	haiku = "claude-haiku-4-5"
	opus  = "claude-opus-5-5"
)

const key = "sk-ant-referee"

// client is the SDK as its documentation sets it up, for one simulator.
func client(s *simulator.Simulator, more ...option.RequestOption) *anthropic.Client {
	c := anthropic.NewClient(append([]option.RequestOption{option.WithBaseURL(s.URL), option.WithAPIKey(key)}, more...)...)
	return &c
}

// fault makes the simulator answer a request with a fault.
func fault(text string) option.RequestOption { return option.WithHeader("x-sim-fault", text) }

func ask(model anthropic.Model, text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model:     model,
		MaxTokens: 400,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
	}
}

// streamed is a stream as the SDK put it together, and the pieces it came in.
type streamed struct {
	message                   anthropic.Message
	text, thinking, toolInput string
	deltas                    int
}

// receive reads a stream to its end.
func receive(t *testing.T, c *anthropic.Client, params anthropic.MessageNewParams, opts ...option.RequestOption) (got streamed, err error) {
	t.Helper()
	stream := c.Messages.NewStreaming(t.Context(), params, opts...)
	defer stream.Close()
	for stream.Next() {
		event := stream.Current()
		if err := got.message.Accumulate(event); err != nil {
			t.Fatalf("accumulate %s: %v", event.Type, err)
		}
		if event.Type == "content_block_delta" {
			got.deltas++
			got.text += event.Delta.Text
			got.thinking += event.Delta.Thinking
			got.toolInput += event.Delta.PartialJSON
		}
	}
	return got, stream.Err()
}

// sameUsage holds the SDK's figures against the truth.
func sameUsage(t *testing.T, got anthropic.Usage, want simulator.Record) {
	t.Helper()
	for _, tt := range []struct {
		name      string
		got, want int64
	}{
		{"input_tokens", got.InputTokens, want.InputTokens},
		{"output_tokens", got.OutputTokens, want.OutputTokens},
		{"thinking_tokens", got.OutputTokensDetails.ThinkingTokens, want.ThinkingTokens},
		{"cache_read_input_tokens", got.CacheReadInputTokens, want.CacheRead},
		{"cache_creation_input_tokens", got.CacheCreationInputTokens, want.CacheWrite5m + want.CacheWrite1h},
		{"ephemeral_5m_input_tokens", got.CacheCreation.Ephemeral5mInputTokens, want.CacheWrite5m},
		{"ephemeral_1h_input_tokens", got.CacheCreation.Ephemeral1hInputTokens, want.CacheWrite1h},
	} {
		if tt.got != tt.want {
			t.Errorf("usage.%s = %d, the truth is %d", tt.name, tt.got, tt.want)
		}
	}
	if got.InputTokens+got.CacheReadInputTokens+got.CacheCreationInputTokens == 0 || got.OutputTokens == 0 {
		t.Errorf("usage %s: no tokens", got.RawJSON())
	}
}
