package diagnose

import (
	"math"
	"testing"
)

func TestOver(t *testing.T) {
	for _, c := range []struct {
		k, n  int
		bound float64
		want  float64
	}{
		{0, 0, 0.05, 0}, {5, 100, 0.05, 0}, {4, 100, 0.05, 0},
		{10, 10, 0.5, 10 * math.Log(2)},
		{12, 10, 0.5, 10 * math.Log(2)}, // more retries than requests
		{20, 100, 0.1, 20*math.Log(2) + 80*math.Log(8.0/9)},
		{2, 100, 0.01, 2*math.Log(2) + 98*math.Log(98.0/99)},
	} {
		if got := over(c.k, c.n, c.bound); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("over(%d, %d, %v) = %v; want %v", c.k, c.n, c.bound, got, c.want)
		}
	}
}

func TestConfidenceOf(t *testing.T) {
	for _, c := range []struct {
		weight float64
		remain int
		want   float64
	}{
		{3, 0, 0.99}, {3, 1, 0.5}, {3, 2, 0.33}, {-3, 0, 0.01}, {-3, 4, 0.01},
	} {
		if got := confidenceOf(c.weight, c.remain); got != c.want {
			t.Errorf("confidenceOf(%v, %d) = %v; want %v", c.weight, c.remain, got, c.want)
		}
	}
	last := 0.0
	for w := -3.0; w <= 3; w += 0.1 {
		if got := confidenceOf(w, 0); got < last {
			t.Errorf("confidenceOf(%v, 0) = %v, less than of a smaller weight", w, got)
		} else {
			last = got
		}
	}
	if got := weakest(2, math.Inf(1), 1.5); got != 1.5 {
		t.Errorf("weakest = %v; want 1.5", got)
	}
	if got := weakest(50, 40); got != mostWeight {
		t.Errorf("weakest = %v; want at most %v", got, mostWeight)
	}
	if a, b := counted(15, 25), math.Log(16.0/11); a != b {
		t.Errorf("counted(15, 25) = %v; want %v", a, b)
	}
}
