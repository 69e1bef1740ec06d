package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/metrics"
	"github.com/tokenload/tokenload/internal/store"
	"github.com/tokenload/tokenload/internal/threshold"
)

func TestAskedOfE2E(t *testing.T) {
	row := func(metric, expression string, v threshold.Verdict) Threshold {
		return Threshold{Metric: metric, Expression: expression, Verdict: v}
	}
	slo := store.Manifest{SLO: store.SLO{E2E: 10 * time.Second}}
	for name, c := range map[string]struct {
		m      store.Manifest
		ts     []Threshold
		most   time.Duration
		failed bool
	}{
		"nothing":                {store.Manifest{}, nil, 0, false},
		"an slo":                 {slo, []Threshold{row("e2e", "p(95)<5s", threshold.Passed)}, 10 * time.Second, false},
		"a threshold that fails": {slo, []Threshold{row("e2e", "p(95)<5s", threshold.Failed)}, 5 * time.Second, true},
		"the tightest":           {slo, []Threshold{row("e2e", "p(95)<5s", threshold.Failed), row("e2e", "med<=900ms", threshold.Failed), row("e2e", "max<30s", threshold.Failed)}, 900 * time.Millisecond, true},
		"others":                 {slo, []Threshold{row("ttft", "p(95)<1s", threshold.Failed), row("e2e{task:a}", "p(95)<5s", threshold.Failed), row("e2e", "min>2s", threshold.Failed)}, 10 * time.Second, false},
	} {
		if most, failed := askedOfE2E(c.m, c.ts); most != c.most || failed != c.failed {
			t.Errorf("%s: asked %v, %v; want %v, %v", name, most, failed, c.most, c.failed)
		}
	}
}

func fourModels() (out []diagnose.Model) {
	none := metrics.Withheld()
	off := diagnose.Figure{Value: none, Low: none, High: none}
	for i := range 4 {
		m := diagnose.Model{Model: fmt.Sprintf("model-%d", i+1), Answers: 1000 * (i + 1), ServiceTTFT: diagnose.Figure{Value: 617, Low: 601, High: 1640}, ServiceE2E: off, OutputRate: off,
			Cost: diagnose.Figure{Value: 0.25, Low: none, High: none}, Uncached: off, Cached: off, InFlight: off, Headroom: none, NotTold: []string{}}
		out = append(out, m)
	}
	out[1].Headroom, out[1].Limit = 0.82, "input_tokens"
	out[2].Cached = diagnose.Figure{Value: 14.4, Low: -1, High: 20}
	out[3].NotTold = []string{"it cannot be told"}
	return out
}

// Models stand beside each other, three to a line; rows that no model fills are left out.
func TestModelsSideBySide(t *testing.T) {
	p := &textPage{}
	p.models(fourModels())
	want := `
  █ MODELS SIDE BY SIDE

                          model-1                 model-2                 model-3
    answers               1,000                   2,000                   3,000
    service_ttft          617ms (601ms to 1.64s)  617ms (601ms to 1.64s)  617ms (601ms to 1.64s)
    1,000 answers cost    $0.25                   $0.25                   $0.25
    headroom              —                       82% of input_tokens     —
    +1,000 cached input   —                       —                       14.4ms (−1.00ms to 20.0ms)

                          model-4
    answers               4,000
    service_ttft          617ms (601ms to 1.64s)
    1,000 answers cost    $0.25
    headroom              —
    +1,000 cached input   —
    Medians of the answers that ended ok, the cost a mean; in brackets the 95% interval. Quality is
    not measured. After a + is by how much service_ttft grows.
    model-4: it cannot be told.
`
	if got := p.String(); got != want {
		t.Errorf("text:\n%s\nwant\n%s", got, want)
	}
	md := &mdPage{}
	md.models(fourModels())
	for _, w := range []string{"| | model-1 | model-2 | model-3 | model-4 |\n|---|---|---|---|---|\n", "| headroom | — | 82% of input\\_tokens | — | — |", "model-4: it cannot be told."} {
		if !strings.Contains(md.String(), w) {
			t.Errorf("Markdown lacks %q:\n%s", w, md.String())
		}
	}
	p = &textPage{}
	p.models(nil)
	if p.Len() != 0 {
		t.Errorf("no models are shown as %q", p.String())
	}
}
