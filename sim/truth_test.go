package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// truthOf reads /sim/truth: the numbers of the records, and the totals.
func (a *api) truthOf(query string) (seqs []int64, totals map[string]any) {
	a.t.Helper()
	r := a.request("/sim/truth"+query, "", "X-Api-Key", "")
	r.Method = "GET"
	for line := range strings.Lines(a.do(r).body) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			a.t.Fatalf("%v in %q", err, line)
		}
		if v["type"] == "totals" {
			totals = v
			continue
		}
		seqs = append(seqs, int64(v["seq"].(float64)))
	}
	return seqs, totals
}

func TestTruthSince(t *testing.T) {
	bubble(t, Config{Profile: Instant, TruthSize: 600}, func(t *testing.T, a *api) {
		numbers := func(from, to int64) (all []int64) {
			for ; from <= to; from++ {
				all = append(all, from)
			}
			return all
		}
		if seqs, sum := a.truthOf(""); len(seqs) != 0 || sum["requests"] != 0.0 {
			t.Errorf("at first: %v, %v", seqs, sum)
		}
		for i := range 1000 {
			a.post("/v1/messages", ask("claude-haiku-4-5", 1, fmt.Sprint(i), ""))
		}
		synctest.Wait()
		for query, want := range map[string][]int64{
			"": numbers(401, 1000), "?since=0": numbers(401, 1000), "?since=500": numbers(501, 1000),
			"?since=999": {1000}, "?since=1000": nil, "?since=5000": nil,
		} {
			if got, sum := a.truthOf(query); !slices.Equal(got, want) || sum["requests"] != 1000.0 {
				t.Errorf("%q: %d records from %v, totals %v", query, len(got), slices.Min(append(got, 1<<40)), sum)
			}
		}
		r := a.request("/sim/truth?since=-1", "")
		r.Method = "GET"
		if ans := a.do(r); ans.status != 400 {
			t.Errorf("since=-1: %d", ans.status)
		}
	})
}

// A record tells what was billed; of answers that were cut, by choice.
func TestBillOfCutAnswers(t *testing.T) {
	for _, tt := range []struct {
		bill string
		want int // output tokens billed
	}{{"", 8}, {BillGenerated, 8}, {BillFull, 100}} {
		c := Config{Profile: Steady, Answer: 1, TokensPerEvent: 4, BillCut: tt.bill}
		bubble(t, c, func(t *testing.T, a *api) {
			body := ask("claude-haiku-4-5", 100, "12345678", `,"stream":true`) // 3 + 2 tokens
			a.post("/v1/messages", body, "X-Sim-Fault", "cut=5")               // the second delta is the fifth event
			if r := a.last(); r.Billed != Pico(5*1_000_000+tt.want*5_000_000) || r.OutputTokens < 4 || r.OutputTokens > 8 {
				t.Errorf("%q: cut after %d tokens, billed %v", tt.bill, r.OutputTokens, r.Billed)
			}
			a.post("/v1/messages", body)
			if r := a.last(); r.Billed != 5*1_000_000+100*5_000_000 {
				t.Errorf("%q: a whole answer was billed %v", tt.bill, r.Billed)
			}
			a.post("/v1/messages", body, "X-Sim-Fault", "status=500")
			if r := a.last(); r.Billed != 0 {
				t.Errorf("%q: an error was billed %v", tt.bill, r.Billed)
			}
			if _, sum := a.truthOf(""); sum["billed_usd"] != (Pico(5*1_000_000*2 + (tt.want+100)*5_000_000)).Dollars() {
				t.Errorf("%q: totals %v", tt.bill, sum)
			}
		})
	}
}

func TestLatenessIsTold(t *testing.T) {
	bubble(t, Config{Profile: Steady}, func(t *testing.T, a *api) {
		a.post("/v1/messages", ask("claude-haiku-4-5", 100, "Hi", `,"stream":true`))
		if _, sum := a.truthOf(""); len(sum["warnings"].([]any)) != 0 || sum["lateness_p99_ms"] != 0.0 {
			t.Errorf("in time: %v", sum)
		}
		for range 10 {
			a.truth.late.add(20 * time.Millisecond)
		}
		_, sum := a.truthOf("")
		warnings, _ := sum["warnings"].([]any)
		if len(warnings) != 1 || !strings.Contains(warnings[0].(string), "too busy") || sum["lateness_max_ms"] != 20.0 || sum["lateness_p99_ms"] != 20.0 {
			t.Errorf("late: %v", sum)
		}
	})
}
