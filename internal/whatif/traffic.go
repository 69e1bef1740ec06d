package whatif

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// traffic is the calls of one task to one model.
type traffic struct {
	*Config
	Task
	name, model string
	calls       []call.Result
	cold        int     // calls that were made to miss the prompt cache, not among them
	perMonth    float64 // requests; 0 without a volume
}

// learnPrefix takes the length of the shared beginning from what the API counted
// as written and read, where it counted any: that is the cached prefix itself.
func (t *traffic) learnPrefix() {
	var seen []int64
	for _, r := range t.calls {
		if n := r.CacheRead + r.CacheWrite5m + r.CacheWrite1h; n > 0 {
			seen = append(seen, n)
		}
	}
	if len(seen) > 0 {
		slices.Sort(seen)
		t.Prefix, t.PrefixMeasured = seen[len(seen)/2], true
	}
	if t.Prefix == 0 && t.PrefixPart > 0 {
		t.Prefix = int64(math.Round(t.PrefixPart * t.meanPrompt()))
	}
}

// meanPrompt is the mean length of a prompt, as the API counted it.
func (t *traffic) meanPrompt() float64 {
	sum := int64(0)
	for _, c := range t.calls {
		sum += c.Usage.Prompt()
	}
	return float64(sum) / float64(len(t.calls))
}

// cached reports whether a model would cache the prefix at all.
func (t *traffic) cached(model string) bool {
	e, _ := t.Catalog.Lookup(model)
	return t.Prefix > 0 && float64(t.Prefix)*t.ratio(model) >= float64(e.MinCacheable)
}

// ratio is how many tokens a model counts for one of the task's own.
func (t *traffic) ratio(model string) float64 {
	switch {
	case model == t.model:
		return 1
	case t.Ratio > 0:
		return t.Ratio
	}
	return tokenizer(model) / tokenizer(t.model)
}

// pool is a part of the traffic that is priced alike. In a run it is some of the
// calls, in a month a share of what is like them.
type pool struct {
	model  string
	batch  bool
	calls  []call.Result
	weight float64 // of each call
	again  float64 // share of them that is asked again of the task's own model
	hit    func(i int) float64
}

// report prices the traffic under every set of levers.
func (t *traffic) report() TaskReport {
	r := TaskReport{Name: t.name, Model: t.model, Calls: len(t.calls), Prefix: t.Prefix, Combinations: combinations(), Why: t.why()}
	cheapest := func(set Lever, price func(ttl string) float64) (usd float64, ttl string) {
		ttls := []string{"5m", "1h"}
		if t.TTL != "" || set&Cache == 0 {
			ttls = []string{cmp.Or(t.TTL, "5m")}
		}
		usd = math.Inf(1)
		for _, l := range ttls {
			if p := price(l); p < usd {
				usd, ttl = p, l
			}
		}
		return usd, ttl
	}
	for i := range r.Combinations {
		set := Lever(i)
		c := &r.Combinations[i]
		var ttl string
		c.RunUSD, ttl = cheapest(set, func(l string) float64 { return t.bill(t.runPools(set, l), set, l) })
		if t.perMonth > 0 {
			c.MonthUSD, ttl = cheapest(set, func(l string) float64 { return t.bill(t.monthPools(set, l), set, l) })
		}
		if set == Cache {
			r.TTL = ttl
		}
	}
	r.Best = r.best(t.perMonth > 0).Name
	t.caching(&r)
	return r
}

// caching fills in what the report says of the prompt cache.
func (t *traffic) caching(r *TaskReport) {
	for _, c := range t.calls {
		r.Counted += float64(c.Input+c.CacheWrite5m+c.CacheWrite1h) / float64(len(t.calls))
	}
	r.CountedCached = r.Counted
	if !t.cached(t.model) {
		r.TTL = ""
		return
	}
	ttl := cmp.Or(r.TTL, "5m")
	hits := replay(t.calls, life(ttl))
	for _, h := range hits {
		if h {
			r.HitRate += 1 / float64(len(hits))
		}
	}
	if t.perMonth > 0 {
		r.MonthHitRate = poissonHits(t.rate(1), life(ttl), t.delay())
	}
	rate := r.HitRate
	if t.perMonth > 0 {
		rate = r.MonthHitRate
	}
	r.CountedCached = t.meanPrompt() - float64(t.Prefix)*rate
	r.BreakEven = t.breakEven(ttl)
	if r.Combinations[Cache].figure(t.perMonth > 0) >= r.Combinations[0].figure(t.perMonth > 0) {
		r.TTL = ""
	}
}

// breakEven is the hit rate at which writing and reading the prefix cost what
// sending it costs: (w − 1) ÷ (w − r), in multiples of the input price.
func (t *traffic) breakEven(ttl string) float64 {
	e, _ := t.Catalog.Lookup(t.model)
	p := e.Prices.WithDefaults()
	write := p.CacheWrite5m
	if ttl == "1h" {
		write = p.CacheWrite1h
	}
	if write <= p.CacheRead {
		return 0
	}
	return float64(write-p.Input) / float64(write-p.CacheRead)
}

// why says which declarations are missing, or why the cache has no effect.
func (t *traffic) why() string {
	switch {
	case t.Prefix == 0:
		return "no shared beginning is known: nothing to cache"
	case !t.cached(t.model):
		return "the shared beginning is shorter than the model caches"
	}
	return ""
}

// runPools parts the run's own calls. Which of them are routed or batched is
// spread evenly over the run.
func (t *traffic) runPools(set Lever, ttl string) []pool {
	move, wait := spread(t.routed(set)), spread(t.batched(set))
	parts := map[[2]bool][]call.Result{}
	for _, c := range t.calls {
		k := [2]bool{move(), wait()}
		parts[k] = append(parts[k], c)
	}
	var out []pool
	for _, k := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
		if len(parts[k]) == 0 {
			continue
		}
		p := t.pool(k[0], k[1], parts[k], 1)
		if !k[1] {
			found := replay(parts[k], life(ttl))
			p.hit = func(i int) float64 {
				if found[i] {
					return 1
				}
				return 0
			}
		}
		out = append(out, p)
	}
	return out
}

// monthPools parts a month of traffic like the run's.
func (t *traffic) monthPools(set Lever, ttl string) []pool {
	r, b := t.routed(set), t.batched(set)
	each := t.perMonth / float64(len(t.calls))
	var out []pool
	for _, k := range []struct {
		moved, waits bool
		part         float64
	}{{false, false, (1 - r) * (1 - b)}, {false, true, (1 - r) * b}, {true, false, r * (1 - b)}, {true, true, r * b}} {
		if k.part == 0 {
			continue
		}
		p := t.pool(k.moved, k.waits, t.calls, each*k.part)
		if !k.waits {
			h := poissonHits(t.rate(k.part), life(ttl), t.delay())
			p.hit = func(int) float64 { return h }
		}
		out = append(out, p)
	}
	return out
}

func (t *traffic) pool(moved, waits bool, calls []call.Result, weight float64) pool {
	p := pool{model: t.model, batch: waits, calls: calls, weight: weight, hit: func(int) float64 { return t.BatchHits }}
	if moved {
		p.model = t.Task.Model
		if t.Quality > 0 {
			p.again = 1 - t.Quality
		}
	}
	return p
}

func (t *traffic) routed(set Lever) float64 {
	if set&Route == 0 || t.Task.Model == "" || t.Task.Model == t.model {
		return 0
	}
	return t.Share
}

func (t *traffic) batched(set Lever) float64 {
	if set&Batch == 0 {
		return 0
	}
	return t.Task.Batch
}

// rate is how many requests a second each prefix sees in a month, of a part of
// the traffic.
func (t *traffic) rate(part float64) float64 {
	return t.perMonth * part / month.Seconds() / max(t.Prefixes, 1)
}

// delay is the mean time from a request to its first event, before which its
// entry cannot be read.
func (t *traffic) delay() time.Duration {
	var sum time.Duration
	n := 0
	for _, c := range t.calls {
		if c.FirstEvent > c.Sent && c.Sent > 0 {
			sum += c.FirstEvent - c.Sent
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / time.Duration(n)
}

// spread returns a function that says true for a share of its calls, evenly.
func spread(share float64) func() bool {
	n := 0.0
	return func() bool {
		before := math.Floor(n*share + 1e-9)
		n++
		return math.Floor(n*share+1e-9) > before
	}
}
