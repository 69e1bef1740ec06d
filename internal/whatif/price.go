package whatif

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// bill is what pools cost, in dollars.
func (t *traffic) bill(pools []pool, set Lever, ttl string) float64 {
	sum := 0.0
	for _, p := range pools {
		for i, c := range p.calls {
			usd := t.price(c, p.model, p.batch, set, ttl, p.hit(i))
			if p.again > 0 {
				usd += p.again * t.price(c, t.model, p.batch, set, ttl, p.hit(i))
			}
			sum += p.weight * usd
		}
	}
	return sum
}

// price is what one call costs on a model, given the chance that its prefix is
// cached. Without the lever its usage is as the API counted it.
func (t *traffic) price(c call.Result, model string, batch bool, set Lever, ttl string, hit float64) float64 {
	of := t.Catalog.Of
	if batch {
		of = t.Catalog.OfBatch
	}
	u := c.Usage
	if set&Cache == 0 {
		return of(model, scaled(u, t.ratio(model))).Dollars()
	}
	total := u.Prompt()
	u.Input, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h = total, 0, 0, 0
	if !t.cached(model) {
		return of(model, scaled(u, t.ratio(model))).Dollars()
	}
	prefix := min(t.Prefix, total)
	u.Input = total - prefix
	read, write := u, u
	read.CacheRead = prefix
	if ttl == "1h" {
		write.CacheWrite1h = prefix
	} else {
		write.CacheWrite5m = prefix
	}
	k := t.ratio(model)
	return hit*of(model, scaled(read, k)).Dollars() + (1-hit)*of(model, scaled(write, k)).Dollars()
}

// scaled counts the same text with another tokenizer.
func scaled(u call.Usage, ratio float64) call.Usage {
	if ratio == 1 {
		return u
	}
	for _, n := range []*int64{&u.Input, &u.CacheWrite5m, &u.CacheWrite1h, &u.CacheRead, &u.Output, &u.Thinking} {
		*n = int64(math.Round(float64(*n) * ratio))
	}
	return u
}

// tokenizer is how many tokens a model's generation counts, relative to those
// before Claude 4.7: about 30 % more from then on. Source: the API's
// documentation of models, autumn 2026; measure it with count_tokens.
func tokenizer(model string) float64 {
	class := call.ModelClass(model)
	_, version, _ := strings.Cut(class, "-")
	major, minor, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	if err != nil || !strings.Contains(model, "claude-") {
		return 1
	}
	if minor == "x" { // a class of several: the model itself tells
		i := strings.Index(model, "-"+major+"-")
		minor = ""
		if i >= 0 {
			minor, _, _ = strings.Cut(model[i+len(major)+2:], "-")
		}
	}
	m, _ := strconv.Atoi(minor)
	if n > 4 || n == 4 && m >= 7 && m < 100 {
		return 1.3
	}
	return 1
}

func life(ttl string) time.Duration {
	if ttl == "1h" {
		return time.Hour
	}
	return 5 * time.Minute
}

// replay walks through calls in the order in which they left and says which of
// them would have found their prefix: an entry can be read from the first event
// of the call that wrote it, and lives for ttl from the start of the call that
// wrote or last read it.
func replay(calls []call.Result, ttl time.Duration) []bool {
	found := make([]bool, len(calls))
	var writes []entry
	for i, c := range calls {
		live := writes[:0]
		for _, e := range writes {
			if c.Started <= e.expires {
				live = append(live, e)
			}
		}
		writes = live
		for j := range writes {
			if e := &writes[j]; c.Started >= e.ready {
				found[i] = true
				e.expires = max(e.expires, c.Started+ttl)
			}
		}
		if !found[i] {
			ready := c.FirstEvent
			if ready == 0 {
				ready = c.FirstByte
			}
			writes = append(writes, entry{ready: ready, expires: c.Started + ttl})
		}
	}
	return found
}

// entry is one write of the prefix.
type entry struct{ ready, expires time.Duration }

// poissonHits is the share of independent arrivals, rate a second for each
// prefix, that find it cached: 1 − e^(−λT) (1 + λD), with T its life and D the
// time before which a write cannot be read.
func poissonHits(rate float64, ttl, delay time.Duration) float64 {
	miss := math.Exp(-rate*ttl.Seconds()) * (1 + rate*delay.Seconds())
	return 1 - min(miss, 1)
}
