package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// columns are numbers that scipy can be given too.
func columns() (x1, x2, x3, y []float64) {
	for i := range 60 {
		a, b, c := float64((i*37)%23), math.Pow(float64((i*11)%17), 2), float64((i*5)%7)
		noise := float64((7919*i)%101-50) / 10
		if i%9 == 0 {
			noise += 200
		}
		x1, x2, x3 = append(x1, a), append(x2, b), append(x3, c)
		y = append(y, 3+0.5*a-0.25*b+2*c+noise)
	}
	return x1, x2, x3, y
}

// scipy 1.17, optimize.linprog (highs-ds) over the same columns.
func TestFitPlane(t *testing.T) {
	x1, x2, x3, y := columns()
	p, ok := FitPlane([][]float64{x1, x2, x3}, y, 0.95, 1)
	if !ok {
		t.Fatal("no plane")
	}
	for j, want := range []float64{2.77181524, 0.59128436, -0.2601787, 2.2722019} {
		if !near(p.Coefs[j], want, 1e-6) {
			t.Errorf("coefficient %d = %v; want %v", j, p.Coefs[j], want)
		}
		if e := p.Coef(j); !e.Bounded() || e.Excludes(e.Value) || e.High-e.Low <= 0 || e.N != 60 {
			t.Errorf("coefficient %d: %+v", j, e)
		}
	}
	if slope := p.Coef(2); slope.Excludes(-0.25) {
		t.Errorf("slope %+v excludes -0.25", slope)
	}
}

func distances(coefs []float64, x [][]float64, y, weights []float64) float64 {
	sum := 0.0
	for i, v := range y {
		v -= coefs[0]
		for j := range x {
			v -= coefs[j+1] * x[j][i]
		}
		sum += weights[i] * math.Abs(v)
	}
	return sum
}

// Of all planes through as many points as there are coefficients none is better,
// whatever the points weigh and however many are alike.
func TestFitPlaneIsTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for trial := range 200 {
		n := 5 + rng.IntN(8)
		x := [][]float64{make([]float64, n), make([]float64, n)}
		y := make([]float64, n)
		for i := range n {
			x[0][i], x[1][i], y[i] = float64(rng.IntN(4))*1000, float64(rng.IntN(9)), float64(rng.IntN(12))
		}
		w := newWalk(x, y)
		for i := range w.weights {
			w.weights[i] = float64(1 + rng.IntN(3))
		}
		best := math.Inf(1)
		for a := range n {
			for b := range a {
				for c := range b {
					if coefs, ok := through(x, y, a, b, c); ok {
						best = min(best, distances(coefs, x, y, w.weights))
					}
				}
			}
		}
		if math.IsInf(best, 1) {
			continue // the points lie on a line
		}
		if !w.start() {
			t.Fatalf("trial %d: no plane", trial)
		}
		w.descend()
		if got := distances(w.coefs(), x, y, w.weights); got > best+1e-6 {
			t.Errorf("trial %d: distances %v; the best plane has %v", trial, got, best)
		}
	}
}

// through is the plane through three points, by Cramer's rule.
func through(x [][]float64, y []float64, at ...int) ([]float64, bool) {
	det := func(m [3][3]float64) float64 {
		return m[0][0]*(m[1][1]*m[2][2]-m[1][2]*m[2][1]) - m[0][1]*(m[1][0]*m[2][2]-m[1][2]*m[2][0]) + m[0][2]*(m[1][0]*m[2][1]-m[1][1]*m[2][0])
	}
	var m [3][3]float64
	for r, i := range at {
		m[r] = [3]float64{1, x[0][i], x[1][i]}
	}
	d := det(m)
	if d == 0 {
		return nil, false
	}
	coefs := make([]float64, 3)
	for j := range coefs {
		c := m
		for r, i := range at {
			c[r][j] = y[i]
		}
		coefs[j] = det(c) / d
	}
	return coefs, true
}

func TestFitPlaneRefuses(t *testing.T) {
	x1, _, x3, y := columns()
	twice := make([]float64, len(x1))
	for i, v := range x1 {
		twice[i] = 2*v + 7
	}
	for name, x := range map[string][][]float64{"one follows from another": {x1, x3, twice}, "constant": {x1, make([]float64, len(y))}} {
		if p, ok := FitPlane(x, y, 0.95, 1); ok {
			t.Errorf("%s: %v", name, p.Coefs)
		}
	}
	if _, ok := FitPlane([][]float64{{1, 2}, {2, 1}}, []float64{1, 2}, 0.95, 1); ok {
		t.Error("two points have a plane of three coefficients")
	}
	if _, ok := FitPlane(nil, nil, 0.95, 1); ok {
		t.Error("nothing has a plane")
	}
	if p, ok := FitPlane([][]float64{{1, 2, 3, 4}}, []float64{1, 2, 3, 4}, 0.95, 1); !ok || !near(p.Coefs[1], 1, 1e-6) || p.Coef(1).Bounded() {
		t.Errorf("four points: %v, %+v; want 1 without an interval", p.Coefs, p.Coef(1))
	}
	if p, ok := FitPlane([][]float64{x1}, make([]float64, len(x1)), 0.95, 1); !ok || p.Coefs[0] != 0 || p.Coefs[1] != 0 {
		t.Errorf("y that never changes: %v, %v", p.Coefs, ok)
	}
}

// Two slopes and a queue at once, with the noise of a real model: 0.110 and
// 0.01444 ms a token and 40 ms for each request in flight are found again, and
// the intervals hold them.
func TestFitPlaneRecovers(t *testing.T) {
	sizes := []float64{500, 5000, 20_000, 60_000}
	held, trials := [3]int{}, 12
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 9))
		x := make([][]float64, 3)
		var y []float64
		for i := range 240 {
			u, c, q := sizes[i%4], sizes[(i/4)%4], float64(rng.IntN(12))
			x[0], x[1], x[2] = append(x[0], u), append(x[1], c), append(x[2], q)
			y = append(y, 600*math.Exp(0.25*rng.NormFloat64())+0.110*u+0.01444*c+40*q)
		}
		p, ok := FitPlane(x, y, 0.95, 1)
		if !ok {
			t.Fatal("no plane")
		}
		for j, want := range []float64{0.110, 0.01444, 40} {
			if !p.Coef(j + 1).Excludes(want) {
				held[j]++
			}
		}
		if !near(p.Coefs[1], 0.110, 0.004) || !near(p.Coefs[2], 0.01444, 0.004) || !near(p.Coefs[3], 40, 16) {
			t.Errorf("trial %d: %v", trial, p.Coefs)
		}
	}
	for j, n := range held {
		if n < trials*3/4 {
			t.Errorf("the interval of slope %d holds the truth in %d of %d samples", j+1, n, trials)
		}
	}
}

// numpy 2: least squares over all orders of the columns.
func TestExplained(t *testing.T) {
	_, x2, x3, _ := columns()
	var n, u, y []float64
	for i := range x2 {
		noise := float64((7919*i)%101-50) / 10
		if i%9 == 0 {
			noise += 200
		}
		n, u = append(n, float64(50+((i*29)%53)*8)), append(u, x2[i]*10)
		y = append(y, 20*n[i]/3+2*u[i]+noise*30)
	}
	shares, all := Explained([][]float64{n, u, x3}, y, 0.95, 1)
	sum := 0.0
	for j, want := range []float64{0.20740312, 0.35317705, 0.00393398} {
		if !near(shares[j].Value, want, 1e-7) || !shares[j].Bounded() || shares[j].Excludes(want) {
			t.Errorf("share %d = %+v; want %v", j, shares[j], want)
		}
		sum += shares[j].Value
	}
	if !near(all.Value, 0.5645141508, 1e-9) || !near(sum, all.Value, 1e-12) {
		t.Errorf("R² = %v, shares sum to %v; want 0.5645", all.Value, sum)
	}
	// What is there twice shares; what never changes has nothing.
	twice, all2 := Explained([][]float64{n, u, n, make([]float64, len(n))}, y, 0.95, 1)
	if !near(twice[0].Value, twice[2].Value, 1e-9) || twice[3].Value != 0 || twice[3].High != 0 || !near(all2.Value, all.Value, 0.02) {
		t.Errorf("shares with a column twice = %+v", twice)
	}
	if s, r := Explained([][]float64{n[:5]}, y[:5], 0.95, 1); s[0].Bounded() || r.Bounded() {
		t.Errorf("five values have an interval: %+v", s)
	}
	if _, r := Explained([][]float64{n}, make([]float64, len(n)), 0.95, 1); r.Value != 0 {
		t.Errorf("R² of what never changes = %v", r.Value)
	}
}

func BenchmarkFitPlane(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([][]float64, 3)
	var y []float64
	for range 800 {
		u, c, q := rng.Float64()*6e4, rng.Float64()*6e4, float64(rng.IntN(12))
		x[0], x[1], x[2] = append(x[0], u), append(x[1], c), append(x[2], q)
		y = append(y, 600*math.Exp(0.25*rng.NormFloat64())+0.110*u+0.01444*c+40*q)
	}
	for b.Loop() {
		FitPlane(x, y, 0.95, 1)
	}
}
