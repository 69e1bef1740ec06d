package load

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A server of 1 ms that stands still for 10 s of 100. Users who ask 100 times a
// second whatever happens wait for it: every tenth request falls into the
// standstill. One user who waits for each answer asks once in it, and sees a
// server that is never slow. Figures: G. Tene, How NOT to measure latency.
func TestStandstill(t *testing.T) {
	const p50, p95, p99 = 50, 95, 99
	serve := func(b *bench) func(int) time.Duration {
		return func(int) time.Duration {
			if at := b.now(); at >= 40*s && at < 50*s {
				return 50*s - at + ms
			}
			return ms
		}
	}
	for _, c := range []struct {
		name string
		run  func(context.Context, *bench) error
		n    int
		want map[int]time.Duration
		mean time.Duration
	}{
		{"arrivals", func(ctx context.Context, b *bench) error {
			conf := b.config()
			conf.Slots = 2000
			return Open(ctx, every(10*ms, 10_000), conf)
		}, 10_000, map[int]time.Duration{p50: ms, p95: 5*s + ms, p99: 9*s + ms}, 501_500 * time.Microsecond},
		{"one user", func(ctx context.Context, b *bench) error {
			conf := b.config()
			conf.Think = func(int) time.Duration { return 9 * ms }
			conf.End = 100*s + 1 // the last is due with it
			conf.Grace = s
			return Closed(ctx, steps(0, 1), conf)
		}, 9_001, map[int]time.Duration{p50: ms, p95: ms, p99: ms}, 2_111 * time.Microsecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 0)
				b.took = serve(b)
				if err := c.run(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				var took []time.Duration
				sum := time.Duration(0)
				for _, r := range b.results {
					took = append(took, r.Done-r.Due)
					sum += r.Done - r.Due
				}
				if len(took) != c.n {
					t.Fatalf("%d requests; want %d", len(took), c.n)
				}
				slices.Sort(took)
				for p, want := range c.want {
					if got := took[(p*len(took)+99)/100-1]; got != want {
						t.Errorf("p%d %v; want %v", p, got, want)
					}
				}
				if mean := sum / time.Duration(len(took)); mean.Round(time.Microsecond) != c.mean {
					t.Errorf("mean %v; want %v", mean, c.mean)
				}
			})
		})
	}
}
