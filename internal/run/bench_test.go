package run

import (
	"context"
	"sync"
	"testing"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/cost"
	"github.com/tokenload/tokenload/internal/limit"
)

// What limiter and budget guard together add to a send, with 64 senders at once
// and every answer carrying limit headers. The goal is under 5 µs of wall time a
// send.
func BenchmarkGuardAndLimiter(b *testing.B) {
	most, left := int64(1_000_000_000), int64(999_999_999)
	header := &call.Limit{Limit: &most, Remaining: &left}
	limits := call.Limits{Requests: header, InputTokens: header, OutputTokens: header}
	answer := func(_ context.Context, req call.Request, emit func(call.Result)) {
		r := req.Result(call.OK)
		r.Known, r.Status, r.Input, r.Output, r.Limits = call.UsageFinal, 200, 100, 50, limits
		emit(r)
	}
	bare := func(c limit.Config) (call.Sender, error) { return answer, nil }
	whole := func(c limit.Config) (call.Sender, error) {
		g, err := cost.NewGuard(cost.GuardConfig{Budget: 9_000_000 * call.Dollar, Wait: true})
		if err != nil {
			return nil, err
		}
		c.Monitor = new(limit.Monitor)
		return limit.Wrap(g.Wrap(answer), c)
	}
	for _, c := range []struct {
		name string
		make func(limit.Config) (call.Sender, error)
		mode string
	}{{"none", bare, limit.Measure}, {limit.Measure, whole, limit.Measure}, {limit.Obey, whole, limit.Obey}, {limit.Avoid, whole, limit.Avoid}} {
		b.Run(c.name, func(b *testing.B) {
			send, err := c.make(limit.Config{Mode: c.mode})
			if err != nil {
				b.Fatal(err)
			}
			req := call.Request{Task: "t", Model: "claude-haiku-4-5", MaxTokens: 256, Body: make([]byte, 400)}
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for range b.N/64 + 1 {
						send(b.Context(), req, func(call.Result) {})
					}
				})
			}
			wg.Wait()
		})
	}
}
