package metrics

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/tokenload/tokenload/internal/call"
)

// limitKinds are the limits that headers describe, in the order of reports.
func limitKinds() [6]call.LimitKind {
	return [...]call.LimitKind{call.LimitRequests, call.LimitTokens, call.LimitInputTokens, call.LimitOutputTokens,
		call.LimitPriorityInputTokens, call.LimitPriorityOutputTokens}
}

// classUse is what the answers of one model class said of its limits, in the
// warm-up and in phase main.
type classUse struct {
	models  map[string]bool
	uses    [6]bucketUse // by limitKinds
	limited map[call.LimitKind]int
}

// bucketUse is the course of one limit.
type bucketUse struct {
	limit, least int64   // as said last; the lowest remaining
	hasLimit     bool    //
	hasLeast     bool    //
	lowest       float64 // share remaining
	hasLowest    bool
}

func (b *bucketUse) see(l *call.Limit) {
	if l == nil {
		return
	}
	if l.Limit != nil {
		b.limit, b.hasLimit = *l.Limit, true
	}
	if l.Remaining == nil {
		return
	}
	if left := *l.Remaining; !b.hasLeast || left < b.least {
		b.least, b.hasLeast = left, true
	}
	if l.Limit == nil || *l.Limit <= 0 {
		return
	}
	if left := float64(*l.Remaining) / float64(*l.Limit); !b.hasLowest || left < b.lowest {
		b.lowest, b.hasLowest = left, true
	}
}

// limit notes what one answer said of its model class.
func (t *Table) limit(r *call.Result) {
	if r.Limits.IsZero() && r.Class != call.RateLimited {
		return
	}
	class := call.ModelClass(r.Model)
	u := t.limits[class]
	if u == nil {
		u = &classUse{models: map[string]bool{}, limited: map[call.LimitKind]int{}}
		t.limits[class] = u
	}
	u.models[r.Model] = true
	for i, l := range [...]*call.Limit{r.Limits.Requests, r.Limits.Tokens, r.Limits.InputTokens, r.Limits.OutputTokens,
		r.Limits.PriorityInputTokens, r.Limits.PriorityOutputTokens} {
		u.uses[i].see(l)
	}
	if r.Class == call.RateLimited {
		u.limited[r.LimitedBy]++
	}
}

// limitsUsed returns the model classes that limits are known of, sorted by name.
func (t *Table) limitsUsed() []ClassLimits {
	out := []ClassLimits{}
	for _, class := range slices.Sorted(maps.Keys(t.limits)) {
		u := t.limits[class]
		c := ClassLimits{Class: class, Models: slices.Sorted(maps.Keys(u.models)), Binding: u.binding()}
		for i, to := range []**LimitUse{&c.Requests, &c.Tokens, &c.InputTokens, &c.OutputTokens, &c.PriorityInputTokens, &c.PriorityOutputTokens} {
			*to = u.uses[i].use(u.limited[limitKinds()[i]])
		}
		out = append(out, c)
	}
	return out
}

// use returns the public form, or nil for a limit that was never mentioned.
func (b *bucketUse) use(limited int) *LimitUse {
	if !b.hasLimit && !b.hasLeast && limited == 0 {
		return nil
	}
	u := &LimitUse{Limit: Withheld(), MinRemaining: Withheld(), PeakUtilization: Withheld(), RateLimited: limited}
	if b.hasLimit {
		u.Limit = Number(b.limit)
	}
	if b.hasLeast {
		u.MinRemaining = Number(b.least)
	}
	if b.hasLowest {
		u.PeakUtilization = Number(b.peak())
	}
	return u
}

// peak is the highest utilisation seen, 0 where none is known.
func (b *bucketUse) peak() float64 {
	if !b.hasLowest {
		return 0
	}
	return math.Max(1-b.lowest, 0)
}

// binding returns the limit that the run came up against: that of the most
// 429s, or without any the one used most. "" where neither is known. Beyond the
// capacity of Priority Tier requests go on as standard: it never binds.
func (u *classUse) binding() string {
	type candidate struct {
		kind    call.LimitKind
		limited int
		peak    float64
	}
	var all []candidate
	for i, kind := range limitKinds() {
		if kind != call.LimitPriorityInputTokens && kind != call.LimitPriorityOutputTokens {
			all = append(all, candidate{kind, u.limited[kind], u.uses[i].peak()})
		}
	}
	for _, kind := range []call.LimitKind{call.LimitRamp, call.LimitSpend} {
		all = append(all, candidate{kind: kind, limited: u.limited[kind]})
	}
	// Stable, so that of equals the first in the order of reports is taken.
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.limited, a.limited), cmp.Compare(b.peak, a.peak))
	})
	if top := all[0]; top.limited > 0 || top.peak > 0 {
		return string(top.kind)
	}
	return ""
}
