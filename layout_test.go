package tokenload_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layout is the whole architecture: a package may import only the packages its row names.
// Rows stand in the order data moves; a row may name only rows above it.
var layout = []struct{ pkg, imports string }{
	{"sim", ""},
	{"internal/call", ""},
	{"internal/pace", ""},
	{"internal/stats", ""},
	{"internal/threshold", ""},
	{"internal/workload", "call"},
	{"internal/cost", "call"},
	{"internal/limit", "call stats"},
	{"internal/client", "call"},
	{"internal/alarm", ""},
	{"internal/load", "call"},
	{"internal/metrics", "call"},
	{"internal/store", "call"},
	{"internal/capacity", "call limit stats"},
	{"internal/plan", "cost pace threshold workload"},
	{"internal/estimate", "call limit plan workload"},
	{"internal/diagnose", "call limit metrics stats"},
	{"internal/cache", "call metrics stats"},
	{"internal/whatif", "call cost stats"},
	{"internal/compare", "metrics stats"},
	{"internal/run", "call client cost limit load metrics pace plan store threshold workload"},
	{"internal/report", "cache call cost diagnose metrics store threshold"},
	{"internal/cli", "alarm call capacity client compare cost estimate limit metrics plan report run sim store whatif workload"},
	{"cmd/tokenload", "cli"},
	{"e2e", "sim"},
	{"bench", ""},
	{"bench/server", ""},
	{"bench/reader", ""},
	{"bench/peers", ""},
	{"bench/simulator", "sim"},
}

// Pure packages do arithmetic: no file, socket, log line or signal. Imports are
// checked here; that they read no clock and start no goroutine is for the
// reader of a change (cost's guard and limit's wrappers wait, and say so).
const (
	pure   = "internal/cache internal/call internal/capacity internal/compare internal/cost internal/diagnose internal/estimate internal/limit internal/metrics internal/pace internal/plan internal/stats internal/threshold internal/whatif internal/workload"
	impure = "log log/slog net net/http os os/exec os/signal syscall"
)

const module = "github.com/tokenload/tokenload/"

func TestLayout(t *testing.T) {
	allowed := map[string][]string{}
	for _, row := range layout {
		var deps []string
		for _, dep := range strings.Fields(row.imports) {
			name := "internal/" + dep
			if dep == "sim" {
				name = dep
			}
			if _, above := allowed[name]; !above {
				t.Errorf("%s: %s does not stand above it", row.pkg, dep)
			}
			deps = append(deps, name)
		}
		allowed[row.pkg] = deps
	}
	out, err := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		pkg, inside := strings.CutPrefix(f[0], module)
		if !inside {
			continue // the root holds only this test
		}
		want, ok := allowed[pkg]
		if !ok {
			t.Errorf("%s: no row in layout", pkg)
		}
		seen++
		checkImports(t, pkg, f[1:], want)
	}
	if seen < 10 {
		t.Errorf("saw %d packages: go list did not list the module", seen)
	}
}

func checkImports(t *testing.T, pkg string, imports, want []string) {
	t.Helper()
	for _, imp := range imports {
		if dep, ours := strings.CutPrefix(imp, module); ours && !slices.Contains(want, dep) {
			t.Errorf("%s imports %s, which its row does not name", pkg, dep)
		}
		if slices.Contains(strings.Fields(pure), pkg) && slices.Contains(strings.Fields(impure), imp) {
			t.Errorf("%s is pure and imports %s", pkg, imp)
		}
	}
}
