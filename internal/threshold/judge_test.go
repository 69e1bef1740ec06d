package threshold

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asked is a Source that notes what it was asked and gives one answer.
type asked struct {
	metric string
	tags   map[string]string
	agg    string
	q      float64

	value float64
	n     int
	ok    bool
}

func (a *asked) Value(metric string, tags map[string]string, agg string, q float64) (float64, int, bool) {
	a.metric, a.tags, a.agg, a.q = metric, tags, agg, q
	return a.value, a.n, a.ok
}

func TestJudge(t *testing.T) {
	inf := math.Inf(1)
	for _, tt := range []struct {
		text  string
		value float64
		n     int
		ok    bool
		want  Verdict
		low   bool
	}{
		{"p(95)<10s", 9999.9, 72, true, Passed, false},
		{"p(95)<10s", 10000, 72, true, Failed, false},
		{"p(95)<=10s", 10000, 72, true, Passed, false},
		{"p(95)<=10s", 10000.1, 72, true, Failed, false},
		{"p(95)<10s", 1, 71, true, Passed, true},
		{"p(95)<10s", 20000, 71, true, Failed, true},
		{"p(99)<10s", 1, 367, true, Passed, true},
		{"p(99)<10s", 1, 368, true, Passed, false},
		{"med<10s", 1, 5, true, Passed, true},
		{"med<10s", 1, 6, true, Passed, false},
		{"p(5)<10s", 1, 71, true, Passed, true},
		{"p(5)<10s", 1, 72, true, Passed, false},
		{"avg<10s", 1, 1, true, Passed, false},
		{"max<10s", inf, 3, true, Failed, false},
		{"max>10s", inf, 3, true, Passed, false},
		{"max!=10s", inf, 3, true, Passed, false},
		{"max==10s", inf, 3, true, Failed, false},
		{"max>=10s", 10000, 3, true, Passed, false},
		{"max>10s", 10000, 3, true, Failed, false},
		{"max==10s", 10000, 3, true, Passed, false},
		{"max!=10s", 10000, 3, true, Failed, false},
		{"p(95)<10s", 1, 0, true, NoData, false},
		{"p(95)<10s", 1, 100, false, NoData, false},
		{"p(95)<10s", math.NaN(), 100, true, NoData, false},
	} {
		e, err := Parse("ttft", tt.text)
		if err != nil {
			t.Fatal(err)
		}
		got := e.Judge(&asked{value: tt.value, n: tt.n, ok: tt.ok})
		if got.Verdict != tt.want || got.LowN != tt.low {
			t.Errorf("%s on %v of %d (%v) = %q, low %v; want %q, %v", tt.text, tt.value, tt.n, tt.ok, got.Verdict, got.LowN, tt.want, tt.low)
		}
		if wantN := tt.n; tt.want != NoData && (got.N != wantN || got.Value != tt.value) {
			t.Errorf("%s = value %v of %d; want %v of %d", tt.text, got.Value, got.N, tt.value, wantN)
		}
		if got.Verdict.OK() != (tt.want == Passed) {
			t.Errorf("%q.OK() = %v", got.Verdict, got.Verdict.OK())
		}
	}
}

func TestJudgeAsks(t *testing.T) {
	for _, tt := range []struct {
		metric, text string
		want         asked
	}{
		{"ttft{task:a}", "p(99)<1s", asked{metric: "ttft", tags: map[string]string{"task": "a"}, agg: "p", q: 0.99}},
		{"e2e", "med<1s", asked{metric: "e2e", agg: "med", q: 0.5}},
		{"cost", "total<1", asked{metric: "cost", agg: "sum"}},
		{"requests", "rate>1", asked{metric: "requests", agg: "rate"}},
	} {
		e, err := Parse(tt.metric, tt.text)
		if err != nil {
			t.Fatal(err)
		}
		var got asked
		e.Judge(&got)
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(asked{})); d != "" {
			t.Errorf("%s on %s asks (-want +got):\n%s", tt.text, tt.metric, d)
		}
	}
}

func TestLeastN(t *testing.T) {
	for _, tt := range []struct {
		q    float64
		want int
	}{
		{0.5, 6}, {0.9, 36}, {0.95, 72}, {0.99, 368}, {0.999, 3688},
		{0.1, 36}, {0.05, 72}, {0.01, 368}, {0, 1}, {1, 1}, {math.NaN(), 1},
	} {
		if got := LeastN(tt.q); got != tt.want {
			t.Errorf("LeastN(%v) = %d; want %d", tt.q, got, tt.want)
		}
	}
}

func TestUnit(t *testing.T) {
	for _, tt := range []struct{ metric, text, want string }{
		{"ttft", "avg<1", "ms"}, {"failed", "rate<1%", "share"}, {"cost", "avg<1", "USD"}, {"output_tokens", "avg<1", "tokens"},
		{"output_rate", "avg<1", "tokens/s"}, {"requests", "count<1", "count"}, {"requests", "rate<1", "/s"}, {"goodput", "value<1", "/s"},
	} {
		e, err := Parse(tt.metric, tt.text)
		if err != nil || e.Unit().String() != tt.want {
			t.Errorf("unit of %s on %s = %v, %v; want %s", tt.text, tt.metric, e.Unit(), err, tt.want)
		}
	}
}
