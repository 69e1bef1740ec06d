package client

import "github.com/tokenload/tokenload/internal/call"

// usage is the API's usage object; every field may be missing or null.
type usage struct {
	Input      *int64       `json:"input_tokens"`
	CacheWrite *int64       `json:"cache_creation_input_tokens"`
	CacheRead  *int64       `json:"cache_read_input_tokens"`
	Output     *int64       `json:"output_tokens"`
	Writes     *cacheWrites `json:"cache_creation"`
	Details    *struct {
		Thinking *int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
	Tools *struct {
		Searches *int64 `json:"web_search_requests"`
	} `json:"server_tool_use"`
	Speed *string `json:"speed"`
	Geo   *string `json:"inference_geo"`
}

// cacheWrites splits cache writes by how long they are kept.
type cacheWrites struct {
	Short int64 `json:"ephemeral_5m_input_tokens"`
	Long  int64 `json:"ephemeral_1h_input_tokens"`
}

// apply puts what was said in place of what was known: the API's figures are
// cumulative, and those it leaves out stand.
func (u *usage) apply(to *call.Usage, cacheTTL string) {
	set(&to.Input, u.Input)
	set(&to.CacheRead, u.CacheRead)
	set(&to.Output, u.Output)
	if u.Details != nil {
		set(&to.Thinking, u.Details.Thinking)
	}
	if u.Tools != nil {
		set(&to.WebSearches, u.Tools.Searches)
	}
	u.applyWrites(to, cacheTTL)
	if u.Speed != nil {
		to.Speed = unless(label(*u.Speed), "standard")
	}
	if u.Geo != nil {
		to.Geo = unless(label(*u.Geo), "global", "not_available")
	}
}

// applyWrites splits the cache writes. The total is the truth; without a split
// of its own it keeps the hour's part that is known and is 5m for the rest. Where
// no split was ever given, all of it is the dearest write that was asked for.
func (u *usage) applyWrites(to *call.Usage, cacheTTL string) {
	total, long := to.CacheWrite5m+to.CacheWrite1h, to.CacheWrite1h
	unsplit := u.Writes == nil && total == 0
	if w := u.Writes; w != nil {
		total, long = max(w.Short, 0)+max(w.Long, 0), max(w.Long, 0)
	}
	set(&total, u.CacheWrite)
	if unsplit && cacheTTL == "1h" {
		long = total
	}
	to.CacheWrite1h = min(long, total)
	to.CacheWrite5m = total - to.CacheWrite1h
}

// set replaces a count by what the server said, unless that is no count.
func set(to *int64, said *int64) {
	if said != nil && *said >= 0 {
		*to = *said
	}
}

// unless returns s, or nothing if it is one of the words that need no mention.
func unless(s string, words ...string) string {
	for _, w := range words {
		if s == w {
			return ""
		}
	}
	return s
}
