package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mistake is one thing that is wrong with a configuration file, and where.
type Mistake struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1
	Text   string `json:"text"`   // what is wrong and what to do, on one line
}

// String returns the mistake as file:line:column: text, the form editors jump to.
func (m Mistake) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.Text)
}

// Mistakes is everything that is wrong with a configuration file: the error of
// [ParseConfig].
type Mistakes []Mistake

// Error returns one mistake per line.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

func (ms Mistakes) sort() {
	slices.SortStableFunc(ms, func(a, b Mistake) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
}

// guess returns ` (did you mean "x"?)` for the known word nearest to the one
// given, or "" where none is near: a third of its letters may differ.
func guess(word string, known []string) string {
	best, least := "", max((len(word)+1)/3, 1)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); word != "" && d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance is Levenshtein's: how many bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			step := corner
			if a[i] != b[j] {
				step++
			}
			corner = row[j+1]
			row[j+1] = min(step, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}

// orList joins words for people: "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
