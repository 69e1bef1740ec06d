package client

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tokenload/tokenload/internal/call"
)

const (
	mostWords = 300  // bytes of a server's message that are kept
	mostTaken = 1024 // bytes of it that are looked at
	mostLabel = 128  // bytes of a type, a code, an id
	shortKey  = 4    // a shorter key is no secret, and taking it out would garble every message
	keyRun    = 20   // so much of the key in a row is too much
	bodyRun   = 24   // so much of the request in a row is too much
)

// quoter decides what of a server's words may be repeated: one line, short,
// without the key, and nothing that the request said.
type quoter struct {
	key   string
	body  []byte
	model string
}

// words returns a server's message fit for a record, or otherwise if it is empty.
func (q quoter) words(message, otherwise string) string {
	message = oneLine(message[:min(len(message), mostTaken)])
	if message == "" {
		return otherwise
	}
	if len(q.key) >= shortKey {
		message = strings.ReplaceAll(message, q.key, redacted)
		if q.hasKey(message) {
			return "withheld: it repeats the key"
		}
	}
	if q.echoed(message) {
		return "withheld: it repeats the request"
	}
	return cutText(message, mostWords)
}

// echoed reports whether a message repeats the request; the model's name does not count.
func (q quoter) echoed(message string) bool {
	if len(message) < bodyRun || len(q.body) < bodyRun {
		return false
	}
	message = flat([]byte(message))
	if q.model != "" {
		message = strings.ReplaceAll(message, q.model, "\x00")
	}
	return repeats(message, flat(q.body), bodyRun)
}

// id returns a server's id as it may be recorded.
func (q quoter) id(s string) string {
	s = label(s)
	if q.hasKey(s) {
		return ""
	}
	return s
}

// hasKey reports whether s holds the key or a good part of it.
func (q quoter) hasKey(s string) bool {
	run := min(len(q.key), keyRun)
	if run < shortKey {
		return false
	}
	for i := 0; i+run <= len(s); i++ {
		if strings.Contains(q.key, s[i:i+run]) {
			return true
		}
	}
	return false
}

// scrub takes the key out of every string that the server had a say in.
func (q quoter) scrub(r *call.Result) {
	for _, s := range []*string{&r.RequestID, &r.Stop, &r.Speed, &r.Geo} {
		*s = q.id(*s)
	}
	if r.Err == nil {
		return
	}
	for _, s := range []*string{&r.Err.Type, &r.Err.Code} {
		if q.hasKey(*s) || q.echoed(*s) {
			*s = "withheld"
		}
	}
}

// label returns s if it looks like a name that a program gave to something, else nothing.
func label(s string) string {
	if len(s) > mostLabel {
		return ""
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && !strings.ContainsRune("_-.:/@", rune(s[i])) {
			return ""
		}
	}
	return s
}

// oneLine puts s on one line: whatever is not to be printed becomes a space, and spaces become one.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cutText shortens s to at most n bytes, between two characters.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const more = "…"
	s = s[:n-len(more)]
	for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if len(s) > 0 && s[len(s)-1] >= utf8.RuneSelf {
		s = s[:len(s)-1] // the first byte of a character that was cut
	}
	return s + more
}

// flat undoes JSON's escapes and makes all white space one space, so that a
// text is the same inside a request and inside a message.
func flat(s []byte) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	put := func(c byte) {
		if c <= ' ' {
			space = true
			return
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteByte(c)
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			put(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n', 'r', 't', 'b', 'f':
			put(' ')
		case 'u':
			size := min(5, len(s)-i)
			for _, c := range unquote(s[i-1 : i+size]) {
				put(c)
			}
			i += size - 1
		default:
			put(s[i])
		}
	}
	return b.String()
}

// repeats reports whether message and text have run bytes in a row in common.
//
// A common run of that length holds a whole block of half of it that begins at
// a multiple of its length in text. So it is enough to look up text's blocks
// among all of message's pieces of that size: text may be megabytes, message is
// short.
func repeats(message, text string, run int) bool {
	half := run / 2
	if len(message) < run || len(text) < run {
		return false
	}
	pieces := make(map[string]struct{}, len(message))
	for i := 0; i+half <= len(message); i++ {
		pieces[message[i:i+half]] = struct{}{}
	}
	for i := 0; i+half <= len(text); i += half {
		if _, ok := pieces[text[i:i+half]]; ok && grows(message, text, i, half, run) {
			return true
		}
	}
	return false
}

// grows reports whether the block of text at i lies, somewhere in message, in a common run that is long enough.
func grows(message, text string, i, half, run int) bool {
	for j := 0; j+half <= len(message); j++ {
		if message[j:j+half] != text[i:i+half] {
			continue
		}
		from, to := 0, half
		for i-from > 0 && j-from > 0 && text[i-from-1] == message[j-from-1] {
			from++
		}
		for i+to < len(text) && j+to < len(message) && text[i+to] == message[j+to] {
			to++
		}
		if from+to >= run {
			return true
		}
	}
	return false
}
