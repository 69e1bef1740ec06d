package diagnose

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/stats"
)

const (
	mostSampled = 5000 // answers that are kept, drawn evenly from all
	minAlike    = 8    // answers of one kind, from which the kind's median is known
	sampleSeed  = 1
)

// answer is what the tests of the times of answers know of one.
type answer struct {
	key     uint64 // decides whether it is kept
	started time.Duration
	ttft    float64 // seconds from the start of the attempt to the first content, connecting included
	service float64 // seconds from the send to the first content: service_ttft
	lasted  float64 // seconds in flight
	rate    float64 // output tokens per second; 0 is not known

	task, model, stage       string
	size                     int // class of prompt tokens
	thought, cached, newConn bool
	before                   int // requests in flight when it started, itself aside
}

// kind is what makes answers alike: they differ by chance, or by what is looked for.
type kind struct {
	task, model string
	size        int
	thought     bool
	cached      bool
	crowd       int // class of requests in flight
}

// sample is an even draw of the answers to first attempts, and of all attempts
// the moments at which they were in flight. What is kept does not depend on the
// order of the records.
type sample struct {
	seen         int // answers to first attempts
	answers      []answer
	bound        uint64 // keys from here on are not kept; 0 is no bound
	names        map[string]string
	starts, ends []time.Duration
}

// addFlight takes when an attempt of any phase was under way.
func (s *sample) addFlight(r call.Result) {
	s.starts, s.ends = append(s.starts, r.Started), append(s.ends, max(r.Done, r.Started))
}

// add takes an attempt of the main phase.
func (s *sample) add(r call.Result) {
	if r.Class != call.OK || r.Attempt > 1 || r.FirstContent == 0 {
		return
	}
	s.seen++
	a := answer{
		key: mix64(mix64(uint64(r.Index)) ^ uint64(r.Started)), started: r.Started,
		ttft: (r.FirstContent - r.Started).Seconds(), service: r.ServiceTTFT().Seconds(), lasted: (r.Done - r.Started).Seconds(),
		size: sizeClass(r.Prompt()), thought: r.Thinking > 0, cached: r.CacheRead > 0, newConn: r.NewConn,
	}
	if s.bound > 0 && a.key >= s.bound {
		return
	}
	a.task, a.model, a.stage = s.name(r.Task), s.name(r.Model), s.name(r.Stage)
	if rate, ok := r.OutputRate(); ok {
		a.rate = rate
	}
	if s.answers = append(s.answers, a); len(s.answers) >= 2*mostSampled {
		s.thin()
	}
}

// thin keeps the answers with the least keys.
func (s *sample) thin() {
	if len(s.answers) <= mostSampled {
		return
	}
	slices.SortFunc(s.answers, func(a, b answer) int { return cmp.Compare(a.key, b.key) })
	s.bound = s.answers[mostSampled].key
	s.answers = slices.Delete(s.answers, mostSampled, len(s.answers))
}

// name keeps one copy of each text.
func (s *sample) name(text string) string {
	if s.names == nil {
		s.names = map[string]string{}
	}
	if _, ok := s.names[text]; !ok {
		s.names[text] = text
	}
	return s.names[text]
}

// inOrder returns the answers by when they started, each with how many requests
// were in flight then.
func (s *sample) inOrder() []answer {
	s.thin()
	slices.Sort(s.starts)
	slices.Sort(s.ends)
	for i, a := range s.answers {
		s.answers[i].before = rankOf(s.starts, a.started) - rankOf(s.ends, a.started)
	}
	slices.SortFunc(s.answers, func(a, b answer) int {
		return cmp.Or(cmp.Compare(a.started, b.started), cmp.Compare(a.key, b.key), cmp.Compare(a.ttft, b.ttft))
	})
	return s.answers
}

// rankOf is how many of the sorted moments lie before one.
func rankOf(sorted []time.Duration, at time.Duration) int {
	i, _ := slices.BinarySearch(sorted, at)
	return i
}

// sizeClass groups prompts that are alike in length: a short one's length does not
// matter, above that a class is half as long again as the one before.
func sizeClass(tokens int64) int {
	const short = 512
	if tokens < short {
		return 0
	}
	half := 0
	octave := bits.Len64(uint64(tokens)) - 1
	if float64(tokens) >= math.Sqrt2*math.Exp2(float64(octave)) {
		half = 1
	}
	return 2*octave + half
}

// mix64 scatters a number over all of 64 bits (the last steps of SplitMix64).
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// excess is by what factor each answer's value is above the median of its kind,
// and the answers it can be told of: those with a value over 0, of kinds that have
// enough of them. Mixtures of tasks, models and prompt lengths are gone from it.
func excess(answers []answer, of func(answer) float64, kindOf func(answer) kind) (alike []answer, factor []float64) {
	groups := map[kind][]float64{}
	for _, a := range answers {
		if v := of(a); v > 0 {
			k := kindOf(a)
			groups[k] = append(groups[k], v)
		}
	}
	medians := map[kind]float64{}
	for k, g := range groups {
		if len(g) >= minAlike {
			medians[k] = stats.Median(g)
		}
	}
	for _, a := range answers {
		if m, ok := medians[kindOf(a)]; ok && of(a) > 0 {
			alike, factor = append(alike, a), append(factor, of(a)/m)
		}
	}
	return alike, factor
}

// asked is the kind of an answer by what was asked, and by whether the model thought.
func asked(a answer) kind {
	return kind{task: a.task, model: a.model, size: a.size, thought: a.thought}
}

func ttftOf(a answer) float64 { return a.ttft }
