package cache

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tokenload/tokenload/internal/call"
)

// price is a dollar a million tokens of input, five of output, and the usual factors.
func price(_ string, u call.Usage) call.USD {
	return call.Dollar/1_000_000*call.USD(u.Input+5*u.Output) +
		call.Dollar/1_000_000*call.USD(125*u.CacheWrite5m+200*u.CacheWrite1h+10*u.CacheRead)/100
}

// made is a good answer of task t that left at a second and took ttft ms to its first content.
func made(index int, cold bool, at time.Duration, ttft float64, u call.Usage) call.Result {
	r := call.Request{Index: index, Task: "t", Model: "m", Cold: cold, Due: at}.Result(call.OK)
	r.Started, r.Sent = at, at
	r.FirstEvent = at + time.Duration(ttft*float64(time.Millisecond))
	r.FirstContent, r.LastContent, r.Done = r.FirstEvent, r.FirstEvent+time.Second, r.FirstEvent+time.Second
	r.Usage, r.Cost = u, price("m", u)
	return r
}

var (
	wrote = call.Usage{Input: 10, CacheWrite5m: 1000, Output: 20}
	read  = call.Usage{Input: 10, CacheRead: 1000, Output: 20}
)

// run is n calls, one a second, of which every fourth is cold. Cold ones take
// 500 ms and up to 11 more, warm ones 400 and up to 11 more.
func run(n int) []call.Result {
	var out []call.Result
	for i := range n {
		cold, ttft, u := i%4 == 3, 400+float64(i*5%12), read
		if cold {
			ttft, u = ttft+100, wrote
		}
		out = append(out, made(i, cold, time.Duration(i)*time.Second, ttft, u))
	}
	return out
}

func compare(t *testing.T, task Task, results []call.Result) Comparison {
	t.Helper()
	c := Calls{Tasks: map[string]Task{"t": task, "other": {}}, Price: price}
	for _, r := range results {
		c.Add(r)
	}
	all := c.Comparisons()
	if len(all) != 1 {
		t.Fatalf("%d comparisons; want 1", len(all))
	}
	return all[0]
}

func TestComparison(t *testing.T) {
	k := compare(t, Task{0.25, "5m"}, run(80))
	if k.Cold.Asked != 20 || k.Cold.Calls != 20 || k.Warm.Answered != 60 || k.Warm.Calls != 60 {
		t.Errorf("cold %+v, warm %+v; want 20 and 60 calls", k.Cold, k.Warm)
	}
	// The 60 warm calls take 400 to 411 ms, the 20 cold ones 503, 507 or 511.
	if k.Warm.TTFT.Value != 405 || k.Cold.TTFT.Value != 507 || k.TTFT.Value < -103 || k.TTFT.Value > -100 || !(k.TTFT.Low < k.TTFT.Value && k.TTFT.Value < k.TTFT.High) {
		t.Errorf("ttft %v against %v, difference %+v", k.Cold.TTFT, k.Warm.TTFT, k.TTFT)
	}
	// A write costs 10 + 1250 + 100 millionths, a hit 10 + 100 + 100.
	if c := k.Cost; math.Abs(float64(c.Value)+0.00115) > 1e-12 || math.Abs(float64(c.Low-c.High)) > 1e-9 || c.N != 20 {
		t.Errorf("a hit costs %+v more than a miss; want -0.00115 exactly", c)
	}
	if math.Abs(float64(k.Cold.Cost.Value)-0.00136) > 1e-12 || math.Abs(float64(k.Warm.Cost.Value)-0.00021) > 1e-12 {
		t.Errorf("cost %v and %v; want 0.00136 and 0.00021", k.Cold.Cost, k.Warm.Cost)
	}
	if *k.Saved != 60*call.Dollar*115/100_000 {
		t.Errorf("saved %v; want 60 times 0.00115", *k.Saved)
	}
	if k.Warm.Prompt != (Prompt{10, 0, 1000}) || k.Cold.Prompt != (Prompt{10, 1000, 0}) || len(k.Warnings) != 0 {
		t.Errorf("prompts %+v and %+v, warnings %q", k.Cold.Prompt, k.Warm.Prompt, k.Warnings)
	}
}

// What a hit saves goes by what a miss would have been: a write of an hour, or
// plain input where the server caches by itself.
func TestSaved(t *testing.T) {
	for ttl, want := range map[string]call.USD{"5m": 1150, "1h": 1900, "": 900} {
		if got := *compare(t, Task{0.25, ttl}, run(2)).Saved; got != 2*want*call.Dollar/1_000_000 {
			t.Errorf("ttl %q: two hits save %v; want 2 times %d millionths", ttl, got, want)
		}
	}
	c := Calls{Tasks: map[string]Task{"t": {Cold: 0.25}}}
	c.Add(run(1)[0])
	if got := c.Comparisons()[0].Saved; got != nil {
		t.Errorf("without prices %v are saved; want null", got)
	}
}

// Calls that did otherwise than they were made to are in no figure, and named.
func TestAstray(t *testing.T) {
	for _, c := range []struct {
		name   string
		task   Task
		change func([]call.Result) []call.Result
		want   []string
		cold   int
		warm   int
	}{
		{"the first writes, and one beside it", Task{0.25, "5m"}, func(r []call.Result) []call.Result {
			r[0].Usage, r[1].Usage = wrote, wrote
			r[1].Started = r[0].FirstEvent - 1
			return r
		}, []string{"2 warm calls left before the prefix could be read and are not compared: one has to write it, and until its answer begins none can read"}, 20, 58},
		{"written in the warm-up", Task{0.25, "5m"}, func(r []call.Result) []call.Result {
			r[0].Usage, r[0].Phase = wrote, call.WarmUp
			return r
		}, nil, 20, 59},
		{"expired", Task{0.25, "5m"}, func(r []call.Result) []call.Result {
			r[40].Usage = wrote
			return r
		}, []string{"1 warm call missed a prefix that had been written and is not compared: it had expired, or the server did not keep it"}, 20, 59},
		{"the seed of a run before", Task{0.25, "1h"}, func(r []call.Result) []call.Result {
			r[3].Usage = read
			return r
		}, []string{"1 cold call of 20 found a prefix in the cache and is not compared: most likely a run with the same seed went before, less than an hour ago; take another seed, or none"}, 19, 60},
		{"never cached", Task{0.25, "5m"}, func(r []call.Result) []call.Result {
			for i := range r {
				r[i].Usage = call.Usage{Input: 100, Output: 1}
			}
			return r
		}, []string{"not one of 60 warm calls read the cache, so there is nothing to compare: is the system prompt as long as the model caches at least (512 to 4,096 tokens)?",
			"too few to compare: a median takes 6 calls of each kind, there are 20 cold and 0 warm"}, 20, 0},
		{"a server that does not say", Task{0.25, ""}, func(r []call.Result) []call.Result {
			for i := range r {
				r[i].Usage = call.Usage{Input: 100, Output: 1}
			}
			return r[:40]
		}, []string{"not one of 30 warm calls read the cache, so there is nothing to compare: the server does not cache, or does not say so",
			"too few to compare: a median takes 6 calls of each kind, there are 10 cold and 0 warm"}, 10, 0},
		{"cold calls that pay nothing for writing", Task{0.25, "5m"}, func(r []call.Result) []call.Result {
			for i := range r {
				if r[i].Cold {
					r[i].Usage = call.Usage{Input: 1010, Output: 20}
				}
			}
			return r
		}, []string{"not one of 20 cold calls wrote the cache: they paid less than a miss does"}, 20, 60},
		{"few", Task{0.25, "5m"}, func(r []call.Result) []call.Result { return r[:23] },
			[]string{"too few to compare: a median takes 6 calls of each kind, there are 5 cold and 18 warm"}, 5, 18},
		{"few for costs", Task{0.25, "5m"}, func(r []call.Result) []call.Result { return r[:39] },
			[]string{"too few for an interval of the cost: it takes 10 calls of each kind, there are 9 cold and 30 warm"}, 9, 30},
		{"no streams", Task{0.25, "5m"}, func(r []call.Result) []call.Result {
			for i := range r {
				r[i].FirstEvent, r[i].FirstContent = 0, 0
			}
			return r
		}, []string{"service_ttft takes answers that are streamed"}, 20, 60},
		{"failures and bounds", Task{0.25, "5m"}, func(r []call.Result) []call.Result {
			r[3].Class, r[4].CostBound, r[5].Phase, r[6].Class = call.RateLimited, true, call.BudgetTail, call.Dropped
			return r
		}, nil, 19, 57},
	} {
		k := compare(t, c.task, c.change(run(80)))
		if d := cmp.Diff(append([]string{}, c.want...), k.Warnings); d != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", c.name, d)
		}
		if k.Cold.Calls != c.cold || k.Warm.Calls != c.warm {
			t.Errorf("%s: %d cold and %d warm calls; want %d and %d", c.name, k.Cold.Calls, k.Warm.Calls, c.cold, c.warm)
		}
	}
}

// What is withheld reads null, and no figure is NaN.
func TestWithheld(t *testing.T) {
	for _, n := range []int{1, 4, 20, 24, 30} {
		b, err := json.Marshal(compare(t, Task{0.25, "5m"}, run(n)))
		if err != nil || strings.Contains(string(b), "NaN") {
			t.Fatalf("%d calls: %s, %v", n, b, err)
		}
	}
	few := compare(t, Task{0.25, "5m"}, run(23))
	if few.Cold.TTFT.Value.Known() || few.TTFT.Value.Known() || few.Cold.Cost.Low.Known() || !few.Cold.Cost.Value.Known() || !few.Warm.TTFT.Value.Known() {
		t.Errorf("of 5 cold calls: %+v", few)
	}
	c := Calls{Tasks: map[string]Task{"t": {}}}
	c.Add(run(1)[0])
	if got := c.Comparisons(); got == nil || len(got) != 0 {
		t.Errorf("a task that asked for no cold calls: %+v", got)
	}
}

// Where a hit is worth nothing, 95 % of the intervals hold 0.
func TestCovers(t *testing.T) {
	held := 0
	for seed := range 200 {
		results := run(60)
		for i, r := range slices.Clone(results) {
			ttft := 400 * math.Exp(0.5*math.Sin(float64((i+1)*(seed+3)*7919)))
			results[i] = made(i, r.Cold, r.Due, ttft, r.Usage)
		}
		if k := compare(t, Task{0.25, "5m"}, results); k.TTFT.Low <= 0 && k.TTFT.High >= 0 {
			held++
		}
	}
	if held < 180 || held == 200 {
		t.Errorf("%d of 200 intervals hold 0; want about 190", held)
	}
}
