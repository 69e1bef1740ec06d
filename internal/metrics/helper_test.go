package metrics

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/threshold"
)

var (
	_ threshold.Source = (*Exact)(nil)
	_ threshold.Source = (*Live)(nil)
)

const second, milli = time.Second, time.Millisecond

// answered is an ok streamed attempt of 10 events: due, and the time from the
// send to the first and the last content. It leaves 1 ms late and needs 2 ms to
// connect and 1 ms to be written.
func answered(index int, due, first, whole time.Duration) call.Result {
	r := call.Request{Index: index, Task: "simple", Model: "claude-haiku-4-5", Stage: "steady", Due: due}.Result(call.OK)
	r.Status, r.Stop = 200, "end_turn"
	r.Started = due + milli
	r.Connect = 2 * milli
	r.Sent = r.Started + 3*milli
	r.FirstByte = r.Sent + first/2
	r.FirstEvent = r.FirstByte
	r.FirstContent, r.FirstText = r.Sent+first, r.Sent+first
	r.LastContent = r.Sent + whole
	r.Done = r.LastContent + milli
	r.Events = 10
	r.Usage = call.Usage{Input: 100, CacheRead: 300, Output: 50}
	r.Cost = call.Dollar / 100
	return r
}

// failed is an attempt that ended a second after it left, without content.
func failed(index int, due time.Duration, class call.Class) call.Result {
	r := answered(index, due, second, second)
	r.Class, r.Status, r.Stop = class, 0, ""
	r.FirstByte, r.FirstEvent, r.FirstContent, r.FirstText, r.LastContent = 0, 0, 0, 0, 0
	r.Events, r.Usage, r.Cost = 0, call.Usage{}, 0
	return r
}

// never is the record of a request that was not sent.
func never(index int, due time.Duration, class call.Class) call.Result {
	return call.Request{Index: index, Task: "simple", Model: "claude-haiku-4-5", Stage: "steady", Due: due}.Result(class)
}

func tableOf(records ...call.Result) *Table {
	var t Table
	for _, r := range records {
		t.Add(r)
	}
	return &t
}

// ask asks a source and fails where it has no answer.
func ask(t *testing.T, s threshold.Source, metric string, tags map[string]string, agg string, q float64) float64 {
	t.Helper()
	v, _, ok := s.Value(metric, tags, agg, q)
	if !ok {
		t.Fatalf("Value(%s, %v, %s, %v) has no answer", metric, tags, agg, q)
	}
	return v
}

// randomRun is the log of a random run: requests of every class, phase, task,
// model and stage, some of them in several attempts, in the order of their ends.
func randomRun(seed uint64, requests int) []call.Result {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var log []call.Result
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	for i := range requests {
		req := call.Request{
			Index: i, Task: pick("simple", "complex", "plain"), Model: pick("claude-haiku-4-5", "claude-sonnet-4-6"),
			Stage: pick("ramp", "steady"), Due: time.Duration(i) * 10 * milli, Phase: call.Main,
		}
		switch {
		case i < requests/10:
			req.Phase = call.WarmUp
		case i > requests*95/100:
			req.Phase = call.BudgetTail
		}
		for attempt := 1; ; attempt++ {
			req.Attempt = attempt
			r := randomAttempt(rnd, req)
			log = append(log, r)
			if !mayRetry(r.Class) || rnd.IntN(3) == 0 {
				break
			}
			req.Earlier = r.Done - req.Due - req.Held
			pause := time.Duration(rnd.IntN(2000)) * milli
			req.Held += pause
		}
	}
	return log
}

func randomAttempt(rnd *rand.Rand, req call.Request) call.Result {
	class := call.OK
	if rnd.IntN(3) == 0 {
		class = call.Classes()[rnd.IntN(len(call.Classes()))]
	}
	r := req.Result(class)
	if !class.Sent() {
		return r
	}
	span := func(most int) time.Duration { return time.Duration(1 + rnd.IntN(most*1000000)) }
	r.Started = req.Due + req.Held + req.Earlier + span(30)
	if rnd.IntN(4) == 0 {
		r.NewConn, r.ConnWait, r.Connect, r.TLS = true, span(1), span(20), span(20)
	}
	r.Sent = r.Started + r.ConnectTime() + span(1)
	r.Done = r.Sent + span(3000)
	r.ReadLagMax = span(3)
	if class == call.OK || rnd.IntN(2) == 0 {
		r.FirstByte = r.Sent + span(500)
		r.LastContent = r.FirstByte + span(2000)
		r.Done = r.LastContent + span(5)
		r.Usage = call.Usage{Input: int64(rnd.IntN(1000)), CacheRead: int64(rnd.IntN(500)), Output: int64(rnd.IntN(800))}
		r.Cost, r.CostBound = call.USD(rnd.Int64N(int64(call.Dollar))), class != call.OK
		if req.Task != "plain" {
			r.FirstEvent = r.FirstByte
			r.FirstContent = r.FirstByte + (r.LastContent-r.FirstByte)/4
			r.FirstText = r.FirstContent
			r.Events = rnd.IntN(60)
			gap := span(100)
			r.Gaps, r.GapMax = [][2]int{{call.GapBucket(gap / 2), 1 + rnd.IntN(20)}, {call.GapBucket(gap), 1}}, gap
		}
		r.Checks = map[string]bool{"contains": rnd.IntN(5) > 0}
	}
	return r
}
