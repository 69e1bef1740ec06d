//go:build !linux

package alarm

import "time"

// Alarm is one alarm of one loop; this system has none that is better than Go's timers.
type Alarm struct{}

// New returns nil: this system has none.
func New() *Alarm { return nil }

// Set returns a channel that never receives.
func (*Alarm) Set(time.Duration) <-chan struct{} { return nil }

// Close does nothing.
func (*Alarm) Close() {}
