package threshold

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tokenload/tokenload/internal/call"
)

func TestParse(t *testing.T) {
	p := func(n float64) Aggregate { return Aggregate{"p", n} }
	named := func(n string) Aggregate { return Aggregate{n, 0} }
	for _, tt := range []struct {
		metric, text string
		want         Expr // Text is taken from text
	}{
		{"e2e", "p(95)<10s", Expr{Metric: "e2e", Agg: p(95), Op: "<", Bound: 10000}},
		{"rate_limited", "rate<5%", Expr{Metric: "rate_limited", Agg: named("rate"), Op: "<", Bound: 0.05}},
		{"ttft", "avg>=200", Expr{Metric: "ttft", Agg: named("avg"), Op: ">=", Bound: 200}},
		{"requests", "count>100", Expr{Metric: "requests", Agg: named("count"), Op: ">", Bound: 100}},
		{"cost", "total<1.00", Expr{Metric: "cost", Agg: named("sum"), Op: "<", Bound: 1}},
		{"cost", "sum<$0.50", Expr{Metric: "cost", Agg: named("sum"), Op: "<", Bound: 0.5}},
		{"cost", "p(99) < $ 2", Expr{Metric: "cost", Agg: p(99), Op: "<", Bound: 2}},
		{"ttft", "med<=800ms", Expr{Metric: "ttft", Agg: Aggregate{"med", 50}, Op: "<=", Bound: 800}},
		{"ttft", "  p( 99.9 )  ===  1.5 s ", Expr{Metric: "ttft", Agg: p(99.9), Op: "==", Bound: 1500}},
		{"ttft", "max!=1m30s", Expr{Metric: "ttft", Agg: named("max"), Op: "!=", Bound: 90000}},
		{"ttft", "max<1h", Expr{Metric: "ttft", Agg: named("max"), Op: "<", Bound: 3600000}},
		{"lag", "p(50)<250us", Expr{Metric: "lag", Agg: p(50), Op: "<", Bound: 0.25}},
		{"lag", "p(50)<250µs", Expr{Metric: "lag", Agg: p(50), Op: "<", Bound: 0.25}},
		{"lag", "min==5ns", Expr{Metric: "lag", Agg: named("min"), Op: "==", Bound: 0.000005}},
		{"e2e", "avg<1e3", Expr{Metric: "e2e", Agg: named("avg"), Op: "<", Bound: 1000}},
		{"e2e", "avg<1e-1s", Expr{Metric: "e2e", Agg: named("avg"), Op: "<", Bound: 100}},
		{"failed", "rate<0.01", Expr{Metric: "failed", Agg: named("rate"), Op: "<", Bound: 0.01}},
		{"failed", "value<=100%", Expr{Metric: "failed", Agg: named("value"), Op: "<=", Bound: 1}},
		{"output_rate", "p(5)>40", Expr{Metric: "output_rate", Agg: p(5), Op: ">", Bound: 40}},
		{"output_rate", "med>40/s", Expr{Metric: "output_rate", Agg: Aggregate{"med", 50}, Op: ">", Bound: 40}},
		{"requests", "rate>=300/m", Expr{Metric: "requests", Agg: named("rate"), Op: ">=", Bound: 5}},
		{"goodput", "rate>.5", Expr{Metric: "goodput", Agg: named("rate"), Op: ">", Bound: 0.5}},
		{"output_tokens", "total<1e6", Expr{Metric: "output_tokens", Agg: named("sum"), Op: "<", Bound: 1e6}},
		{"ttft{task:simple,stage:steady}", "max<1s", Expr{Metric: "ttft", Agg: named("max"), Op: "<", Bound: 1000,
			Selector: Selector{"task": "simple", "stage": "steady"}}},
		{` ttft { model : us.anthropic.claude:0 , task : "a, b}" } `, "max<1s", Expr{Metric: "ttft", Agg: named("max"), Op: "<", Bound: 1000,
			Selector: Selector{"model": "us.anthropic.claude:0", "task": "a, b}"}}},
		{"requests{class:timeout}", "count<1", Expr{Metric: "requests", Agg: named("count"), Op: "<", Bound: 1,
			Selector: Selector{"class": "timeout"}}},
	} {
		got, err := Parse(tt.metric, tt.text)
		if err != nil {
			t.Errorf("Parse(%q, %q): %v", tt.metric, tt.text, err)
			continue
		}
		tt.want.Text = tt.text
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("Parse(%q, %q) (-want +got):\n%s", tt.metric, tt.text, d)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ metric, text, want string }{
		{"tfft", "p(95)<1s", `unknown metric "tfft" (did you mean "ttft"?)`},
		{"E2E", "p(95)<1s", `unknown metric "E2E" (did you mean "e2e"?)`},
		{"http_req_duration", "p(95)<1s", `unknown metric "http_req_duration" (did you mean "e2e"?)`},
		{"wibble_wobble", "p(95)<1s", `unknown metric "wibble_wobble": it must be one of ttft, ttfo`},
		{"", "p(95)<1s", "a threshold needs a metric, such as ttft"},
		{"ttft", "", `empty: write an aggregate, an operator and a bound, such as "p(95)<10s"`},
		{"ttft", "p(95) 10s", "no operator: write one of < <= > >= == !="},
		{"ttft", "p(95)=10s", `operator "=": equal is ==`},
		{"ttft", "p(95)=<10s", `operator "=<": write <=`},
		{"ttft", "p(95)!==10s", `operator "!==": not equal is !=`},
		{"ttft", "p(95)<<10s", `operator "<<": it must be one of`},
		{"ttft", "<10s", "no aggregate before the operator: write avg, min, max, med or p(N)"},
		{"ttft", "10s>p(95)", "the aggregate comes first"},
		{"ttft", "p95<10s", `unknown aggregate "p95" (did you mean "p(95)"?)`},
		{"ttft", "mean<10s", `unknown aggregate "mean" (did you mean "avg"?)`},
		{"ttft", "mx<10s", `unknown aggregate "mx" (did you mean "max"?)`},
		{"ttft", "p<10s", "p needs its percentile in parentheses, such as p(95)"},
		{"ttft", "p(0)<10s", "p(0): the percentile must be over 0 and under 100; for the ends write min or max"},
		{"ttft", "p(100)<10s", "p(100): the percentile must be over 0 and under 100"},
		{"ttft", "p(-5)<10s", "p(-5): the percentile must be a number"},
		{"ttft", "p(NaN)<10s", "p(NaN): the percentile must be a number"},
		{"ttft", "p(95<10s", "a parenthesis is not closed"},
		{"ttft", "p(95)x<10s", "expected an operator after the parenthesis"},
		{"ttft", "avg(5)<10s", "avg takes no number in parentheses; only p(N) does"},
		{"ttft", "count>100", "count does not fit ttft, which is a time: write avg, min, max, med or p(N)"},
		{"ttft", "total<1s", "total does not fit ttft"},
		{"failed", "p(95)<5%", "p(95) does not fit failed, which is a share: write rate or value"},
		{"requests", "avg>1", "avg does not fit requests, which counts: write count, rate or value"},
		{"ttft", "p(95)<", `no bound after the operator: write one, such as "p(95)<10s"`},
		{"ttft", "p(95)<5%", `bound "5%" is a share, but ttft is a time: write it with ns, us, ms, s, m or h, such as 10s`},
		{"ttft", "p(95)<$5", `bound "$5" is an amount of money, but ttft is a time`},
		{"failed", "rate<5s", `bound "5s" is a time, but failed is a share: write it with %, such as 5%`},
		{"failed", "rate<5", `bound "5" is more than everything, a share is at most 100% or 1`},
		{"failed", "rate<101%", `bound "101%" is more than everything`},
		{"cost", "total<5%", `bound "5%" is a share, but cost is money: write it in dollars, such as $1.00`},
		{"cost", "total<$5%", `bound "$5%" has two units`},
		{"requests", "count<5/s", `bound "5/s" is a rate, but requests counts: write a bare number`},
		{"requests", "rate<5%", `bound "5%" is a share, but requests has a rate that is a number a second`},
		{"ttft", "p(95)<10sec", `unknown unit "sec"`},
		{"ttft", "p(95)<ten", `"ten" is not a number`},
		{"ttft", "p(95)<NaN", `"NaN" is not a number`},
		{"ttft", "p(95)<Inf", `"Inf" is not a number`},
		{"ttft", "p(95)<-1s", "no metric is ever negative"},
		{"ttft", "p(95)<1e999", "the number is too large"},
		{"ttft", "p(95)<1e308h", "the number is too large"},
		{"failed", "rate<5% 3%", "expected one number and one unit"},
		{"ttft{}", "max<1s", "write {tag:value}, or {tag:value,tag:value}"},
		{"ttft{task}", "max<1s", "write {tag:value}"},
		{"ttft{task:a", "max<1s", "the closing } is missing"},
		{"ttft{task:a}x", "max<1s", "it must end with one }"},
		{"ttft{task:a,}", "max<1s", "write {tag:value}"},
		{"ttft{task:}", "max<1s", `tag "task" has no value`},
		{"ttft{task:a,task:b}", "max<1s", `tag "task" is there twice`},
		{"ttft{tusk:a}", "max<1s", `unknown tag "tusk" (did you mean "task"?)`},
		{"ttft{url:a}", "max<1s", `unknown tag "url": it must be one of task, model, stage or class`},
		{"ttft{class:time_out}", "max<1s", `unknown class "time_out" (did you mean "timeout"?)`},
		{"ttft{task:\"a}", "max<1s", "a quote is not closed"},
		{"ttft{task:a{b}", "max<1s", "needs double quotes"},
		{"failed{class:ok}", "rate<1%", "failed is itself about how requests end, so it takes no class"},
	} {
		_, err := Parse(tt.metric, tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q, %q) = %v; want %q in it", tt.metric, tt.text, err, tt.want)
		}
	}
}

// exprs draws expressions that are valid, spread over the whole grammar.
func exprs(t *rapid.T) (metric, text string) {
	m := rapid.SampledFrom(vocabulary()).Draw(t, "metric")
	agg := rapid.SampledFrom(m.Aggregates()).Draw(t, "agg")
	written := agg
	if agg == "p(N)" {
		written = fmt.Sprintf("p(%v)", rapid.Float64Range(0.001, 99.999).Draw(t, "p"))
	}
	units := map[Unit][]string{Milliseconds: {"", "ns", "us", "ms", "s", "m", "h"}, Share: {"", "%"}, PerS: {"", "/s", "/m"}, TokensPerS: {"", "/s"}}
	bound := fmt.Sprintf("%v%s", rapid.Float64Range(0, 1).Draw(t, "bound"), rapid.SampledFrom(append(units[m.unitOf(agg)], "")).Draw(t, "unit"))
	op := rapid.SampledFrom([]string{"<", "<=", ">", ">=", "==", "===", "!="}).Draw(t, "op")
	space := rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "space")
	sel := Selector{}
	for _, tag := range []string{"task", "model", "stage"} {
		if v := rapid.String().Draw(t, tag); v != "" && rapid.Bool().Draw(t, "with "+tag) {
			sel[tag] = v
		}
	}
	return m.Name + sel.String(), written + space + op + space + bound
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metric, text := exprs(t)
		a, err := Parse(metric, text)
		if err != nil {
			t.Fatalf("Parse(%q, %q): %v", metric, text, err)
		}
		b, err := Parse(a.Key(), a.String())
		if err != nil {
			t.Fatalf("Parse(%q, %q), made from %q: %v", a.Key(), a.String(), text, err)
		}
		b.Text = a.Text
		if d := cmp.Diff(a, b); d != "" {
			t.Fatalf("%q -> %q (-first +second):\n%s", text, a.String(), d)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"p(95)<10s", "rate<5%", "total<$1.00", "med <= 1m30s", "p(99.9)===1e3us", "count!=0", "rate>300/m", "p(<", "avg<µ"} {
		for _, m := range []string{"ttft", "failed", "cost{task:\"a\\n\"}", "requests{class:ok,stage:x}", "ttft{"} {
			f.Add(m, s)
		}
	}
	f.Fuzz(func(t *testing.T, metric, text string) {
		e, err := Parse(metric, text)
		if err != nil {
			if msg := err.Error(); msg == "" || strings.Contains(msg, "%!") && !strings.Contains(metric+text, "%") {
				t.Errorf("Parse(%q, %q): broken error text %q", metric, text, msg)
			}
			return
		}
		if !(e.Bound >= 0) || math.IsInf(e.Bound, 0) || e.Agg.P < 0 || e.Agg.P >= 100 {
			t.Errorf("Parse(%q, %q) = %+v", metric, text, e)
		}
		again, err := Parse(e.Key(), e.String())
		again.Text = e.Text
		if d := cmp.Diff(e, again); err != nil || d != "" {
			t.Errorf("Parse(%q, %q) -> %q %q: %v\n%s", metric, text, e.Key(), e.String(), err, d)
		}
	})
}

func TestVocabulary(t *testing.T) {
	for _, m := range vocabulary() {
		if _, err := Parse(m.Name, example(m)); err != nil {
			t.Errorf("the example for %s is not valid: %v", m.Name, err)
		}
		if got, ok := Lookup(m.Name); !ok || got != m {
			t.Errorf("Lookup(%q) = %v, %v; want %v", m.Name, got, ok, m)
		}
		if g := habit(m.Name); g != "" {
			t.Errorf("%s is a metric and a habit for %s", m.Name, g)
		}
	}
	for _, from := range []string{"latency", "errors", "http_req_waiting", "http_req_connecting", "rps", "dropped_iterations", "time_to_first_token", "itl", "tps"} {
		if _, ok := Lookup(habit(from)); !ok {
			t.Errorf("habit(%q) = %q, which is no metric", from, habit(from))
		}
	}
	var known []string
	for _, c := range call.Classes() {
		known = append(known, string(c))
	}
	if d := cmp.Diff(known, classes()); d != "" {
		t.Errorf("classes differ from those of the run log (-log +here):\n%s", d)
	}
	if n := Names(); len(n) != len(vocabulary()) || slices.Contains(n, "") {
		t.Errorf("Names() = %q", n)
	}
}

func TestGuess(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{"ttft", "ttft"}, {"TTFT", "ttft"}, {"servce_ttft", "service_ttft"}, {"output_tokns", "output_tokens"},
		{"x", ""}, {"", ""}, {strings.Repeat("ttft", 1000), ""},
	} {
		if got := guess(tt.word, Names()); got != tt.want {
			t.Errorf("guess(%.20q) = %q; want %q", tt.word, got, tt.want)
		}
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 2}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d; want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
