package sim

import (
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// control sends to /sim/config.
func (a *api) control(method, body string) (int, map[string]any) {
	a.t.Helper()
	r := a.request("/sim/config", body, "X-Api-Key", "")
	r.Method = method
	ans := a.do(r)
	var v map[string]any
	if err := json.Unmarshal([]byte(ans.body), &v); err != nil || ans.err != nil {
		a.t.Fatalf("%s /sim/config: %d %q (%v, %v)", method, ans.status, ans.body, err, ans.err)
	}
	return ans.status, v
}

func TestConfigIsChangedWhileRunning(t *testing.T) {
	c := Config{Profile: Steady, Answer: 1, EventsPerSecond: 10, TokensPerEvent: 1, Keys: []string{"sk-secret"}, Tier: "tier1"}
	bubble(t, c, func(t *testing.T, a *api) {
		took := func() (int, time.Duration) {
			sent := time.Now()
			status := a.post("/v1/messages", ask("claude-haiku-4-5", 11, "Hi", ""), "X-Api-Key", "sk-secret").status
			return status, time.Since(sent)
		}
		if status, d := took(); status != 200 || d != time.Second {
			t.Errorf("at first: %d after %v", status, d)
		}
		status, in := a.control("GET", "")
		if _, told := in["keys"]; told || status != 200 || in["tier"] != "tier1" || in["ping_every"] != "30s" || in["load"].(map[string]any)["slots"] != 64.0 {
			t.Errorf("in force: %d %v", status, in)
		}

		// One under way keeps what was in force when it came.
		done := make(chan time.Duration)
		go func() { _, d := took(); done <- d }()
		time.Sleep(500 * time.Millisecond)
		status, in = a.control("POST", "events_per_second: 20\nttft: 250ms\n")
		if status != 200 || in["events_per_second"] != 20.0 || in["ttft"] != "250ms" || in["tier"] != "tier1" {
			t.Errorf("changed: %d %v", status, in)
		}
		if d := <-done; d != time.Second {
			t.Errorf("the one under way took %v", d)
		}
		if _, d := took(); d != 750*time.Millisecond {
			t.Errorf("afterwards %v", d)
		}

		// Limits that are not changed keep their level; others are full.
		before := a.set().gates["haiku-4.5"]
		a.control("POST", `{"limits":{"opus-5":{"requests":7}}}`)
		if a.set().gates["haiku-4.5"] != before || a.set().gates["opus-5"].requests.limit != 7 {
			t.Error("limits of a class that was not named changed, or those of one that was did not")
		}

		// A window counts from the change.
		time.Sleep(time.Hour)
		a.control("POST", `{"faults":["status=529; from=1s; to=2s"]}`)
		time.Sleep(1500 * time.Millisecond)
		if status, _ := took(); status != 529 {
			t.Errorf("in the window: %d", status)
		}
		a.control("POST", `{"answer":0.5}`) // faults stay as they are
		time.Sleep(time.Second)
		if status, _ := took(); status != 200 {
			t.Errorf("after the window: %d", status)
		}
		if _, in = a.control("POST", `{"faults":null,"ttft":null}`); len(in["faults"].([]any)) != 0 || in["ttft"] != "0s" || in["answer"] != 0.5 {
			t.Errorf("reset: %v", in)
		}
	})
}

func TestBadChangesChangeNothing(t *testing.T) {
	bubble(t, Config{Seed: 5}, func(t *testing.T, a *api) {
		_, before := a.control("GET", "")
		for body, want := range map[string]string{
			`{"answer":0.5,"tier":"gold"}`:              "tier is",
			`{"answer":0.5,"faults":[{"kind":"boom"}]}`: "kind is",
			`{"answer":0.5,"seed":6}`:                   "seed cannot be changed",
			`{"answer":0.5,"addr":"0.0.0.0:80"}`:        "addr cannot be changed",
			`{"answer":`:                                "not valid YAML",
			`{"answre":1}`:                              "unknown field",
		} {
			status, v := a.control("POST", body)
			if message, _ := v["error"].(map[string]any)["message"].(string); status != 400 || !strings.Contains(message, want) || len(v["mistakes"].([]any)) != 1 {
				t.Errorf("%s: %d %v, want %q", body, status, v, want)
			}
		}
		if status, _ := a.control("POST", strings.Repeat(" ", maxConfig+1)); status != 413 {
			t.Errorf("too large: %d", status)
		}
		if status, _ := a.control("DELETE", ""); status != 405 {
			t.Errorf("DELETE: %d", status)
		}
		r := a.request("/sim/config", "answer: 0.5", "Sec-Fetch-Site", "cross-site")
		if ans := a.do(r); ans.status != http.StatusForbidden {
			t.Errorf("of another origin: %d", ans.status)
		}
		status, after := a.control("POST", "")
		if diff := cmp.Diff(before, after); diff != "" || status != 200 {
			t.Errorf("%d, changed (-before +after):\n%s", status, diff)
		}
		whole, _ := json.Marshal(before)
		if status, after = a.control("POST", string(whole)); status != 200 || !reflect.DeepEqual(before, after) {
			t.Errorf("what is in force is not taken back: %d %v", status, after)
		}
	})
}

// A load model that is exchanged lets go of those it works on.
func TestLoadIsExchanged(t *testing.T) {
	bubble(t, Config{Load: Load{Model: LoadQueue, Slots: 1}, Profile: Steady, Answer: 1, EventsPerSecond: 1, TokensPerEvent: 1}, func(t *testing.T, a *api) {
		starts := make(chan time.Duration, 3)
		send := func() {
			a.post("/v1/messages", ask("claude-haiku-4-5", 11, "Hi", ""))
			starts <- 0
		}
		go send()
		go send() // waits for the first
		time.Sleep(time.Second)
		a.control("POST", "load: {model: step, step: 1s}")
		go send() // does not
		for range 3 {
			<-starts
		}
		synctest.Wait()
		var waits []float64
		for _, r := range a.Truth() {
			waits = append(waits, math.Round(r.Start.Seconds()))
		}
		slices.Sort(waits)
		if !slices.Equal(waits, []float64{0, 0, 10}) {
			t.Errorf("waited %v s", waits)
		}
	})
}
