package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// By hand: for eight points on y = x² at x = 0 to 7 the line leaves squares of 168
// (n·(n²−1)(n²−4)/180), the parabola none.
func TestBendByHand(t *testing.T) {
	var x, y []float64
	for i := range 64 {
		v := float64(i / 8)
		x, y = append(x, v), append(y, v*v)
	}
	c, ok := Bend(x, y)
	if !ok || c.Bins != 8 || c.Linear > -100 || math.Abs(c.Low) > 1e-6 || math.Abs(c.High-14) > 1e-6 {
		t.Errorf("of a square: %+v, %v; want slopes 0 and 14", c, ok)
	}
	for i := range y {
		y[i] += []float64{1, -1, -1, 1, 1, -1, -1, 1}[i/8] // a line follows nothing of it, a parabola 8²/168 of 8
	}
	flat := make([]float64, len(y))
	for i := range y {
		flat[i] = y[i] - x[i]*x[i]
	}
	// 2k + 2k(k+1)/(8−k−1) is 12 with k = 3 and 21.33 with 4.
	if c, _ := Bend(x, flat); math.Abs(c.Linear-28.0/3-8*math.Log(1-8.0/168)) > 1e-6 {
		t.Errorf("of what hardly bends: a parabola is %.2f worse, want 8.94", c.Linear)
	}
	if _, ok := Bend(x[:63], y[:63]); ok {
		t.Error("63 values are enough")
	}
	two := make([]float64, 64)
	copy(two[32:], x[32:33])
	if _, ok := Bend(two, y); ok {
		t.Error("two different x are enough")
	}
}

// A line is seldom taken for a curve, a curve seldom for a line, with the spread of
// real times to the first content.
func TestBendTells(t *testing.T) {
	taken := func(square float64) (bent int) {
		for seed := range uint64(400) {
			rng := rand.New(rand.NewPCG(seed, 6))
			var x, y []float64
			for i := range 240 {
				v := []float64{0.5, 5, 20, 60}[i%4]
				x, y = append(x, v), append(y, (700+100*v+square*v*v)*math.Exp(0.25*rng.NormFloat64()))
			}
			if c, ok := Bend(x, y); ok && c.Linear < -4 {
				bent++
			}
		}
		return bent
	}
	if n := taken(0); n > 16 {
		t.Errorf("%d of 400 lines bend", n)
	}
	if n := taken(2); n < 380 {
		t.Errorf("%d of 400 curves bend", n)
	}
}
