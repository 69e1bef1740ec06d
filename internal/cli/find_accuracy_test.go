package cli

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/run"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/workload"
	"github.com/tokenload/tokenload/sim"
)

// hidden is a writer that leaves out what headers say of limits.
type hidden struct{ http.ResponseWriter }

func (h hidden) strip() {
	for name := range h.Header() {
		if strings.HasPrefix(name, "Anthropic-Ratelimit-") {
			h.Header().Del(name)
		}
	}
}

func (h hidden) WriteHeader(status int)      { h.strip(); h.ResponseWriter.WriteHeader(status) }
func (h hidden) Write(b []byte) (int, error) { h.strip(); return h.ResponseWriter.Write(b) }
func (h hidden) Flush()                      { h.ResponseWriter.(http.Flusher).Flush() }
func (h hidden) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// onAPI runs something against a simulator, in virtual time.
func onAPI(t *testing.T, api sim.Config, headers bool, do func(t *testing.T, c client.Config)) {
	t.Helper()
	onServer(t, api, headers, func(t *testing.T, c client.Config, _ *sim.Server) { do(t, c) })
}

func onServer(t *testing.T, api sim.Config, headers bool, do func(t *testing.T, c client.Config, s *sim.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server, err := sim.New(api)
		if err != nil {
			t.Fatal(err)
		}
		ln := &memory{conns: make(chan net.Conn), done: make(chan struct{})}
		c := client.Config{BaseURL: "http://" + ln.Addr().String(), Key: "simulated", Dial: ln.dial, Timeout: 10 * time.Minute, StallTimeout: 5 * time.Minute}
		if headers {
			s := server.Serve(ln)
			defer s.Close() //nolint:errcheck // in memory
		} else {
			s := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { server.ServeHTTP(hidden{w}, r) })}
			go s.Serve(ln)  //nolint:errcheck // closed below
			defer s.Close() //nolint:errcheck // in memory
		}
		do(t, c, server)
	})
}

// searched makes a whole search against a simulator of its own.
func searched(t *testing.T, p *plan.Plan, api sim.Config, headers bool, c capacity.Config) *finder {
	t.Helper()
	f, err := newFinder(p, c)
	if err != nil {
		t.Fatal(err)
	}
	f.dir, f.target = t.TempDir(), "http://api"
	if testing.Verbose() {
		f.say = func(s string) { t.Log(s) }
	}
	onAPI(t, api, headers, func(t *testing.T, c client.Config) {
		f.client = c
		if err := f.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
	return f
}

// ran makes one run of a plan.
func ran(t *testing.T, p *plan.Plan, api sim.Config) *store.Run {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	onAPI(t, api, true, func(t *testing.T, c client.Config) {
		if err := run.Execute(t.Context(), run.Config{Plan: p, Dir: dir, ID: "run", Target: "http://api", Client: c}); err != nil {
			t.Fatal(err)
		}
	})
	stored, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func planOf(t *testing.T, seed uint64, from string) *plan.Plan {
	t.Helper()
	src := fmt.Sprintf("version: 1\nname: search\ntarget: {base_url: sim}\n%s\ngraceful_stop: 60s\nseed: %d\n", from, seed)
	p, err := plan.Parse("plan.yaml", []byte(src), plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// limitOf is the true capacity under the limits of a case, in the plan's unit:
// what refills by what a request takes, over many requests as the simulator draws
// them; +∞ without a limit.
func (c targetCase) limitOf(t *testing.T) float64 {
	t.Helper()
	p := planOf(t, 77, c.plan)
	api, err := sim.Rehearse(sim.Config{Seed: 99, NoStalls: true})
	if err != nil {
		t.Fatal(err)
	}
	mix, err := workload.New(p.Seed, p.Tasks, nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	var in, out, took float64
	for i := range n {
		a, err := api.Ask(time.Duration(i)*time.Second, mix.Request(i).Body)
		if err != nil {
			t.Fatal(err)
		}
		in, out, took = in+float64(a.InputTokens), out+float64(a.OutputTokens), took+a.Ends.Seconds()
	}
	l := c.api.Limits["haiku-4.5"]
	most := math.Inf(1)
	for _, k := range []struct {
		limit int
		each  float64
	}{{l.Requests, 1}, {l.InputTokens, in / n}, {l.OutputTokens, out / n}} {
		if k.limit > 0 {
			most = min(most, float64(k.limit)/60/k.each)
		}
	}
	if p.Load.Mode == plan.Users {
		most *= took / n
	}
	return most
}

// capacityOf is the truth of a case.
func (c targetCase) capacityOf(t *testing.T) float64 {
	if c.truth > 0 {
		return min(c.truth, c.limitOf(t))
	}
	return c.limitOf(t)
}

// sweep is what a linear sweep of ten steps of a minute each, up to twice the
// capacity, takes in tokens: what it gets answered counts.
func (c targetCase) sweep(t *testing.T, capacity float64) (tokens int64) {
	t.Helper()
	if !*full {
		return 0
	}
	p := planOf(t, 5, c.plan)
	var stages []string
	for i := range 10 {
		at := capacity * 2 * float64(i+1) / 10
		target := fmt.Sprintf("%.4f/s", at)
		if p.Load.Mode == plan.Users {
			target = fmt.Sprint(max(1, int(math.Round(at))))
		}
		stages = append(stages, fmt.Sprintf("{duration: 0s, target: %s}, {duration: 60s, target: %s}", target, target))
	}
	load := fmt.Sprintf("load: {arrivals: {process: poisson, max_in_flight: 100000, stages: [%s]}}\n", strings.Join(stages, ", "))
	if p.Load.Mode == plan.Users {
		load = fmt.Sprintf("load: {users: {stages: [%s]}}\non_limit: obey\n", strings.Join(stages, ", "))
	}
	var tasks string
	for _, line := range strings.SplitAfter(c.plan, "\n") {
		if strings.HasPrefix(line, "tasks:") {
			tasks = line
		}
	}
	for r, err := range ran(t, planOf(t, 5, tasks+load), c.api).Results() {
		if err != nil {
			t.Fatal(err)
		}
		tokens += r.Prompt() + r.Output
	}
	return tokens
}

// How near searches come to the truth and what they take for it, for each class of
// target. -full asks ten seeds of each.
func TestAccuracyFind(t *testing.T) {
	classes := map[string]*searchScore{}
	var order []string
	var all searchScore
	for _, c := range targetCases() {
		t.Run(strings.ReplaceAll(c.class+"/"+c.name, " ", "_"), func(t *testing.T) {
			if *full && c.truth > 0 && !strings.HasPrefix(c.class, "mixed") {
				c.checkTruth(t)
			}
			s := c.score(t)
			if classes[c.class] == nil {
				classes[c.class] = &searchScore{}
				order = append(order, c.class)
			}
			classes[c.class].add(s)
			t.Logf("detail | find, %s, %s: worst %+.1f %%, mean %+.1f %%, at most %.0f %% of a sweep's tokens, the interval holds the truth in %d of %d",
				c.class, c.name, 100*s.worst(), 100*s.mean(), 100*slices.Max(s.parts), s.held, len(s.errors))
		})
	}
	for _, class := range order {
		s := classes[class]
		of := fmt.Sprintf("%d searches", len(s.errors))
		most := 0.05
		if class == slowing {
			most = 0.15
		}
		within := len(s.errors) - s.far(most)
		if !*full { // one search each: no share to speak of
			if within < len(s.errors) || s.meanPart() > 0.4 {
				t.Errorf("%s: %.1f %% off, %.0f %% of a sweep's tokens", class, 100*s.worst(), 100*s.meanPart())
			}
			continue
		}
		accuracyRow(t, share(within, len(s.errors)) >= 0.95 && math.Abs(s.mean()) <= 0.02, fmt.Sprintf("find, %s: within %.0f %% of the truth", class, 100*most), "≥ 95 %",
			fmt.Sprintf("%s, worst %+.1f %%", percents(within, len(s.errors)), 100*s.worst()), of)
		accuracyRow(t, slices.Max(s.parts) <= 1.0/3, "find, "+class+": tokens of a ten-step sweep", "≤ 33 % each",
			fmt.Sprintf("mean %.0f %%, most %.0f %%", 100*s.meanPart(), 100*slices.Max(s.parts)), of)
		all.add(*s)
	}
	if *full {
		n := len(all.errors)
		accuracyRow(t, share(all.held, n) >= 0.90, "find: 95 % intervals that hold the truth", "≥ 90 %", percents(all.held, n), fmt.Sprintf("%d searches", n))
	}
}

// searchScore is how some searches came out.
type searchScore struct {
	errors, parts []float64 // relative to the truth; of a sweep's tokens
	held          int       // intervals that hold the truth
}

func (s *searchScore) add(o searchScore) {
	s.errors, s.parts, s.held = append(s.errors, o.errors...), append(s.parts, o.parts...), s.held+o.held
}

// far counts those that are more than so much off.
func (s searchScore) far(most float64) int {
	n := 0
	for _, e := range s.errors {
		if math.Abs(e) > most {
			n++
		}
	}
	return n
}

func (s searchScore) worst() float64 {
	return slices.MaxFunc(s.errors, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
}

func (s searchScore) mean() float64 { return sumOf(s.errors) / float64(len(s.errors)) }

func (s searchScore) meanPart() float64 { return sumOf(s.parts) / float64(len(s.parts)) }

func sumOf(v []float64) (sum float64) {
	for _, x := range v {
		sum += x
	}
	return sum
}

// score searches with several seeds.
func (c targetCase) score(t *testing.T) (s searchScore) {
	t.Helper()
	truth := c.capacityOf(t)
	sweep := c.sweep(t, truth)
	seeds := uint64(1)
	if *full {
		seeds = 10
	}
	for seed := range seeds {
		api := c.api
		api.Seed = seed
		f := searched(t, planOf(t, seed+1, c.plan), api, c.headers, capacity.Config{})
		a := f.search.Answer()
		if e := a.Load.Value/truth - 1; math.Abs(e) > 0.025 {
			t.Logf("seed %d: found %.4g (%.4g to %.4g) where %.4g is true (%+.1f %%)", seed, a.Load.Value, a.Load.Low, a.Load.High, truth, 100*e)
		}
		s.errors = append(s.errors, a.Load.Value/truth-1)
		part := float64(a.Input+a.Output) / float64(sweep)
		if sweep == 0 { // as a sweep takes of a target with a limit: 300 s of it, the bucket's minute, and 180 s below it
			part = float64(a.Requests) / (a.Arrivals * 540)
		}
		s.parts = append(s.parts, part)
		if a.Load.Low <= truth && truth <= a.Load.High {
			s.held++
		}
		if want := map[bool]string{true: capacity.ByLimit, false: capacity.ByCriterion}[truth == c.limitOf(t)]; a.Bound != want || a.AtLeast {
			t.Errorf("seed %d: held back by %q, at least %v; want %q", seed, a.Bound, a.AtLeast, want)
		}
	}
	return s
}

// checkTruth holds a capacity that is written down here against runs of ten
// minutes just below it and just above.
func (c targetCase) checkTruth(t *testing.T) {
	t.Helper()
	demands, _ := demandsOf(planOf(t, 3, c.plan))
	for _, part := range []float64{0.97, 1.03} {
		if got := c.shareAt(t, part*c.truth, 10*time.Minute); (got > demands[0].Allowed) != (part > 1) {
			t.Errorf("at %.2f of the capacity %.1f %% violate; %.0f %% may", part, 100*got, 100*demands[0].Allowed)
		}
	}
}

// shareAt is the share of requests that violate the first threshold in a long run.
func (c targetCase) shareAt(t *testing.T, load float64, length time.Duration) float64 {
	t.Helper()
	p := planOf(t, 3, c.plan)
	s := capacity.Step{Kind: capacity.Probe, Users: p.Load.Mode == plan.Users, Load: load, Most: length}
	if s.Users {
		s.Load = math.Round(load)
	}
	q := stepPlan(p, s, 1, -1)
	if !s.Users {
		q.Load.MaxInFlight = 100_000
	}
	demands, _ := demandsOf(p)
	bad, n := 0.0, 0.0
	for _, r := range recordsOf(t, ran(t, q, c.api)) {
		if v := demands[0].bad(r); r.Due > length/20 && !math.IsNaN(v) { // from when it is steady
			bad, n = bad+v, n+1
		}
	}
	return bad / n
}
