package diagnose

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/stats"
)

// Stretch is a part of a run in which its plan holds the load. To is its end, 0
// for that of the run.
type Stretch struct{ From, To time.Duration }

func (s Stretch) has(at time.Duration) bool { return at >= s.From && (s.To == 0 || at < s.To) }

// longestHeld is the answers of the stretch that has most of them, less those
// that started before the load had settled.
func longestHeld(answers []answer, held []Stretch) []answer {
	if held == nil {
		held = []Stretch{{}}
	}
	var best []answer
	for _, s := range held {
		from, _ := slices.BinarySearchFunc(answers, s.From, func(a answer, at time.Duration) int { return cmp.Compare(a.started, at) })
		to := from
		for to < len(answers) && s.has(answers[to].started) {
			to++
		}
		if to-from > len(best) {
			best = answers[from:to]
		}
	}
	return settled(best)
}

// settling is how many times the median time in flight it takes until as many
// requests are in flight as a load keeps there.
const settling = 2

func settled(answers []answer) []answer {
	if len(answers) == 0 {
		return nil
	}
	var lasted []float64
	for _, a := range answers {
		lasted = append(lasted, a.lasted)
	}
	from := answers[0].started + time.Duration(settling*stats.Median(lasted)*float64(time.Second))
	at, _ := slices.BinarySearchFunc(answers, from, func(a answer, at time.Duration) int { return cmp.Compare(a.started, at) })
	return answers[at:]
}

const (
	mostWindows = 40
	minWindow   = 10 // answers of one
	minWindows  = 12
	throughout  = 4 // answers of a kind in each half, and an eighth of the other half's, from which it is there all the time
)

// figure is what is followed over time; sign is −1 where more of it is faster.
type figure struct {
	name string
	of   func(answer) float64
	sign float64
}

// series is how the times of like answers go over a stretch of the run.
type series struct {
	answers []answer
	by      []float64 // logarithm of what each is over the median of its kind; more is slower
	hours   []float64 // of the middle of each window, since the first
	level   []float64 // median of by in it
	each    int       // answers of a window; the last has the rest too
}

// seriesOf makes the series of a figure.
// Only kinds that are there in both halves are looked at, so that no change of
// the mix looks like one of the times. False: too few of those.
func seriesOf(answers []answer, f figure, kindOf func(answer) kind) (series, bool) {
	alike, by := excess(thoroughly(answers, f.of, kindOf), f.of, kindOf)
	if len(alike) < minWindow*minWindows {
		return series{}, false
	}
	s := series{answers: alike, by: make([]float64, len(by)), each: max(minWindow, len(by)/mostWindows)}
	for i := range by {
		s.by[i] = f.sign * math.Log(by[i])
	}
	start := alike[0].started
	for w := range len(by) / s.each {
		from, to := s.window(w)
		middle := alike[from].started/2 + alike[to-1].started/2 - start
		s.hours, s.level = append(s.hours, middle.Hours()), append(s.level, stats.Median(s.by[from:to]))
	}
	return s, s.hours[len(s.hours)-1] > s.hours[0]
}

// window is the places of the answers of window w.
func (s series) window(w int) (from, to int) {
	from, to = w*s.each, (w+1)*s.each
	if len(s.by)-to < s.each {
		to = len(s.by)
	}
	return from, to
}

// thoroughly keeps the answers of kinds that come in both halves.
func thoroughly(answers []answer, of func(answer) float64, kindOf func(answer) kind) []answer {
	halves := map[kind]*[2]int{}
	for i, a := range answers {
		if of(a) <= 0 {
			continue
		}
		k := kindOf(a)
		if halves[k] == nil {
			halves[k] = &[2]int{}
		}
		halves[k][2*i/len(answers)]++
	}
	var out []answer
	for _, a := range answers {
		if h := halves[kindOf(a)]; h != nil && min(h[0], h[1]) >= max(throughout, max(h[0], h[1])/8) {
			out = append(out, a)
		}
	}
	return out
}

// byLoad is the slope of the series on the logarithm of the requests in flight,
// within windows: what changes slowly over the run is in every answer of a
// window alike, and has no part in it. t is the slope in standard errors.
func (s series) byLoad() (slope, t float64) {
	var xx, xy, yy float64
	n := 0.0
	for w := range s.level {
		from, to := s.window(w)
		mx, my := 0.0, 0.0
		for i := from; i < to; i++ {
			mx, my = mx+s.load(i)/float64(to-from), my+s.by[i]/float64(to-from)
		}
		for i := from; i < to; i++ {
			dx, dy := s.load(i)-mx, s.by[i]-my
			xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
		}
		n += float64(to-from) - 1
	}
	if xx == 0 || n < 3 {
		return 0, 0
	}
	slope = xy / xx
	rest := max(yy-slope*xy, 1e-12)
	return slope, slope / math.Sqrt(rest/(n-1)/xx)
}

func (s series) load(i int) float64 { return math.Log(float64(s.answers[i].before + 1)) }

// withCache is the kind of an answer by what was asked, and by whether a cached
// prefix was read.
func withCache(a answer) kind {
	k := asked(a)
	k.cached = a.cached
	return k
}

// crowded is the same, and how many requests were in flight: each number to 8 is
// a class of its own, then a class is a tenth above the one before.
func crowded(a answer) kind {
	k := withCache(a)
	k.crowd = min(a.before, 8)
	if a.before > 8 {
		k.crowd += int(8 * math.Log2(float64(a.before)/8))
	}
	return k
}
