package sim_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tokenload/tokenload/sim"
)

// A test starts its own API, points its client at URL, and afterwards asks for
// the truth about what happened.
func Example() {
	api, err := sim.Start(sim.Config{Profile: sim.Instant, Answer: 1, AnswerCap: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	body := `{"model":"claude-haiku-4-5","max_tokens":100,"messages":[{"role":"user","content":"What is machine learning?"}]}`
	req, _ := http.NewRequest(http.MethodPost, api.URL+"/v1/messages", strings.NewReader(body))
	req.Header.Set("X-Api-Key", "any")
	req.Header.Set("Anthropic-Version", "2023-06-01")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, _ := io.ReadAll(res.Body)
	res.Body.Close()
	fmt.Println(res.StatusCode, strings.Contains(string(answer), "machine learning"))

	api.Close()
	for _, r := range api.Truth() {
		fmt.Println(r.Model, r.InputTokens, r.StopReason)
	}
	// Output:
	// 200 true
	// claude-haiku-4-5-20251001 10 end_turn
}

// Faults are rules in the configuration, or come with a request in the header
// x-sim-fault in the same words.
func ExampleParseFault() {
	f, err := sim.ParseFault("stall=5; for=90s; pings; p=0.1")
	fmt.Println(f.Kind, f.After, f.For, f.Pings, f.Probability, err)
	_, err = sim.ParseFault("cut=soon")
	fmt.Println(err)
	// Output:
	// stall 5 1m30s true 0.1 <nil>
	// fault "cut=soon": parameter after: bad value "soon"
}
