package diagnose

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

const sonnet = "claude-sonnet-4-6"

// withheldAlike takes figures that are withheld for equal.
var withheldAlike = cmp.Comparer(func(a, b metrics.Number) bool { return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b)) })

// sideOf is answers of a model to a task: prompts of about a length, a time about
// a median, a price.
type sideOf struct {
	model, task string
	prompt      int64
	ms          float64
	usd         float64
	output      int64
	from        time.Duration
}

func (s sideOf) answers(n int, seed uint64) []call.Result {
	rng := rand.New(rand.NewPCG(seed, 3))
	var out []call.Result
	for i := range n {
		r := ok(s.from+time.Duration(i)*time.Second, s.prompt+rng.Int64N(20), max(s.output, 100)+rng.Int64N(20), noisy(rng, s.ms))
		r.Model, r.Task, r.Index = s.model, s.task, i
		r.Cost = call.USD(s.usd * (0.9 + 0.2*rng.Float64()) * float64(call.Dollar))
		out = append(out, r)
	}
	return out
}

func both(a, b sideOf) []call.Result { return slices.Concat(a.answers(100, 1), b.answers(100, 2)) }

func TestModelChoice(t *testing.T) {
	base := sideOf{haiku, "ask", 800, 400, 0.001, 0, 0}
	with := func(change func(*sideOf)) sideOf {
		s := base
		s.model = sonnet
		change(&s)
		return s
	}
	twice := func(s *sideOf) { s.ms, s.usd = 1200, 0.003 }
	for _, c := range []struct {
		name       string
		other      sideOf
		want       bool
		confidence float64 // at most
		said       []string
	}{
		{"slower and dearer", with(twice), true, 0.99, []string{sonnet + " takes 2.", " and costs 3.02 times as much as " + haiku, "both answered the same task", "quality is not measured", "--route ask=" + haiku}},
		{"dearer, no slower", with(func(s *sideOf) { s.ms, s.usd = 420, 0.003 }), true, 0.99, []string{sonnet + " costs 3.02 times as much as " + haiku + " for"}},
		{"slower, no dearer", with(func(s *sideOf) { s.ms, s.usd = 1200, 0.00101 }), true, 0.99, []string{sonnet + " takes 2."}},
		{"dearer, but faster", with(func(s *sideOf) { s.ms, s.usd = 200, 0.003 }), false, 0, nil},
		{"alike", with(func(s *sideOf) { s.ms, s.usd = 440, 0.0011 }), false, 0, nil},
		{"free", with(func(s *sideOf) { s.ms, s.usd = 1200, 0 }), false, 0, nil},
		{"another task of like prompts", with(func(s *sideOf) { twice(s); s.task = "tell" }), true, 0.5, []string{"rival explanation: the tasks are not the same (tell and ask)"}},
		{"longer answers", with(func(s *sideOf) { twice(s); s.output = 300 }), true, 0.5, []string{"rival explanation: the answers are longer (median 3"}},
		{"at another time", with(func(s *sideOf) { twice(s); s.from = 100 * time.Second }), true, 0.5, []string{"rival explanation: the two were not asked at the same time"}},
	} {
		d := diagnosed(both(base, c.other))
		f, found := finding(d, "model.choice")
		if found != c.want || !found && !slices.Contains(d.NotFound, "model.choice") {
			t.Errorf("%s: found %v, needs %q: %s", c.name, found, missing(d, "model.choice"), wordsOf(f))
			continue
		}
		if f.Confidence > c.confidence || found && (f.Severity != Low || f.Confidence < 0.4) {
			t.Errorf("%s: severity %s, confidence %v; want at most %v", c.name, f.Severity, f.Confidence, c.confidence)
		}
		for _, s := range c.said {
			if !strings.Contains(wordsOf(f), s) {
				t.Errorf("%s: the finding does not say %q:\n%s", c.name, s, wordsOf(f))
			}
		}
	}
}

func TestModelChoiceNotAssessable(t *testing.T) {
	base := sideOf{haiku, "ask", 800, 400, 0.001, 0, 0}
	far := sideOf{sonnet, "tell", 1200, 1200, 0.003, 0, 0}
	short, shortToo := sideOf{haiku, "ask", 40, 400, 0.001, 0, 0}, sideOf{sonnet, "tell", 40, 1200, 0.003, 0, 0}
	few := sideOf{sonnet, "ask", 800, 1200, 0.003, 0, 0}
	for name, c := range map[string]struct {
		rs   []call.Result
		want string
	}{
		"one model":      {base.answers(100, 1), "two models with 20 answers each to the same task, or to prompts of like length from 100 tokens on; the run has one model only, " + haiku},
		"other lengths":  {both(base, far), "the models of the run do different work"},
		"short prompts":  {both(short, shortToo), "the models of the run do different work"},
		"too few of one": {append(base.answers(100, 1), few.answers(19, 2)...), "two models with 20 answers each"},
		"nothing":        {nil, "two models with 20 answers each"},
	} {
		if got := missing(diagnosed(c.rs), "model.choice"); !strings.Contains(got, c.want) {
			t.Errorf("%s: needs %q; want %q", name, got, c.want)
		}
	}
}

// The models stand side by side, with intervals; what is not known is withheld.
func TestModelsSideBySide(t *testing.T) {
	rs := both(sideOf{sonnet, "ask", 800, 1200, 0.003, 0, 0}, sideOf{haiku, "ask", 800, 400, 0.001, 0, 0})
	rs = append(rs, sideOf{"claude-opus-4-6", "ask", 800, 400, 0.001, 0, 0}.answers(5, 3)...)
	var e Evidence
	for _, r := range rs {
		e.Add(r)
	}
	got := e.Diagnosis(valid(metrics.ClassLimits{Requests: use(60, 15), InputTokens: use(1000, 900)})).Models
	if len(got) != 3 || got[0].Model != haiku || got[1].Model != "claude-opus-4-6" || got[2].Model != sonnet {
		t.Fatalf("models = %+v", got)
	}
	h, o, s := got[0], got[1], got[2]
	if h.Answers != 100 || h.ServiceTTFT.Value < 360 || h.ServiceTTFT.Value > 440 || !(h.ServiceTTFT.Low < h.ServiceTTFT.Value && h.ServiceTTFT.Value < h.ServiceTTFT.High) {
		t.Errorf("haiku = %+v", h)
	}
	if h.Headroom != 0.25 || h.Limit != "requests" || s.Headroom.Known() || s.Limit != "" {
		t.Errorf("headroom %v of %s; %v of %s", h.Headroom, h.Limit, s.Headroom, s.Limit)
	}
	if c := s.Cost; math.Abs(float64(c.Value)-3) > 0.1 || !(c.Low < 3.02 && c.High > 2.98) || c.High-c.Low > 0.2 {
		t.Errorf("cost = %+v", c)
	}
	if o.ServiceE2E.Known() || o.Answers != 5 || o.Cost.Low.Known() || !o.Cost.Known() {
		t.Errorf("five answers have a median: %+v", o)
	}
	if h.Uncached.Known() || len(h.NotTold) != 1 || !strings.Contains(h.NotTold[0], "per 1,000 uncached input tokens cannot be told") {
		t.Errorf("slopes: %+v, %q", h.Uncached, h.NotTold)
	}
	js, err := json.Marshal(o.ServiceE2E)
	if d := cmp.Diff(`{"value":null,"low":null,"high":null}`, string(js)); err != nil || d != "" {
		t.Errorf("%v, %s", err, d)
	}
	slopes := evidenceOf(sized(480, 1, func(rng *rand.Rand) (int64, int64) {
		return oneOf(rng, 500, 5000, 20_000, 60_000), oneOf(rng, 0, 5000, 20_000, 60_000)
	})).Diagnosis(valid(noLimits)).Models[0]
	if u, c := slopes.Uncached, slopes.Cached; math.Abs(float64(u.Value)-110) > 3 || math.Abs(float64(c.Value)-14.44) > 3 || len(slopes.NotTold) > 0 || slopes.InFlight.Known() {
		t.Errorf("slopes = %+v", slopes)
	}
}
