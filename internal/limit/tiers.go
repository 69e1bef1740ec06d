package limit

import (
	_ "embed" // for the table below
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

//go:embed tiers.json
var tiers []byte

// Rates are the limits of one model class, a minute each; 0 is no limit.
type Rates struct {
	Requests     int64 `json:"requests,omitzero"`
	InputTokens  int64 `json:"input_tokens,omitzero"` // cache reads do not count
	OutputTokens int64 `json:"output_tokens,omitzero"`
	Tokens       int64 `json:"tokens,omitzero"` // input and output together: a workspace's limit, or a chat server's
}

// Of returns the limit of a kind; 0 for none and for kinds that are no rate.
func (r Rates) Of(kind call.LimitKind) int64 {
	switch kind {
	case call.LimitRequests:
		return r.Requests
	case call.LimitInputTokens:
		return r.InputTokens
	case call.LimitOutputTokens:
		return r.OutputTokens
	case call.LimitTokens:
		return r.Tokens
	}
	return 0
}

// Tier is a published set of limits, by model class (see [call.ModelClass]).
type Tier struct {
	Name    string           `json:"name"`
	Current bool             `json:"current"` // what an organization can have today
	Source  string           `json:"source"`
	Classes map[string]Rates `json:"classes"`
}

// Tiers returns the published tiers, the smallest first, and the date of the table.
func Tiers() (all []Tier, asOf string) {
	var file struct {
		AsOf  string `json:"as_of"`
		Tiers []Tier `json:"tiers"`
	}
	if err := json.Unmarshal(tiers, &file); err != nil {
		panic("limit: the embedded tiers.json is broken: " + err.Error()) // a broken build; a test reads it
	}
	return file.Tiers, file.AsOf
}

// TierNamed finds a tier; the error lists the names there are.
func TierNamed(name string) (Tier, error) {
	all, _ := Tiers()
	var names []string
	for _, t := range all {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Tier{}, fmt.Errorf("unknown tier %q (one of %s)", name, strings.Join(names, ", "))
}

// Allowance is what the API still allows one model class, by the plain reading
// of its documentation: buckets that hold a minute of their limit and refill
// continuously. It is arithmetic for forecasts; instants are offsets from
// any one origin and must not fall. The zero Allowance allows everything.
type Allowance struct {
	rates   Rates
	buckets [numKinds]bucket
}

// NewAllowance returns an allowance that is full.
func NewAllowance(r Rates) *Allowance {
	a := &Allowance{rates: r}
	for i := range a.buckets {
		n := float64(max(r.Of(kinds[i]), 0))
		a.buckets[i] = bucket{level: n, capacity: n, rate: n / 60}
	}
	return a
}

// Admit takes one request with its input tokens, or nothing: then it names the
// limit that refused it and how long it will. Output is not known yet; it needs
// only that some is left.
func (a *Allowance) Admit(at time.Duration, input int64) (refused call.LimitKind, wait time.Duration) {
	need := [...]float64{requests: 1, inputTokens: float64(input), outputTokens: 1, tokens: float64(max(input, 1))}
	for i := range a.buckets {
		if a.rates.Of(kinds[i]) <= 0 {
			continue
		}
		if d := a.buckets[i].ready(at, need[i]) - at; d > wait {
			refused, wait = kinds[i], d
		}
	}
	if refused != "" {
		return refused, wait
	}
	a.use(at, requests, 1)
	a.use(at, inputTokens, float64(input))
	a.use(at, tokens, float64(input))
	return "", 0
}

// Generated takes output tokens, as the API does while they are generated.
func (a *Allowance) Generated(at time.Duration, n float64) {
	a.use(at, outputTokens, n)
	a.use(at, tokens, n)
}

func (a *Allowance) use(at time.Duration, i int, n float64) {
	if a.rates.Of(kinds[i]) > 0 {
		a.buckets[i].shift(at, -n)
	}
}
