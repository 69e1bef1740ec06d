package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mistake is one thing that is wrong with a plan, and where.
type Mistake struct {
	File   string // the plan, a file it names, or "--set path"
	Line   int    // from 1
	Column int    // in characters from 1; 1 where the parser knows none
	Text   string // what is wrong and what to do, on one line
}

// overrideFile begins the File of a mistake in an override, which has no lines.
const overrideFile = "--set "

// String returns the mistake as file:line:column: text, the form editors jump to.
func (m Mistake) String() string {
	if strings.HasPrefix(m.File, overrideFile) {
		return m.File + ": " + m.Text
	}
	return m.File + ":" + strconv.Itoa(m.Line) + ":" + strconv.Itoa(m.Column) + ": " + m.Text
}

// Mistakes is everything that is wrong with a plan: the error that [Parse]
// returns, in the order of the files.
type Mistakes []Mistake

// Error returns one mistake per line.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the mistakes by file (the plan first, overrides last) and place, each once.
func (ms Mistakes) sorted(plan string) Mistakes {
	rank := func(m Mistake) int {
		switch {
		case m.File == plan:
			return 0
		case strings.HasPrefix(m.File, overrideFile):
			return 2
		}
		return 1
	}
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(ms)
}

// guess returns ` (did you mean "x"?)` for the known word nearest to the one
// given, or "" where none is near.
func guess(word string, known []string) string {
	if best := nearest(word, known); best != "" {
		return fmt.Sprintf(" (did you mean %q?)", best)
	}
	return ""
}

// nearest returns the known word that a third of the letters or less tell from
// the one given, or "".
func nearest(word string, known []string) string {
	best, least := "", max((len([]rune(word))+1)/3, 1)+1
	if word == "" {
		return ""
	}
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's, and a swap of neighbours counts as one: how many
// characters to insert, delete, replace or swap to make a into b.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	before, row, next := make([]int, len(to)+1), make([]int, len(to)+1), make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range from {
		next[0] = i + 1
		for j, y := range to {
			replace := row[j]
			if x != y {
				replace++
			}
			next[j+1] = min(replace, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && x == to[j-1] && from[i-1] == y {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(to)]
}

// orList joins words for people: "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
