package call

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// USD is an amount of money in whole pico-dollars (10⁻¹² USD). The dearest and
// the cheapest token price both fit without rounding, and sums stay exact up to
// nine million dollars.
type USD int64

// Dollar is one US dollar.
const Dollar USD = 1e12

// ParseUSD reads a plain decimal number of dollars, "1.25" or "$1.25". More
// than twelve decimals, exponents and amounts over nine million are errors.
func ParseUSD(s string) (USD, error) {
	t := strings.TrimPrefix(s, "$")
	neg := strings.HasPrefix(t, "-")
	t = strings.TrimPrefix(t, "-")
	whole, frac, _ := strings.Cut(t, ".")
	if whole == "" && frac == "" || len(frac) > 12 || strings.ContainsAny(t, "+-eE_") {
		return 0, fmt.Errorf("%q is not an amount in dollars, such as 1.25", s)
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", 12-len(frac)), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%q is over nine million dollars", s)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not an amount in dollars, such as 1.25", s)
	}
	if neg {
		n = -n
	}
	return USD(n), nil
}

// DollarsToUSD rounds a number of dollars to the nearest pico-dollar. NaN is 0
// and what does not fit becomes the largest amount.
func DollarsToUSD(f float64) USD {
	switch f = math.Round(f * float64(Dollar)); {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return USD(f)
}

// Dollars returns the amount as a float, for ratios and charts only.
func (u USD) Dollars() float64 { return float64(u) / float64(Dollar) }

// Decimal returns the exact amount in dollars without a sign, such as 0.001232.
func (u USD) Decimal() string {
	sign, v := "", uint64(u)
	if u < 0 {
		sign, v = "-", uint64(-u)
	}
	s := fmt.Sprintf("%s%d.%012d", sign, v/uint64(Dollar), v%uint64(Dollar))
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// String shows the amount for people: $ and four decimals, cents from $100 on,
// and as many decimals as it takes below a hundredth of a cent.
func (u USD) String() string {
	d := u.Dollars()
	switch a := math.Abs(d); {
	case a >= 100:
		return fmt.Sprintf("$%.2f", d)
	case a >= 0.0001 || a == 0:
		return fmt.Sprintf("$%.4f", d)
	default:
		return "$" + strconv.FormatFloat(d, 'g', 2, 64)
	}
}

// MarshalJSON writes a JSON number of dollars, exact to the pico-dollar.
func (u USD) MarshalJSON() ([]byte, error) { return []byte(u.Decimal()), nil }

// UnmarshalJSON reads a JSON number of dollars; exponents are accepted and
// rounded to the nearest pico-dollar.
func (u *USD) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	v, err := ParseUSD(string(b))
	if err != nil {
		f, ferr := strconv.ParseFloat(string(b), 64)
		if ferr != nil {
			return err
		}
		v = DollarsToUSD(f)
	}
	*u = v
	return nil
}
