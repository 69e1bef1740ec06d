package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

func diagnosed(rs []call.Result) Diagnosis {
	var e Evidence
	for _, r := range rs {
		e.Add(r)
	}
	return e.Diagnosis(valid(metrics.ClassLimits{}))
}

// Every id of the catalogue is found, looked for in vain, or said to be out of reach.
func TestNothingIsPassedOverInSilence(t *testing.T) {
	var all []string
	for _, r := range catalogue() {
		all = append(all, r.ids...)
	}
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Fatalf("an id stands in the catalogue twice: %v", all)
	}
	for name, rs := range map[string][]call.Result{
		"empty": nil, "one": mix(1, 0, ""), "good": mix(200, 0, ""), "limited": mix(200, 3, call.LimitRequests),
	} {
		d := diagnosed(rs)
		got := slices.Concat(ids(d.Findings), d.NotFound)
		for _, g := range d.NotAssessable {
			got = append(got, g.ID)
			if g.Needs == "" {
				t.Errorf("%s: %s needs nothing", name, g.ID)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, all) {
			t.Errorf("%s: accounts for %v; want %v", name, got, all)
		}
		for _, f := range d.Findings {
			if f.Effect == "" || f.Disproof == "" || f.Next == "" || f.Rivals == nil {
				t.Errorf("%s: %+v lacks effect, disproof, next or rivals", name, f)
			}
		}
	}
	if d := diagnosed(nil); len(d.NotFound) > 0 {
		t.Errorf("a run without records clears %v", d.NotFound)
	}
}

// fires holds a test against records that it must find something in (all evidence
// and words of its finding contain said) and near-misses that it must not.
func fires(t *testing.T, id, name string, rs []call.Result, want bool, said ...string) {
	t.Helper()
	for _, f := range diagnosed(rs).Findings {
		if f.ID != id {
			continue
		}
		if !want {
			t.Errorf("%s: found %s: %s %q", name, id, f.Title, f.Evidence)
		}
		all := strings.Join(slices.Concat([]string{f.Title, f.Effect, f.Disproof, f.Next}, f.Evidence, f.Rivals, f.Recommendations), "\n")
		for _, s := range said {
			if !strings.Contains(all, s) {
				t.Errorf("%s: %s does not say %q:\n%s", name, id, s, all)
			}
		}
		if f.Effect == "" || f.Disproof == "" || f.Next == "" || len(f.Evidence) == 0 || f.Confidence <= 0 || f.Confidence > 0.99 {
			t.Errorf("%s: finding %+v", name, f)
		}
		return
	}
	if want {
		t.Errorf("%s: no %s", name, id)
	}
}

// changed is n good requests a second apart, of which the first k are changed.
func changed(n, k int, change func(i int, r *call.Result)) []call.Result {
	var out []call.Result
	for i := range n {
		r := ok(time.Duration(i)*time.Second, 500, 100, 400*time.Millisecond)
		r.Index, r.Attempt, r.Task, r.Events, r.Stop = i, 1, "chat", 10, "end_turn"
		r.FirstByte, r.FirstEvent, r.FirstText = r.FirstContent, r.FirstContent, r.FirstContent
		if i < k {
			change(i, &r)
		}
		out = append(out, r)
	}
	return out
}

func TestOverloadAndOurRate(t *testing.T) {
	for name, c := range map[string]struct {
		follows bool
		said    string
	}{"follows": {true, "rival explanation: the share of 529s follows our own rate"}, "does not": {false, "our own load: the share of 529s does not follow our rate"}} {
		var rs []call.Result
		for w := range 12 {
			n := 10 + 10*(w*5%12)
			for i := range n {
				r := ok(time.Duration(w)*10*time.Second+time.Duration(i)*10*time.Millisecond, 50, 50, time.Second)
				every := 4
				if c.follows {
					every = max(1, 200/n)
				}
				if i%every == 0 {
					r.Class = call.Overloaded
				}
				rs = append(rs, r)
			}
		}
		fires(t, "overload.529", name, rs, true, c.said)
	}
}

func TestRetryAmplification(t *testing.T) {
	retried := func(n, k int) []call.Result {
		rs := changed(n, 0, nil)
		for i := range k {
			first := rs[i]
			first.Class = call.Overloaded
			rs[i].Attempt, rs[i].Earlier, rs[i].Due = 2, time.Second, rs[i].Due-time.Second
			rs = append(rs, first)
		}
		return rs
	}
	fires(t, "retry.amplification", "a tenth", retried(100, 10), true, "retries add 10.0% to the load", "they follow overloaded (10)", "waited 10.0 s in all")
	fires(t, "retry.amplification", "a twentieth is not over it", retried(100, 5), false)
	fires(t, "retry.amplification", "a few", retried(40, 5), false)
	fires(t, "retry.amplification", "none", changed(100, 0, nil), false)
}

func TestConnChurn(t *testing.T) {
	fresh := func(_ int, r *call.Result) {
		r.NewConn, r.Connect, r.TLS = true, 20*time.Millisecond, 30*time.Millisecond
	}
	fires(t, "conn.churn", "every one", changed(60, 60, fresh), true, "60 of 60 attempts made a new connection", "1 would have done for the requests that were under way at once, with connections kept for 60.0 s; 0 ended", "50ms of connect and TLS")
	fires(t, "conn.churn", "one at the start", changed(60, 1, fresh), false)
	fires(t, "conn.churn", "a few", changed(100, 19, fresh), false)
	burst := changed(60, 60, fresh) // all at once: each needs a connection of its own
	for i := range burst {
		burst[i].Started, burst[i].Sent, burst[i].Done = 1, 2, time.Minute
	}
	fires(t, "conn.churn", "a burst", burst, false)
	rare := changed(60, 60, func(i int, r *call.Result) {
		fresh(i, r)
		pause := time.Duration(i) * 2 * time.Minute
		r.Started, r.Sent, r.Done = r.Started+pause, r.Sent+pause, r.Done+pause
	})
	fires(t, "conn.churn", "pauses that no connection outlives", rare, false)
	broken := changed(60, 60, func(i int, r *call.Result) { fresh(i, r); r.Class = call.Cut })
	fires(t, "conn.churn", "connections that broke", broken, false)
}

func TestConnPoolWait(t *testing.T) {
	wait := func(d time.Duration) func(int, *call.Result) {
		return func(_ int, r *call.Result) { r.ConnWait = d }
	}
	fires(t, "conn.pool_wait", "a tenth waits", changed(100, 10, wait(50*time.Millisecond)), true, "p95 50ms", "10 of 100 attempts")
	fires(t, "conn.pool_wait", "one in fifty waits", changed(100, 2, wait(50*time.Millisecond)), false)
	fires(t, "conn.pool_wait", "too short to matter", changed(100, 100, wait(6*time.Millisecond)), false)
	fires(t, "conn.pool_wait", "too few", changed(70, 70, wait(50*time.Millisecond)), false)
}

func TestThinkingSilence(t *testing.T) {
	shown := func(d time.Duration) func(int, *call.Result) {
		return func(_ int, r *call.Result) {
			r.Thinking, r.FirstText = 50, r.FirstContent+d
			r.LastContent = r.FirstText + time.Second
		}
	}
	fires(t, "thinking.silence", "shown", changed(40, 40, shown(3*time.Second)), true, "median 3.00s", "40 of 40 answers thought")
	fires(t, "thinking.silence", "short", changed(40, 40, shown(900*time.Millisecond)), false)
	fires(t, "thinking.silence", "in few answers", changed(40, 19, shown(3*time.Second)), false)
	hidden := func(tokens int64) func(int, *call.Result) {
		return func(_ int, r *call.Result) { // 90 of 100 visible tokens in a second
			r.Thinking, r.Output = tokens, 100+tokens
			r.FirstContent += 5 * time.Second
			r.FirstText, r.LastContent = r.FirstContent, r.FirstContent+time.Second
		}
	}
	fires(t, "thinking.silence", "hidden", changed(40, 40, hidden(400)), true, "of 40 the thinking was hidden", "median 4.44s")
	fires(t, "thinking.silence", "more than fits", changed(40, 40, hidden(1000)), false)
	fires(t, "thinking.silence", "hidden, little of the wait", changed(40, 40, hidden(150)), false)
}

func TestOutTruncated(t *testing.T) {
	stop := func(_ int, r *call.Result) { r.Stop = "max_tokens" }
	fires(t, "out.truncated", "a tenth", changed(100, 10, stop), true, "10.0% of answers were cut off", "95% interval 5.5% to 17.4%")
	fires(t, "out.truncated", "perhaps two in a hundred", changed(100, 4, stop), false)
	fires(t, "out.truncated", "all", changed(100, 100, stop), true, "rival explanation: a low max_tokens may be meant")
}
