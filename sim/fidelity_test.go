package sim

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The tests here hold the simulator, from outside and in virtual time, against
// what its documentation claims: seven properties, each with its tolerance.

// firstDeltas returns how long n streams of one token, one after the other, took
// to their first delta.
func firstDeltas(t *testing.T, c Config, model, prompt string, n int) []float64 {
	t.Helper()
	times := make([]float64, n)
	bubble(t, c, func(t *testing.T, a *api) {
		body := ask(model, 1, prompt, `,"stream":true`)
		for i := range times {
			for _, e := range a.post("/v1/messages", body).events {
				if e.name == "content_block_delta" {
					times[i] = e.at.Seconds()
				}
			}
		}
	})
	return times
}

// 1: the Kolmogorov-Smirnov distance of 5,000 TTFTs from the configured mixture
// is below 1.63/√n (one in a hundred would not be, by chance; the seed is fixed).
func TestFidelityTTFTIsTheMixture(t *testing.T) {
	const n = 5000
	phi := func(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }
	for row, model := range map[string]string{"haiku": "claude-haiku-4-5", "sonnet": "claude-sonnet-4-6"} {
		l := measured()[row]
		l.PerUncached = 0 // the mixture alone
		times := firstDeltas(t, Config{Seed: 17, Latency: map[string]Latency{row: l}}, model, "Hi", n)
		slices.Sort(times)
		worst := 0.0
		for i, x := range times {
			x -= l.Floor.Seconds()
			if x <= 0 {
				t.Fatalf("%s: a TTFT below the floor", row)
			}
			cdf := (1-l.TailShare)*phi(math.Log(x/l.Body.Seconds())/l.BodySigma) + l.TailShare*phi(math.Log(x/l.Tail.Seconds())/l.TailSigma)
			worst = max(worst, math.Abs(cdf-float64(i)/n), math.Abs(cdf-float64(i+1)/n))
		}
		if most := 1.63 / math.Sqrt(n); worst >= most {
			t.Errorf("%s: KS distance %.4f; want below %.4f", row, worst, most)
		}
	}
}

// 2: the percentiles of Haiku at a prompt of 30 tokens are within 5 % of those
// measured, which include a handshake of about 0.15 s that the floor does not.
func TestFidelityHaikuPercentiles(t *testing.T) {
	prompt := strings.Repeat("word", 30-perMessage)
	times := firstDeltas(t, Config{Seed: 23}, "claude-haiku-4-5", prompt, 8000)
	slices.Sort(times)
	for q, want := range map[float64]float64{0.50: 0.88, 0.90: 1.30, 0.95: 1.70} {
		got := times[int(q*float64(len(times)))] + 0.15
		if math.Abs(got/want-1) > 0.05 {
			t.Errorf("p%v = %.3f s, want %.2f ± 5 %%", 100*q, got, want)
		}
	}
}

// 3: the slope of TTFT on the prompt's tokens, fitted by Theil and Sen's method
// to 200 calls at each of four lengths, is the table's within 3 %.
func TestFidelityTTFTSlope(t *testing.T) {
	const each = 200
	var xs, ys []float64
	for i, tokens := range []int{500, 5_000, 20_000, 60_000} {
		for _, y := range firstDeltas(t, Config{Seed: uint64(i)}, "claude-sonnet-4-6", strings.Repeat("word", tokens-perMessage), each) {
			xs, ys = append(xs, float64(tokens)), append(ys, y)
		}
	}
	var slopes []float64
	for i := range xs {
		for j := range i {
			if xs[i] != xs[j] {
				slopes = append(slopes, (ys[i]-ys[j])/(xs[i]-xs[j]))
			}
		}
	}
	slices.Sort(slopes)
	want := measured()["sonnet"].PerUncached.Seconds()
	if got := slopes[len(slopes)/2]; math.Abs(got/want-1) > 0.03 {
		t.Errorf("slope %.4g s per token, want %.4g ± 3 %%", got, want)
	}
}

// admissions are what a saturated limit let through.
type admissions struct {
	start    time.Time
	all      []Record // in order of arrival
	admitted []Record
}

// 4 for requests and input: in every window what was admitted is at most
// capacity + rate × t, and one request more; and a saturated limit is used up.
func TestFidelityBucketsInEveryWindow(t *testing.T) {
	one := func(Record) float64 { return 1 }
	input := func(r Record) float64 { return float64(r.InputTokens) }
	tests := []struct {
		name       string
		limits     Limits
		words      int
		of         func(Record) float64
		size, rate float64
		request    float64 // the weight of one
	}{
		{"requests", Limits{Requests: 60}, 1, one, 60, 1, 1},
		{"requests", Limits{Requests: 60, Depth: 10 * time.Second}, 1, one, 10, 1, 1},
		{"requests", Limits{Requests: 240, Window: time.Second}, 1, one, 4, 4, 1},
		{"input_tokens", Limits{InputTokens: 6000}, 97, input, 6000, 100, 100},
		{"input_tokens", Limits{InputTokens: 6000, Depth: 6 * time.Second}, 97, input, 600, 100, 100},
	}
	for _, tt := range tests {
		got := saturated(t, tt.limits, tt.words, 20)
		conforms(t, tt.name, got.arrivals(tt.of), tt.size, tt.rate, tt.request)
		for _, r := range got.all {
			if r.Status != http.StatusOK && (r.LimitedBy != tt.name || r.RetryAfter < 1) {
				t.Fatalf("%s: record %+v", tt.name, r)
			}
		}
	}
}

// 4 for output, which is debited as it comes and is unknown when a request is
// admitted: whatever window ends with an admission, what was generated in it
// leaves at least one token of capacity + rate × t.
func TestFidelityOutputBucketInEveryWindow(t *testing.T) {
	const size, rate = 6000.0, 100.0
	got := saturated(t, Limits{OutputTokens: 6000}, 1, 100)
	var made []arrival
	for _, r := range got.admitted {
		for n := 0; n < r.OutputTokens; n += saturatedPerEvent {
			at := r.Received.Add(r.FirstContent + time.Duration(n/saturatedPerEvent)*saturatedEvery).Sub(got.start)
			made = append(made, arrival{at, float64(min(saturatedPerEvent, r.OutputTokens-n))})
		}
	}
	slices.SortFunc(made, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	for _, r := range got.admitted {
		end, sum := r.Received.Sub(got.start), 0.0
		for i := len(made) - 1; i >= 0; i-- {
			if made[i].at >= end {
				continue
			}
			sum += made[i].n
			if most := size + rate*(end-made[i].at).Seconds() - 1; sum > most+1e-6 {
				t.Fatalf("admitted at %v after %v tokens since %v; at most %v", end, sum, made[i].at, most)
			}
		}
	}
	total := 0.0
	for _, m := range made {
		total += m.n
	}
	if span := made[len(made)-1].at.Seconds(); total < 0.97*(size+rate*span) {
		t.Errorf("%v generated in %v s: the limit was not used up", total, span)
	}
}

// What the saturated streams send, and how often.
const (
	saturatedPerEvent = 20
	saturatedEvery    = 200 * time.Millisecond
)

// saturated sends Poisson arrivals, six a second for three minutes, of prompts of
// so many words.
func saturated(t *testing.T, l Limits, words, maxTokens int) admissions {
	t.Helper()
	c := Config{Limits: map[string]Limits{"haiku-4.5": l}, AnswerCap: -1, Answer: 1, Profile: Steady,
		TTFT: 100 * time.Millisecond, EventsPerSecond: float64(time.Second / saturatedEvery), TokensPerEvent: saturatedPerEvent}
	var got admissions
	bubble(t, c, func(t *testing.T, a *api) {
		got.start = a.started
		rng := rand.New(rand.NewPCG(1, 2))
		body := ask("claude-haiku-4-5", maxTokens, strings.Repeat("word", words), `,"stream":true`)
		var wg sync.WaitGroup
		for time.Since(got.start) < 3*time.Minute {
			time.Sleep(seconds(rng.ExpFloat64() / 6))
			wg.Go(func() { a.post("/v1/messages", body) })
		}
		wg.Wait()
		synctest.Wait()
		got.all = a.Truth()
	})
	slices.SortFunc(got.all, func(a, b Record) int { return a.Received.Compare(b.Received) })
	for _, r := range got.all {
		if r.Status == http.StatusOK {
			got.admitted = append(got.admitted, r)
		}
	}
	if len(got.admitted) == len(got.all) {
		t.Fatalf("%+v: nothing was refused", l)
	}
	return got
}

func (s admissions) arrivals(of func(Record) float64) (all []arrival) {
	for _, r := range s.admitted {
		all = append(all, arrival{r.Received.Sub(s.start), of(r)})
	}
	return all
}

// 5: (limit − remaining) ÷ (reset − date) is the rate, to the rounding of the
// three: remaining to 1 request or 1,000 tokens, reset and date to the second.
func TestFidelityHeadersGiveTheRate(t *testing.T) {
	l := Limits{Requests: 300, InputTokens: 48_000, OutputTokens: 18_000}
	c := Config{Limits: map[string]Limits{"*": l}, Profile: Steady, TTFT: 300 * time.Millisecond, AnswerCap: -1, Answer: 1}
	bubble(t, c, func(t *testing.T, a *api) {
		rng := rand.New(rand.NewPCG(5, 6))
		used := map[string]int{}
		for range 400 {
			time.Sleep(seconds(rng.ExpFloat64() / 12))
			body := ask("claude-haiku-4-5", 10+rng.IntN(100), strings.Repeat("word", 1+rng.IntN(300)), `,"stream":true`)
			for range 1 + rng.IntN(5) {
				go a.post("/v1/messages", body)
			}
			h := a.post("/v1/messages", body).header
			date, err := http.ParseTime(h.Get("Date"))
			if err != nil {
				t.Fatal(err)
			}
			for _, tt := range []struct {
				name            string
				limit, rounding float64
			}{{"Requests", 300, 1}, {"Input-Tokens", 48_000, 500}, {"Output-Tokens", 18_000, 500}} {
				prefix, rate := "Anthropic-Ratelimit-"+tt.name, tt.limit/60
				reset, err := time.Parse(time.RFC3339, h.Get(prefix+"-Reset"))
				if err != nil || header(t, h, prefix+"-Limit") != int(tt.limit) {
					t.Fatalf("%s: %v, limit %s", tt.name, err, h.Get(prefix+"-Limit"))
				}
				gone := tt.limit - float64(header(t, h, prefix+"-Remaining"))
				off := rate*reset.Sub(date).Seconds() - gone
				if gone == tt.limit {
					off = min(off, 0) // below zero there is more to refill than remaining can say
				}
				if off < -tt.rounding-1e-6 || off > tt.rounding+2*rate {
					t.Fatalf("%s: %v gone, full in %v at %v/s", tt.name, gone, reset.Sub(date), rate)
				}
				if gone > tt.limit/20 {
					used[tt.name]++
				}
			}
		}
		if used["Requests"] < 20 || used["Input-Tokens"] < 20 || used["Output-Tokens"] < 20 {
			t.Errorf("limits in use in %v of 400 answers: the test has seen nothing", used)
		}
		time.Sleep(time.Minute)
	})
}

// 6: with Poisson arrivals of rate λ on one prefix, entries that live T from the
// start of a request that reads or writes them, and answers that begin after D,
// the share of misses is m = e^(−λT) (1 + λD): each gap longer than T misses, and
// with it the Poisson(λD) arrivals before the answer begins. They come in
// clusters of 1 + N, so the variance of one is e^(−λT) E(1+N)² − m².
func TestFidelityCacheMissShare(t *testing.T) {
	const rate, ttl, delay, n = 0.01, 300.0, 30.0, 10_000
	row := Latency{Floor: 30 * time.Second}
	bubble(t, Config{Latency: map[string]Latency{"sonnet": row}}, func(t *testing.T, a *api) {
		rng := rand.New(rand.NewPCG(3, 4))
		var wg sync.WaitGroup
		body := prompt("aB")
		for range n {
			time.Sleep(seconds(rng.ExpFloat64() / rate))
			wg.Go(func() { a.ServeHTTP(httptest.NewRecorder(), a.request("/v1/messages", body)) }) // without a wire: there are many
		}
		wg.Wait()
		misses := 0
		for _, r := range a.Truth() {
			if r.CacheRead == 0 {
				misses++
			}
		}
		cold, wait := math.Exp(-rate*ttl), rate*delay
		m := cold * (1 + wait)
		se := math.Sqrt((cold*(1+3*wait+wait*wait) - m*m) / n)
		if got := float64(misses) / n; math.Abs(got-m) > 3*se {
			t.Errorf("miss share %.4f, want %.4f ± %.4f", got, m, 3*se)
		}
	})
}

// 7: whatever is asked, the events of a whole stream have the grammar's order,
// indices count up by one, and deltas are of their block's kind.
func FuzzEventOrder(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(1), uint8(0), "Hi")
	f.Add(uint64(2), uint8(3), uint16(500), uint8(1), "What is machine learning?")
	f.Add(uint64(3), uint8(14), uint16(9), uint8(2), "Łódź \" \\ 漢")
	f.Add(uint64(4), uint8(17), uint16(4000), uint8(3), "stop at \u2028")
	f.Add(uint64(5), uint8(2), uint16(2), uint8(4), "x")
	s, err := New(Config{Profile: Instant})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, seed uint64, which uint8, maxTokens uint16, kind uint8, prompt string) {
		more := []string{
			"",
			`,"thinking":{"type":"adaptive","display":"summarized"}`,
			`,"tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}],"tool_choice":{"type":"any"}`,
			`,"stop_sequences":["a","the"]`,
			`,"output_config":{"format":{"type":"json_schema","schema":{"type":"array","items":{"type":"boolean"}}}}`,
		}[kind%5]
		list := models()
		body := ask(list[int(which)%len(list)].id, 1+int(maxTokens)%8000, prompt+fmt.Sprint(seed), `,"stream":true`+more)
		r := httptest.NewRequest(http.MethodPost, "/v1/messages", strings.NewReader(body))
		r.Header.Set("X-Api-Key", "k")
		r.Header.Set("Anthropic-Version", "2026-10-21")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			checkGrammar(t, w.Body.String())
		}
	})
}

// checkGrammar reads a stream as the documentation describes it.
func checkGrammar(t *testing.T, stream string) {
	t.Helper()
	var order []string
	block, kind := -1, ""
	deltas := map[string]string{"text": "text_delta", "tool_use": "input_json_delta", "thinking": "thinking_delta signature_delta"}
	for part := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(strings.TrimPrefix(part, "event: "), "\ndata: ")
		if !ok || strings.Contains(data, "\n") {
			t.Fatalf("event %q", part)
		}
		e := event{name: name, data: data}.json(t)
		if e["type"] != name {
			t.Fatalf("event %s has type %v", name, e["type"])
		}
		switch name {
		case "ping":
			if len(order) == 0 {
				t.Fatal("a ping comes first")
			}
			continue
		case "content_block_start":
			block++
			kind, _ = e["content_block"].(map[string]any)["type"].(string)
		case "content_block_delta":
			if d, _ := e["delta"].(map[string]any)["type"].(string); !strings.Contains(deltas[kind], d) || d == "" {
				t.Fatalf("a %s in a block of %s", d, kind)
			}
		}
		if i, ok := e["index"]; ok && i != float64(block) {
			t.Fatalf("%s of block %v in block %d", name, i, block)
		}
		order = append(order, name)
	}
	if !grammar.MatchString(strings.Join(order, " ")) {
		t.Fatalf("events %v", order)
	}
}
