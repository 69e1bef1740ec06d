package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/metrics"
)

// DiagnosisVersion is the version of the JSON that WriteDiagnosis writes.
const DiagnosisVersion = 1

// WriteDiagnosis renders what diagnosis made of a run, and nothing else of it:
// as text, Markdown or JSON.
func WriteDiagnosis(w io.Writer, f Format, rep *Report, o Options) error {
	switch f {
	case Text:
		t := &textPage{page: page{color: o.Color}}
		t.diagnosis(rep)
		_, err := w.Write(t.Bytes())
		return err
	case Markdown:
		p := &mdPage{}
		p.diagnosis(rep)
		_, err := w.Write(p.Bytes())
		return err
	case JSON:
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(diagnosisOf(rep))
	}
	return fmt.Errorf("unknown format %q of a diagnosis: want text, md or json", f)
}

// diagnosis is the JSON of a diagnosis, described in docs/format/diagnosis.schema.json.
type diagnosis struct {
	Version   int               `json:"version"`
	Run       diagnosed         `json:"run"`
	Generator metrics.Generator `json:"generator"`
	diagnose.Diagnosis
}

// diagnosed names the run and says how far it can be trusted.
type diagnosed struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Target   string   `json:"target"`
	Outcome  string   `json:"outcome"`
	ExitCode int      `json:"exit_code"`
	Partial  bool     `json:"partial"`
	Warnings []string `json:"warnings"`
}

func diagnosisOf(rep *Report) diagnosis {
	r := rep.Run
	return diagnosis{Version: DiagnosisVersion, Generator: rep.Generator, Diagnosis: rep.Diagnosis,
		Run: diagnosed{ID: r.ID, Name: r.Name, Target: r.Target, Outcome: r.Outcome, ExitCode: r.ExitCode, Partial: r.Partial, Warnings: r.Warnings}}
}

// foundNothing is what to say where no test fired: with gaps it is no bill of health.
func foundNothing(rep *Report) string {
	switch d := rep.Diagnosis; {
	case rep.Requests.OK == 0:
		return noFinding(rep)
	case len(d.NotFound) == 0:
		return "nothing to judge by"
	case len(d.NotFound) == 1:
		return "the one test that could be made found nothing"
	default:
		return fmt.Sprintf("none of the %d tests that could be made found anything", len(d.NotFound))
	}
}

func (t *textPage) diagnosis(rep *Report) {
	t.verdict(rep)
	t.title("FINDINGS")
	if len(rep.Findings) == 0 {
		t.line(span{plain, "    " + foundNothing(rep)})
	}
	for i, f := range rep.Findings {
		if i > 0 {
			t.line()
		}
		s := yellow
		if f.Severity == diagnose.High {
			s = red
		}
		t.line(span{plain, "    "}, span{s, "[" + strings.ToUpper(string(f.Severity)) + "]"}, span{bold, " " + f.ID},
			span{dim, fmt.Sprintf("  confidence %.0f%%", f.Confidence*100)})
		t.paragraph("      ", f.Title)
		t.paragraph("      effect     ", f.Effect)
		lines(t, "      seen       ", f.Evidence)
		lines(t, "      ruled out  ", f.Rivals)
		lines(t, "      do         ", f.Recommendations)
		t.paragraph("      disproof   ", f.Disproof)
		t.paragraph("      next       ", f.Next)
	}
	t.models(rep.Diagnosis.Models)
	if d := rep.Diagnosis; len(d.NotFound) > 0 {
		t.title("LOOKED FOR AND NOT FOUND")
		t.paragraph("    ", strings.Join(d.NotFound, ", "))
	}
	if d := rep.Diagnosis; len(d.NotAssessable) > 0 {
		t.title("NOT ASSESSABLE")
		for _, g := range d.NotAssessable {
			t.paragraph("    "+left(g.ID, 20)+"  ", "not assessable: needs "+g.Needs)
		}
	}
}

// lines writes items, the first beside a lead and the others under it.
func lines(t *textPage, lead string, items []string) {
	for _, it := range items {
		t.paragraph(lead, it)
		lead = strings.Repeat(" ", len(lead))
	}
}

func (p *mdPage) diagnosis(rep *Report) {
	p.verdict(rep)
	p.line("")
	p.line("### Findings")
	if len(rep.Findings) == 0 {
		p.line("")
		p.line("%s", foundNothing(rep))
	}
	for _, f := range rep.Findings {
		p.line("")
		p.line("**[%s] %s** %s (confidence %.0f%%)", strings.ToUpper(string(f.Severity)), md(f.ID), md(f.Title), f.Confidence*100)
		p.line("")
		p.line("- **effect** %s", md(f.Effect))
		for _, e := range f.Evidence {
			p.line("- seen: %s", md(e))
		}
		for _, r := range f.Rivals {
			p.line("- ruled out: %s", md(r))
		}
		for _, r := range f.Recommendations {
			p.line("- → %s", md(r))
		}
		p.line("- disproof: %s", md(f.Disproof))
		p.line("- next: %s", md(f.Next))
	}
	p.models(rep.Diagnosis.Models)
	if d := rep.Diagnosis; len(d.NotFound) > 0 {
		p.line("")
		p.line("**Looked for and not found**: %s", md(strings.Join(d.NotFound, ", ")))
	}
	if d := rep.Diagnosis; len(d.NotAssessable) > 0 {
		p.line("")
		p.line("<details><summary>Not assessable</summary>")
		p.line("")
		for _, g := range d.NotAssessable {
			p.line("- %s: not assessable: needs %s", md(g.ID), md(g.Needs))
		}
		p.line("")
		p.line("</details>")
	}
}
