package cli

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// worlds are what lies between the client and the API, by the name of the scenario;
// for the most it is nothing.
func worlds() map[string]world {
	return map[string]world{
		"one limit on tokens":                         {behind: onePool},
		"a chat server with one limit on tokens":      {behind: onePool},
		"one limit on tokens, long prompts":           {behind: onePool},
		"far connections that are closed":             {dial: 400 * time.Millisecond},
		"far connections that are closed, many users": {dial: 600 * time.Millisecond},
		"healthy, far connections":                    {dial: 300 * time.Millisecond},
	}
}

// onePool makes of an API one that counts input and output together, as workspaces
// and OpenAI-style servers do: what its headers and refusals say of either, they say
// of tokens.
func onePool(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(&pooled{ResponseWriter: w}, r)
	})
}

type pooled struct {
	http.ResponseWriter
	refused bool // the answer is a 429
}

func (p *pooled) WriteHeader(status int) {
	h := p.Header()
	const prefix = "Anthropic-Ratelimit-"
	for _, what := range []string{"Limit", "Remaining"} {
		in, err1 := strconv.Atoi(h.Get(prefix + "Input-Tokens-" + what))
		out, err2 := strconv.Atoi(h.Get(prefix + "Output-Tokens-" + what))
		if err1 == nil || err2 == nil {
			h.Set(prefix+"Tokens-"+what, strconv.Itoa(in+out))
		}
	}
	for _, kind := range []string{"Input", "Output"} {
		if at := h.Get(prefix + kind + "-Tokens-Reset"); at != "" {
			h.Set(prefix+"Tokens-Reset", at)
		}
		for _, what := range []string{"Limit", "Remaining", "Reset"} {
			h.Del(prefix + kind + "-Tokens-" + what)
		}
	}
	if status == http.StatusTooManyRequests {
		h.Del("Content-Length")
		p.refused = true
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *pooled) Write(b []byte) (int, error) {
	if p.refused {
		said := strings.NewReplacer("input tokens per", "tokens per", "output tokens per", "tokens per").Replace(string(b))
		_, err := p.ResponseWriter.Write([]byte(said))
		return len(b), err
	}
	return p.ResponseWriter.Write(b)
}

func (p *pooled) Flush() { p.ResponseWriter.(http.Flusher).Flush() }

func (p *pooled) Unwrap() http.ResponseWriter { return p.ResponseWriter }
