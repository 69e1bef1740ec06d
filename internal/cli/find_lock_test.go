package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tokenload/tokenload/internal/store"
)

// A second process on a search that is under way sends nothing, changes nothing,
// and says what to do.
func TestFindLocked(t *testing.T) {
	var sent atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer api.Close()
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(plan, []byte("version: 1\nname: locked\n"+chatTask+poisson+"budget: {usd: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "search")
	find := func() (code int, stderr string) {
		var b bytes.Buffer
		code = Run(t.Context(), []string{"find", plan, "--target", api.URL, "--seed", "1", "--quiet", "--out", dir}, []string{"ANTHROPIC_API_KEY=k"}, strings.NewReader(""), io.Discard, &b)
		return code, b.String()
	}
	lock, err := holdSearch(dir)
	if err != nil {
		t.Fatal(err)
	}
	code, stderr := find()
	if code != exitFailed || sent.Load() > 0 || !strings.Contains(stderr, "another process is at work in it") || !strings.Contains(stderr, "hint: wait for the tokenload find that is") {
		t.Errorf("exit %d with %d requests sent; want %d and none:\n%s", code, sent.Load(), exitFailed, stderr)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != store.LockFile {
		t.Errorf("the directory holds %v (%v); want the lock alone", entries, err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if code, stderr = find(); sent.Load() == 0 || !strings.Contains(stderr, "search stored in") {
		t.Errorf("after the other has ended: exit %d with %d requests sent:\n%s", code, sent.Load(), stderr)
	}
}
