package alarm

import (
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Alarm is one alarm of one loop.
type Alarm struct {
	file *os.File
	raw  syscall.RawConn
	rang chan struct{}
	wg   sync.WaitGroup
	spec struct{ interval, value syscall.Timespec }
	arm  func(fd uintptr) // made once
}

// New returns an alarm, nil where the system has none. Close must follow.
func New() *Alarm {
	const monotonic = 1
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return nil
	}
	a := &Alarm{file: os.NewFile(fd, "timerfd"), rang: make(chan struct{}, 1)}
	raw, err := a.file.SyscallConn()
	if err != nil {
		a.file.Close()
		return nil
	}
	a.raw = raw
	a.arm = func(fd uintptr) {
		//nolint:errcheck // of a descriptor that is open and a length that is positive it takes any
		syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&a.spec)), 0, 0, 0)
	}
	a.wg.Go(a.watch)
	return a
}

// Set sets the alarm, in place of any that was set before. What it returns
// receives when d has passed; it may receive early, for an alarm set before. A
// nil Alarm never rings.
func (a *Alarm) Set(d time.Duration) <-chan struct{} {
	if a == nil {
		return nil
	}
	select {
	case <-a.rang: // for the one before
	default:
	}
	a.spec.value = syscall.NsecToTimespec(int64(max(d, 1))) // zero would turn it off
	if a.raw.Control(a.arm) != nil {
		return nil // closed
	}
	return a.rang
}

// watch rings until the file is closed.
func (a *Alarm) watch() {
	expired := make([]byte, 8)
	for {
		if _, err := a.file.Read(expired); err != nil {
			return
		}
		select {
		case a.rang <- struct{}{}:
		default:
		}
	}
}

// Close turns the alarm off for good.
func (a *Alarm) Close() {
	if a == nil {
		return
	}
	a.file.Close() //nolint:errcheck // nothing was written
	a.wg.Wait()
}
