package limit

import (
	"context"
	"sync"
	"testing"

	"github.com/tokenload/tokenload/internal/call"
)

// One send through the wrapper at 64 senders, when nothing is held: headers are
// learned, estimates corrected, the monitor told. It must stay well under 5 µs.
func BenchmarkSend(b *testing.B) {
	limits := call.Limits{Requests: said(1_000_000_000, 999_999_999), InputTokens: said(1e12, 1e12), OutputTokens: said(1e12, 1e12)}
	next := func(_ context.Context, req call.Request, emit func(call.Result)) {
		r := req.Result(call.OK)
		r.Known, r.Input, r.Output, r.Limits = call.UsageFinal, 100, 50, limits
		emit(r)
	}
	for _, mode := range []string{Measure, Obey, Avoid} {
		b.Run(mode, func(b *testing.B) {
			send := wrapped(b, next, Config{Mode: mode, Monitor: new(Monitor)})
			body := make([]byte, 400)
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for range b.N / 64 {
						send(b.Context(), call.Request{Task: "t", Model: "claude-haiku-4-5", MaxTokens: 256, Body: body}, func(call.Result) {})
					}
				})
			}
			wg.Wait()
		})
	}
}
