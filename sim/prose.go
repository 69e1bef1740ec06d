package sim

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// prose is the text of one answer: a head of its own, then a stretch of the
// corpus, n bytes in all. It is cut out as it is sent and never copied whole.
type prose struct {
	head   string
	corpus string // ASCII that needs no escaping in JSON
	offset int
	n      int
}

// newProse begins with the echo and goes on at a word's beginning.
func newProse(echo, corpus string, offset uint64, n int) prose {
	t := prose{corpus: corpus, offset: int(offset % uint64(len(corpus))), n: n}
	if i := strings.IndexByte(corpus[t.offset:], ' '); i >= 0 {
		t.offset += i + 1
	} else {
		t.offset = 0
	}
	if echo != "" {
		t.head = echo + " "
	}
	return t
}

// boundary moves a cut point forward to the end of a character.
func (t *prose) boundary(at int) int {
	for at < len(t.head) && !utf8.RuneStart(t.head[at]) {
		at++
	}
	return at
}

// appendJSON appends bytes from..to, escaped for the inside of a JSON string.
func (t *prose) appendJSON(b []byte, from, to int) []byte {
	if from < len(t.head) {
		b = appendEscaped(b, t.head[from:min(to, len(t.head))])
		from = len(t.head)
	}
	for from < to && len(t.corpus) > 0 {
		i := (t.offset + from - len(t.head)) % len(t.corpus)
		k := min(to-from, len(t.corpus)-i)
		b = append(b, t.corpus[i:i+k]...)
		from += k
	}
	return b
}

// String is the whole text.
func (t *prose) String() string {
	if t.n <= len(t.head) {
		return t.head[:t.n]
	}
	rest := prose{corpus: t.corpus, offset: t.offset, n: t.n - len(t.head)}
	return t.head + string(rest.appendJSON(nil, 0, rest.n))
}

// stopAt ends the text before the first stop sequence and returns that.
func (t *prose) stopAt(stops []string) string {
	if len(stops) == 0 {
		return ""
	}
	text, found := t.String(), ""
	for _, stop := range stops {
		if i := strings.Index(text, stop); stop != "" && i >= 0 {
			text, found = text[:i], stop
		}
	}
	t.n = len(text)
	return found
}

// newCorpus makes about 8 KB of sentences without meaning.
func newCorpus(seed uint64) string {
	words := strings.Fields(`the a this each every some another river garden engine letter window signal market season harbor
		teacher planet bridge method answer record kitchen forest mirror clock paper island copper lantern valley question
		grows turns carries holds finds measures follows repeats gathers crosses softens opens explains divides joins
		slowly often never quietly twice again before after under between beside toward without along around because`)
	rng := rand.New(rand.NewPCG(seed, 0x70726f7365))
	var b strings.Builder
	for b.Len() < 8192 {
		for i, n := 0, 6+rng.IntN(9); i < n; i++ {
			w := words[rng.IntN(len(words))]
			if i == 0 {
				w = strings.ToUpper(w[:1]) + w[1:]
			} else {
				b.WriteByte(' ')
			}
			b.WriteString(w)
		}
		b.WriteString(". ")
	}
	return b.String()
}
