package cli

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/sim"
)

// A spend cap ends a search; once it is raised, the search goes on to its end.
func TestFindAfterSpendCap(t *testing.T) {
	p := planOf(t, 6, chatTask+poisson+quick+"budget: {usd: 2}\n")
	dir := t.TempDir()
	var said []string
	api := limited(sim.Limits{Requests: 120})
	api.SpendCap = 0.02
	onServer(t, api, true, func(t *testing.T, c client.Config, s *sim.Server) {
		f := finderIn(t, p, dir, &said)
		f.client = c
		if err := f.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if a := f.search.Answer(); a.Stopped != capacity.ByTarget || !strings.Contains(a.Detail, "spend cap") || f.number < 2 {
			t.Fatalf("stopped by %q, %s, in step %d; want the spend cap after the first", a.Stopped, a.Detail, f.number)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/sim/config", strings.NewReader(`{"spend_cap": 1000}`)))
		if w.Code != http.StatusOK {
			t.Fatalf("raise the cap: %d %s", w.Code, w.Body)
		}
		f = finderIn(t, p, dir, &said)
		f.client = c
		if err := f.replay(); err != nil {
			t.Fatal(err)
		}
		if err := f.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if a := f.search.Answer(); a.Stopped != "" || math.Abs(a.Load.Value-2) > 0.2 {
			t.Errorf("gone on: stopped by %q, %s, load %v; want 2/s", a.Stopped, a.Detail, a.Load.Value)
		}
	})
}

// dear answers late and bills input that no request shows.
type dear struct{ calls atomic.Int64 }

const dearTokens = 3000 // 0.3 cents

func (d *dear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) //nolint:errcheck // in memory
	d.calls.Add(1)
	time.Sleep(10 * time.Second)
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range []string{
		fmt.Sprintf(`{"type":"message_start","message":{"model":"claude-haiku-4-5","usage":{"input_tokens":%d,"output_tokens":1}}}`, dearTokens),
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Well."}}`,
		`{"type":"content_block_stop","index":0}`,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}`,
		`{"type":"message_stop"}`,
	} {
		kind, _, _ := strings.Cut(strings.TrimPrefix(e, `{"type":"`), `"`)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, e) //nolint:errcheck // in memory
	}
}

// A target that bills more than the worst case is met once in a search, not in
// each of its steps.
func TestFindOverrunsOnce(t *testing.T) {
	for _, budget := range []string{"0.29", "0.3", "0.31"} {
		p := planOf(t, 4, shortTask+poisson+"budget: {usd: "+budget+"}\n")
		dir := t.TempDir()
		var said []string
		synctest.Test(t, func(t *testing.T) {
			d := &dear{}
			ln := &memory{conns: make(chan net.Conn), done: make(chan struct{})}
			s := http.Server{Handler: d}
			go s.Serve(ln)  //nolint:errcheck // closed below
			defer s.Close() //nolint:errcheck // in memory
			f := finderIn(t, p, dir, &said)
			f.client = client.Config{BaseURL: "http://" + ln.Addr().String(), Key: "simulated", Dial: ln.dial, Timeout: time.Minute, StallTimeout: time.Minute}
			for range 4 {
				if f.left() == 0 {
					break
				}
				if err := f.make(t.Context(), nil, capacity.Step{Kind: capacity.Probe, Load: 2, Most: 20 * time.Second}); err != nil {
					t.Fatal(err)
				}
			}
			billed := float64(d.calls.Load()) * (dearTokens*1 + 5) / 1e6
			most := p.Budget.Guard.Budget.Dollars()
			if billed > most+dearTokens/1e6 || f.spent.Dollars() > most+dearTokens/1e6 {
				t.Errorf("budget %v: billed $%.4f, %v by our books: more than one call over", most, billed, f.spent)
			}
			if f.number < 3 || f.search.Answer().Stopped != capacity.ByBudget {
				t.Errorf("budget %v: %d steps, stopped by %q; want the budget in the third or later", most, f.number, f.search.Answer().Stopped)
			}
			if f.raise < 2 {
				t.Errorf("budget %v: raised by %v", most, f.raise)
			}
			again := finderIn(t, p, dir, &said)
			if err := again.replay(); err != nil || again.raise != f.raise {
				t.Errorf("told again: raised by %v (%v); want %v", again.raise, err, f.raise)
			}
		})
	}
}

// edit replaces in a file.
func edit(t *testing.T, path string, old ...string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(old...).Replace(string(b))
	if text == string(b) {
		t.Fatalf("nothing to replace in %s", path)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What a step with a purse of its own showed is used when it is told again, as it
// was at first; of one that failed itself, the worst is taken to be spent; and
// steps are told in the order they were made in.
func TestFindReplays(t *testing.T) {
	p := planOf(t, 8, chatTask+poisson+quick+"budget: {usd: 2}\n")
	dir := t.TempDir()
	var said []string
	whole := finderIn(t, p, dir, &said)
	onServer(t, limited(sim.Limits{Requests: 120}), true, func(t *testing.T, c client.Config, _ *sim.Server) {
		whole.client = c
		if err := whole.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
	all := len(whole.search.Steps())
	files, err := filepath.Glob(filepath.Join(dir, stepsDir, "*.json"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d steps (%v)", len(files), err)
	}
	told := func() *finder {
		f := finderIn(t, p, dir, &said)
		if err := f.replay(); err != nil {
			t.Fatal(err)
		}
		return f
	}
	last := strings.TrimSuffix(files[len(files)-1], ".json")
	manifest := filepath.Join(last, store.ManifestFile)
	edit(t, manifest, `"cause": "completed"`, `"cause": "budget"`, `"cause": "decided"`, `"cause": "budget"`)
	if f := told(); len(f.search.Steps()) != all-1 || f.lost != 1 {
		t.Errorf("ended by the search's budget: %d steps of %d", len(f.search.Steps()), all)
	}
	edit(t, last+".json", "\n}", ",\n  \"OwnPurse\": true\n}")
	if f := told(); len(f.search.Steps()) != all || f.lost != 0 || f.search.Answer().Stopped != "" || f.spent != whole.spent {
		t.Errorf("ended by its own purse: %d steps of %d, stopped by %q", len(f.search.Steps()), all, f.search.Answer().Stopped)
	}
	for i, path := range files[2:] { // 100-… comes before 11-… by name
		kind := strings.SplitN(filepath.Base(path), "-", 2)[1]
		to := filepath.Join(dir, stepsDir, fmt.Sprintf("%d-%s", []int{11, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110}[i], kind))
		if err := os.Rename(path, to); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(strings.TrimSuffix(path, ".json"), strings.TrimSuffix(to, ".json")); err != nil {
			t.Fatal(err)
		}
		last = strings.TrimSuffix(to, ".json")
	}
	kinds := func(f *finder) (out []capacity.Step) {
		for _, s := range f.search.Steps() {
			out = append(out, s.Step)
		}
		return out
	}
	if got, want := kinds(told()), kinds(whole); !slices.Equal(got, want) {
		t.Errorf("told again in the order %v; want %v", got, want)
	}
	edit(t, filepath.Join(last, store.ManifestFile), `"cause": "budget"`, `"cause": "error"`)
	log := filepath.Join(last, store.RequestsFile)
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if f := told(); f.lost != 1 || f.spent < whole.spent {
		t.Errorf("failed itself: %d lost, %v spent; want 1 and at least %v", f.lost, f.spent, whole.spent)
	}
}

// Part of a user is none.
func TestFindLessThanOneUser(t *testing.T) {
	a := capacity.Answer{Load: capacity.Estimate{Value: 0.003, Low: 0.002, High: 0.004}, Bound: capacity.ByLimit, Criterion: -1}
	out := found{Unit: "users", answer: a, Answer: foundAnswer{Limit: "requests of haiku-4.5"}}
	if got, want := out.words(), "less than 1 user, held back by the limit on requests of haiku-4.5"; got != want || exitOf(a, true) != exitWorse {
		t.Errorf("%q, exit %d; want %q, %d", got, exitOf(a, true), want, exitWorse)
	}
	if code := exitOf(a, false); code != 0 {
		t.Errorf("0.003 arrivals/s: exit %d; want 0", code)
	}
}

// The command that goes on says all that the first one did but the prompts.
func TestFindHint(t *testing.T) {
	c := findCommand{Plan: "my plan.yaml", Target: "http://a", API: "chat", Tier: "tier1", Budget: "1", Min: 0.5, Max: 9, Confirm: 10 * time.Second, Precision: "3%",
		Set: []string{"target.timeout=1s", "load={users: {count: 1}}", "tasks.0.prompts.0=SECRET"}}
	const all = "tokenload find 'my plan.yaml' --resume dir --target http://a --api chat --tier tier1 --confirm 10s --precision 3% --budget %s" +
		" --set target.timeout=1s --set 'load={users: {count: 1}}' --set 'tasks.0.prompts.0=…' --min 0.5 --max 9"
	for stopped, budget := range map[string]string{capacity.ByBudget: "MORE", capacity.ByUser: "1"} {
		if got, want := c.again("dir", stopped), strings.Replace(all, "%s", budget, 1); got != want {
			t.Errorf("stopped by %s:\n%s\nwant\n%s", stopped, got, want)
		}
	}
}

// The rule on dropped requests that every open loop has is named where it may not
// be kept.
func TestFindImplicitDropped(t *testing.T) {
	var said []string
	f := finderIn(t, planOf(t, 1, chatTask+poisson), t.TempDir(), &said)
	for dropped, want := range map[int]int{0: 0, 3: 1} {
		f.dropped = dropped
		out := f.found(searchRecord{})
		if len(out.LeftOut) != want || want > 0 && out.LeftOut[0].Threshold != "dropped rate<1%" {
			t.Errorf("%d dropped: left out %v", dropped, out.LeftOut)
		}
	}
}
