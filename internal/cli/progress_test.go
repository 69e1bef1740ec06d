package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/tokenload/tokenload/internal/run"
)

// An open loop asks for a rate, and for nothing once it has ended; users are of a
// closed loop alone.
func TestLine(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame run.Frame
		want  string
		never string
	}{
		{"users", run.Frame{Users: 8, End: time.Minute}, "8 users", "asked"},
		{"arrivals", run.Frame{Open: true, Rate: 2.5}, "2.5/s asked", "users"},
		{"arrivals that ended", run.Frame{Open: true, InFlight: 3}, "0 done · 3 in flight", "users"},
	} {
		if got := line(c.frame); !strings.Contains(got, c.want) || strings.Contains(got, c.never) {
			t.Errorf("%s: %q, want %q and no %q", c.name, got, c.want, c.never)
		}
	}
}
