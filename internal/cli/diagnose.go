package cli

import (
	"io"

	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/store"
)

type diagnoseCommand struct {
	Run_   string `arg:"" name:"run" help:"The run directory." placeholder:"RUN"`
	Format string `help:"text, md or json." default:"text" enum:"text,md,json"`
	Out    string `short:"o" help:"Write to a file instead of standard output; in the environment TOKENLOAD_REPORT_OUT." placeholder:"FILE"`
}

// Run carries out the command. What it finds is no reason to fail: the exit code
// is 0 whenever the run could be read.
func (c *diagnoseCommand) Run(e *env) error {
	stored, err := store.Open(c.Run_)
	if err != nil {
		return notExist(err, "give the folder that tokenload run named at its end")
	}
	rep, err := report.Build(stored)
	if err != nil {
		return err
	}
	for _, w := range stored.Warnings() {
		e.say("warning: %s", w)
	}
	write := func(w io.Writer, o report.Options) error {
		return report.WriteDiagnosis(w, report.Format(c.Format), rep, o)
	}
	if c.Out == "" {
		return write(e.stdout, report.Options{Color: e.color(e.stdout)})
	}
	return writeFile(c.Out, func(w io.Writer) error { return write(w, report.Options{}) })
}
