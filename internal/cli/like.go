package cli

import (
	"fmt"
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

type taskModel struct {
	task, model string
	cold        bool // made to miss the prompt cache
}

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
		k := taskModel{r.Task, r.Model, r.Cold}
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
		had := all[taskModel{req.Task, req.Model, req.Cold}]
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
	for _, k := range asked(p) {
		if len(all[k]) == 0 {
			missing = append(missing, k.String())
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

// asked are the kinds of answers that a plan needs.
func asked(p *plan.Plan) []taskModel {
	var all []taskModel
	for _, t := range p.Tasks {
		all = append(all, taskModel{t.Name, t.Model, false})
		if t.System.Cold > 0 {
			all = append(all, taskModel{t.Name, t.Model, true})
		}
	}
	return all
}

func (k taskModel) String() string {
	if k.cold {
		return "cold calls of " + k.task + " with " + k.model
	}
	return k.task + " with " + k.model
}

func (all answersOf) names() string {
	var names []string
	for k := range all {
		names = append(names, k.String())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
