package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A prompt of the command line is in no file and on no stream, of a run or a search.
func TestOverridesLeakNoPrompt(t *testing.T) {
	const secret = "xylophone"
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	src := "version: 1\nname: kept\n" + shortTask + "load: {users: {count: 1, requests: 2}}\n"
	if err := os.WriteFile(plan, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"run", "find", "find"} { // the second goes on with the first
		dir := filepath.Join(filepath.Dir(plan), command)
		args := []string{command, plan, "--target", "sim", "--out", dir, "--seed", "1", "--quiet", "--budget", "0.0000001",
			"--set", "tasks.0.prompts.0=" + secret, "--set", "tasks.short.system=" + secret, "--set", "tasks.0.body.metadata.user_id=" + secret}
		var stdout, stderr bytes.Buffer
		Run(t.Context(), args, nil, strings.NewReader(""), &stdout, &stderr)
		all := map[string]string{"stdout": stdout.String(), "stderr": stderr.String()}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				var b []byte
				b, err = os.ReadFile(path)
				all[path] = string(b)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		told := false
		for where, text := range all {
			told = told || strings.Contains(text, "tasks.0.prompts.0=sha256:")
			if strings.Contains(text, secret) {
				t.Errorf("%s: the prompt is in %s", command, where)
			}
		}
		if !told || strings.Contains(stderr.String(), "another search") {
			t.Errorf("%s: no record tells of the override, or it does not know it again:\n%s", command, stderr.String())
		}
	}
}
