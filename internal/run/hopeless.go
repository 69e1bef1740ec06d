package run

import (
	"fmt"
	"sync"

	"github.com/tokenload/tokenload/internal/call"
)

// How many failures of one kind in a row, before anything else was seen, end a
// run that cannot get better.
const (
	maxAuth        = 5
	maxUnreachable = 20
)

// hope watches for a key that is refused and a target that never answers. It is
// asked before the next request of a user can start, from any goroutine.
type hope struct {
	mu                sync.Mutex
	auth, unreachable int  // failures in a row
	succeeded, heard  bool // an ok, any answer at all
}

// lost takes in a result and says why the run should end: a cause and its
// detail, or nothing.
func (h *hope) lost(r call.Result, target string) (cause, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.succeeded = h.succeeded || r.Class == call.OK
	h.heard = h.heard || r.Status > 0
	h.auth = streak(h.auth, r.Class == call.Auth)
	h.unreachable = streak(h.unreachable, r.Class == call.Connection || r.Class == call.Timeout && r.Sent == 0)
	switch {
	case h.auth >= maxAuth && !h.succeeded:
		return "auth", fmt.Sprintf("the target refused our key %d times in a row: check the key and what it may use", maxAuth)
	case h.unreachable >= maxUnreachable && !h.heard:
		why := ""
		if r.Err != nil {
			why = ": " + r.Err.Message
		}
		return "unreachable", fmt.Sprintf("%s did not answer %d times in a row%s", target, maxUnreachable, why)
	}
	return "", ""
}

func streak(n int, goesOn bool) int {
	if goesOn {
		return n + 1
	}
	return 0
}
