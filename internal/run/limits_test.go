package run_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/sim"
)

const limitedPlan = `
version: 1
name: limited
defaults: {model: claude-haiku-4-5, max_tokens: 64}
tasks: [{name: a, prompts: ["one {{index}}"]}]
seed: 5
`

// sixty is an API that allows 60 requests a minute.
func sixty() sim.Config {
	return sim.Config{Seed: 5, Limits: map[string]sim.Limits{"*": {Requests: 60, InputTokens: 1e6, OutputTokens: 1e6}}}
}

// Three requests a second against 60 a minute, obeyed: no attempt leaves before
// the server's retry-after is over, each is a record, held is the sum of the
// waits, and what a user feels contains them while what the API took does not.
func TestObeyTheSimulator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := parse(t, limitedPlan+"load: {arrivals: {process: poisson, rate: 3/s, duration: 90s}}\ngraceful_stop: 30s\non_limit: {mode: obey, max_attempts: 4, max_wait: 60s}\n")
		stored, err := execute(t, p, sixty(), nil)
		if err != nil {
			t.Fatal(err)
		}
		byIndex := map[int][]call.Result{}
		for _, r := range results(t, stored) {
			byIndex[r.Index] = append(byIndex[r.Index], r)
		}
		if planned := stored.Manifest.Load.Planned; len(byIndex) != planned || planned < 200 {
			t.Errorf("%d requests have records; want the %d planned", len(byIndex), planned)
		}
		retried, waited := 0, 0
		for i, attempts := range byIndex {
			var held time.Duration
			for n, r := range attempts {
				if r.Attempt != n+1 || r.Held != held {
					t.Fatalf("request %d, attempt %d: the record says attempt %d, held %v; want held %v", i, n+1, r.Attempt, r.Held, held)
				}
				if n > 0 {
					retried++
					before := attempts[n-1]
					if earliest := before.Done + seconds(*before.RetryAfter); r.Started < earliest {
						t.Fatalf("request %d: attempt %d left at %v, before %v", i, n+1, r.Started, earliest)
					}
				}
				if r.Class == call.OK && held > 0 {
					waited++
					if r.E2E() < held || r.ServiceE2E() > 60*time.Second || r.E2E() != r.Lag()+r.Held+r.Earlier+r.LastContent-r.Started {
						t.Fatalf("request %d: e2e %v, service_e2e %v after %v held", i, r.E2E(), r.ServiceE2E(), held)
					}
				}
				if r.RetryAfter != nil {
					held += seconds(*r.RetryAfter)
				}
			}
		}
		if retried < 100 || waited == 0 {
			t.Errorf("%d retries, %d answers after one; want over 100 and some", retried, waited)
		}
	})
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Twice what is allowed, avoided, in both loops: after the bucket has first been
// empty nine tenths of the limit are used and less than one in a hundred refused.
func TestAvoidTheSimulator(t *testing.T) {
	for name, load := range map[string]string{
		"open loop":   "load: {arrivals: {rate: 2/s, duration: 5m, max_in_flight: 200}}",
		"closed loop": "load: {users: {count: 20, duration: 5m}}",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := parse(t, limitedPlan+load+"\ngraceful_stop: 30s\non_limit: {mode: avoid, share: 0.9, max_hold: 30s}\n")
				stored, err := execute(t, p, sixty(), nil)
				if err != nil {
					t.Fatal(err)
				}
				const empty = 2 * time.Minute // twice the time a bucket of 54 lasts at two a second
				sent, refused := 0, 0
				for _, r := range results(t, stored) {
					if !r.Class.Sent() || r.Started < empty || r.Started > 5*time.Minute {
						continue
					}
					sent++
					if r.Class == call.RateLimited {
						refused++
					}
				}
				if used := float64(sent-refused) / 180; used < 0.9 || float64(refused) > 0.01*float64(sent) {
					t.Errorf("%d sent in three minutes, %d refused: %.3f of the limit used; want 0.9 and under 1 %%", sent, refused, used)
				}
			})
		})
	}
}

// Who is still held when the last stage ends never left: unsent, not cancelled.
func TestHeldToTheEndIsUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := parse(t, limitedPlan+"load: {arrivals: {rate: 3/s, duration: 60s, max_in_flight: 500}}\ngraceful_stop: 30s\non_limit: {mode: avoid, share: 0.9, max_hold: 300s}\n")
		stored, err := execute(t, p, sixty(), nil)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := report.Build(stored)
		if err != nil {
			t.Fatal(err)
		}
		n := rep.Requests
		if n.Unsent < 50 || n.Canceled != 0 || n.Sent != n.OK || n.Attempts != n.Sent || n.Sent+n.Unsent != n.Planned || n.Planned != 180 {
			t.Errorf("%+v; want all 180 ok or unsent, over 50 of them unsent", n)
		}
	})
}
