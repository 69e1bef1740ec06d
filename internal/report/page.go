package report

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// style is an ANSI attribute; "" is plain.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
)

// span is a piece of a line in one style.
type span struct {
	style style
	text  string
}

// page collects lines of text. Everything that is written passes printable, so
// that no name or message from a plan or a server can steer the terminal.
type page struct {
	bytes.Buffer
	color bool
}

// line writes one line without spaces at its end.
func (p *page) line(spans ...span) {
	for len(spans) > 0 && strings.Trim(spans[len(spans)-1].text, " ") == "" {
		spans = spans[:len(spans)-1]
	}
	for i, s := range spans {
		text := printable(s.text)
		if i == len(spans)-1 {
			text = strings.TrimRight(text, " ")
		}
		if p.color && s.style != plain {
			text = "\x1b[" + string(s.style) + "m" + text + "\x1b[0m"
		}
		p.WriteString(text)
	}
	p.WriteByte('\n')
}

// paragraph writes text in lines of at most width characters, the first after
// lead, the others under it.
func (p *page) paragraph(lead, text string) {
	const width = 100
	indent := strings.Repeat(" ", utf8.RuneCountInString(lead))
	at := lead
	for _, l := range wrap(printable(text), width-len(indent)) {
		p.line(span{plain, at + l})
		at = indent
	}
}

// wrap breaks text between words; a word longer than width stays whole.
func wrap(text string, width int) []string {
	var out []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		w := utf8.RuneCountInString(word)
		if n > 0 && n+1+w > width {
			out = append(out, line)
			line, n = "", 0
		}
		if n > 0 {
			line += " "
			n++
		}
		line += word
		n += w
	}
	return append(out, line)
}

// left pads text on its right to n characters.
func left(s string, n int) string {
	return s + strings.Repeat(" ", max(n-utf8.RuneCountInString(s), 0))
}

// right pads text on its left to n characters.
func right(s string, n int) string {
	return strings.Repeat(" ", max(n-utf8.RuneCountInString(s), 0)) + s
}

// dotted pads a name with dots to n characters and ends it with a colon.
func dotted(s string, n int) string {
	return s + strings.Repeat(".", max(n-utf8.RuneCountInString(s), 0)) + ":"
}
