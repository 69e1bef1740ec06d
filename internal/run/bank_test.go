package run_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// bank is an API that keeps its own account. It counts tokens its own way, prices
// them in plain arithmetic, and books an answer in full as soon as it has the
// request, whatever comes of the answer: cut, timed out or left, it is billed at
// full length. Only HTTP errors are free.
type bank struct {
	mu     sync.Mutex
	rng    *rand.Rand
	faults bool
	billed int64            // pico-dollars
	calls  int              // answered or begun to be
	byName map[string]int64 // billed, by the number in the prompt
}

// answer is what becomes of one request.
type answer struct {
	input, output int64
	cached        bool          // the input is written to the cache, which nobody asked for
	first, rest   time.Duration // until the answer begins, and until it ends
	status        int           // an HTTP error, free; 0 is none
	cut           int           // events after which the connection is closed; -1 is never
}

// price is the bank's own: "dear" costs 100 and 500 dollars a million, "long" 20
// and 80, and over 2,000 tokens of prompt 90 and 400 for the whole request.
//
// A token written to the cache costs a quarter more.
func (b *bank) price(model string, a answer) int64 {
	in, out := int64(20e6), int64(80e6)
	switch {
	case model == "dear":
		in, out = 100e6, 500e6
	case a.input > 2000:
		in, out = 90e6, 400e6
	}
	if a.cached {
		in += in / 4
	}
	return a.input*in + a.output*out
}

// number is in the prompts of a task, and names the request.
var number = regexp.MustCompile(`river with the number (\d+)`)

// decide draws what becomes of a request, and books it. One in ten is as dear as a
// request can be: a token a byte and the API's own framing, written to the cache
// unasked, and an answer of max_tokens.
func (b *bank) decide(model string, body []byte, maxTokens int) answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := answer{
		input:  1 + b.rng.Int64N(int64(len(body))), // a byte is at most one token
		output: 1 + b.rng.Int64N(int64(maxTokens)),
		first:  time.Duration(b.rng.Int64N(int64(3 * time.Second))),
		rest:   time.Duration(b.rng.Int64N(int64(6 * time.Second))),
		cut:    -1,
	}
	if b.rng.IntN(10) == 0 {
		a.input, a.output, a.cached = int64(len(body))+64, int64(maxTokens), true
	}
	if b.faults {
		switch p := b.rng.IntN(100); {
		case p < 20:
			a.cut = b.rng.IntN(5)
		case p < 25:
			a.status = []int{429, 500, 529}[b.rng.IntN(3)]
			return a
		case p < 30:
			a.first += time.Minute // nobody waits that long
		}
	}
	b.calls++
	bill := b.price(model, a)
	b.billed += bill
	if m := number.FindSubmatch(body); m != nil {
		b.byName[string(m[1])] += bill
	}
	return a
}

// ServeHTTP answers one request.
func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req struct {
		Model     string `json:"model"`
		MaxTokens int    `json:"max_tokens"`
	}
	if err != nil || json.Unmarshal(body, &req) != nil {
		return // it never had the request
	}
	a := b.decide(req.Model, body, req.MaxTokens)
	if a.status != 0 {
		w.WriteHeader(a.status)
		return
	}
	if !pause(r, a.first) {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	usage := fmt.Sprintf(`"input_tokens":%d`, a.input)
	if a.cached {
		usage = fmt.Sprintf(`"input_tokens":0,"cache_creation_input_tokens":%d`, a.input)
	}
	events := []string{
		fmt.Sprintf(`{"type":"message_start","message":{"model":%q,"usage":{%s,"output_tokens":1}}}`, req.Model, usage),
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Well."}}`,
		fmt.Sprintf(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":%d}}`, a.output),
		`{"type":"message_stop"}`,
	}
	for i, data := range events {
		if i == a.cut {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler) // net/http's way to cut a connection
		}
		if i == 3 {
			w.(http.Flusher).Flush()
			if !pause(r, a.rest) {
				return
			}
		}
		kind, _, _ := strings.Cut(data[len(`{"type":"`):], `"`)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, data)
	}
}

// pause waits; false is that the client left.
func pause(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
