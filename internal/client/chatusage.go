package client

import (
	"math"

	"github.com/tokenload/tokenload/internal/call"
)

// chatUsage is the usage of a chat completion. Every field may be missing or null.
type chatUsage struct {
	Prompt     *int64 `json:"prompt_tokens"`
	Completion *int64 `json:"completion_tokens"`
	Total      *int64 `json:"total_tokens"`
	PromptOf   *struct {
		Cached  *int64 `json:"cached_tokens"`
		Written *int64 `json:"cache_write_tokens"`
		Created *int64 `json:"cache_creation_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionOf *struct {
		Reasoning *int64 `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`

	// What gateways to Claude add beside the standard, in the Messages API's words.
	CacheWrite *int64       `json:"cache_creation_input_tokens"`
	CacheRead  *int64       `json:"cache_read_input_tokens"`
	Writes     *cacheWrites `json:"cache_creation"`
	Hit        *int64       `json:"prompt_cache_hit_tokens"` // DeepSeek
}

// apply puts the usage in place of what was known. It is false where the prompt
// was not counted: no request has a prompt of no tokens.
//
// Prompt tokens include what the cache read and wrote; input tokens do not.
// Writes without a split by time are of the time that the request asked for.
// Completion tokens include thinking, but some servers leave it out (xAI,
// Gemini): there the total says how much there really was.
func (u *chatUsage) apply(to *call.Usage, cacheTTL string) bool {
	prompt := counted(u.Prompt)
	if prompt == 0 {
		return false
	}
	read := max(counted(u.CacheRead), counted(u.Hit))
	written := counted(u.CacheWrite)
	if d := u.PromptOf; d != nil {
		read = max(read, counted(d.Cached))
		written = max(written, counted(d.Written), counted(d.Created))
	}
	read = min(read, prompt)
	written = min(written, prompt-read)
	long := int64(0)
	if u.Writes != nil {
		long = min(max(u.Writes.Long, 0), written)
	} else if cacheTTL == "1h" {
		long = written
	}
	*to = call.Usage{
		Input: prompt - read - written, CacheRead: read, CacheWrite5m: written - long, CacheWrite1h: long,
		Output: counted(u.Completion),
	}
	if d := u.CompletionOf; d != nil {
		to.Thinking = counted(d.Reasoning)
	}
	if more := counted(u.Total) - prompt; u.Completion != nil && more > to.Output {
		to.Thinking = max(to.Thinking, more-to.Output)
		to.Output = more
	}
	to.Thinking = min(to.Thinking, to.Output)
	return true
}

// counted is a count that a server said, 0 where it said none or nonsense.
func counted(n *int64) int64 {
	if n == nil || *n < 0 || *n > math.MaxInt64/8 {
		return 0
	}
	return *n
}
