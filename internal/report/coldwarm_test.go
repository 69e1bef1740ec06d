package report

import (
	"math"
	"testing"

	"github.com/tokenload/tokenload/internal/metrics"
)

// Three digits, whatever the amount; a thousand calls may cost a tenth of a cent or dollars.
func TestPerThousand(t *testing.T) {
	for dollars, want := range map[float64]string{0: "$0", 0.00074: "$0.740", 0.0000794: "$0.0794", 0.0009994: "$0.999", 0.0009996: "$1.00", 0.0123: "$12.3", 1.5: "$1,500",
		0.0000000012: "$0.00000120", math.NaN(): "—"} {
		if got := perThousand(metrics.Number(dollars)); got != want {
			t.Errorf("perThousand(%v) = %s; want %s", dollars, got, want)
		}
	}
	for ms0, want := range map[float64]string{-229: "−229ms", 12: "+12.0ms", 0: "0ms", math.NaN(): "—", math.Inf(1): "∞"} {
		if got := signed(metrics.Number(ms0), ms); got != want {
			t.Errorf("signed(%v) = %s; want %s", ms0, got, want)
		}
	}
}
