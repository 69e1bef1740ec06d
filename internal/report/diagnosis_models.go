package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokenload/tokenload/internal/diagnose"
	"github.com/tokenload/tokenload/internal/metrics"
)

const (
	modelsBeside = 3  // columns of the text page
	modelsLead   = 22 // characters before them
	modelsWidth  = 24 // characters of one
)

// modelRow is one line of the models side by side.
type modelRow struct {
	name string
	cell func(diagnose.Model) string
}

func modelRows() []modelRow {
	dollars := func(n metrics.Number) string { return "$" + digits3(float64(n)) }
	rate := func(n metrics.Number) string { return digits3(float64(n)) }
	return []modelRow{
		{"answers", func(m diagnose.Model) string { return thousands(int64(m.Answers)) }},
		{"service_ttft", func(m diagnose.Model) string { return withBounds(m.ServiceTTFT, signedMS) }},
		{"service_e2e", func(m diagnose.Model) string { return withBounds(m.ServiceE2E, signedMS) }},
		{"output tokens/s", func(m diagnose.Model) string { return withBounds(m.OutputRate, rate) }},
		{"1,000 answers cost", func(m diagnose.Model) string { return withBounds(m.Cost, dollars) }},
		{"headroom", func(m diagnose.Model) string {
			if !m.Headroom.Known() {
				return withheld
			}
			return fmt.Sprintf("%.0f%% of %s", float64(m.Headroom)*100, m.Limit)
		}},
		{"+1,000 uncached input", func(m diagnose.Model) string { return withBounds(m.Uncached, signedMS) }},
		{"+1,000 cached input", func(m diagnose.Model) string { return withBounds(m.Cached, signedMS) }},
		{"+1 in flight", func(m diagnose.Model) string { return withBounds(m.InFlight, signedMS) }},
	}
}

func signedMS(n metrics.Number) string {
	if n < 0 {
		return "−" + ms(-n)
	}
	return ms(n)
}

// withBounds shows a figure and its interval, as far as they are known.
func withBounds(f diagnose.Figure, show func(metrics.Number) string) string {
	switch {
	case !f.Known():
		return withheld
	case !f.Low.Known() || !f.High.Known():
		return show(f.Value)
	}
	return fmt.Sprintf("%s (%s to %s)", show(f.Value), show(f.Low), show(f.High))
}

// shownRows are the rows in which any of the models has something to show.
func shownRows(models []diagnose.Model) []modelRow {
	return slices.DeleteFunc(modelRows(), func(r modelRow) bool {
		return !slices.ContainsFunc(models, func(m diagnose.Model) bool { return r.cell(m) != withheld })
	})
}

// modelNotes says under the table what the figures are, and which slopes cannot be told.
func modelNotes(models []diagnose.Model) []string {
	out := []string{"Medians of the answers that ended ok, the cost a mean; in brackets the 95% interval. Quality is not measured."}
	if slices.ContainsFunc(models, func(m diagnose.Model) bool { return m.Uncached.Known() || m.Cached.Known() || m.InFlight.Known() }) {
		out[0] += " After a + is by how much service_ttft grows."
	}
	for _, m := range models {
		for _, n := range m.NotTold {
			out = append(out, m.Model+": "+n+".")
		}
	}
	return out
}

func (t *textPage) models(models []diagnose.Model) {
	if len(models) == 0 {
		return
	}
	t.title("MODELS SIDE BY SIDE")
	rows := shownRows(models)
	for i, part := range slices.Collect(slices.Chunk(models, modelsBeside)) {
		if i > 0 {
			t.line()
		}
		head := left("", modelsLead)
		for _, m := range part {
			head += left(clip(printable(m.Model), modelsWidth-1), modelsWidth)
		}
		t.line(span{bold, "    " + head})
		for _, r := range rows {
			line := left(r.name, modelsLead)
			for _, m := range part {
				line += left(r.cell(m), modelsWidth)
			}
			t.line(span{plain, "    " + line})
		}
	}
	for _, n := range modelNotes(models) {
		t.paragraph("    ", n)
	}
}

func (p *mdPage) models(models []diagnose.Model) {
	if len(models) == 0 {
		return
	}
	p.line("")
	p.line("### Models side by side")
	p.line("")
	head, rule := "| |", "|---|"
	for _, m := range models {
		head, rule = head+" "+md(m.Model)+" |", rule+"---|"
	}
	p.line("%s", head)
	p.line("%s", rule)
	for _, r := range shownRows(models) {
		var cells []string
		for _, m := range models {
			cells = append(cells, md(r.cell(m)))
		}
		p.line("| %s | %s |", r.name, strings.Join(cells, " | "))
	}
	for _, n := range modelNotes(models) {
		p.line("")
		p.line("%s", md(n))
	}
}
