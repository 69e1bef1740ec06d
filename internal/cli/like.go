package cli

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/estimate"
	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/internal/store"
)

// answersOf are the answers of a stored run, by task and model: what was counted
// and how long it took, one for each request that ended ok.
type answersOf map[taskModel][]estimate.Answer

type taskModel struct{ task, model string }

// answersIn reads the answers of a run.
func answersIn(dir string) (answersOf, error) {
	stored, err := store.Open(dir)
	if err != nil {
		return nil, notExist(err, "--like takes the folder of a run")
	}
	all := answersOf{}
	for r, err := range stored.Results() {
		if err != nil {
			return nil, fmt.Errorf("read the answers of %q: %w", dir, err)
		}
		if r.Class != call.OK || r.LastContent == 0 {
			continue
		}
		a := estimate.Answer{Usage: r.Usage, Begins: r.TTFB(), Ends: r.ServiceE2E()}
		if first := r.ServiceTTFT(); r.FirstContent > 0 {
			a.Begins = first
		}
		k := taskModel{r.Task, r.Model}
		all[k] = append(all[k], a)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read the answers of %q: no request ended ok", dir)
	}
	return all, nil
}

// api answers as the run did: each request gets one of its task's answers,
// drawn by the plan's seed and the request's index. A task that the run does not
// have, or had with another model, is answered by other.
func (all answersOf) api(p *plan.Plan, other estimate.API) estimate.API {
	return func(at time.Duration, req call.Request) (estimate.Answer, error) {
		had := all[taskModel{req.Task, req.Model}]
		if len(had) == 0 {
			return other(at, req)
		}
		const stream = 0x6c696b65 // sets these draws apart from others of the same seed
		r := rand.New(rand.NewPCG(p.Seed^stream, uint64(req.Index)))
		return had[r.IntN(len(had))], nil
	}
}

// words say how far the run's answers go for a plan.
func (all answersOf) words(dir string, p *plan.Plan) []string {
	var missing []string
	n := 0
	seen := map[taskModel]bool{}
	for _, t := range p.Tasks {
		k := taskModel{t.Name, t.Model}
		if len(all[k]) == 0 {
			missing = append(missing, fmt.Sprintf("%s with %s", t.Name, t.Model))
			continue
		}
		if !seen[k] {
			n += len(all[k])
		}
		seen[k] = true
	}
	out := []string{fmt.Sprintf("sizes and times are drawn from %s answers of %s, so they are as good as that run, at its load and with its cache", count(n), dir)}
	if len(missing) > 0 {
		out = append(out, fmt.Sprintf("%s has no answers for %s: taken from the simulator (it has %s)", dir, strings.Join(missing, ", "), all.names()))
	}
	return out
}

func (all answersOf) names() string {
	var names []string
	for _, k := range slices.SortedFunc(maps.Keys(all), func(a, b taskModel) int { return strings.Compare(a.task+a.model, b.task+b.model) }) {
		names = append(names, k.task+" with "+k.model)
	}
	return strings.Join(names, ", ")
}
