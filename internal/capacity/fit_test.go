package capacity

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQueueEnds(t *testing.T) {
	q := queue{places: 2}
	got := q.ends([]float64{0, 0, 1, 1, 10}, []float64{3, 5, 1, 4, 2})
	if want := []float64{3, 5, 4, 8, 12}; !slices.Equal(got, want) {
		t.Errorf("two places end requests at %v, want %v", got, want)
	}
	seen := inFlight([]float64{0, 0.5, 3.5, 4.5, 10.5, 20}, []float64{0, 0, 1, 1, 10}, got)
	if want := []float64{0, 2, 3, 2, 1, 0}; !slices.Equal(seen, want) {
		t.Errorf("in flight %v, want %v", seen, want)
	}
}

// targetOf makes steps of arrivals at random against a target, whose answers are a
// second long on average. It tells how long a request is in flight.
type targetOf struct {
	rng    *rand.Rand
	places int
	shares bool // all in flight share the places, else they wait in order
	least  int  // as a request comes: with so many in flight it violates
	n      int
}

func (m *targetOf) step(s *Search, kind Kind, load, length float64) {
	var due, output, end []float64
	for at := m.rng.ExpFloat64() / load; at < length; at += m.rng.ExpFloat64() / load {
		due, output = append(due, at), append(output, m.rng.ExpFloat64()*100)
	}
	if m.shares {
		end = shared(m.places, due, output)
	} else {
		takes := make([]float64, len(output))
		for i, o := range output {
			takes[i] = o / 100
		}
		end = queue{places: m.places}.ends(due, takes)
	}
	var calls []Call
	for i, n := range inFlight(due, due, end) {
		bad := 0.0
		if int(n) >= m.least {
			bad = 1
		}
		c := answered(i, seconds(due[i]), seconds(end[i]-due[i]), bad)
		c.Output = int64(output[i])
		calls = append(calls, c)
	}
	s.Took(Step{N: m.n, Kind: kind, Load: load, Most: seconds(length)}, calls, Outcome{Length: seconds(length)})
	m.n++
}

// shared are when requests end that all get the same part of what places get done,
// none more than one place.
func shared(places int, due, output []float64) []float64 {
	end, left := make([]float64, len(due)), map[int]float64{}
	now, next := 0.0, 0
	for next < len(due) || len(left) > 0 {
		speed := min(1, float64(places)/max(float64(len(left)), 1))
		first, at := -1, math.Inf(1)
		for i, w := range left {
			if t := now + w/speed; t < at {
				first, at = i, t
			}
		}
		till := at
		if next < len(due) && due[next] < at {
			till = due[next]
		}
		for i := range left {
			left[i] -= (till - now) * speed
		}
		now = till
		if till == at {
			end[first] = at
			delete(left, first)
		} else {
			left[next] = output[next] / 100
			next++
		}
	}
	return end
}

// What a queue gets done, and the load at which one request in twenty finds so many
// in flight, are found from steps none of which was made there. With as many places
// as that, and times that are exponential, n or more are in flight with probability
// C·ρ^(n−c), C by Erlang; sharing changes nothing of it.
func TestFitFindsTheQueue(t *testing.T) {
	const places, least = 20, 60
	erlang := func(a float64) float64 {
		b := 1.0
		for k := 1.0; k <= places; k++ {
			b = a * b / (k + a*b)
		}
		return places * b / (places - a*(1-b))
	}
	truth := 0.0
	for a := 10.0; a < places; a += 0.001 {
		if erlang(a)*math.Pow(a/places, least-places) > 0.05 {
			truth = a
			break
		}
	}
	for _, shares := range []bool{false, true} {
		var off []float64
		for seed := range uint64(6) {
			s := New(Config{Tasks: oneTask(), Criteria: []Criterion{p95()}, Seed: seed})
			m := targetOf{rng: rand.New(rand.NewPCG(seed, 1)), places: places, shares: shares, least: least}
			m.step(s, WarmUp, 2, 4)
			for _, load := range []float64{5, 10, 30} {
				m.step(s, Climb, load, 20)
			}
			m.step(s, Probe, 17, 60)
			q, ok := s.queue()
			root, found := s.queueRoot(0)
			if !ok || !found {
				t.Fatalf("shares %v, seed %d: no queue, of %+v", shares, seed, q)
			}
			if c := q.capacity(); math.Abs(c/places-1) > 0.1 {
				t.Errorf("shares %v, seed %d: %.1f get done, want %d", shares, seed, c, places)
			}
			off = append(off, root/truth-1)
		}
		mean, worst := 0.0, 0.0
		for _, o := range off {
			mean += o / float64(len(off))
			worst = max(worst, math.Abs(o))
		}
		t.Logf("shares %v: of %.2f mean %+.3f, worst %.3f", shares, truth, mean, worst)
		if math.Abs(mean) > 0.03 || worst > 0.1 {
			t.Errorf("shares %v: the root is off by %+.3f on average and by %.3f at the most", shares, mean, worst)
		}
	}
}

// Requests that come close together by chance are no queue.
func TestFitSeesNoQueue(t *testing.T) {
	for seed := range uint64(8) {
		s := New(Config{Tasks: oneTask(), Criteria: []Criterion{p95()}, Seed: seed})
		m := targetOf{rng: rand.New(rand.NewPCG(seed, 2)), places: 10_000, least: 10_000}
		m.step(s, WarmUp, 2, 4)
		for _, load := range []float64{5, 20, 60} {
			m.step(s, Climb, load, 20)
		}
		m.step(s, Probe, 50, 60)
		if q, ok := s.queue(); ok {
			t.Errorf("seed %d: a queue in a target without one: %+v", seed, q)
		}
	}
}

// A fitted queue that the steps speak against is not followed.
func TestRootAgrees(t *testing.T) {
	points := []point{{load: 50, y: 0, worth: 500}, {load: 60, y: 0.01, worth: 500}, {load: 70, y: 0.4, worth: 100}}
	for root, want := range map[float64]bool{50: false, 58: true, 64: true, 72: true, 80: false} {
		if got := agrees(points, 0.05, root); got != want {
			t.Errorf("a root of %v agrees: %v", root, got)
		}
	}
}

// A row of the same values is worth as many, whatever rounding makes of them.
func TestWorthOfTheSame(t *testing.T) {
	same := make([]float64, 777)
	for i := range same {
		same[i] = 0.1
	}
	if w := worthOfBatches(same); w != 777 {
		t.Errorf("777 times the same is worth %v", w)
	}
}

// A target that gets slower with every request in flight is told from one that makes
// them wait.
func TestFitSeesSlowing(t *testing.T) {
	for _, slow := range []float64{0, 2} {
		rng := rand.New(rand.NewPCG(3, 4))
		s := New(Config{Tasks: oneTask(), Criteria: []Criterion{p95()}})
		truth := queue{places: 30, service: 1, slow: slow}
		for i, load := range []float64{2, 4, 8, 40, 10} {
			var due, takes []float64
			for at := 0.0; at < 30; at += rng.ExpFloat64() / load {
				due, takes = append(due, at), append(takes, 0.5+rng.Float64())
			}
			var calls []Call
			for j, end := range truth.ends(due, takes) {
				calls = append(calls, answered(j, seconds(due[j]), seconds(end-due[j]), 0))
			}
			s.Took(Step{N: i, Kind: Climb, Load: load, Most: seconds(30)}, calls, Outcome{Length: seconds(30)})
		}
		q, ok := s.queue()
		if want := truth.capacity(); !ok || math.Abs(q.capacity()/want-1) > 0.05 || (q.slow > 1) != (slow > 1) {
			t.Errorf("%+v: fitted %v, %+v, %.1f requests/s; want %.1f", truth, ok, q, q.capacity(), want)
		}
	}
}
