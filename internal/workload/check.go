package workload

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tokenload/tokenload/internal/call"
)

// Check is one condition on an answer. Exactly one field is set.
type Check struct {
	Contains    string // the text contains it
	NotContains string // the text does not contain it
	Matches     string // the text matches this regular expression (RE2)
	StopReason  string // the API's stop reason
	Content     bool   // the answer has visible content: text that is not blank, or tool input
}

// Name describes the check, the same in log and report.
func (c Check) Name() string {
	switch {
	case c.Contains != "":
		return fmt.Sprintf("contains %q", c.Contains)
	case c.NotContains != "":
		return fmt.Sprintf("does not contain %q", c.NotContains)
	case c.Matches != "":
		return "matches /" + c.Matches + "/"
	case c.StopReason != "":
		return "stop reason is " + c.StopReason
	case c.Content:
		return "has content"
	}
	return "no check"
}

// NeedsText reports whether the answer's text must be kept for the check.
func (c Check) NeedsText() bool {
	return c.Contains != "" || c.NotContains != "" || c.Matches != "" || c.Content
}

// Validate reports what is wrong with the check; nil if nothing is.
func (c Check) Validate() error {
	set := 0
	for _, s := range []string{c.Contains, c.NotContains, c.Matches, c.StopReason} {
		if s != "" {
			set++
		}
	}
	if c.Content {
		set++
	}
	if set != 1 {
		return fmt.Errorf("a check has exactly one condition, not %d", set)
	}
	if _, err := regexp.Compile(c.Matches); err != nil {
		return errors.New("matches: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return nil
}

// Holds reports whether the answer fulfils the check. An invalid check never
// holds. The expression of Matches is compiled anew: see [Mix.Check].
func (c Check) Holds(r call.Result) bool {
	var re *regexp.Regexp
	if c.Matches != "" {
		var err error
		if re, err = regexp.Compile(c.Matches); err != nil {
			return false
		}
	}
	return c.holds(r, re)
}

func (c Check) holds(r call.Result, re *regexp.Regexp) bool {
	switch {
	case c.Contains != "":
		return strings.Contains(r.Text, c.Contains)
	case c.NotContains != "":
		return !strings.Contains(r.Text, c.NotContains)
	case re != nil:
		return re.MatchString(r.Text)
	case c.StopReason != "":
		return r.Stop == c.StopReason
	case c.Content:
		return strings.TrimSpace(r.Text) != "" || r.FirstText != 0
	}
	return false
}

// Check returns by name which checks hold for an answer; nil without checks,
// and where no whole answer came (a class other than ok and refused): that
// failure has its own count.
func (m *Mix) Check(r call.Result) map[string]bool {
	if len(m.checks) == 0 || r.Class != call.OK && r.Class != call.Refused {
		return nil
	}
	held := make(map[string]bool, len(m.checks))
	for i, c := range m.checks {
		held[c.Name()] = c.holds(r, m.regexp[i])
	}
	return held
}
