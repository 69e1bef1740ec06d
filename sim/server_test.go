package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// outcome is what the draws decide.
type outcome struct {
	Content, First time.Duration
	Speed          float64
	Output         int
	Stop           string
	Took           time.Duration
	Faults         string
}

// batch sends requests, at once or one after the other, and returns their
// outcomes by prompt.
func batch(t *testing.T, seed uint64, order []int, at_once bool) map[int]outcome {
	t.Helper()
	all := make(map[int]outcome)
	c := Config{Seed: seed, Faults: []Fault{{Kind: FaultUnknown, Probability: 0.5}}}
	bubble(t, c, func(t *testing.T, a *api) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for _, i := range order {
			send := func() {
				model := models()[i%len(models())].id
				id := a.post("/v1/messages", ask(model, 500, fmt.Sprint("Prompt ", i), `,"stream":true`)).header.Get("Request-Id")
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				for _, r := range a.Truth() {
					if r.RequestID == id {
						all[i] = outcome{r.DrawnContent, r.DrawnFirst, r.DrawnSpeed, r.OutputTokens, r.StopReason, r.LastByte, fmt.Sprint(r.Faults)}
					}
				}
			}
			if !at_once {
				send()
				continue
			}
			wg.Go(func() {
				a.post("/v1/messages", ask(models()[i%len(models())].id, 500, fmt.Sprint("Prompt ", i), `,"stream":true`))
			})
		}
		wg.Wait()
		synctest.Wait()
		if !at_once {
			return
		}
		// Each prompt is known by its draws alone: compare as a set.
		for i, r := range sortedRecords(a.Truth()) {
			all[i] = outcome{r.DrawnContent, r.DrawnFirst, r.DrawnSpeed, r.OutputTokens, r.StopReason, r.LastByte, fmt.Sprint(r.Faults)}
		}
	})
	return all
}

func sortedRecords(all []Record) []Record {
	slices.SortFunc(all, func(a, b Record) int { return int(a.DrawnContent - b.DrawnContent) })
	return all
}

func TestSameSeedSameDraws(t *testing.T) {
	order := make([]int, 40)
	for i := range order {
		order[i] = i
	}
	forward := batch(t, 8, order, false)
	slices.Reverse(order)
	backward := batch(t, 8, order, false)
	if !maps.Equal(forward, backward) {
		t.Errorf("draws depend on the order:\n%v\n%v", forward, backward)
	}
	together := slices.Collect(maps.Values(batch(t, 8, order, true)))
	alone := slices.Collect(maps.Values(forward))
	less := func(a, b outcome) int { return int(a.Content - b.Content) }
	slices.SortFunc(together, less)
	slices.SortFunc(alone, less)
	if !slices.Equal(together, alone) {
		t.Errorf("draws depend on concurrency:\n%v\n%v", together, alone)
	}
	if other := batch(t, 9, order, false); other[0].Content == forward[0].Content {
		t.Error("another seed draws the same")
	}
	faulted := 0
	for _, o := range forward {
		if o.Faults != "[]" {
			faulted++
		}
	}
	if faulted < 8 || faulted > 32 {
		t.Errorf("%d of 40 with a fault of probability 0.5", faulted)
	}
}

func TestRepeatedRequestsDrawAnew(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, a *api) {
		seen := make(map[time.Duration]bool)
		for range 20 {
			a.post("/v1/messages", ask("claude-haiku-4-5", 100, "Hi", ""))
			seen[a.last().DrawnContent] = true
		}
		if len(seen) != 20 {
			t.Errorf("%d different first-token times in 20 equal requests", len(seen))
		}
	})
}

func TestQueue(t *testing.T) {
	c := Config{Profile: Steady, EventsPerSecond: 10, TokensPerEvent: 1, Answer: 1, Load: Load{Model: LoadQueue, Slots: 2}}
	bubble(t, c, func(t *testing.T, a *api) {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { a.post("/v1/messages", ask("claude-haiku-4-5", 11, "Hi", "")) })
		}
		wg.Wait()
		synctest.Wait()
		var starts []time.Duration
		for _, r := range a.Truth() {
			starts = append(starts, r.Start)
		}
		slices.Sort(starts)
		want := []time.Duration{0, 0, time.Second, time.Second, 2 * time.Second, 2 * time.Second}
		if !slices.Equal(starts, want) {
			t.Errorf("work starts after %v, want %v", starts, want)
		}
	})
}

func TestTruth(t *testing.T) {
	c := Config{TruthSize: 3, Profile: Steady, Answer: 1, Limits: map[string]Limits{"haiku-4.5": {Requests: 4}}}
	bubble(t, c, func(t *testing.T, a *api) {
		const secret = "xylophone-prompt"
		for i := range 5 {
			a.post("/v1/messages", ask("claude-haiku-4-5", 8+i, secret, `,"stream":true`), "X-Api-Key", "sk-secret")
		}
		synctest.Wait()
		all := a.Truth()
		var limits []int
		for _, r := range all {
			limits = append(limits, r.MaxTokens)
		}
		if !slices.Equal(limits, []int{10, 11, 12}) {
			t.Errorf("kept requests with max_tokens %v, want the latest three in order", limits)
		}
		sum := a.Totals()
		if sum.Requests != 5 || sum.ByStatus[200] != 4 || sum.ByStatus[429] != 1 || sum.OutputTokens != 8+9+10+11 {
			t.Errorf("totals %+v", sum)
		}
		r := a.request("/sim/truth", "")
		r.Method = http.MethodGet
		body := a.do(r).body
		if strings.Contains(body, "xylophone") || strings.Contains(body, "sk-secret") {
			t.Error("the truth tells prompt or key")
		}
		lines := strings.Split(strings.TrimSpace(body), "\n")
		var first, last map[string]any
		if len(lines) != 4 || json.Unmarshal([]byte(lines[0]), &first) != nil || json.Unmarshal([]byte(lines[3]), &last) != nil {
			t.Fatalf("truth: %s", body)
		}
		if first["type"] != "request" || first["request_id"] != all[0].RequestID || first["output_tokens"] != 10.0 || last["type"] != "totals" || last["requests"] != 5.0 {
			t.Errorf("truth lines %v and %v", first, last)
		}
	})
}

// The truth says how a caller came, and never with what.
func TestTruthOfTheCaller(t *testing.T) {
	bubble(t, Config{Profile: Instant}, func(t *testing.T, a *api) {
		const old, key = "2023-06-01", "sk-test"
		for _, tt := range []struct {
			header        []string
			version, auth string
			retries       int
		}{
			{nil, old, "x-api-key", 0},
			{[]string{"X-Api-Key", "", "Authorization", "bearer " + key, "Anthropic-Version", "2026-10-21"}, "2026-10-21", "authorization", 0},
			{[]string{"Authorization", "Bearer other", "X-Stainless-Retry-Count", "2"}, old, "x-api-key", 2},
			{[]string{"X-Api-Key", "", "Authorization", "Basic " + key}, "", "", 0},
			{[]string{"Anthropic-Version", key, "X-Stainless-Retry-Count", key}, "", "x-api-key", 0},
		} {
			a.post("/v1/messages", ask("claude-haiku-4-5", 10, "Hi", ""), tt.header...)
			synctest.Wait()
			all := a.Truth()
			r := all[len(all)-1]
			if r.Version != tt.version || r.Auth != tt.auth || r.RetryCount != tt.retries {
				t.Errorf("headers %q: version %q, auth %q, %d retries; want %q, %q, %d",
					tt.header, r.Version, r.Auth, r.RetryCount, tt.version, tt.auth, tt.retries)
			}
			line, err := json.Marshal(r)
			if err != nil || strings.Contains(string(line), key) {
				t.Errorf("record %s, %v", line, err)
			}
		}
	})
}

func TestLatenessHistogram(t *testing.T) {
	var l lateness
	for us := range 1000 {
		l.add(time.Duration(us) * time.Microsecond)
	}
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0.5, 500 * time.Microsecond}, {0.99, 990 * time.Microsecond}, {0.01, 10 * time.Microsecond}} {
		if got := l.quantile(tt.q); got < tt.want || got > tt.want*5/4+2*time.Microsecond {
			t.Errorf("quantile %v = %v, want %v to 25 %% above", tt.q, got, tt.want)
		}
	}
	l.add(time.Hour)
	if l.worst.Load() != int64(time.Hour) {
		t.Errorf("worst %v", time.Duration(l.worst.Load()))
	}
}

func TestQuotingIsJSON(t *testing.T) {
	for _, s := range []string{"", "plain", "\"\\\n\t\r\x00\x1f", "Łódź 漢 😀", "</script>", "\u2028"} {
		var got string
		if err := json.Unmarshal(appendQuoted(nil, s), &got); err != nil || got != s {
			t.Errorf("appendQuoted(%q) reads as %q, %v", s, got, err)
		}
	}
}

// Many streams at once, for the race detector, over real sockets.
func TestConcurrent(t *testing.T) {
	api, err := Start(Config{Profile: Instant, Tier: "scale", Drift: 0.1, Load: Load{Model: LoadQueue, Slots: 50}})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 12 {
				body := ask(models()[(w+i)%len(models())].id, 200, fmt.Sprint("Question ", i), `,"stream":true,"cache_control":{"type":"ephemeral"}`)
				r, _ := http.NewRequest(http.MethodPost, api.URL+"/v1/messages", strings.NewReader(body))
				r.Header = http.Header{"X-Api-Key": {"k"}, "Anthropic-Version": {"2023-06-01"}}
				res, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				var b bytes.Buffer
				_, err = b.ReadFrom(res.Body)
				res.Body.Close()
				if err != nil || !strings.HasSuffix(b.String(), "{\"type\":\"message_stop\"}\n\n") {
					t.Errorf("stream ended with %v: %.200s", err, b.String())
				}
				api.Totals()
			}
		})
	}
	wg.Wait()
	client.CloseIdleConnections()
	if err := api.Close(); err != nil {
		t.Error(err)
	}
	ids := make(map[string]bool)
	for _, r := range api.Truth() {
		ids[r.RequestID] = true
	}
	if len(ids) != 16*12 {
		t.Errorf("%d records of %d requests", len(ids), 16*12)
	}
}
