package report

import (
	"strings"
	"testing"

	"github.com/tokenload/tokenload/internal/metrics"
)

// TestChatIsSaid: a report names the dialect where it is not the usual one, and
// shows no limits of a class that said none.
func TestChatIsSaid(t *testing.T) {
	for api, want := range map[string]bool{"chat": true, "messages": false, "": false} {
		rep := *sampleRuns()["one"].built(t)
		rep.Run.API, rep.Run.Target = api, "http://server.test"
		rep.Limits = []metrics.ClassLimits{{Class: "silent", Models: []string{"silent"}}}
		for _, f := range []Format{Text, Markdown} {
			page := string(rendered(t, &rep, f, Options{}))
			if got := strings.Contains(page, "http://server.test, chat completions"); got != want || !strings.Contains(page, "http://server.test") {
				t.Errorf("api %q as %s: chat completions named %v; want %v", api, f, got, want)
			}
			if strings.Contains(page, "LIMITS silent") {
				t.Errorf("as %s limits are shown that nobody told", f)
			}
		}
	}
}
