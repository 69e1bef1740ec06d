package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// lateRun is n answers a tenth of a second apart, of which the first few left,
// and were read, so late. The first content comes ttft after the send.
func lateRun(n, late int, lag, readLag, ttft time.Duration) []call.Result {
	var out []call.Result
	for i := range n {
		r := answered(i, time.Duration(i)*100*milli, ttft, ttft+100*milli)
		if i < late {
			r.Started += lag - milli
			r.ReadLagMax = readLag
		}
		out = append(out, r)
	}
	return out
}

func TestValid(t *testing.T) {
	for _, tt := range []struct {
		name         string
		n, late      int
		lag, readLag time.Duration
		ttft         time.Duration
		valid        bool
		reason       string
	}{
		{"on time", 500, 0, 0, 0, second, true, ""},
		{"more than 1 % and five late", 500, 6, 21 * milli, 0, second, false,
			"6 of 500 requests (1.2 %) left later than planned by more than 20ms, the latest by 21ms: run it from a faster or less busy machine"},
		{"exactly 1 %", 500, 5, 21 * milli, 0, second, true, ""},
		{"only four late", 20, 4, 21 * milli, 0, second, true, ""},
		{"five of twenty late", 20, 5, 21 * milli, 0, second, false, "5 of 20 requests (25 %)"},
		{"late by no more than 2 % of the median", 20, 20, 20 * milli, 0, second, true, ""},
		{"10 ms where the median is short", 20, 20, 10 * milli, 0, 100 * milli, true, ""},
		{"over 10 ms where the median is short", 20, 20, 11 * milli, 0, 100 * milli, false, "by more than 10ms"},
		{"read late", 20, 5, milli, 21 * milli, second, false,
			"5 of 5 requests (100 %) had answers that waited to be read by more than 20ms, the latest by 21ms: lower the number of streams at once"},
		{"read late, but little", 20, 5, milli, 20 * milli, second, true, ""},
	} {
		g := tableOf(lateRun(tt.n, tt.late, tt.lag, tt.readLag, tt.ttft)...).Summary(Meta{}).Generator
		if g.Valid != tt.valid || len(g.Reasons) > 1 || tt.valid != (len(g.Reasons) == 0) || !strings.Contains(strings.Join(g.Reasons, ""), tt.reason) {
			t.Errorf("%s: valid %v, reasons %q; want %v, %q", tt.name, g.Valid, g.Reasons, tt.valid, tt.reason)
		}
	}
}

// TestLateOutsideMain: only requests that were sent in phase main are judged,
// and by their last attempt.
func TestLateOutsideMain(t *testing.T) {
	log := lateRun(20, 10, second, second, second)
	for i := range log[:10] {
		log[i].Phase = call.WarmUp
	}
	if g := tableOf(log...).Summary(Meta{}).Generator; !g.Valid {
		t.Errorf("a late warm-up: %q", g.Reasons)
	}
	log = nil
	for i, r := range lateRun(20, 0, 0, 0, second) {
		first := failed(i, r.Due, call.RateLimited)
		first.Started += second
		r.Attempt = 2
		log = append(log, first, r)
	}
	if g := tableOf(log...).Summary(Meta{}).Generator; !g.Valid {
		t.Errorf("late attempts that were not the last: %q", g.Reasons)
	}
}

func TestNoMedian(t *testing.T) {
	var log []call.Result
	for i := range 20 {
		r := failed(i, 0, call.Timeout) // the median service_ttft is +∞
		r.Started = 11 * milli
		log = append(log, r)
	}
	if g := tableOf(log...).Summary(Meta{}).Generator; g.Valid {
		t.Error("late requests that time out are valid; want the floor of 10 ms to hold")
	}
}

func TestLeftOut(t *testing.T) {
	upTo := func(n int, drop ...int) []call.Result {
		log := steady(n, 0, 0)
		for _, i := range drop {
			log[i] = never(i, log[i].Due, call.Dropped)
		}
		return log
	}
	half := upTo(990)
	for i := range 500 {
		half[i] = never(i, half[i].Due, call.Dropped)
	}
	hole := append(upTo(150), steady(200, 0, 0)[190:]...) // 150 to 189 have no record
	for _, tt := range []struct {
		name     string
		log      []call.Result
		m        Meta
		inFlight int
		valid    bool
	}{
		{"all left", upTo(200), Meta{OpenLoop: true, Planned: 200}, 0, true},
		{"99 % left", upTo(198), Meta{OpenLoop: true, Planned: 200}, 0, true},
		{"less left", upTo(197), Meta{OpenLoop: true, Planned: 200}, 0, false},
		{"the rest was dropped", upTo(200, 1, 2, 3, 4, 5), Meta{OpenLoop: true, Planned: 200}, 0, true},
		{"half was dropped, and of the rest 98 % left", half, Meta{OpenLoop: true, Planned: 1000}, 0, false},
		{"closed loop", upTo(100), Meta{Planned: 200}, 0, true},
		{"stopped early", upTo(100), Meta{OpenLoop: true, Planned: 200, Partial: true}, 0, true},
		{"stopped early with a hole", hole, Meta{OpenLoop: true, Planned: 400, Partial: true}, 0, false},
		{"killed: the hole was in flight", hole, Meta{OpenLoop: true, Planned: 400, Partial: true}, 40, true},
		{"nothing left", []call.Result{never(0, 0, call.Dropped)}, Meta{OpenLoop: true, Planned: 200}, 0, false},
	} {
		tab := tableOf(tt.log...)
		tab.AddSample(Sample{InFlight: tt.inFlight})
		g := tab.Summary(tt.m).Generator
		if g.Valid != tt.valid {
			t.Errorf("%s: valid %v, %q; want %v", tt.name, g.Valid, g.Reasons, tt.valid)
		}
	}
	g := tableOf(upTo(150)...).Summary(Meta{OpenLoop: true, Planned: 200}).Generator
	if want := "50 of 200 requests that were due never left (25 %)"; len(g.Reasons) != 1 || !strings.HasPrefix(g.Reasons[0], want) {
		t.Errorf("reasons %q; want %q", g.Reasons, want)
	}
}

func TestWarnings(t *testing.T) {
	run := func(cpu []float64, m Meta, log ...call.Result) []string {
		tab := tableOf(log...)
		for i, c := range cpu {
			tab.AddSample(Sample{T: time.Duration(i) * second, CPU: c, Memory: 5})
		}
		g := tab.Summary(m).Generator
		if !g.Valid {
			t.Errorf("warnings alone make a run invalid: %q", g.Reasons)
		}
		return g.Warnings
	}
	quiet := lateRun(20, 0, 0, 0, second)
	for _, tt := range []struct {
		name string
		got  []string
		want string // "" for no warning
	}{
		{"quiet", run([]float64{.2, .3}, Meta{}, quiet...), ""},
		{"busy for four seconds, twice", run([]float64{.9, .9, .9, .9, .85, .9, .9, .9, .9}, Meta{}, quiet...), ""},
		{"busy for five", run([]float64{.1, .9, .9, .9, .9, .9, .1}, Meta{Cores: 2}, quiet...),
			"the process used over 85 % of its 2 cores for 5 s in a row: latencies may contain our own waiting; give it more cores or lower the load"},
		{"lag of a tenth", run(nil, Meta{}, lateRun(20, 1, 9*milli, 0, 80*milli)...),
			"p99 of lag over 20 requests is 9ms, more than 10 % of the median ttft of 84ms"},
		{"lag of less", run(nil, Meta{}, lateRun(20, 1, 8*milli, 0, 80*milli)...), ""},
		{"the simulator is in here", run([]float64{.25, .35}, Meta{SimInside: true, Cores: 2}, quiet...),
			"the simulator ran in this process: the 30 % of 2 cores that were used are its work and ours together"},
		{"no stamp, none expected", run(nil, Meta{Clock: "user"}, quiet...), ""},
		{"no stamp, though expected", run(nil, Meta{Clock: "kernel"}, quiet...), "the arrivals of 20 of 20 answers are stamped by our own clock"},
		{"some stamps", run(nil, Meta{Clock: "mixed"}, lateRun(20, 5, milli, milli, second)...),
			"the arrivals of 15 of 20 answers are stamped by our own clock, which a busy machine delays, and have no read lag"},
		{"all stamps", run(nil, Meta{Clock: "kernel"}, lateRun(20, 20, milli, milli, second)...), ""},
		{"the clock was set", run(nil, Meta{Clock: "mixed", ClockSteps: 1}, lateRun(20, 5, milli, milli, second)...),
			"the arrivals of 15 of 20 answers are stamped by our own clock, which a busy machine delays, and have no read lag; the machine's clock was set during the run (1)"},
		{"the simulator, without samples", run(nil, Meta{SimInside: true}, quiet...), "the simulator ran in this process and its work cannot be told from ours"},
	} {
		if len(tt.got) > 1 || (len(tt.got) == 1) != (tt.want != "") || !strings.HasPrefix(strings.Join(tt.got, ""), tt.want) {
			t.Errorf("%s: warnings %q; want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestGeneratorFigures(t *testing.T) {
	tab := tableOf(lateRun(400, 3, 7*milli, 2*milli, second)...)
	for i := range 4 {
		tab.AddSample(Sample{CPU: float64(i) / 10, Memory: int64(100 - i)})
	}
	g := tab.Summary(Meta{Clock: "user"}).Generator
	if g.Clock != "mixed" || g.CPU < 0.1499 || g.CPU > 0.1501 || g.PeakMemory != 100 || g.LagP99 != 1 || g.ReadLagP99.Known() {
		t.Errorf("Generator = %+v; want mixed, 0.15, 100, lag p99 1 ms, read lag withheld", g)
	}
	if g := tableOf().Summary(Meta{}).Generator; g.CPU.Known() || g.LagP99.Known() || !g.Valid {
		t.Errorf("Generator of nothing = %+v; want nothing known", g)
	}
	if d := cmp.Diff([]string{}, g.Reasons); d != "" || g.Warnings == nil {
		t.Errorf("reasons %#v, warnings %#v; want empty lists", g.Reasons, g.Warnings)
	}
}

// TestClock: the records say what stamped them, whatever the manifest expected;
// reads that joined events are counted in phase main.
func TestClock(t *testing.T) {
	answer := func(lag time.Duration, merged int, p call.Phase) call.Result {
		r := answered(0, 0, second, 2*second)
		r.ReadLagMax, r.Merged, r.Phase = lag, merged, p
		return r
	}
	for _, tt := range []struct {
		log    []call.Result
		clock  string
		merged int
	}{
		{nil, "expected", 0},
		{[]call.Result{never(0, 0, call.Dropped), failed(1, 0, call.Connection)}, "expected", 0},
		{[]call.Result{answer(1, 2, call.Main), answer(5, 3, call.Main), answer(5, 100, call.WarmUp)}, "kernel", 5},
		{[]call.Result{answer(1, 0, call.Main), answer(0, 0, call.Main)}, "mixed", 0},
		{[]call.Result{answer(0, 7, call.Main)}, "user", 7},
	} {
		g := tableOf(tt.log...).Summary(Meta{Clock: "expected"}).Generator
		if g.Clock != tt.clock || g.MergedReads != tt.merged {
			t.Errorf("clock %q, %d merged reads; want %q, %d", g.Clock, g.MergedReads, tt.clock, tt.merged)
		}
	}
}

func TestLength(t *testing.T) {
	for ms, want := range map[float64]string{0.123: "120µs", 9.876: "9.88ms", 21.4: "21ms", 1234.5: "1.235s", 12345: "12.3s"} {
		if got := length(ms); got != want {
			t.Errorf("length(%v) = %s; want %s", ms, got, want)
		}
	}
}
