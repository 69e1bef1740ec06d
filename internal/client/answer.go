package client

import (
	"slices"
	"time"

	"github.com/tokenload/tokenload/internal/call"
)

// answer is what one attempt has been told so far: the result in the making.
// It has one owner, the goroutine in Send.
type answer struct {
	res   *call.Result
	quote quoter
	at    time.Duration // arrival of the read that is being taken in

	cacheTTL string // the dearest cache write that the request asks for

	keep bool // the text is wanted
	most int  // bytes of text to keep
	text []byte

	last   time.Duration // the last content event
	merged time.Duration // the last read that brought more than one
	gaps   [][2]int      // sorted by bucket; kept from stream to stream

	outputSaid bool // a final or cumulative figure for the output was seen
	finished   bool // chat: a finish reason was named
	stopped    bool // the API said that the answer is complete
}

// content takes in one content event; visible is text or tool input.
func (a *answer) content(visible bool) {
	r := a.res
	if r.Events == 0 {
		r.FirstContent = a.at
	} else {
		a.gap(a.at - a.last)
		if a.at == a.last && a.at != a.merged {
			a.merged = a.at
			r.Merged++
		}
	}
	if visible && r.FirstText == 0 {
		r.FirstText = a.at
	}
	r.Events++
	r.LastContent, a.last = a.at, a.at
}

func (a *answer) gap(d time.Duration) {
	a.res.GapMax = max(a.res.GapMax, d)
	bucket := call.GapBucket(d)
	from, to := 0, len(a.gaps)
	for from < to { // by hand: this runs for every event
		if half := (from + to) / 2; a.gaps[half][0] < bucket {
			from = half + 1
		} else {
			to = half
		}
	}
	if from == len(a.gaps) || a.gaps[from][0] != bucket {
		a.gaps = slices.Insert(a.gaps, from, [2]int{bucket})
	}
	a.gaps[from][1]++
}

// complete notes that the answer has come to its end, as the API sees it.
func (a *answer) complete() {
	a.stopped = true
	if a.outputSaid {
		a.res.Known = call.UsageFinal
	}
	if a.res.Events == 0 {
		a.res.LastContent = a.at
	}
	if a.res.Stop == "refusal" {
		a.fail(failure{call.Refused, "refusal", "", "the model declined to answer: look at the prompt and at the model's policy"})
	}
}

// failure is why an attempt is not ok.
type failure struct {
	class   call.Class
	kind    string // Error.Type
	code    string
	message string
}

// fail notes the first failure; later ones are its consequences.
func (a *answer) fail(f failure) {
	if a.res.Class != call.OK {
		return
	}
	a.res.Class = f.class
	a.res.Err = &call.Error{Type: f.kind, Code: f.code, Message: f.message}
}

// addText adds visible text.
func (a *answer) addText(s string) {
	if a.keep && len(a.text) < a.most {
		a.text = append(a.text, s...)
	}
}

// addRaw adds visible text as it stands between the quotes of a JSON string.
func (a *answer) addRaw(raw []byte) {
	if a.keep && len(a.text) < a.most {
		a.text = append(a.text, unquote(raw)...)
	}
}
