package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tokenload/tokenload/internal/report"
	"github.com/tokenload/tokenload/internal/store"
)

type reportCommand struct {
	Run_   string `arg:"" name:"run" help:"The run directory." placeholder:"RUN"`
	Format string `help:"text, md, json, csv, stats-csv or junit." default:"text"`
	Out    string `short:"o" help:"Write to a file instead of standard output; in the environment TOKENLOAD_REPORT_OUT." placeholder:"FILE"`
}

// Run carries out the command.
func (c *reportCommand) Run(e *env) error {
	format, err := report.ParseFormat(c.Format)
	if err != nil {
		return usageError{err}
	}
	stored, err := store.Open(c.Run_)
	if err != nil {
		return notExist(err, "give the folder that tokenload run named at its end, such as runs/20261123T101548Z-quickstart")
	}
	rep, err := report.Build(stored)
	if err != nil {
		return err
	}
	for _, w := range stored.Warnings() {
		e.say("warning: %s", w)
	}
	if c.Out == "" {
		return report.Write(e.stdout, format, rep, report.Options{Color: e.color(e.stdout)})
	}
	return writeFile(c.Out, func(w io.Writer) error { return report.Write(w, format, rep, report.Options{}) })
}

// writeFile writes a whole file; one that could not be completed is an error, and gone.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil && !strings.HasPrefix(name, os.DevNull) {
			os.Remove(name) //nolint:errcheck // the first error is the one to tell
		}
	}()
	return write(f)
}
