package limit

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// kinds are the limits that headers speak of, in the order reports show them.
// A limit's place in it is its index everywhere in this package.
var kinds = [...]call.LimitKind{call.LimitRequests, call.LimitInputTokens, call.LimitOutputTokens, call.LimitTokens}

// The indexes of kinds.
const (
	requests = iota
	inputTokens
	outputTokens
	tokens
	numKinds
)

// watchedKinds are kinds, and after them the limits that are told and hold nobody back.
var watchedKinds = [...]call.LimitKind{call.LimitRequests, call.LimitInputTokens, call.LimitOutputTokens, call.LimitTokens,
	call.LimitPriorityInputTokens, call.LimitPriorityOutputTokens}

const numWatched = len(watchedKinds)

// header returns what l says of the watched limit with index i; nil if nothing.
func header(l call.Limits, i int) *call.Limit {
	return [numWatched]*call.Limit{l.Requests, l.InputTokens, l.OutputTokens, l.Tokens, l.PriorityInputTokens, l.PriorityOutputTokens}[i]
}

// Monitor keeps what the headers and 429s of a run said, by model class. The
// zero value is ready; any number of goroutines may use it. It must not be
// copied after first use.
type Monitor struct {
	mu      sync.Mutex
	models  map[string]*watched // by model
	classes map[string]*watched // by class
}

// watched is one model class.
type watched struct {
	models  map[string]bool
	limits  [numWatched]watch
	limited map[call.LimitKind]int
	last429 time.Time
}

// Class is what is known of one model class. Models of one class share their limits.
type Class struct {
	Name   string   // see [call.ModelClass]
	Models []string // those seen, sorted
	// Limits holds the limits that were mentioned or answered a 429, in the order
	// requests, input tokens, output tokens, tokens, and those of Priority Tier.
	Limits []Use
	// Binding is the limit that holds this class back, or would first: the one that
	// caused most 429s; without any, the one with the lowest headroom. "" is unknown.
	Binding call.LimitKind
	// RateLimited counts 429s by what they named; it includes ramp, spend and unknown.
	RateLimited map[call.LimitKind]int
	Last429     time.Time // zero: none
}

// Use is how much of one limit is used. What was never said is nil.
type Use struct {
	Kind      call.LimitKind
	Limit     *int64    // per minute
	Remaining *int64    // in the newest answer that said so; tokens are rounded to 1,000
	Reset     time.Time // when the bucket is full again; zero: never said
	At        time.Time // of the newest answer that mentioned this limit; zero: none did

	// Utilization is 1 − remaining/limit of the newest answer, 0 to 1; nil until
	// both are known. Headroom, what is left, is 1 − Utilization.
	Utilization *float64
	// MinHeadroom is the lowest share left in any answer, late ones included.
	MinHeadroom  *float64
	MinRemaining *int64 // lowest remaining in any answer
	// Exhaustion is how long after At nothing will be left if remaining goes on
	// falling as it did over the last minute; nil: it does not fall, or not clearly.
	Exhaustion  *time.Duration
	RateLimited int // 429s that named this limit
}

// Add observes one answer that ended: its headers, and the 429 if it is one. At
// is when its headers arrived.
func (m *Monitor) Add(r call.Result, at time.Time) {
	if !r.Limits.IsZero() {
		m.Observe(r.Model, r.Limits, at)
	}
	if r.Class == call.RateLimited {
		m.Limited(r.Model, r.LimitedBy, at)
	}
}

// Observe takes in the headers of one answer. Answers may come in any order: an
// older one counts for the lowest values and changes nothing else. What is
// missing stays as it was, and negative numbers are taken as missing.
func (m *Monitor) Observe(model string, l call.Limits, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.class(model)
	for i := range watchedKinds {
		if h := header(l, i); h != nil {
			w.limits[i].observe(*h, at)
		}
	}
}

// Limited counts one 429; kind "" is read as unknown.
func (m *Monitor) Limited(model string, kind call.LimitKind, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.class(model)
	if kind == "" {
		kind = call.LimitUnknown
	}
	w.limited[kind]++
	if at.After(w.last429) {
		w.last429 = at
	}
}

// class returns the entry of a model's class; the lock is held.
func (m *Monitor) class(model string) *watched {
	if w := m.models[model]; w != nil {
		return w
	}
	if m.models == nil {
		m.models, m.classes = map[string]*watched{}, map[string]*watched{}
	}
	name := call.ModelClass(model)
	w := m.classes[name]
	if w == nil {
		w = &watched{models: map[string]bool{}, limited: map[call.LimitKind]int{}}
		m.classes[name] = w
	}
	w.models[model] = true
	m.models[model] = w
	return w
}

// Headroom returns the share of each limit that the newest answer left, 0 to 1,
// by class and limit; a class without any is left out. It is nil before the first.
func (m *Monitor) Headroom() map[string]map[string]float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all map[string]map[string]float64
	for name, w := range m.classes {
		for i := range w.limits {
			h, ok := w.limits[i].headroom(w.limits[i].remaining)
			if !ok {
				continue
			}
			if all == nil {
				all = map[string]map[string]float64{}
			}
			if all[name] == nil {
				all[name] = map[string]float64{}
			}
			all[name][string(watchedKinds[i])] = h
		}
	}
	return all
}

// Exhaustion returns, in seconds from now, when each limit will be used up if
// it goes on as in the last minute, by class and limit; those that do not fall
// are left out. It is nil where none does.
func (m *Monitor) Exhaustion(now time.Time) map[string]map[string]float64 {
	var all map[string]map[string]float64
	for _, c := range m.Classes() {
		for _, u := range c.Limits {
			if u.Exhaustion == nil {
				continue
			}
			if all == nil {
				all = map[string]map[string]float64{}
			}
			if all[c.Name] == nil {
				all[c.Name] = map[string]float64{}
			}
			all[c.Name][string(u.Kind)] = max(0, (*u.Exhaustion - now.Sub(u.At)).Seconds())
		}
	}
	return all
}

// Classes returns everything that is known, sorted by name.
func (m *Monitor) Classes() []Class {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Class
	for _, name := range slices.Sorted(maps.Keys(m.classes)) {
		all = append(all, m.classes[name].class(name))
	}
	return all
}

func (w *watched) class(name string) Class {
	c := Class{Name: name, Models: slices.Sorted(maps.Keys(w.models)),
		RateLimited: maps.Clone(w.limited), Last429: w.last429}
	for i, kind := range watchedKinds {
		if n := w.limited[kind]; n > 0 || !w.limits[i].at.IsZero() {
			c.Limits = append(c.Limits, w.limits[i].use(kind, n))
		}
	}
	c.Binding = binding(c.Limits)
	return c
}

// binding picks the limit with most 429s, then lowest headroom; the first of
// equals, and none that holds nobody back.
func binding(uses []Use) call.LimitKind {
	var best call.LimitKind
	most, least := 0, math.Inf(1)
	for _, u := range uses {
		if !slices.Contains(kinds[:], u.Kind) {
			continue
		}
		h := math.Inf(1)
		if u.MinHeadroom != nil {
			h = *u.MinHeadroom
		}
		if u.RateLimited > most || u.RateLimited == most && h < least {
			best, most, least = u.Kind, u.RateLimited, h
		}
	}
	return best
}
