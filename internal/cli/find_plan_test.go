package cli

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// Which thresholds a search keeps, as which share, and which it names as left out.
func TestDemandsOf(t *testing.T) {
	for _, c := range []struct {
		threshold string
		allowed   float64 // of its one demand; 0 is a mean
		left      string  // why it is left out
	}{
		{"ttft: p(95)<2s", 0.05, ""},
		{"e2e: med<=9s", 0.5, ""},
		{"output_rate: p(5)>40", 0.05, ""},
		{"e2e: max<30s", extreme, ""},
		{"ttft: avg<2s", 0, ""},
		{"failed: rate<1%", 0.01, ""},
		{"checks: rate>95%", 0.05, ""},
		{"\"ttft{task:medium}\": p(90)<2s", 0.1, ""},
		{"rate_limited: rate<1%", 0, "the answer keeps it by itself"},
		{"cost: total<1.00", 0, "grows with the length of a run"},
		{"goodput: rate>5", 0, "that is what the search varies"},
		{"requests: count>100", 0, "that is what the search varies"},
		{"event_gap: p(95)<1s", 0, "recorded for a step as a whole"},
		{"lag: p(99)<10ms", 0, "about this machine"},
		{"ttft: p(95)>2s", 0, "cannot break"},
		{"ttft: min<2s", 0, "one request keeps it"},
		{"failed: rate<100%", 0, "no number of requests shows"},
		{"ttft: avg==2s", 0, "have no side"},
	} {
		p := planOf(t, 1, mediumTask+poisson+"checks: [{content: true}]\nslo: {ttft: 2s}\nthresholds: {"+c.threshold+"}\n")
		demands, left := demandsOf(p)
		switch {
		case c.left == "" && (len(demands) != 1 || math.Abs(demands[0].Allowed-c.allowed) > 1e-9 || len(left) > 0):
			t.Errorf("%s: %d demands, %v left out; want one that allows %v", c.threshold, len(demands), left, c.allowed)
		case c.left != "" && (len(demands) > 0 || len(left) != 1 || !strings.Contains(left[0].Why, c.left)):
			t.Errorf("%s: %d demands, %v left out; want it left out because %q", c.threshold, len(demands), left, c.left)
		}
	}
}

func TestDemandsJudge(t *testing.T) {
	p := planOf(t, 1, mediumTask+poisson+"thresholds: {ttft: p(95)<2s, e2e: avg<4s, failed: rate<1%}\n")
	demands, _ := demandsOf(p)
	of := func(r call.Result) (out [3]float64) {
		for i, d := range demands {
			out[i] = d.bad(r)
		}
		return out
	}
	ok := call.Result{Class: call.OK, Due: time.Second, Sent: time.Second, FirstContent: 2 * time.Second, LastContent: 3 * time.Second, Done: 3 * time.Second}
	slow := ok
	slow.FirstContent, slow.LastContent, slow.Done = 4*time.Second, 9*time.Second, 9*time.Second
	cut := call.Result{Class: call.Canceled, Due: time.Second, Sent: time.Second, Done: 9 * time.Second}
	for _, c := range []struct {
		name string
		r    call.Result
		want [3]float64
	}{
		{"ok", ok, [3]float64{0, 0.5, 0}},
		{"slow", slow, [3]float64{1, 2, 0}},
		{"timed out", call.Result{Class: call.Timeout, Due: time.Second, Done: time.Minute}, [3]float64{1, math.Inf(1), 1}},
		{"cancelled by us after it had waited too long", cut, [3]float64{1, math.NaN(), math.NaN()}},
		{"refused by a limit", call.Result{Class: call.RateLimited, Sent: time.Second, Done: time.Second}, [3]float64{math.NaN(), math.NaN(), math.NaN()}},
	} {
		got := of(c.r)
		for i := range got {
			if got[i] != c.want[i] && !(math.IsNaN(got[i]) && math.IsNaN(c.want[i])) {
				t.Errorf("%s: %s says %v; want %v", c.name, demands[i].Name, got[i], c.want[i])
			}
		}
	}
}
