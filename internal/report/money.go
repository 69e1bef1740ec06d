package report

import (
	"cmp"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// payer is a task or model and its part of the bill.
type payer struct {
	name string
	metrics.Cost
}

// payers is who a bill is made of, by one tag.
type payers struct {
	tag string // task or model
	all []payer
}

// payersOf lists the tasks where there are several, and the models.
func payersOf(rep *Report) []payers {
	var out []payers
	for _, by := range []struct {
		tag    string
		groups map[string]metrics.Group
	}{{"task", rep.Tasks}, {"model", rep.Models}} {
		if len(by.groups) < 2 {
			continue
		}
		p := payers{tag: by.tag}
		for _, name := range byName(by.groups) {
			p.all = append(p.all, payer{cmp.Or(name, "(none)"), by.groups[name].Cost})
		}
		out = append(out, p)
	}
	return out
}

// part is the payer's share of the whole bill.
func (p payer) part(rep *Report) string {
	if rep.Cost.USD <= 0 {
		return withheld
	}
	return share(metrics.Number(float64(p.USD) / float64(rep.Cost.USD)))
}

// burn shows dollars an hour.
func burn(c metrics.Cost) string {
	if s := special(c.BurnPerHour); s != "" {
		return s
	}
	return call.DollarsToUSD(float64(c.BurnPerHour)).String()
}

// saving says what the prompt cache did to the bill; "" is nothing.
func saving(c metrics.Cost) (amount, words string) {
	switch {
	case c.CacheSavings > 0:
		return c.CacheSavings.String(), "less than without the prompt cache"
	case c.CacheSavings < 0:
		return (-c.CacheSavings).String(), "more than without the prompt cache: writing it cost more than reading it saved"
	}
	return "", ""
}
