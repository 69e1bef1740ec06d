package report

import (
	"math"
	"testing"

	"github.com/tokenload/tokenload/internal/call"
	"github.com/tokenload/tokenload/internal/metrics"
)

func TestUnits(t *testing.T) {
	inf, nan := metrics.Number(math.Inf(1)), metrics.Withheld()
	for _, c := range []struct {
		name, got, want string
	}{
		{"ms none", ms(nan), "—"},
		{"ms time-out", ms(inf), "∞"},
		{"ms zero", ms(0), "0ms"},
		{"ms small", ms(0.424), "0.42ms"},
		{"ms one", ms(4.216), "4.22ms"},
		{"ms ten", ms(42.16), "42.2ms"},
		{"ms hundred", ms(421.6), "422ms"},
		{"ms just below a second", ms(999.4), "999ms"},
		{"ms rounds up to a second", ms(999.6), "1.00s"},
		{"ms seconds", ms(12_345), "12.3s"},
		{"ms minutes", ms(725_000), "12m05s"},
		{"ms minute carry", ms(659_600), "11m00s"},
		{"share none", share(0), "0.0%"},
		{"share rare", share(0.00001), "0.01%"},
		{"share below one", share(0.0042), "0.42%"},
		{"share", share(0.0456), "4.6%"},
		{"share nearly all", share(0.99999), "99.99%"},
		{"share all", share(1), "100.0%"},
		{"share of nothing", share(ratio(0, 0)), "—"},
		{"figure", figure(1234.5), "1,235"},
		{"figure negative", figure(-0.25), "-0.25"},
		{"whole", whole(999_999.6), "1,000,000"},
		{"per second", perSecond(5.934), "5.93/s"},
		{"thousands", thousands(-1234567), "-1,234,567"},
		{"thousands short", thousands(-123), "-123"},
		{"memory", bytesize(48 << 20), "48.0 MiB"},
		{"much memory", bytesize(3 << 29), "1.50 GiB"},
		{"price", price(call.Dollar), "$1.00"},
		{"price with mills", price(call.Dollar / 800), "$0.0013"},
		{"one", counted(1, "attempt"), "1 attempt"},
		{"many", counted(1200, "attempt"), "1,200 attempts"},
		{"value ms", valueOf(Threshold{Unit: "ms", Value: 812.4}), "812ms"},
		{"value share", valueOf(Threshold{Unit: "share", Value: 0.3}), "30.0%"},
		{"value USD", valueOf(Threshold{Unit: "USD", Value: 0.34}), "$0.3400"},
		{"value USD time-out", valueOf(Threshold{Unit: "USD", Value: inf}), "∞"},
		{"value speed", valueOf(Threshold{Unit: "tokens/s", Value: 77.8}), "77.8/s"},
		{"value count", valueOf(Threshold{Unit: "count", Value: 1200}), "1,200"},
		{"value mean", valueOf(Threshold{Unit: "tokens", Value: 12.34}), "12.3"},
		{"value infinite tokens", valueOf(Threshold{Unit: "tokens", Value: inf}), "∞"},
		{"aggregate", aggregateOf(Threshold{Expression: "p(95) < 10s"}), "p(95)"},
		{"clip", clip("abcdef", 4), "abc…"},
		{"clip not", clip("äöüß", 4), "äöüß"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %q; want %q", c.name, c.got, c.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain – ü 漢 🙂":     "plain – ü 漢 🙂",
		"\x1b[31mred":       `\x1b[31mred`,
		"a\r\nb\tc":         `a\r\nb\tc`,
		"\u202egpj.exe":     `\u202egpj.exe`,
		"\u009b31m\x7f\x00": `\u009b31m\x7f\x00`,
		"bad \xff":          `bad \ufffd`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q; want %q", in, got, want)
		}
		if again := printable(printable(in)); again != want {
			t.Errorf("printable twice (%q) = %q; want %q", in, again, want)
		}
	}
}

func TestMarkdownEscapes(t *testing.T) {
	for in, want := range map[string]string{
		"a|b":           `a\|b`,
		"two\nlines":    "two lines",
		"`code` <b> & ": "\\`code\\` &lt;b&gt; &amp;",
		"[x](y) ![z]":   `\[x\](y) \!\[z\]`,
		"*a* _b_ ~c~ #": `\*a\* \_b\_ \~c\~ \#`,
		`a\|b`:          `a\\\|b`,
		"@someone":      "@\u200bsomeone",
		"\x1b[31m":      `\\x1b\[31m`,
	} {
		if got := md(in); got != want {
			t.Errorf("md(%q) = %q; want %q", in, got, want)
		}
	}
}
