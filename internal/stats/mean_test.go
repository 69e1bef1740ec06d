package stats

import (
	"math"
	"testing"
)

// The hours of sleep that two drugs added for ten patients (Student, 1908), on
// which R's t.test gives these figures.
func TestMeans(t *testing.T) {
	one := []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0}
	two := []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
	if e := Mean(one, 0.95, 0); !near(e.Value, 0.75, 1e-12) || !near(e.Low, -0.5297804, 1e-6) || !near(e.High, 2.0297804, 1e-6) {
		t.Errorf("Mean = %+v; want 0.75 in -0.5298..2.0298", e)
	}
	if e := MeanDifference(one, two, 0.95); !near(e.Value, 1.58, 1e-12) || !near(e.Low, -0.2054832, 1e-6) || !near(e.High, 3.3654832, 1e-6) || e.N != 10 {
		t.Errorf("MeanDifference = %+v; want 1.58 in -0.2055..3.3655", e)
	}
	if e := Mean(one, 0.95, 9); e.Bounded() || e.Warnings[0] != "n too small: an interval of a mean takes 10 independent values, these are worth 9" {
		t.Errorf("Mean of what is worth 9 values = %+v", e)
	}
	if e := MeanDifference(one, two[:9], 0.95); e.Bounded() || e.N != 9 || len(e.Warnings) != 1 {
		t.Errorf("MeanDifference of 10 and 9 = %+v", e)
	}
	same := []float64{2, 2, 2, 2, 2, 2, 2, 2, 2, 2}
	if e := MeanDifference(same, same, 0.95); e.Value != 0 || e.Low != 0 || e.High != 0 {
		t.Errorf("MeanDifference of equals = %+v", e)
	}
	for _, e := range []Estimate{Mean(nil, 0.95, 0), MeanDifference(nil, one, 0.95)} {
		if !math.IsNaN(e.Value) || e.Bounded() {
			t.Errorf("of nothing: %+v", e)
		}
	}
}
