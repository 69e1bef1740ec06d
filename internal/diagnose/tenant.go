package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/stats"
)

// Somebody else is a finding from here on.
const (
	foreignBound  = 0.05 // of a limit
	foreignSaid   = 30   // answers whose headers tell of it,
	foreignWindow = 10 * time.Second
	foreignParts  = 10  // windows
	foreignSeldom = 0.2 // of the time, to which it hides little
	foreignFull   = 0.9 // of the time, from which a bucket that is full hides who takes from it
)

// foreign is what others take from one limit of one class.
type foreign struct {
	class     string
	kind      call.LimitKind
	limit     float64
	refill    float64        // per minute
	perMinute stats.Estimate // that others took
	own       float64        // per minute, that we did
	full      float64        // share of the stretches between answers in which the bucket may have been full
	windows   int
	said      int
	minutes   float64
}

// part is one window of time between headers.
type part struct{ taken, minutes float64 }

// foreignTo adds up what is gone from a limit and was not taken by us. From one
// answer to the next the bucket refills, our own requests take theirs, and it
// holds no more than its limit; what the headers show to be missing beyond that
// was taken by others:
//
//	foreign = refill − own − growth of remaining
//
// What others take from a bucket that would have been full is refilled unseen, so
// that this is never too much.
func (c *classLoad) foreignTo(k call.LimitKind) (f foreign, ok bool) {
	said := slices.Clone(c.said[k])
	slices.SortFunc(said, func(a, b limit.Said) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(b.Remaining, a.Remaining), cmp.Compare(a.Full, b.Full))
	})
	if len(said) < foreignSaid {
		return f, false
	}
	f = foreign{class: c.name, kind: k, limit: said[len(said)-1].Limit, said: len(said), minutes: (said[len(said)-1].At - said[0].At).Minutes()}
	f.refill = f.limit
	// Where the headers show a slower refill than the limit that they announce, it is
	// that which we share; a faster one would accuse others of what nobody took.
	if fit, told := limit.FitHeaders(said, level); told && fit.PerMinute.High < f.limit {
		f.refill = fit.PerMinute.Value
	}
	parts := map[int]part{}
	demands, at, full := c.demands(k, k), 0, 0
	for at < len(demands) && demands[at].At <= said[0].At {
		at++
	}
	for i := 1; i < len(said); i++ {
		before, now := said[i-1], said[i]
		left, own, n, capped := f.left(before, now, demands[at:])
		at += n
		f.own += own
		if now.Limit != before.Limit || k == call.LimitOutputTokens && before.Remaining*now.Remaining == 0 {
			continue // another limit, or a level below zero, which headers show as zero
		}
		if capped {
			full++
		}
		p := parts[int((now.At-said[0].At)/foreignWindow)]
		p.taken += left - now.Remaining
		p.minutes += (now.At - before.At).Minutes()
		parts[int((now.At-said[0].At)/foreignWindow)] = p
	}
	f.full, f.own, f.windows = float64(full)/float64(len(said)-1), f.own/max(f.minutes, 1e-9), len(parts)
	if f.windows < foreignParts {
		return f, false
	}
	in := slices.Sorted(maps.Keys(parts))
	f.perMinute = stats.Bootstrap(len(in), level, sampleSeed, func(places []int) float64 {
		var sum part
		for _, i := range places {
			sum.taken, sum.minutes = sum.taken+parts[in[i]].taken, sum.minutes+parts[in[i]].minutes
		}
		return sum.taken / max(sum.minutes, 1e-9)
	})
	return f, f.perMinute.Bounded()
}

// left is what the bucket holds by the second of two answers if nobody else took
// from it, what we took in between, with how many demands, and whether it may
// have been full.
func (f foreign) left(before, now limit.Said, demands []limit.Demand) (left, own float64, n int, capped bool) {
	left, last := before.Remaining, before.At
	refill := func(to time.Duration) {
		left += f.refill * (to - last).Minutes()
		capped = capped || left >= f.limit
		left, last = min(left, f.limit), to
	}
	for _, d := range demands {
		if d.At > now.At {
			break
		}
		n++
		if d.Refused {
			continue
		}
		refill(d.At)
		left -= d.Units
		own += d.Units
	}
	refill(now.At)
	return left, own, n, capped
}

func (f foreign) found() bool { return f.perMinute.Low > foreignBound*f.limit }

// otherTenant looks for somebody else who takes from the same limits.
func (e *Evidence) otherTenant(metrics.Summary) outcome {
	var hit []foreign
	told, seen := 0, 0
	requests := map[string]foreign{}
	for _, name := range slices.Sorted(maps.Keys(e.classes)) {
		for _, k := range []call.LimitKind{call.LimitRequests, call.LimitInputTokens, call.LimitOutputTokens} {
			f, ok := e.classes[name].foreignTo(k)
			if !ok {
				continue
			}
			told++
			if k == call.LimitRequests {
				requests[name] = f
			}
			if f.full < foreignFull {
				seen++
			}
			if f.found() && !countsOtherwise(f, requests[name]) {
				hit = append(hit, f)
			}
		}
	}
	switch {
	case len(hit) > 0:
		slices.SortStableFunc(hit, func(a, b foreign) int { return cmp.Compare(b.perMinute.Value/b.limit, a.perMinute.Value/a.limit) })
		return one(tenantFinding(hit, requests), true)
	case told == 0:
		return lacks("limit headers of %d answers of a model class, over %d windows of %.0f s", foreignSaid, foreignParts, foreignWindow.Seconds())
	case seen == 0:
		return lacks("a load that draws on its limits: their buckets were full nearly all the time, and a full one hides who else takes from it")
	}
	return outcome{}
}

// countsOtherwise reports whether tokens are gone that nobody's request took, as far
// as a bucket of requests that is seldom full tells: then the limit counts them in
// another way than the usage does.
func countsOtherwise(f, requests foreign) bool {
	return f.kind != call.LimitRequests && requests.said > 0 && requests.full < foreignSeldom && requests.perMinute.Low <= 0
}

func tenantFinding(hit []foreign, requests map[string]foreign) Finding {
	f := hit[0]
	share := f.perMinute.Value / f.limit
	about := ""
	if f.full > foreignBound {
		about = "at least "
	}
	out := Finding{
		ID: "other.tenant", Severity: Medium,
		Title:  fmt.Sprintf("somebody else takes %s%s of the limit on %s of %s", about, percent(share), noun(f.kind), f.class),
		Effect: fmt.Sprintf("%s%s of %s %s per minute are taken by others (95%% interval %s to %s)", about, number(f.perMinute.Value), number(f.limit), noun(f.kind), number(max(f.perMinute.Low, 0)), number(f.perMinute.High)),
		Rivals: []string{
			"our own load: what we took is counted, retries and the warm-up included",
			"a limit on growth, a spend cap, overload (529): none of them takes from what the headers say is left",
		},
		Recommendations: []string{
			"Look in the account's usage page for other keys and workspaces that use these models at this hour. A gateway or an SDK that retries by itself is somebody else, too.",
			fmt.Sprintf("Plan with what is left, %s %s per minute, or ask for a workspace with limits of its own.", number(max(f.limit-f.perMinute.Value, 0)), noun(f.kind)),
		},
		Disproof: "with no other key of the account in use, as much is gone",
		Next:     "tokenload limits twice, a minute apart, with no load of ours: what is left must be all there is",
	}
	if share > 0.5 {
		out.Severity = High
	}
	for _, h := range hit {
		out.Evidence = append(out.Evidence, fmt.Sprintf("%s, %s: %s a minute refill, of which we took %s; the headers of %s answers over %.1f min show that others took %s more (95%% interval %s to %s), by %d windows of %.0f s",
			h.class, noun(h.kind), number(h.refill), number(h.own), count(int64(h.said)), h.minutes, number(h.perMinute.Value), number(h.perMinute.Low), number(h.perMinute.High), h.windows, foreignWindow.Seconds()))
	}
	if f.full > foreignBound {
		out.Evidence = append(out.Evidence, fmt.Sprintf("the bucket may have been full between %s of the answers: what others took then is not seen", percent(f.full)))
	}
	if f.kind != call.LimitRequests {
		if r := requests[f.class]; r.said > 0 && r.perMinute.Low > 0 {
			out.Rivals = append(out.Rivals, fmt.Sprintf("a limit that counts tokens otherwise than the usage: %s requests a minute are gone as well", number(r.perMinute.Value)))
		} else {
			out.Remain++
			out.Evidence = append(out.Evidence, "rival explanation: this limit may count tokens otherwise than the usage does (cache reads, max_tokens)")
		}
	}
	errors := (f.perMinute.Value - foreignBound*f.limit) / max((f.perMinute.Value-f.perMinute.Low)/1.96, 1e-9)
	out.Weight = weakest(errors * errors / 2)
	return out
}
