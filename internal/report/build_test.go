package report

import (
	"fmt"
	"testing"
	"time"

	"encoding/json"
	"errors"
	"github.com/google/go-cmp/cmp"
	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/store"
	"strings"
)

func TestMetaOf(t *testing.T) {
	m := newSample("open").manifest
	m.Load.Mode, m.Load.Planned, m.Load.MaxInFlight, m.Load.WarmUp = "arrivals", 300, 50, 2*time.Second
	m.SLO = store.SLO{TTFT: 2 * time.Second, E2E: 10 * time.Second}
	m.Target = "sim"
	want := metrics.Meta{
		Planned: 300, OpenLoop: true, WarmUp: 2 * time.Second, End: 20 * time.Second, MaxInFlight: 50, Budget: call.Dollar,
		SLOTTFT: 2 * time.Second, SLOE2E: 10 * time.Second, Clock: "kernel", Cores: 2, SimInside: true, Checks: m.Checks,
		Stages: []metrics.Span{{Stage: "warm-up", To: 5 * time.Second}, {Stage: "steady", From: 5 * time.Second, To: 20 * time.Second}},
	}
	if d := cmp.Diff(want, metaOf(m)); d != "" {
		t.Errorf("metaOf (-want +got):\n%s", d)
	}
	m.BudgetUSD, m.Ended, m.Target, m.Load.Mode = nil, nil, "http://localhost", "users"
	want.Budget, want.Partial, want.SimInside, want.OpenLoop = 0, true, false, false
	if d := cmp.Diff(want, metaOf(m)); d != "" {
		t.Errorf("metaOf without budget and end (-want +got):\n%s", d)
	}
}

func TestPartial(t *testing.T) {
	for cause, want := range map[string]bool{"completed": false, "interrupted": true, "budget": true, "threshold": true, "auth": true, "error": true} {
		m := newSample("x").manifest
		m.Stop.Cause = cause
		if got := partial(m); got != want {
			t.Errorf("partial(%q) = %v; want %v", cause, got, want)
		}
		m.Ended = nil
		if !partial(m) {
			t.Errorf("a run without an end that says %q is not partial", cause)
		}
	}
}

func TestLoadWords(t *testing.T) {
	stages := []store.Stage{{Target: 2.5, Duration: 1}, {Target: 10, Duration: 1}, {Name: "jump", Target: 0}}
	for want, l := range map[string]store.Load{
		"10 users at most, 3 stages":              {Mode: "users", Stages: stages},
		"5 users at most, 1,200 requests":         {Mode: "users", Stages: []store.Stage{{Target: 5}}, Planned: 1200},
		"6 users at most":                         {Mode: "users", Stages: []store.Stage{{Target: 6}, {Target: 6, Duration: 1}}},
		"poisson arrivals, up to 2.5/s":           {Mode: "arrivals", Process: "poisson", Stages: stages[:1]},
		"constant arrivals, up to 10/s, 2 stages": {Mode: "arrivals", Process: "constant", Stages: stages[:2]},
		"": {},
	} {
		if got := loadWords(l); got != want {
			t.Errorf("loadWords(%+v) = %q; want %q", l, got, want)
		}
	}
}

func TestFailures(t *testing.T) {
	var f failures
	add := func(n int, c call.Class, message string) {
		for range n {
			f.add(call.Result{Class: c, Err: &call.Error{Type: "some_error", Message: message}})
		}
	}
	add(2, call.Cut, "b")
	add(2, call.Cut, "a")
	add(2, call.BadResponse, "z")
	add(7, call.Timeout, "")
	f.add(call.Result{Class: call.OK})
	want := []ErrorCount{{call.Timeout, "some_error", 7}, {call.BadResponse, "z", 2}, {call.Cut, "a", 2}, {call.Cut, "b", 2}}
	if d := cmp.Diff(want, f.top()); d != "" {
		t.Errorf("top (-want +got):\n%s", d)
	}
	for i := range 2 * maxWords { // every one in words of its own
		add(1, call.ServerError, fmt.Sprintf("id %d", i))
	}
	if len(f.counts) > maxWords+1 {
		t.Errorf("%d kinds of failure are kept; want at most %d", len(f.counts), maxWords+1)
	}
	top := f.top()
	if got, want := top[0], (ErrorCount{call.ServerError, "(other words)", 2*maxWords - (maxWords - 4)}); got != want || len(top) != maxErrors {
		t.Errorf("top = %+v, %d of them; want %+v first, %d", got, len(top), want, maxErrors)
	}
}

// What the cache saved is told by the prices that the manifest kept, and shown
// with who the bill is made of.
func TestMoneySection(t *testing.T) {
	s := newSample("cached").good(40)
	s.results[0].CacheRead, s.results[0].CacheWrite1h = 1_000_000, 100_000
	s.results[1].Task, s.results[1].Cost = "other", call.Dollar
	rep, err := Build(s.stored(t))
	if err != nil {
		t.Fatal(err)
	}
	// At $1 a million: 1.1 million plain tokens, less a read at 0.1 and a write at 2.
	if got, want := rep.Cost.CacheSavings, call.Dollar*(110-10-20)/100; got != want {
		t.Errorf("saved %v; want %v", got, want)
	}
	var text, md strings.Builder
	if err := errors.Join(Write(&text, Text, rep, Options{}), Write(&md, Markdown, rep, Options{})); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cache_savings.........: $0.8000    less than without the prompt cache", "burn_rate", "COST BY TASK", "    other  "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("text has no %q", want)
		}
	}
	for _, want := range []string{"### Cost", "| task other | $1.0000 |", "- $0.8000 less than without the prompt cache."} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("Markdown has no %q", want)
		}
	}
	s.manifest.Prices = map[string]json.RawMessage{"claude-haiku-4-5": json.RawMessage(`"free"`)}
	if rep, err = Build(s.stored(t)); err != nil || rep.Cost.CacheSavings != 0 {
		t.Errorf("with prices that are none: %v, %v", rep.Cost.CacheSavings, err)
	}
}
