package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tokenload/tokenload/internal/plan"
	"github.com/tokenload/tokenload/sim"
)

type initCommand struct {
	Dir string `arg:"" optional:"" help:"Folder to write to (default: this one)." default:"."`
}

// Run carries out the command.
func (c *initCommand) Run(e *env) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	files := []struct {
		name string
		data []byte
	}{{"tokenload.yaml", plan.Init()}, {"tokenload.schema.json", plan.Schema()}, {"tokenload-sim.schema.json", sim.Schema()}}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(c.Dir, f.name)); err == nil {
			return hinted{fmt.Errorf("init: %s: %w", filepath.Join(c.Dir, f.name), fs.ErrExist), "nothing was written; give another folder"}
		}
	}
	for _, f := range files {
		if err := create(filepath.Join(c.Dir, f.name), f.data); err != nil {
			return fmt.Errorf("init: %w", err)
		}
		fmt.Fprintln(e.stdout, filepath.Join(c.Dir, f.name))
	}
	e.say("next: tokenload run %s", filepath.Join(c.Dir, "tokenload.yaml"))
	return nil
}

// create writes a file that must not be there yet.
func create(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
