package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

// The two figures that are not numbers.
const (
	withheld = "—" // too few values to stand behind it, or none
	infinite = "∞" // requests that timed out or stalled
)

// special returns the sign for a number that is not Known, else "".
func special(n metrics.Number) string {
	switch {
	case n.Known():
		return ""
	case math.IsInf(float64(n), 1):
		return infinite
	}
	return withheld
}

// ms shows a time: three digits, in ms below a second, in minutes from ten on.
func ms(n metrics.Number) string {
	if s := special(n); s != "" {
		return s
	}
	f := float64(n)
	switch {
	case f >= 600_000:
		s := int(math.Round(f / 1000))
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case f >= 999.5:
		return digits3(f/1000) + "s"
	}
	return digits3(f) + "ms"
}

// digits3 shows a figure with three digits, or with all those before the point.
func digits3(f float64) string {
	switch a := math.Abs(f); {
	case a == 0:
		return "0"
	case a < 9.995:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case a < 99.95:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return thousands(int64(math.Round(f)))
}

// figure shows a number without a unit.
func figure(n metrics.Number) string {
	if s := special(n); s != "" {
		return s
	}
	return digits3(float64(n))
}

// whole shows a count that may be unknown.
func whole(n metrics.Number) string {
	if s := special(n); s != "" {
		return s
	}
	return thousands(int64(math.Round(float64(n))))
}

// perSecond shows a speed.
func perSecond(n metrics.Number) string {
	if s := special(n); s != "" {
		return s
	}
	return digits3(float64(n)) + "/s"
}

// share shows a part of one with one decimal, or two near nothing and near all:
// a rare failure is never rounded away.
func share(n metrics.Number) string {
	if s := special(n); s != "" {
		return s
	}
	f := float64(n) * 100
	switch {
	case f > 0 && f < 0.995:
		return strconv.FormatFloat(max(f, 0.01), 'f', 2, 64) + "%"
	case f > 99 && f < 100:
		return strconv.FormatFloat(min(f, 99.99), 'f', 2, 64) + "%"
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + "%"
}

// ratio is a share of two counts; withheld where there is nothing to divide by.
func ratio(part, whole int) metrics.Number {
	if whole == 0 {
		return metrics.Withheld()
	}
	return metrics.Number(float64(part) / float64(whole))
}

// thousands shows a whole number with commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// price shows a round amount of money without empty decimals: a budget of $1.00.
func price(u call.USD) string {
	if u%(call.Dollar/100) == 0 {
		return fmt.Sprintf("$%.2f", u.Dollars())
	}
	return u.String()
}

// counted is a count with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + noun + "s"
}

// bytesize shows memory.
func bytesize(n int64) string {
	const mib = 1 << 20
	if n >= 1<<30 {
		return digits3(float64(n)/(1<<30)) + " GiB"
	}
	return digits3(float64(n)/mib) + " MiB"
}

// valueOf shows a threshold's value in its unit.
func valueOf(t Threshold) string {
	switch t.Unit {
	case "ms":
		return ms(t.Value)
	case "share":
		return share(t.Value)
	case "USD":
		if s := special(t.Value); s != "" {
			return s
		}
		return call.DollarsToUSD(float64(t.Value)).String()
	case "/s", "tokens/s":
		return perSecond(t.Value)
	}
	if f := float64(t.Value); t.Value.Known() && f == math.Trunc(f) {
		return thousands(int64(f))
	}
	return figure(t.Value)
}

// aggregateOf is the left side of a threshold, "p(95)" of "p(95)<10s".
func aggregateOf(t Threshold) string {
	if i := strings.IndexAny(t.Expression, "<>=!"); i > 0 {
		return strings.TrimSpace(t.Expression[:i])
	}
	return t.Expression
}

// printable makes text safe for a terminal and for one line: what is not a
// printable character (escape sequences, line ends, direction marks, bytes that
// are not UTF-8) is written as its escape.
func printable(s string) string {
	if strings.IndexFunc(s, unsafe) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !unsafe(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

func unsafe(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }

// clip shortens text to n characters.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
