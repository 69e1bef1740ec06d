package cli

import (
	"context"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/run"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/sim"
)

// What check says of a plan is what the run then does: tokens, dollars and the
// time of the first 429 within 10 %, for the quickstart and each example. In
// virtual time, so that no busy machine is in between.
func TestCheckPredictsTheRun(t *testing.T) {
	examples, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(examples) < 5 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	limited := 0
	for _, name := range append(examples, "") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			src := plan.Quickstart()
			if name != "" {
				if src, err = os.ReadFile(name); err != nil {
					t.Fatal(err)
				}
			}
			for seed := range uint64(3) {
				if predicted(t, filepath.Dir(name), src, seed) {
					limited++
				}
			}
		})
	}
	if limited == 0 {
		t.Error("no example met a limit, so no first 429 was compared")
	}
}

// predicted compares one run with its forecast and reports whether it met a limit.
func predicted(t *testing.T, dir string, src []byte, seed uint64) (met bool) {
	t.Helper()
	p, err := plan.Parse("plan.yaml", src, plan.Options{FS: os.DirFS(dir), Dir: dir, ReadFile: os.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	seeded := *p
	seeded.Seed, seeded.SeedGiven = seed, true
	l := loaded{plan: &seeded, target: target{url: plan.SimURL}}
	limits, from, err := limitsFrom("", "", l)
	if err != nil {
		t.Fatal(err)
	}
	f, err := forecastOf(l, grounds{limits: limits, from: from})
	if err != nil {
		t.Fatal(err)
	}
	var usage call.Usage
	var cost call.USD
	first := time.Duration(math.MaxInt64)
	for _, r := range recordsOf(t, virtualRun(t, &seeded)) {
		cost += r.Cost
		usage.Input += r.Input
		usage.CacheRead += r.CacheRead
		usage.CacheWrite5m += r.CacheWrite5m
		usage.Output += r.Output
		if r.Class == call.RateLimited {
			first = min(first, r.Sent)
		}
	}
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 0.1*want {
			t.Errorf("seed %d: check says %s %v; the run had %v", seed, what, got, want)
		}
	}
	near("input tokens", float64(f.Usage.Input), float64(usage.Input))
	near("cache reads", float64(f.Usage.CacheRead), float64(usage.CacheRead))
	near("cache writes", float64(f.Usage.CacheWrite5m), float64(usage.CacheWrite5m))
	near("output tokens", float64(f.Usage.Output), float64(usage.Output))
	near("dollars", float64(f.Cost), float64(cost))
	_, o := f.Binding()
	if first != math.MaxInt64 || o.First429 > 0 {
		near("first 429", o.First429.Seconds(), first.Seconds())
	}
	return first != math.MaxInt64
}

// virtualRun executes a plan against the simulator inside a bubble.
func virtualRun(t *testing.T, p *plan.Plan) *store.Run {
	t.Helper()
	return virtualRunOn(t, p, simConfig(p, ""))
}

// virtualRunOn executes a plan against a simulator of its own.
func virtualRunOn(t *testing.T, p *plan.Plan, c sim.Config) *store.Run {
	t.Helper()
	return virtualRunsOn(t, c, p)[0]
}

// virtualRunsOn executes plans one after the other against one simulator.
func virtualRunsOn(t *testing.T, c sim.Config, plans ...*plan.Plan) (all []*store.Run) {
	t.Helper()
	return virtualRunsIn(t, world{}, c, plans...)
}

// world is what lies between a client and the simulator.
type world struct {
	dial   time.Duration // a connection takes so long
	behind func(http.Handler) http.Handler
}

func (w world) connect(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		select {
		case <-time.After(w.dial):
			return dial(ctx, network, address)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// virtualRunsIn does so with something between.
func virtualRunsIn(t *testing.T, w world, c sim.Config, plans ...*plan.Plan) (all []*store.Run) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		server, err := sim.New(c)
		if err != nil {
			t.Fatal(err)
		}
		ln := &memory{conns: make(chan net.Conn), done: make(chan struct{})}
		if w.behind == nil {
			s := server.Serve(ln)
			defer s.Close() //nolint:errcheck // in memory
		} else {
			s := http.Server{Handler: w.behind(server)}
			go s.Serve(ln)  //nolint:errcheck // closed below
			defer s.Close() //nolint:errcheck // in memory
		}
		for i, p := range plans {
			err = run.Execute(t.Context(), run.Config{Plan: p, Dir: filepath.Join(dir, strconv.Itoa(i)), ID: "run", Target: "sim",
				Client: client.Config{API: p.Target.API, BaseURL: "http://" + ln.Addr().String(), Key: "simulated", Dial: w.connect(ln.dial), Timeout: p.Target.Timeout, StallTimeout: p.Target.StallTimeout}})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	for i := range plans {
		stored, err := store.Open(filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, stored)
	}
	return all
}

func recordsOf(t *testing.T, stored *store.Run) (all []call.Result) {
	t.Helper()
	for r, err := range stored.Results() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// memory is a listener whose connections are pipes.
type memory struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
		return ours, nil
	case <-m.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
