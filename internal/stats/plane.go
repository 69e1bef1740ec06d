package stats

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat"
)

// planeDraws is how many times a Plane is fitted again for its intervals: each
// end of a 95 % interval then rests on 12 draws. More would take seconds.
const planeDraws = 500

// Plane is y as a sum of an intercept and a slope for each x, fitted so that the
// sum of the distances |y − plane| is least: a median regression, which holds
// where a tail would carry least squares away.
type Plane struct {
	Coefs []float64          // the intercept, then a slope for each x
	draws func() [][]float64 // the same of samples; made when first asked for
	n     int
	level float64
}

// FitPlane fits y to the columns x, each as long as y. The fit is exact: of all
// planes through as many points as there are coefficients, it walks downhill to
// the best. ok is false where the columns do not tell one plane from another:
// fewer points than coefficients, a column that never changes, or one that
// follows from the others.
//
// The intervals of [Plane.Of] come from fitting samples of the same size, drawn
// with replacement from the seed. Fewer than 10 points have none.
func FitPlane(x [][]float64, y []float64, level float64, seed uint64) (p Plane, ok bool) {
	w := newWalk(x, y)
	for i := range w.weights {
		w.weights[i] = 1
	}
	p = Plane{n: len(y), level: level}
	if !w.start() {
		return p, false
	}
	w.descend()
	p.Coefs = w.coefs()
	p.draws = sync.OnceValue(func() [][]float64 { return w.samples(seed) })
	return p, true
}

// samples are the coefficients of samples, each fitted from the best plane of all.
func (w *walk) samples(seed uint64) (draws [][]float64) {
	n := len(w.y)
	if n < leastDraws {
		return nil
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	best := w.basis.clone()
	for range planeDraws {
		clear(w.weights)
		for range n {
			w.weights[rng.IntN(n)]++
		}
		w.basis = best.clone() // what is drawn does not depend on the draw before
		w.descend()
		draws = append(draws, w.coefs())
	}
	return draws
}

// Of is a figure made of the coefficients, with a percentile interval.
func (p Plane) Of(what func(coefs []float64) float64) Estimate {
	value := what(p.Coefs)
	samples := p.draws()
	if len(samples) == 0 {
		return withheld(value, p.n, "n too small: a bootstrap takes %d values, there are %d", leastDraws, p.n)
	}
	draws := make([]float64, len(samples))
	for i, d := range samples {
		draws[i] = what(d)
	}
	return percentiles(value, draws, p.n, p.level)
}

// Coef is one coefficient with its interval: 0 is the intercept.
func (p Plane) Coef(i int) Estimate { return p.Of(func(c []float64) float64 { return c[i] }) }

// walk looks for the plane of the least weighted distances. That function has
// its least value at a corner: a plane through as many points as it has
// coefficients. From a corner an edge leads along the planes through all of these
// points but one; the walk takes the edge that falls most steeply, to where it
// stops falling, which is the next corner. It is the simplex method without its
// tableau (I. Barrodale, F. Roberts, SIAM J. Numer. Anal. 10, 1973).
type walk struct {
	rows    [][]float64 // a 1, then each x, scaled to mean 0 and spread 1
	y       []float64
	weights []float64
	mean    []float64 // of each column
	spread  []float64
	basis   corner

	rest, along []float64 // of each point: its distance, and by how much an edge takes it off
	stops       []stop
}

// corner is the points that the plane goes through.
type corner struct {
	at      []int
	y       []float64
	inverse [][]float64 // of the matrix of their rows
}

func (c corner) clone() corner {
	out := corner{slices.Clone(c.at), slices.Clone(c.y), make([][]float64, len(c.inverse))}
	for i, row := range c.inverse {
		out.inverse[i] = slices.Clone(row)
	}
	return out
}

// stop is where an edge goes through a point, and what that adds to its slope.
type stop struct {
	t, adds float64
	point   int
}

func newWalk(x [][]float64, y []float64) *walk {
	n, k := len(y), len(x)+1
	w := &walk{rows: make([][]float64, n), y: distinct(y), weights: make([]float64, n), mean: make([]float64, k), spread: make([]float64, k),
		rest: make([]float64, n), along: make([]float64, n)}
	for j, column := range x {
		w.mean[j+1], w.spread[j+1] = stat.MeanStdDev(column[:n], nil)
	}
	for i := range w.rows {
		row := make([]float64, k)
		row[0] = 1
		for j, column := range x {
			if s := w.spread[j+1]; s > 0 {
				row[j+1] = (column[i] - w.mean[j+1]) / s
			}
		}
		w.rows[i] = row
	}
	w.basis = corner{make([]int, k), make([]float64, k), make([][]float64, k)}
	for j := range k {
		w.basis.at[j] = -1 - j
		w.basis.inverse[j] = make([]float64, k)
		w.basis.inverse[j][j] = 1
	}
	return w
}

// distinct moves values apart by less than a billionth of their range: more
// points on a plane than it has coefficients would make a corner of many, from
// which the walk does not see its way.
func distinct(y []float64) []float64 {
	if len(y) == 0 {
		return nil
	}
	out := slices.Clone(y)
	tiny := (slices.Max(y) - slices.Min(y)) * 1e-9
	rng := rand.New(rand.NewPCG(1, 4))
	for i := range out {
		out[i] += tiny * (rng.Float64() - 0.5)
	}
	return out
}

// coefs are those of the plane through the corner, in the units of the columns.
func (w *walk) coefs() []float64 {
	scaled := w.scaled()
	for j := 1; j < len(scaled); j++ {
		scaled[j] /= w.spread[j]
		scaled[0] -= scaled[j] * w.mean[j]
	}
	return scaled
}

func (w *walk) scaled() []float64 {
	out := make([]float64, len(w.basis.at))
	for j, row := range w.basis.inverse {
		for k, v := range row {
			out[j] += v * w.basis.y[k]
		}
	}
	return out
}

// start takes the first corner: for each coefficient the point that tells most of
// it. It is false where none tells anything of one.
func (w *walk) start() bool {
	for e := range w.basis.at {
		enter, most := -1, 1e-9
		for i, row := range w.rows {
			share := 0.0
			for j, v := range row {
				share += v * w.basis.inverse[j][e]
			}
			if share = math.Abs(share); share > most {
				enter, most = i, share
			}
		}
		if enter < 0 {
			return false
		}
		w.swap(e, enter)
	}
	return true
}

// descend walks to the best corner.
func (w *walk) descend() {
	for range 20*len(w.basis.at) + len(w.y) {
		leave, direction, slope := w.steepest()
		if leave < 0 {
			return
		}
		enter := w.lowest(direction, slope)
		if enter < 0 {
			return
		}
		w.swap(leave, enter)
	}
}

// steepest is the edge that falls most: which point of the corner it leaves, its
// direction and its slope; −1 where none falls.
func (w *walk) steepest() (leave int, direction []float64, slope float64) {
	coefs := w.scaled()
	k := len(coefs)
	pull, total := make([]float64, k), 0.0
	for i, row := range w.rows {
		r := w.y[i]
		for j, v := range row {
			r -= v * coefs[j]
		}
		w.rest[i] = r
		total += w.weights[i]
		if r == 0 || w.weights[i] == 0 || slices.Contains(w.basis.at, i) {
			continue
		}
		side := math.Copysign(w.weights[i], r)
		for j, v := range row {
			pull[j] += side * v
		}
	}
	leave, best := -1, 1e-9*total
	for e, at := range w.basis.at {
		s, length := 0.0, 0.0
		for j := range k {
			s += pull[j] * w.basis.inverse[j][e]
			length += w.basis.inverse[j][e] * w.basis.inverse[j][e]
		}
		own := w.weights[at]
		if fall := (math.Abs(s) - own) / math.Sqrt(length); fall > best {
			leave, best, slope = e, fall, own-math.Abs(s)
			direction = direction[:0]
			for j := range k {
				direction = append(direction, math.Copysign(1, s)*w.basis.inverse[j][e])
			}
		}
	}
	return leave, direction, slope
}

// lowest is the point at which a falling edge stops to fall.
func (w *walk) lowest(direction []float64, slope float64) int {
	w.stops = w.stops[:0]
	for i, row := range w.rows {
		if w.weights[i] == 0 || slices.Contains(w.basis.at, i) {
			continue
		}
		a := 0.0
		for j, v := range row {
			a += v * direction[j]
		}
		if math.Abs(a) < 1e-9 || w.rest[i]/a <= 0 {
			continue
		}
		w.stops = append(w.stops, stop{w.rest[i] / a, 2 * w.weights[i] * math.Abs(a), i})
	}
	slices.SortFunc(w.stops, func(a, b stop) int { return cmp.Compare(a.t, b.t) })
	for _, s := range w.stops {
		if slope += s.adds; slope >= 0 {
			return s.point
		}
	}
	return -1
}

// swap takes a point into the corner for another, and renews the inverse.
func (w *walk) swap(leave, enter int) {
	b := &w.basis
	k := len(b.at)
	share := make([]float64, k)
	for e := range k {
		for j, v := range w.rows[enter] {
			share[e] += v * b.inverse[j][e]
		}
	}
	for j := range k {
		b.inverse[j][leave] /= share[leave]
		for e := range k {
			if e != leave {
				b.inverse[j][e] -= share[e] * b.inverse[j][leave]
			}
		}
	}
	b.at[leave], b.y[leave] = enter, w.y[enter]
}
