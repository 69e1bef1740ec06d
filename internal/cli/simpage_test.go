package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/cli"
)

// blocks are the examples of a page in a language.
func blocks(t *testing.T, page, language string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(b), "\n```"+language+"\n")[1:] {
		one, _, _ := strings.Cut(part, "\n```")
		all = append(all, one)
	}
	return all
}

// Every command of the simulator's page does what it says: those that start it
// get ready, and curl is answered by the last of them.
func TestSimulatorPage(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the page's commands are for a shell")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sim.yaml"), []byte("profile: instant\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	addr, started, asked := "", 0, 0
	for _, block := range blocks(t, "../../docs/simulator.md", "sh") {
		if strings.HasPrefix(block, "curl") {
			out, err := exec.Command("sh", "-ec", strings.ReplaceAll(block, "127.0.0.1:8787", addr)).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "{") || strings.Contains(string(out), "invalid_request") {
				t.Errorf("%s\n%v: %s", block, err, out)
			}
			asked++
			continue
		}
		for line := range strings.Lines(block) {
			command, _, _ := strings.Cut(line, "  #")
			out, err := exec.Command("sh", "-c", "printf '%s\\n' "+strings.TrimPrefix(command, "tokenload ")).Output()
			if err != nil || !strings.HasPrefix(command, "tokenload sim") {
				t.Fatalf("%s: %v", line, err)
			}
			at, stop, err := served(dir, append(strings.Split(strings.TrimSpace(string(out)), "\n"), "--addr", "127.0.0.1:0"))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			defer stop()
			addr = at
			started++
		}
	}
	if started < 5 || asked < 4 {
		t.Errorf("%d commands started it and %d blocks asked it", started, asked)
	}
}

// The page's Go is the package's example.
func TestSimulatorPageGo(t *testing.T) {
	example, err := os.ReadFile("../../sim/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks(t, "../../docs/simulator.md", "go") {
		if !strings.Contains(string(example), strings.TrimSpace(block)) {
			t.Errorf("the example does not have %s", block)
		}
	}
}

func TestSimulatorPageNamesTheFlags(t *testing.T) {
	page, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	var help strings.Builder
	runCLI(t, &help, "sim", "--help")
	flags := 0
	for word := range strings.FieldsSeq(help.String()) {
		name, _, _ := strings.Cut(strings.TrimRight(word, ",;"), "=")
		if strings.HasPrefix(name, "--") && name != "--help" && name != "--version" {
			flags++
			if !strings.Contains(string(page), "`"+name) {
				t.Errorf("the page does not name %s", name)
			}
		}
	}
	if flags < 12 {
		t.Errorf("%d flags in\n%s", flags, help.String())
	}
}

func runCLI(t *testing.T, stdout *strings.Builder, args ...string) {
	t.Helper()
	var stderr strings.Builder
	if code := cli.Run(t.Context(), args, nil, strings.NewReader(""), stdout, &stderr); code != 0 {
		t.Fatalf("%v: exit %d: %s", args, code, stderr.String())
	}
}
