package cli

import (
	"fmt"
	"math"
	"net"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/tokenload/tokenload/internal/capacity"
	"github.com/tokenload/tokenload/internal/client"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/sim"
)

// searched makes a whole search against a simulator of its own, in virtual time.
func searched(t *testing.T, p *plan.Plan, api sim.Config, c capacity.Config, hidden bool) *finder {
	t.Helper()
	f, err := newFinder(p, c)
	if err != nil {
		t.Fatal(err)
	}
	f.dir, f.target = t.TempDir(), "http://api"
	f.say = func(s string) { t.Log(s) }
	synctest.Test(t, func(t *testing.T) {
		server, err := sim.New(api)
		if err != nil {
			t.Fatal(err)
		}
		ln := &memory{conns: make(chan net.Conn), done: make(chan struct{})}
		s := server.Serve(ln)
		defer s.Close() //nolint:errcheck // in memory
		f.client = client.Config{API: p.Target.API, BaseURL: s.URL, Key: "simulated", Dial: ln.dial, Timeout: p.Target.Timeout, StallTimeout: p.Target.StallTimeout}
		if err := f.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
	return f
}

func planOf(t *testing.T, seed uint64, from string) *plan.Plan {
	t.Helper()
	src := fmt.Sprintf("version: 1\nname: search\ntarget: {base_url: sim}\n%s\ngraceful_stop: 60s\nseed: %d\n", from, seed)
	p, err := plan.Parse("plan.yaml", []byte(src), plan.Options{FS: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const poissonLoad = "load: {arrivals: {process: poisson, rate: 1/s, duration: 1m}}\n"

func TestFindFirst(t *testing.T) {
	for seed := range uint64(3) {
		p := planOf(t, seed+1, chatTask+poissonLoad)
		f := searched(t, p, sim.Config{Seed: seed, Limits: map[string]sim.Limits{"haiku-4.5": {Requests: 300}}}, capacity.Config{}, false)
		a := f.search.Answer()
		t.Logf("%.3f [%.3f, %.3f] %s %+v", a.Load.Value, a.Load.Low, a.Load.High, a.Bound, a.Confirmed)
		if math.Abs(a.Load.Value-5) > 0.25 {
			t.Errorf("found %v; want 5", a.Load.Value)
		}
	}
}
