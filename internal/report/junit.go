package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Errors     int             `xml:"errors,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
	Skipped *junitSkipped `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// writeJUnit writes three suites: how the run went, its thresholds and its
// checks. A case without anything to judge is skipped. Characters that XML does
// not allow become U+FFFD.
func writeJUnit(w io.Writer, rep *Report) error {
	all := junitSuites{Name: rep.Run.Name, Time: secondsOf(rep)}
	for _, s := range []junitSuite{
		suiteOf(rep, "run", runCases(rep)), suiteOf(rep, "thresholds", thresholdCases(rep)), suiteOf(rep, "checks", checkCases(rep)),
	} {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Skipped += s.Skipped
		all.Suites = append(all.Suites, s)
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encode junit: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}

func secondsOf(rep *Report) string { return strconv.FormatFloat(rep.Run.DurationS, 'f', 3, 64) }

func suiteOf(rep *Report, name string, cases []junitCase) junitSuite {
	s := junitSuite{
		Name: name, Tests: len(cases), Time: secondsOf(rep), Timestamp: rep.Run.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{{"run_id", rep.Run.ID}, {"seed", strconv.FormatUint(rep.Run.Seed, 10)},
			{"target", rep.Run.Target}, {"outcome", rep.Run.Outcome}, {"cost_usd", rep.Cost.USD.Decimal()}},
	}
	for i := range cases {
		c := &cases[i]
		c.Class, c.Time = "tokenload."+name, "0"
		if c.Failure != nil {
			s.Failures++
		}
		if c.Skipped != nil {
			s.Skipped++
		}
	}
	s.Cases = cases
	return s
}

func failure(kind, message string) *junitFailure {
	return &junitFailure{Message: message, Type: kind, Text: message}
}

// runCases fail where no threshold would tell: a run that is not valid, was cut
// short, or had no success at all must not pass for a good one.
func runCases(rep *Report) []junitCase {
	ended := junitCase{Name: "ended as planned"}
	switch rep.Run.Outcome {
	case Interrupted, Budget, Error, Failed:
		ended.Failure = failure(rep.Run.Outcome, verdictOf(rep).text)
	}
	valid := junitCase{Name: "valid"}
	if !rep.Generator.Valid {
		valid.Failure = failure("invalid", strings.Join(rep.Generator.Reasons, "; "))
	}
	return []junitCase{ended, valid}
}

func thresholdCases(rep *Report) []junitCase {
	if len(rep.Thresholds) == 0 {
		return []junitCase{{Name: "thresholds", Skipped: &junitSkipped{"the plan has none"}}}
	}
	var out []junitCase
	for _, t := range rep.Thresholds {
		c := junitCase{Name: t.Metric + ": " + t.Expression}
		switch {
		case t.Passed():
		case t.N == 0 && !t.Value.Known():
			c.Failure = failure(string(t.Verdict), fmt.Sprintf("no data to judge %s by", t.Expression))
		default:
			c.Failure = failure(string(t.Verdict), fmt.Sprintf("%s is %s, wanted %s (%d values)", aggregateOf(t), valueOf(t), t.Expression, t.N))
		}
		out = append(out, c)
	}
	return out
}

func checkCases(rep *Report) []junitCase {
	if len(rep.Checks) == 0 {
		return []junitCase{{Name: "checks", Skipped: &junitSkipped{"the plan has none"}}}
	}
	var out []junitCase
	for _, k := range rep.Checks {
		c := junitCase{Name: k.Name}
		switch {
		case k.Fails > 0:
			c.Failure = failure("failed", fmt.Sprintf("did not hold for %d of %d answers", k.Fails, k.Passes+k.Fails))
		case k.Passes == 0:
			c.Skipped = &junitSkipped{"no answer to check"}
		}
		out = append(out, c)
	}
	return out
}
