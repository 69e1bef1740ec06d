package run

import (
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/tokenload/tokenload/internal/store"
)

// machine describes where the load comes from.
func machine() store.Machine {
	return store.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Cores: runtime.GOMAXPROCS(0)}
}

// usage measures what the process uses between two looks at it.
type usage struct {
	at  time.Time
	cpu time.Duration
}

// cpuShare returns the share of our cores used since the last call; 0 at first
// and where the system does not tell.
func (u *usage) cpuShare() float64 {
	now, cpu := time.Now(), processCPU()
	wall, used := now.Sub(u.at), cpu-u.cpu
	first := u.at.IsZero()
	u.at, u.cpu = now, cpu
	if first || wall <= 0 {
		return 0
	}
	return used.Seconds() / wall.Seconds() / float64(runtime.GOMAXPROCS(0))
}

// memory returns the bytes the process holds from the system, without what it
// has given back.
func memory() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// goroutines returns how many there are.
func goroutines() int { return runtime.NumGoroutine() }
