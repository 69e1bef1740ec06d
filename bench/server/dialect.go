package main

import "fmt"

// dialect is how one API writes an answer. Every event says the same, so that
// it costs the server nothing.
type dialect struct {
	event string
	start func(id string, a asked) string
	end   func(id string, a asked, n int) string
	whole func(id string, a asked, n int) string
}

var messages = dialect{
	event: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}}\n\n",
	start: func(id string, a asked) string {
		return fmt.Sprintf("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":%q,\"type\":\"message\",\"role\":\"assistant\",\"model\":%q,\"content\":[],"+
			"\"stop_reason\":null,\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\n", "msg_"+id, a.Model) +
			"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
	},
	end: func(_ string, _ asked, n int) string {
		return "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n" +
			fmt.Sprintf("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":%d}}\n\n", n) +
			"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	},
	whole: func(id string, a asked, n int) string {
		return fmt.Sprintf(`{"id":%q,"type":"message","role":"assistant","model":%q,"content":[{"type":"text","text":"word"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":%d}}`,
			"msg_"+id, a.Model, n)
	},
}

var chat = dialect{
	event: "data: {\"id\":\"chatcmpl\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"timed\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n",
	start: func(id string, _ asked) string {
		return "data: {\"id\":\"chatcmpl-" + id + "\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"timed\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"
	},
	end: func(_ string, a asked, n int) string {
		s := "data: {\"id\":\"chatcmpl\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"timed\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
		if a.StreamOpts.Usage {
			s += fmt.Sprintf("data: {\"id\":\"chatcmpl\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"timed\",\"choices\":[],"+
				"\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n", n, n+10)
		}
		return s + "data: [DONE]\n\n"
	},
	whole: func(id string, a asked, n int) string {
		return fmt.Sprintf(`{"id":%q,"object":"chat.completion","created":0,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"word"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":%d,"total_tokens":%d}}`,
			id, a.Model, n, n+10)
	},
}
