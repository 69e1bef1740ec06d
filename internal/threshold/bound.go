package threshold

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseBound reads the right side of an expression into the unit of m's aggregate.
func parseBound(m Metric, agg, s string) (float64, error) {
	if s == "" {
		return 0, fmt.Errorf("no bound after the operator: write one, such as %q", example(m))
	}
	want := m.unitOf(agg)
	amount, isUSD := strings.CutPrefix(s, "$")
	v, unit, err := parseQuantity(strings.TrimSpace(amount))
	if err != nil {
		return 0, fmt.Errorf("bound %q: %w", s, err)
	}
	if isUSD && unit != bare {
		return 0, fmt.Errorf("bound %q has two units", s)
	}
	if isUSD {
		unit = dollars
	}
	if unit != bare && !unit.fits(want) {
		return 0, fmt.Errorf("bound %q is %s, but %s %s: %s", s, unit, m.Name, wanted(m, want), rightUnit(want))
	}
	if want == Share && v > 1 {
		return 0, fmt.Errorf("bound %q is more than everything, a share is at most 100%% or 1: %s", s, rightUnit(want))
	}
	return v, nil
}

// wanted says what kind of thing the bound must be.
func wanted(m Metric, u Unit) string {
	if m.Kind == Counter && u == PerS {
		return "has a rate that is a number a second"
	}
	return m.what()
}

func rightUnit(u Unit) string {
	switch u {
	case Milliseconds:
		return "write it with ns, us, ms, s, m or h, such as 10s; a bare number is ms"
	case Share:
		return "write it with %, such as 5%, or as a number from 0 to 1"
	case USD:
		return "write it in dollars, such as $1.00 or 1.00"
	case PerS, TokensPerS:
		return "write a bare number, or one with /s or /m, such as 5/s"
	default:
		return "write a bare number, such as 100"
	}
}

// kind is what the unit on a bound says it is.
type kind int

const (
	bare kind = iota
	duration
	percent
	dollars
	perTime
)

func (k kind) String() string {
	return [...]string{"a bare number", "a time", "a share", "an amount of money", "a rate"}[k]
}

func (k kind) fits(u Unit) bool {
	switch k {
	case duration:
		return u == Milliseconds
	case percent:
		return u == Share
	case dollars:
		return u == USD
	case perTime:
		return u == PerS || u == TokensPerS
	default:
		return true
	}
}

// parseQuantity reads a number and its unit, or several of both for a time
// such as 1m30s. Times come out in ms, percentages as shares, rates a second.
func parseQuantity(s string) (float64, kind, error) {
	var sum float64
	parts := 0
	for rest := s; rest != "" || parts == 0; parts++ {
		v, after, err := parseNumber(rest)
		if err != nil {
			return 0, bare, err
		}
		after = strings.TrimSpace(after)
		end := strings.IndexAny(after, "0123456789.+-")
		if end < 0 {
			end = len(after)
		}
		v, k, err := scale(v, strings.TrimSpace(after[:end]))
		if err != nil {
			return 0, bare, err
		}
		rest = after[end:]
		if rest == "" && parts == 0 {
			return v, k, nil
		}
		if k != duration {
			return 0, bare, errors.New("expected one number and one unit")
		}
		sum += v
	}
	if math.IsInf(sum, 0) {
		return 0, bare, errTooLarge
	}
	return sum, duration, nil
}

var errTooLarge = errors.New("the number is too large")

// scale turns a number with a unit into the unit its kind is stored in.
func scale(v float64, unit string) (float64, kind, error) {
	factor, k := 1.0, duration
	switch unit {
	case "":
		k = bare
	case "ns":
		v, factor = v/1e6, 1
	case "us", "µs", "μs":
		v, factor = v/1e3, 1
	case "ms":
	case "s":
		factor = 1e3
	case "m", "min":
		factor = 60e3
	case "h":
		factor = 3600e3
	case "%":
		v, k = v/100, percent
	case "/s":
		k = perTime
	case "/m", "/min":
		v, k = v/60, perTime
	default:
		return 0, bare, fmt.Errorf("unknown unit %q: the units are ns, us, ms, s, m, h for times, %% for shares, $ before money, /s and /m for rates", unit)
	}
	if v *= factor; math.IsInf(v, 0) {
		return 0, bare, errTooLarge
	}
	return v, k, nil
}

// parseNumber reads a plain decimal number, perhaps with an exponent, from the
// front of s and returns what follows it. Neither signs nor the other forms
// that strconv knows (hexadecimal, inf, underscores) are numbers here: no
// metric is ever negative.
func parseNumber(s string) (v float64, rest string, err error) {
	if strings.HasPrefix(s, "-") {
		return 0, "", errors.New("no metric is ever negative")
	}
	whole := digits(s)
	end := whole
	fraction := 0
	if strings.HasPrefix(s[end:], ".") {
		fraction = digits(s[end+1:])
		end += 1 + fraction
	}
	if whole+fraction == 0 {
		return 0, "", fmt.Errorf("%q is not a number", s)
	}
	end += exponent(s[end:])
	v, err = strconv.ParseFloat(s[:end], 64)
	if err != nil {
		return 0, "", errTooLarge
	}
	return v, s[end:], nil
}

// exponent returns the length of an exponent such as e-3 at the front of s.
func exponent(s string) int {
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return 0
	}
	at := 1
	if len(s) > at && (s[at] == '+' || s[at] == '-') {
		at++
	}
	n := digits(s[at:])
	if n == 0 {
		return 0
	}
	return at + n
}

// digits returns how many decimal digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
