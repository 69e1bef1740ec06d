package threshold

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Aggregate is how a metric's values become the one number that is judged.
type Aggregate struct {
	// Name is one of avg, min, max, med, p, count, rate, value, sum. "total" is read as sum.
	Name string
	// P is the percentile, between 0 and 100; 50 for med, 0 for all that are neither p nor med.
	P float64
}

// Q returns the percentile as a quantile between 0 and 1; 0 where there is none.
func (a Aggregate) Q() float64 { return a.P / 100 }

// String returns the aggregate as a plan has it, such as p(99.9).
func (a Aggregate) String() string {
	if a.Name != "p" {
		return a.Name
	}
	return "p(" + number(a.P) + ")"
}

// Expr is one parsed threshold. It is made by [Parse] and never changed.
type Expr struct {
	Metric   string   // a name of the vocabulary, without its selector
	Selector Selector // nil: the whole run
	Agg      Aggregate
	Op       string  // < <= > >= == !=
	Bound    float64 // in the unit of Unit: ms, share, USD, tokens, tokens/s, count or a second
	Text     string  // the expression as the plan has it
}

// Unit returns the unit of the bound and of the value it is compared with.
func (e Expr) Unit() Unit {
	m, _ := Lookup(e.Metric)
	return m.unitOf(e.Agg.Name)
}

// Key returns the metric with its selector, tags sorted: "ttft{stage:steady,task:simple}".
func (e Expr) Key() string { return e.Metric + e.Selector.String() }

// String returns the expression in its canonical form, without spaces and in
// the metric's own unit: Parse(e.Key(), e.String()) gives the same Expr but for
// its Text.
func (e Expr) String() string {
	bound := number(e.Bound)
	switch e.Unit() {
	case Milliseconds:
		bound += "ms"
	case USD:
		bound = "$" + bound
	}
	return e.Agg.String() + e.Op + bound
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Parse reads one threshold: a metric, perhaps with a selector, such as
// "ttft{task:simple}", and an expression such as "p(95)<10s". Spaces between
// the parts are allowed. The error says what is wrong and what is right; the
// caller adds the place.
func Parse(metric, expression string) (Expr, error) {
	m, sel, err := parseMetric(metric)
	if err != nil {
		return Expr{}, err
	}
	e := Expr{Metric: m.Name, Selector: sel, Text: expression}
	if err := e.parse(m, strings.TrimSpace(expression)); err != nil {
		return Expr{}, fmt.Errorf("threshold %q on %s: %w", expression, m.Name, err)
	}
	return e, nil
}

func (e *Expr) parse(m Metric, s string) error {
	if s == "" {
		return fmt.Errorf(`empty: write an aggregate, an operator and a bound, such as %q`, example(m))
	}
	at := strings.IndexAny(s, "<>=!")
	if at < 0 {
		return fmt.Errorf("no operator: write one of < <= > >= == !=, such as %q", example(m))
	}
	end := at + len(s[at:]) - len(strings.TrimLeft(s[at:], "<>=!"))
	var err error
	if e.Agg, err = parseAggregate(m, strings.TrimSpace(s[:at])); err != nil {
		return err
	}
	if e.Op, err = parseOp(s[at:end]); err != nil {
		return err
	}
	e.Bound, err = parseBound(m, e.Agg.Name, strings.TrimSpace(s[end:]))
	return err
}

func parseOp(s string) (string, error) {
	switch s {
	case "<", "<=", ">", ">=", "==", "!=":
		return s, nil
	case "===":
		return "==", nil
	case "=":
		return "", fmt.Errorf("operator %q: equal is ==", s)
	case "=<", "=>":
		return "", fmt.Errorf("operator %q: write %s=", s, s[1:])
	case "<>", "!==", "!":
		return "", fmt.Errorf("operator %q: not equal is !=", s)
	}
	return "", fmt.Errorf("operator %q: it must be one of < <= > >= == !=", s)
}

func parseAggregate(m Metric, s string) (Aggregate, error) {
	word, arg, hasArg, err := splitCall(s)
	if err != nil {
		return Aggregate{}, err
	}
	agg := Aggregate{Name: word}
	switch word {
	case "":
		return agg, fmt.Errorf("no aggregate before the operator: write %s", list(m.Aggregates()))
	case "p":
		if agg.P, err = parsePercentile(arg, hasArg); err != nil {
			return agg, err
		}
	case "med":
		agg.P = 50
	case "total":
		agg.Name = "sum"
	case "avg", "min", "max", "count", "rate", "value", "sum":
	default:
		return agg, unknownAggregate(m, s, word)
	}
	if hasArg && word != "p" {
		return agg, fmt.Errorf("%s takes no number in parentheses; only p(N) does", word)
	}
	if shown := strings.Replace(word+" ", "p ", "p(N) ", 1); !slices.Contains(m.Aggregates(), strings.TrimSpace(shown)) {
		return agg, fmt.Errorf("%s does not fit %s, which %s: write %s", s, m.Name, m.what(), list(m.Aggregates()))
	}
	return agg, nil
}

// splitCall splits "p(95)" into its word and what stands in the parentheses.
func splitCall(s string) (word, arg string, hasArg bool, err error) {
	word, rest, hasArg := strings.Cut(s, "(")
	if !hasArg {
		return s, "", false, nil
	}
	arg, after, closed := strings.Cut(rest, ")")
	if !closed {
		return "", "", false, fmt.Errorf("%q: a parenthesis is not closed", s)
	}
	if strings.TrimSpace(after) != "" {
		return "", "", false, fmt.Errorf("%q: expected an operator after the parenthesis", s)
	}
	return strings.TrimSpace(word), strings.TrimSpace(arg), true, nil
}

func parsePercentile(arg string, hasArg bool) (float64, error) {
	if !hasArg || arg == "" {
		return 0, fmt.Errorf("p needs its percentile in parentheses, such as p(95)")
	}
	p, rest, err := parseNumber(arg)
	if err != nil || rest != "" {
		return 0, fmt.Errorf("p(%s): the percentile must be a number, such as p(95)", arg)
	}
	if p <= 0 || p >= 100 {
		return 0, fmt.Errorf("p(%s): the percentile must be over 0 and under 100; for the ends write min or max", arg)
	}
	return p, nil
}

func unknownAggregate(m Metric, s, word string) error {
	if digits, ok := strings.CutPrefix(word, "p"); ok {
		if _, rest, err := parseNumber(digits); err == nil && rest == "" {
			return fmt.Errorf("unknown aggregate %q (did you mean %q?)", s, "p("+digits+")")
		}
	}
	switch strings.ToLower(word) {
	case "mean", "average":
		return fmt.Errorf("unknown aggregate %q (did you mean %q?)", s, "avg")
	case "median", "p50":
		return fmt.Errorf("unknown aggregate %q (did you mean %q?)", s, "med")
	}
	if word != "" && (unicode.IsDigit(rune(word[0])) || word[0] == '$' || word[0] == '.') {
		return fmt.Errorf("%q stands before the operator: the aggregate comes first, such as %q", s, example(m))
	}
	return unknown("aggregate", word, m.Aggregates())
}

// what says in words what kind of metric m is.
func (m Metric) what() string {
	switch {
	case m.Kind == Rate:
		return "is a share"
	case m.Kind == Counter:
		return "counts"
	case m.Kind == Speed:
		return "is a number a second"
	case m.Unit == Milliseconds:
		return "is a time"
	case m.Unit == USD:
		return "is money"
	case m.Unit == Tokens:
		return "is a number of tokens"
	default:
		return "is a speed in tokens a second"
	}
}

// example returns an expression that would be right for m.
func example(m Metric) string {
	switch m.Kind {
	case Rate:
		return "rate<5%"
	case Counter:
		return "count>100"
	case Speed:
		return "rate>5"
	}
	switch m.Unit {
	case USD:
		return "total<$1.00"
	case Tokens:
		return "p(95)<2000"
	case TokensPerS:
		return "med>40"
	default:
		return "p(95)<10s"
	}
}
