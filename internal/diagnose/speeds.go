package diagnose

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// speedLoad is how fast the models answered, and what was under way meanwhile.
type speedLoad struct {
	flight flight
	models map[string]*modelLoad
}

// modelLoad is the answers of one model that ended ok in the main phase.
type modelLoad struct {
	name  string
	looks looks
	tasks map[string]*taskLoad

	fitted   [2]*slopes // by what was in flight, by what arrived; nil until asked for
	queued   *queued    // nil until asked for
	fittedTo int        // attempts that were known then
}

// taskLoad is the answers of one task by one model.
type taskLoad struct {
	prompt, output []float64 // tokens
	ttft, e2e      []float64 // ms: service_ttft of those that were streamed, service_e2e
	rates          []float64 // tokens/s
	cost           sum       // dollars of an answer
}

// sum adds up values for their mean.
type sum struct{ n, total, squares float64 }

func (s *sum) add(v float64) {
	s.n++
	s.total += v
	s.squares += v * v
}

func (l *speedLoad) add(r call.Result) {
	if r.Class != call.OK || r.Sent == 0 {
		return
	}
	if l.models == nil {
		l.models = map[string]*modelLoad{}
	}
	m := l.models[r.Model]
	if m == nil {
		m = &modelLoad{name: r.Model, tasks: map[string]*taskLoad{}}
		l.models[r.Model] = m
	}
	m.add(r)
}

func (m *modelLoad) add(r call.Result) {
	m.looks.add(lookAt(r))
	t := m.tasks[r.Task]
	if t == nil {
		t = &taskLoad{}
		m.tasks[r.Task] = t
	}
	t.add(r)
}

func (t *taskLoad) add(r call.Result) {
	t.prompt, t.output = append(t.prompt, float64(r.Prompt())), append(t.output, float64(r.Output))
	if d := r.ServiceTTFT(); d > 0 {
		t.ttft = append(t.ttft, float64(d)/milliseconds)
	}
	if d := r.ServiceE2E(); d > 0 {
		t.e2e = append(t.e2e, float64(d)/milliseconds)
	}
	if v, ok := r.OutputRate(); ok {
		t.rates = append(t.rates, v)
	}
	t.cost.add(r.Cost.Dollars())
}

// byAnswers lists the models, the one with the most answers first.
func (l *speedLoad) byAnswers() []*modelLoad {
	return slices.SortedFunc(maps.Values(l.models), func(a, b *modelLoad) int {
		return cmp.Or(cmp.Compare(b.looks.n, a.looks.n), cmp.Compare(a.name, b.name))
	})
}

// answers are the sample of a model's answers, in one order whatever that of the
// records was, each with what was in flight when it was sent.
func (l *speedLoad) answers(m *modelLoad) []look {
	m.looks.cut()
	l.flight.sort()
	var long time.Duration
	for _, k := range m.looks.kept {
		long += (k.generation + k.ttft) / time.Duration(len(m.looks.kept))
	}
	for i := range m.looks.kept {
		k := &m.looks.kept[i]
		k.inFlight, k.arrived = l.flight.at(k.sent), l.flight.arrived(k.sent, long)
	}
	return m.looks.kept
}

// slopes takes the ttft of a model apart: by what was in flight, or by what had arrived.
func (l *speedLoad) slopes(m *modelLoad, arrived bool) *slopes {
	which := 0
	if arrived {
		which = 1
	}
	if n := len(l.flight.sent); n != m.fittedTo {
		m.fitted, m.queued, m.fittedTo = [2]*slopes{}, nil, n
	}
	if m.fitted[which] == nil {
		s := slopesOf(l.answers(m), arrived)
		m.fitted[which] = &s
	}
	return m.fitted[which]
}

// best is the model whose slope of a part can be told, of the most answers; else
// the one of the most answers. Nil without answers.
func (l *speedLoad) best(part int) (*modelLoad, *slopes) {
	all := l.byAnswers()
	for _, m := range all {
		if s := l.slopes(m, false); s.has(part) {
			return m, s
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all[0], l.slopes(all[0], false)
}
