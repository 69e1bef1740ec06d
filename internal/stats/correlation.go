package stats

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// Correlation is how closely two columns of one length follow a line, from −1 to
// 1; 0 where there are under two values or one side never changes.
func Correlation(x, y []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	if r := stat.Correlation(x, y, nil); !math.IsNaN(r) {
		return r
	}
	return 0
}
