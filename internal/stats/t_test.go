package stats

import (
	"math"
	"testing"
)

// Figures of scipy 1.17: stats.ttest_rel, ttest_ind and t.ppf.
func TestPairedT(t *testing.T) {
	a, b := []float64{0.10, 0.25, -0.05, 0.00, 0.15}, []float64{0.22, 0.33, 0.06, 0.08, 0.27}
	d := PairedT(a, b, 0, 0.95)
	if !near(d.Value, 0.102, 1e-12) || !near(d.P, 0.00037093, 1e-8) || !near(d.Low, 0.0765535, 1e-6) || !near(d.High, 0.1274465, 1e-6) || d.DF != 4 {
		t.Errorf("PairedT = %+v; want 0.102 in 0.0766..0.1274, p 0.000371", d)
	}
	// The differences spread less than they are believed to: 0.1 each.
	if d := PairedT(a, b, 0.1, 0.95); !near(d.Error, 0.1/math.Sqrt(5), 1e-12) || !near(d.P, 0.0847128, 1e-6) {
		t.Errorf("PairedT with a least spread = %+v", d)
	}
	if d := PairedT([]float64{1}, []float64{2}, 0.1, 0.95); !math.IsNaN(d.P) || d.Bounded() || d.Value != 1 {
		t.Errorf("PairedT of one pair = %+v", d)
	}
	if d := PairedT(a, a, 0.1, 0.95); d.P != 1 || d.Value != 0 {
		t.Errorf("PairedT of the same = %+v; want p 1", d)
	}
}

func TestTwoSampleT(t *testing.T) {
	d := TwoSampleT(before, after, 0, 0.95)
	if !near(d.Value, 0.16625, 1e-9) || !near(d.P, 0.0028006, 1e-7) || d.DF != 14 {
		t.Errorf("TwoSampleT = %+v; want 0.16625, p 0.00280", d)
	}
	// One run against several: their spread is all there is.
	if d := TwoSampleT([]float64{1}, []float64{2, 2.2, 1.8}, 0, 0.95); !near(d.Error, 0.2*math.Sqrt(4.0/3), 1e-9) || d.DF != 2 {
		t.Errorf("TwoSampleT of 1 against 3 = %+v", d)
	}
	if d := TwoSampleT([]float64{1}, []float64{2}, 0.1, 0.95); !math.IsNaN(d.P) {
		t.Errorf("TwoSampleT of 1 against 1 = %+v", d)
	}
}

func TestCritical(t *testing.T) {
	for _, c := range []struct {
		alpha float64
		df    int
		want  float64
	}{{0.05, 0, 1.95996}, {0.05, 4, 2.77645}, {0.005, 4, 5.59757}} {
		if got := Critical(c.alpha, c.df); !near(got, c.want, 1e-5) {
			t.Errorf("Critical(%v, %v) = %v; want %v", c.alpha, c.df, got, c.want)
		}
	}
}

func TestPairsFor(t *testing.T) {
	// With five pairs t needs 2.776 + 1.533 standard errors, with four 3.182 + 1.638.
	for _, c := range []struct {
		effect, sd float64
		want       int
	}{{0.1, 0.0515, 5}, {0.1, 0.0525, 6}, {0.1, 1, 0}, {3, 0.01, 2}} {
		if got := PairsFor(c.effect, c.sd, 0.05, 0.9, 100); got != c.want {
			t.Errorf("PairsFor(%v, %v) = %v; want %v", c.effect, c.sd, got, c.want)
		}
	}
}
