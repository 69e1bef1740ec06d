package estimate

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/limit"
	"github.com/tokenload/tokenload/internal/plan"
)

// class is one model class during a walk.
type class struct {
	models map[string]bool
	api    *limit.Allowance // what the API allows; nil is everything
	paced  *limit.Allowance // the share of it that avoid uses
	queue  []*pending       // avoid: who is held
	rates  limit.Rates
	bins   [len(kinds)][]float64 // by second: what was used of each limit
	counts [len(kinds)]struct {
		refused                 int
		firstRefused, firstHeld time.Duration // 0 is never
	}
}

// class returns the class of a model.
func (w *walk) class(model string) *class {
	name := call.ModelClass(model)
	c := w.classes[name]
	if c == nil {
		c = &class{models: map[string]bool{}}
		if rates, ok := w.Limits[name]; ok {
			c.rates = rates
			c.api = limit.NewAllowance(rates)
			share := w.Plan.OnLimit.Share
			part := func(n int64) int64 { return int64(float64(n) * share) }
			c.paced = limit.NewAllowance(limit.Rates{
				Requests: part(rates.Requests), InputTokens: part(rates.InputTokens), OutputTokens: part(rates.OutputTokens), Tokens: part(rates.Tokens)})
		}
		w.classes[name] = c
	}
	c.models[model] = true
	return c
}

func (c *class) refuse(kind call.LimitKind, now time.Duration) {
	n := &c.counts[slices.Index(kinds[:], kind)]
	n.refused++
	if n.refused == 1 {
		n.firstRefused = max(now, 1)
	}
}

func (c *class) held(kind call.LimitKind, now time.Duration) {
	if n := &c.counts[slices.Index(kinds[:], kind)]; n.firstHeld == 0 {
		n.firstHeld = max(now, 1)
	}
}

// use counts what an admitted attempt takes from the limits: one request and its
// input now, its output while it is generated, evenly.
func (w *walk) use(p *pending) {
	c, a := p.class, p.answer
	c.add(0, w.now, 1)
	c.add(1, w.now, float64(p.counted()))
	c.add(3, w.now, float64(p.counted()))
	const slices, most = time.Second, 120
	from, length := w.now+a.Begins, a.Ends-a.Begins
	n := int(min(length/slices, most)) + 1
	part := float64(a.Usage.Output) / float64(n)
	for i := range n {
		at := from + length*time.Duration(2*i+1)/time.Duration(2*n)
		c.add(2, at, part)
		c.add(3, at, part)
		if c.api != nil {
			w.at(at, rankEnd, func() {
				c.api.Generated(at, part)
				c.paced.Generated(at, part)
			})
		}
	}
}

func (c *class) add(kind int, at time.Duration, n float64) {
	const longest = 1_000_000 // seconds
	s := min(int(at/time.Second), longest)
	for len(c.bins[kind]) <= s {
		c.bins[kind] = append(c.bins[kind], 0)
	}
	c.bins[kind][s] += n
}

// sum closes the estimate.
func (w *walk) sum() Estimate {
	e := w.est
	e.Duration = w.last
	if l := w.Plan.Load; l.End > 0 && !w.ended {
		e.Duration = max(w.last, l.End)
	}
	for _, t := range w.Plan.Tasks {
		if done := w.tasks[t.Name]; done != nil {
			e.Tasks = append(e.Tasks, *done)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.classes)) {
		e.Classes = append(e.Classes, w.classes[name].load(name, w.span()))
	}
	if !e.Whole {
		e.scale(w.rest())
		e.Duration = w.Plan.Load.End
	}
	if w.purse.budget > 0 {
		e.WorstCase = min(e.WorstCase, w.purse.budget)
	}
	return e
}

// span is how long the load lasts: rates of a shorter time than a minute are
// over this.
func (w *walk) span() time.Duration {
	if end := w.Plan.Load.End; end > 0 && w.est.Whole {
		return end
	}
	return max(w.last, time.Second)
}

// load is what the class was offered.
func (c *class) load(name string, span time.Duration) Class {
	out := Class{Name: name, Models: slices.Sorted(maps.Keys(c.models))}
	for i, kind := range kinds {
		if kind == call.LimitTokens && c.rates.Tokens == 0 {
			continue // hardly anybody has one, and it is the sum of two others
		}
		o := Offer{Kind: kind, Limit: c.rates.Of(kind), Refused: c.counts[i].refused,
			First429: c.counts[i].firstRefused, FirstHeld: c.counts[i].firstHeld}
		for _, n := range c.bins[i] {
			o.Total += n
		}
		o.PerMinute = perMinute(c.bins[i], span)
		if o.Limit > 0 && o.PerMinute > float64(o.Limit) {
			o.Empties = time.Duration(float64(o.Limit) / (o.PerMinute - float64(o.Limit)) * float64(time.Minute))
		}
		out.Offers = append(out.Offers, o)
	}
	out.Binding = binding(out.Offers)
	return out
}

// perMinute is the highest sum of any 60 seconds. A load of less than a minute
// is carried on at its mean rate: what comes after its end belongs to it, too.
func perMinute(bins []float64, span time.Duration) float64 {
	const minute = 60
	if span < minute*time.Second {
		total := 0.0
		for _, n := range bins {
			total += n
		}
		return total / max(span.Seconds(), 1) * minute
	}
	most, sum := 0.0, 0.0
	for i, n := range bins {
		sum += n
		if i >= minute {
			sum -= bins[i-minute]
		}
		most = max(most, sum)
	}
	return most
}

// binding is the limit that is met first, else the one that is used most.
func binding(offers []Offer) call.LimitKind {
	var best Offer
	for _, o := range offers {
		if o.before(best) {
			best = o
		}
	}
	return best.Kind
}

// compare returns the classes as they were offered without limits, with what the
// limits made of them.
func (w *walk) compare(free *walk) []Class {
	var all []Class
	for _, name := range slices.Sorted(maps.Keys(free.classes)) {
		c := free.classes[name]
		if held := w.classes[name]; held != nil {
			c.rates, c.counts = held.rates, held.counts
		}
		out := c.load(name, free.span())
		if f := free.rest(); !free.est.Whole {
			for i := range out.Offers {
				out.Offers[i].Total *= f
			}
		}
		all = append(all, out)
	}
	return all
}

// rest is how many times what was looked at the whole plan is: by the load still
// to come.
func (w *walk) rest() float64 {
	l := w.Plan.Load
	switch {
	case w.est.Whole:
		return 1
	case l.Mode == plan.Arrivals:
		return max(1, l.Profile.Expected(l.End)/max(l.Profile.Expected(w.now), 1))
	case l.Requests > 0:
		return max(1, float64(l.Requests)/float64(max(w.est.Sent, 1)))
	}
	return max(1, l.Profile.Expected(l.End)/max(l.Profile.Expected(w.last), 1)) // of users: their seconds
}

func (e *Estimate) scale(f float64) {
	for _, n := range []*int{&e.Sent, &e.Attempts, &e.OK, &e.RateLimited, &e.Dropped, &e.OverBudget, &e.Canceled, &e.Rejected} {
		*n = int(math.Round(float64(*n) * f))
	}
	e.Usage, e.Cost, e.WorstCase = times(e.Usage, f), scaleUSD(e.Cost, f), scaleUSD(e.WorstCase, f)
	for i := range e.Tasks {
		t := &e.Tasks[i]
		t.Sent, t.OK = int(math.Round(float64(t.Sent)*f)), int(math.Round(float64(t.OK)*f))
		t.Usage, t.Cost = times(t.Usage, f), scaleUSD(t.Cost, f)
	}
	for i := range e.Classes {
		for j := range e.Classes[i].Offers {
			e.Classes[i].Offers[j].Total *= f
		}
	}
}

func times(u call.Usage, f float64) call.Usage {
	for _, n := range []*int64{&u.Input, &u.CacheWrite5m, &u.CacheWrite1h, &u.CacheRead, &u.Output, &u.Thinking} {
		*n = int64(math.Round(float64(*n) * f))
	}
	return u
}

func scaleUSD(u call.USD, f float64) call.USD {
	if v := float64(u) * f; v < math.MaxInt64 {
		return call.USD(v)
	}
	return math.MaxInt64
}
