package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
)

const (
	conforms  = 0.8 // from here on a bucket explains which attempts were refused
	conformsA = 0.5 // up to here it does not
	accounted = 0.9 // of a refill that must have come through, if it was ours alone
	mostly    = 0.9 // of the 429s, which must name the limit that is fitted to them
	askParts  = 8   // of an answer, whose output tokens are counted while they come
	level     = 0.95
)

// ask is what one attempt wanted of its limits, and whether it got it.
type ask struct {
	sent, first, last time.Duration // the send, the first and the last content
	task              string
	input, output     float64
	refusedBy         call.LimitKind // "" if it was let through
}

// addAsk takes what an attempt of any phase asked for and what its headers said.
func (c *classLoad) addAsk(r call.Result) {
	a := ask{sent: r.Sent, first: cmp.Or(r.FirstContent, r.LastContent, r.Done), last: cmp.Or(r.LastContent, r.Done), task: r.Task,
		input: float64(r.Input + r.CacheWrite5m + r.CacheWrite1h), output: float64(r.Output)}
	if r.Class == call.RateLimited {
		a.refusedBy = cmp.Or(r.LimitedBy, call.LimitUnknown)
	}
	c.asks = append(c.asks, a)
	if r.FirstByte == 0 || r.Limits.IsZero() {
		return
	}
	for k, l := range headers(r.Limits) {
		if l.Limit == nil || l.Remaining == nil || l.Reset.IsZero() {
			continue
		}
		if c.said == nil {
			c.said = map[call.LimitKind][]limit.Said{}
		}
		c.said[k] = append(c.said[k], limit.Said{At: r.FirstByte, Limit: float64(*l.Limit), Remaining: float64(*l.Remaining),
			Full: time.Duration(l.Reset.UnixNano())}) // since when does not matter to the fit
	}
}

// buckets are what shows of one limit: as its headers tell, and as its 429s do.
type buckets struct {
	headers, refusals limit.Fit
	told, fitted      bool
	explains          float64 // Fit.Conforms of the second; NaN where it cannot be said
}

// bucketsOf fits the limit of a kind.
func (c *classLoad) bucketsOf(k call.LimitKind) buckets {
	b := buckets{explains: math.NaN()}
	said := c.said[k]
	slices.SortFunc(said, func(a, b limit.Said) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Remaining, b.Remaining), cmp.Compare(a.Full, b.Full))
	})
	b.headers, b.told = limit.FitHeaders(said, level)
	// Resets are told in whole seconds: answers of a few seconds all err the same way.
	b.told = b.told && b.headers.PerMinute.Bounded() && said[len(said)-1].At-said[0].At >= time.Minute
	if float64(c.byKind[k]) < mostly*float64(c.limited) {
		return b // another limit had its part in what came through
	}
	demands := c.demands(k, k)
	b.refusals, b.fitted = limit.FitRefusals(demands)
	// The fit takes the bucket never to be full between two 429s. It cannot have
	// been where none of those stretches is long enough to fill it.
	b.fitted = b.fitted && longestBetween(demands).Minutes() <= b.refusals.Capacity/b.refusals.PerMinute.Value
	// Output is admitted at any level over zero and counted while it comes, so that
	// the bucket cannot foretell who is refused.
	if b.fitted && (k == call.LimitRequests || k == call.LimitInputTokens) {
		b.explains = b.refusals.Conforms(demands)
	}
	return b
}

// longestBetween is the longest time from one refusal to the next.
func longestBetween(demands []limit.Demand) time.Duration {
	longest, last := time.Duration(0), time.Duration(-1)
	for _, d := range demands {
		if !d.Refused {
			continue
		}
		if last >= 0 {
			longest = max(longest, d.At-last)
		}
		last = d.At
	}
	return longest
}

// inOrder sorts the asks by when they left.
func (c *classLoad) inOrder() []ask {
	slices.SortFunc(c.asks, func(a, b ask) int {
		return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.last, b.last), cmp.Compare(a.input, b.input), cmp.Compare(a.output, b.output),
			cmp.Compare(a.refusedBy, b.refusedBy))
	})
	return c.asks
}

// demands are what was asked of a limit, in order; refused are those that name
// by. What another limit refused asked nothing of this one.
func (c *classLoad) demands(k, by call.LimitKind) []limit.Demand {
	asks := c.inOrder()
	usual := usualInput(asks)
	var out []limit.Demand
	for _, a := range asks {
		refused := a.refusedBy == by
		if a.sent == 0 || a.refusedBy != "" && !refused {
			continue
		}
		switch {
		case k == call.LimitRequests:
			out = append(out, limit.Demand{At: a.sent, Units: 1, Refused: refused})
		case k == call.LimitInputTokens && refused:
			out = append(out, limit.Demand{At: a.sent, Units: usual[a.task], Refused: true})
		case k == call.LimitInputTokens:
			out = append(out, limit.Demand{At: a.sent, Units: a.input})
		case k == call.LimitOutputTokens && refused:
			out = append(out, limit.Demand{At: a.sent, Units: 1, Refused: true})
		case k == call.LimitOutputTokens:
			for i := range askParts {
				out = append(out, limit.Demand{At: a.first + (a.last-a.first)*time.Duration(i)/askParts, Units: a.output / askParts})
			}
		}
	}
	return limit.InOrder(out)
}

// usualInput is the mean input of what was let through, by task.
func usualInput(asks []ask) map[string]float64 {
	sum, n := map[string]float64{}, map[string]float64{}
	for _, a := range asks {
		if a.refusedBy == "" && a.input > 0 {
			sum[a.task] += a.input
			n[a.task]++
		}
	}
	for task := range sum {
		sum[task] /= n[task]
	}
	return sum
}

// words says what the fits show: evidence with the rivals that remain, how many
// of those there are, and the rivals that are ruled out.
func (b buckets) words(k call.LimitKind) (evidence []string, remain int, ruledOut []string) {
	if b.told {
		evidence = append(evidence, fmt.Sprintf("fitted to the headers: refills %s %s per minute (95%% interval %s to %s)",
			number(b.headers.PerMinute.Value), noun(k), number(b.headers.PerMinute.Low), number(b.headers.PerMinute.High)))
	}
	if !b.fitted {
		return evidence, 0, nil
	}
	evidence = append(evidence, fmt.Sprintf("fitted to the 429s alone: refills %s %s per minute, holds %s",
		number(b.refusals.PerMinute.Value), noun(k), number(b.refusals.Capacity)))
	switch m := b.explains; {
	case m >= conforms:
		ruledOut = append(ruledOut, fmt.Sprintf("chance, a limit on growth, a shorter window: that bucket foretells which attempts were refused (Matthews' correlation %.2f)", m))
	case m <= conformsA:
		remain++
		evidence = append(evidence, fmt.Sprintf("rival explanation: that bucket does not foretell which attempts were refused (Matthews' correlation %.2f): a shorter window, a limit on growth, or refusals by chance", m))
	}
	if !b.told {
		return evidence, remain, ruledOut
	}
	through := b.refusals.PerMinute.Value / b.headers.PerMinute.Value
	if through < accounted {
		remain++
		evidence = append(evidence, fmt.Sprintf("rival explanation: only %s of the refill came through while we were refused: another tenant on the account, or a shorter window", percent(through)))
	} else {
		ruledOut = append(ruledOut, fmt.Sprintf("another tenant on the account: what came through while we were refused is %s of the refill that the headers show", percent(through)))
	}
	return evidence, remain, ruledOut
}

// unnamed looks for a limit that would explain 429s that name none.
func (c *classLoad) unnamed() string {
	for _, k := range []call.LimitKind{call.LimitRequests, call.LimitInputTokens} {
		demands := c.demands(k, call.LimitUnknown)
		if f, ok := limit.FitRefusals(demands); ok {
			if m := f.Conforms(demands); m >= conforms {
				return fmt.Sprintf("a bucket that refills %s %s per minute and holds %s would explain them (Matthews' correlation %.2f)",
					number(f.PerMinute.Value), noun(k), number(f.Capacity), m)
			}
		}
	}
	return ""
}

// effect is what the limit cost, in words.
func (c *classLoad) effect() string {
	out := []string{fmt.Sprintf("%s of attempts refused", percent(c.share()))}
	if c.ok > 0 {
		out = append(out, fmt.Sprintf("%s requests/s came through of %s that were offered", number(float64(c.ok)/max((c.end-c.start).Seconds(), 1)),
			number(float64(c.attempts)/max((c.end-c.start).Seconds(), 1))))
	}
	return strings.Join(out, "; ")
}

// disproof and next are what would show another cause, and how to see it.
func disproof(k call.LimitKind) string {
	switch k {
	case call.LimitSpend:
		return "a request is answered while the cap stands"
	case call.LimitRamp:
		return "the 429s go on while the rate is held"
	case call.LimitUnknown:
		return "the 429s go on at a tenth of the rate"
	}
	return fmt.Sprintf("with fewer %s per minute, and all else as it is, as large a share is refused", noun(k))
}

func (c *classLoad) next(k call.LimitKind, b buckets) string {
	switch k {
	case call.LimitSpend:
		return "tokenload limits, one smallest call, after the cap was raised"
	case call.LimitRamp:
		return "the same level, reached four times as slowly and held for ten minutes"
	}
	per := c.perRequest(k)
	refill := b.refusals.PerMinute.Value
	if b.told {
		refill = b.headers.PerMinute.Value
	}
	if (!b.told && !b.fitted) || per <= 0 {
		return "half the rate for five minutes, right after this run, while the bucket is empty"
	}
	return fmt.Sprintf("%s requests/s (0.9 of what refills) for five minutes, right after this run, while the bucket is empty: not one 429 should be left", number(0.9*refill/60/per))
}
