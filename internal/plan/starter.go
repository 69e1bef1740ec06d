package plan

import (
	"bytes"
	_ "embed" // for the plans below
	"fmt"
	"regexp"
	"strconv"
	"time"
)

//go:embed tokenload.schema.json
var schema []byte

//go:embed starter.yaml
var starter []byte

//go:embed quickstart.yaml
var quickstart []byte

// Schema returns the JSON Schema (2020-12) of a plan, for editors. Parse checks
// more than a schema can.
func Schema() []byte { return bytes.Clone(schema) }

// Init returns a commented plan to start from, which runs against the simulator
// as it stands.
func Init() []byte { return bytes.Clone(starter) }

// Quickstart returns the built-in plan of a run without arguments.
func Quickstart() []byte { return bytes.Clone(quickstart) }

// FlagLoad is a load from the command line. Zero is not given.
type FlagLoad struct {
	Model     string        // "" is the cheapest model of the quickstart
	Prompt    string        // sent as it is, {{index}} and {{seed}} filled in
	MaxTokens int           // 0 is 512
	Users     int           // closed loop; 1 where neither Users nor Rate is given
	Rate      string        // open loop: "5/s"
	Duration  time.Duration // 0 with Requests; where both are 0 it is a minute
	Requests  int           // how many in all
}

// FromFlags returns the text of a plan for a load from the command line, so that
// every run has one. It checks nothing: [Parse] does, and says more.
func FromFlags(f FlagLoad) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Written by tokenload from the flags of its command line.\n")
	fmt.Fprintf(&b, "version: %d\nname: command-line\n", Version)
	fmt.Fprintf(&b, "tasks:\n  - name: prompt\n    model: %s\n    max_tokens: %d\n    prompts:\n      - %s\n",
		yamlText(orElse(f.Model, flagModel)), orElse(f.MaxTokens, defaultMaxTokens), yamlText(f.Prompt))
	fmt.Fprintf(&b, "load:\n  %s\n", f.load())
	return b.Bytes()
}

const (
	flagModel    = "claude-haiku-4-5"
	flagDuration = time.Minute
)

func (f FlagLoad) load() string {
	length := orElse(f.Duration, flagDuration)
	switch {
	case f.Rate != "" && f.Users != 0:
		// One of them too many: both are written, and Parse tells.
		return fmt.Sprintf("users: {count: %d, duration: %s}\n  arrivals: {rate: %s, duration: %s}", f.Users, length, yamlText(f.Rate), length)
	case f.Rate != "" && f.Requests != 0 && f.Duration == 0:
		return fmt.Sprintf("arrivals: {rate: %s, duration: %s}", yamlText(f.Rate), f.lasting())
	case f.Rate != "" && f.Requests != 0:
		return fmt.Sprintf("arrivals: {rate: %s, duration: %s, requests: %d}", yamlText(f.Rate), length, f.Requests)
	case f.Rate != "":
		return fmt.Sprintf("arrivals: {rate: %s, duration: %s}", yamlText(f.Rate), length)
	case f.Requests != 0 && f.Duration != 0:
		return fmt.Sprintf("users: {count: %d, duration: %s, requests: %d}", orElse(f.Users, 1), length, f.Requests)
	case f.Requests != 0:
		return fmt.Sprintf("users: {count: %d, requests: %d}", orElse(f.Users, 1), f.Requests)
	}
	return fmt.Sprintf("users: {count: %d, duration: %s}", orElse(f.Users, 1), length)
}

// lasting returns how long a constant rate takes for the requests: arrivals
// have no count of their own. The last is due one gap before the end.
func (f FlagLoad) lasting() time.Duration {
	m := rateForm.FindStringSubmatch(f.Rate)
	if m == nil {
		return flagDuration // a rate that Parse will refuse
	}
	rate := perSecond(m)
	if rate == 0 {
		return flagDuration
	}
	return time.Duration(min((float64(f.Requests)-0.5)/rate*float64(time.Second), float64(2*longest)))
}

// plainText is what YAML reads as text without quotes, in every place.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*$`)

// yamlText writes a text so that YAML reads the same text: plain where that is
// certain, else in double quotes, with escapes that YAML knows too.
func yamlText(s string) string {
	switch s {
	case "true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL", "yes", "no", "on", "off", "y", "n":
	default:
		if plainText.MatchString(s) {
			return s
		}
	}
	return strconv.Quote(s)
}
